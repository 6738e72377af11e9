"""Pull: read what a vendor shows, page by page, and hand each page to ingest.

Three depths. *Incremental* asks for what moved since the cursor. A *walk* lists every lead, because some
vendors' update times do not move with stages, labels or assignments; the digest gate makes that cheap.
*Full* walks and reads every lead's notes too. Between fulls, notes are read for leads that changed and,
in turn, for the leads whose notes were read longest ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.domain.errors import NotFoundError, TransientError
from syncd.engine.absent import mark, settle_absent
from syncd.engine.ingest import Ingest
from syncd.engine.notes import NoteIngest
from syncd.engine.settle import settle_gone
from syncd.ports.store import Batch
from syncd.ports.vendor import Page

if TYPE_CHECKING:
    from syncd.engine.connection import Connection, Progress
    from syncd.ports.clock import Clock
    from syncd.ports.store import ConnectionState, Store

STREAM = "leads"
PAGES_AHEAD = 4
ROWS_AT_ONCE = 500
"""How many rows one transaction takes; a vendor's larger page is taken as it comes."""
WALKED = frozenset({"fields", "stage", "labels", "assignments"})
"""What an incremental read must cover to replace a walk."""


@dataclass(slots=True)
class Pulled:
    """What one pull brought: rows read, and records that changed the graph."""

    pulled: int = 0
    changed: int = 0
    touched: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Depth:
    """How thorough a pull is. ``sweep``: for how many further leads notes are read again."""

    walk: bool = False
    all_notes: bool = False
    sweep: int = 0


def depth_of(connection: Connection, state: ConnectionState, clock: Clock, *, full: bool, first: bool) -> Depth:
    """How deep to pull now: ``full`` asked for or due, else what this vendor's incremental reads leave out.

    ``first`` is the first cycle of a command; later cycles only look for echoes of what was just written.
    """
    due = state.last_full is None or clock.now() - state.last_full >= connection.full_compare
    if full or due:
        return Depth(walk=True, all_notes=True)
    can = connection.adapter.capabilities
    if not first:
        return Depth(walk=not can.incremental)  # without a filter only a walk shows what people did meanwhile
    covered = can.incremental and can.incremental_covers >= WALKED
    sweep = can.notes_sweep and "notes" not in can.incremental_covers
    return Depth(walk=not covered, sweep=connection.notes_sweep if sweep else 0)


async def pull(
    store: Store, clock: Clock, connection: Connection, depth: Depth, progress: Progress, run: int | None = None
) -> Pulled:
    """Read one connection to the depth asked for. Raises VendorError; pages already ingested stay ingested."""
    adapter = connection.adapter
    state = await store.connection(connection.name, adapter.vendor)
    cursor = await store.cursor(connection.name, STREAM)
    ingest = Ingest(store, clock, connection, run=run)
    result, seen, complete, whole = Pulled(), set[int](), False, depth.walk
    began, connection.walked = clock.now(), state.last_walk
    parsed: list[str] = []
    gone: list[str] = []
    async for page in _ahead(adapter.leads(None if depth.walk and cursor is None else cursor, full=depth.walk)):
        done = await ingest.page(page, STREAM, thorough=depth.all_notes)
        result.pulled += done.pulled
        result.touched |= done.touched
        parsed += done.parsed
        gone += done.gone
        complete = page.complete
        whole = whole and all(row.complete for row in page.rows)
        if depth.walk:
            seen.update(mark(row.external_id) for row in page.rows)
        progress("pull", connection.name, result.pulled, page.total)
    result.changed = len(result.touched)
    result.changed += await _pull_unseen(store, clock, connection, parsed)
    if gone:
        result.changed += await settle_gone(store, clock, connection, "lead", gone, "404 on the record itself")
    if depth.walk and complete:
        result.changed += await settle_absent(store, clock, connection, seen)
    result.changed += await _pull_notes(store, clock, connection, depth, parsed, progress, run)
    now = clock.now()
    async with store.transaction() as tx:
        batch = _state_batch(connection, state)
        if batch.connection is not None:
            full_now = now if depth.walk and depth.all_notes else state.last_full
            if whole and complete:
                connection.walked = began - timedelta(seconds=adapter.capabilities.create_lag_s)
            batch.connection = replace(batch.connection, last_pull=now, last_full=full_now, last_walk=connection.walked)
        await tx.save(batch, run=run)
    return result


async def _ahead(pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
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
    )


async def _pull_unseen(store: Store, clock: Clock, connection: Connection, parsed: list[str]) -> int:
    """Read what we created and no listing has shown since: vendors add to a new lead (an owner, a stage).

    A record that may still be invisible is waited for; one that must be visible by now and is not is gone.
    """
    changed = 0
    for external_id, created_at in (await store.unseen(connection.name)).items():
        left = connection.adapter.capabilities.create_lag_s - (clock.now() - created_at).total_seconds()
        try:
            remote = await connection.adapter.lead(external_id)
        except (NotFoundError, TransientError):
            if left > 0:
                continue
            changed += await settle_gone(store, clock, connection, "lead", [external_id], "404 on the record itself")
            continue
        done = await Ingest(store, clock, connection).records([remote])
        parsed.append(external_id)
        changed += len(done.touched)
    return changed


async def _pull_notes(
    store: Store,
    clock: Clock,
    connection: Connection,
    depth: Depth,
    parsed: list[str],
    progress: Progress,
    run: int | None,
) -> int:
    """Notes of changed leads, of all leads, or of those read longest ago. Returns how many changed."""
    if connection.policy.directions.get("notes", "both") in {"write", "off"}:
        return 0
    wanted = dict.fromkeys(parsed)
    if depth.all_notes:
        async for ids in store.live_ids(connection.name, "lead"):
            wanted.update(dict.fromkeys(ids))
    elif depth.sweep:
        wanted.update(dict.fromkeys(await store.notes_due(connection.name, depth.sweep)))
    done = await NoteIngest(store, clock, connection, run=run).leads(list(wanted), progress)
    return done.changed


def _state_batch(connection: Connection, state: ConnectionState) -> Batch:
    """What the adapter learned of its account, kept for the next process."""
    memory = dict(connection.adapter.memory)
    return Batch(connection=replace(state, memory=memory, paused="", paused_with="", last_error=""))
