"""The canonical lead: its fields, their value types, their JSON form.

A lead is a plain mapping from field name to value; a blank field is absent from it. Values are
immutable and compare by equality, so that a merge is comparisons and nothing else:

    text      str                     emails, roles, areas, property_types, labels   frozenset[str]
    number    int | float             phones      frozenset[Phone]
    flag      bool                    household   frozenset[Member]
    day       datetime.date           timeline    (months_min, months_max | None) or a word
    moment    aware UTC datetime      agent       canonical agent id, int

Assignments are fields of the lead, one per role (``assignment.primary``), and so are mapped custom
fields (``custom.NAME``): they merge, journal and explain exactly like any other field.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from syncd.domain.normalize import fold


class Phone(NamedTuple):
    """One number of a lead: E.164 (or verbatim where it cannot be parsed) and its kind.

    kind: ``cell``, ``home``, ``work``, ``other``, or ``""`` where a vendor does not carry kinds.
    """

    number: str
    kind: str = ""


class Member(NamedTuple):
    """One person of a lead's household."""

    relation: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""


Timeline = tuple[int, int | None] | str
Scalar = str | int | float | bool | date | datetime | Timeline
Value = Scalar | frozenset[str] | frozenset[Phone] | frozenset[Member]
Fields = Mapping[str, Value]
"""A lead's (or a record's) values by field name. Absent means blank."""

ROLES = ("primary", "listing", "partner", "lender", "assistant")
STAGES = (
    "new", "attempted", "contacted", "nurturing", "qualified", "appointment",
    "showing", "under_contract", "closed", "not_ready", "lost",
)  # fmt: skip
ADDRESS = ("street", "city", "region", "postal_code", "country")


def _same(element: Any) -> Hashable:
    return element  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What is known of a canonical field whatever the vendor.

    type   text | number | flag | day | moment | timeline | agent | texts | phones | members
    rule   the default conflict rule (DESIGN §4, last column)
    key    for sets: what makes two elements the same one (folded name, phone number)
    group  fields that are decided together share a group name
    """

    name: str
    type: str
    rule: str = "newest"
    key: Callable[[Any], Hashable] = _same
    group: str = ""

    @property
    def is_set(self) -> bool:
        """Whether the field merges element by element."""
        return self.type in {"texts", "phones", "members"}


def _specs() -> dict[str, FieldSpec]:
    rows = [FieldSpec(n, "text") for n in ("title", "first_name", "middle_name", "last_name", "email")]
    rows += [
        FieldSpec("emails", "texts", "union"),
        FieldSpec("phone", "text"),
        FieldSpec("phones", "phones", "union", key=lambda p: p.number),
    ]
    rows += [FieldSpec(n, "text", group="address") for n in ADDRESS]
    rows += [
        FieldSpec("stage", "text"),
        FieldSpec("source", "text", "keep"),
        FieldSpec("roles", "texts", "union"),
        FieldSpec("buyer_timeline", "timeline"),
        FieldSpec("seller_timeline", "timeline"),
    ]
    rows += [FieldSpec(f"{n}_{end}", "number") for n in ("price", "beds", "baths", "size") for end in ("min", "max")]
    rows += [
        FieldSpec("areas", "texts", "union", key=fold),
        FieldSpec("property_types", "texts", "union", key=fold),
        FieldSpec("birthday", "day"),
        FieldSpec("household", "members", "union"),
    ]
    rows += [FieldSpec(f"{n}_opt_out", "flag", "restrictive") for n in ("email", "text", "call")]
    rows += [FieldSpec("registered_at", "moment", "earliest"), FieldSpec("labels", "texts", "union", key=fold)]
    rows += [FieldSpec(f"assignment.{role}", "agent") for role in ROLES]
    return {row.name: row for row in rows}


FIELDS: Mapping[str, FieldSpec] = _specs()
"""Every built-in field, in the order people read them."""


def spec(name: str) -> FieldSpec:
    """The spec of a field; ``custom.NAME`` fields are text-like scalars. Raises KeyError if unknown."""
    found = FIELDS.get(name)
    if found is not None:
        return found
    if name.startswith("custom."):
        return FieldSpec(name, "custom")
    raise KeyError(name)


def blank(value: object) -> bool:
    """Whether a value says nothing: None, empty text, an empty set. False and 0 are values."""
    return value is None or value == "" or (isinstance(value, frozenset) and not value)


def encode(value: Value | None) -> Any:
    """A value as JSON-ready data; sets become sorted lists, so equal values encode equally."""
    if isinstance(value, frozenset):
        return [list(e) if isinstance(e, tuple) else e for e in sorted(value)]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value


def decode(name: str, data: Any) -> Value | None:
    """The inverse of `encode` for field ``name``. Raises KeyError for an unknown field."""
    if data is None:
        return None
    decoder = _DECODERS.get(spec(name).type)
    value: Value = data if decoder is None else decoder(data)
    return value


def encode_fields(fields: Mapping[str, Value | None]) -> dict[str, Any]:
    """All fields as JSON-ready data, in the given order."""
    return {name: encode(value) for name, value in fields.items()}


def decode_fields(data: Mapping[str, Any]) -> dict[str, Value]:
    """The inverse of `encode_fields`; blank values are dropped."""
    decoded = ((name, decode(name, value)) for name, value in data.items())
    return {name: value for name, value in decoded if value is not None}


def compact(fields: Iterable[tuple[str, Value | None]]) -> dict[str, Value]:
    """A mapping without its blank values."""
    return {name: value for name, value in fields if value is not None and not blank(value)}


_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "texts": frozenset,
    "phones": lambda rows: frozenset(Phone(*row) for row in rows),
    "members": lambda rows: frozenset(Member(*row) for row in rows),
    "day": date.fromisoformat,
    "moment": datetime.fromisoformat,
    "timeline": lambda data: tuple(data) if isinstance(data, list) else data,
}
