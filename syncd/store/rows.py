"""Rows of the tables ↔ the frozen values of the ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg.types.json import Json, Jsonb

from syncd.domain.lead import FIELDS, Fields, Value, decode, decode_fields, encode, encode_fields
from syncd.domain.origin import Origin
from syncd.ports.rows import Agent, Conflict, HeldPlan, Intent, Lead, Link, Note, Quarantined
from syncd.store.copy import Target, target
from syncd.store.jsonb import clean

Row = Sequence[Any]
_TYPES = {
    "text": "text", "number": "numeric", "flag": "bool", "day": "date", "moment": "timestamptz",
    "timeline": "jsonb", "texts": "text[]", "phones": "jsonb", "members": "jsonb",
}  # fmt: skip
_COLUMNS = {name: spec.type for name, spec in FIELDS.items() if spec.type in _TYPES and name != "labels"}
"""Fields with a column of their own; labels, assignments and custom fields live elsewhere."""


def _number(value: Any) -> Any:
    # The shortest text of a float, so that 2.5 comes back as 2.5.
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


_TO_COLUMN: Mapping[str, Callable[[Any], Any]] = {
    "number": _number,
    "texts": sorted,
    "timeline": encode,
    "phones": encode,
    "members": encode,
}


def _from_number(value: Decimal) -> int | float:
    whole = int(value)
    return whole if whole == value else float(value)


_FROM_COLUMN: Mapping[str, Callable[[Any], Any]] = {
    "number": _from_number,
    "texts": frozenset,
    "moment": lambda value: value.astimezone(UTC),
}

_READERS: tuple[tuple[str, Callable[[Any], Any] | None], ...] = tuple(
    (name, _FROM_COLUMN.get(kind, (lambda v, n=name: decode(n, v)) if _TYPES[kind] == "jsonb" else None))
    for name, kind in _COLUMNS.items()
)
_WRITERS = tuple((name, _TO_COLUMN.get(kind)) for name, kind in _COLUMNS.items())

LEAD = Target(
    "lead",
    ("id", "version", "dirty", "created_at", "updated_at", *_COLUMNS, "custom", "provenance"),
    ("int8", "int4", "bool", "timestamptz", "timestamptz", *(_TYPES[k] for k in _COLUMNS.values()), "jsonb", "jsonb"),
)
LEAD_EMAIL = target("lead_email", "email text, lead int8")
LEAD_PHONE = target("lead_phone", "number text, lead int8")
ASSIGNMENT = target("assignment", "lead int8, role text, agent int8")
LINK = target(
    "link",
    "connection text, kind text, external_id text, node int8, part int4, state text, base jsonb, unmapped jsonb, "
    "settled jsonb, pending jsonb, payload json, digest bytea, time timestamptz, read_at timestamptz, parent text, "
    "review jsonb, mark text, notes_read_at timestamptz, candidates int8[]",
)
NOTE = target(
    "note",
    "id int8, lead int8, body text, author int8, written_at timestamptz, kind text, pinned bool, origin text, "
    "author_name text, deleted bool",
)
CHANGE = target(
    "change",
    "lead int8, field text, old jsonb, new jsonb, who text, at timestamptz, why text, external_id text, "
    "origin jsonb, run int8",
)
CONFLICT = target(
    "conflict",
    "id int8, lead int8, field text, connection text, base jsonb, ours jsonb, theirs jsonb, rule text, outcome text, "
    "state text, at timestamptz, ours_origin jsonb, theirs_origin jsonb, evidence jsonb, resolved_at timestamptz, "
    "resolution jsonb, resolved_by text",
)
QUARANTINE = target(
    "quarantine",
    "connection text, kind text, external_id text, error text, payload json, first_at timestamptz, at timestamptz, "
    "attempts int4, parent text",
)

# One lead, whole: its columns, labels as they are spelt on it, assignments by role.
LEADS = f"""
SELECT l.id, l.version, l.dirty, l.created_at, l.custom, l.provenance,
       (SELECT array_agg(x.name) FROM lead_label x WHERE x.lead = l.id),
       (SELECT jsonb_object_agg(a.role, a.agent) FROM assignment a WHERE a.lead = l.id),
       {", ".join(f"l.{name}" for name in _COLUMNS)}
FROM lead l
"""  # noqa: S608 - column names of our own
LINK_FIELDS = LINK.columns[:-1]
LINKS = f"SELECT {', '.join(LINK_FIELDS)} FROM link"  # noqa: S608 - column names of our own
LIGHT_LINKS = LINKS.replace(" payload,", " NULL::jsonb,", 1)
"""`LINKS` without the raw records, for planning: they are most of a link's weight and no part of a plan."""
NOTES = f"SELECT {', '.join(NOTE.columns)} FROM note"  # noqa: S608 - column names of our own


def lead_row(lead: Lead, now: datetime, *, dirty: bool) -> Row:
    """A lead as a row of `LEAD`."""
    fields = lead.fields
    values = ((fields.get(name), turn) for name, turn in _WRITERS)
    columns = [value if value is None or turn is None else turn(value) for value, turn in values]
    custom = {name[7:]: encode(value) for name, value in fields.items() if name.startswith("custom.")}
    return (lead.id, lead.version, dirty, lead.created_at or now, now, *columns, custom, pack(lead.provenance))


def lead_of(row: Row) -> Lead:
    """A row of `LEADS` as a lead."""
    ident, version, dirty, created, custom, provenance, labels, roles = row[:8]
    fields: dict[str, Value] = {
        name: value if turn is None else turn(value)
        for (name, turn), value in zip(_READERS, row[8:], strict=True)
        if value is not None
    }
    if labels:
        fields["labels"] = frozenset(labels)
    for role, agent in (roles or {}).items():
        fields[f"assignment.{role}"] = agent
    for name, value in custom.items():
        if value is not None:
            fields[f"custom.{name}"] = value
    return Lead(ident, fields, unpack(provenance), version, dirty, created)


def pack(provenance: Mapping[str, Origin]) -> dict[str, Any]:
    """Provenance as stored: most fields of a lead share one origin, so it is written once and pointed at.

    ``{"origins": [{…}, …], "of": {"first_name": 0, …}}``
    """
    places: dict[Origin, int] = {}
    of = {name: places.setdefault(origin, len(places)) for name, origin in provenance.items()}
    return {"origins": [origin.to_json() for origin in places], "of": of} if of else {}


def unpack(data: Mapping[str, Any]) -> dict[str, Origin]:
    """The inverse of `pack`."""
    origins = [Origin.from_json(origin) for origin in data.get("origins", ())]
    return {name: origins[place] for name, place in data.get("of", {}).items()}


def emails_of(lead: Lead) -> frozenset[str]:
    """Every address to match a lead by."""
    return _keys(lead.fields, "email", "emails", lambda address: address)


def phones_of(lead: Lead) -> frozenset[str]:
    """Every number to match a lead by."""
    return _keys(lead.fields, "phone", "phones", lambda phone: phone.number)


def _keys(fields: Fields, one: str, many: str, key: Callable[[Any], str]) -> frozenset[str]:
    found: Any = fields.get(many, ())
    keys = {key(element) for element in found}
    keys.add(str(fields.get(one, "")))
    return frozenset(keys - {""})


def roles_of(lead: Lead) -> Iterable[tuple[str, Any]]:
    """Assigned roles with their agents."""
    return [(name[11:], agent) for name, agent in lead.fields.items() if name.startswith("assignment.")]


def link_row(link: Link) -> Row:
    """A link as a row of `LINK`."""
    return (
        link.connection, link.kind, clean(link.external_id), link.node, link.part, link.state,
        encode_fields(link.base), link.unmapped, link.settled, link.pending, link.payload, link.digest,
        link.time, link.read_at, clean(link.parent), link.review, clean(link.mark), link.notes_read_at,
        candidates(link.review),
    )  # fmt: skip


def candidates(review: Mapping[str, Any] | None) -> list[int] | None:
    """Lead ids named by a review: ``{"candidates": [7, 9]}`` or ``[{"lead": 7, …}]``."""
    named = (review or {}).get("candidates") or ()
    ids = (row.get("lead", row.get("id")) if isinstance(row, Mapping) else row for row in named)
    return [int(ident) for ident in ids if ident is not None] or None


def link_of(row: Row) -> Link:
    """A row of `LINKS` as a link. Bases of leads are canonical values, those of notes and agents plain JSON."""
    connection, kind, external_id, node, part, state, base = row[:7]
    return Link(
        connection, kind, external_id, node, part, state, decode_fields(base) if kind == "lead" else base, *row[7:]
    )


def note_row(note: Note) -> Row:
    """A note as a row of `NOTE`."""
    return (
        note.id, note.lead, clean(note.body), note.author, note.written_at, note.kind, note.pinned, note.origin,
        clean(note.author_name), note.deleted,
    )  # fmt: skip


def note_of(row: Row) -> Note:
    """A row of `NOTES` as a note."""
    return Note(*row)


def conflict_row(conflict: Conflict) -> Row:
    """A conflict as a row of `CONFLICT`."""
    return (
        conflict.id, conflict.lead, conflict.field, conflict.connection, conflict.base, conflict.ours, conflict.theirs,
        conflict.rule, conflict.outcome, conflict.state, conflict.at, conflict.ours_origin, conflict.theirs_origin,
        conflict.evidence, conflict.resolved_at, conflict.resolution, "",
    )  # fmt: skip


def quarantine_row(record: Quarantined) -> Row:
    """A quarantined record as a row of `QUARANTINE`."""
    return (
        record.connection, record.kind, clean(record.external_id), clean(record.error), record.payload, record.at,
        record.at, record.attempts, clean(record.parent),
    )  # fmt: skip


def jsonb(value: object) -> Jsonb | None:
    """A parameter for a ``jsonb`` column; None is NULL."""
    return None if value is None else Jsonb(value)


def json(value: object) -> Json | None:
    """A parameter for a ``json`` column; None is NULL."""
    return None if value is None else Json(value)


def agent_of(row: Row) -> Agent:
    """id, email, name as an agent."""
    return Agent(*row)


INTENT = "id, connection, kind, lead, fingerprint, at, note, part, state, wanted"
INTENTS = f"SELECT {INTENT} FROM operation WHERE type = 'intent'"  # noqa: S608 - column names of our own
PLANS = "SELECT code, connection, mark, reasons, operations, state, at FROM operation WHERE type = 'plan'"


def intent_of(row: Row) -> Intent:
    """A row of `INTENTS` as an intent."""
    return Intent(*row)


def plan_of(row: Row) -> HeldPlan:
    """A row of `PLANS` as a held plan."""
    code, connection, mark, reasons, *rest = row
    return HeldPlan(code, connection, mark, tuple(reasons or ()), *rest)
