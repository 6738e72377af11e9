"""Verify: does every record at a vendor show what the graph says it should? Streaming, and gone on with if broken off.

A record that differs in a listing is read once more while its connection is ours, so that what a sync or a daemon is
writing at this moment does not count. What differs is told by the planner itself: it is asked what it would write if
the base were what the vendor shows now.

    differing  shows something else than it should, field by field
    unknown    there, and linked with no lead
    missing    linked with a lead, and not in a listing that proved complete
    absent     a lead that should be there and has no record
    waiting    to be planned anyway: the next sync looks at it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta

from syncd.domain import filled
from syncd.domain.errors import NotFoundError, SyncdError, UnreadableError
from syncd.domain.plan import plan_lead
from syncd.engine.absent import settle_absent
from syncd.engine.agents import learn_agents
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.ingest import Ingest
from syncd.engine.push import subject_of
from syncd.ports.clock import Clock
from syncd.ports.store import LIVE, REVIEW, Batch, Link, Snapshot, Store
from syncd.ports.vendor import Remote, Walked, mark
from syncd.ports.walks import OpenWalk

BATCH = 500
WALK_MAX = timedelta(days=3)
"""A comparison begun longer ago is begun anew."""
EXAMPLES_MAX = 20
COUNTS = ("compared", "unknown", "missing", "absent", "waiting", "repaired")


@dataclass(slots=True)
class Drift:
    """What a comparison of one connection found.

    found     the counts of `COUNTS`, and ``field NAME`` → records that show something else there
    examples  (external id, lead, what differs), as many as a person reads
    resumed   it went on with a comparison begun earlier
    """

    found: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, int | None, str]] = field(default_factory=list)
    complete: bool = False
    resumed: bool = False

    @property
    def fields(self) -> dict[str, int]:
        """Field → records that show something else there than they should."""
        return {name.removeprefix("field "): n for name, n in self.found.items() if name.startswith("field ")}

    @property
    def any(self) -> bool:
        """Whether anything differs that nobody is about to write."""
        return bool(self.fields or any(self.found[name] for name in ("unknown", "missing", "absent")))

    def tell(self, external_id: str, lead: int | None, what: str) -> None:
        """Keep it as an example, if there are not enough."""
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append((external_id, lead, what))


class Verify:
    """A comparison of one connection with the graph."""

    def __init__(
        self, store: Store, clock: Clock, connection: Connection, progress: Progress = silent, *, lock_wait_s: float
    ) -> None:
        """``lock_wait_s``: how long to stand in line where a record has to be looked at again."""
        self._store, self._clock, self._connection, self._progress = store, clock, connection, progress
        self._lock_wait_s = lock_wait_s
        self._key = f"verify {connection.name}"
        self._drift = Drift()

    async def run(self, *, repair: bool = False) -> Drift:
        """Compare everything. Raises VendorError; what was compared so far is kept, and gone on with next time.

        repair  what differs is merged like any other edit and planned again, what is unknown matched, what is missing
                asked for; nothing is written to a vendor
        """
        await learn_agents(self._store, self._clock, self._connection)
        walk = await self._store.open_walk(self._key)
        if walk is None or self._clock.now() - walk.began > WALK_MAX:
            walk = OpenWalk(self._key, self._clock.now(), notes=repair)
            await self._store.begin_walk(walk)
        self._drift.found.update(walk.found)
        self._drift.resumed = bool(walk.position)
        seen = await self._list(walk, repair=repair)
        if self._drift.complete:
            await self._missing(seen, repair=repair)
        await self._absent(repair=repair)
        await self._store.end_walk(self._key)
        return self._drift

    async def _list(self, walk: OpenWalk, *, repair: bool) -> set[int]:
        """Every record the vendor lists; the marks of all."""
        adapter, found = self._connection.adapter, self._drift.found
        seen = await self._store.seen_by_walk(self._key) if walk.position else set[int]()
        walked = Walked(walk.position, frozenset(seen)) if walk.position else None
        fresh: set[int] = set()
        async with aclosing(adapter.leads(None, full=True, walked=walked)) as pages:  # type: ignore[type-var]
            async for page in pages:
                for start in range(0, len(page.rows), BATCH):
                    await self._rows(page.rows[start : start + BATCH], repair=repair)
                found["compared"] += len(page.rows)
                self._progress("verify", self._connection.name, found["compared"], page.total)
                self._drift.complete = page.complete
                fresh.update(mark(row.external_id) for row in page.rows)
                if page.position:
                    walk = replace(walk, position=page.position, found=dict(found))
                    await self._store.step_walk(walk, fresh - seen)
                    seen |= fresh
                    fresh.clear()
        return seen | fresh

    async def _rows(self, rows: Sequence[Remote], *, repair: bool) -> None:
        """Some rows of a listing: those that seem to differ are read again, one by one, while nobody writes."""
        doubtful = await self._doubtful(rows)
        if not doubtful:
            return
        name = self._connection.name
        async with self._store.exclusively(name, wait_s=self._lock_wait_s) as ours:
            if not ours:
                message = f"another syncd is working on {name}"
                raise SyncdError(message, hint="wait for it to finish, or stop it")
            for external_id in doubtful:
                try:
                    remote = await self._connection.adapter.lead(external_id)
                except NotFoundError:
                    continue  # gone meanwhile
                await self._judge(remote, repair=repair)

    async def _doubtful(self, rows: Sequence[Remote]) -> list[str]:
        """External ids of rows that show something else than they should, or that tell too little."""
        async with self._store.transaction() as tx:
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

    async def _judge(self, remote: Remote, *, repair: bool) -> None:
        """One record as it is now, while nobody else works on its connection."""
        name, found = self._connection.name, self._drift.found
        async with self._store.transaction() as tx:
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
            found["repaired"] += 1

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
        async for ids in self._store.live_ids(self._connection.name, "lead"):
            for external_id in ids:
                if mark(external_id) not in seen and external_id not in unseen:
                    found["missing"] += 1
                    self._drift.tell(external_id, None, "not in the vendor's list")
        if repair and found["missing"]:
            async with self._store.exclusively(self._connection.name, wait_s=self._lock_wait_s) as ours:
                if ours:
                    found["repaired"] += await settle_absent(self._store, self._clock, self._connection, set(seen))

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
