"""What the admin commands ask of the store beside `ports.store`: the quarantine, and links that cannot be right.

A *fault* is something that no sync leaves behind: it comes from a database put together by hand or from a restored
backup. Each is mended in one transaction that looks again under its locks, because a sync may be at work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from syncd.ports.rows import Quarantined


class FaultKind(StrEnum):
    """What can be wrong with links, in the order in which it is mended."""

    LOST = "lost_lead"
    """A link of a lead that is no more: the next row of that record would stop the whole page."""
    LOST_AGENT = "lost_agent"
    SECOND = "second_record"
    """A lead with two live links at one connection: all but the one read last wait for a person."""
    STRAY_NOTE = "stray_note"
    """A live note link whose lead's record is a tombstone."""
    LOST_NOTE = "lost_note"
    """A live link of a note that is no more, on a record that is there. Nothing rests on it: told and left alone."""
    STALE_REVIEW = "stale_review"
    UNLINKED = "unlinked_lead"
    """A lead that no CRM shows any more. Told and left alone: its history is worth keeping."""
    UNPLANNED = "unplanned"
    """A lead that is not to be planned although a CRM shows something else: marked, and the next cycle plans it."""


TOLD_ONLY = frozenset({FaultKind.LOST_NOTE, FaultKind.UNLINKED})
"""What is reported and left as it is."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that cannot be right.

    node    the canonical id that the link names; ``lead`` the lead concerned, 0 where there is none any more
    detail  what is wrong, in words, where the kind alone does not say it
    """

    kind: FaultKind
    connection: str
    external_id: str
    node: int | None
    lead: int
    detail: str = ""


class Quarantine(Protocol):
    """The records that could not be read."""

    async def quarantined(
        self, *, ids: Collection[int] | None = None, connections: Collection[str] | None = None
    ) -> Sequence[Quarantined]:
        """Entries by id, without their payloads; all of them, or only these."""
        ...

    async def forget(self, ids: Collection[int]) -> frozenset[int]:
        """Delete entries; returns the ids of those that were there."""
        ...


class Repairs(Protocol):
    """Finding and mending what no sync leaves behind."""

    async def faults(
        self, kind: FaultKind, *, connections: Collection[str] | None, after: Fault | None, limit: int
    ) -> Sequence[Fault]:
        """The next faults of a kind, in order, at these connections (None: all). ``after``: the last one seen."""
        ...

    async def mend(self, faults: Sequence[Fault], at: datetime) -> Sequence[Fault]:
        """Mend faults of one kind in one journalled transaction. Returns those that were still there."""
        ...

    async def clean_leads(self, after: int, limit: int) -> Sequence[int]:
        """Ids above ``after`` of leads that are not to be planned, in order."""
        ...

    async def mark(self, leads: Mapping[int, str], at: datetime) -> None:
        """Have these leads planned again (id → why), journalled, in one transaction."""
        ...
