"""Lenses of what a lead looks for: ``leadInquiry``, written whole as ``inquiry`` (vendors/chime.md §5).

Each row puts only its own key; `complete` lays them over the inquiry as it was read, so the outcome is
the same whether the vendor merges or replaces the object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from syncd.domain.lead import Fields, Value, compact
from syncd.domain.lens import Got, Lens, Payload, Unmapped, nothing
from syncd.domain.normalize import fold, text
from syncd.vendors.chime.values import decimal_text, half_up, is_blank, number, plain, rows, texts, whole

PROPERTY_TYPES = (
    "Single Family Home", "Multi-Family", "Condo", "Townhouse",
    "Mobile Home", "Manufactured Home", "Vacant Land", "Commercial",
)  # fmt: skip
INTEGERS = {
    "price_min": "priceMin",
    "price_max": "priceMax",
    "beds_min": "bedroomsMin",
    "beds_max": "bedroomsMax",
}
DECIMALS = {"baths_min": "bathroomsMin", "baths_max": "bathroomsMax"}
SIZES = {"size_min": "sizeMin", "size_max": "sizeMax"}
_NOT_OURS = frozenset({"id", "leadUserId", "createTime", "updateTime"})
_NUMBERS = frozenset({*INTEGERS.values(), *DECIMALS.values(), *SIZES.values()})
_CITY = re.compile(r"(.+), ([A-Z]{2})\Z")
_COUNTY = re.compile(r"(.+) County, ([A-Z]{2})\Z")
_ZIP = re.compile(r"[0-9]{5}\Z")


def lenses(*, lofty: bool) -> list[Lens]:
    """Every row that lives in the inquiry. Lofty shows sizes on old leads but takes none."""
    found = [_number(name, key, whole, half_up) for name, key in INTEGERS.items()]
    found += [_number(name, key, number, decimal_text) for name, key in DECIMALS.items()]
    found += [_number(name, key, whole, half_up, writable=not lofty) for name, key in SIZES.items()]
    return [*found, _areas(), _property_types()]


def complete(changes: Mapping[str, Any], present: Payload, *, lofty: bool) -> dict[str, Any]:
    """The inquiry to send: all that was read and is not the vendor's own, with ``changes`` laid over."""
    dropped = _NOT_OURS | set(SIZES.values()) if lofty else _NOT_OURS
    whole_inquiry = {
        key: value for key, value in inquiry(present).items() if key not in dropped and not _empty(key, value)
    }
    if isinstance(whole_inquiry.get("propertyType"), str):  # shown as a word or as a list, taken as a list
        whole_inquiry["propertyType"] = [whole_inquiry["propertyType"]]
    return {**whole_inquiry, **changes}


def inquiry(payload: Payload) -> Mapping[str, Any]:
    """The inquiry of a lead, {} where it has none."""
    found = payload.get("leadInquiry")
    if not isinstance(found, dict):
        found = payload.get("inquiry")
    return found if isinstance(found, dict) else {}


def _empty(key: str, value: object) -> bool:
    return is_blank(value) or (key in _NUMBERS and number(value) is None)


def _number(
    name: str,
    key: str,
    read: Callable[[object], float | int | Unmapped | None],
    write: Callable[[float], Any],
    *,
    writable: bool = True,
) -> Lens:
    def get(payload: Payload) -> Got:
        there = inquiry(payload)
        return {} if not writable and key not in there else {name: read(there.get(key))}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        value = read(canonical.get(name))
        return {name: None if isinstance(value, Unmapped) else value}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        value = squeeze(wanted, {})[name]
        return {"inquiry": {key: write(value) if isinstance(value, int | float) else -1}}

    return Lens((name,), get, squeeze, put if writable else nothing, create=writable, update=writable)


def _label(row: object) -> str:
    """What a location says, in words (vendors/chime.md §5 ``areas``)."""
    if not isinstance(row, Mapping):
        return plain(row)
    city, state, county = plain(row.get("city")), plain(row.get("stateCode")), plain(row.get("county"))
    if city:
        return f"{city}, {state}" if state else city
    if county:
        county = county if fold(county).endswith(" county") else f"{county} County"
        return f"{county}, {state}" if state else county
    zip_code, said = plain(row.get("zipCode")), plain(row.get("description"))
    street = plain(row.get("streetAddress"))
    return zip_code if zip_code and not street else said or street


def _location(area: str) -> dict[str, str]:
    """A new location for words: county, city, zip code, or a mere description."""
    if found := _COUNTY.match(area):
        return {"county": found[1], "stateCode": found[2]}
    if found := _CITY.match(area):
        return {"city": found[1], "stateCode": found[2]}
    return {"zipCode": area} if _ZIP.match(area) else {"description": area}


def _areas() -> Lens:
    def get(payload: Payload) -> Got:
        labels = (_label(row) for row in rows(inquiry(payload).get("locations")))
        return {"areas": frozenset(label for label in labels if label)}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        return {"areas": as_spelled(canonical.get("areas"), shown.get("areas"), fold) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        there = rows(inquiry(present).get("locations"))
        missing: dict[str, str] = {}
        for area in sorted(texts(wanted, "areas")):
            missing.setdefault(fold(area), area)
        kept = []
        for row in there:
            label = fold(_label(row))
            if not label or label in missing:
                kept.append(row)
        for row in kept:
            missing.pop(fold(_label(row)), None)
        return {"inquiry": {"locations": kept + [_location(area) for area in missing.values()]}}

    return Lens(("areas",), get, squeeze, put)


def squash(word: str) -> str:
    """A property type without case, spaces and hyphens."""
    return "".join(fold(word).replace("-", "").split())


_TYPES = {squash(word): word for word in PROPERTY_TYPES}


def _property_types() -> Lens:
    def read(payload: Payload) -> list[str]:
        return [word for raw in rows(inquiry(payload).get("propertyType")) if (word := plain(raw))]

    def get(payload: Payload) -> Got:
        words = read(payload)
        known = frozenset(_TYPES[squash(word)] for word in words if squash(word) in _TYPES)
        # Words without a meaning stay in the list when it is written; alone they are all there is to report.
        return {"property_types": Unmapped(", ".join(words)) if words and not known else known}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        wanted = texts(canonical, "property_types")
        return {"property_types": frozenset(_TYPES[squash(w)] for w in wanted if squash(w) in _TYPES) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        missing = set(texts(compact(squeeze(wanted, {}).items()), "property_types"))
        kept = []
        for word in read(present):
            known = _TYPES.get(squash(word))
            if known is None or known in missing:
                kept.append(word)
                missing.discard(known or "")
        return {"inquiry": {"propertyType": kept + sorted(missing)}}

    loss = f"only {', '.join(PROPERTY_TYPES)}"
    return Lens(("property_types",), get, squeeze, put, element=squash, loss=loss)


def as_spelled(wanted: object, shown: object, key: Callable[[str], str]) -> frozenset[str]:
    """The wanted words in the spelling shown; of several spellings of a new one, the first in order."""
    spelling: dict[str, str] = {}
    there: frozenset[str] = shown if isinstance(shown, frozenset) else frozenset()
    for word in sorted(there):
        spelling.setdefault(key(word), word)
    words = sorted(text(word) for word in wanted) if isinstance(wanted, frozenset) else []
    for word in words:
        spelling.setdefault(key(word), word)
    return frozenset(word if word in there else spelling[key(word)] for word in words if word)
