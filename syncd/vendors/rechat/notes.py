"""Notes: rows of their own type that come with the contact (vendors/rechat.md §7)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from syncd.domain.errors import NotFoundError, UnreadableError, VendorError
from syncd.domain.normalize import note_text
from syncd.ports.vendor import NoteDraft, NoteListing, NoteReading, Remote, Written
from syncd.vendors.http import digest
from syncd.vendors.rechat.client import CONTACT, ROW, ROWS, SHOWING, Client, external_id, unwrap
from syncd.vendors.rechat.rows import NOTE, listed, type_of
from syncd.vendors.rechat.values import identity, stamp, when

MARK_KEYS = ("text", "created_by", "created_at", "updated_at")


def listing(payload: Mapping[str, Any], known: Mapping[str, str]) -> NoteListing:
    """As `Adapter.notes`, from the contact. Raises UnreadableError where it was read without its rows."""
    remotes = {external_id(row): _remote(row) for row in listed(payload, NOTE) if external_id(row)}
    marks = {note: remote.digest.hex() for note, remote in remotes.items()}
    rows = [remote for note, remote in remotes.items() if known.get(note) != marks[note]]
    return NoteListing(rows=rows, present=frozenset(remotes), marks=marks)


def reading(remote: Remote) -> NoteReading:
    """As `Adapter.read_note`."""
    return NoteReading(
        text=note_text(remote.payload.get("text")),
        author=identity(remote.payload.get("created_by")),
        written_at=when(remote.payload.get("created_at")),
    )


async def create(client: Client, contact: str, draft: NoteDraft, present: Remote | None) -> Written:
    """Append a note; its id is that of the new row with our text.

    An answer without rows is followed by a look at the contact (§7); "" where that does not show it either.
    """
    body = {"attributes": [{"attribute_type": NOTE, "text": draft.text}]}
    answer = await client.write("POST", ROWS, {"id": contact}, body)
    before = _ids(present.payload) if present is not None else frozenset()
    words = note_text(draft.text)
    made = _made(unwrap(answer.data), words, before)
    if not made:
        with suppress(VendorError):  # the note is there: a failure to find it must not look like a failure to write
            made = _made(await client.one(CONTACT, {"id": contact}, SHOWING), words, before)
    return Written(made)


async def update(client: Client, contact: str, note: str, draft: NoteDraft) -> None:
    """Replace a note's text. Raises VendorError."""
    await client.write("PUT", ROW, {"id": contact, "row": note}, {"text": draft.text}, repeat=True)


async def delete(client: Client, contact: str, note: str) -> None:
    """Delete a note; done as well if it is gone already."""
    try:
        await client.write("DELETE", ROW, {"id": contact, "row": note}, repeat=True)
    except NotFoundError:
        return


def _remote(row: Mapping[str, Any]) -> Remote:
    time = when(row.get("updated_at")) or when(row.get("created_at"))
    mark = digest({key: row.get(key) for key in MARK_KEYS})
    return Remote("note", external_id(row), row, mark, time, listed=False)


def _ids(payload: Mapping[str, Any]) -> frozenset[str]:
    rows = payload.get("attributes")
    return frozenset(map(external_id, rows)) if isinstance(rows, list) else frozenset()


def _made(answer: Any, words: str, before: frozenset[str]) -> str:
    """The id of the newest row with these words that was not there before."""
    rows = answer.get("attributes") if isinstance(answer, Mapping) and "attributes" in answer else answer
    rows = [rows] if isinstance(rows, Mapping) else rows if isinstance(rows, list) else []
    fitting = [row for row in rows if _is_note(row, words) and external_id(row) not in before]
    newest = max(fitting, key=lambda row: (stamp(row.get("created_at")) or 0, external_id(row)), default=None)
    return external_id(newest) if newest is not None else ""


def _is_note(row: Any, words: str) -> bool:
    if not isinstance(row, Mapping) or row.get("deleted_at") or type_of(row) not in {NOTE, ""}:
        return False
    try:
        return bool(external_id(row)) and note_text(row.get("text")) == words
    except UnreadableError:
        return False
