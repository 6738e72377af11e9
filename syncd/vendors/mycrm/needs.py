"""What MyCRM demands of a lead and what fills it: the lead's value, then a default (vendors/mycrm.md §5). Pure."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from syncd.domain.lens import at, nest
from syncd.domain.normalize import fold
from syncd.settings.connections.mycrm_words import pair_of

TITLE, FIRST, LAST, MOBILE, COUNTRY, CATEGORY = "title", "first_name", "last_name", "mobile", "country", "category"
STATUS, SOURCE, CHANNEL, FINANCIAL = "status", "source", "source_channel", "financial"
OFFERING, TYPES, LOCATIONS = "offering_type", "preference.types", "preference.locations"
FROM_PRICE, TO_PRICE, AMENITIES = "preference.from_price", "preference.to_price", "preference.amenities"
ORDER = (
    TITLE, FIRST, LAST, MOBILE, COUNTRY, CATEGORY, STATUS, SOURCE, CHANNEL, FINANCIAL,
    OFFERING, TYPES, LOCATIONS, FROM_PRICE, TO_PRICE, AMENITIES,
)  # fmt: skip
"""Every mandatory key of a write, in the order in which missing ones are named."""
PRICES = f"{FROM_PRICE.removeprefix('preference.')} > {TO_PRICE.removeprefix('preference.')}"

FIELDS: Mapping[str, str] = {
    TITLE: "title",
    COUNTRY: "country",
    STATUS: "stage",
    SOURCE: "source",
    OFFERING: "roles",
    TYPES: "property_types",
    LOCATIONS: "areas",
    FROM_PRICE: "price_min",
    TO_PRICE: "price_max",
    FINANCIAL: FINANCIAL,
}
"""Mandatory key → the canonical field it shows in (``financial``: whichever custom field maps it). A default in one of
them is no value of the lead's.
"""


@dataclass(frozen=True, slots=True)
class Defaults:
    """`create_defaults` by key, blank ones absent; ``mobile`` has none, ever."""

    values: Mapping[str, Any] = field(default_factory=lambda: {STATUS: "notYetContacted", AMENITIES: []})

    def placeholder(self, name: str) -> str:
        """What stands for a blank first or last name, "" if nothing does."""
        return str(self.values.get(name, ""))


@dataclass(frozen=True, slots=True)
class Filled:
    """A body with its defaults.

    missing  mandatory keys that nothing filled, in their order
    used     canonical field → the default that fills it, as MyCRM will show it
    """

    missing: tuple[str, ...]
    used: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The missing keys as they are reported."""
        return ", ".join(self.missing)


def fill(body: MutableMapping[str, Any], defaults: Defaults) -> Filled:
    """Put the defaults into ``body`` where it says nothing, in place."""
    own_source = body.get(SOURCE)
    missing: list[str] = []
    used: dict[str, Any] = {}
    for key in ORDER:
        if not _nothing(at(body, key), key):
            continue
        default = defaults.values.get(key)
        if key == CHANNEL and own_source and own_source != defaults.values.get(SOURCE):
            default = None  # the channel of another source would be a guess
        if default is None:
            missing.append(key)
            _drop(body, key)
            continue
        _lay(body, key, default)
        if key in FIELDS:
            used[FIELDS[key]] = default
    if "source" in used:
        used["source"] = "/".join(filter(None, (str(body.get(SOURCE, "")), str(body.get(CHANNEL, "")))))
    if body.get(OFFERING):
        _lay(body, "preference.offering_type", body[OFFERING])
    return Filled(tuple(missing), used)


def obstacle(body: Mapping[str, Any], filled: Filled) -> str:
    """Why no lead can be created from a filled body, "" if one can."""
    if filled.missing:
        return f"missing {filled.words}"
    low, high = at(body, FROM_PRICE), at(body, TO_PRICE)
    return PRICES if low > high else ""


def translate(source: str, sources: Mapping[str, str]) -> tuple[str, str] | None:
    """(source, channel) of a canonical source: by the config's table (folded keys), else what the text itself names."""
    return pair_of(sources.get(fold(source), source))


def _nothing(value: Any, key: str) -> bool:
    return value is None or (key != AMENITIES and not isinstance(value, int) and not value)


def _lay(body: MutableMapping[str, Any], key: str, value: Any) -> None:
    head, _, inner = key.partition(".")
    if not inner:
        body[head] = value
        return
    body[head] = {**(body.get(head) or {}), **nest(inner, value)}


def _drop(body: MutableMapping[str, Any], key: str) -> None:
    """What is missing is left out rather than sent blank."""
    head, _, inner = key.partition(".")
    if not inner:
        body.pop(head, None)
    elif isinstance(body.get(head), dict):
        body[head].pop(inner, None)
