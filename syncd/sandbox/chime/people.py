"""What people do in Chime's own app, and what it shows them: plain names, plain values, the account's own words."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from syncd.sandbox.base import CannotError
from syncd.sandbox.chime.account import Account
from syncd.sandbox.chime.state import MONTHS, NAME_MAX, PHONE_MAX, PROPERTY_TYPES, STAGE_MAX, YES_NO, Lead, plain_time

_TEXTS = {
    "street": "streetAddress", "city": "city", "region": "state", "postal_code": "zipCode",
    "source": "source", "referred_by": "referredBy",
}  # fmt: skip
_NUMBERS = {
    "price_min": "priceMin", "price_max": "priceMax", "beds_min": "bedroomsMin", "beds_max": "bedroomsMax",
    "size_min": "sizeMin", "size_max": "sizeMax",
}  # fmt: skip
_BATHS = {"baths_min": "bathroomsMin", "baths_max": "bathroomsMax"}
_FRAMES = {"buyer_timeline": "buyingTimeFrame", "seller_timeline": "sellingTimeFrame"}
_WORDS = {
    (0, 3): "0-3", (1, 3): "1-3", (3, 6): "3-6", (6, 12): "6-12", (12, None): "12+",
    "just_looking": "Just Looking", "refinancing": "Refinancing",
}  # fmt: skip
_FLAGS = {"email_opt_out": "unsubscription", "text_opt_out": "cannotText", "call_opt_out": "cannotCall"}
_CODES = {"seller": 1, "buyer": 2, "renter": 5}
_NOT_HERE = frozenset({"title", "middle_name", "country"})
_CITY = re.compile(r"(.+), ([A-Z]{2})\Z")
DNC_CONTACT = 5


class People(Account, ABC):
    """Agents at work in the app."""

    def add_person(self, **plain: Any) -> str:
        """Add a lead with these fields; what the app has no place for is left out."""
        lead = self.new_lead(visible_at=0.0)
        created = plain.pop("registered_at", None)
        if isinstance(created, datetime):
            lead.created = created.replace(microsecond=0)
        labels, roles = plain.pop("labels", ()), plain.pop("assignments", {})
        notes = plain.pop("notes", ())
        if "email" in plain and "emails" in plain:
            first = plain.pop("email")
            plain["emails"] = [first, *(one for one in plain["emails"] if one != first)]
        for name, value in plain.items():
            if name not in _NOT_HERE:
                self._set(lead, name, value)
        for label in labels:
            self.add_label(str(lead.id), label)
        for role, agent in roles.items():
            self.assign(str(lead.id), role, agent)
        for text in notes:
            self.add_note(str(lead.id), text)
        return str(lead.id)

    def edit(self, lead: str, field_name: str, value: Any) -> None:
        """Change one field. Raises CannotError for a field, ValueError for a value that the app does not have."""
        if field_name in _NOT_HERE:
            raise CannotError(f"chime: there is no {field_name}")
        found = self._found(lead)
        if field_name == "labels":
            found.tags = [self.tag(name) for name in value or ()]
        elif field_name.startswith("assignment."):
            self.assign(lead, field_name.removeprefix("assignment."), value)
            return
        else:
            self._set(found, field_name, value)
        self.touch(found)

    def add_note(self, lead: str, text: str, author: str = "") -> str:
        """Write a note; the lead's update time stays."""
        note = self.new_note(self._found(lead), text, creator=int(author or 0))
        return str(self.note_key(note))

    def edit_note(self, lead: str, note: str, text: str) -> None:
        """Change a note."""
        found = self.notes[int(note)]
        if found.lead != int(lead) or found.deleted:
            raise KeyError(note)
        found.content, found.updated = text[:2000], self.now()
        self.told_note("updatedNote", found)

    def delete_note(self, lead: str, note: str) -> None:
        """Delete a note; the list keeps the row and flags it."""
        found = self.notes[int(note)]
        if found.lead != int(lead):
            raise KeyError(note)
        found.deleted, found.updated = True, self.now()
        self.told_note("deletedNote", found)

    def add_log(self, lead: str, kind: str, text: str) -> str:
        """Log a call, e-mail or text (``logCall``, ``logEmail``, ``logText``)."""
        numbers = self._found(lead).held.get("phones") or [""]
        return str(self.new_log(self._found(lead), kind, text, number=numbers[0]).id)

    def add_label(self, lead: str, name: str) -> None:
        """Tag a lead."""
        found = self._found(lead)
        tag = self.tag(name)
        if tag not in found.tags:
            found.tags.append(tag)
            self.touch(found)

    def remove_label(self, lead: str, name: str) -> None:
        """Take a tag off a lead."""
        found = self._found(lead)
        tag = self.tag(name)
        if tag in found.tags:
            found.tags.remove(tag)
            self.touch(found)

    def assign(self, lead: str, role: str, agent: str | None) -> None:
        """Hand over a role (primary, lender, assistant, or one of the team's own by name)."""
        found = self._found(lead)
        user = int(agent or 0)
        if user and user not in self.members:
            raise ValueError("no such member")
        if role == "primary":
            found.owner, found.pond = user, 0 if user else found.pond
        elif role == "lender":
            found.lender = user
        else:
            known = {name.casefold(): name for name in self.switches["custom_roles"]}
            if role.casefold() not in known:
                raise CannotError(f"chime: the team has no role {role}")
            found.custom_roles[known[role.casefold()]] = user
        self.touch(found)

    def to_pond(self, lead: str, pond: int = 77) -> None:
        """Put a lead into a shared pond; 0 takes it out."""
        found = self._found(lead)
        found.pond = pond
        self.touch(found)

    def delete(self, lead: str) -> None:
        """Move a lead to the trash."""
        found = self._found(lead)
        found.trashed = True
        self.touch(found)

    def restore(self, lead: str) -> None:
        """Take a lead out of the trash, as only the app can."""
        found = self.leads[int(lead)]
        found.trashed = False
        self.touch(found)

    def add_agent(self, email: str, first: str, last: str) -> str:
        """Somebody joins the team; their user id."""
        return str(self.new_member(email, first, last).user)

    def ids(self) -> list[str]:
        """Every lead that is not in the trash."""
        return [str(number) for number, lead in self.leads.items() if not lead.trashed]

    def shows(self, lead: str) -> dict[str, Any]:
        """A lead in plain words. Raises KeyError if it is in the trash or was never there."""
        found = self._found(lead)
        held, inquiry = found.held, found.held.get("inquiry") or {}
        shown: dict[str, Any] = {
            "first_name": held.get("firstName", ""),
            "last_name": held.get("lastName", ""),
            "email": next(iter(held.get("emails") or []), ""),
            "emails": list(held.get("emails") or []),
            "phones": [(number, "") for number in held.get("phones") or []],
            "stage": held.get("stage", ""),
            "roles": [role for role, code in _CODES.items() if code in _spread(held.get("types") or [])],
            "labels": [tag.name for tag in found.tags],
            "assignments": self._assignments(found),
            "notes": self._shown_notes(found),
            "created": plain_time(found.created),
            "pond": found.pond,
        }
        for names, place in ((_TEXTS, held), (_FRAMES, held), (_NUMBERS, inquiry), (_BATHS, inquiry)):
            shown |= {name: place.get(key) if place.get(key) not in ("", -1) else None for name, key in names.items()}
        shown |= {name: held.get(key, False) for name, key in _FLAGS.items()}
        shown["birthday"] = held.get("birthday", "")
        shown["areas"] = [dict(row) for row in inquiry.get("locations") or []]
        shown["property_types"] = list(inquiry.get("propertyType") or [])
        shown["household"] = [dict(row) for row in held.get("family") or []]
        shown["custom"] = {row["attributeName"]: row["value"] for row in held.get("attributes") or []}
        shown |= {f"field:{key}": held.get(key) or "" for key in YES_NO}
        return shown

    def _shown_notes(self, lead: Lead) -> list[tuple[str, str]]:
        notes = (note for note in self.notes_of(lead.id) if not note.deleted and not note.system)
        return [(str(self.note_key(note)), note.content) for note in notes]

    def _assignments(self, lead: Lead) -> dict[str, str]:
        held = {"primary": lead.owner, "lender": lead.lender}
        held |= {name.casefold(): user for name, user in lead.custom_roles.items()}
        return {role: str(user) for role, user in held.items() if user}

    def _found(self, lead: str) -> Lead:
        found = self.live(int(lead))
        if found is None:
            raise KeyError(lead)
        return found

    def _set(self, lead: Lead, name: str, value: Any) -> None:
        """Store one plain field in the vendor's shape."""
        held = lead.held
        if name in {"first_name", "last_name"}:
            held["firstName" if name == "first_name" else "lastName"] = str(value or "")[:NAME_MAX]
        elif name in {"email", "emails", "phone", "phones"}:
            self._set_contact(held, name, value)
        elif name in _TEXTS:
            held[_TEXTS[name]] = str(value or "")
        elif name == "stage":
            self._set_stage(held, str(value or ""))
        elif name == "roles":
            held["types"] = self._types(set(value or ()))
        elif name in _FRAMES:
            held[_FRAMES[name]] = _WORDS.get(tuple(value) if isinstance(value, list) else value, value) if value else ""
        elif name in _FLAGS:
            self._set_flag(held, name, on=bool(value))
        elif name == "birthday":
            held["birthday"] = _day_text(value)
        elif name == "household":
            held["family"] = [_family_row(member) for member in value or ()]
        elif name.startswith("custom."):
            self._set_attribute(held, name.removeprefix("custom."), value)
        elif name.startswith("field:") and name.removeprefix("field:") in YES_NO:
            held[name.removeprefix("field:")] = value or ""
        else:
            self._set_inquiry(held, name, value)

    def _set_contact(self, held: dict[str, Any], name: str, value: Any) -> None:
        key = "emails" if name.startswith("email") else "phones"
        if name in {"email", "phone"}:
            rest = list(held.get(key) or [])[1:]
            held[key] = [*([value] if value else []), *(one for one in rest if one != value)]
        else:
            rows = [one[0] if isinstance(one, tuple | list) else one for one in value or ()]
            held[key] = [one[:PHONE_MAX] for one in rows] if key == "phones" else rows

    def _set_stage(self, held: dict[str, Any], word: str) -> None:
        if len(word) > STAGE_MAX:
            raise ValueError("stages are shorter")
        if word and word not in self.switches["stages"]:
            # Teams configure their stages: in the app a new word is a new stage of the team.
            self.switches["stages"] = (*self.switches["stages"], word)
        held["stage"] = word

    def _types(self, roles: set[str]) -> list[int]:
        """Type codes: lofty holds a list; chime one, where buyer and seller are a code of their own."""
        codes = sorted(_CODES[role] for role in roles)
        if self.lofty:
            return codes
        if {1, 2} <= set(codes):
            return [3]
        return codes[:1]

    def _set_flag(self, held: dict[str, Any], name: str, *, on: bool) -> None:
        if self.lofty or name == "email_opt_out":
            held[_FLAGS[name]] = on
            if self.lofty and name == "email_opt_out":
                held["cannotEmail"] = on
        elif name == "call_opt_out":
            held["phoneStatuses"] = [DNC_CONTACT] if on else []
        else:
            raise CannotError(f"chime: there is no {name}")

    def _set_attribute(self, held: dict[str, Any], name: str, value: Any) -> None:
        rows = [row for row in held.get("attributes") or [] if row["attributeName"] != name]
        held["attributes"] = [*rows, {"attributeName": name, "attributeType": "text", "value": value or ""}]

    def _set_inquiry(self, held: dict[str, Any], name: str, value: Any) -> None:
        inquiry = held["inquiry"] = dict(held.get("inquiry") or {})
        if name in _NUMBERS:
            inquiry[_NUMBERS[name]] = int(value) if value else -1
        elif name in _BATHS:
            inquiry[_BATHS[name]] = f"{value:g}" if isinstance(value, int | float) else (value or None)
        elif name == "areas":
            inquiry["locations"] = [_location(area) for area in value or ()]
        elif name == "property_types":
            if not set(value or ()) <= set(PROPERTY_TYPES):
                raise ValueError("no such property type")
            inquiry["propertyType"] = list(value or ())
        else:
            raise CannotError(f"chime: there is no {name}")


def _spread(types: list[int]) -> set[int]:
    return {code for one in types for code in ((1, 2) if one == 3 else (one,))}


def _day_text(value: Any) -> str:
    if not value:
        return ""
    day = value if isinstance(value, date) else date.fromisoformat(value)
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year:04d}"


def _location(area: Any) -> dict[str, Any]:
    if isinstance(area, Mapping):
        return dict(area)
    found = _CITY.match(area)
    return {"city": found[1], "stateCode": found[2]} if found else {"description": area}


def _family_row(member: Any) -> dict[str, Any]:
    if not isinstance(member, Mapping):
        member = dict(zip(("relation", "first_name", "last_name", "email", "phone"), member, strict=False))
    return {
        "relationship": member.get("relation", ""),
        "firstName": member.get("first_name", ""),
        "lastName": member.get("last_name", ""),
        "birthday": member.get("birthday"),
        "emails": [member["email"]] if member.get("email") else [],
        "phones": [member["phone"]] if member.get("phone") else [],
    }
