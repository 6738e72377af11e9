"""Search terms of the lead list: ``attribute.path:op=value``, all of which must hold (vendors/cinc.md §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncd.sandbox.cinc.site import RefusedError

PAGING = frozenset({"limit", "offset", "next", "from", "fields"})
Test = Callable[[Mapping[str, Any]], bool]

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda there, value: there == value,
    "gte": lambda there, value: there >= value,
    "lte": lambda there, value: there <= value,
    "gt": lambda there, value: there > value,
    "lt": lambda there, value: there < value,
    "contains": lambda there, value: str(value).lower() in str(there).lower(),
    "atleast": lambda there, value: isinstance(there, list) and len(there) >= int(value),
}


def tests(query: Sequence[tuple[str, str]], date_terms: str) -> list[Test]:
    """The terms of a query as predicates over a lead. ``date_terms``: work | ignored | refused. Raises RefusedError."""
    made: list[Test] = []
    for key, value in query:
        if key in PAGING:
            continue
        path, _, operator = key.partition(":")
        if operator and operator not in _OPERATORS:
            raise RefusedError("Invalid search operator")
        if path.endswith("_date"):
            if date_terms == "refused":
                raise RefusedError("Invalid search term")
            if date_terms == "ignored":
                continue
        made.append(_test(path, operator or "eq", value))
    return made


def _test(path: str, operator: str, value: str) -> Test:
    compare, steps = _OPERATORS[operator], path.split(".")

    def test(lead: Mapping[str, Any]) -> bool:
        there: Any = lead
        for step in steps:
            there = there.get(step) if isinstance(there, Mapping) else None
        if there is None:
            return False
        try:
            return compare(there, _like(there, value))
        except (TypeError, ValueError):
            return False

    return test


def _like(there: Any, value: str) -> Any:
    """The value as the type it is compared with."""
    if isinstance(there, datetime):
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if isinstance(there, bool):
        return value == "true"
    if isinstance(there, int | float):
        return float(value)
    return value
