"""Notes: written by a call, read only where the view of a lead happens to carry them (vendors/epixel.md §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from hashlib import blake2b
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError, UnreadableError, VendorError
from syncd.domain.lens import Payload
from syncd.domain.normalize import moment, note_text
from syncd.ports.vendor import NoteDraft, NoteListing, NoteReading, Remote, Written
from syncd.vendors.epixel.answers import NOTE_KEYS, id_told, scalar
from syncd.vendors.epixel.capabilities import NOTE_CHARACTERS_MAX
from syncd.vendors.epixel.client import NOTE_CREATE, NOTE_DELETE, Client
from syncd.vendors.epixel.payload import first, word_of
from syncd.vendors.epixel.walk import LeadRows, Walk
from syncd.vendors.http import digest

LOCAL = "w:"
"""Begins the id of a note that was written and cannot be read: the vendor told none."""
IDS = ("id", "note_id")
TEXTS = ("note", "content", "text", "body")
TIMES = ("created_at", "created", "date")
AUTHORS = ("created_by", "user", "author")


class Notes:
    """The notes of one connection's leads."""

    def __init__(self, client: Client, walk: Walk, rows: LeadRows) -> None:
        self._client, self._walk, self._rows = client, walk, rows

    async def listing(self, slug: str, known: Mapping[str, str]) -> NoteListing:
        """As `Adapter.notes`. A lead this user may not see proves nothing about its notes. Raises NotFoundError."""
        if self._rows.write_only:
            return NoteListing((), frozenset(), complete=False, readable=False)
        try:
            view = await self._view(slug)
        except RejectedError:
            return NoteListing((), frozenset(), complete=False, readable=self._rows.notes_shown)
        if not self._rows.notes_shown:
            return NoteListing((), frozenset(), complete=False, readable=False)
        rows = _rows(view)
        named = [(note, row) for row in rows if (note := _id_of(row))]
        marks = {note: digest(row).hex()[:16] for note, row in named}
        return NoteListing(
            rows=[
                Remote("note", note, row, digest(row), listed=False)
                for note, row in named
                if known.get(note) != marks[note]
            ],
            present=frozenset(marks),
            complete=len(named) == len(rows),
            marks=marks,
        )

    async def create(self, slug: str, draft: NoteDraft, present: Payload | None) -> Written:
        """As `Adapter.create_note`. Raises RejectedError for a note that is blank, or over 499 characters."""
        if not draft.text.strip() or len(draft.text) > NOTE_CHARACTERS_MAX:
            message = f"a note has 1 to {NOTE_CHARACTERS_MAX} characters there"
            raise RejectedError(message)
        answer = await self._client.post(NOTE_CREATE, {"slug": slug, "note": draft.text}, repeat=False)
        told = id_told(answer.data, "note_id", "note")
        return Written(told or await self._find(slug, draft.text, present or {}))

    async def delete(self, note: str) -> None:
        """As `Adapter.delete_note`; done as well if somebody else did."""
        if note.startswith(LOCAL):
            message = "Epixel told no id of this note: it cannot be deleted from here"
            raise RejectedError(message)
        try:
            await self._client.post(NOTE_DELETE, {"note_id": note}, repeat=True)
        except NotFoundError:
            return

    async def _view(self, slug: str) -> Payload:
        view = await self._walk.view(slug)
        self._rows.single(slug, view)
        return view

    async def _find(self, slug: str, body: str, before: Payload) -> str:
        """The id of the note just written, out of the view; "" if it must be there, a local one if nobody can tell."""
        try:
            view = await self._view(slug)
        except VendorError:  # it was written all the same
            view = {}
        known = {_id_of(row) for row in _rows(before)}
        wanted = note_text(body)
        found = [note for row in _rows(view) if (note := _id_of(row)) and _shows(row, wanted)]
        fresh = [note for note in found if note not in known]
        if fresh or found:
            return (fresh or found)[-1]
        return "" if self._rows.notes_shown else local_id(slug, wanted)


def local_id(slug: str, body: str) -> str:
    """What a note is called here that the vendor gave no id."""
    return LOCAL + blake2b(f"{slug}\0{body}".encode(errors="replace"), digest_size=12).hexdigest()


def reading(remote: Remote, zone: tzinfo) -> NoteReading:
    """As `Adapter.read_note`."""
    row = remote.payload
    return NoteReading(text=note_text(first(row, TEXTS)), author=_author(row), written_at=_time(row, zone))


def _rows(view: Payload) -> Sequence[Mapping[str, Any]]:
    found: list[Any] = next((view[key] for key in NOTE_KEYS if isinstance(view.get(key), list)), [])
    return [row if isinstance(row, Mapping) else {} for row in found]


def _id_of(row: Mapping[str, Any]) -> str:
    return next((found for key in IDS if (found := scalar(row.get(key)))), "")


def _shows(row: Mapping[str, Any], wanted: str) -> bool:
    try:
        return note_text(first(row, TEXTS)) == wanted
    except UnreadableError:
        return False


def _author(row: Mapping[str, Any]) -> str:
    try:
        return word_of(first(row, AUTHORS), "username", "user_name", "email", "name")
    except UnreadableError:
        return ""


def _time(row: Mapping[str, Any], zone: tzinfo) -> datetime | None:
    try:
        return moment(first(row, TIMES), zone)
    except UnreadableError:
        return None
