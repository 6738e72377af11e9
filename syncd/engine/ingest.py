"""Ingest: a page of remote records becomes graph, journal, bases and cursor, in one transaction.

Three gates keep it cheap. A row whose digest is the stored one is not parsed. A row that is parsed but
shows what its base shows takes nothing. Only what is left reaches the merge. Identity is decided under
one lock, so that two connections cannot make two leads of one person in the same moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from syncd.domain import filled, match
from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError
from syncd.domain.lead import decode_fields, encode_fields, spec
from syncd.domain.lens import Reading
from syncd.domain.merge import Seen, born, merge
from syncd.domain.origin import Interval
from syncd.domain.plan import ASSIGNMENT
from syncd.domain.settled import unsent
from syncd.engine.connection import Connection
from syncd.engine.graph import KIND, Graph, graph_of, homeless
from syncd.engine.journal import changes_of, conflicts_of
from syncd.ports.clock import Clock
from syncd.ports.rows import LIVE, REVIEW, Batch, Change, Intent, Lead, Link, Quarantined
from syncd.ports.store import Store
from syncd.ports.vendor import Page, Remote

READS_AT_ONCE = 8
FAILURES_MAX = 5
"""After so many records that cannot be read singly the vendor is left alone."""
_log = structlog.get_logger()
NO_ID = "a row without a usable id"
"""Why such a row is in quarantine; the entry's external id is a digest of the row, by which nothing can be read."""


@dataclass(slots=True)
class Ingested:
    """What came of some rows.

    pulled   rows received;  parsed  external ids whose digest was new
    touched  external ids whose lead or base changed;  gone  ids that vanished while being completed
    """

    pulled: int = 0
    parsed: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    gone: list[str] = field(default_factory=list)


class Ingest:
    """Takes rows of one connection into the graph."""

    def __init__(self, store: Store, clock: Clock, connection: Connection, *, run: int | None = None) -> None:
        self._store = store
        self._clock = clock
        self._connection = connection
        self._run = run
        self._failures = 0

    async def page(self, page: Page, stream: str = "leads", *, thorough: bool = False) -> Ingested:
        """One page of a listing: only rows with a new digest are looked at. Commits the page's cursor.

        Their notes may have changed as well, and count as never read from here on: whoever reads notes next owes them.

        ``thorough`` also completes rows that lack sections and look unchanged: what is missing may have changed.
        """
        ids = [row.external_id for row in page.rows]
        result = Ingested(pulled=len(page.rows) + len(page.broken))
        async with self._store.transaction() as tx:
            digests = await tx.digests(self._connection.name, KIND, ids) if ids else {}
            rows = [
                row
                for row in page.rows
                if digests.get(row.external_id) != row.digest or (thorough and not row.complete)
            ]
            cursors = {(self._connection.name, stream): page.cursor} if page.cursor is not None else {}
            if not rows and not page.broken:
                if cursors:
                    await tx.save(Batch(cursors=cursors), run=self._run)
                return result
        rows = await self._completed(rows, result)
        done = await self._records(rows, {}, cursors, page.broken, notes_owed=True)
        result.parsed, result.touched = done.parsed, done.touched
        return result

    async def records(self, rows: Sequence[Remote], pinned: Mapping[str, int] | None = None) -> Ingested:
        """Single records, read just now. ``pinned``: external id → the lead it is known to be."""
        return await self._records(list(rows), pinned or {}, {}, ())

    async def _completed(self, rows: list[Remote], result: Ingested) -> list[Remote]:
        """Rows that lack sections, read singly; their listing digest is kept, so they stay quiet next time."""
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def complete(row: Remote) -> Remote | None:
            if row.complete:
                return row
            async with gate:
                try:
                    single = await self._connection.adapter.lead(row.external_id)
                except NotFoundError:
                    result.gone.append(row.external_id)
                    return None
                except (RejectedError, UnreadableError):
                    return row  # listed, and hidden all the same: the listing's row is all there is
                except TransientError as error:
                    self._failed(row.external_id, error)
                    return replace(row, listed=False)  # for now; it is not known by its digest, so it is tried again
            return replace(single, digest=row.digest, listed=True)

        if all(row.complete for row in rows):
            return rows
        return [row for row in await asyncio.gather(*map(complete, rows)) if row is not None]

    def _failed(self, external_id: str, error: TransientError) -> None:
        """One record must not hold up all others, as long as the vendor is well. Raises the error otherwise."""
        self._failures += 1
        if self._failures >= FAILURES_MAX or not error.sent:
            raise error
        _log.warning("lead.incomplete", connection=self._connection.name, lead=external_id, error=str(error))

    def read(self, remote: Remote) -> Reading:
        """A record in canonical terms, agents included. Raises UnreadableError."""
        return self._inward(self._connection.adapter.read_lead(remote))

    async def _records(
        self,
        rows: list[Remote],
        pinned: Mapping[str, int],
        cursors: dict[tuple[str, str], str],
        broken: Sequence[tuple[str, object]],
        *,
        notes_owed: bool = False,
    ) -> Ingested:
        now = self._clock.now()
        result = Ingested(pulled=len(rows), parsed=[row.external_id for row in rows])
        batch = Batch(cursors=cursors)
        readable: list[tuple[Remote, Reading]] = []
        name = self._connection.name
        for row in rows:
            try:
                readable.append((row, self.read(row)))
            except UnreadableError as error:
                batch.quarantine.append(Quarantined(name, KIND, row.external_id, str(error), row.payload, now))
        batch.quarantine += [Quarantined(name, KIND, key, NO_ID, payload, now) for key, payload in broken]
        async with self._store.transaction() as tx:
            graph = await graph_of(tx, name, readable, pinned)
            graph.batch = batch
            for remote, reading in readable:
                if self._one(graph, remote, reading, pinned.get(remote.external_id), now):
                    result.touched.add(remote.external_id)
                batch.unquarantine.append((name, KIND, remote.external_id))
            batch.new_leads += [graph.leads[i] for i in sorted(graph.fresh)]
            if notes_owed:
                batch.links = [replace(link, notes_read_at=None) for link in batch.links]
            batch.leads += [graph.leads[i] for i in sorted(graph.changed - graph.fresh)]
            await tx.save(batch, run=self._run)
        return result

    def _inward(self, reading: Reading) -> Reading:
        """The reading with canonical agent ids; an agent nobody knows is unmapped, not guessed."""
        names = [name for name in reading.fields if name.startswith(ASSIGNMENT)]
        if not names:
            return reading
        fields, unmapped = dict(reading.fields), dict(reading.unmapped)
        for name in names:
            external = str(fields.pop(name))
            agent = self._connection.agents_in.get(external)
            if agent is None:
                unmapped[name] = f"agent {external}"
            else:
                fields[name] = agent
        told = reading.told - unmapped.keys()
        return Reading(fields, told, unmapped)

    # -- one record ----------------------------------------------------------------------------

    def _one(self, graph: Graph, remote: Remote, reading: Reading, pinned: int | None, now: datetime) -> bool:
        """One record: find its lead, merge, note what changed. True if the graph or the base changed."""
        link = graph.links.get(remote.external_id)
        if link is not None and not homeless(link) and link.node in graph.leads:
            return self._merge(graph, graph.leads[link.node], link, remote, reading, now)
        decision = graph.decide(reading, pinned, self._connection.on_duplicate)
        fresh = Link(self._connection.name, KIND, remote.external_id, None, payload=remote.payload)
        if isinstance(decision, match.Review):
            review = {"reason": decision.reason, "candidates": sorted(decision.candidates)}
            waiting = replace(
                fresh,
                state=REVIEW,
                review=review,
                digest=remote.digest if remote.listed else None,
                time=remote.time,
                read_at=now,
            )
            graph.batch.links.append(waiting)
            graph.batch.dirty |= set(decision.candidates)
            return link is None or link.review != review
        if isinstance(decision, match.Create):
            lead = self._born(graph, remote, reading, now)
            graph.occupied.add(lead.id)
            return True
        graph.occupied.add(decision.lead_id)
        intent = next((i for i in graph.intents if i.lead == decision.lead_id), None)
        if intent is not None:
            graph.intents.remove(intent)
            graph.batch.intents_done.append(intent.id)
        graph.batch.changes.append(
            Change(
                decision.lead_id,
                "link",
                None,
                remote.external_id,
                self._connection.name,
                now,
                f"matched by {decision.by}",
                remote.external_id,
            )
        )
        linked = replace(fresh, node=decision.lead_id, read_at=None)
        lead = graph.leads[decision.lead_id]
        if intent is not None:
            linked = self._made_by_us(linked, lead, reading, intent)
        self._merge(graph, lead, linked, remote, reading, now, first=intent is None)
        return True

    def _made_by_us(self, link: Link, lead: Lead, reading: Reading, intent: Intent) -> Link:
        """The link of a record that we made without seeing the answer: the base is what we sent.

        Where it shows something else it may be somebody else's after all, so only what is equal is base; the rest
        is a conflict that the rules decide.
        """
        sent = decode_fields(intent.fingerprint.get("fields", {}))
        equal = {name: value for name, value in sent.items() if reading.fields.get(name) == value}
        ours = all(name in equal for name in sent if not spec(name).is_set)
        lenses = self._connection.adapter.lenses
        pending = unsent(lead.fields, sent, lenses.by_field, intent.at)
        defaults = filled.entries(lenses, sent)
        return replace(link, base=sent if ours else equal, pending=pending, settled=defaults, read_at=intent.at)

    # -- merging -------------------------------------------------------------------------------

    def _seen(self, remote: Remote, reading: Reading, link: Link | None) -> Seen:
        """When and where this was read: the record's own time at our clock."""
        clock, can = self._connection.adapter.clock, self._connection.adapter.capabilities
        at, uncertainty = None, 0.0
        if remote.time is not None and can.time_precision_s is not None:
            at = remote.time - timedelta(seconds=clock.offset_s)
            uncertainty = can.time_precision_s + clock.uncertainty_s
        since = link.read_at if link is not None else None
        if since is not None and self._connection.walked is not None:
            since = max(since, self._connection.walked)
        moment = Interval(at=at, uncertainty_s=uncertainty, since=since)
        return Seen(self._connection.name, remote.external_id, reading, moment)

    def _born(self, graph: Graph, remote: Remote, reading: Reading, now: datetime) -> Lead:
        """A new lead from a record nobody knew."""
        merged = born(self._seen(remote, reading, None), self._connection.policy)
        lead = Lead(graph.ids.pop(), merged.fields, merged.provenance, version=1, dirty=True, created_at=now)
        graph.leads[lead.id] = lead
        graph.fresh.add(lead.id)
        graph.batch.changes.append(
            Change(
                lead.id,
                "*",
                None,
                encode_fields(merged.fields),
                self._connection.name,
                now,
                "first seen",
                remote.external_id,
            )
        )
        graph.batch.links.append(
            Link(
                self._connection.name,
                KIND,
                remote.external_id,
                lead.id,
                base=merged.base,
                unmapped=merged.unmapped,
                payload=remote.payload,
                digest=remote.digest if remote.listed else None,
                time=remote.time,
                read_at=now,
            )
        )
        graph.index(lead)
        return lead

    def _merge(
        self,
        graph: Graph,
        lead: Lead,
        link: Link,
        remote: Remote,
        reading: Reading,
        now: datetime,
        *,
        first: bool = False,
    ) -> bool:
        first = first or link.state != LIVE
        lenses = self._connection.adapter.lenses
        reading, defaults = filled.blanked(lenses, remote.payload, reading, link.settled, link.pending)
        merged = merge(
            lead.fields,
            lead.provenance,
            lenses,
            None if first else link.base,
            filled.without(link.settled),
            filled.without(link.pending),
            self._seen(remote, reading, link),
            self._connection.policy,
        )
        touched = (
            first or merged.base != link.base or bool(merged.changes) or dict(merged.unmapped) != dict(link.unmapped)
        )
        graph.batch.links.append(
            replace(
                link,
                state=LIVE,
                node=lead.id,
                base=merged.base,
                unmapped=merged.unmapped,
                settled=filled.within(merged.settled, defaults),
                pending=merged.pending,
                payload=remote.payload,
                # A single read that showed something else outdates what was last listed.
                digest=remote.digest if remote.listed else None if touched else link.digest,
                time=remote.time,
                read_at=now,
                review=None,
            )
        )
        if touched:
            graph.batch.dirty.add(lead.id)
        name = self._connection.name
        graph.batch.changes += changes_of(lead.id, merged, name, remote.external_id, now)
        graph.batch.conflicts += conflicts_of(lead.id, merged, name, now)
        # Who said a value last is kept even where the value is the same: it decides the next conflict.
        if merged.changes or merged.provenance is not lead.provenance:
            changed = replace(lead, fields=merged.fields, provenance=merged.provenance)
            graph.leads[lead.id] = changed
            graph.changed.add(lead.id)
            graph.index(changed)
        return touched
