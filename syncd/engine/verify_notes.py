"""Verify's look at notes: is every note there that we believe is there, with the words we know, and none beside them?

    missing   linked, and not in a listing that is the whole list
    edited    says something else than when it was last read or written
    unknown   there, and linked with no note, or with one that was taken for gone
    lacking   a note of the graph that is not there or reads otherwise, though it ought to, and that is in no plan

What costs a vendor a call for each note is not read again where its list says that it has not moved, as in a pull; but
only as long as the record kept of that reading has the words that the base has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from syncd.domain import notes
from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError, VendorError
from syncd.domain.plan import plan_lead
from syncd.engine.connection import Connection
from syncd.engine.notes import KIND, LEADS_AT_ONCE, LEADS_PER_PAGE, NOT_YET, NoteIngest
from syncd.engine.push import subject_of
from syncd.ports.clock import Clock
from syncd.ports.rows import LIVE, Batch, Link, Snapshot
from syncd.ports.store import Store
from syncd.ports.vendor import NoteListing, Remote

DARK_MAX = LEADS_PER_PAGE
"""After so many records in a row without a word about notes, a vendor that may show none is not asked any more."""


@dataclass(frozen=True, slots=True)
class NoteDrift:
    """How the notes of one record differ from what they should be, in numbers of notes.

    lead      the canonical lead
    waiting   notes that lack or are unknown, and are to be planned or looked up anyway: no drift
    """

    lead: int
    missing: int = 0
    edited: int = 0
    unknown: int = 0
    lacking: int = 0
    waiting: int = 0

    @property
    def any(self) -> bool:
        """Whether there is a difference that nobody is about to look at."""
        return bool(self.missing or self.edited or self.unknown or self.lacking)

    @property
    def told(self) -> str:
        """What differs, in words, without any of the notes' own."""
        counts = {name: getattr(self, name) for name in ("missing", "edited", "unknown", "lacking")}
        return "notes: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count)


@dataclass(frozen=True, slots=True)
class _Held:
    """What we know of a record's notes: its lead with all of its notes, and their links here by external id."""

    shot: Snapshot
    links: Mapping[str, Link]


class VerifyNotes:
    """Compares the notes of records at one connection with the graph, and has what differs read again."""

    def __init__(self, store: Store, clock: Clock, connection: Connection) -> None:
        self._store, self._clock, self._connection = store, clock, connection
        self._ingest = NoteIngest(store, clock, connection)
        self._asks = connection.policy.directions.get("notes", "both") not in {"write", "off"}
        self._dark = 0
        self.compared = 0
        """Records whose notes were listed."""
        self.refused = 0
        """Records whose notes the vendor would not list."""

    @property
    def shown(self) -> bool:
        """Whether notes are asked for: not where the config reads none, nor once the vendor turned out to show none."""
        return self._asks

    async def differing(self, records: Sequence[str]) -> dict[str, NoteDrift]:
        """Linked records (external ids) → how their notes differ; only those with a difference. Raises VendorError.

        A record that is gone, or not shown yet, is passed over.
        """
        found: dict[str, NoteDrift] = {}
        for start in range(0, len(records), LEADS_PER_PAGE):
            chunk = records[start : start + LEADS_PER_PAGE]
            held = await self._held(chunk)
            listings = await self._listed(held) if self._asks else {}
            links = await self._others(held, listings)
            for record, one in held.items():
                drift = self._compared(record, one, listings.get(record), links)
                if drift.any or drift.waiting:
                    found[record] = drift
        return found

    async def repair(self, drifts: Mapping[str, NoteDrift]) -> None:
        """Have these read as a pull would, unmoved ones too, and planned. The caller holds the connection."""
        held = await self._held([record for record, drift in drifts.items() if drift.edited])
        links = [replace(link, mark="") for one in held.values() for link in one.links.values() if link.mark]
        async with self._store.transaction() as tx:
            await tx.lock([drift.lead for drift in drifts.values()])
            await tx.save(Batch(links=links, dirty={drift.lead for drift in drifts.values()}))
        await self._ingest.leads(list(drifts))

    # -- what is known, and what is there ----------------------------------------------------------

    async def _held(self, records: Sequence[str]) -> dict[str, _Held]:
        name = self._connection.name
        async with self._store.reads() as tx:
            leads = await tx.links(name, "lead", records)
        nodes = {link.node: record for record, link in leads.items() if link.state == LIVE and link.node is not None}
        shots: dict[int, Snapshot] = {}
        if nodes:
            async for some in self._store.snapshots(leads=list(nodes)):
                shots |= {shot.lead.id: shot for shot in some}
        ids = {note.id: shot.lead.id for shot in shots.values() for note in shot.notes}
        links: dict[int, dict[str, Link]] = {lead: {} for lead in shots}
        async with self._store.reads() as tx:
            for link in await tx.links_of(KIND, list(ids), name) if ids else ():
                if link.node is not None:
                    links[ids[link.node]][link.external_id] = link
        return {nodes[lead]: _Held(shot, links[lead]) for lead, shot in shots.items()}

    async def _listed(self, held: Mapping[str, _Held]) -> dict[str, NoteListing]:
        """What the vendor shows, a few records at a time. Raises the first error that is not about a record alone."""
        gate, errors = asyncio.Semaphore(LEADS_AT_ONCE), list[VendorError]()
        found: dict[str, NoteListing] = {}

        async def ask(record: str, one: _Held) -> None:
            here = (link for link in one.links.values() if link.parent == record)
            known = {link.external_id: link.mark for link in here if self._vouched(link)}
            async with gate:
                if errors:
                    return
                try:
                    found[record] = await self._connection.adapter.notes(record, known)
                except NotFoundError:
                    return
                except RejectedError:
                    self.refused += 1
                except VendorError as error:
                    if not (isinstance(error, TransientError) and error.status == NOT_YET):
                        errors.append(error)

        await asyncio.gather(*(ask(record, one) for record, one in held.items()))
        if errors:
            raise errors[0]
        shown = {record: listing for record, listing in found.items() if listing.readable}
        self._dark = 0 if shown else self._dark + len(found)
        self._asks = self._dark < DARK_MAX
        self.compared += len(shown)
        return shown

    def _vouched(self, link: Link) -> bool:
        """Whether a note that has not moved says what its base says: the record of its last reading does."""
        if not link.mark or link.state != LIVE or link.payload is None:
            return False
        text = self._text(Remote(KIND, link.external_id, link.payload, b"", link.time))
        return text is not None and notes.same(text, _shown(link))

    def _text(self, remote: Remote) -> str | None:
        """What a note says; None if it cannot be read, and is in quarantine or will be."""
        try:
            return self._ingest.read(remote).text
        except UnreadableError:
            return None

    async def _others(self, held: Mapping[str, _Held], listings: Mapping[str, NoteListing]) -> Mapping[str, Link]:
        """Links of listed notes that no note of these leads has: another lead's, or of a note that is no more."""
        known = {note for one in held.values() for note in one.links}
        strangers = {row.external_id for listing in listings.values() for row in listing.rows} - known
        if not strangers:
            return {}
        async with self._store.reads() as tx:
            return await tx.links(self._connection.name, KIND, strangers)

    # -- the comparison ------------------------------------------------------------------------------

    def _compared(self, record: str, held: _Held, listing: NoteListing | None, others: Mapping[str, Link]) -> NoteDrift:
        shot, links = held.shot, {**others, **held.links}
        strange: set[str] = set()
        edited: set[str] = set()
        missing: set[str] = set()
        if listing is not None:
            for row in listing.rows:
                link, text = links.get(row.external_id), self._text(row)
                if text is not None and (link is None or link.state != LIVE):
                    strange.add(row.external_id)
                elif text is not None and link is not None and not self._says(link, text):
                    edited.add(row.external_id)
            missing = {note for note, link in held.links.items() if self._missing(record, link, listing)}
        # What is to be written where the base was wrong is nothing to go by.
        lacking = len(self._planned(shot, without=edited | missing))
        waiting = lacking if shot.lead.dirty else 0
        if any((at, kind) == (self._connection.name, KIND) for at, kind, _, _ in shot.waiting):
            # One of them may be the note whose create was never answered: recovery looks it up.
            waiting, strange = waiting + len(strange), set()
        unplanned = 0 if shot.lead.dirty else lacking
        return NoteDrift(shot.lead.id, len(missing), len(edited), len(strange), unplanned, waiting)

    def _planned(self, shot: Snapshot, *, without: Collection[str]) -> set[int]:
        """Notes of the graph that the planner would write here."""
        if not shot.notes:
            return set()
        operations = plan_lead(subject_of(shot), [self._connection.target]).operations
        return {op.note for op in operations if op.kind == KIND and op.external_id not in without}

    def _says(self, link: Link, text: str) -> bool:
        """Whether a note still says what its base says; one that the vendor cut does."""
        shown, limit = _shown(link), self._connection.adapter.capabilities.note_max
        return notes.same(shown, text) or (bool(limit) and notes.same(shown[:limit], text))

    def _missing(self, record: str, link: Link, listing: NoteListing) -> bool:
        """Whether a note that hung on this record is gone. One too young to be visible everywhere is not."""
        if not listing.complete or link.state != LIVE or link.parent != record or link.external_id in listing.present:
            return False
        lag = timedelta(seconds=self._connection.adapter.capabilities.create_lag_s)
        return link.read_at is None or self._clock.now() - link.read_at > lag


def _shown(link: Link) -> str:
    text = link.base.get("text")
    return text if isinstance(text, str) else ""
