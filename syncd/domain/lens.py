"""A vendor's mapping as a table of lenses: one row per canonical field (or inseparable group).

Each lens goes two ways. `get` reads a payload into canonical values; `put` turns wanted values into
the fragment of a request body. Between them stands `squeeze`: what this vendor can show of the
canonical lead. Three laws hold for every row of every vendor and are run as properties:

    get(put(c)) == squeeze(c)            what we write is what we would read, up to the declared loss
    squeeze(squeeze(c)) == squeeze(c)    a loss happens once
    put of what was just read changes nothing

A declared loss is not an edit: a first name cut to 30 characters *equals* ours, because the merge
compares what the vendor shows with ``squeeze(ours)``, never with ours itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from syncd.domain.lead import Fields, Value, blank, compact, spec

Payload = Mapping[str, Any]
"""One remote object as the vendor sends it (JSON object)."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A value the vendor shows that has no translation: kept, reported, never guessed or overwritten."""

    text: str


Got = Mapping[str, Value | Unmapped | None]
"""What one lens read. A missing name is *not told*; None is a blank the vendor told us."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A payload in canonical terms.

    fields    told and not blank
    told      every field name the payload makes a statement about (blank ones included)
    unmapped  values without translation, by field name
    """

    fields: Fields
    told: frozenset[str]
    unmapped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lens:
    """One row of a mapping table.

    fields   the canonical names this row carries, at least one
    get      payload → values. Raises UnreadableError on a shape the sheet does not allow
    squeeze  (canonical fields, what the vendor shows now) → what the vendor can show; None is blank
    put      (wanted values, present payload) → fragment of the request body, merged deeply into it
    create   whether the row may be written when a lead is created
    update   whether it may be written afterwards
    halfway  (field, wanted, before, shown) → whether ``shown`` can be what a write of ``wanted`` over ``before`` leaves
             behind that was cut off in the middle; for vendors that take one value in several calls
    element  for set fields: element → identity as this vendor shows it (default: the field's own key)
    loss     the declared loss in words, for `syncd vendors` and explain; "" if none
    """

    fields: tuple[str, ...]
    get: Callable[[Payload], Got]
    squeeze: Callable[[Fields, Fields], Mapping[str, Value | None]]
    put: Callable[[Fields, Payload], Mapping[str, Any]]
    create: bool = True
    update: bool = True
    element: Callable[[Any], Hashable] | None = None
    halfway: Callable[[str, Value | None, Value | None, Value | None], bool] = lambda *_: False
    loss: str = ""

    def key(self, name: str) -> Callable[[Any], Hashable]:
        """What makes two elements of set field ``name`` the same one at this vendor."""
        return self.element or spec(name).key


def creatable(_wanted: Fields) -> str:
    """No obstacle to a create beyond `Capabilities.create_needs`."""
    return ""


def fills_nothing(_wanted: Fields) -> Mapping[str, Any]:
    """A vendor that demands no value a lead may lack."""
    return {}


def never_stands(_payload: Payload, _name: str, _default: Any) -> bool:
    """Nothing was filled, so nothing of it stands."""
    return False


@dataclass(frozen=True, slots=True)
class LensTable:
    """All rows of one connection, built by its vendor's ``mapping.build(options)``.

    obstacle  wanted values (as this vendor can show them) → why no lead can be created from them here, in words for a
              person ("missing mobile, country"), "" if one can. For vendors that demand more than
              `Capabilities.create_needs` can say
    fills     wanted values → canonical field → the default (JSON, in the vendor's terms) that a write puts where they
              say nothing, because the vendor demands something there. It is no value of the lead's (domain/filled.py)
    stands    (payload, field, default) → whether the vendor shows exactly that default there
    """

    rows: tuple[Lens, ...]
    obstacle: Callable[[Fields], str] = creatable
    fills: Callable[[Fields], Mapping[str, Any]] = fills_nothing
    stands: Callable[[Payload, str, Any], bool] = never_stands
    by_field: Mapping[str, Lens] = field(init=False)

    def __post_init__(self) -> None:
        """Index the rows by field. Raises ValueError if two rows carry the same field."""
        index: dict[str, Lens] = {}
        for row in self.rows:
            for name in row.fields:
                if name in index:
                    message = f"two rows carry {name}"
                    raise ValueError(message)
                index[name] = row
        object.__setattr__(self, "by_field", MappingProxyType(index))

    def read(self, payload: Payload) -> Reading:
        """The payload in canonical terms. Raises UnreadableError."""
        values: dict[str, Value | None] = {}
        unmapped: dict[str, str] = {}
        for row in self.rows:
            for name, value in row.get(payload).items():
                if isinstance(value, Unmapped):
                    unmapped[name] = value.text
                else:
                    values[name] = value
        return Reading(compact(values.items()), frozenset(values), unmapped)

    def show(self, canonical: Fields, shown: Fields) -> dict[str, Value]:
        """What the vendor should show of ``canonical``, given what it shows now. Blanks are absent."""
        desired: dict[str, Value | None] = {}
        for row in self.rows:
            desired.update(row.squeeze(canonical, shown))
        return compact(desired.items())

    def carries(self, name: str) -> bool:
        """Whether the vendor shows this field at all."""
        return name in self.by_field

    def writable(self, name: str, *, creating: bool = False) -> bool:
        """Whether syncd can write this field here."""
        row = self.by_field.get(name)
        return row is not None and (row.create if creating else row.update)

    def write(self, wanted: Fields, changed: Iterable[str], present: Payload) -> dict[str, Any]:
        """The request body that makes ``changed`` fields show their ``wanted`` values.

        wanted   the whole desired lead (rows may need neighbours: an address goes out whole)
        changed  names of the fields to write; a name missing from ``wanted`` is to be blanked
        present  the payload as last read; {} when creating
        """
        rows = {id(row): row for name in changed if (row := self.by_field.get(name)) is not None}
        body: dict[str, Any] = {}
        for row in rows.values():
            deep_merge(body, row.put(wanted, present))
        return body


def deep_merge(into: dict[str, Any], fragment: Mapping[str, Any]) -> None:
    """Lay ``fragment`` over ``into``: objects merge, everything else replaces."""
    for key, value in fragment.items():
        there = into.get(key)
        if isinstance(there, dict) and isinstance(value, Mapping):
            deep_merge(there, value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def nothing(_wanted: Fields, _present: Payload) -> Mapping[str, Any]:
    """A `put` for rows that are only read."""
    return {}


def as_is(*names: str) -> Callable[[Fields, Fields], Mapping[str, Value | None]]:
    """A `squeeze` without loss."""

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        return {name: canonical.get(name) for name in names}

    return squeeze


def at(payload: Payload, path: str) -> Any:
    """The value at a dotted path, None where any step is missing or not an object."""
    here: Any = payload
    for step in path.split("."):
        if not isinstance(here, Mapping):
            return None
        here = here.get(step)
    return here


def nest(path: str, value: Any) -> dict[str, Any]:
    """``{"a": {"b": value}}`` for the path ``a.b``."""
    for step in reversed(path.split(".")):
        value = {step: value}
    return value  # type: ignore[no-any-return]


def told(names: Iterable[str], values: Fields) -> Got:
    """Statements about all of ``names``: blank where ``values`` has none."""
    return {name: None if blank(values.get(name)) else values[name] for name in names}
