"""Housekeeping: what there is to do for the business as a whole, once an hour, by whoever takes that slice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from syncd.bootstrap import Syncd
from syncd.domain.errors import SyncdError
from syncd.engine.pause import stays_paused
from syncd.ports.clock import Clock
from syncd.ports.hooks import address_of
from syncd.store import partitions
from syncd.store.inbox import PostgresInbox

RUNS_KEPT = timedelta(days=90)
_log = structlog.get_logger("syncd.housekeeping")


async def keep_house(syncd: Syncd, clock: Clock) -> None:
    """Make room for the journal's coming months, forget what is settled long since, renew webhooks.

    Each by itself: what fails is told, and tried again in an hour.
    """
    now = clock.now()
    for what in (
        asyncio.to_thread(partitions.ensure, syncd.database, now),
        PostgresInbox(syncd.store).forget(now - syncd.settings.web.inbox_kept),
        syncd.store.forget_runs(now - RUNS_KEPT),
        renew_hooks(syncd),
    ):
        try:
            await what
        except SyncdError as error:
            _log.warning("housekeeping.failed", error=str(error))


async def renew_hooks(syncd: Syncd) -> None:
    """Register anew where the vendor has lost or disabled the webhooks that somebody registered.

    That somebody did is known by the secret made then; who brings one in the config renews with the command.
    """
    url = syncd.settings.web.public_url
    if url is None:
        return
    for connection in syncd.connections:
        hooks, config = connection.adapter.hooks, syncd.settings.connections[connection.name]
        generated = hooks is not None and config.webhook_secret is None
        secret = await syncd.credentials.webhook_secret(config.name) if generated else ""
        state = await syncd.store.connection(connection.name, config.vendor)
        if hooks is None or not secret or stays_paused(connection, state, asked=False):
            continue  # nobody has registered any, or nobody may call
        address = address_of(str(url), connection.name)
        try:
            await hooks.register(address, secret)
        except SyncdError as error:
            _log.warning("hooks.not_renewed", connection=connection.name, error=str(error))
