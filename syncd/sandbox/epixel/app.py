"""What people see and do in the installation's own pages: plain names, plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from syncd.sandbox.base import CannotError, SandboxVendor
from syncd.sandbox.epixel.site import Lead, Site

_TEXTS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "city": "location",
    "message": "message",
}
_ABSENT = frozenset(
    {"title", "middle_name", "street", "region", "postal_code", "country", "birthday", "roles", "areas", "household"}
    | {"property_types", "buyer_timeline", "seller_timeline", "emails", "phone", "registered_at", "logged_in"}
    | {"email_opt_out", "text_opt_out", "call_opt_out", "labels"}
    | {f"{name}_{end}" for name in ("price", "beds", "baths", "size") for end in ("min", "max")}
)
"""Plain names the pages have no field for: what other vendors' people know is simply not typed here."""


class EpixelApp(SandboxVendor):
    """The people's half of the sandbox."""

    site: Site
    stage_words: ClassVar[Mapping[str, str]] = {
        "new": "new",
        "attempted": "new",
        "contacted": "contacted",
        "appointment": "contacted",
        "showing": "qualified",
        "under_contract": "qualified",
        "closed": "qualified",
        "lost": "lost",
    }

    def add_person(self, **plain: Any) -> str:
        """A person adds a lead; their page insists on nothing."""
        assignments, notes = plain.pop("assignments", None) or {}, plain.pop("notes", None) or ()
        values: dict[str, str] = {}
        for name, value in plain.items():
            values |= self._typed(name, value)
        lead = self.site.add(values)
        for role, agent in assignments.items():
            self.assign(lead.slug, role, agent)
        for note in notes:
            self.add_note(lead.slug, note)
        return lead.slug

    def edit(self, lead: str, field_name: str, value: Any) -> None:
        """A person changes one field. Raises CannotError where the page refuses, KeyError for an unknown field."""
        self.site.change(self._live(lead), self._typed(field_name, value))

    def _typed(self, name: str, value: Any) -> dict[str, str]:
        """Form fields for something typed; a status or source that is not listed yet is added to the list first."""
        text = "" if value is None else str(value)
        if name in _TEXTS:
            return {_TEXTS[name]: text}
        if name == "phones":
            return {"phone": _digits(next(iter(value or ()), ("",))[0])}
        if name in {"stage", "source"}:
            choices = self.site.statuses if name == "stage" else self.site.sources
            if text and text not in choices:
                choices.append(text)
            return {"status" if name == "stage" else "source": text}
        if name not in _ABSENT:
            raise KeyError(name)
        return {}

    def add_note(self, lead: str, text: str, author: str = "") -> str:
        """A person writes a note; a page takes 499 characters, people write the rest into further ones."""
        found = self._live(lead)
        limit = 499
        pieces = [text[at : at + limit] for at in range(0, len(text), limit)] or [""]
        first, *_ = [self.site.add_note(found, piece, author) for piece in pieces]
        return str(first.id)

    def delete_note(self, lead: str, note: str) -> None:
        """A person deletes a note."""
        del self._live(lead).notes[int(note)]
        self.site.touched(lead)

    def add_label(self, lead: str, name: str) -> None:
        """There are no labels: nobody types one here."""

    def remove_label(self, lead: str, name: str) -> None:
        """There are no labels."""

    def assign(self, lead: str, role: str, agent: str | None) -> None:
        """A person hands a lead to somebody. Raises CannotError for nobody, or for a further role; KeyError."""
        if agent is None or role != "primary":
            raise CannotError("epixel: a lead has exactly one assignee")
        if agent not in self.site.users:
            raise KeyError(agent)
        self.site.change(self._live(lead), {"assignee": agent})

    def delete(self, lead: str) -> None:
        """A person deletes a lead."""
        self.site.delete(self._live(lead))

    def add_agent(self, email: str, first: str, last: str) -> str:
        """An agent joins; users are called by their address, or by a name of their own (switch ``usernames``)."""
        username = email.lower()
        if self.switches["usernames"] == "plain":
            username = f"{first}{last}{self.site.number()}".lower()
        self.site.users[username] = (email, f"{first} {last}".strip())
        return username

    def add_appointment(self, lead: str, starts: str, ends: str, text: str = "") -> str:
        """A person makes an appointment; times as ``yyyy-mm-dd HH:MM``."""
        number = self.site.number()
        self.site.appointments[number] = {
            "appointment_id": number,
            "slug": self._live(lead).slug,
            "appointment_date": starts,
            "appointment_to": ends,
            "appointment_note": text,
            "appointment_status": "scheduled",
        }
        return str(number)

    def ids(self) -> list[str]:
        """Every live lead."""
        return [lead.slug for lead in self.site.leads.values() if not lead.deleted]

    def shows(self, lead: str) -> dict[str, Any]:
        """A lead as the pages show it."""
        found = self._live(lead)
        values = found.values
        shown: dict[str, Any] = {name: values[key] for name, key in _TEXTS.items()}
        shown |= {"stage": values["status"], "source": values["source"], "registered_at": found.created}
        return {name: value for name, value in shown.items() if value} | {
            "emails": [values["email"]] if values["email"] else [],
            "phones": [(values["phone"], "cell")] if values["phone"] else [],
            "assignments": {"primary": values["assignee"]} if values["assignee"] else {},
            "notes": [(str(note.id), note.text) for note in found.notes.values()],
        }

    def _live(self, slug: str) -> Lead:
        """Raises KeyError if there is no such lead any more."""
        found = self.site.leads[slug]
        if found.deleted:
            raise KeyError(slug)
        return found


def _digits(text: str) -> str:
    """As the page keeps a number. Raises CannotError for more than 15 digits."""
    digits = "".join(char for char in text if char.isascii() and char.isdecimal())
    if len(digits) > 15:
        raise CannotError("epixel: up to 15 digits")
    return digits
