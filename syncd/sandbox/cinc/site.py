"""What a CINC site stores, in the API's own shapes, and what its rules make of a write.

Leads are kept as the payload of a single GET, without blanks; times are datetimes until they are shown.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from syncd.ports.clock import Clock

STAGES = ("New Lead", "Attempted Contact", "Contacted", "Appointment Set", "Showing", "Under Contract", "Sold")
CATEGORIES = frozenset({"call", "general", "email", "info", "inquiry", "landing_page", "other", "searching"})
AGENT_SLOTS = ("primary_agent", "listing_agent", "partner")
NOTE_CHARACTERS_MAX = 5000
_TEXT, _FLAG, _NUMBER = "text", "flag", "number"
_ADDRESS = dict.fromkeys(("street", "city", "state", "postal_or_zip"), _TEXT)
_NUMBERS = dict.fromkeys(("cell_phone", "home_phone", "work_phone"), _TEXT)
INFO: Mapping[str, Any] = {
    "is_buyer": _FLAG,
    "is_seller": _FLAG,
    "source": _TEXT,
    "status": _TEXT,
    "buyer": {"median_price": _NUMBER, "average_price": _NUMBER, "favorite_city": _TEXT, "timeline": _TEXT},
    "seller": {"timeline": _TEXT},
    "contact": {"first_name": _TEXT, "last_name": _TEXT, "phone_numbers": _NUMBERS, "mailing_address": _ADDRESS},
    "secondary": {
        "relation": _TEXT,
        "contact": {
            "first_name": _TEXT,
            "last_name": _TEXT,
            "email": _TEXT,
            "phone_numbers": {"cell_phone": _TEXT},
            "mailing_address": _ADDRESS,
        },
    },
}
"""What an update may set under ``info``; everything else in a body is ignored."""


class RefusedError(Exception):
    """The API refuses a write: (status, message)."""

    def __init__(self, message: str, status: int = 400) -> None:
        """``message`` is what the answer says."""
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Note:
    """One note of a lead."""

    id: str
    lead: str
    content: str
    category: str
    created_by: str
    pinned: bool
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Label:
    """One label of the site's catalogue; names are not unique."""

    id: str
    name: str
    created: datetime


@dataclass(slots=True)
class Site:
    """The records of one site.

    touched         called with a lead's id after every change
    said            called with an event's type, a lead's id ("" for agents) and more of the event's body
    moves_with_all  whether ``info.updated_date`` moves with every change instead of ``info`` only
    replaces        whether an update blanks what its objects leave out (a variant nobody documents); an address
                    that only says which lead is meant is no update
    """

    clock: Clock
    touched: Callable[[str], None] = lambda _lead: None
    said: Callable[..., None] = lambda _kind, _lead, **_more: None
    stages: tuple[str, ...] = STAGES
    moves_with_all: bool = False
    replaces: bool = False
    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    order: dict[str, int] = field(default_factory=dict)
    sequence: list[str] = field(default_factory=list)
    by_email: dict[str, str] = field(default_factory=dict)
    notes: dict[str, dict[str, Note]] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    applied: dict[str, dict[str, datetime]] = field(default_factory=dict)
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    def new_id(self, prefix: str) -> str:
        """A fresh id."""
        self.made += 1
        return f"{prefix}{self.made}"

    def now(self) -> datetime:
        """The moment, as precisely as the site keeps it."""
        moment = self.clock.now().astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    # Leads.

    def create(self, email: str, body: Mapping[str, Any]) -> str:
        """A new lead. Raises RefusedError before anything is stored."""
        now = self.now()
        lead = self.new_id("LEAD")
        contact = {"email": email} if email else {}
        payload: dict[str, Any] = {
            "id": lead,
            "username": email,
            "registered_date": now,
            "verification": {"status": "unprompted"},
            "info": {
                "is_partial": False,
                "is_buyer": False,
                "is_seller": False,
                "source": "API Client",
                "status": "unworked",
                "contact": contact,
                "updated_date": now,
                "url": f"cinc.sandbox/dashboard/spa#leads/details/{lead}",
            },
            "pipeline": {"stage": self.stages[0], "history": [{"stage": self.stages[0], "staged_date": now}]},
            "assigned_agents": {},
            "toupp": {"is_external": False, "is_cinc": False},
            "regulations": {"allows_phone_automation": True},
            "subscriptions": {
                "email": {"can_receive_emails": True, "can_receive_property_alerts": False},
                "text": {"can_receive_texts": True, "has_ai_conversations_on": False},
            },
        }
        if not email:
            del payload["username"]
        self.leads[lead] = payload
        try:
            self.update(lead, body, creating=True)
        except RefusedError:
            del self.leads[lead]
            raise
        self.order[lead] = self.made
        self.sequence.append(lead)
        self.notes.setdefault(lead, {})
        self.applied[lead] = {}
        if email:
            self.by_email[email] = lead
        self.said("lead.created", lead)
        self.append_notes(lead, body)
        return lead

    def update(self, lead: str, body: Mapping[str, Any], *, creating: bool = False) -> None:
        """Lay documented fields over a lead; "" clears. All or nothing. Raises RefusedError."""
        fresh = copy.deepcopy(self.leads[lead])
        before = copy.deepcopy(fresh["info"])
        info = _part(body, "info")
        names_only = info.keys() == {"contact"} and _part(info, "contact").keys() <= {"email"}
        if self.replaces and info and not names_only and not creating:
            _drop_left_out(fresh["info"], info, INFO)
        _lay(fresh["info"], info, INFO)
        if "registered_date" in body:
            fresh["registered_date"] = _time(body["registered_date"])
        self._stage(fresh, _part(body, "pipeline"), creating=creating)
        self._assign(fresh, _part(body, "assigned_agents"))
        changed = fresh != self.leads[lead]
        if fresh["info"] != before or (changed and self.moves_with_all):
            fresh["info"]["updated_date"] = self.now()
        self._check_notes(body)
        old, self.leads[lead] = self.leads[lead], fresh
        self.touched(lead)
        if not creating:
            self._tell(lead, old, fresh)

    def _tell(self, lead: str, old: Mapping[str, Any], fresh: Mapping[str, Any]) -> None:
        """The events of an update."""
        if fresh["info"] != old["info"]:
            self.said("lead.info.updated", lead)
        for slot, agent in fresh["assigned_agents"].items():
            if old["assigned_agents"].get(slot) != agent:
                self.said(f"lead.assigned_agents.{slot}.updated", lead, agent=agent)
        if fresh["pipeline"] != old["pipeline"]:
            self.said("lead.pipeline.updated", lead)

    def change_email(self, lead: str, email: str) -> None:
        """A new address, if nobody else has it; "" takes it away. Raises RefusedError."""
        if self.by_email.get(email, lead) != lead:
            raise RefusedError("Username already exists")
        payload = self.leads[lead]
        self.by_email.pop(payload.get("username", ""), None)
        if email:
            self.by_email[email] = lead
            payload["username"] = payload["info"]["contact"]["email"] = email
        else:
            payload.pop("username", None)
            payload["info"]["contact"].pop("email", None)
        payload["info"]["updated_date"] = self.now()
        self.touched(lead)
        self.said("lead.info.updated", lead)

    def delete(self, lead: str) -> None:
        """A lead is gone, with its notes."""
        self.by_email.pop(self.leads[lead].get("username", ""), None)
        self.sequence.remove(lead)
        for kept in (self.leads, self.order, self.notes, self.applied):
            kept.pop(lead)
        self.touched(lead)

    def moved(self, lead: str) -> None:
        """Something outside ``info`` changed."""
        if self.moves_with_all:
            self.leads[lead]["info"]["updated_date"] = self.now()
        self.touched(lead)

    def _stage(self, fresh: dict[str, Any], part: Mapping[str, Any], *, creating: bool) -> None:
        stage = part.get("stage")
        if stage is None or stage == fresh["pipeline"]["stage"]:
            return
        if stage not in self.stages:
            raise RefusedError("Invalid pipeline stage")
        pipeline = fresh["pipeline"]
        pipeline["stage"] = stage
        row = {"stage": stage, "staged_date": self.now()}
        pipeline["history"] = [row] if creating else [row, *pipeline["history"]]

    def _assign(self, fresh: dict[str, Any], part: Mapping[str, Any]) -> None:
        for slot in AGENT_SLOTS:
            if slot in part:
                agent = _part(part, slot).get("id")
                if agent not in self.agents:
                    raise RefusedError("Invalid agent")
                fresh["assigned_agents"][slot] = {"id": agent}

    # Notes and labels.

    def append_notes(self, lead: str, body: Mapping[str, Any]) -> None:
        """Every entry becomes a note, however often it was sent."""
        for entry in body.get("notes") or []:
            category = str(entry.get("category") or "general")
            self.add_note(
                lead,
                entry["content"],
                category if category in CATEGORIES else "general",
                str(entry.get("created_by") or next(iter(self.agents), "")),
                pinned=bool(entry.get("is_pinned")),
            )

    def add_note(self, lead: str, content: str, category: str, author: str, *, pinned: bool = False) -> str:
        """A note, cut without a word."""
        note = self.new_id("LN")
        now = self.now()
        kept = content[:NOTE_CHARACTERS_MAX]
        self.notes[lead][note] = Note(note, lead, kept, category, author, pinned, now, now)
        self.moved(lead)
        self.said("lead.note.created", lead, note={"id": note, "category": category.capitalize(), "created_by": author})
        return note

    def apply_label(self, lead: str, label: str) -> None:
        """Put a label of the catalogue on a lead; twice is once."""
        if label not in self.applied[lead]:
            self.applied[lead][label] = self.now()
            self.said("lead.label.applied", lead, label={"id": label, "name": self.labels[label].name})

    def take_label(self, lead: str, label: str) -> None:
        """Take a label off a lead. Raises KeyError if it is not on it."""
        del self.applied[lead][label]
        self.said("lead.label.removed", lead, label={"id": label})

    def find_note(self, note: str) -> Note | None:
        """A note by its id."""
        return next((notes[note] for notes in self.notes.values() if note in notes), None)

    def make_label(self, name: str) -> str:
        """A label, beside any of the same name."""
        label = self.new_id("LDID")
        self.labels[label] = Label(label, name, self.now())
        return label

    def newest_label(self, name: str) -> str | None:
        """The newest label of exactly this name."""
        same = [label for label in self.labels.values() if label.name == name]
        return max(same, key=lambda label: label.created).id if same else None

    def _check_notes(self, body: Mapping[str, Any]) -> None:
        entries = body.get("notes")
        if entries is None:
            return
        if not isinstance(entries, list):
            raise RefusedError("Invalid notes")
        for entry in entries:
            if not isinstance(entry, Mapping) or not isinstance(entry.get("content"), str) or not entry["content"]:
                raise RefusedError("Invalid note")
            if entry.get("created_by") and entry["created_by"] not in self.agents:
                raise RefusedError("Invalid agent")


def _part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = body.get(key)
    if part is None:
        return {}
    if not isinstance(part, Mapping):
        raise RefusedError(f"Invalid {key}")
    return part


def _time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise RefusedError("Invalid date") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _lay(there: dict[str, Any], body: Mapping[str, Any], shape: Mapping[str, Any]) -> None:
    """Deep merge of what the shape knows. An address is set in full."""
    for key, kind in shape.items():
        if key not in body:
            continue
        value = body[key]
        if isinstance(kind, Mapping):
            inner = {} if key == "mailing_address" else dict(there.get(key) or {})
            _lay(inner, _part(body, key), kind)
            there[key] = inner
            if not inner and key != "contact":
                del there[key]
        elif value is None or value == "":
            there.pop(key, None)
        elif isinstance(value, bool) is not (kind == _FLAG) or isinstance(value, str) is not (kind == _TEXT):
            raise RefusedError(f"Invalid {key}")
        else:
            there[key] = value


def _drop_left_out(there: dict[str, Any], body: Mapping[str, Any], shape: Mapping[str, Any]) -> None:
    for key, kind in shape.items():
        if key not in body:
            kept = there.pop(key, None)
            if key == "contact" and kept:
                there[key] = {"email": kept["email"]} if "email" in kept else {}
        elif isinstance(kind, Mapping) and isinstance(there.get(key), dict):
            _drop_left_out(there[key], body[key], kind)
