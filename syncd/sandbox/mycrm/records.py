"""What the simulated account stores, and what its rules make of a write (vendors/mycrm.md §5, §7, §11)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from syncd.ports.clock import Clock
from syncd.sandbox.mycrm import catalog

NOTE_CHARACTERS_MAX = 5000
BLANK = "This value should not be blank."
INVALID = "This value is not valid."
TEXTS = ("first_name", "middle_name", "last_name", "email", "mobile", "address", "pobox", "city", "country")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "title": catalog.TITLES,
    "status": catalog.STATUSES,
    "quality": catalog.QUALITIES,
    "financial": catalog.FINANCIALS,
    "mortgage_status": catalog.MORTGAGES,
    "source": tuple(catalog.CHANNELS),
}
LIMITS = tuple(f"{end}_{what}" for what in ("price", "size", "bathroom", "bedroom") for end in ("from", "to"))
MANDATORY = (
    "title", "first_name", "last_name", "mobile", "category", "country", "status", "source", "source_channel",
    "financial", "offering_type",
)  # fmt: skip
MANDATORY_INSIDE = ("types", "locations", "from_price", "to_price", "amenities")


class RefusedError(Exception):
    """The API refuses a write: a status, and per field what is wrong with it."""

    def __init__(self, message: str, errors: Mapping[str, str] | None = None, status: int = 400) -> None:
        """``message`` is what the answer says."""
        super().__init__(message)
        self.status = status
        self.errors = {key: [text] for key, text in (errors or {}).items()}


@dataclass(slots=True)
class Records:
    """Leads, notes and users of one account. ``switches`` are the sandbox's own, looked at each time.

    touched  called with a lead's id after every change
    """

    clock: Clock
    switches: Mapping[str, Any]
    touched: Callable[[int], None] = lambda _lead: None
    leads: dict[int, dict[str, Any]] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    def new_id(self) -> int:
        """A fresh id; they only grow."""
        self.made += 1
        return 1000 + self.made

    def now(self) -> datetime:
        """The moment, in whole seconds."""
        return self.clock.now().astimezone(UTC).replace(microsecond=0)

    def moved(self, lead: int) -> None:
        """Something of a lead changed."""
        self.leads[lead]["updated_at"] = self.now()
        self.touched(lead)

    # Leads.

    def blank(self) -> int:
        """A lead of which nothing is known: what old leads look like."""
        lead = self.new_id()
        now = self.now()
        nothing = dict.fromkeys(("title", *TEXTS, "quality", "financial", "mortgage_status", "source", "channel"))
        self.leads[lead] = {
            "id": lead, **nothing, "status": "notYetContacted", "time_frame": None, "user": None, "preference": None,
            "fields": {}, "properties": [], "passport": None, "notes": [], "created_at": now, "updated_at": now,
        }  # fmt: skip
        self.touched(lead)
        return lead

    def create(self, body: Mapping[str, Any]) -> int:
        """A new lead; twice is two. All or nothing. Raises RefusedError."""
        self._demand(body)
        lead = self.blank()
        try:
            self._lay(lead, body)
        except RefusedError:
            self.delete(lead)
            raise
        return lead

    def replace(self, lead: int, body: Mapping[str, Any]) -> None:
        """A PUT. What is left out stays, or is cleared (switch ``put_clears``). Raises RefusedError."""
        if str(body.get("id", lead)) != str(lead):
            raise RefusedError("Validation Failed", {"id": INVALID})
        self._demand(body)
        if self.switches["put_clears"]:
            optional = ("middle_name", "email", "address", "pobox", "city", "quality", "mortgage_status", "time_frame")
            empty: dict[str, Any] = {**dict.fromkeys(optional), "user": None, "fields": {}, "properties": []}
            inner = {**dict.fromkeys(LIMITS), **(_preference(body) or {})}
            body = {**empty, **body, "preference": inner}
        self._lay(lead, body)

    def operate(self, lead: int, operations: list[tuple[str, Any]]) -> None:
        """A PATCH: (what, value) with what one of status, user. All or nothing. Raises RefusedError."""
        fresh = copy.deepcopy(self.leads[lead])
        for what, value in operations:
            fresh[what] = self._user(value) if what == "user" else _word("status", value)
        self._keep(lead, fresh)

    def delete(self, lead: int) -> None:
        """A lead is gone, with its notes."""
        del self.leads[lead]
        self.touched(lead)

    def add_note(self, lead: int, body: str, user: int | None) -> int:
        """A note, cut without a word."""
        note = self.new_id()
        row = {"id": note, "body": body[:NOTE_CHARACTERS_MAX], "user": user, "created_at": self.now()}
        self.leads[lead]["notes"].append(row)
        self.touched(lead)
        return note

    # Rules.

    def _demand(self, body: Mapping[str, Any]) -> None:
        errors = {key: BLANK for key in MANDATORY if body.get(key) in (None, "")}
        inside = _preference(body) or {}
        if "offering_type" in errors and inside.get("offering_type"):
            del errors["offering_type"]
        for key in MANDATORY_INSIDE:
            value = inside.get(key)
            if value is None or value == "" or (value == [] and key != "amenities"):
                errors[f"preference.{key}"] = BLANK
        if errors:
            raise RefusedError("Validation Failed", errors)

    def _lay(self, lead: int, body: Mapping[str, Any]) -> None:
        fresh = copy.deepcopy(self.leads[lead])
        for key in TEXTS:
            if key in body:
                if body[key] is not None and not isinstance(body[key], str):
                    raise RefusedError("Validation Failed", {key: INVALID})
                fresh[key] = body[key] or None
        for key in _WORDS:
            if key in body:
                fresh[key] = None if body[key] in (None, "") else _word(key, body[key])
        if body.get("category") not in (None, *catalog.CATEGORIES):
            raise RefusedError("Validation Failed", {"category": INVALID})
        if "source_channel" in body:
            fresh["channel"] = _channel(str(fresh["source"]), body["source_channel"])
        if "time_frame" in body and self.switches["time_frame_stored"]:
            fresh["time_frame"] = body["time_frame"]
        if "user" in body:
            fresh["user"] = self._user(body["user"])
        if isinstance(body.get("fields"), Mapping):
            fresh["fields"] |= body["fields"]
        if isinstance(body.get("properties"), list):
            fresh["properties"] = list(body["properties"])
        if "preference" in body:
            fresh["preference"] = _laid_preference(fresh["preference"], _preference(body), body.get("offering_type"))
        if "notes" in body:
            fresh["notes"] = self._notes(fresh["notes"], body["notes"])
        self._keep(lead, fresh)

    def _keep(self, lead: int, fresh: dict[str, Any]) -> None:
        changed = fresh != self.leads[lead]
        self.leads[lead] = fresh
        if changed:
            self.moved(lead)

    def _user(self, value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not str(value).isdecimal() or int(value) not in self.users:
            raise RefusedError("Validation Failed", {"user": INVALID})
        return int(value)

    def _notes(self, there: list[dict[str, Any]], sent: Any) -> list[dict[str, Any]]:
        """A known id keeps or changes that note, no id appends; the switch ``notes_put`` says what else happens."""
        if not isinstance(sent, list) or not all(isinstance(row, Mapping) and row.get("body") for row in sent):
            raise RefusedError("Validation Failed", {"notes": INVALID})
        style = self.switches["notes_put"]
        known = {row["id"]: row for row in there}
        named = {row["id"]: row for row in sent if row.get("id") in known and style != "doubles"}
        kept = [{**row, "body": named[row["id"]]["body"]} if row["id"] in named else row for row in there]
        if style == "replaces":
            kept = [row for row in kept if row["id"] in named]
        new = [row for row in sent if row.get("id") not in named]
        author = next(iter(self.users), None)
        for row in new:
            body = str(row["body"])[:NOTE_CHARACTERS_MAX]
            kept.append({"id": self.new_id(), "body": body, "user": author, "created_at": self.now()})
        return kept


def _preference(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """An object, or a list of one."""
    found = body.get("preference")
    if isinstance(found, list):
        found = found[0] if found else None
    return dict(found) if isinstance(found, Mapping) else None


def _laid_preference(
    there: Mapping[str, Any] | None, sent: Mapping[str, Any] | None, offering: Any
) -> dict[str, Any] | None:
    if sent is None:
        return dict(there) if there else None
    fresh: dict[str, Any] = {**(there or {})}
    for key in LIMITS:
        if key in sent:
            if sent[key] is not None and (isinstance(sent[key], bool) or not isinstance(sent[key], int)):
                raise RefusedError("Validation Failed", {f"preference.{key}": INVALID})
            fresh[key] = sent[key]
    for key, known in (("types", catalog.TYPES), ("locations", catalog.LOCATIONS), ("amenities", catalog.AMENITIES)):
        if key in sent:
            if not isinstance(sent[key], list) or not all(found in known for found in sent[key]):
                raise RefusedError("Validation Failed", {f"preference.{key}": INVALID})
            fresh[key] = list(sent[key])
    word = sent.get("offering_type") or offering
    if word:
        if word not in catalog.OFFERINGS:
            raise RefusedError("Validation Failed", {"offering_type": INVALID})
        fresh["offering_type"] = word
    low, high = fresh.get("from_price"), fresh.get("to_price")
    if low is not None and high is not None and low > high:
        raise RefusedError("Validation Failed", {"preference.to_price": INVALID})
    return fresh


def _word(key: str, value: Any) -> str:
    if value not in _WORDS[key]:
        raise RefusedError("Validation Failed", {key: INVALID})
    return str(value)


def _channel(source: str, channel: Any) -> str | None:
    if channel in (None, ""):
        return None
    if source != "other" and channel not in catalog.CHANNELS.get(source, ()):
        raise RefusedError("Validation Failed", {"source_channel": INVALID})
    return str(channel)
