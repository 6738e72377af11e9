"""Phones in three slots, people of a household in one (vendors/cinc.md §5). Pure.

CINC keeps one number per kind. Which of a lead's numbers a slot gets is decided here once, for what we
show, for what we write and for what we compare, so that they cannot disagree:

    the primary number, if its kind fits the slot
    else what the slot holds, as long as the lead still has that number
    else the smallest number of that kind

A number that stands in some slot already stays in it, whatever kind another CRM gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.domain.lead import Fields, Member, Phone
from syncd.domain.normalize import email, national, phone, text

SLOTS: Mapping[str, str] = {"cell": "cell_phone", "home": "home_phone", "work": "work_phone"}
"""Kind → key under ``info.contact.phone_numbers``, in the order in which the primary is looked for."""


def normal(number: str, region: str) -> str:
    """The number as it will read after CINC stored it."""
    return phone(national(number, region), region)


def held(numbers: Mapping[str, Any], region: str) -> dict[str, str]:
    """Kind → number of the slots that hold one. Raises UnreadableError."""
    read = ((kind, phone(numbers.get(key), region)) for kind, key in SLOTS.items())
    return {kind: number for kind, number in read if number}


def fields_of(slots: Mapping[str, str]) -> dict[str, Any]:
    """The canonical ``phone`` and ``phones`` of filled slots; a number that stands twice counts once."""
    kinds: dict[str, str] = {}
    for kind in SLOTS:
        if kind in slots:
            kinds.setdefault(slots[kind], kind)
    phones = frozenset(Phone(number, kind) for number, kind in kinds.items())
    return {"phone": next(iter(kinds), None), "phones": phones or None}


def place(canonical: Fields, shown: Mapping[str, str], region: str) -> dict[str, str]:
    """Kind → number: which slot gets which of the lead's numbers, while the slots hold ``shown``."""
    kinds: dict[str, str] = {}
    phones = canonical.get("phones")
    for entry in sorted(phones) if isinstance(phones, frozenset) else ():
        if isinstance(entry, Phone) and (number := normal(entry.number, region)):
            kinds.setdefault(number, entry.kind if entry.kind in SLOTS else "cell")
    primary = normal(str(canonical.get("phone") or ""), region)
    slots: dict[str, str] = {}
    if primary:
        kinds.setdefault(primary, "cell")
        stands = next((kind for kind in SLOTS if shown.get(kind) == primary), kinds[primary])
        slots[stands] = primary
    for kind in SLOTS:
        number = shown.get(kind, "")
        if kind not in slots and number in kinds and number not in slots.values():
            slots[kind] = number
    for kind in SLOTS:
        fitting = [n for n, k in kinds.items() if k == kind and n not in slots.values()]
        if kind not in slots and fitting:
            slots[kind] = min(fitting)
    return slots


def changes(wanted: Fields, numbers: Mapping[str, Any], region: str) -> dict[str, str]:
    """Key → text to write, only for slots that change; "" empties one."""
    present = held(numbers, region)
    slots = place(wanted, present, region)
    body: dict[str, str] = {}
    for kind, key in SLOTS.items():
        number, there = slots.get(kind, ""), present.get(kind, "")
        if number == there or (not number and there in slots.values()):
            continue  # the same number in two slots is the site's business
        body[key] = national(number, region)
    return body


def read_member(secondary: Mapping[str, Any], contact: Mapping[str, Any], cell: object, region: str) -> Member | None:
    """The person in ``info.secondary``, None if it says nothing. Raises UnreadableError."""
    member = Member(
        relation=text(secondary.get("relation")),
        first_name=text(contact.get("first_name")),
        last_name=text(contact.get("last_name")),
        email=email(contact.get("email")),
        phone=phone(cell, region),
    )
    return member if any(member) else None


def normal_member(member: Member, region: str) -> Member | None:
    """The person as they will read after CINC stored them."""
    number = normal(member.phone, region)
    shown = Member(text(member.relation), text(member.first_name), text(member.last_name), email(member.email), number)
    return shown if any(shown) else None


def choose_member(members: frozenset[Any], shown: frozenset[Any], region: str) -> Member | None:
    """The one person CINC shows of a household: the present one if still wanted, else the first by name."""
    normals = (normal_member(m, region) for m in members if isinstance(m, Member))
    wanted = {m for m in normals if m is not None}
    stays = wanted & shown
    order = sorted(stays or wanted, key=lambda m: (m.relation, m.email, m.first_name, m.last_name, m.phone))
    return order[0] if order else None
