"""Was everything read as often as it should be, and is anything awaited for too long?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from syncd.cli import render
from syncd.cli.checks.finding import Finding, Place
from syncd.ports.rows import ConnectionState

POLLS_MISSED_MAX: Final = 10
PULL_AGE_MIN: Final = timedelta(minutes=15)
FULL_AGE_FACTOR: Final = 2
AWAITED_MAX: Final = timedelta(minutes=30)


async def readings(place: Place) -> list[Finding]:
    """When each connection was read and compared last, and how its last run ended."""
    found: list[Finding] = []
    for connection in place.connections:
        state = await place.syncd.store.connection(connection.name, connection.adapter.vendor)
        found += _reading(state, place.clock.now(), place.settings.sync.poll, connection.full_compare)
    return found


def _reading(state: ConnectionState, now: datetime, poll: timedelta, full: timedelta) -> list[Finding]:
    name = state.name
    again = f"`syncd sync --connection {name}`"
    found = []
    if state.last_error and not state.paused:
        found.append(Finding("readings", "warning", f"its last run failed: {state.last_error}", again, name))
    if state.last_pull is None:
        return [*found, Finding("readings", "warning", "never read", again, name)]
    if now - state.last_pull > max(POLLS_MISSED_MAX * poll, PULL_AGE_MIN):
        line = f"last read {ago(now - state.last_pull)} ago, though every {ago(poll)} is configured (sync.poll)"
        found.append(Finding("readings", "warning", line, f"{again}; does the service run?", name))
    if state.last_full is None or now - state.last_full > FULL_AGE_FACTOR * full:
        since = "never" if state.last_full is None else f"{ago(now - state.last_full)} ago"
        line = f"last compared completely {since}, though every {ago(full)} is configured (sync.full_compare)"
        found.append(Finding("readings", "warning", line, f"`syncd sync --full --connection {name}`", name))
    return found or [Finding("readings", "ok", f"last read {ago(now - state.last_pull)} ago", "", name)]


async def creates(place: Place) -> list[Finding]:
    """Creates whose answer was lost, and that nobody looked for since."""
    from syncd.store.checkup import Checkup

    found = []
    for name, count, first in await Checkup(place.syncd.store).waiting():
        waited = place.clock.now() - first
        if place.wants(name) and waited > AWAITED_MAX:
            line = f"{render.count(count, 'create')} without an answer, the first sent {ago(waited)} ago"
            found.append(Finding("creates", "warning", line, "`syncd sync --until-quiet` looks for them", name))
    return found or [Finding("creates", "ok", "none waits for an answer")]


async def notes(place: Place) -> list[Finding]:
    """Notes that were sent where nobody can look whether they arrived."""
    from syncd.store.checkup import Checkup

    found = []
    for name, count, leads in await Checkup(place.syncd.store).uncertain_notes():
        if place.wants(name):
            some = ", ".join(map(str, leads))
            line = f"{render.count(count, 'note')} may or may not have arrived (lead {some}); none is sent twice"
            mend = (
                f"look there whether the note stands; if not, type it: `syncd links show {leads[0]}` names the record"
            )
            found.append(Finding("notes", "warning", line, mend, name))
    return found or [Finding("notes", "ok", "all that were sent are known to have arrived")]


def ago(span: timedelta) -> str:
    """A span of time in the largest unit that tells it: 40 s, 12 min, 3 h, 5 days."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"
