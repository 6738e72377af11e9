"""Lenses of addresses, numbers and the household: lists that Chime replaces whole (vendors/chime.md §5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from syncd.domain import normalize
from syncd.domain.lead import Fields, Member, Phone, Value
from syncd.domain.lens import Got, Lens, Payload
from syncd.domain.normalize import fold
from syncd.vendors.chime.values import is_blank, plain, rows, texts

PHONE_MAX = 20
HOUSEHOLD_MAX = 4
Squeezed = Mapping[str, Value | None]


def emails() -> Lens:
    """``emails[]``: the first is the primary one. What is no address stays in the list untouched."""

    def read(payload: Payload) -> list[str]:
        return [address for raw in rows(payload.get("emails")) if (address := normalize.email(_scalar(raw, "email")))]

    def get(payload: Payload) -> Got:
        found = read(payload)
        return {"email": found[0] if found else None, "emails": frozenset(found)}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        every = texts(canonical, "emails")
        first = canonical.get("email") or _stable(shown.get("email"), every)
        return {"email": first or None, "emails": every | {str(first)} if first else None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        found = read(present)
        desired = squeeze(wanted, {"email": found[0]} if found else {})
        there = [(normalize.email(_scalar(raw, "email")), _scalar(raw, "email")) for raw in rows(present.get("emails"))]
        return {"emails": _ordered(desired["email"], desired["emails"] or (), there)}  # type: ignore[arg-type]

    return Lens(("email", "emails"), get, squeeze, put)


def phones(region: str) -> Lens:
    """``phones[]``: text of at most 20 characters without kinds; numbers already there keep their spelling."""

    def read(payload: Payload) -> list[str]:
        return [num for raw in rows(payload.get("phones")) if (num := normalize.phone(_scalar(raw, "phone"), region))]

    def get(payload: Payload) -> Got:
        found = read(payload)
        return {"phone": found[0] if found else None, "phones": frozenset(Phone(number) for number in found)}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        there = {phone.number for phone in shown.get("phones") or ()}  # type: ignore[union-attr]
        every = {phone.number for phone in canonical.get("phones") or ()}  # type: ignore[union-attr]
        every = {num for num in every if len(num) <= PHONE_MAX or num in there}
        first = canonical.get("phone")
        if not isinstance(first, str) or (len(first) > PHONE_MAX and first not in there):
            first = _stable(shown.get("phone"), every)
        numbers = every | {first} if first else every
        return {"phone": first or None, "phones": frozenset(Phone(num) for num in numbers) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        found = read(present)
        shown: Fields = {"phone": found[0], "phones": frozenset(map(Phone, found))} if found else {}
        desired = squeeze(wanted, shown)
        spelled = [_scalar(raw, "phone") for raw in rows(present.get("phones"))]
        there = [(normalize.phone(raw, region), raw) for raw in spelled]
        numbers = [phone.number for phone in desired["phones"] or ()]  # type: ignore[union-attr]
        return {"phones": _ordered(desired["phone"], numbers, there)}

    loss = f"kinds are not carried; numbers over {PHONE_MAX} characters are not carried"
    return Lens(("phone", "phones"), get, squeeze, put, loss=loss)


def household(region: str) -> Lens:
    """``leadFamilyMemberList[]``: at most four people, each with a first name; the list is replaced."""

    def member(row: Mapping[str, Any]) -> Member:
        address, number = rows(row.get("emails")), rows(row.get("phones"))
        return Member(
            plain(row.get("relationship")),
            plain(row.get("firstName")),
            plain(row.get("lastName")),
            normalize.email(_scalar(address[0], "email")) if address else "",
            normalize.phone(_scalar(number[0], "phone"), region) if number else "",
        )

    def present_rows(payload: Payload) -> list[Mapping[str, Any]]:
        return [row for row in rows(payload.get("leadFamilyMemberList")) if isinstance(row, Mapping)]

    def get(payload: Payload) -> Got:
        return {"household": frozenset(found for row in present_rows(payload) if any(found := member(row)))}

    def squeeze(canonical: Fields, shown: Fields) -> Squeezed:
        there: frozenset[Member] = shown.get("household") or frozenset()  # type: ignore[assignment]
        every: frozenset[Member] = canonical.get("household") or frozenset()  # type: ignore[assignment]
        kept = every & there
        fitting = {m if len(m.phone) <= PHONE_MAX else m._replace(phone="") for m in every - kept if m.first_name}
        room = max(0, HOUSEHOLD_MAX - len(kept))
        return {"household": kept | frozenset(sorted(fitting - kept)[:room]) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        there = present_rows(present)
        read = [member(row) for row in there]
        desired = squeeze(wanted, {"household": frozenset(read)})["household"] or frozenset()
        out: list[Mapping[str, Any]] = []
        missing: set[Member] = set(desired)  # type: ignore[arg-type]
        spare: dict[tuple[str, str], Mapping[str, Any]] = {}
        for row, known in zip(there, read, strict=True):
            if known in missing:
                missing.discard(known)
                out.append(row)
            elif not any(known):
                out.append(row)
            else:
                spare.setdefault((fold(known.first_name), fold(known.last_name)), row)
        for new in sorted(missing):
            old = spare.pop((fold(new.first_name), fold(new.last_name)), {})
            out.append(_member_row(new, old))
        return {"leadFamilyMemberList": out}

    return Lens(("household",), get, squeeze, put, loss="at most 4 people, each with a first name")


def _member_row(new: Member, old: Mapping[str, Any]) -> Mapping[str, Any]:
    """A family row for ``new``, keeping the keys and further addresses of the row it replaces."""
    row: dict[str, Any] = {key: value for key, value in old.items() if not is_blank(value)}
    row |= {"firstName": new.first_name}
    for key, text in (("relationship", new.relation), ("lastName", new.last_name)):
        if text or old.get(key):
            row[key] = text
    for key, first in (("emails", new.email), ("phones", new.phone)):
        rest = rows(old.get(key))[1:]
        if first or rows(old.get(key)):
            row[key] = [*([first] if first else []), *rest]
    return row


def _scalar(raw: object, key: str) -> str:
    """An element of a list of texts; objects that carry the text under ``key`` are read too."""
    return plain(raw.get(key)) if isinstance(raw, Mapping) else plain(raw)


def _stable(shown: object, every: Iterable[str]) -> str:
    """The primary one where the lead names none: the one shown first, else the first in order."""
    return shown if isinstance(shown, str) and shown in every else min(every, default="")


def _ordered(first: Any, every: Iterable[str], there: list[tuple[str, str]]) -> list[str]:
    """Primary first, then those there in their order and spelling, then new ones; unreadable ones stay last."""
    spelling: dict[str, str] = {}
    for value, raw in there:
        spelling.setdefault(value, raw)
    wanted = set(every)
    names = [first] if first else []
    names += [value for value in spelling if value in wanted and value != first]
    names += sorted(wanted - set(names))
    strange = [raw for value, raw in there if not value and raw]
    return [spelling.get(value, value) for value in names] + strange
