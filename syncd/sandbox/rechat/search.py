"""What the contact lists can be asked for (vendors/rechat.md §3, "The simulator honours")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncd.sandbox.message import Ask
from syncd.sandbox.rechat.ids import Refused, checked
from syncd.sandbox.rechat.store import Contact, Store

ORDERS = ("created_at", "updated_at")
LIMIT_DEFAULT, LIMIT_MAX = 10, 200
Test = Callable[[Contact], bool]


def find(store: Store, ask: Ask, body: Mapping[str, Any], ignored: Sequence[str]) -> tuple[list[Contact], int]:
    """The page asked for and how many there are in all. ``ignored``: filters without effect. Raises Refused."""
    tests = [*_ranges(ask, ignored), *_sets(ask, body), *_terms(ask, body), *_filters(store, body)]
    parked = ask.one("parked") == "true"
    found = [
        contact
        for contact in store.contacts.values()
        if contact.there and contact.parked is parked and all(test(contact) for test in tests)
    ]
    order = ask.one("order") or "-created_at"
    name = order.removeprefix("-")
    if name not in ORDERS:
        raise Refused("Invalid order")
    found.sort(key=lambda contact: contact.id)
    found.sort(key=lambda contact: getattr(contact, name), reverse=order.startswith("-"))
    start, limit = _count(ask, "start", 0), min(_count(ask, "limit", LIMIT_DEFAULT), LIMIT_MAX)
    return found[start : start + limit], len(found)


def values(contact: Contact, *kinds: str) -> list[str]:
    """The texts of a contact's own rows of some kinds."""
    rows = (row for row in contact.rows.values() if row["attribute_type"] in kinds and not row["is_partner"])
    return [row["text"] for row in rows if isinstance(row["text"], str)]


def digits(text: str) -> str:
    """The digits of a number as typed."""
    return re.sub(r"\D", "", text)


def _count(ask: Ask, name: str, default: int) -> int:
    try:
        found = int(ask.one(name) or default)
    except ValueError:
        raise Refused(f"Invalid {name}") from None
    if found < 0:
        raise Refused(f"Invalid {name}")
    return found


def _ranges(ask: Ask, ignored: Sequence[str]) -> list[Test]:
    tests: list[Test] = []
    for name in ORDERS:
        for end in ("gte", "lte"):
            key = f"{name.removesuffix('_at')}_{end}"
            text = ask.one(key)
            if not text or key in ignored:
                continue
            try:
                bound = float(text)
            except ValueError:
                raise Refused(f"Invalid {key}") from None
            tests.append(_bounded(name, end, bound))
    return tests


def _bounded(name: str, end: str, bound: float) -> Test:
    if end == "gte":
        return lambda contact: bool(getattr(contact, name) >= bound)
    return lambda contact: bool(getattr(contact, name) <= bound)


def _sets(ask: Ask, body: Mapping[str, Any]) -> list[Test]:
    tests: list[Test] = []

    def asked(name: str) -> set[str]:
        told = [value for key, value in ask.query if key == f"{name}[]"]
        more = body.get(name) or []
        return {checked(value) for value in [*told, *more]}

    if ids := asked("ids"):
        tests.append(lambda contact: contact.id in ids)
    if users := asked("users"):
        tests.append(lambda contact: contact.user in users)
    if people := asked("assignees"):
        tests.append(lambda contact: bool(people & set(contact.assignees)))
    if channels := asked("lead_channels"):
        tests.append(lambda contact: bool(channels & contact.channels))
    return tests


def _terms(ask: Ask, body: Mapping[str, Any]) -> list[Test]:
    terms = [value for key, value in ask.query if key in {"q[]", "query"}]
    if isinstance(body.get("query"), str):
        terms.append(body["query"])
    words = [word for term in terms for word in term.lower().split()]
    return [_mentions(word) for word in words]


def _mentions(word: str) -> Test:
    def test(contact: Contact) -> bool:
        texts = values(contact, "email", "first_name", "middle_name", "last_name", "tag")
        return any(word in text.lower() for text in texts) or any(
            digits(word) and word.strip("+").isdigit() and digits(word) in digits(number)
            for number in values(contact, "phone_number")
        )

    return test


def _filters(store: Store, body: Mapping[str, Any]) -> list[Test]:
    found = body.get("filter") or []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Refused("Invalid filter")
    return [_filter(store, one) for one in found]


def _filter(store: Store, one: Mapping[str, Any]) -> Test:
    definition = store.definition(one)
    operator, value, kind = one.get("operator") or "eq", one.get("value"), definition["data_type"]
    compare = _OPERATORS.get(operator)
    if compare is None:
        raise Refused("Invalid operator")
    invert = bool(one.get("invert"))

    def test(contact: Contact) -> bool:
        rows = (row for row in contact.rows.values() if row["attribute_def"] == definition["id"])
        there = [_folded(row[kind]) for row in rows]
        try:
            return compare(there, value) is not invert
        except (TypeError, IndexError):
            return False

    return test


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _each(value: Any) -> list[Any]:
    return [_folded(one) for one in value] if isinstance(value, list) else [_folded(value)]


_OPERATORS: Mapping[str, Callable[[list[Any], Any], bool]] = {
    "eq": lambda there, value: _folded(value) in there,
    "lte": lambda there, value: any(one <= _folded(value) for one in there),
    "gte": lambda there, value: any(one >= _folded(value) for one in there),
    "between": lambda there, value: any(_each(value)[0] <= one <= _each(value)[1] for one in there),
    "any": lambda there, value: bool(set(there) & set(_each(value))),
    "all": lambda there, value: set(_each(value)) <= set(there),
}
