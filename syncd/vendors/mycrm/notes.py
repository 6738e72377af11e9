"""Notes are a part of the lead: read with it, added by updating it (vendors/mycrm.md §7).

There is no call for a note. A new one goes out in a PUT of the whole lead, behind all notes the lead shows, so that
nothing is lost whether MyCRM appends what it gets or replaces what it has. Should it append even what it has already,
the old notes appear twice: then no further note is written that way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload
from syncd.domain.normalize import moment, note_text
from syncd.ports.clock import Clock
from syncd.ports.vendor import NoteListing, NoteReading, Remote
from syncd.vendors.http import digest
from syncd.vendors.mycrm.values import identity

WATCHED_MAX = 1000
SHELF_CHARACTERS_MAX = 32 * 1024 * 1024
SHELF_ENTRY_CHARACTERS = 100
SHELF_IDLE_S = 0.9
"""Shorter than anybody waits before looking again for a note whose answer was lost."""
_BODIES = ("body", "note", "text")
_TIMES = ("created_at", "created", "date")
_AUTHORS = ("user", "author", "created_by")
_log = structlog.get_logger()


def told(payload: Payload) -> bool:
    """Whether this payload says what notes the lead has."""
    return isinstance(payload.get("notes"), list)


def entries(payload: Payload) -> list[tuple[str, Mapping[str, Any]]]:
    """(id, entry) of the notes a lead shows; what has no id cannot be told apart and is left out."""
    rows = payload.get("notes")
    found = [(identity(row), row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return [(note, row) for note, row in found if note]


def listing(payload: Payload, known: Mapping[str, str]) -> NoteListing:
    """As `Adapter.notes`, from the lead's payload."""
    rows = {note: _remote(note, row) for note, row in entries(payload)}
    marks = {note: remote.digest.hex() for note, remote in rows.items()}
    shown = payload.get("notes")
    return NoteListing(
        rows=[remote for note, remote in rows.items() if known.get(note) != marks[note]],
        present=frozenset(rows),
        complete=isinstance(shown, list) and len(shown) == len(rows),
        marks=marks,
    )


def reading(remote: Remote) -> NoteReading:
    """As `Adapter.read_note`."""
    note = remote.payload
    return NoteReading(
        text=note_text(_first(note, _BODIES)),
        author=identity(_first(note, _AUTHORS)),
        written_at=moment(_first(note, _TIMES)),
    )


def obstacle(payload: Payload) -> str:
    """Why no note may be added to this lead, "" if one may: what cannot be sent back could be lost."""
    rows = payload.get("notes", ())
    if "notes" not in payload or (rows and not isinstance(rows, list)):
        return "MyCRM does not show what notes the lead has"
    return "" if len(rows or ()) == len(entries(payload)) else "the lead has notes without an id"


def body_with(payload: Payload, text: str) -> list[dict[str, Any]]:
    """All notes the lead shows, and a new one."""
    there = [{"id": row["id"], "body": _first(row, _BODIES) or ""} for _, row in entries(payload)]
    return [*there, {"body": text}]


def made(before: Payload, after: Payload, text: str) -> str:
    """The id of the note that appeared with this text (or its beginning, where it was cut); "" if none did."""
    old = {note for note, _ in entries(before)}
    wanted = note_text(text)
    fresh = [(note, _body(row)) for note, row in entries(after) if note not in old]
    exact = [note for note, body in fresh if body == wanted]
    cut = [note for note, body in fresh if body and wanted.startswith(body)]
    return next(iter([*exact, *cut]), "")


class Doubling:
    """Watches whether old notes appear twice after a new one was added."""

    def __init__(self, name: str, *, found: bool) -> None:
        """``found``: an earlier adapter of this connection saw it."""
        self._name, self.found = name, found
        self._before: dict[str, Counter[str]] = {}

    def added(self, lead: str, before: Payload, text: str) -> None:
        """A note goes out for a lead that shows ``before``."""
        bodies = Counter(_body(row) for _, row in entries(before))
        bodies.pop(note_text(text), None)  # that one appears once more by right
        self._before.pop(lead, None)
        if bodies:
            self._before[lead] = bodies
        while len(self._before) > WATCHED_MAX:
            del self._before[next(iter(self._before))]

    def notice(self, lead: str, payload: Payload) -> None:
        """The lead was read again."""
        before = self._before.pop(lead, None) if told(payload) else None
        if before is None or self.found:
            return
        now = Counter(_body(row) for _, row in entries(payload))
        if all(now[body] >= 2 * count for body, count in before.items()):
            self.found = True
            _log.warning("mycrm.notes_doubled", connection=self._name, then="notes_on_update is off from now on")


class Shelf:
    """Notes that rows of a walk have shown, for whoever asks for them right afterwards.

    A pull walks the list and then asks lead by lead for notes; expanded rows have brought them already. Nothing is
    kept beyond that: a shelf nobody took from for a moment is empty, and so is one after any write.
    """

    def __init__(self, clock: Clock) -> None:
        """An empty shelf."""
        self._clock = clock
        self._leads: dict[str, Payload] = {}
        self._characters = 0
        self._touched = 0.0

    def clear(self) -> None:
        """Nothing is known any more."""
        self._leads.clear()
        self._characters = 0

    def put(self, lead: str, payload: Payload) -> None:
        """A row was listed; it counts only if it tells its notes."""
        self._touched = self._clock.monotonic()
        if not told(payload) or self._characters >= SHELF_CHARACTERS_MAX:
            return
        rows: Sequence[Any] = payload["notes"]
        size = sum(len(str(_first(row, _BODIES) or "")) for row in rows if isinstance(row, Mapping))
        self._characters += SHELF_ENTRY_CHARACTERS * (1 + len(rows)) + size
        self._leads[lead] = {"notes": rows}

    def take(self, lead: str) -> Payload | None:
        """The notes of a lead as listed a moment ago, once; None: ask."""
        now = self._clock.monotonic()
        if now - self._touched > SHELF_IDLE_S:
            self.clear()
        self._touched = now
        return self._leads.pop(lead, None)


def _remote(note: str, row: Mapping[str, Any]) -> Remote:
    try:
        time = moment(_first(row, ("updated_at", *_TIMES)))
    except UnreadableError:
        time = None
    return Remote("note", note, row, digest(row), time)


def _body(row: Mapping[str, Any]) -> str:
    try:
        return note_text(_first(row, _BODIES))
    except UnreadableError:
        return ""


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((row[key] for key in keys if row.get(key) is not None), None)
