"""How the vendor takes a body: checked strictly, unknown keys ignored (vendors/chime.md §5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from syncd.sandbox.chime.state import (
    BATHS,
    FAMILY_MAX,
    FRAMES,
    INTEGERS,
    MONTHS,
    NAME_MAX,
    NAMES,
    PHONE_MAX,
    PROPERTY_TYPES,
    SIZES,
    STAGE_MAX,
    TEXTS,
    YES_NO,
    Lead,
)

_DAY = re.compile(rf"(?:{'|'.join(MONTHS)}) [1-9]\d?, \d{{4}}\Z")
_TYPES = (-1, 1, 2, 3, 5)
_LOFTY_TYPES = (-1, 1, 2, 3, 5, 6, 7, 8, 9)


class BadBodyError(Exception):
    """The body is refused: 400."""


def need(fits: bool, what: str) -> None:  # noqa: FBT001 -- an assertion's condition
    """Raises BadBodyError."""
    if not fits:
        raise BadBodyError(what)


def apply(body: Mapping[str, Any], lead: Lead, *, lofty: bool, stages: tuple[str, ...], merge_inquiry: bool) -> bool:
    """Store what a body says; all of it or, on BadBodyError, nothing. Whether anything was said."""
    new: dict[str, Any] = {}
    for key, value in body.items():
        take = _TAKERS.get(key)
        if take is not None:
            take(key, value, new)
    if lofty:
        _take_lofty(body, new)
    else:
        need("0-3" not in (body.get("buyingTimeFrame"), body.get("sellingTimeFrame")), "buyingTimeFrame")
    if not lofty and "leadType" in body:
        need(_is_int(body["leadType"]) and body["leadType"] in _TYPES, "leadType")
        new["types"] = [body["leadType"]] if body["leadType"] != -1 else []
    if "stage" in body:
        _take_stage(body["stage"], new, lofty=lofty, stages=stages)
    if "inquiry" in body:
        inquiry = _inquiry(body["inquiry"], lofty=lofty)
        new["inquiry"] = {**(lead.held.get("inquiry") or {}), **inquiry} if merge_inquiry else inquiry
    lead.held.update(new)
    return bool(new)


def _take_lofty(body: Mapping[str, Any], new: dict[str, Any]) -> None:
    if "leadTypes" in body:
        types = body["leadTypes"]
        need(isinstance(types, list) and all(_is_int(code) and code in _LOFTY_TYPES for code in types), "leadTypes")
        new["types"] = [code for code in types if code != -1]
    for key in ("cannotEmail", "cannotText", "cannotCall"):
        if key in body:
            _flag(key, body[key], new)


def _take_stage(value: Any, new: dict[str, Any], *, lofty: bool, stages: tuple[str, ...]) -> None:
    need(isinstance(value, str) and len(value) <= STAGE_MAX, "stage")
    need(not lofty or not value or value in stages, "stage")
    new["stage"] = value


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _name(key: str, value: Any, new: dict[str, Any]) -> None:
    need(isinstance(value, str), key)
    new[key] = value[:NAME_MAX]


def _text(key: str, value: Any, new: dict[str, Any]) -> None:
    need(isinstance(value, str), key)
    new[key] = value


def _emails(key: str, value: Any, new: dict[str, Any]) -> None:
    need(isinstance(value, list) and all(isinstance(one, str) for one in value), key)
    new[key] = list(value)


def _phones(key: str, value: Any, new: dict[str, Any]) -> None:
    _emails(key, value, new)
    need(all(len(one) <= PHONE_MAX for one in value), key)


def _frame(key: str, value: Any, new: dict[str, Any]) -> None:
    need(value in (*FRAMES, "0-3", ""), key)
    new[key] = value


def _day(key: str, value: Any, new: dict[str, Any]) -> None:
    need(isinstance(value, str) and (value == "" or _DAY.match(value) is not None), key)
    new[key] = value


def _flag(key: str, value: Any, new: dict[str, Any]) -> None:
    need(isinstance(value, bool), key)
    new[key] = value


def _yes_no(key: str, value: Any, new: dict[str, Any]) -> None:
    need(value in ("Yes", "No", ""), key)
    new[key] = value


def _family(key: str, value: Any, new: dict[str, Any]) -> None:
    need(isinstance(value, list) and len(value) <= FAMILY_MAX, key)
    for row in value:
        need(isinstance(row, dict) and isinstance(row.get("firstName"), str) and row["firstName"] != "", key)
        for name in ("emails", "phones"):
            held: dict[str, Any] = {}
            (_phones if name == "phones" else _emails)(name, row.get(name, []), held)
    new["family"] = [dict(row) for row in value]


def _attributes(key: str, value: Any, new: dict[str, Any]) -> None:
    need(isinstance(value, list), key)
    for row in value:
        need(isinstance(row, dict) and {"attributeName", "attributeType", "value"} <= row.keys(), key)
        need(isinstance(row["attributeName"], str) and bool(row["attributeName"]), key)
    new["attributes"] = [dict(row) for row in value]


def _inquiry(value: Any, *, lofty: bool) -> dict[str, Any]:
    """An inquiry as it is kept: known keys only; −1 and "" unset a number."""
    need(isinstance(value, dict), "inquiry")
    kept: dict[str, Any] = {}
    for key in INTEGERS if lofty else (*INTEGERS, *SIZES):
        if key in value:
            need(_is_int(value[key]) and value[key] >= -1, key)
            kept[key] = value[key]
    for key in BATHS:
        if key in value:
            need(isinstance(value[key], str) or value[key] == -1, key)
            kept[key] = value[key] if value[key] not in {"", -1, "-1"} else None
    if "propertyType" in value:
        types = value["propertyType"]
        need(isinstance(types, list) and all(one in PROPERTY_TYPES for one in types), "propertyType")
        kept["propertyType"] = list(types)
    if "locations" in value:
        rows = value["locations"]
        need(isinstance(rows, list) and all(isinstance(row, dict) for row in rows), "locations")
        kept["locations"] = [dict(row) for row in rows]
    return kept


_TAKERS: Mapping[str, Callable[[str, Any, dict[str, Any]], None]] = {
    **dict.fromkeys(NAMES, _name),
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(YES_NO, _yes_no),
    "emails": _emails,
    "phones": _phones,
    "buyingTimeFrame": _frame,
    "sellingTimeFrame": _frame,
    "birthday": _day,
    "unsubscription": _flag,
    "leadFamilyMemberList": _family,
    "customAttributeList": _attributes,
}
