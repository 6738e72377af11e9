"""The lens table of CINC: one row per canonical field, both ways, with its declared loss (vendors/cinc.md §5).

Nothing here does I/O. A row reads an absent value as blank; a section that a list row never shows is not
the mapping's business but the adapter's, which takes the fields of such a section out again
(payload.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from syncd.domain.lead import Fields, Value, blank
from syncd.domain.lens import Got, Lens, LensTable, Payload, Unmapped, as_is, nest, nothing, told
from syncd.domain.normalize import email, fold, moment, national, phone, text
from syncd.vendors.cinc import slots
from syncd.vendors.cinc.payload import AGENT_SLOTS, applied_labels, branch, flag, leaf, read_email
from syncd.vendors.cinc.stages import Stages
from syncd.vendors.cinc.words import read_timeline, spell_time, spell_timeline, to_milliseconds

Squeezed = Mapping[str, Value | None]
CUSTOM_WRITABLE = frozenset({"info.buyer.average_price", "info.buyer.median_price", "info.status"})
CAPACITY = 1
_ROLES = ("buyer", "seller")
_ADDRESS = {"street": "street", "city": "city", "region": "state", "postal_code": "postal_or_zip"}


def build(
    *,
    region: str = "US",
    stages: Mapping[str, Sequence[str]] | None = None,
    custom: Mapping[str, str] | None = None,
    write_areas: bool = False,
) -> LensTable:
    """The table of one connection.

    region       country of numbers without a country code
    stages       canonical stage → names, laid over the default table (vendors/cinc.md §6)
    custom       field name → payload path
    write_areas  whether the favourite city may be written (direction ``both``)
    """
    return LensTable(
        (
            _text("first_name", "info.contact.first_name"),
            _text("last_name", "info.contact.last_name"),
            _email(),
            _phones(region),
            _address(),
            _stage(Stages(stages or {})),
            _text("source", "info.source"),
            _roles(),
            _timeline("buyer"),
            _timeline("seller"),
            _areas(write=write_areas),
            _household(region),
            _opt_out("email_opt_out", "subscriptions.email.can_receive_emails"),
            _opt_out("text_opt_out", "subscriptions.text.can_receive_texts"),
            _registered_at(),
            _labels(),
            *(_assignment(role) for role in AGENT_SLOTS),
            *(_custom(f"custom.{name}", path) for name, path in (custom or {}).items()),
        )
    )


def _one(
    name: str,
    path: str,
    read: Callable[[Any], Value | None],
    squeeze: Callable[[Value], Value | None],
    spell: Callable[[Any], Any],
    *,
    loss: str = "",
) -> Lens:
    """A row of one field at one path. Keeps the present spelling while it means the value."""

    def squeezed(canonical: Fields, _shown: Fields) -> Squeezed:
        value = canonical.get(name)
        return {name: None if value is None else squeeze(value)}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        value = wanted.get(name)
        if value is None:
            return nest(path, "")
        there = leaf(present, path)
        return nest(path, there if there is not None and read(there) == value else spell(value))

    return Lens((name,), lambda payload: {name: read(leaf(payload, path))}, squeezed, put, loss=loss)


def _text(name: str, path: str) -> Lens:
    return _one(name, path, lambda raw: text(raw) or None, lambda value: text(value) or None, text)


def _timeline(side: str) -> Lens:
    def squeeze(value: Value) -> Value | None:
        return read_timeline(spell_timeline(value)) if isinstance(value, str | tuple) else None

    return _one(f"{side}_timeline", f"info.{side}.timeline", read_timeline, squeeze, spell_timeline)


def _registered_at() -> Lens:
    def squeeze(value: Value) -> Value | None:
        return to_milliseconds(value) if isinstance(value, datetime) else None

    return _one("registered_at", "registered_date", moment, squeeze, spell_time, loss="kept to the millisecond")


def _email() -> Lens:
    """Created as ``info.contact.email``; changed only through ``username`` (vendors/cinc.md §11)."""
    names = ("email", "emails")

    def shown_of(address: str) -> dict[str, Value]:
        return {"email": address, "emails": frozenset({address})} if address else {}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        address = email(canonical.get("email"))
        others = canonical.get("emails")
        if not address and isinstance(others, frozenset):
            normal = {email(other) for other in others} - {""}
            present = shown.get("email")
            address = str(present) if present in normal else min(normal, default="")
        return told(names, shown_of(address))  # type: ignore[return-value]  # told never gives Unmapped

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        address = wanted.get("email")
        if blank(address) or address == read_email(present):
            return {}  # CINC has no way to take an address away
        return {"username": address} if present else nest("info.contact.email", address)

    return Lens(
        names, lambda payload: told(names, shown_of(read_email(payload))), squeeze, put, loss="one address a lead"
    )


def _phones(region: str) -> Lens:
    names = ("phone", "phones")

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        phones = shown.get("phones")
        standing = {p.kind: p.number for p in phones} if isinstance(phones, frozenset) else {}  # type: ignore[union-attr]
        return slots.fields_of(slots.place(canonical, standing, region))

    def get(payload: Payload) -> Got:
        return slots.fields_of(slots.held(branch(payload, "info.contact.phone_numbers"), region))

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        body = slots.changes(wanted, branch(present, "info.contact.phone_numbers"), region)
        return nest("info.contact.phone_numbers", body) if body else {}

    loss = "one number each for cell, home and work; other counts as cell"
    return Lens(names, get, squeeze, put, element=lambda entry: entry.number, loss=loss)


def _address() -> Lens:
    """All four together always: CINC sets the full mailing address."""
    path = "info.contact.mailing_address"

    def get(payload: Payload) -> Got:
        there = branch(payload, path)
        return {name: text(there.get(key)) or None for name, key in _ADDRESS.items()}

    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        return {name: text(canonical.get(name)) or None for name in _ADDRESS}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return nest(path, {key: wanted.get(name) or "" for name, key in _ADDRESS.items()})

    return Lens(tuple(_ADDRESS), get, squeeze, put)


def _stage(stages: Stages) -> Lens:
    def get(payload: Payload) -> Got:
        word = text(leaf(payload, "pipeline.stage"))
        stage = stages.read(word)
        return {"stage": Unmapped(word) if word and stage is None else stage}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        stage, present = canonical.get("stage"), shown.get("stage")
        return {"stage": stages.show(None if stage is None else str(stage), None if present is None else str(present))}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        word = stages.write(str(wanted.get("stage") or ""), text(leaf(present, "pipeline.stage")))
        return nest("pipeline.stage", word) if word else {}

    return Lens(("stage",), get, squeeze, put, loss="stages without a name on this site are not written")


def _roles() -> Lens:
    def get(payload: Payload) -> Got:
        return {"roles": frozenset(role for role in _ROLES if flag(payload, f"info.is_{role}")) or None}

    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        roles = canonical.get("roles")
        return {"roles": (roles & frozenset(_ROLES)) or None if isinstance(roles, frozenset) else None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        roles = wanted.get("roles")
        carried = roles if isinstance(roles, frozenset) else frozenset()
        return {"info": {f"is_{role}": role in carried for role in _ROLES}}

    return Lens(("roles",), get, squeeze, put, loss="renter is not carried")


def _areas(*, write: bool) -> Lens:
    path = "info.buyer.favorite_city"

    def get(payload: Payload) -> Got:
        city = text(leaf(payload, path))
        return {"areas": frozenset({city}) if city else None}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        areas, present = canonical.get("areas"), shown.get("areas")
        wanted = {text(area) for area in areas} - {""} if isinstance(areas, frozenset) else set()
        standing = {fold(str(city)) for city in present} if isinstance(present, frozenset) else set()
        stays = {area for area in wanted if fold(area) in standing}
        chosen = sorted(stays or wanted)[:CAPACITY]
        return {"areas": frozenset(chosen) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        areas = wanted.get("areas")
        if text(leaf(present, path)):
            return {}  # a city is only ever put into a blank
        return nest(path, min(areas)) if isinstance(areas, frozenset) and areas else {}

    return Lens(("areas",), get, squeeze, put, create=write, update=write, loss="one area a lead")


def _household(region: str) -> Lens:
    """Goes out whole; what CINC knows of the person beyond our fields goes back as it was read."""
    path = "info.secondary"

    def get(payload: Payload) -> Got:
        secondary, contact = branch(payload, path), branch(payload, f"{path}.contact")
        cell = branch(payload, f"{path}.contact.phone_numbers").get("cell_phone")
        member = slots.read_member(secondary, contact, cell, region)
        return {"household": frozenset({member}) if member else None}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        members, present = canonical.get("household"), shown.get("household")
        if not isinstance(members, frozenset):
            return {"household": None}
        chosen = slots.choose_member(members, present if isinstance(present, frozenset) else frozenset(), region)
        return {"household": frozenset({chosen}) if chosen else None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        members = wanted.get("household")
        chosen = slots.choose_member(members, frozenset(), region) if isinstance(members, frozenset) else None
        secondary, contact = branch(present, path), branch(present, f"{path}.contact")
        numbers = branch(present, f"{path}.contact.phone_numbers")
        cell = national(chosen.phone, region) if chosen else ""
        if chosen and phone(numbers.get("cell_phone"), region) == chosen.phone:
            cell = text(numbers.get("cell_phone"))
        return nest(
            path,
            {
                **secondary,
                "relation": chosen.relation if chosen else "",
                "contact": {
                    **contact,
                    "first_name": chosen.first_name if chosen else "",
                    "last_name": chosen.last_name if chosen else "",
                    "email": chosen.email if chosen else "",
                    "phone_numbers": {**numbers, "cell_phone": cell},
                },
            },
        )

    return Lens(("household",), get, squeeze, put, loss="one person a lead")


def _opt_out(name: str, path: str) -> Lens:
    """Read only: CINC has no call that changes a subscription."""

    def get(payload: Payload) -> Got:
        allowed = flag(payload, path)
        return {name: None if allowed is None else not allowed}

    return Lens((name,), get, as_is(name), nothing, create=False, update=False, loss="read only")


def _labels() -> Lens:
    """Read here, written by their own calls (labels.py)."""

    def get(payload: Payload) -> Got:
        names: dict[str, str] = {}
        for _, name in applied_labels(payload):
            names.setdefault(fold(name), name)
        return {"labels": frozenset(names.values()) or None}

    return Lens(("labels",), get, as_is("labels"), nothing, create=False)


def _assignment(role: str) -> Lens:
    name, key = f"assignment.{role}", AGENT_SLOTS[role]

    def get(payload: Payload) -> Got:
        return {name: text(branch(payload, f"assigned_agents.{key}").get("id")) or None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        agent = wanted.get(name)
        return nest(f"assigned_agents.{key}.id", agent) if agent else {}

    return Lens((name,), get, as_is(name), put, loss="cannot be emptied again")


def _custom(name: str, path: str) -> Lens:
    """A field of the user's own, as typed; writable only where CINC documents that it is."""

    def read(raw: Any) -> Value | None:
        if isinstance(raw, list | dict):
            return json.dumps(raw, sort_keys=True, ensure_ascii=False)
        return raw if isinstance(raw, bool | int | float) else text(raw) or None

    writable = path in CUSTOM_WRITABLE
    row = _one(name, path, read, lambda value: text(value) or None if isinstance(value, str) else value, lambda v: v)
    return row if writable else Lens(row.fields, row.get, as_is(name), nothing, create=False, update=False)
