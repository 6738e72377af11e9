"""Notes come in per lead: list, read what is new or moved, recognise our own, keep the rest.

A note without a link is one of three things, tried in this order: a create of ours whose answer we never
saw (its intent waits, the text is equal), a text that carries our header (the reference in it names the
canonical note), or something a person typed. Identical texts typed twice are two notes, because each
has its own external id; a text of ours is never taken for a person's, because its header is unique.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from syncd.domain import notes
from syncd.domain.errors import NotFoundError, TransientError, UnreadableError
from syncd.engine.connection import Connection, Progress, silent
from syncd.ports.clock import Clock
from syncd.ports.rows import LIVE, TOMBSTONE, Batch, Change, Intent, Link, Note, Quarantined
from syncd.ports.store import Store, Tx
from syncd.ports.vendor import NoteListing, NoteReading, Remote

KIND = "note"
LEADS_AT_ONCE = 8
LEADS_PER_PAGE = 64
NOT_YET = 404
"""A TransientError of this status: the vendor does not show yet what we created there."""
_log = structlog.get_logger()


@dataclass(slots=True)
class NotesIngested:
    """What came in: notes read, how many of them were new, edited or gone, and whether notes can be read at all."""

    read: int = 0
    changed: int = 0
    readable: bool = True


@dataclass(slots=True)
class _Page:
    """One transaction's worth of listings with what the graph knows of them."""

    batch: Batch
    links: dict[str, Link]
    notes: dict[int, Note]
    intents: list[Intent]
    ids: list[int]
    result: NotesIngested = field(default_factory=NotesIngested)


class NoteIngest:
    """Reads the notes of leads at one connection into the graph."""

    def __init__(
        self, store: Store, clock: Clock, connection: Connection, *, run: int | None = None, failures_max: int = 1
    ) -> None:
        """``failures_max``: so many leads whose notes cannot be read are too many; fewer are passed over."""
        self._store = store
        self._clock = clock
        self._connection = connection
        self._run = run
        self._failures_left = failures_max

    @property
    def wanted(self) -> bool:
        """Whether notes are read at this connection at all."""
        return self._connection.policy.directions.get("notes", "both") not in {"write", "off"}

    async def leads(self, lead_ids: Sequence[str], progress: Progress = silent) -> NotesIngested:
        """Read the notes of these leads (external ids). A lead that is gone is passed over."""
        total = NotesIngested()
        if not self.wanted:
            return total
        for start in range(0, len(lead_ids), LEADS_PER_PAGE):
            chunk = lead_ids[start : start + LEADS_PER_PAGE]
            listings, gone = await self._fetch(chunk)
            total.readable = all(listing.readable for listing in listings.values())
            done = await self._ingest(listings, gone)
            total.read += done.read
            total.changed += done.changed
            progress("notes", self._connection.name, start + len(chunk), len(lead_ids))
        return total

    async def _fetch(self, lead_ids: Sequence[str]) -> tuple[dict[str, NoteListing], list[str]]:
        """The listings of some leads, a few at a time, and which leads are gone; outside any transaction."""
        async with self._store.transaction() as tx:
            known = await self._known(tx, lead_ids)
        gate = asyncio.Semaphore(LEADS_AT_ONCE)
        gone: list[str] = []

        async def fetch(lead_id: str) -> tuple[str, NoteListing | None]:
            async with gate:
                try:
                    return lead_id, await self._connection.adapter.notes(lead_id, known.get(lead_id, {}))
                except NotFoundError:
                    gone.append(lead_id)
                    return lead_id, None
                except TransientError as error:
                    if error.status != NOT_YET:
                        self._failed(lead_id, error)
                    return lead_id, None  # else created a moment ago: its notes are read once it shows

        answers = await asyncio.gather(*(fetch(lead_id) for lead_id in lead_ids))
        return {lead_id: listing for lead_id, listing in answers if listing is not None}, gone

    def _failed(self, lead_id: str, error: TransientError) -> None:
        """One lead must not hold up all others, as long as the vendor is well. Raises the error otherwise."""
        self._failures_left -= 1
        if self._failures_left <= 0 or not error.sent:
            raise error
        _log.warning("notes.passed_over", connection=self._connection.name, lead=lead_id, error=str(error))

    async def _known(self, tx: Tx, lead_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """External lead id → {external note id: mark} of live notes already read."""
        links = await self._note_links(tx, lead_ids)
        known: dict[str, dict[str, str]] = {}
        for link in links.values():
            if link.mark and link.state == LIVE:
                known.setdefault(link.parent, {})[link.external_id] = link.mark
        return known

    async def _note_links(self, tx: Tx, lead_ids: Sequence[str]) -> dict[str, Link]:
        leads = await tx.links(self._connection.name, "lead", lead_ids)
        nodes = [link.node for link in leads.values() if link.node is not None]
        held = await tx.notes(nodes)
        links = await tx.links_of(KIND, [note.id for note in held], self._connection.name)
        return {link.external_id: link for link in links}

    async def _ingest(self, listings: Mapping[str, NoteListing], gone: Sequence[str]) -> NotesIngested:
        """One transaction for a chunk of leads. Those that are ``gone`` count as read: a walk sees to them."""
        rows = sum(len(listing.rows) for listing in listings.values())
        async with self._store.transaction() as tx:
            leads = await tx.links(self._connection.name, "lead", list(listings))
            nodes = {k: link.node for k, link in leads.items() if link.node is not None and link.state == LIVE}
            await tx.leads(list(nodes.values()))
            page = _Page(
                batch=Batch(),
                links=dict(await tx.links(self._connection.name, KIND, _ids(listings))),
                notes={note.id: note for note in await tx.notes(list(nodes.values()))},
                intents=[i for i in await tx.intents(self._connection.name) if i.kind == KIND],
                ids=list(await tx.new_ids(KIND, rows)) if rows else [],
            )
            here = await tx.links_of(KIND, list(page.notes), self._connection.name)
            page.links.update({link.external_id: link for link in here})
            for lead_id, listing in listings.items():
                node = nodes.get(lead_id)
                if node is None:
                    continue
                for remote in sorted(listing.rows, key=lambda row: row.external_id):
                    self._row(page, node, lead_id, listing, remote)
                self._gone(page, node, lead_id, listing)
                page.batch.notes_read[self._connection.name, lead_id] = self._clock.now()
            page.batch.notes_read |= {(self._connection.name, lead_id): self._clock.now() for lead_id in gone}
            await tx.save(page.batch, run=self._run)
        page.result.read = rows
        return page.result

    def _row(self, page: _Page, node: int, lead_id: str, listing: NoteListing, remote: Remote) -> None:
        key = (self._connection.name, KIND, remote.external_id)
        try:
            reading = self.read(remote)
        except UnreadableError as error:
            row = Quarantined(*key, str(error), remote.payload, self._clock.now(), parent=lead_id)
            page.batch.quarantine.append(row)
            return
        page.batch.unquarantine.append(key)
        mark = listing.marks.get(remote.external_id, "")
        link = page.links.get(remote.external_id)
        if link is not None:
            self._again(page, node, link, reading, remote, mark)
            return
        page.result.changed += 1
        intent = next((i for i in page.intents if self._is_ours(i, node, reading.text)), None)
        if intent is not None and intent.note is not None:
            page.intents.remove(intent)
            page.batch.intents_done.append(intent.id)
            self._link(page, remote, lead_id, intent.note, intent.part, reading.text, mark)
            return
        header, body = notes.parse(reading.text, self._connection.note_header)
        copied = self._copied(page, node, header, body)
        if copied is not None:
            part = header.part if header is not None and copied.id == header.note else 0
            self._link(page, remote, lead_id, copied.id, part, reading.text, mark)
            page.batch.dirty.add(node)
            return
        ours = page.notes.get(header.note) if header is not None else None
        if ours is not None and notes.same(body, ours.body):
            header, body = None, reading.text  # a person copied one of our copies, header and all
        self._new(page, node, lead_id, remote, reading, header, body, mark)

    def _copied(self, page: _Page, node: int, header: notes.Header | None, body: str) -> Note | None:
        """The note that an unlinked text is a copy of, or, where this is its origin, that its copies tell of.

        A header's number is only believed where the words agree, or where such a copy was just sent: notes numbered by
        another database, lost or older than this one, bear numbers too. Those are known by their words.
        """
        ours = page.notes.get(header.note) if header is not None else None
        if header is not None and ours is not None and not self._taken(page, ours.id, header.part):
            sent = any(intent.note == ours.id for intent in page.intents)
            piece = header.part and _squeezed(body) in _squeezed(ours.body)
            if sent or piece or notes.same(body, ours.body):
                return ours
        here = self._connection.name
        for note in page.notes.values():
            told = note.origin != here if header is not None else note.origin == here
            alike = told and note.lead == node and not note.deleted and notes.same(note.body, body)
            if alike and not self._taken(page, note.id, 0):
                return note
        return None

    def read(self, remote: Remote) -> NoteReading:
        """A note as the vendor shows it. Raises UnreadableError, also for what no person can have typed."""
        reading = self._connection.adapter.read_note(remote)
        if len(reading.text) > notes.BODY_CHARS_MAX:
            raise UnreadableError(f"a note of more than {notes.BODY_CHARS_MAX} characters")
        return reading

    def _is_ours(self, intent: Intent, node: int, text: str) -> bool:
        wanted = intent.fingerprint.get("text")
        if intent.lead != node or not isinstance(wanted, str):
            return False
        limit = self._connection.adapter.capabilities.note_max
        return notes.same(text, wanted) or (bool(limit) and notes.same(text, wanted[:limit]))

    def _taken(self, page: _Page, note: int, part: int) -> bool:
        return any(
            link.node == note and link.part == part and link.connection == self._connection.name
            for link in page.links.values()
        )

    def _link(self, page: _Page, remote: Remote, lead_id: str, note: int, part: int, text: str, mark: str) -> None:
        link = Link(
            connection=self._connection.name,
            kind=KIND,
            external_id=remote.external_id,
            node=note,
            part=part,
            base={"text": text},
            payload=remote.payload,
            time=remote.time,
            read_at=self._clock.now(),
            parent=lead_id,
            mark=mark,
        )
        page.links[remote.external_id] = link
        page.batch.links.append(link)

    def _new(
        self,
        page: _Page,
        node: int,
        lead_id: str,
        remote: Remote,
        reading: NoteReading,
        header: notes.Header | None,
        body: str,
        mark: str,
    ) -> None:
        """A note a person typed here; or one that was carried here once, as its header tells, from where it came."""
        now, here = self._clock.now(), self._connection.name
        carried = header is not None and header.origin != here and header.origin in self._connection.policy.order
        note = Note(
            id=page.ids.pop(),
            lead=node,
            body=body,
            author=None if carried else self._connection.agents_in.get(reading.author),
            author_name=header.author if carried and header is not None else "",
            written_at=reading.written_at,
            kind=reading.kind,
            pinned=reading.pinned,
            origin=header.origin if carried and header is not None else here,
        )
        page.notes[note.id] = note
        page.batch.notes.append(note)
        self._link(page, remote, lead_id, note.id, 0, reading.text, mark)
        page.batch.dirty.add(node)
        page.batch.changes.append(
            Change(node, "note", None, {"note": note.id}, self._connection.name, now, "", remote.external_id)
        )

    def _again(self, page: _Page, node: int, link: Link, reading: NoteReading, remote: Remote, mark: str) -> None:
        """A linked note read once more: unchanged, edited by a person, or back from the dead."""
        shown = link.base.get("text")
        fresh = replace(
            link,
            state=LIVE,
            base={"text": reading.text},
            payload=remote.payload,
            time=remote.time,
            read_at=self._clock.now(),
            mark=mark,
        )
        edited = not (isinstance(shown, str) and notes.same(shown, reading.text))
        if edited or link.state != LIVE or link.mark != mark:
            page.links[link.external_id] = fresh
            page.batch.links.append(fresh)
        note = page.notes.get(link.node) if link.node is not None else None
        if not edited or note is None:
            return
        limit = self._connection.adapter.capabilities.note_max
        if isinstance(shown, str) and limit and notes.same(shown[:limit], reading.text):
            return  # cut by the vendor: a declared loss is not an edit
        page.result.changed += 1
        body = self._edited_body(link, note, reading)
        if notes.same(body, note.body):
            return
        changed = replace(note, body=body)
        page.notes[note.id] = changed
        page.batch.notes.append(changed)
        page.batch.dirty.add(node)
        page.batch.changes.append(
            Change(
                node,
                "note",
                {"note": note.id, "body": note.body},
                {"note": note.id, "body": body},
                self._connection.name,
                self._clock.now(),
                "edited",
                link.external_id,
            )
        )

    def _edited_body(self, link: Link, note: Note, reading: NoteReading) -> str:
        """The canonical body after this text was edited here; a header, if still there, is not part of it."""
        header, body = notes.parse(reading.text, self._connection.note_header)
        if note.origin == self._connection.name:
            return reading.text
        text = reading.text if header is None else body
        part = link.part or (header.part if header is not None else 0) or _part_of(link, self._connection.note_header)
        if not part:
            return text
        plain = header or notes.Header(note.origin, note.author_name, "", note.kind, note.id)
        whole = replace(plain, part=0, parts=0)
        room = notes.room_for(whole, self._connection.adapter.capabilities.note_max, self._connection.note_header)
        return notes.replace_piece(note.body, room, part, text)

    def _gone(self, page: _Page, node: int, lead_id: str, listing: NoteListing) -> None:
        """Notes missing from a complete listing: tombstoned here, left alone elsewhere.

        A note too young to be visible everywhere yet is not missing.
        """
        if not listing.complete:
            return
        lag = timedelta(seconds=self._connection.adapter.capabilities.create_lag_s)
        now = self._clock.now()
        for link in list(page.links.values()):
            if link.parent != lead_id or link.state != LIVE or link.external_id in listing.present:
                continue
            if link.read_at is not None and now - link.read_at <= lag:
                continue
            page.links[link.external_id] = replace(link, state=TOMBSTONE)
            page.batch.links.append(page.links[link.external_id])
            page.result.changed += 1
            page.batch.changes.append(
                Change(
                    node,
                    "note",
                    {"note": link.node},
                    None,
                    self._connection.name,
                    now,
                    "absent from a complete listing",
                    link.external_id,
                )
            )


def _squeezed(text: str) -> str:
    """Without white space: vendors trim it where a note was cut."""
    return "".join(text.split())


def _part_of(link: Link, template: str) -> int:
    """Which part the text was before somebody took its header away; 0 if it was whole."""
    shown = link.base.get("text")
    header, _ = notes.parse(shown, template) if isinstance(shown, str) else (None, "")
    return header.part if header is not None else 0


def _ids(listings: Mapping[str, NoteListing]) -> list[str]:
    return [row.external_id for listing in listings.values() for row in listing.rows]
