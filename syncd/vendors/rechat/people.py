"""Addresses, numbers and the partner (vendors/rechat.md §5): rows of a plural kind, one of them the primary. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.domain.lead import Fields, Member, Phone, Value
from syncd.domain.lens import Got, Lens, Payload, told
from syncd.domain.normalize import email, fold, phone, text
from syncd.vendors.rechat.rows import Fragment, Row, View, by_primary, joined, several, single

EMAIL, PHONE = "email", "phone_number"
RELATION = "partner"
RELATIONS = frozenset({"partner", "spouse", "husband", "wife", ""})
"""Whom of a household Rechat's partner most likely is."""
_KIND_OF = {"mobile": "cell", "home": "home", "work": "work", "other": "other"}
_LABEL_OF = {"cell": "Mobile", "home": "Home", "work": "Work", "other": "Other"}


def emails(view: View) -> Lens:
    """The row of ``email`` and ``emails``."""
    names = ("email", "emails")

    def held(payload: Payload) -> list[tuple[str, Row]]:
        rows = ((email(row.value), row) for row in by_primary(view.own(payload, EMAIL)))
        return [(address, row) for address, row in rows if address]

    def get(payload: Payload) -> Got:
        found = [address for address, _ in held(payload)]
        return {"email": found[0] if found else None, "emails": frozenset(found) or None}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        others: Any = canonical.get("emails") or ()
        every = {email(other) for other in others} - {""}
        primary = _primary(email(canonical.get("email")), every, shown.get("email"))
        return told(names, {"email": primary, "emails": frozenset(every | {primary} - {""})})  # type: ignore[return-value]

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        shown = squeeze(wanted, {})
        every: Any = shown["emails"] or ()
        return several(held(present), {address: {} for address in every}, shown["email"], EMAIL)

    return Lens(names, get, squeeze, put)


def phones(view: View, region: str) -> Lens:
    """The row of ``phone`` and ``phones``; a label Rechat's people made up themselves stays."""
    names = ("phone", "phones")

    def held(payload: Payload) -> list[tuple[str, Row]]:
        rows = ((phone(row.value, region), row) for row in by_primary(view.own(payload, PHONE)))
        return [(number, row) for number, row in rows if number]

    def get(payload: Payload) -> Got:
        kinds: dict[str, str] = {}
        for number, row in held(payload):
            kinds.setdefault(number, kind_of(row.label))
        every = frozenset(Phone(number, kind) for number, kind in kinds.items())
        return {"phone": next(iter(kinds), None), "phones": every or None}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        standing = _kinds(shown, region)
        kinds = _kinds(canonical, region)
        primary = phone(canonical.get("phone"), region)
        present = shown.get("phone")
        primary = _primary(primary, set(kinds), present)
        if primary:
            kinds.setdefault(primary, "")
        every = {number: kind or standing.get(number, "") for number, kind in kinds.items()}
        shape = frozenset(Phone(number, kind) for number, kind in every.items())
        return told(names, {"phone": primary, "phones": shape})  # type: ignore[return-value]

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        rows = held(present)
        shown = get(present) if present else {}
        goal = squeeze(wanted, {name: shown[name] for name in names if shown.get(name)})  # type: ignore[misc]
        labels: dict[str, str] = {}
        for number, row in rows:
            labels.setdefault(number, kind_of(row.label))
        every: Any = goal["phones"] or ()
        more = {
            number: {"label": _LABEL_OF[kind]} if kind and labels.get(number) != kind else {} for number, kind in every
        }
        return several(rows, more, goal["phone"], PHONE)

    return Lens(names, get, squeeze, put)


def kind_of(label: Any) -> str:
    """The canonical kind of a row's label: "" without one, ``other`` for one of somebody's own."""
    word = fold(text(label)) if isinstance(label, str) else ""
    return _KIND_OF.get(word, "other") if word else ""


def _kinds(fields: Fields, region: str) -> dict[str, str]:
    """Number → kind, in kinds Rechat has a label for."""
    entries: Any = fields.get("phones") or ()
    kinds: dict[str, str] = {}
    for entry in sorted(entries):
        if isinstance(entry, Phone) and (number := phone(entry.number, region)):
            kind = entry.kind if entry.kind in _LABEL_OF or not entry.kind else "other"
            kinds[number] = kinds.get(number) or kind
    return kinds


def _primary(wanted: str, every: set[str], shown: object) -> str:
    """The primary of a set: the wanted one, else the one shown as long as it is among them, else the smallest."""
    if wanted:
        return wanted
    return str(shown) if shown in every else min(every, default="")


# The household: one member, in rows marked as the partner's.

_PARTS: Mapping[str, str] = {"first_name": "first_name", "last_name": "last_name", "email": EMAIL, "phone": PHONE}


def household(view: View, region: str) -> Lens:
    """The row of ``household``."""
    reads = _readers(region)

    def get(payload: Payload) -> Got:
        values = {part: _first(view, payload, kind, reads[part]) for part, kind in _PARTS.items()}
        member = Member(RELATION, **values)
        return {"household": frozenset({member}) if any(values.values()) else None}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        chosen = _choose(canonical.get("household"), shown.get("household"), region)
        return {"household": frozenset({chosen}) if chosen else None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        chosen = _choose(wanted.get("household"), None, region)
        parts: list[Fragment] = []
        for part, kind in _PARTS.items():
            value = getattr(chosen, part) if chosen else ""
            rows = [row for row in by_primary(view.partner(present, kind)) if reads[part](row.value)]
            new = {"attribute_type": kind, "text": value, "is_partner": True}
            parts.append(single(rows, f"partner:{kind}", value, reads[part], new))
        return joined(*parts)

    def element(member: Any) -> tuple[str, ...]:
        return tuple(member[1:]) if isinstance(member, Member) else (str(member),)

    return Lens(("household",), get, squeeze, put, element=element, loss="one person, always as the partner")


def _readers(region: str) -> Mapping[str, Callable[[Any], str]]:
    return {"first_name": text, "last_name": text, "email": email, "phone": lambda value: phone(value, region)}


def _first(view: View, payload: Payload, kind: str, read: Callable[[Any], str]) -> str:
    values = (read(row.value) for row in by_primary(view.partner(payload, kind)))
    return next((value for value in values if value), "")


def _choose(members: Any, shown: Any, region: str) -> Member | None:
    """The one person Rechat shows of a household: the present one if still wanted, else the likeliest partner."""
    reads = _readers(region)
    wanted: dict[Member, bool] = {}
    for member in members if isinstance(members, frozenset) else ():
        if not isinstance(member, Member):
            continue
        values = {part: reads[part](getattr(member, part)) for part in _PARTS}
        if any(values.values()):
            normal = Member(RELATION, **values)
            wanted[normal] = wanted.get(normal, False) or fold(member.relation) in RELATIONS
    stays = wanted.keys() & (shown if isinstance(shown, frozenset) else frozenset())
    order = sorted(stays or wanted, key=lambda member: (not wanted[member], member))
    return order[0] if order else None
