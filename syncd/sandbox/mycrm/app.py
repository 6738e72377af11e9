"""What people see and do in MyCRM itself: plain names, plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.mycrm import catalog
from syncd.sandbox.mycrm.records import Records

_SAME = ("first_name", "middle_name", "last_name", "city", "country", "quality", "financial", "mortgage_status")
_TEXTS = {**{name: name for name in _SAME}, "street": "address", "postal_code": "pobox", "buyer_timeline": "time_frame"}
_LIMITS = {
    f"{name}_{end}": f"{'from' if end == 'min' else 'to'}_{word}"
    for name, word in {"price": "price", "beds": "bedroom", "baths": "bathroom", "size": "size"}.items()
    for end in ("min", "max")
}
_OFFERED = {"buyer": "sale", "renter": "rent"}
_SOURCES = {
    "Website": ("online", "ourWebsite"),
    "Facebook": ("socialMedia", "facebook"),
    "Google": ("socialMedia", "google"),
    "Referral": ("offline", "referral"),
}
"""Where people of this account file what others call by a name of their own."""
_FORM: Mapping[str, Any] = {
    "title": "ms",
    "country": "AE",
    "source": "other/Form",
    "financial": "cash",
    "areas": ["are.2.15"],
    "property_types": [2],
    "price_min": 100_000,
    "price_max": 5_000_000,
    "roles": ["buyer"],
}
"""What the app's own form makes people choose today (switch ``old_leads`` off)."""


class MyCrmApp(SandboxVendor):
    """The people's half of the sandbox."""

    stage_words: ClassVar[Mapping[str, str]] = {
        "new": "notYetContacted",
        "attempted": "calledNoReply",
        "contacted": "prospect",
        "appointment": "viewingsInProgress",
        "showing": "viewingsInProgress",
        "under_contract": "contractSent",
        "closed": "contractSigned",
    }
    records: Records

    def add_person(self, **plain: Any) -> str:
        """A person adds a lead; old leads lack what the API demands today."""
        lead = str(self.records.blank())
        plain.pop("labels", None)
        assignments = plain.pop("assignments", None) or {}
        form = {} if self.switches["old_leads"] else {"last_name": "-", "phones": [("0500000000", "cell")], **_FORM}
        for name, value in {**form, **plain}.items():
            self.edit(lead, name, value)
        for role, agent in assignments.items():
            self.assign(lead, role, agent)
        return lead

    def edit(self, lead: str, field_name: str, value: Any) -> None:
        """A person changes one field; what MyCRM has no field for is simply not typed. Raises KeyError for no lead."""
        kept = self.records.leads[int(lead)]
        if field_name in _TEXTS:
            kept[_TEXTS[field_name]] = _frame(value) if field_name == "buyer_timeline" else value or None
        elif field_name == "email":
            kept["email"] = str(value or "").strip() or None
        elif field_name == "title":
            kept["title"] = value or None
        elif field_name == "phones":
            kept["mobile"] = next((text for text, _ in value or ()), None)
        elif field_name == "stage":
            kept["status"] = value or None
        elif field_name == "source":
            kept["source"], kept["channel"] = _pair(value)
        elif field_name in {*_LIMITS, "roles", "areas", "property_types", "amenities"}:
            kept["preference"] = {**(kept["preference"] or {}), **_wish(field_name, value)}
        elif field_name.startswith("fields."):
            kept["fields"][field_name.removeprefix("fields.")] = value
        elif field_name in {"passport", "properties", "category"}:
            kept[field_name] = value
        self.records.moved(int(lead))

    def add_note(self, lead: str, text: str, author: str = "") -> str:
        """A person writes a note; the lead's time stands still unless the switch ``notes_move`` says otherwise."""
        user = int(author) if author else next(iter(self.records.users), None)
        note = self.records.add_note(int(lead), text, user)
        self._noted(lead)
        return str(note)

    def edit_note(self, lead: str, note: str, text: str) -> None:
        """A person changes a note."""
        notes = {str(row["id"]): row for row in self.records.leads[int(lead)]["notes"]}
        notes[note]["body"] = text
        self._noted(lead)

    def delete_note(self, lead: str, note: str) -> None:
        """A person deletes a note."""
        kept = self.records.leads[int(lead)]
        kept["notes"] = [row for row in kept["notes"] if str(row["id"]) != note]
        self._noted(lead)

    def _noted(self, lead: str) -> None:
        if self.switches["notes_move"]:
            self.records.moved(int(lead))
        else:
            self.records.touched(int(lead))

    def add_label(self, lead: str, name: str) -> None:
        """There are no labels: nothing is typed."""

    def remove_label(self, lead: str, name: str) -> None:
        """There are no labels."""

    def assign(self, lead: str, role: str, agent: str | None) -> None:
        """A person hands the lead to a user, or to nobody; there is one role. Raises KeyError for an unknown user."""
        if role != "primary":
            return
        if agent is not None and int(agent) not in self.records.users:
            raise KeyError(agent)
        self.records.leads[int(lead)]["user"] = None if agent is None else int(agent)
        self.records.moved(int(lead))

    def delete(self, lead: str) -> None:
        """A person deletes a lead."""
        self.records.delete(int(lead))

    def add_agent(self, email: str, first: str, last: str) -> str:
        """A user joins."""
        user = self.records.new_id()
        row = {"id": user, "first_name": first, "last_name": last, "email": email, "roles": ["agent"]}
        self.records.users[user] = row
        return str(user)

    def ids(self) -> list[str]:
        """Every lead."""
        return [str(lead) for lead in self.records.leads]

    def shows(self, lead: str) -> dict[str, Any]:
        """A lead as the app shows it."""
        kept = self.records.leads[int(lead)]
        wish = kept["preference"] or {}
        shown = {name: kept[key] for name, key in _TEXTS.items()}
        shown |= {name: wish.get(key) for name, key in _LIMITS.items()}
        shown |= {name: kept[name] for name in ("title", "email", "passport")}
        shown |= {
            "stage": kept["status"],
            "source": "/".join(filter(None, (kept["source"], kept["channel"]))) or None,
            "offering_type": wish.get("offering_type"),
        }
        roles = {offered: role for role, offered in _OFFERED.items()}
        return {name: value for name, value in shown.items() if value is not None} | {
            "emails": [kept["email"]] if kept["email"] else [],
            "phones": [(kept["mobile"], "cell")] if kept["mobile"] else [],
            "roles": [roles[word] for word in (wish.get("offering_type"),) if word in roles],
            "areas": list(wish.get("locations", ())),
            "property_types": list(wish.get("types", ())),
            "amenities": list(wish.get("amenities", ())),
            "fields": dict(kept["fields"]),
            "properties": list(kept["properties"]),
            "labels": [],
            "assignments": {} if kept["user"] is None else {"primary": str(kept["user"])},
            "notes": [(str(row["id"]), row["body"]) for row in kept["notes"]],
        }


def _frame(value: Any) -> str | None:
    if isinstance(value, tuple | list):
        low, high = value
        return str(low) if low == high else f"{low}-{high}"
    return value or None


def _pair(value: Any) -> tuple[str | None, str | None]:
    text = str(value or "")
    if not text:
        return None, None
    source, slash, channel = text.partition("/")
    if slash and source in catalog.CHANNELS:
        return source, channel
    return _SOURCES.get(text, ("other", text))


def _wish(name: str, value: Any) -> dict[str, Any]:
    """One choice of the preference. Locations and types are picked by id."""
    if name in _LIMITS:
        return {_LIMITS[name]: value}
    if name == "roles":
        words = [_OFFERED[role] for role in value or () if role in _OFFERED]
        return {"offering_type": words[0] if words else None}
    known = {"areas": catalog.LOCATIONS, "property_types": catalog.TYPES, "amenities": catalog.AMENITIES}[name]
    key = {"areas": "locations", "property_types": "types", "amenities": "amenities"}[name]
    return {key: [found for found in value or () if found in known]}  # type: ignore[operator]
