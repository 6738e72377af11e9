"""Verify: does every record at a vendor show what the graph says it should? Streaming, and gone on with if broken off.

A record that differs in a listing is read once more while its connection is ours, so that what a sync or a daemon is
writing at this moment does not count. What differs is told by the planner itself: it is asked what it would write if
the base were what the vendor shows now.

    differing  shows something else than it should, field by field; its notes are one field (verify_notes.py)
    unknown    there, and linked with no lead
    missing    linked with a lead, and not in a listing that proved complete
    absent     a lead that should be there and has no record
    waiting    to be planned anyway: the next sync looks at it
    unread     listed, and refused when it was asked for
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from syncd.domain import filled
from syncd.domain.errors import NotFoundError, RejectedError, SyncdError, UnreadableError, VendorError
from syncd.domain.plan import plan_lead
from syncd.engine.absent import settle_absent
from syncd.engine.agents import learn_agents
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.drift import NOTES, Drift
from syncd.engine.ingest import Ingest
from syncd.engine.notes import LEADS_PER_PAGE, NoteIngest
from syncd.engine.push import subject_of
from syncd.engine.verify_notes import VerifyNotes
from syncd.ports.clock import Clock
from syncd.ports.rows import LIVE, REVIEW, Batch, Link, Snapshot
from syncd.ports.store import Store
from syncd.ports.urgency import Urgency, urgently
from syncd.ports.vendor import Remote, Walked, mark
from syncd.ports.walks import OpenWalk

BATCH = 500
HELD_AT_ONCE = 16
"""Records looked at again before the connection is let go of: a daemon beside us waits for that long."""
MISSING_ASKED_MAX = 100
"""So many records that a listing did not show are asked for by themselves: they may be younger than the listing."""
WALK_MAX = timedelta(days=3)
"""A comparison begun longer ago is begun anew."""
REPAIRING = "repairing"
"""Kept with an open walk: one that only looked is not gone on with by one that repairs, nor the other way round."""
T = TypeVar("T")


class Verify:
    """A comparison of one connection with the graph."""

    def __init__(
        self, store: Store, clock: Clock, connection: Connection, progress: Progress = silent, *, lock_wait_s: float
    ) -> None:
        """``lock_wait_s``: how long to stand in line where a record has to be looked at again."""
        self._store, self._clock, self._connection, self._progress = store, clock, connection, progress
        self._lock_wait_s = lock_wait_s
        self._key = f"verify {connection.name}"
        self._notes = VerifyNotes(store, clock, connection)
        self._drift = Drift()

    async def run(self, *, repair: bool = False, notes: bool = True) -> Drift:
        """Compare everything. Raises VendorError; what was compared so far is kept, and gone on with next time.

        repair  what differs is merged like any other edit and planned again, what is unknown matched, what is missing
                asked for; nothing is written to a vendor
        notes   compare them too: a call for each record, unless records bring their notes along
        """
        async with self._store.exclusively(self._key, wait_s=self._lock_wait_s) as alone:
            if not alone:
                message = f"another verify is comparing {self._connection.name}"
                raise SyncdError(message, hint="wait for it to finish, or stop it")
            with urgently(Urgency.BACKFILL):
                await learn_agents(self._store, self._clock, self._connection)
                walk = await self._begun(repair=repair, notes=notes)
                self._drift.found.update(walk.found)
                self._drift.resumed = bool(walk.position)
                seen = await self._list(walk, repair=repair)
                if self._drift.complete:
                    await self._missing(seen, repair=repair)
                await self._absent(repair=repair)
                await self._store.end_walk(self._key)
        self._drift.noteless = notes and not self._notes.shown
        return self._drift

    async def _begun(self, *, repair: bool, notes: bool) -> OpenWalk:
        """The walk that was broken off, if it was of the same kind and is not too old; else a new one."""
        walk = await self._store.open_walk(self._key)
        asked = (notes, repair)
        alike = walk is not None and (walk.notes, bool(walk.found.get(REPAIRING))) == asked
        if walk is None or not alike or self._clock.now() - walk.began > WALK_MAX:
            walk = OpenWalk(self._key, self._clock.now(), notes=notes, found={REPAIRING: int(repair)})
            await self._store.begin_walk(walk)
        return walk

    async def _list(self, walk: OpenWalk, *, repair: bool) -> set[int]:
        """Every record the vendor lists; the marks of all. One that is listed twice is compared once."""
        adapter, found = self._connection.adapter, self._drift.found
        seen = await self._store.seen_by_walk(self._key) if walk.position else set[int]()
        walked = Walked(walk.position, frozenset(seen)) if walk.position else None
        fresh: set[int] = set()
        async with aclosing(adapter.leads(None, full=True, walked=walked)) as pages:  # type: ignore[type-var]
            async for page in pages:
                marks = {row.external_id: mark(row.external_id) for row in page.rows}
                known = {one for one, number in marks.items() if number in seen or number in fresh}
                rows = [row for row in page.rows if row.external_id not in known]
                for some in _some(rows, LEADS_PER_PAGE if walk.notes else BATCH):
                    await self._rows(some, repair=repair, notes=walk.notes)
                    found["compared"] += len(some)
                    self._progress("verify", self._connection.name, found["compared"], page.total)
                self._drift.complete = page.complete
                fresh.update(marks.values())
                if page.position:
                    walk = replace(walk, position=page.position, found=dict(found))
                    await self._store.step_walk(walk, fresh - seen)
                    seen |= fresh
                    fresh.clear()
        return seen | fresh

    async def _rows(self, rows: Sequence[Remote], *, repair: bool, notes: bool) -> None:
        """Some rows of a listing: those that seem to differ are read again, some at a time, while nobody writes."""
        doubtful = await self._doubtful(rows)
        noted = await self._noted(rows) if notes else []  # at once: adapters soon forget what rows said of notes
        for some in _some(doubtful, HELD_AT_ONCE):
            async with self._ours():
                for remote in await asyncio.gather(*(self._asked(external_id) for external_id in some)):
                    if remote is not None:
                        await self._judge(remote, repair=repair, notes=notes)
        for some in _some(noted, HELD_AT_ONCE):
            async with self._ours():
                await self._judge_notes(some, repair=repair)

    async def _noted(self, rows: Sequence[Remote]) -> list[str]:
        """External ids of rows whose notes seem to differ."""
        found, compared, refused = self._drift.found, self._notes.compared, self._notes.refused
        drifts = await self._notes.differing([row.external_id for row in rows])
        found[NOTES] += self._notes.compared - compared
        found["unread"] += self._notes.refused - refused
        found["waiting"] += sum(not drift.any for drift in drifts.values())
        return [record for record, drift in drifts.items() if drift.any]

    @asynccontextmanager
    async def _ours(self) -> AsyncGenerator[None]:
        """While the connection is ours. Others wait for it, so these calls are not put off for theirs."""
        name = self._connection.name
        async with self._store.exclusively(name, wait_s=self._lock_wait_s) as ours:
            if not ours:
                message = f"another syncd is working on {name}"
                raise SyncdError(message, hint="wait for it to finish, or stop it")
            with urgently(Urgency.PUSH):
                yield

    async def _asked(self, external_id: str) -> Remote | None:
        """A record as it is now; None if it is gone meanwhile, or not ours to read."""
        try:
            return await self._connection.adapter.lead(external_id)
        except NotFoundError:
            return None
        except RejectedError:
            self._drift.found["unread"] += 1
            return None

    async def _doubtful(self, rows: Sequence[Remote]) -> list[str]:
        """External ids of rows that show something else than they should, or that tell too little."""
        async with self._store.reads() as tx:
            links = await tx.links(self._connection.name, "lead", [row.external_id for row in rows])
        shots = await self._snapshots([link.node for link in links.values() if link.node is not None])
        doubtful = []
        for row in rows:
            link = links.get(row.external_id)
            if link is not None and link.state == REVIEW:
                continue
            shot = shots.get(link.node) if link is not None and link.node is not None else None
            sound = row.complete and link is not None and link.state == LIVE and shot is not None
            if not sound or shot is None or link is None or self._differing(row, link, shot):
                doubtful.append(row.external_id)
        return doubtful

    async def _judge(self, remote: Remote, *, repair: bool, notes: bool) -> None:
        """One record as it is now, while nobody else works on its connection."""
        name, found = self._connection.name, self._drift.found
        async with self._store.reads() as tx:
            link = (await tx.links(name, "lead", [remote.external_id])).get(remote.external_id)
        shots = await self._snapshots([link.node]) if link is not None and link.node is not None else {}
        if link is None or link.state != LIVE or link.node not in shots:
            if link is not None and link.state == REVIEW:
                return
            found["unknown"] += 1
            self._drift.tell(remote.external_id, None, "linked with no lead")
        else:
            shot = shots[link.node]
            differing = self._differing(remote, link, shot)
            if not differing:
                return
            if shot.lead.dirty:
                found["waiting"] += 1
                return
            found.update(f"field {one}" for one in differing)
            self._drift.tell(remote.external_id, link.node, ", ".join(differing))
        if repair:
            await Ingest(self._store, self._clock, self._connection).records([remote])
            await self._mark([link.node] if link is not None and link.node is not None else [])
            if notes and (link is None or link.state != LIVE):
                await NoteIngest(self._store, self._clock, self._connection).leads([remote.external_id])
            found["repaired"] += 1

    async def _judge_notes(self, records: Sequence[str], *, repair: bool) -> None:
        """The notes of some records as they are now, while nobody else works on their connection."""
        found = self._drift.found
        drifts = await self._notes.differing(records)
        found["waiting"] += sum(not drift.any for drift in drifts.values())
        drifts = {record: drift for record, drift in drifts.items() if drift.any}
        found.update(f"field {NOTES}" for _ in drifts)
        for record, drift in drifts.items():
            self._drift.tell(record, drift.lead, drift.told)
        if repair and drifts:
            await self._notes.repair(drifts)
            found["repaired"] += len(drifts)

    def _differing(self, remote: Remote, link: Link, shot: Snapshot) -> list[str]:
        """Fields in which a record shows something else than it should, as the planner sees it."""
        try:
            reading = Ingest(self._store, self._clock, self._connection).read(remote)
        except UnreadableError:
            return []  # it is in quarantine, or will be
        lenses = self._connection.adapter.lenses
        reading, _ = filled.blanked(lenses, remote.payload, reading, link.settled, link.pending)
        shown = {name: value for name, value in link.base.items() if name not in reading.told} | dict(reading.fields)
        asked = replace(link, base=shown, unmapped=reading.unmapped)
        others = [asked if one.external_id == link.external_id and one.connection == link.connection else one
                  for one in shot.links]  # fmt: skip
        planned = plan_lead(subject_of(replace(shot, links=others)), [self._connection.target])
        return sorted({name for op in planned.operations if op.kind != "note" for name in op.fields})

    async def _missing(self, seen: Collection[int], *, repair: bool) -> None:
        """Linked records that a complete listing did not show."""
        found, unseen = self._drift.found, await self._store.unseen(self._connection.name)
        missing: list[str] = []
        async for ids in self._store.live_ids(self._connection.name, "lead"):
            missing += [one for one in ids if mark(one) not in seen and one not in unseen]
        if len(missing) <= MISSING_ASKED_MAX:
            missing = [one for one in missing if not await self._there(one)]
        found["missing"] += len(missing)
        for external_id in missing:
            self._drift.tell(external_id, None, "not in the vendor's list")
        if repair and missing:
            async with self._ours():
                found["repaired"] += await settle_absent(self._store, self._clock, self._connection, set(seen))

    async def _there(self, external_id: str) -> bool:
        """Whether a record that was not listed is there all the same: made after its page was."""
        try:
            await self._connection.adapter.lead(external_id)
        except VendorError:
            return False
        return True

    async def _absent(self, *, repair: bool) -> None:
        """Leads that should have a record here and have none."""
        after = 0
        while ids := await self._store.without_link(self._connection.name, after, BATCH):
            absent = []
            for lead, shot in (await self._snapshots(ids)).items():
                planned = plan_lead(subject_of(shot), [self._connection.target])
                if any(op.kind == "lead" and op.action == "create" for op in planned.operations):
                    if shot.lead.dirty:
                        self._drift.found["waiting"] += 1
                    else:
                        absent.append(lead)
                        self._drift.tell("", lead, "has no record here")
            self._drift.found["absent"] += len(absent)
            if repair and absent:
                await self._mark(absent)
                self._drift.found["repaired"] += len(absent)
            after = ids[-1]

    async def _snapshots(self, leads: Collection[int]) -> dict[int, Snapshot]:
        found: dict[int, Snapshot] = {}
        if leads:
            async for shots in self._store.snapshots(leads=leads):
                found |= {shot.lead.id: shot for shot in shots}
        return found

    async def _mark(self, leads: Collection[int]) -> None:
        """These leads are planned again."""
        if leads:
            async with self._store.transaction() as tx:
                await tx.leads(leads)
                await tx.save(Batch(dirty=set(leads)))


def _some(rows: Sequence[T], number: int) -> Iterator[Sequence[T]]:
    """These, so many at a time."""
    return (rows[start : start + number] for start in range(0, len(rows), number))
