"""Does every vendor answer, as whom, with which rights, and do its clock and ours agree?

Every connection is asked at once, and each costs two calls: who we are, and who works there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncd.cli.checks.finding import Finding, Place
from syncd.domain.errors import AuthError, VendorError
from syncd.ports.vendor import VendorClock

if TYPE_CHECKING:
    from syncd.engine.connection import Connection

ANSWER_MAX_S: Final = 30.0
SLOW_S: Final = 5.0
CLOCK_WARN_S: Final = 2.0
CLOCK_WRONG_S: Final = 60.0
SET_OURS: Final = "set the clock of this machine: `timedatectl set-ntp true`"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one connection answered. ``clock``: None where it told no time."""

    connection: Connection
    findings: Sequence[Finding]
    clock: VendorClock | None = None


async def logins(place: Place) -> list[Finding]:
    """Credentials, rights and speed per connection, then the clocks; without asking, which connections are paused."""
    asked = await asyncio.gather(*(_asked(place, connection) for connection in place.connections))
    found = [finding for one in asked for finding in one.findings]
    return found + clocks({one.connection.name: one.clock for one in asked if one.clock is not None})


async def _asked(place: Place, connection: Connection) -> Asked:
    """Ask one connection; a paused one only if an operator named it, because a vendor locks who asks too often."""
    from syncd.engine.pause import stays_paused

    name, adapter = connection.name, connection.adapter
    state = await place.syncd.store.connection(name, adapter.vendor)
    if stays_paused(connection, state, asked=name in place.only):
        return Asked(connection, [Finding("login", "problem", f"paused: {state.paused}", connection.mend, name)])
    if place.offline:
        return Asked(connection, [])
    began = place.clock.monotonic()
    try:
        async with asyncio.timeout(ANSWER_MAX_S):
            who = await adapter.check()
        took_s = place.clock.monotonic() - began
        findings = [*_answered(name, who, took_s), *await _rights(place, connection)]
    except TimeoutError:
        line = f"no answer within {ANSWER_MAX_S:.0f} s"
        findings = [Finding("login", "problem", line, f"check the network and connections.{name}.base_url", name)]
    except VendorError as error:
        findings = [_refused(connection, error)]
    clock = adapter.clock if adapter.clock != VendorClock() else None
    return Asked(connection, findings, clock)


def _answered(name: str, who: str, took_s: float) -> list[Finding]:
    line = f"logged in as {who}, answered in {took_s * 1000:,.0f} ms"
    if took_s > SLOW_S:
        return [Finding("login", "warning", f"{line}, which is slow", "look at the network, or wait", name)]
    return [Finding("login", "ok", line, "", name)]


def _refused(connection: Connection, error: VendorError) -> Finding:
    """A vendor that could not be asked, or that refuses us."""
    from syncd.engine.pause import mend

    name = connection.name
    if isinstance(error, AuthError):
        return Finding("login", "problem", f"refused: {error}", mend(connection, error), name)
    again = f"check connections.{name}.base_url and the network; `syncd doctor --connection {name}` asks again"
    return Finding("login", "problem", str(error), error.hint or again, name)


async def _rights(place: Place, connection: Connection) -> list[Finding]:
    """What we may do there, as far as the vendor and our tokens tell."""
    name, can = connection.name, connection.adapter.capabilities
    found = await _scopes(place, connection)
    if not can.roles:
        return found
    try:
        async with asyncio.timeout(ANSWER_MAX_S):
            agents = await connection.adapter.agents()
    except TimeoutError:
        line = f"its agents were not shown within {ANSWER_MAX_S:.0f} s"
        return [*found, Finding("rights", "problem", line, f"`syncd doctor --connection {name}` asks again", name)]
    except VendorError as error:
        line = f"who works there cannot be read, so nobody can be assigned: {error}"
        mend = error.hint or f"log in as a user who may read users: connections.{name}.auth"
        return [*found, Finding("rights", "problem", line, mend, name)]
    return [*found, Finding("rights", "ok", f"{len(agents):,} agents can be read", "", name)]


async def _scopes(place: Place, connection: Connection) -> list[Finding]:
    """Scopes that the config asks for and that were not granted."""
    from syncd.bootstrap import Keeping
    from syncd.vendors.registry import login

    name = connection.name
    config = place.settings.connections[name]
    described = login(config)
    if described is None:
        return []
    keeping = Keeping(place.settings, place.syncd.store, place.syncd.credentials, place.clock)
    granted = (await keeping.source(config, described).held()).scope.split()
    missing = set(str(getattr(getattr(config, "auth", None), "scope", "")).split()) - set(granted)
    if granted and missing:
        line = f"these scopes were not granted: {' '.join(sorted(missing))}"
        return [Finding("rights", "warning", line, f"`syncd auth login {name}`, and consent to them", name)]
    return [Finding("rights", "ok", f"scopes: {' '.join(granted)}", "", name)] if granted else []


def clocks(told: dict[str, VendorClock]) -> list[Finding]:
    """How far each vendor's clock is from ours. Where most of them agree against ours, ours is the wrong one."""
    off = {name: clock.offset_s for name, clock in told.items() if abs(clock.offset_s) > limit_s(clock)}
    for sign in (1, -1):
        if sum(offset * sign > 0 for offset in off.values()) * 2 > len(told):
            return [_clock(name, clock, SET_OURS) for name, clock in told.items()]
    theirs = "compare `date -u` with a clock you trust; syncd reckons with the difference"
    return [_clock(name, clock, theirs) for name, clock in told.items()]


def limit_s(clock: VendorClock) -> float:
    """From which difference on something is wrong: never less than can be measured."""
    return max(CLOCK_WARN_S, clock.uncertainty_s)


def _clock(name: str, clock: VendorClock, mend: str) -> Finding:
    off_s = clock.offset_s
    if abs(off_s) <= limit_s(clock):
        return Finding("clock", "ok", f"within {abs(off_s) + clock.uncertainty_s:.1f} s of ours", "", name)
    line = f"its clock is {abs(off_s):,.0f} s {'ahead of' if off_s > 0 else 'behind'} ours"
    return Finding("clock", "problem" if abs(off_s) > CLOCK_WRONG_S else "warning", line, mend, name)
