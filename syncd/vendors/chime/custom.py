"""Lenses of the fields a config maps itself: custom attributes and Chime's odd flags (vendors/chime.md §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.domain.errors import ConfigError
from syncd.domain.lead import Fields, Value
from syncd.domain.lens import Got, Lens, Payload, Unmapped
from syncd.domain.normalize import fold, text
from syncd.vendors.chime.values import as_text, flag, is_blank, plain

FLAGS = ("preQual", "houseToSell", "fthb", "withBuyerAgent", "withListingAgent", "mortgage", "buyHouse")
TEXTS = ("referredBy",)
_PREFIX = "field:"


def lenses(custom: Mapping[str, str]) -> list[Lens]:
    """One row per mapped name. Raises ConfigError for a ``field:`` key that Chime does not have."""
    wrong = [f"custom.{name}: no such field {path!r}" for name, path in custom.items() if not _known(path)]
    if wrong:
        known = ", ".join(_PREFIX + key for key in FLAGS + TEXTS)
        raise ConfigError(wrong, hint=f"known: {known}; or the name of an attribute")
    return [_lens(f"custom.{name}", path) for name, path in custom.items()]


def complete(changes: Sequence[Mapping[str, Any]], present: Payload) -> list[dict[str, Any]]:
    """All attributes as read with ``changes`` laid over; the list replaces what is there."""
    rows = [dict(row) for row in attributes(present)]
    for change in changes:
        row = _find(rows, str(change["attributeName"]))
        if row is None:
            rows.append(dict(change))
        else:
            row["value"] = change["value"]
    return rows


def attributes(payload: Payload) -> list[Mapping[str, Any]]:
    """The attribute rows of a lead."""
    found = payload.get("customAttributes")
    if not isinstance(found, list):
        found = payload.get("customAttributeList")
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _known(path: str) -> bool:
    return not path.startswith(_PREFIX) or path.removeprefix(_PREFIX) in FLAGS + TEXTS


def _lens(name: str, path: str) -> Lens:
    if not path.startswith(_PREFIX):
        return _attribute(name, path)
    key = path.removeprefix(_PREFIX)
    return _yes_no(name, key) if key in FLAGS else _text(name, key)


def _find(rows: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    same = [row for row in rows if fold(plain(row.get("attributeName"))) == fold(name)]
    return next((row for row in same if plain(row.get("attributeName")) == name), same[0] if same else None)


def _squeezed_text(name: str) -> Any:
    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        value = canonical.get(name)
        return {name: None if is_blank(value) else as_text(value) or None}

    return squeeze


def _attribute(name: str, attribute: str) -> Lens:
    squeeze = _squeezed_text(name)

    def get(payload: Payload) -> Got:
        row = _find([dict(row) for row in attributes(payload)], attribute)
        value = None if row is None else row.get("value")
        if isinstance(value, list | dict):
            return {}
        return {name: None if is_blank(value) else text(as_text(value)) or None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        value = squeeze(wanted, {})[name]
        row = {"attributeName": attribute, "attributeType": "text", "value": value or ""}
        return {"customAttributeList": [row]}

    return Lens((name,), get, squeeze, put, loss="kept as text")


def _text(name: str, key: str) -> Lens:
    squeeze = _squeezed_text(name)

    def get(payload: Payload) -> Got:
        return {name: plain(payload.get(key)) or None}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {key: squeeze(wanted, {})[name] or ""}

    return Lens((name,), get, squeeze, put, loss="kept as text")


def _yes_no(name: str, key: str) -> Lens:
    def get(payload: Payload) -> Got:
        return {name: flag(payload.get(key))}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        value = canonical.get(name)
        found = None if value is None else flag(as_text(value))
        return {name: None if isinstance(found, Unmapped) else found}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        value = squeeze(wanted, {})[name]
        return {key: "" if value is None else as_text(value)}

    return Lens((name,), get, squeeze, put, loss="yes or no only")
