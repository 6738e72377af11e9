"""Pull: read what a vendor shows, page by page, and hand each page to ingest.

Three depths. *Incremental* asks for what moved since the cursor. A *walk* lists every lead, because some
vendors' update times do not move with stages, labels or assignments; the digest gate makes that cheap.
*Full* walks and reads every lead's notes too. Between fulls, notes are read for leads that changed and,
in turn, for the leads whose notes were read longest ago. Which leads' notes are owed is kept with the leads, so that
neither a short slice nor a crash forgets them.

A walk may take hours. How far it has come is kept after every page, so that it can be done in slices and
survives the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError
from syncd.engine.absent import settle_absent
from syncd.engine.connection import Enough, never
from syncd.engine.ingest import Ingest
from syncd.engine.notes import NoteIngest
from syncd.engine.settle import settle_gone
from syncd.ports.rows import Batch
from syncd.ports.vendor import Page, Walked, mark
from syncd.ports.walks import OpenWalk

if TYPE_CHECKING:
    from syncd.engine.connection import Connection, Progress
    from syncd.ports.clock import Clock
    from syncd.ports.rows import ConnectionState
    from syncd.ports.store import Store

STREAM = "leads"
PAGES_AHEAD = 4
NOTES_AT_ONCE = 20
"""Leads whose notes are read before anybody asks whether there is time for more."""
NOTES_FAILURES_MAX = 5
"""After so many leads whose notes cannot be read the vendor is left alone."""
WALK_MAX = timedelta(days=3)
"""A walk begun longer ago is begun anew."""
ROWS_AT_ONCE = 500
"""How many rows one transaction takes; a vendor's larger page is taken as it comes."""
WALKED = frozenset({"fields", "stage", "labels", "assignments"})
"""What an incremental read must cover to replace a walk."""


@dataclass(slots=True)
class Pulled:
    """What one pull brought: rows read, and records that changed the graph.

    unfinished  the time was up before its end
    resumed     it went on with a walk begun earlier: what it did not see again may have changed since
    """

    pulled: int = 0
    changed: int = 0
    touched: set[str] = field(default_factory=set)
    unfinished: bool = False
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Depth:
    """How thorough a pull is. ``sweep``: for how many further leads notes are read again."""

    walk: bool = False
    all_notes: bool = False
    sweep: int = 0


def depth_of(
    connection: Connection, state: ConnectionState, clock: Clock, *, full: bool, first: bool, poll: bool = False
) -> Depth:
    """How deep to pull now: ``full`` asked for or due, else what this vendor's incremental reads leave out.

    first  the first cycle of a command; later cycles only look for echoes of what was just written
    poll   nobody waits for it: a costly walk that was made a while ago is not made again, webhooks tell what moved
    """
    due = state.last_full is None or clock.now() - state.last_full >= connection.full_compare
    if full or due:
        return Depth(walk=True, all_notes=True)
    can = connection.adapter.capabilities
    if not first:
        return Depth(walk=not can.incremental)  # without a filter only a walk shows what people did meanwhile
    covered = can.incremental and can.incremental_covers >= WALKED
    sweep = can.notes_sweep and "notes" not in can.incremental_covers
    walked = state.last_walk is not None and (clock.now() - state.last_walk).total_seconds() < can.walk_every_s
    return Depth(walk=not covered and not (poll and walked), sweep=connection.notes_sweep if sweep else 0)


async def pull(
    store: Store,
    clock: Clock,
    connection: Connection,
    depth: Depth,
    progress: Progress,
    run: int | None = None,
    *,
    anew: bool = False,
    enough: Enough = never,
) -> Pulled:
    """Read one connection to the depth asked for. Raises VendorError; pages already ingested stay ingested.

    anew    a walk that was broken off is begun anew instead of gone on with
    enough  asked after every page of a walk: when it says so, the walk is left for another time
    """
    state = await store.connection(connection.name, connection.adapter.vendor)
    connection.walked = state.last_walk
    pulling = _Pulling(store, clock, connection, progress, run, enough)
    if depth.walk:
        await pulling.walk(depth, anew=anew)
    else:
        await pulling.changes(depth)
    return pulling.result


class _Pulling:
    """One pull under way."""

    def __init__(
        self, store: Store, clock: Clock, connection: Connection, progress: Progress, run: int | None, enough: Enough
    ) -> None:
        self._store, self._clock, self._connection = store, clock, connection
        self._progress, self._run, self._enough = progress, run, enough
        self._ingest = Ingest(store, clock, connection, run=run)
        self._notes_in = NoteIngest(store, clock, connection, run=run, failures_max=NOTES_FAILURES_MAX)
        self._parsed: list[str] = []
        self._gone: list[str] = []
        self.result = Pulled()

    async def changes(self, depth: Depth) -> None:
        """What moved since the cursor."""
        cursor = await self._store.cursor(self._connection.name, STREAM)
        async for page in _ahead(self._connection.adapter.leads(cursor, full=False)):
            await self._page(page, thorough=False)
        await self._aftermath()
        await self._owed_notes()
        await self._sweep(depth)
        await self._keep(full=None, walked=None)

    async def walk(self, depth: Depth, *, anew: bool) -> None:
        """All leads, and with ``all_notes`` the notes of each. A comparison that was broken off is gone on with.

        So is any walk that is done in slices; else a short one is begun anew, as somebody waits to see what is there.
        """
        walk = await self._store.open_walk(self._connection.name)
        wanted = walk is not None and walk.notes >= depth.all_notes and (walk.notes or self._enough is not never)
        if walk is None or anew or not wanted or self._clock.now() - walk.began > WALK_MAX:
            walk = OpenWalk(self._connection.name, self._clock.now(), depth.all_notes)
            await self._store.begin_walk(walk)
        self.result.resumed = bool(walk.position or walk.listed)
        if not walk.listed:
            walk = await self._list(walk)
        await self._aftermath()
        if walk.listed and walk.notes:
            await self._all_notes(walk)
        elif not walk.notes:
            await self._owed_notes()
            await self._sweep(depth)
        if not walk.listed or self.result.unfinished:
            self.result.unfinished = True
            await self._keep(full=None, walked=None)
            return
        began = walk.began - timedelta(seconds=self._connection.adapter.capabilities.create_lag_s)
        await self._keep(full=walk.began if walk.notes else None, walked=began if walk.whole else None)
        await self._store.end_walk(self._connection.name)

    async def _list(self, walk: OpenWalk) -> OpenWalk:
        """The list, as far as there is time for it; absence where it is proved complete."""
        name, adapter = self._connection.name, self._connection.adapter
        cursor = await self._store.cursor(name, STREAM)
        seen = await self._store.seen_by_walk(name) if walk.position else set[int]()
        walked = Walked(walk.position, frozenset(seen)) if walk.position else None
        fresh: set[int] = set()
        complete, whole = False, walk.whole
        async with aclosing(_ahead(adapter.leads(cursor, full=True, walked=walked))) as pages:
            async for page in pages:
                await self._page(page, thorough=walk.notes)
                complete = page.complete
                whole = whole and all(row.complete for row in page.rows)
                fresh.update(mark(row.external_id) for row in page.rows)
                if page.position:
                    walk = replace(walk, position=page.position, whole=whole)
                    await self._store.step_walk(walk, fresh - seen)
                    seen |= fresh
                    fresh.clear()
                    if self._enough():
                        return walk
        if complete:
            self.result.changed += await settle_absent(self._store, self._clock, self._connection, seen | fresh)
        walk = replace(walk, listed=True, whole=whole and complete)
        await self._store.step_walk(walk, ())
        return walk

    async def _page(self, page: Page, *, thorough: bool) -> None:
        done = await self._ingest.page(page, STREAM, thorough=thorough)
        self.result.pulled += done.pulled
        self.result.touched |= done.touched
        self.result.changed = len(self.result.touched)
        self._parsed += done.parsed
        self._gone += done.gone
        self._progress("pull", self._connection.name, self.result.pulled, page.total)

    async def _aftermath(self) -> None:
        """Records that nothing has shown yet, and those that turned out to be gone."""
        store, clock, connection = self._store, self._clock, self._connection
        changed, shown = await _pull_unseen(store, clock, connection)
        self.result.changed += changed
        self._parsed += shown
        await self._notes(shown)
        if self._gone:
            evidence = "404 on the record itself"
            self.result.changed += await settle_gone(store, clock, connection, "lead", self._gone, evidence)

    async def _sweep(self, depth: Depth) -> None:
        """Notes of further leads, as long as there is time: the next sweep begins with those read longest ago."""
        if not depth.sweep or self.result.unfinished:
            return
        parsed = set(self._parsed)
        due = [lead for lead in await self._store.notes_due(self._connection.name, depth.sweep) if lead not in parsed]
        for start in range(0, len(due), NOTES_AT_ONCE):
            if start and self._enough():
                return
            await self._notes(due[start : start + NOTES_AT_ONCE])

    async def _notes(self, leads: Sequence[str]) -> None:
        self.result.changed += (await self._notes_in.leads(leads, self._progress)).changed

    async def _owed_notes(self) -> None:
        """The notes of leads that changed, in this pull or in one that did not come to them."""
        await self._notes_of(lambda after: self._store.notes_owed(self._connection.name, after, NOTES_AT_ONCE))

    async def _all_notes(self, walk: OpenWalk) -> None:
        """The notes of every lead that were not read since the walk began."""
        await self._notes_of(lambda after: self._store.notes_before(walk.connection, walk.began, after, NOTES_AT_ONCE))

    async def _notes_of(self, beyond: Callable[[str], Awaitable[Sequence[str]]]) -> None:
        """The notes of some leads in the order of their ids, as far as there is time."""
        after = ""
        while self._notes_in.wanted and (leads := await beyond(after)):
            await self._notes(leads)
            after = leads[-1]
            if self._enough():
                self.result.unfinished = bool(await beyond(after))
                return

    async def _keep(self, *, full: datetime | None, walked: datetime | None) -> None:
        """What the adapter learned of its account, and how far this pull came, kept for the next process."""
        name, adapter = self._connection.name, self._connection.adapter
        state = await self._store.connection(name, adapter.vendor)
        self._connection.walked = walked or state.last_walk
        state = replace(
            state, memory=dict(adapter.memory), paused="", paused_with="", last_error="",
            last_pull=self._clock.now(), last_full=full or state.last_full, last_walk=self._connection.walked,
        )  # fmt: skip
        async with self._store.transaction() as tx:
            await tx.save(Batch(connection=state), run=self._run)


async def _ahead(pages: AsyncIterator[Page]) -> AsyncGenerator[Page]:
    """The vendor's pages, read ahead while earlier ones are taken in, small ones put together.

    A failure comes after the pages before it: what was read is ingested, its cursor with it.
    """
    waiting: asyncio.Queue[Page | None] = asyncio.Queue()
    room = asyncio.Semaphore(PAGES_AHEAD)

    async def read() -> None:
        try:
            async for page in pages:
                await room.acquire()
                waiting.put_nowait(page)
        finally:
            waiting.put_nowait(None)

    async def following() -> Page | None:
        room.release()
        return await waiting.get()

    reader = asyncio.ensure_future(read())
    try:
        held = await following()
        while held is not None:
            while (more := await following()) is not None and len(held.rows) + len(more.rows) <= ROWS_AT_ONCE:
                held = _joined(held, more)
            yield held
            held = more
        await reader
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


def _joined(page: Page, following: Page) -> Page:
    """Two pages as one; the later one's promises hold for both."""
    return Page(
        rows=[*page.rows, *following.rows],
        cursor=following.cursor if following.cursor is not None else page.cursor,
        complete=following.complete,
        total=following.total,
        broken=[*page.broken, *following.broken],
        position=following.position,
    )


async def _pull_unseen(store: Store, clock: Clock, connection: Connection) -> tuple[int, list[str]]:
    """Read what we created and no listing has shown since: vendors add to a new lead (an owner, a stage).

    A record that may still be invisible is waited for; one that must be visible by now and is not is gone. Any other
    answer, or none, says nothing about it, and must not keep the pull from what else there is.
    Returns how many changed, and which were shown.
    """
    changed, shown = 0, list[str]()
    for external_id, created_at in (await store.unseen(connection.name)).items():
        left = connection.adapter.capabilities.create_lag_s - (clock.now() - created_at).total_seconds()
        try:
            remote = await connection.adapter.lead(external_id)
        except NotFoundError as error:
            if left <= 0:
                evidence = "told by the vendor" if error.told else "404 on the record itself"
                changed += await settle_gone(store, clock, connection, "lead", [external_id], evidence)
            continue
        except (TransientError, RejectedError, UnreadableError):
            continue
        done = await Ingest(store, clock, connection).records([remote])
        shown.append(external_id)
        changed += len(done.touched)
    return changed, shown
