"""The lens table of MyCRM: one row per canonical field, both ways, with its declared loss (vendors/mycrm.md §5).

The rows put fragments of the object that a write takes (``preference``, ``source_channel``), which is not the one
that is read (``preferences``, ``channel``). What MyCRM demands beyond them is needs.py's business, what an update
sends back unchanged is writes.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.domain.lead import Fields, Phone, Value, blank
from syncd.domain.lens import Got, Lens, LensTable, Payload, Unmapped, as_is, nest, nothing, told
from syncd.domain.normalize import email, fold, moment, phone, text
from syncd.vendors.mycrm import needs
from syncd.vendors.mycrm.countries import country
from syncd.vendors.mycrm.custom import custom
from syncd.vendors.mycrm.filled import stands
from syncd.vendors.mycrm.needs import Defaults
from syncd.vendors.mycrm.stages import Stages
from syncd.vendors.mycrm.values import (
    entries,
    frame,
    identity,
    item_id,
    location_text,
    number,
    number_of,
    offering,
    preference,
    role_of,
    timeline,
    title,
    title_code,
    type_text,
    whole,
)

Squeezed = Mapping[str, Value | None]
PRIMARY = "assignment.primary"
_ADDRESS = {"street": "address", "city": "city", "postal_code": "pobox", "country": "country"}
_OFFERED = {"buyer": "sale", "renter": "rent"}
_NUMBERS = {"price": "price", "beds": "bedroom", "baths": "bathroom", "size": "size"}


@dataclass(frozen=True, slots=True)
class Options:
    """What of a connection's config the table depends on.

    sources  folded canonical source → "source/channel"; ``areas`` text → location id; ``types`` text → type id
    """

    region: str = "AE"
    stages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    areas: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    defaults: Defaults = field(default_factory=Defaults)


def build(options: Options) -> LensTable:
    """The table of one connection."""
    rows = (
        _title(),
        _text("first_name", options.defaults.placeholder("first_name")),
        _text("middle_name"),
        _text("last_name", options.defaults.placeholder("last_name")),
        _email(),
        _phones(options.region),
        _address(),
        _stage(Stages(options.stages)),
        _source(options.sources),
        _roles(),
        _buyer_timeline(),
        *(_number(name, end) for name in _NUMBERS for end in ("min", "max")),
        _choices("areas", "locations", options.areas, location_text),
        _choices("property_types", "types", options.types, type_text),
        Lens(
            ("registered_at",),
            lambda payload: {"registered_at": moment(payload.get("created_at"))},
            as_is("registered_at"), nothing, create=False, update=False, loss="read only",
        ),
        _primary(),
        *(custom(f"custom.{name}", path) for name, path in options.custom.items()),
    )  # fmt: skip
    table = LensTable(rows)
    financial = [f"custom.{name}" for name, path in options.custom.items() if path == needs.FINANCIAL]

    def filled(wanted: Fields) -> tuple[dict[str, Any], needs.Filled]:
        body = table.write(wanted, [name for name in wanted if table.writable(name, creating=True)], {})
        return body, needs.fill(body, options.defaults)

    def fills(wanted: Fields) -> Mapping[str, Any]:
        used = dict(filled(wanted)[1].used)
        money = used.pop(needs.FINANCIAL, None)
        return used if money is None else used | dict.fromkeys(financial, money)

    return LensTable(rows, obstacle=lambda wanted: needs.obstacle(*filled(wanted)), fills=fills, stands=stands)


def _title() -> Lens:
    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        return {"title": title_code(text(canonical.get("title"))).capitalize() or None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {"title": title_code(text(wanted.get("title"))) or None}

    return Lens(("title",), lambda p: {"title": title(p.get("title"))}, squeeze, put, loss="Mr, Ms, Miss, Mrs only")


def _text(name: str, placeholder: str = "") -> Lens:
    """A text; the placeholder that stands for a blank is one."""

    def read(value: object) -> str | None:
        shown = text(value)
        return None if not shown or shown == placeholder else shown

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {name: read(wanted.get(name))}

    return Lens((name,), lambda p: {name: read(p.get(name))}, lambda c, _: {name: read(c.get(name))}, put)


def _email() -> Lens:
    names = ("email", "emails")

    def shown_of(address: str) -> dict[str, Value]:
        return {"email": address, "emails": frozenset({address})} if address else {}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        address, others = email(canonical.get("email")), canonical.get("emails")
        if not address and isinstance(others, frozenset):
            normal = {email(other) for other in others} - {""}
            address = str(shown.get("email")) if shown.get("email") in normal else min(normal, default="")
        return told(names, shown_of(address))  # type: ignore[return-value]  # told never gives Unmapped

    return Lens(
        names,
        lambda payload: told(names, shown_of(email(payload.get("email")))),
        squeeze,
        lambda wanted, _: {"email": email(wanted.get("email")) or None},
        loss="one address a lead",
    )


def _phones(region: str) -> Lens:
    """The primary number, whatever its kind. The same number in another spelling is not rewritten."""
    names = ("phone", "phones")

    def shown_of(found: str) -> dict[str, Value]:
        return {"phone": found, "phones": frozenset({Phone(found, "cell")})} if found else {}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        found, others = phone(canonical.get("phone"), region), canonical.get("phones")
        if not found and isinstance(others, frozenset):
            normal = {phone(entry.number, region) for entry in others if isinstance(entry, Phone)} - {""}
            found = str(shown.get("phone")) if shown.get("phone") in normal else min(normal, default="")
        return told(names, shown_of(found))  # type: ignore[return-value]  # told never gives Unmapped

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        found, there = str(wanted.get("phone") or ""), present.get("mobile")
        if not found:
            return {}  # a lead without a number is none to MyCRM
        return {"mobile": there if phone(there, region) == found else found}

    loss = "one number a lead, without its kind"
    return Lens(
        names,
        lambda payload: told(names, shown_of(phone(payload.get("mobile"), region))),
        squeeze, put, element=lambda entry: entry.number, loss=loss,
    )  # fmt: skip


def _address() -> Lens:
    def read(name: str, value: object) -> str | None:
        return (country(value) if name == "country" else text(value)) or None

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {key: read(name, wanted.get(name)) for name, key in _ADDRESS.items()}

    return Lens(
        tuple(_ADDRESS),
        lambda payload: {name: read(name, payload.get(key)) for name, key in _ADDRESS.items()},
        lambda canonical, _: {name: read(name, canonical.get(name)) for name in _ADDRESS},
        put,
        loss="region is not carried",
    )


def _stage(stages: Stages) -> Lens:
    def get(payload: Payload) -> Got:
        word = text(payload.get("status"))
        return {"stage": (stages.read(word) or Unmapped(word)) if word else None}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        stage, present = canonical.get("stage"), shown.get("stage")
        return {"stage": stages.show(None if stage is None else str(stage), None if present is None else str(present))}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        word = stages.write(str(wanted.get("stage") or ""), text(present.get("status")))
        return {"status": word} if word else {}

    return Lens(("stage",), get, squeeze, put, loss="nurturing shares prospect, appointment shares viewingsInProgress")


def _source(sources: Mapping[str, str]) -> Lens:
    """Written when a lead is created, read ever after."""

    def get(payload: Payload) -> Got:
        source, channel = text(payload.get("source")), text(payload.get("channel"))
        return {"source": "/".join(filter(None, (source, channel))) or None}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        source = text(canonical.get("source"))
        if not source or source == shown.get("source"):
            return {"source": source or None}
        pair = needs.translate(source, sources)
        return {"source": "/".join(pair) if pair else None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        pair = needs.translate(text(wanted.get("source")), sources)
        return {"source": pair[0], "source_channel": pair[1]} if pair else {}

    return Lens(("source",), get, squeeze, put, update=False, loss="written when a lead is created, never afterwards")


def _roles() -> Lens:
    def get(payload: Payload) -> Got:
        word = offering(payload)
        role = role_of(word)
        return {"roles": frozenset({role}) if role else Unmapped(word) if word else None}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        roles, present = canonical.get("roles"), shown.get("roles")
        carried = roles & frozenset(_OFFERED) if isinstance(roles, frozenset) else frozenset()
        stays = carried & present if isinstance(present, frozenset) else frozenset()
        one = min(map(str, stays or carried), default="")  # buyer comes before renter
        return {"roles": frozenset({one}) if one else None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        roles = squeeze(wanted, {})["roles"]
        word = next((_OFFERED[str(role)] for role in roles), "") if isinstance(roles, frozenset) else ""
        return {"offering_type": word, "preference": {"offering_type": word}} if word else {}

    return Lens(("roles",), get, squeeze, put, loss="buyer or renter, one of them; seller is not carried")


def _buyer_timeline() -> Lens:
    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        value = canonical.get("buyer_timeline")
        return {"buyer_timeline": value if frame(value) else None}

    return Lens(
        ("buyer_timeline",),
        lambda payload: {"buyer_timeline": timeline(payload.get("time_frame"))},
        squeeze,
        lambda wanted, _: {"time_frame": frame(wanted.get("buyer_timeline")) or None},
        loss="0, 1, 2, 3, 1-3, 3-6, 6-9 and 9-12 months only",
    )


def _number(field_name: str, end: str) -> Lens:
    name, key = f"{field_name}_{end}", f"{'from' if end == 'min' else 'to'}_{_NUMBERS[field_name]}"

    def squeeze(canonical: Fields, _shown: Fields) -> Squeezed:
        return {name: whole(canonical.get(name), up=end == "max")}

    return Lens(
        (name,),
        lambda payload: {name: whole(number(preference(payload).get(key), key), up=end == "max")},
        squeeze,
        lambda wanted, _: nest(f"preference.{key}", squeeze(wanted, {})[name]),
        loss="whole numbers",
    )


def _choices(name: str, key: str, table: Mapping[str, Any], words: Callable[[object], str]) -> Lens:
    """Texts that are ids at MyCRM: those of the config's table, and those the lead shows now."""
    ids = {fold(word): found for word, found in table.items()}
    spelled = {str(found): word for word, found in reversed(list(table.items()))}

    def shown_by(payload: Payload) -> list[tuple[str, Any]]:
        items = entries(preference(payload).get(key), key)
        return [(spelled.get(str(item_id(item))) or words(item), item_id(item)) for item in items]

    def get(payload: Payload) -> Got:
        unique: dict[str, str] = {}
        for word, _ in shown_by(payload):
            if word:
                unique.setdefault(fold(word), word)
        return {name: frozenset(unique.values()) or None}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        wanted, present = canonical.get(name), shown.get(name)
        texts = {fold(text(word)): text(word) for word in sorted(wanted)} if isinstance(wanted, frozenset) else {}
        there = {fold(str(word)): str(word) for word in present} if isinstance(present, frozenset) else {}
        carried = {known: there.get(known) or spelled[str(ids[known])] for known in texts if known in ids}
        carried |= {known: there[known] for known in texts if known in there}
        # Two words of the table may be one id: then the lead shows the first of them.
        return {name: frozenset(carried.values()) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        values = wanted.get(name)
        texts = [fold(str(word)) for word in sorted(values)] if isinstance(values, frozenset) else []
        there = shown_by(present)
        kept = [found for word, found in there if found is not None and (not word or fold(word) in texts)]
        covered = {fold(word) for word, found in there if found is not None and word}
        new = dict.fromkeys(ids[word] for word in texts if word in ids and word not in covered)
        return nest(f"preference.{key}", [*kept, *(found for found in new if found not in kept)])

    return Lens((name,), get, squeeze, put, loss="texts with an id in the config, and those the lead has already")


def _primary() -> Lens:
    def get(payload: Payload) -> Got:
        return {PRIMARY: identity(payload["user"]) or None} if "user" in payload else {}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        agent = wanted.get(PRIMARY)
        return {} if blank(agent) else {"user": number_of(str(agent))}

    return Lens((PRIMARY,), get, as_is(PRIMARY), put, loss="cannot be emptied again")
