"""Filters and order of the lead list (vendors/mycrm.md §3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any

from syncd.sandbox.mycrm.records import RefusedError

Test = Callable[[Mapping[str, Any]], bool]
_FILTER = re.compile(r"filters\[(\w+)\](?:\[(\w+)\])?")
_SORTS = frozenset(
    {"id", "last_name", "email", "mobile", "user", "status", "created", "size", "type", "time_frame", "price"}
)
_EQUAL = frozenset({"status", "source", "channel", "country", "quality", "financial", "user", "id"})


def tests(query: Sequence[tuple[str, str]], zone_hours: float, style: str) -> list[Test]:
    """The filters of a query as predicates over a kept lead. ``style``: work | ignored | refused. Raises RefusedError.

    Unknown filters are ignored.
    """
    zone = timezone(timedelta(hours=zone_hours))
    found: list[Test] = []
    for key, value in query:
        match = _FILTER.fullmatch(key)
        if match is None or style == "ignored":
            continue
        if style == "refused":
            raise RefusedError("Invalid filter")
        test = _test(match[1], match[2] or "", value, zone)
        if test is not None:
            found.append(test)
    return found


def in_order(query: Sequence[tuple[str, str]], leads: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The leads as ``sort`` and ``sort_order`` say; by id if they say nothing. Raises RefusedError."""
    asked = dict(query)
    sort, order = asked.get("sort", "id"), asked.get("sort_order", "ASC")
    if sort not in _SORTS or order not in {"ASC", "DESC"}:
        raise RefusedError("Invalid sort")
    key = "created_at" if sort == "created" else sort
    return sorted(leads, key=lambda lead: (str(lead.get(key) or ""), lead["id"]) if key != "id" else lead["id"],
                  reverse=order == "DESC")  # fmt: skip


def _test(name: str, part: str, value: str, zone: tzinfo) -> Test | None:
    if name in {"created", "updated"} and part in {"from", "to"}:
        return _day(f"{name}_at", part, value, zone)
    needle = value.casefold()
    if name == "query":
        keys = ("id", "last_name", "first_name", "mobile", "email")
        return lambda lead: any(needle in str(lead[key] or "").casefold() for key in keys)
    if name == "name":
        return lambda lead: any(needle in str(lead[key] or "").casefold() for key in ("first_name", "last_name"))
    if name == "mobile":
        return lambda lead: needle in "".join(c for c in str(lead["mobile"] or "") if c.isdigit())
    if name in _EQUAL:
        return lambda lead: str(lead[name] or "") == value
    return None


def _day(key: str, part: str, value: str, zone: tzinfo) -> Test:
    """Whole days of the account's zone, both ends included."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise RefusedError("Invalid date") from None

    def test(lead: Mapping[str, Any]) -> bool:
        moment: datetime = lead[key]
        there = moment.astimezone(zone).date()
        return there >= day if part == "from" else there <= day

    return test
