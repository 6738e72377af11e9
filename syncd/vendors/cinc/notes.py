"""Notes: listed without their text, read one by one, only ever appended (vendors/cinc.md §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from syncd.domain.errors import NotFoundError, UnreadableError
from syncd.domain.normalize import fold, moment, note_text, text
from syncd.ports.vendor import NoteDraft, NoteListing, NoteReading, Remote
from syncd.vendors.cinc.client import NOTE, NOTES, Client
from syncd.vendors.cinc.listing import whole
from syncd.vendors.cinc.payload import flag
from syncd.vendors.http import digest

UNMOVED = "-"
"""The mark of a note whose listing tells no time: it is read once."""
KINDS: Mapping[str, str] = {
    "call": "call",
    "email": "email",
    "general": "general",
    "info": "system",
    "inquiry": "system",
    "landing_page": "system",
    "searching": "system",
}
CATEGORIES: Mapping[str, str] = {
    "call": "call",
    "email": "email",
    "general": "general",
    "system": "info",
    "text": "other",
    "meeting": "other",
}
T = TypeVar("T")


async def listing(client: Client, lead: str, known: Mapping[str, str]) -> NoteListing:
    """As `Adapter.notes`: one GET for each note that is new or has moved."""
    rows, proved = await whole(client, NOTES, "notes", {"id": lead})
    marks = {note: _mark(row) for note, row in rows}
    wanted = [(note, row) for note, row in rows if known.get(note) != marks[note]]
    read = await _together([_read(client, note, row) for note, row in wanted])
    gone = {note for (note, _), remote in zip(wanted, read, strict=True) if remote is None}
    return NoteListing(
        rows=[remote for remote in read if remote is not None],
        present=frozenset(marks) - gone,
        complete=proved,
        marks={note: mark for note, mark in marks.items() if note not in gone},
    )


def reading(remote: Remote) -> NoteReading:
    """As `Adapter.read_note`."""
    note = remote.payload
    kind = fold(text(note.get("category"))).replace(" ", "_")
    return NoteReading(
        text=note_text(note.get("content")),
        author=text(note.get("created_by") or note.get("creator_by")),
        written_at=moment(note.get("created_date")),
        kind=KINDS.get(kind, "general"),
        pinned=bool(flag(note, "is_pinned")),
    )


def entry(draft: NoteDraft) -> dict[str, Any]:
    """The note as it goes into the body of a lead. ``notified_agents`` is never sent: it alerts people."""
    body = {
        "content": draft.text,
        "category": CATEGORIES.get(draft.kind, "general"),
        "is_pinned": draft.pinned,
    }
    return {**body, "created_by": draft.author} if draft.author else body


def _mark(row: Mapping[str, Any]) -> str:
    """When the list says the note was last changed, in one spelling."""
    try:
        told = moment(row.get("updated_date"))
    except UnreadableError:
        return UNMOVED
    return told.isoformat() if told else UNMOVED


async def _read(client: Client, note: str, row: Mapping[str, Any]) -> Remote | None:
    """The note with its text; None if it went away since it was listed."""
    try:
        single = await client.one(NOTE, "note", {"note_id": note})
    except NotFoundError:
        return None
    payload = {**row, **single}
    try:
        time = moment(payload.get("updated_date")) or moment(payload.get("created_date"))
    except UnreadableError:
        time = None
    return Remote("note", note, payload, digest(payload), time, listed=False)


async def _together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run reads side by side (the wire has 8 places); the first failure stops the others and is raised."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
