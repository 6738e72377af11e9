"""Does a daemon work on this database, do vendors call it, and was what they said taken in?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from syncd.cli import render
from syncd.cli.checks.finding import Finding, Place
from syncd.domain.errors import VendorError

if TYPE_CHECKING:
    from syncd.engine.connection import Connection

_ALIVE: Final = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '20 seconds'"


async def daemon(place: Place) -> list[Finding]:
    """Processes that take slices, by their heartbeats. Without one, syncd does what commands ask it to."""
    [(alive,)] = await place.syncd.store.fetch(_ALIVE)
    if alive:
        return [Finding("daemon", "ok", f"{alive} process{'es' * (alive != 1)} at work")]
    return [Finding("daemon", "ok", "none runs: only commands synchronise; `syncd run` starts one")]


async def webhooks(place: Place) -> list[Finding]:
    """Whether the vendors that can call us are told to. Polling finds everything all the same, only later."""
    url = place.syncd.settings.web.public_url
    able = [connection for connection in place.connections if connection.adapter.hooks is not None]
    if not able or place.offline:
        return []
    if url is None:
        names = ", ".join(connection.name for connection in able)
        return [Finding("webhooks", "ok", f"{names}: not used; set web.public_url and run `syncd webhooks register`")]
    return list(await asyncio.gather(*(_registered(place, connection, str(url)) for connection in able)))


async def deliveries(place: Place) -> list[Finding]:
    """Webhook deliveries that were given up. Polling finds what they told all the same, only later."""
    from syncd.store.deliveries import Deliveries

    return [
        Finding(
            "deliveries",
            "warning",
            f"{render.count(count, 'delivery was', 'deliveries were')} given up, the last one for: {error}",
            f"`syncd webhooks failed --connection {name}`; then `syncd webhooks retry --connection {name}`",
            name,
        )
        for name, (count, error) in (await Deliveries(place.syncd.store).counts()).items()
        if place.wants(name)
    ] or [Finding("deliveries", "ok", "none was given up")]


async def _registered(place: Place, connection: Connection, url: str) -> Finding:
    from syncd.engine.pause import stays_paused
    from syncd.ports.hooks import address_of, ours

    name, hooks = connection.name, connection.adapter.hooks
    state = await place.syncd.store.connection(name, connection.adapter.vendor)
    if hooks is None or stays_paused(connection, state, asked=name in place.only):
        return Finding("webhooks", "ok", "not asked: the connection is paused", connection=name)
    mend = f"run `syncd webhooks register --connection {name}`"
    try:
        found = await hooks.registered()
    except VendorError as error:
        return Finding("webhooks", "warning", f"cannot be asked for: {error}", mend, name)
    mine = [one for one in found if not one.url or ours(one, address_of(url, name))]
    if any(one.enabled for one in mine):
        return Finding("webhooks", "ok", "registered", connection=name)
    return Finding("webhooks", "warning", "disabled" if mine else "not registered", mend, name)
