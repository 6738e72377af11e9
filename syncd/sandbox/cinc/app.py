"""What people see and do in the CINC app: plain names, plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from syncd.sandbox.base import CannotError, SandboxVendor
from syncd.sandbox.cinc.site import RefusedError, Site

_SLOTS = {"cell": "cell_phone", "home": "home_phone", "work": "work_phone"}
_AGENTS = {"primary": "primary_agent", "listing": "listing_agent", "partner": "partner"}
_TEXTS = {
    "first_name": "contact.first_name",
    "last_name": "contact.last_name",
    "source": "source",
    "buyer_timeline": "buyer.timeline",
    "seller_timeline": "seller.timeline",
}
_ADDRESS = {"street": "street", "city": "city", "region": "state", "postal_code": "postal_or_zip"}
_OPT_OUTS = {"email_opt_out": ("email", "can_receive_emails"), "text_opt_out": ("text", "can_receive_texts")}
_ABSENT = frozenset(
    {"title", "middle_name", "country", "birthday", "call_opt_out", "property_types", "emails", "phone"}
    | {f"{name}_{end}" for name in ("price", "beds", "baths", "size") for end in ("min", "max")}
)
"""Plain names the app has no field for: what other vendors' people know is simply not typed here."""


class CincApp(SandboxVendor):
    """The people's half of the sandbox."""

    site: Site

    def add_person(self, **plain: Any) -> str:
        """A person adds a lead, with or without an address. Raises CannotError for one that is taken."""
        email = str(plain.pop("email", None) or "").strip().lower()
        if email in self.site.by_email:
            raise CannotError("cinc: another lead has this address")
        body: dict[str, Any] = {"info": {"source": "Agent"}}
        lead = self.site.create(email, body)
        labels, assignments = plain.pop("labels", ()), plain.pop("assignments", {})
        for name, value in plain.items():
            self.edit(lead, name, value)
        for label in labels or ():
            self.add_label(lead, label)
        for role, agent in (assignments or {}).items():
            self.assign(lead, role, agent)
        return lead

    def edit(self, lead: str, field_name: str, value: Any) -> None:
        """A person changes one field. Raises CannotError where the app refuses, KeyError for an unknown field."""
        try:
            self._edit(lead, field_name, value)
        except RefusedError as error:
            raise CannotError(f"cinc: {error}") from None

    def _edit(self, lead: str, name: str, value: Any) -> None:
        replaces, self.site.replaces = self.site.replaces, False  # the app itself never blanks what it leaves out
        try:
            self._edit_plainly(lead, name, value)
        finally:
            self.site.replaces = replaces

    def _edit_plainly(self, lead: str, name: str, value: Any) -> None:
        site, payload = self.site, self.site.leads[lead]
        if name in _TEXTS:
            site.update(lead, {"info": _nest(_TEXTS[name], _timeline(value))})
        elif name in _ADDRESS:
            there = payload["info"]["contact"].get("mailing_address", {})
            site.update(lead, {"info": {"contact": {"mailing_address": {**there, _ADDRESS[name]: value or ""}}}})
        elif name == "email":
            site.change_email(lead, str(value or "").strip().lower())
        elif name == "phones":
            site.update(lead, {"info": {"contact": {"phone_numbers": _numbers(value or ())}}})
        elif name == "roles":
            site.update(lead, {"info": {"is_buyer": "buyer" in (value or ()), "is_seller": "seller" in (value or ())}})
        elif name == "stage":
            if value and value not in site.stages:
                site.stages = (*site.stages, value)  # names are the site's own: somebody added one
            site.update(lead, {"pipeline": {"stage": value}})
        elif name == "areas":
            site.update(lead, {"info": {"buyer": {"favorite_city": next(iter(value or ()), "")}}})
        elif name == "household":
            site.update(lead, {"info": {"secondary": _secondary(next(iter(value or ()), {}))}})
        elif name in _OPT_OUTS:
            section, key = _OPT_OUTS[name]
            payload["subscriptions"][section][key] = not value
            site.moved(lead)
        elif name == "registered_at":
            site.update(lead, {"registered_date": value.isoformat() if isinstance(value, datetime) else value})
        elif name == "logged_in":
            payload["logged_in_date"] = site.now()
            site.touched(lead)
            site.said("lead.logged_in", lead)
        elif name not in _ABSENT:
            raise KeyError(name)

    def add_note(self, lead: str, text: str, author: str = "") -> str:
        """A person writes a note."""
        return self.site.add_note(lead, text, "general", author or next(iter(self.site.agents), ""))

    def edit_note(self, lead: str, note: str, text: str) -> None:
        """A person changes a note; its ``updated_date`` moves."""
        kept = self.site.notes[lead][note]
        kept.content, kept.updated = text, self.site.now()
        self.site.moved(lead)

    def delete_note(self, lead: str, note: str) -> None:
        """A person deletes a note."""
        del self.site.notes[lead][note]
        self.site.moved(lead)

    def add_label(self, lead: str, name: str) -> None:
        """A person puts a label on a lead, out of the catalogue or new."""
        label = self.site.newest_label(name) or self.site.make_label(name)
        self.site.apply_label(lead, label)
        self.site.moved(lead)

    def remove_label(self, lead: str, name: str) -> None:
        """A person takes every label of this name off a lead."""
        applied = self.site.applied[lead]
        for label in [label for label in applied if self.site.labels[label].name == name]:
            self.site.take_label(lead, label)
        self.site.moved(lead)

    def assign(self, lead: str, role: str, agent: str | None) -> None:
        """A person hands a role to an agent, or to nobody. Raises KeyError for an unknown agent or role."""
        slots = self.site.leads[lead]["assigned_agents"]
        if agent is None:
            slots.pop(_AGENTS[role], None)
        else:
            slots[_AGENTS[role]] = {"id": self.site.agents[agent]["id"]}
        self.site.moved(lead)
        self.site.said(
            f"lead.assigned_agents.{_AGENTS[role]}.updated", lead, **({"agent": {"id": agent}} if agent else {})
        )

    def delete(self, lead: str) -> None:
        """A person deletes a lead."""
        self.site.delete(lead)

    def add_agent(self, email: str, first: str, last: str) -> str:
        """An agent joins."""
        agent, now = self.site.new_id("AGENT"), self.site.now()
        contact = {"first_name": first, "last_name": last, "email": email}
        self.site.agents[agent] = {
            "id": agent,
            "username": email,
            "registered_date": now,
            "info": {"status": "active", "contact": contact, "updated_date": now},
            "roles": ["agent"],
        }
        self.site.said("agent.created", "", agent={"id": agent})
        return agent

    def edit_agent(self, agent: str, first: str, last: str) -> None:
        """An agent is called something else. The event names them as if they were a lead (quirk of the vendor)."""
        self.site.agents[agent]["info"]["contact"] |= {"first_name": first, "last_name": last}
        self.site.said("agent.info.updated", agent)

    def ids(self) -> list[str]:
        """Every lead."""
        return list(self.site.leads)

    def shows(self, lead: str) -> dict[str, Any]:
        """A lead as the app shows it."""
        payload = self.site.leads[lead]
        info, contact = payload["info"], payload["info"]["contact"]
        address = contact.get("mailing_address", {})
        numbers = contact.get("phone_numbers", {})
        city = info.get("buyer", {}).get("favorite_city")
        shown: dict[str, Any] = {name: _at(info, path) for name, path in _TEXTS.items()}
        shown |= {name: address.get(key) for name, key in _ADDRESS.items()}
        shown |= {name: not payload["subscriptions"][s][k] for name, (s, k) in _OPT_OUTS.items()}
        shown |= {
            "email": contact.get("email"),
            "stage": payload["pipeline"]["stage"],
            "registered_at": payload["registered_date"],
        }
        return {name: value for name, value in shown.items() if value is not None} | {
            "emails": [contact["email"]] if "email" in contact else [],
            "phones": [(numbers[key], kind) for kind, key in _SLOTS.items() if key in numbers],
            "roles": [role for role in ("buyer", "seller") if info.get(f"is_{role}")],
            "areas": [city] if city else [],
            "household": [_member(info["secondary"])] if "secondary" in info else [],
            "labels": sorted(self.site.labels[label].name for label in self.site.applied[lead]),
            "assignments": {
                role: payload["assigned_agents"][slot]["id"]
                for role, slot in _AGENTS.items()
                if slot in payload["assigned_agents"]
            },
            "notes": [(note.id, note.content) for note in self.site.notes[lead].values()],
        }


def _numbers(phones: Sequence[Sequence[str]]) -> dict[str, str]:
    """One number a slot; a kind CINC does not know goes where cell numbers go."""
    numbers = dict.fromkeys(_SLOTS.values(), "")
    for text, kind in phones:
        slot = _SLOTS.get(kind, "cell_phone")
        numbers[slot] = numbers[slot] or text
    return numbers


def _timeline(value: Any) -> Any:
    if isinstance(value, tuple | list):
        low, high = value
        return f"{low}+ months" if high is None else f"{low} to {high} months"
    return value or ""


def _secondary(member: Mapping[str, str] | Sequence[str]) -> dict[str, Any]:
    names = ("relation", "first_name", "last_name", "email", "phone")
    plain = dict(member) if isinstance(member, Mapping) else dict(zip(names, member, strict=False))
    contact = {name: plain.get(name, "") for name in names[1:4]}
    return {
        "relation": plain.get("relation", ""),
        "contact": {**contact, "phone_numbers": {"cell_phone": plain.get("phone", "")}},
    }


def _member(secondary: Mapping[str, Any]) -> dict[str, str]:
    contact = secondary.get("contact", {})
    phone = contact.get("phone_numbers", {}).get("cell_phone")
    shown = {"relation": secondary.get("relation"), "phone": phone}
    shown |= {name: contact.get(name) for name in ("first_name", "last_name", "email")}
    return {name: value for name, value in shown.items() if value}


def _nest(path: str, value: Any) -> dict[str, Any]:
    for step in reversed(path.split(".")):
        value = {step: value}
    return dict(value)


def _at(payload: Mapping[str, Any], path: str) -> Any:
    here: Any = payload
    for step in path.split("."):
        here = here.get(step) if isinstance(here, Mapping) else None
    return here
