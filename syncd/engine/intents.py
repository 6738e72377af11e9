"""Intents: what is about to be created, written down before the call.

After a crash or a timeout an intent that still waits says that something may be there (engine/recover.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from syncd.domain.errors import AuthError, RateLimitedError, TransientError, VendorError
from syncd.domain.plan import Operation
from syncd.engine.connection import Connection
from syncd.ports.clock import Clock
from syncd.ports.rows import Batch, Intent
from syncd.ports.store import Store


class Intents:
    """The intents of one connection, each committed on its own."""

    def __init__(self, store: Store, clock: Clock, connection: Connection) -> None:
        self._store = store
        self._clock = clock
        self._connection = connection

    async def open(self, operation: Operation, fingerprint: Mapping[str, object], wanted: str) -> Intent:
        """Write down what is about to be created; committed before the call goes out.

        fingerprint  what it will be recognised by;  wanted  the digest a refusal is remembered with
        """
        return await self._store.open_intent(
            Intent(
                id=0,
                connection=self._connection.name,
                kind=operation.kind,
                lead=operation.lead,
                fingerprint=fingerprint,
                at=self._clock.now(),
                note=operation.note or None,
                part=operation.part,
                wanted=wanted,
            )
        )

    async def drop(self, intent: Intent) -> None:
        """Nothing came of it: it is planned again."""
        async with self._store.transaction() as tx:
            await tx.save(Batch(intents_dropped=[intent.id]))

    async def refuse(self, intent: Intent, error: VendorError) -> None:
        """The vendor will not have it: not sent again until something else is wanted."""
        async with self._store.transaction() as tx:
            await tx.save(Batch(intents_refused={intent.id: f"refused by the vendor: {error}"}))


def never_arrived(error: VendorError) -> bool:
    """Whether a call that failed so was certainly not carried out."""
    if isinstance(error, TransientError):
        return not error.sent
    return isinstance(error, (AuthError, RateLimitedError))
