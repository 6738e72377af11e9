"""Leads that come in through channels, and who gets them (vendors/rechat.md §9, §11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.sandbox.rechat.ids import Refused, checked
from syncd.sandbox.rechat.routing import Routing
from syncd.sandbox.rechat.search import digits, values
from syncd.sandbox.rechat.store import Contact, Store

LEAD_TAG = "Lead"
REASON = "lts_lead"
NATIONAL_DIGITS = 10
_ROWS: Mapping[str, str] = {
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "phone_number": "phone_number",
    "lead_source": "source",
    "note": "note",
}


class Captures:
    """Takes leads in."""

    def __init__(self, store: Store, routing: Routing, switches: Mapping[str, Any]) -> None:
        """``capture_assigns_only``: assignees given never become owners; the rules pick one."""
        self._store, self._routing, self._switches = store, routing, switches

    def take(self, channel: Any, lead: Any) -> dict[str, Any]:
        """Capture a lead: the record of the capture. Raises Refused."""
        place = self._routing.channel(checked(channel))
        if not isinstance(lead, Mapping) or not any(lead.get(key) for key in _ROWS):
            raise Refused("Invalid lead")
        rows = _rows_of(lead)
        contact = self._known(lead)
        if contact is None:
            contact = self._store.create(rows, self._owner(place, lead), REASON)
            self._source_type(contact, lead.get("source_type"))
        else:
            self._store.write(contact, _missing(contact, rows))
            self._store.moved(contact, REASON)
        contact.channels.add(place["id"])
        for user in self._given(lead):
            if user != contact.user:
                contact.assignees.setdefault(user, self._store.ids())
        self._store.touched(contact.id)
        place["capture_number"] += 1
        place["last_capture_date"] = self._store.moments.now()
        return {
            "id": self._store.ids(),
            "contact": contact.id,
            "lead_channel": place["id"],
            "raw_payload": dict(lead),
            "parsed_payload": dict(lead),
            "source_type": lead.get("source_type"),
            "created_at": self._store.moments.now(),
        }

    def _source_type(self, contact: Contact, word: Any) -> None:
        """Set by the capture only: nobody edits it."""
        if not isinstance(word, str) or not word:
            return
        definition = next(d for d in self._store.definitions.values() if d["name"] == "source_type")
        row = {**next(iter(contact.rows.values())), "id": self._store.ids(), "text": word}
        row |= {"attribute_def": definition["id"], "attribute_type": "source_type", "is_primary": False, "label": None}
        contact.rows[row["id"]] = row

    def _known(self, lead: Mapping[str, Any]) -> Contact | None:
        """The live contact with this address, else, where none is given, with this number."""
        live = [contact for contact in self._store.contacts.values() if contact.deleted_at is None]
        email, phone = str(lead.get("email") or "").lower(), digits(str(lead.get("phone_number") or ""))
        if email:
            return next((c for c in live if email in values(c, "email")), None)
        if not phone:
            return None
        tail = phone[-NATIONAL_DIGITS:]
        same = (c for c in live if any(digits(n)[-NATIONAL_DIGITS:] == tail for n in values(c, "phone_number")))
        return next(same, None)

    def _given(self, lead: Mapping[str, Any]) -> list[str]:
        """The users of the brand among the assignees given, in their order."""
        by_email = {user["email"].lower(): who for who, user in self._store.users.items()}
        rows = lead.get("assignees") or []
        return [by_email[e] for row in rows if (e := str(row.get("email") or "").lower()) in by_email]

    def _owner(self, channel: Mapping[str, Any], lead: Mapping[str, Any]) -> str:
        given = self._given(lead)
        if given and not self._switches["capture_assigns_only"]:
            return given[0]
        return self._routing.route(channel["id"], lead)


def _rows_of(lead: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [{"attribute_type": kind, "text": lead[key]} for key, kind in _ROWS.items() if lead.get(key)]
    tags = lead.get("tag") or []
    named = [tags] if isinstance(tags, str) else list(tags)
    return rows + [{"attribute_type": "tag", "text": tag} for tag in dict.fromkeys([*named, LEAD_TAG])]


def _missing(contact: Contact, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows a contact lacks: of a singular kind none where it has one, of others those with a new text."""
    plural = {"email", "phone_number", "tag", "note"}
    missing = []
    for row in rows:
        there = [text.casefold() for text in values(contact, row["attribute_type"])]
        if row["text"].casefold() not in there if row["attribute_type"] in plural else not there:
            missing.append(row)
    return missing
