"""What an installation stores, in the shapes of its API."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from syncd.ports.clock import Clock

STATUSES = ("new", "contacted", "qualified", "converted", "lost")
SOURCES = ("Website", "Referral", "Facebook", "Open House", "Zillow")
DELETED = "deleted"
_SLUGGED = re.compile(r"[^a-z0-9]+")
FIELDS = ("first_name", "last_name", "email", "phone", "location", "message", "status", "source", "assignee")


@dataclass(slots=True)
class Note:
    """One note of a lead."""

    id: int
    slug: str
    text: str
    author: str
    created: datetime


@dataclass(slots=True)
class Lead:
    """One lead. ``values`` has every name of `FIELDS`, "" where it is blank."""

    slug: str
    values: dict[str, str]
    created: datetime
    updated: datetime
    deleted: bool = False
    notes: dict[int, Note] = field(default_factory=dict)


@dataclass(slots=True)
class Site:
    """Everything an installation knows. ``touched`` is called with a lead's slug after every change."""

    clock: Clock
    touched: Callable[[str], None] = lambda _slug: None
    statuses: list[str] = field(default_factory=lambda: list(STATUSES))
    sources: list[str] = field(default_factory=lambda: list(SOURCES))
    leads: dict[str, Lead] = field(default_factory=dict)
    users: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Username → e-mail, name."""
    appointments: dict[int, dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    def number(self) -> int:
        """A fresh number."""
        self.made += 1
        return self.made

    def now(self) -> datetime:
        """The moment, as precisely as it is kept."""
        return self.clock.now().astimezone(UTC).replace(microsecond=0)

    def add(self, values: dict[str, str]) -> Lead:
        """A new lead; its slug comes from the name and never changes again."""
        name = f"{values.get('first_name', '')} {values.get('last_name', '')}".lower()
        slug = f"{_SLUGGED.sub('-', name).strip('-') or 'lead'}-{self.number()}"[-258:].strip("-")
        now = self.now()
        lead = Lead(slug, {**dict.fromkeys(FIELDS, ""), "status": self.statuses[0], **values}, now, now)
        self.leads[slug] = lead
        self.touched(slug)
        return lead

    def change(self, lead: Lead, values: dict[str, str]) -> None:
        """Lay values over a lead; its time moves if anything changed."""
        if any(lead.values[name] != value for name, value in values.items()):
            lead.values |= values
            lead.updated = self.now()
        self.touched(lead.slug)

    def delete(self, lead: Lead) -> None:
        """A soft delete."""
        lead.deleted = True
        lead.updated = self.now()
        self.touched(lead.slug)

    def add_note(self, lead: Lead, text: str, author: str) -> Note:
        """A note; the lead's own time stays."""
        note = Note(self.number(), lead.slug, text, author, self.now())
        lead.notes[note.id] = note
        self.touched(lead.slug)
        return note

    def find_note(self, number: str) -> Note | None:
        """A note by its id."""
        wanted = int(number) if number.isascii() and number.isdecimal() else -1
        return next((lead.notes[wanted] for lead in self.leads.values() if wanted in lead.notes), None)
