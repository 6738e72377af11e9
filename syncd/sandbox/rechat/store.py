"""What the simulated brand stores: contacts, their attribute rows, users, definitions (vendors/rechat.md §3, §11)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.sandbox.rechat.ids import Ids, Moments, Refused, checked, uuid_of

TEXT, NUMBER, DATE = "text", "number", "date"
SINGULAR = (
    "title", "first_name", "middle_name", "last_name", "nickname", "marketing_name", "birthday", "child_birthday",
    "wedding_anniversary", "home_anniversary", "work_anniversary", "source", "source_type", "profile_image_url",
    "cover_image_url", "company", "facebook", "linkedin", "instagram", "job_title",
)  # fmt: skip
PLURAL = (
    "email", "phone_number", "tag", "note", "website", "street_number", "street_prefix", "street_name",
    "street_suffix", "unit_number", "city", "state", "country", "postal_code",
)  # fmt: skip
DATES = frozenset({"birthday", "child_birthday", "wedding_anniversary", "home_anniversary", "work_anniversary"})
FREE = ("label", "index", "is_primary", "is_partner")


@dataclass(slots=True)
class Contact:
    """One contact. ``rows``: id → attribute row as the API shows it; ``assignees``: user → id of the role."""

    id: str
    user: str
    created_at: float
    updated_at: float
    created_for: str = "crm"
    updated_for: str = "crm"
    deleted_at: float | None = None
    parked: bool = False
    hidden: bool = False
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    assignees: dict[str, str] = field(default_factory=dict)
    channels: set[str] = field(default_factory=set)

    @property
    def there(self) -> bool:
        """Whether the API shows it to us."""
        return self.deleted_at is None and not self.hidden


class Store:
    """Everything of one brand but its routing."""

    def __init__(
        self, moments: Moments, definitions: Sequence[Mapping[str, Any]], touched: Callable[[str], None]
    ) -> None:
        """``definitions``: custom ones: label, data_type, enum_values; ``touched`` hears of every changed contact."""
        self.ids, self.moments, self.touched = Ids(), moments, touched
        self.contacts: dict[str, Contact] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, str] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        for name in (*SINGULAR, *PLURAL):
            kind = DATE if name in DATES else TEXT
            self._define(name, name.replace("_", " ").title(), kind, singular=name in SINGULAR, own=True)
        for made in definitions:
            self.define(made["label"], made.get("data_type", TEXT), made.get("enum_values"))

    # Definitions and users.

    def define(self, label: str, data_type: str, choices: Sequence[str] | None = None) -> str:
        """A custom attribute; its UUID."""
        return self._define(None, label, data_type, singular=True, own=False, choices=choices)

    def _define(
        self,
        name: str | None,
        label: str,
        kind: str,
        *,
        singular: bool,
        own: bool,
        choices: Sequence[str] | None = None,
    ) -> str:
        uuid = uuid_of(f"definition {name or label}")
        self.definitions[uuid] = {
            "id": uuid,
            "name": name,
            "label": label,
            "data_type": kind,
            "section": "Details",
            "global": own,
            "singular": singular,
            "editable": name != "source_type",
            "has_label": name in {"email", "phone_number"},
            "labels": ["Mobile", "Home", "Work", "Other"] if name == "phone_number" else None,
            "enum_values": list(choices) if choices else None,
            "user": None,
            "brand": None,
            "type": "contact_attribute_def",
        }
        return uuid

    def definition(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The definition a row names. Raises Refused."""
        if (name := row.get("attribute_type")) is not None:
            found = next((d for d in self.definitions.values() if d["name"] == name), None)
        else:
            found = self.definitions.get(checked(row.get("attribute_def")))
        if found is None:
            raise Refused("Unknown attribute definition")
        return found

    def labelled(self, label: str) -> dict[str, Any] | None:
        """The custom definition of a label."""
        return next((d for d in self.definitions.values() if d["label"] == label and not d["name"]), None)

    def add_user(self, email: str, first: str, last: str) -> str:
        """A user of the brand."""
        user, now = self.ids(), self.moments.now()
        self.users[user] = {
            "type": "user",
            "id": user,
            "email": email,
            "first_name": first,
            "last_name": last,
            "display_name": f"{first} {last}".strip(),
            "phone_number": None,
            "user_type": "Agent",
            "user_status": "Active",
            "created_at": now,
            "updated_at": now,
            "deleted_at": None,
        }
        return user

    def known_user(self, user: Any) -> str:
        """A user of the brand by id. Raises Refused."""
        if checked(user) not in self.users:
            raise Refused("User is not a member of the brand")
        return str(user)

    # Contacts.

    def contact(self, contact: str) -> Contact:
        """A contact the API shows. Raises Refused: malformed, or not there for us."""
        found = self.contacts.get(checked(contact))
        if found is None or not found.there:
            raise Refused(f"Contact {contact} not found", 404, "ResourceNotFound")
        return found

    def create(self, rows: Sequence[Mapping[str, Any]], user: str, reason: str = "crm") -> Contact:
        """A new contact with these rows; all or nothing. Raises Refused."""
        if not rows:
            raise Refused("A contact needs attributes")
        now = self.moments.now()
        made = Contact(self.ids(), user, now, now, created_for=reason, updated_for=reason)
        self.write(made, rows)
        made.updated_at = min(self.moments.begun(), made.updated_at)
        self.contacts[made.id] = made
        self.touched(made.id)
        return made

    def moved(self, contact: Contact, reason: str = "crm") -> None:
        """Something of a contact changed."""
        contact.updated_at, contact.updated_for = self.moments.begun(), reason
        self.touched(contact.id)

    def write(self, contact: Contact, rows: Any) -> list[dict[str, Any]]:
        """Change rows that have an id, add the others; all or nothing. The rows as they are then. Raises Refused."""
        if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
            raise Refused("Invalid attributes")
        before = copy.deepcopy(contact.rows)
        try:
            written = [self._write_one(contact, row) for row in rows]
        except Refused:
            contact.rows = before
            raise
        for row in written:
            if row["attribute_type"] == "tag":
                self.tags.setdefault(row["text"].casefold(), row["text"])
        return written

    def remove(self, contact: Contact, row: str) -> None:
        """Delete a row. Raises Refused."""
        if checked(row) not in contact.rows:
            raise Refused(f"Attribute {row} not found", 404, "ResourceNotFound")
        del contact.rows[row]

    def _write_one(self, contact: Contact, given: Mapping[str, Any]) -> dict[str, Any]:
        now = self.moments.now()
        if given.get("id") is not None:
            row = contact.rows.get(checked(given["id"]))
            if row is None:
                raise Refused(f"Attribute {given['id']} not found", 404, "ResourceNotFound")
            definition = self.definitions[row["attribute_def"]]
            self._lay(row, given, definition)
            row["updated_at"] = now
        else:
            definition = self.definition(given)
            self._check_singular(contact, given, definition)
            row = self._blank_row(contact, definition, now)
            self._lay(row, given, definition)
            if row[definition["data_type"]] is None:
                raise Refused("A value is required")
            contact.rows[row["id"]] = row
        if given.get("is_primary") is True:
            for other in contact.rows.values():
                alike = other["attribute_def"] == row["attribute_def"] and other["is_partner"] == row["is_partner"]
                if alike and other is not row:
                    other["is_primary"] = False
        return row

    def _blank_row(self, contact: Contact, definition: Mapping[str, Any], now: float) -> dict[str, Any]:
        return {
            "id": self.ids(),
            "contact": contact.id,
            "attribute_def": definition["id"],
            "attribute_type": definition["name"],
            "text": None,
            "number": None,
            "date": None,
            "index": None,
            "label": None,
            "is_primary": False,
            "is_partner": False,
            "created_by": next(iter(self.users), None),
            "brand": None,
            "created_at": now,
            "updated_at": now,
            "deleted_at": None,
            "type": "contact_attribute",
        }

    def _check_singular(self, contact: Contact, given: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
        partner = bool(given.get("is_partner"))
        same = (
            r for r in contact.rows.values() if r["attribute_def"] == definition["id"] and r["is_partner"] == partner
        )
        if definition["singular"] and next(same, None) is not None:
            raise Refused(f"{definition['label']} may be given once")

    def _lay(self, row: dict[str, Any], given: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
        if not definition["editable"]:
            raise Refused(f"{definition['label']} cannot be edited")
        kind = definition["data_type"]
        for key in (TEXT, NUMBER, DATE):
            if key not in given:
                continue
            value = given[key]
            if key != kind or value is None or value == "":
                raise Refused(f"Invalid value for {definition['label']}")
            if isinstance(value, bool) or isinstance(value, str) is not (kind == TEXT):
                raise Refused(f"Invalid value for {definition['label']}")
            if definition["enum_values"] and value not in definition["enum_values"]:
                raise Refused(f"Not a choice of {definition['label']}")
            row[key] = value.lower() if definition["name"] == "email" else value
        for key in FREE:
            if key in given:
                row[key] = given[key]
