"""Joining hints: many deliveries about the same record are one reading. Pure; `inbox` has the readings made.

A *reading* is what has to be asked of the vendor: a lead, the notes of a lead, the agents. A row of the inbox is done
when all the readings it asks for are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.domain.errors import NotYetError, RejectedError, TransientError, VendorError
from syncd.ports.hooks import Hint
from syncd.ports.inbox import Retry, Waiting
from syncd.ports.rows import TOMBSTONE, Link

AGENTS = Hint("agents", "")
READ_TAKES_MAX = timedelta(seconds=60)
"""Between the moment a vendor looked a record up for us and the moment we noted its reading: waiting pages, retries,
and what the clocks of two machines differ by. Only a reading noted this much after a hint has surely seen its change.
"""
ATTEMPTS_MAX = 8
RETRY_FIRST, RETRY_MAX = timedelta(seconds=30), timedelta(hours=1)
VISIBLE_AFTER = timedelta(seconds=10)
"""When a record that does not show yet is asked for again."""
NOT_FOUND = 404


@dataclass(slots=True)
class Row:
    """A delivery and the readings it still waits for.

    asked     how many it waited for to begin with
    problems  why readings failed that may succeed another time
    refused   why the vendor will never show what some of them ask for
    """

    waiting: Waiting
    readings: set[Hint]
    asked: int = 0
    problems: dict[Hint, VendorError] = field(default_factory=dict)
    refused: dict[Hint, str] = field(default_factory=dict)

    def learn(self, hint: Hint, error: VendorError | None) -> None:
        """A reading was made, or was not."""
        if isinstance(error, RejectedError):
            self.refused[hint] = str(error)
        elif error is not None:
            self.problems[hint] = error
            return
        self.readings.discard(hint)


@dataclass(slots=True)
class Rows:
    """The rows of a batch, by reading."""

    rows: Sequence[Row]
    by_hint: Mapping[Hint, Sequence[Row]]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Rows:
        """These rows, with the readings they wait for now."""
        by_hint: defaultdict[Hint, list[Row]] = defaultdict(list)
        for row in rows:
            row.asked = len(row.readings)
            for hint in row.readings:
                by_hint[hint].append(row)
        return cls(rows, by_hint)

    def asked(self, kind: str) -> dict[Hint, datetime]:
        """Readings of a kind, the longest waited for first → when the newest hint of each came."""
        came = {
            hint: [row.waiting.received_at for row in rows] for hint, rows in self.by_hint.items() if hint.kind == kind
        }
        return {
            hint: max(times)
            for hint, times in sorted(came.items(), key=lambda item: (min(item[1]), item[0].external_id))
        }


def readings_of(hints: Iterable[Hint], note_links: Mapping[str, Link]) -> set[Hint]:
    """Hints as readings: one note is read with the notes of its lead, an agent with all agents.

    A note of which neither the delivery nor a link tells the lead cannot be found, and asks for nothing.
    """
    readings: set[Hint] = set()
    for hint in hints:
        if hint.kind == "agents":
            readings.add(AGENTS)
        elif hint.kind == "note":
            link = note_links.get(hint.external_id)
            if parent := hint.parent or (link.parent if link is not None else ""):
                readings.add(Hint("notes", parent))
        else:
            readings.add(Hint(hint.kind, hint.external_id))
    return readings


def with_unknown_leads(readings: set[Hint], links: Mapping[str, Link]) -> set[Hint]:
    """Notes hang on a lead: one that is not linked (any more) is read first."""
    notes = {hint.external_id for hint in readings if hint.kind == "notes"}
    return readings | {Hint("lead", lead) for lead in notes if lead not in links or links[lead].state == TOMBSTONE}


def read_since(hint: Hint, received_at: datetime, links: Mapping[str, Link]) -> bool:
    """Whether we have read what a hint is about since it came, so that it costs nothing."""
    link = links.get(hint.external_id)
    if link is None or link.state == TOMBSTONE or hint.kind == "agents":
        return False
    read_at = link.notes_read_at if hint.kind == "notes" else link.read_at
    if link.payload is None:
        return False  # made by us, and never read
    return read_at is not None and read_at - received_at > READ_TAKES_MAX


def not_visible_yet(error: VendorError | None) -> bool:
    """Whether a record only does not show yet: that says nothing about the vendor's health."""
    return isinstance(error, NotYetError) or (isinstance(error, TransientError) and error.status == NOT_FOUND)


def put_back(row: Row, now: datetime, *, blame: bool) -> Retry | None:
    """How a row goes on that still waits for readings; None: as it is, nothing of it was done.

    blame  what failed is the record's fault and not the vendor's
    """
    left = sorted(row.readings, key=lambda hint: (hint.kind, hint.external_id))
    tried = row.problems.keys() >= row.readings
    if not (blame and tried):
        moved = len(left) < row.asked
        return Retry(row.waiting.id, "", left, now, counted=False) if moved else None
    error = str(next(iter(row.problems.values())))
    if all(map(not_visible_yet, row.problems.values())):
        return Retry(row.waiting.id, error, left, now + VISIBLE_AFTER, counted=False)
    attempts = row.waiting.attempts + 1
    wait = min(RETRY_FIRST * 2 ** (attempts - 1), RETRY_MAX)
    return Retry(row.waiting.id, error, left, now + wait if attempts < ATTEMPTS_MAX else None)
