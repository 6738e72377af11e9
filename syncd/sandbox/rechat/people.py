"""What people see and do in the Rechat app: plain names, plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from syncd.sandbox.base import CannotError, SandboxVendor
from syncd.sandbox.rechat.ids import Refused
from syncd.sandbox.rechat.search import values
from syncd.sandbox.rechat.store import Contact, Store

PREFIX = "Stage: "
DAY_S = 86_400
_TEXTS = ("title", "first_name", "middle_name", "last_name", "source", "nickname", "company", "job_title")
_ADDRESS = {"city": "city", "region": "state", "postal_code": "postal_code", "country": "country"}
_STREET = ("street_number", "street_prefix", "street_name", "street_suffix", "unit_number")
_LABELS = {"cell": "Mobile", "home": "Home", "work": "Work", "other": "Other"}
_KINDS = {label: kind for kind, label in _LABELS.items()}
_MEMBER = ("relation", "first_name", "last_name", "email", "phone")
ATTRIBUTES: Mapping[str, str] = {
    "roles": "Roles",
    "buyer_timeline": "Buying in",
    "seller_timeline": "Selling in",
    "price_min": "Price from",
    "price_max": "Price to",
    "areas": "Areas",
    "property_types": "Property types",
}
"""Plain names people keep in custom attributes of these labels, where the account has them."""


class RechatApp(SandboxVendor):
    """The people's half of the sandbox."""

    store: Store
    stage_words: ClassVar[Mapping[str, str]] = {
        "new": "New",
        "attempted": "Attempted",
        "contacted": "Contacted",
        "appointment": "Appointment",
        "showing": "Showing",
        "under_contract": "Under Contract",
        "closed": "Closed",
    }

    def add_person(self, **plain: Any) -> str:
        """A person adds a contact; ``owner`` is who does so."""
        labels, assignments = plain.pop("labels", ()), plain.pop("assignments", {})
        owner = plain.pop("owner", None) or next(iter(self.store.users))
        first = {"attribute_type": "first_name", "text": plain.pop("first_name", None) or "Somebody"}
        contact = self.store.create([first], owner)
        for name, value in plain.items():
            self._edit(contact, name, value)
        contact.updated_at = min(contact.updated_at, self.store.moments.begun())
        for label in labels or ():
            self.add_label(contact.id, label)
        for role, agent in (assignments or {}).items():
            self.assign(contact.id, role, agent)
        return contact.id

    def edit(self, lead: str, field_name: str, value: Any) -> None:
        """A person changes one field. Raises CannotError where the app refuses, KeyError for an unknown lead."""
        contact = self._there(lead)
        try:
            self._edit(contact, field_name, value)
        except Refused as error:
            raise CannotError(f"rechat: {error}") from None
        self.store.moved(contact)

    def _edit(self, contact: Contact, name: str, value: Any) -> None:
        if name in _TEXTS:
            self._single(contact, name, value)
        elif name in _ADDRESS:
            self._single(contact, _ADDRESS[name], value, index=0, label="Home")
        elif name == "street":
            self._street(contact, str(value or ""))
        elif name in {"email", "emails"}:
            addresses = [value] if isinstance(value, str) and value else list(value or ())
            self._several(contact, "email", [(address, None) for address in addresses])
        elif name == "phones":
            self._several(contact, "phone_number", [(text, _LABELS.get(kind)) for text, kind in value or ()])
        elif name == "stage":
            self._stage(contact, str(value or ""))
        elif name == "birthday":
            self._drop(contact, "birthday")
            if isinstance(value, date):
                days = (value - date(1970, 1, 1)).days
                self.store.write(contact, [{"attribute_type": "birthday", "date": days * DAY_S}])
        elif name == "household":
            self._household(contact, next(iter(value or ()), {}))
        elif name in ATTRIBUTES:
            self._attribute(contact, ATTRIBUTES[name], value)
        self.store.touched(contact.id)

    def _single(self, contact: Contact, kind: str, value: Any, **more: Any) -> None:
        own = (r for r in contact.rows.values() if r["attribute_type"] == kind and not r["is_partner"])
        there = next(own, None)
        if not value:
            self._drop(contact, kind)
        elif there is not None:
            self.store.write(contact, [{"id": there["id"], "text": str(value)}])
        else:
            self.store.write(contact, [{"attribute_type": kind, "text": str(value), **more}])

    def _street(self, contact: Contact, street: str) -> None:
        """The app's form splits a street the way people type it: number, name, last word as the suffix."""
        self._drop(contact, *_STREET)
        words = street.split(" ")
        parts: dict[str, str] = {}
        if words[0].isdigit() and len(words) > 1:
            parts["street_number"] = words.pop(0)
        if len(words) > 1 and len(words[-1]) <= 4:
            parts["street_suffix"] = words.pop()
        parts["street_name"] = " ".join(words)
        rows = [{"attribute_type": k, "text": v, "index": 0, "label": "Home"} for k, v in parts.items() if v]
        if rows:
            self.store.write(contact, rows)

    def _several(self, contact: Contact, kind: str, wanted: Sequence[tuple[str, str | None]]) -> None:
        """The first is the primary one; rows that stay keep their ids."""
        own = [r for r in contact.rows.values() if r["attribute_type"] == kind and not r["is_partner"]]
        for row in own[len(wanted) :]:
            del contact.rows[row["id"]]
        for number, (text, label) in enumerate(wanted):
            there = {"id": own[number]["id"]} if number < len(own) else {"attribute_type": kind}
            primary = {"is_primary": True} if number == 0 and len(wanted) > 1 else {}
            self.store.write(contact, [{**there, "text": text, **({"label": label} if label else {}), **primary}])

    def _stage(self, contact: Contact, word: str) -> None:
        for row in [r for r in contact.rows.values() if r["attribute_type"] == "tag" and r["text"].startswith(PREFIX)]:
            del contact.rows[row["id"]]
        if word:
            self.store.write(contact, [{"attribute_type": "tag", "text": f"{PREFIX}{word}"}])

    def _household(self, contact: Contact, member: Mapping[str, str] | Sequence[str]) -> None:
        plain = dict(member) if isinstance(member, Mapping) else dict(zip(_MEMBER, member, strict=False))
        for row in [r for r in contact.rows.values() if r["is_partner"]]:
            del contact.rows[row["id"]]
        kinds = {"first_name": "first_name", "last_name": "last_name", "email": "email", "phone": "phone_number"}
        for name, kind in kinds.items():
            if plain.get(name):
                self.store.write(contact, [{"attribute_type": kind, "text": plain[name], "is_partner": True}])

    def _attribute(self, contact: Contact, label: str, value: Any) -> None:
        definition = self.store.labelled(label)
        if definition is None:
            return  # what this account has no attribute for is simply not typed
        for row in [r for r in contact.rows.values() if r["attribute_def"] == definition["id"]]:
            del contact.rows[row["id"]]
        if isinstance(value, tuple):
            value = f"{value[0]}+" if value[1] is None else f"{value[0]}-{value[1]}"
        elif isinstance(value, list | set | frozenset):
            value = ", ".join(sorted(value))
        if value is not None and value != "":
            typed = str(value) if definition["data_type"] == "text" else value
            self.store.write(contact, [{"attribute_def": definition["id"], definition["data_type"]: typed}])

    def _drop(self, contact: Contact, *kinds: str) -> None:
        for row in [r for r in contact.rows.values() if r["attribute_type"] in kinds and not r["is_partner"]]:
            del contact.rows[row["id"]]

    def add_row(self, lead: str, **row: Any) -> str:
        """Somebody types one attribute, whatever it is; its id."""
        contact = self._there(lead)
        [made] = self.store.write(contact, [row])
        self.store.moved(contact)
        return str(made["id"])

    def add_note(self, lead: str, text: str, author: str = "") -> str:
        """A person writes a note."""
        contact = self._there(lead)
        [row] = self.store.write(contact, [{"attribute_type": "note", "text": text}])
        row["created_by"] = author or next(iter(self.store.users))
        self.store.moved(contact)
        return str(row["id"])

    def edit_note(self, lead: str, note: str, text: str) -> None:
        """A person changes a note."""
        contact = self._there(lead)
        self.store.write(contact, [{"id": note, "text": text}])
        self.store.moved(contact)

    def delete_note(self, lead: str, note: str) -> None:
        """A person deletes a note."""
        contact = self._there(lead)
        self.store.remove(contact, note)
        self.store.moved(contact)

    def add_label(self, lead: str, name: str) -> None:
        """A person puts a tag on a contact; one that is there stays as it is."""
        contact = self._there(lead)
        if name.casefold() not in {tag.casefold() for tag in values(contact, "tag")}:
            self.store.write(contact, [{"attribute_type": "tag", "text": name}])
            self.store.moved(contact)

    def remove_label(self, lead: str, name: str) -> None:
        """A person takes a tag off a contact."""
        contact = self._there(lead)
        for row in [r for r in contact.rows.values() if r["attribute_type"] == "tag" and r["text"] == name]:
            del contact.rows[row["id"]]
        self.store.moved(contact)

    def assign(self, lead: str, role: str, agent: str | None) -> None:
        """A person hands a contact to an owner, or gives it one assignee besides; nobody takes an owner away."""
        contact = self._there(lead)
        if role == "primary":
            if agent is None:
                raise CannotError("rechat: a contact has an owner")
            contact.user = self.store.known_user(agent)
            self.store.moved(contact)
            return
        kept = {user: row for user, row in contact.assignees.items() if user == contact.user}
        contact.assignees = kept if agent is None else {**kept, self.store.known_user(agent): self.store.ids()}
        self.store.touched(contact.id)

    def park(self, lead: str, *, parked: bool = True) -> None:
        """A person parks a contact, or takes it back: lists leave it out."""
        contact = self._there(lead)
        contact.parked = parked
        self.store.moved(contact)

    def hide(self, lead: str, *, hidden: bool = True) -> None:
        """Our user loses access to a contact, or gets it back; it does not change."""
        self.store.contacts[lead].hidden = hidden

    def delete(self, lead: str) -> None:
        """A person deletes a contact."""
        contact = self._there(lead)
        contact.deleted_at = self.store.moments.now()
        self.store.moved(contact)

    def merge(self, survivor: str, absorbed: str) -> None:
        """A person merges two contacts: what the survivor lacks of plural rows it gets, the other one is gone."""
        kept, gone = self._there(survivor), self._there(absorbed)
        for kind in ("email", "phone_number", "tag", "note"):
            own = [row for row in gone.rows.values() if row["attribute_type"] == kind and not row["is_partner"]]
            new = [row["text"] for row in own if row["text"] not in values(kept, kind)]
            self.store.write(kept, [{"attribute_type": kind, "text": text} for text in new])
        self.store.moved(kept)
        self.delete(absorbed)

    def add_agent(self, email: str, first: str, last: str) -> str:
        """An agent joins."""
        return self.store.add_user(email, first, last)

    def ids(self) -> list[str]:
        """Every live contact, hidden and parked ones too: people see them."""
        return [contact.id for contact in self.store.contacts.values() if contact.deleted_at is None]

    def shows(self, lead: str) -> dict[str, Any]:
        """A contact as the app shows it."""
        contact = self._there(lead)
        own = [row for row in contact.rows.values() if not row["is_partner"]]
        shown: dict[str, Any] = {name: self._text(own, name) for name in _TEXTS}
        shown |= {name: self._text(own, kind) for name, kind in _ADDRESS.items()}
        shown["street"] = " ".join(filter(None, (self._text(own, kind) for kind in _STREET)))
        tags = values(contact, "tag")
        stages = [tag for tag in tags if tag.startswith(PREFIX)]
        shown["stage"] = stages[-1].removeprefix(PREFIX) if stages else None
        emails, phones = self._ordered(own, "email"), self._ordered(own, "phone_number")
        shown["email"] = emails[0]["text"] if emails else None
        birthday = next((row["date"] for row in own if row["attribute_type"] == "birthday"), None)
        shown["birthday"] = (
            date.fromordinal(date(1970, 1, 1).toordinal() + birthday // DAY_S) if birthday is not None else None
        )
        for name, label in ATTRIBUTES.items():
            shown[name] = self._kept(own, name, label)
        return {name: value for name, value in shown.items() if value not in (None, "", [])} | {
            "emails": [row["text"] for row in emails],
            "phones": [(row["text"], _KINDS.get(row["label"] or "", "")) for row in phones],
            "household": self._members(contact),
            "labels": sorted(tag for tag in tags if not tag.startswith(PREFIX)),
            "assignments": self._assignments(contact),
            "registered_at": datetime.fromtimestamp(contact.created_at, UTC),
            "notes": [(row["id"], row["text"]) for row in own if row["attribute_type"] == "note"],
        }

    def _there(self, lead: str) -> Contact:
        contact = self.store.contacts[lead]
        if contact.deleted_at is not None:
            raise KeyError(lead)
        return contact

    def _ordered(self, rows: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
        same = [row for row in rows if row["attribute_type"] == kind]
        return sorted(same, key=lambda row: (not row["is_primary"], row["created_at"], row["id"]))

    def _text(self, rows: Sequence[Mapping[str, Any]], kind: str) -> str | None:
        return next((row["text"] for row in rows if row["attribute_type"] == kind), None)

    def _kept(self, rows: Sequence[Mapping[str, Any]], name: str, label: str) -> Any:
        definition = self.store.labelled(label)
        if definition is None:
            return None
        row = next((row for row in rows if row["attribute_def"] == definition["id"]), None)
        value = row[definition["data_type"]] if row else None
        return (
            sorted(value.split(", "))
            if isinstance(value, str) and name in {"roles", "areas", "property_types"}
            else value
        )

    def _members(self, contact: Contact) -> list[dict[str, str]]:
        names = {"first_name": "first_name", "last_name": "last_name", "email": "email", "phone_number": "phone"}
        rows = [row for row in contact.rows.values() if row["is_partner"] and row["attribute_type"] in names]
        return [{"relation": "partner", **{names[row["attribute_type"]]: row["text"] for row in rows}}] if rows else []

    def _assignments(self, contact: Contact) -> dict[str, str]:
        others = sorted(
            (self.store.users[user]["email"].lower(), user) for user in contact.assignees if user != contact.user
        )
        return {"primary": contact.user, **({"partner": others[0][1]} if others else {})}
