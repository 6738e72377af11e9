"""What hints ask for, read: agents, leads and notes, each through the same ingest as a pull.

Every reading has an outcome: None when it was made (or there is nothing to read), else why not. Nothing is raised for a
single record, so one that cannot be read keeps no other one waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from syncd.domain.errors import NotFoundError, NotYetError, VendorError
from syncd.engine.agents import learn_agents, recall_agents
from syncd.engine.connection import Connection
from syncd.engine.hints import AGENTS
from syncd.engine.ingest import Ingest
from syncd.engine.notes import NoteIngest
from syncd.engine.settle import settle_gone
from syncd.ports.clock import Clock
from syncd.ports.hooks import Hint
from syncd.ports.rows import LIVE
from syncd.ports.store import Store
from syncd.ports.vendor import Remote

READS_AT_ONCE = 8
LOSSES_WITHIN = timedelta(hours=1)
"""Slices are short: a wiped CRM shows itself over many of them."""
Outcomes = Mapping[Hint, VendorError | None]
T = TypeVar("T")


class Readings:
    """Reads one connection's records by hint.

    horizon  the highest id of the inbox that was there before the readings that come now: an order that needs no clocks
    touched  external ids of leads whose record or base changed;  gone  leads found deleted
    withheld leads that look deleted, too many to believe: the next complete walk asks again and holds them
    """

    def __init__(self, store: Store, clock: Clock, connection: Connection, *, run: int | None = None) -> None:
        """For one slice of work."""
        self._store, self._clock, self._connection, self._run = store, clock, connection, run
        self.horizon = 0
        self._began: dict[Hint, int] = {}
        """Readings that were made → the horizon when they began."""
        self.touched: set[str] = set()
        self.gone = 0
        self.withheld = 0

    def serves(self, hint: Hint, row: int) -> bool:
        """Whether one of these readings began after this row of the inbox came, and so has seen its change."""
        return row <= self._began.get(hint, -1)

    async def agents(self, *, wanted: bool) -> Outcomes:
        """Who works there: asked of the vendor if a hint wants it or nobody is known; leads name them."""
        connection = self._connection
        if not wanted and not connection.agents_in:
            await recall_agents(self._store, connection)
        if not wanted and connection.agents_in:
            return {}
        return {AGENTS: await self._said(AGENTS, learn_agents(self._store, self._clock, connection))}

    async def leads(self, asked: Mapping[Hint, datetime]) -> Outcomes:
        """Read leads side by side and take them in, in one transaction. ``asked``: hint → when its hint came."""
        found: list[Remote] = []

        async def read(hint: Hint) -> VendorError | None:
            async def one() -> None:
                found.append(await self._connection.adapter.lead(hint.external_id))

            return await self._said(hint, one())

        outcomes = dict(zip(asked, await _together(read, list(asked)), strict=True))
        if found:
            rows = sorted(found, key=lambda remote: remote.external_id)
            ingest = Ingest(self._store, self._clock, self._connection, run=self._run)
            self.touched |= (await ingest.records(rows)).touched
        missing = {hint: error for hint, error in outcomes.items() if isinstance(error, NotFoundError)}
        return {**outcomes, **(await self._missing(missing, asked) if missing else {})}

    async def notes(self, hints: Sequence[Hint]) -> Outcomes:
        """Read the notes of leads side by side."""
        ingest = NoteIngest(self._store, self._clock, self._connection, run=self._run)

        async def read(hint: Hint) -> VendorError | None:
            return await self._said(hint, ingest.leads([hint.external_id]))

        return dict(zip(hints, await _together(read, hints), strict=True))

    async def _said(self, hint: Hint, work: Awaitable[object]) -> VendorError | None:
        horizon = self.horizon
        try:
            await work
        except VendorError as error:
            return error
        self._began[hint] = horizon
        return None

    async def _missing(self, missing: Mapping[Hint, NotFoundError], asked: Mapping[Hint, datetime]) -> Outcomes:
        """Records that are not there: too young to be seen, or gone."""
        name, now = self._connection.name, self._clock.now()
        lag = timedelta(seconds=self._connection.adapter.capabilities.create_lag_s)
        created = await self._store.unseen(name)
        async with self._store.transaction() as tx:
            links = await tx.links(name, "lead", [hint.external_id for hint in missing])
        outcomes: dict[Hint, VendorError | None] = {}
        gone: dict[str, list[str]] = {}
        for hint, error in missing.items():
            link = links.get(hint.external_id)
            live = link is not None and link.state == LIVE
            # What nobody has read yet was made a moment ago, by us or by a person: vendors show new leads late.
            born = created.get(hint.external_id) if live else asked[hint]
            if born is not None and now - born < lag:
                outcomes[hint] = NotYetError(f"{error}; not visible yet", status=error.status)
                continue
            outcomes[hint] = None
            if live:
                grade = "told by the vendor" if error.told else "404 on the record itself"
                gone.setdefault(grade, []).append(hint.external_id)
        await self._settle_gone(gone)
        return outcomes

    async def _settle_gone(self, gone: Mapping[str, list[str]]) -> None:
        """Tombstones, as many in an hour as one run may believe; for more a person is asked, by a complete walk."""
        connection, now = self._connection, self._clock.now()
        connection.losses[:] = [at for at in connection.losses if now - at < LOSSES_WITHIN]
        count = sum(len(ids) for ids in gone.values())
        if len(connection.losses) + count > connection.limits.deletes:
            self.withheld += count
            return
        for grade, ids in gone.items():
            settled = await settle_gone(self._store, self._clock, connection, "lead", ids, grade)
            connection.losses += [now] * settled
            self.gone += settled


async def _together(read: Callable[[Hint], Awaitable[T]], hints: Sequence[Hint]) -> list[T]:
    """Every hint, a few at a time; in their order."""
    gate = asyncio.Semaphore(READS_AT_ONCE)

    async def one(hint: Hint) -> T:
        async with gate:
            return await read(hint)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(hint)) for hint in hints]
    return [task.result() for task in tasks]
