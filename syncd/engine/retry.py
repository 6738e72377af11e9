"""Try quarantined records again: read them from their vendor and take them in the way every record is taken in.

The connection's lock is held meanwhile, as by every sync: a reading of ours must not be laid over by an older one that
a sync has under way. What can be read leaves the quarantine through `Ingest`, `NoteIngest` and `learn_agents`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.domain.errors import VendorError
from syncd.engine.agents import learn_agents, recall_agents
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.ingest import Ingest
from syncd.engine.looking import Look, Looking, Outcome
from syncd.engine.notes import NoteIngest
from syncd.engine.pause import after, mend, stays_paused
from syncd.ports.admin import Quarantine
from syncd.ports.clock import Clock
from syncd.ports.rows import Batch, Quarantined
from syncd.ports.store import Store

AT_ONCE = 200
"""Records read before they are taken in."""
LOCK_WAIT_S = 60.0
"""A daemon works in short slices; whoever waits this long for the connection waits for something else."""
_ORDER = {"agent": 0, "lead": 1, "note": 2}
"""What others refer to comes first."""


class Retry:
    """Tries the quarantined records of one connection."""

    def __init__(
        self,
        store: Store,
        quarantine: Quarantine,
        clock: Clock,
        connection: Connection,
        *,
        asked: bool = False,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        """``asked``: an operator named the connection, so it is tried even if it is paused."""
        self._store, self._quarantine, self._clock, self._connection = store, quarantine, clock, connection
        self._asked, self._lock_wait_s = asked, lock_wait_s
        self._notes = NoteIngest(store, clock, connection)
        self._looking = Looking(connection, self._notes.read)

    async def run(
        self, entries: Sequence[Quarantined], *, dry: bool = False, progress: Progress = silent
    ) -> list[Look]:
        """What became of each entry, by id. ``dry``: read from the vendor, and take nothing in.

        What a vendor refuses or fails to answer is an outcome, never raised.
        """
        state = await self._store.connection(self._connection.name, self._connection.adapter.vendor)
        if stays_paused(self._connection, state, asked=self._asked):
            return [Look(entry, Outcome.FAILED, f"paused: {state.paused}") for entry in entries]
        if dry:
            return await self._pieces(entries, progress, dry=True)
        async with self._store.exclusively(self._connection.name, wait_s=self._lock_wait_s) as ours:
            if not ours:
                why = "another syncd is working on this connection; try again when it is done"
                return [Look(entry, Outcome.FAILED, why) for entry in entries]
            await recall_agents(self._store, self._connection)
            self._connection.walked = state.last_walk
            looks = await self._pieces(entries, progress, dry=False)
            await self._keep_refusal()
        return looks

    async def _pieces(self, entries: Sequence[Quarantined], progress: Progress, *, dry: bool) -> list[Look]:
        ordered = sorted(entries, key=lambda entry: (_ORDER.get(entry.kind, len(_ORDER)), entry.id))
        looks: list[Look] = []
        for start in range(0, len(ordered), AT_ONCE):
            found = await self._looking.look(ordered[start : start + AT_ONCE])
            looks += found if dry else await self._taken_in(found)
            progress("retry", self._connection.name, len(looks), len(ordered))
        return sorted(looks, key=lambda look: look.entry.id)

    async def _taken_in(self, looks: Sequence[Look]) -> list[Look]:
        """Hand what was read to the engine, and see in the quarantine itself what it made of it."""
        failed = ""
        try:
            await self._ingest([look for look in looks if look.outcome in {Outcome.READ, Outcome.BROKEN}])
        except VendorError as error:  # it answered when we looked
            failed = str(error)
        await self._quarantine.forget([look.entry.id for look in looks if look.outcome is Outcome.GONE])
        kept = {entry.id: entry for entry in await self._quarantine.quarantined(ids=[look.entry.id for look in looks])}
        return [_as_kept(look, kept.get(look.entry.id), failed) for look in looks]

    async def _ingest(self, shown: Sequence[Look]) -> None:
        if any(look.entry.kind == "agent" for look in shown):
            await learn_agents(self._store, self._clock, self._connection)
        leads = [look.remote for look in shown if look.remote is not None]
        if leads:
            await Ingest(self._store, self._clock, self._connection).records(leads)
        parents = dict.fromkeys(look.entry.parent for look in shown if look.entry.kind == "note")
        await self._notes.leads(list(parents))

    async def _keep_refusal(self) -> None:
        """Refused credentials pause the connection, whoever found out."""
        error = self._looking.refused
        if error is None:
            return
        state = await self._store.connection(self._connection.name, self._connection.adapter.vendor)
        async with self._store.transaction() as tx:
            await tx.save(Batch(connection=after(self._connection, state, error)))

    @property
    def hint(self) -> str:
        """What a person does about refused credentials, "" if they were not refused."""
        return mend(self._connection, self._looking.refused) if self._looking.refused is not None else ""


def _as_kept(look: Look, kept: Quarantined | None, failed: str) -> Look:
    """What the quarantine says has the last word: only what left it was read."""
    if look.outcome is not Outcome.READ or kept is None:
        return look
    if failed:
        return replace(look, outcome=Outcome.FAILED, detail=failed)
    if kept.attempts > look.entry.attempts:
        return replace(look, outcome=Outcome.BROKEN, detail=kept.error)
    return replace(look, outcome=Outcome.LEFT, detail="it can be read; it is taken in once its lead is linked")
