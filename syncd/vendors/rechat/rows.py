"""A contact is its attribute rows (vendors/rechat.md §3): names, addresses, tags, notes, each a row with an id.

The summary fields beside them are made of the rows and are never read. What is written is rows as well:
changed ones keep their id, new ones have none, and clearing is deleting. So every lens puts a fragment of

    {"change": {row id: row}, "add": {name of ours: row}, "drop": {row id: True}, "user": owner}

and writes.py makes the calls of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload, deep_merge
from syncd.domain.normalize import text
from syncd.vendors.rechat.values import number, stamp

Fragment = dict[str, Any]
DATES = frozenset({"birthday", "child_birthday", "wedding_anniversary", "home_anniversary", "work_anniversary"})
"""Definitions of Rechat's own whose value is a date; all others are text."""
KINDS = ("text", "number", "date")
NOTE = "note"
TAG = "tag"


@dataclass(frozen=True, slots=True)
class Row:
    """One live attribute row.

    type        the definition's name, "" for a custom one
    definition  the definition's UUID, "" if it is not told
    title       the custom definition's label where the row embeds it, else ""
    value       as received, from the one of text, number, date that holds it
    index       which of several addresses it belongs to
    """

    id: str
    type: str
    definition: str
    title: str
    value: Any = field(repr=False)
    label: Any = field(repr=False)
    index: int
    primary: bool
    partner: bool
    age: tuple[Decimal, str]
    raw: Mapping[str, Any] = field(repr=False)

    def key(self) -> dict[str, str]:
        """What names the row and its kind in a write."""
        kind = {"attribute_type": self.type} if self.type else {"attribute_def": self.definition}
        return {"id": self.id, **kind}


Rows = Sequence[Row]


class View:
    """The rows of a payload, taken apart once however many lenses ask."""

    def __init__(self, name_of: Callable[[str], str] | None = None) -> None:
        """``name_of``: UUID of a definition → its name, "" where it is custom or unknown."""
        self._name_of = name_of or (lambda _definition: "")
        self._last: tuple[Payload, list[Row]] | None = None

    def __call__(self, payload: Payload) -> list[Row]:
        """Every live row, oldest first. Raises UnreadableError where the payload shows none of them."""
        last = self._last
        if last is not None and last[0] is payload:
            return last[1]
        rows = live_rows(payload, self._name_of)
        self._last = (payload, rows)
        return rows

    def own(self, payload: Payload, *types: str) -> list[Row]:
        """The contact's own rows of some types, oldest first."""
        return [row for row in self(payload) if row.type in types and not row.partner]

    def partner(self, payload: Payload, kind: str) -> list[Row]:
        """The partner's rows of a type, oldest first."""
        return [row for row in self(payload) if row.type == kind and row.partner]


def live_rows(payload: Payload, name_of: Callable[[str], str] = lambda _definition: "") -> list[Row]:
    """Rows without ``deleted_at``, oldest first. A payload that lacks ``attributes`` never means "none".

    Raises UnreadableError.
    """
    if not payload:
        return []
    found = payload.get("attributes")
    if not isinstance(found, list):
        message = "expected a list at attributes: the contact was read without its rows"
        raise UnreadableError(message)
    rows = [_row(raw, name_of) for raw in found]
    return sorted((row for row in rows if row is not None), key=lambda row: row.age)


def listed(payload: Payload, kind: str) -> list[Mapping[str, Any]]:
    """The raw live rows of a type, without looking at any other. Raises UnreadableError."""
    found = payload.get("attributes")
    if not isinstance(found, list):
        message = "expected a list at attributes: the contact was read without its rows"
        raise UnreadableError(message)
    return [
        raw
        for raw in found
        if isinstance(raw, Mapping) and not raw.get("deleted_at") and type_of(raw) == kind and raw.get("id")
    ]


def type_of(raw: Mapping[str, Any]) -> str:
    """The name of a row's definition, "" for a custom one."""
    told = raw.get("attribute_type")
    if isinstance(told, str) and told:
        return told
    definition = raw.get("attribute_def")
    name = definition.get("name") if isinstance(definition, Mapping) else None
    return name if isinstance(name, str) else ""


def _row(raw: Any, name_of: Callable[[str], str]) -> Row | None:
    if not isinstance(raw, Mapping):
        message = f"expected an object among attributes, found {type(raw).__name__}"
        raise UnreadableError(message)
    if raw.get("deleted_at"):
        return None
    embedded = raw.get("attribute_def")
    definition = embedded if isinstance(embedded, Mapping) else {}
    uuid = text(definition.get("id") if definition else embedded).lower()
    kind = type_of(raw) or name_of(uuid)
    row_id = text(raw.get("id"))
    if not row_id:
        message = "expected an id in each row of attributes"
        raise UnreadableError(message)
    index = number(raw.get("index"))
    return Row(
        id=row_id,
        type=kind,
        definition=uuid,
        title=text(definition.get("label")) if definition and not kind else "",
        value=_value(raw, kind, definition.get("data_type")),
        label=raw.get("label"),
        index=int(index) if index is not None else 0,
        primary=raw.get("is_primary") is True,
        partner=raw.get("is_partner") is True,
        age=(stamp(raw.get("created_at")) or Decimal(0), row_id),
        raw=raw,
    )


def _value(raw: Mapping[str, Any], kind: str, told: Any) -> Any:
    """From the key the definition's data type names; where that one is empty or unknown, from the one that is not."""
    if told not in KINDS:
        told = "date" if kind in DATES else "text"
    return next((raw[key] for key in (told, *KINDS) if raw.get(key) is not None), None)


# Fragments.


def change(row: Row, kind: str, value: Any, **more: Any) -> Fragment:
    """A row gets another value (or another label, flag)."""
    return {"change": {row.id: {**row.key(), kind: value, **more}}}


def add(name: str, row: Mapping[str, Any]) -> Fragment:
    """A new row. ``name`` keeps two lenses' rows apart."""
    return {"add": {name: dict(row)}}


def drop(rows: Iterable[Row]) -> Fragment:
    """Rows that go."""
    gone = {row.id: True for row in rows}
    return {"drop": gone} if gone else {}


def joined(*fragments: Mapping[str, Any]) -> Fragment:
    """Several fragments as one."""
    whole: Fragment = {}
    for fragment in fragments:
        deep_merge(whole, fragment)
    return whole


def single(rows: Rows, name: str, value: Any, read: Callable[[Any], Any], new: Mapping[str, Any]) -> Fragment:
    """Make the one row of a singular definition hold ``value``; None or "" deletes it.

    new  the row to add where there is none, value included; its keys besides the value name the kind
    """
    if value is None or value == "":
        return drop(rows)
    if not rows:
        return add(name, new)
    if read(rows[0].value) == value:
        return {}
    kind = next(key for key in KINDS if key in new)
    return change(rows[0], kind, new[kind])


def by_primary(rows: Rows) -> list[Row]:
    """The primary row first (flagged, else the oldest, then the lowest id), the others by age."""
    return sorted(rows, key=lambda row: (not row.primary, row.age))


def several(
    held: Sequence[tuple[Hashable, Row]],
    wanted: Mapping[Any, Mapping[str, Any]],
    primary: Any,
    kind: str,
) -> Fragment:
    """Make the rows of a plural definition hold exactly ``wanted``, with ``primary`` read as the primary.

    held    (normal value, row), the primary first; every row of that kind that has a value
    wanted  normal value → keys the row should carry besides its text (a label)
    Rows that are no longer wanted take over new values, because a changed row keeps its id.
    """
    rows: dict[Any, Row] = {}
    for value, row in held:
        rows.setdefault(value, row)
    spare = [row for value, row in held if value not in wanted]
    body: Fragment = {}
    for value in sorted(wanted, key=lambda value: (value != primary, value)):
        more = wanted[value]
        there = rows.get(value)
        if there is not None:
            if more:
                deep_merge(body, change(there, "text", text(there.value), **more))
        elif spare:
            rows[value] = spare.pop(0)
            deep_merge(body, change(rows[value], "text", value, **more))
        else:
            deep_merge(body, add(f"{kind}:{value}", {"attribute_type": kind, "text": value, **more}))
    deep_merge(body, drop(spare))
    kept = [(value, row) for value, row in rows.items() if value in wanted]
    added = [value for value in wanted if value not in rows]
    for value, flag in _flags(kept, added, primary).items():
        if value in added:
            body["add"][f"{kind}:{value}"]["is_primary"] = flag
        else:
            row = rows[value]
            entry = body.setdefault("change", {}).setdefault(row.id, {**row.key(), "text": text(row.value)})
            entry["is_primary"] = flag
    return body


def _flags(kept: Sequence[tuple[Any, Row]], added: Sequence[Any], primary: Any) -> dict[Any, bool]:
    """Value → flag to set, where the wanted primary would not be read as such."""
    if not primary:
        return {}
    flagged = [(value, row) for value, row in kept if row.primary]
    order = sorted(flagged or kept, key=lambda pair: pair[1].age)
    first = order[0][0] if order else added[0] if len(added) == 1 else None
    if first == primary:
        return {}
    return {**{value: False for value, _ in flagged}, primary: True}
