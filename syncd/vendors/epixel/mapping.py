"""The lens table of Epixel: one row per canonical field, both ways, with its declared loss (vendors/epixel.md §5).

Rows put the fields of the form that creates a lead; `writes.py` makes the whole form of an update out of them.
The choices of status and source belong to the installation and arrive while the table is in use, so rows ask
`Stages`, `Sources` and `Numbers` instead of tables of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from syncd.domain.lead import Fields, Phone, Value, blank
from syncd.domain.lens import Got, Lens, LensTable, Payload, Unmapped, as_is, at, nothing, told
from syncd.domain.normalize import email, text
from syncd.vendors.epixel import payload as shown_by
from syncd.vendors.epixel.numbers import DIGITS_MAX, Numbers, digits, spelled
from syncd.vendors.epixel.stages import Sources, Stages

CHARACTERS_MAX = 255
PHONE_KIND = "cell"
REQUIRED = ("first_name", "last_name", "email", "phone")
NAMES = ("first_name", "last_name", "email")
"""What is never cut."""
CUSTOM_WRITABLE = "message"
Squeezed = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class Options:
    """What of a connection the table depends on.

    write_source  whether a lead's source may be changed after it was created (direction ``both`` or ``write``)
    """

    stages: Stages
    sources: Sources
    numbers: Numbers
    zone: tzinfo = UTC
    custom: Mapping[str, str] = field(default_factory=dict)
    write_source: bool = False


def build(options: Options) -> LensTable:
    """The table of one connection."""
    return LensTable(
        (
            _name("first_name"),
            _name("last_name"),
            _email(),
            _phone(options.numbers),
            _city(),
            _stage(options.stages),
            _source(options.sources, update=options.write_source),
            _registered_at(options.zone),
            _assignment(),
            *(_custom(f"custom.{name}", path) for name, path in options.custom.items()),
        ),
        obstacle=obstacle,
    )


def obstacle(wanted: Fields) -> str:
    """Why no lead can be created from ``wanted``: what is missing, or too long to be sent; "" if nothing."""
    missing = [name for name in REQUIRED if blank(wanted.get(name))]
    if "phone" not in missing and not digits(str(wanted["phone"])):
        return f"the phone needs more than {DIGITS_MAX} digits, or other characters"
    return f"missing {', '.join(missing)}" if missing else too_long(wanted)


def too_long(wanted: Fields) -> str:
    """Which value Epixel would refuse for its length although it may not be cut; "" if none."""
    over = [name for name in NAMES if len(str(wanted.get(name, ""))) > CHARACTERS_MAX]
    return f"{', '.join(over)} longer than {CHARACTERS_MAX} characters" if over else ""


def cut(value: object) -> str:
    """Text as far as a field holds it."""
    return text(text(value)[:CHARACTERS_MAX])


def _name(name: str) -> Lens:
    def get(payload: Payload) -> Got:
        return {name: text(payload.get(name)) or None}

    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        return {name: text(canonical.get(name)) or None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {name: wanted.get(name) or ""}

    return Lens((name,), get, squeeze, put, loss=f"required; never over {CHARACTERS_MAX} characters")


def _email() -> Lens:
    names = ("email", "emails")

    def shown_of(address: str) -> dict[str, Value]:
        return {"email": address, "emails": frozenset({address})} if address else {}

    def get(payload: Payload) -> Got:
        return told(names, shown_of(email(shown_by.first(payload, shown_by.KEYS["email"]))))

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        address = email(canonical.get("email"))
        others = canonical.get("emails")
        if not address and isinstance(others, frozenset):
            normal = {email(other) for other in others} - {""}
            present = shown.get("email")
            address = str(present) if present in normal else min(normal, default="")
        return told(names, shown_of(address))  # type: ignore[return-value]  # told never gives Unmapped

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {"email": wanted.get("email") or ""}

    return Lens(names, get, squeeze, put, loss="one address a lead; it cannot be taken away")


def _phone(numbers: Numbers) -> Lens:
    names = ("phone", "phones")

    def shown_of(number: str) -> dict[str, Value]:
        return {"phone": number, "phones": frozenset({Phone(number, PHONE_KIND)})} if number else {}

    def get(payload: Payload) -> Got:
        return told(names, shown_of(numbers.read(shown_by.first(payload, shown_by.KEYS["phone"]))))

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        primary, others = text(canonical.get("phone")), canonical.get("phones")
        if not (primary and numbers.sendable(primary)):
            held = {p.number for p in others if numbers.sendable(p.number)} if isinstance(others, frozenset) else set()  # type: ignore[union-attr]
            present = shown.get("phone")
            primary = str(present) if present in held else min(held, default="")
        # Before it is sent: whoever reads it after a crash has to know what its digits mean.
        numbers.agree(primary)
        return told(names, shown_of(primary))  # type: ignore[return-value]  # told never gives Unmapped

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        number, there = str(wanted.get("phone") or ""), text(shown_by.first(present, shown_by.KEYS["phone"]))
        stays = there and numbers.read(there) == number
        return {"phone": (stays and spelled(there)) or digits(number)}

    loss = "one number a lead, digits only: numbers with an extension are not carried; it cannot be taken away"
    return Lens(names, get, squeeze, put, element=lambda entry: entry.number, loss=loss)


def _city() -> Lens:
    def get(payload: Payload) -> Got:
        return {"city": shown_by.city_word(payload) or None}

    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        return {"city": cut(canonical.get("city")) or None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {"location": cut(wanted.get("city"))}

    return Lens(("city",), get, squeeze, put, loss=f"the city only, cut after {CHARACTERS_MAX} characters")


def _stage(stages: Stages) -> Lens:
    def get(payload: Payload) -> Got:
        words = shown_by.status_words(payload)
        stage = stages.read(*words) if words[0] else None
        return {"stage": Unmapped(words[0]) if words[0] and stage is None else stage}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        stage, present = canonical.get("stage"), shown.get("stage")
        return {"stage": stages.show(None if stage is None else str(stage), None if present is None else str(present))}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        stage = wanted.get("stage")
        if stage is None:
            return {"status": ""}
        word = stages.write(str(stage), *shown_by.status_words(present))
        return {"status": word} if word else {}

    loss = "several stages may share one choice; a stage without a choice here is not written"
    return Lens(("stage",), get, squeeze, put, loss=loss)


def _source(sources: Sources, *, update: bool) -> Lens:
    def get(payload: Payload) -> Got:
        word = shown_by.source_word(payload)
        return {"source": sources.read(word) if word else None}

    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        return {"source": sources.show(text(canonical.get("source")))}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        source = str(wanted.get("source") or "")
        there = shown_by.source_word(present)
        word = there if there and sources.read(there) == source else sources.write(source) if source else ""
        return {} if word is None else {"source": word}

    loss = "only sources this installation lists; written when a lead is created" + (" or changed" if update else "")
    return Lens(("source",), get, squeeze, put, update=update, loss=loss)


def _registered_at(zone: tzinfo) -> Lens:
    def get(payload: Payload) -> Got:
        return {"registered_at": shown_by.time_under(payload, shown_by.KEYS["registered_at"], zone)}

    return Lens(("registered_at",), get, as_is("registered_at"), nothing, create=False, update=False, loss="read only")


def _assignment() -> Lens:
    name = "assignment.primary"

    def get(payload: Payload) -> Got:
        agent = shown_by.assignee(payload)
        return {name: agent.username if agent else None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        agent = wanted.get(name)
        return {"assignee": agent} if agent else {}

    return Lens((name,), get, as_is(name), put, loss="cannot be emptied again")


def _custom(name: str, path: str) -> Lens:
    """A field of the user's own, as typed; only the message can be written."""

    def get(payload: Payload) -> Got:
        raw = at(payload, path)
        if isinstance(raw, list | dict):
            return {name: json.dumps(raw, sort_keys=True, ensure_ascii=False)}
        return {name: raw if isinstance(raw, bool | int | float) else text(raw) or None}

    if path != CUSTOM_WRITABLE:
        return Lens((name,), get, as_is(name), nothing, create=False, update=False, loss="read only")

    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        value = canonical.get(name)
        return {
            name: cut(value if isinstance(value, str | int | float) and not isinstance(value, bool) else None) or None
        }

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {CUSTOM_WRITABLE: cut(wanted.get(name))}

    return Lens((name,), get, squeeze, put, loss=f"cut after {CHARACTERS_MAX} characters")
