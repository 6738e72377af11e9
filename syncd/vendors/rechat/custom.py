"""Fields kept in custom attributes (vendors/rechat.md §3, §5): the account's definitions, and one lens for each. Pure.

A custom attribute is named in the config by its label or UUID, one of Rechat's own by its name. What it can
hold is told by its definition: text, a number or a date, perhaps one of a few choices. Definitions are read
from the account (definitions.py) into a `Catalogue`; until they are, a named attribute tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from syncd.domain.errors import ConfigError
from syncd.domain.lead import Fields, Value, blank, encode, spec
from syncd.domain.lens import Got, Lens, Payload, Unmapped
from syncd.domain.normalize import fold, text
from syncd.vendors.rechat.rows import DATES, KINDS, Row, View, add, single
from syncd.vendors.rechat.values import day, day_seconds, number

STREET = frozenset({"street_number", "street_prefix", "street_name", "street_suffix", "unit_number"})
NAMES = frozenset({"title", "first_name", "middle_name", "last_name"})
CARRIED = STREET | NAMES | frozenset({"city", "state", "country", "postal_code", "email", "phone_number"})
CARRIED |= frozenset({"birthday", "tag", "source", "note"})
"""Rechat's own definitions that have a canonical field already."""
LINKS = frozenset({"website", "facebook", "linkedin", "instagram", "profile_image_url", "cover_image_url"})
OWN = CARRIED | LINKS | DATES | frozenset({"nickname", "marketing_name", "source_type", "company", "job_title"})
"""All of Rechat's own definitions."""
READ_ONLY = frozenset({"source_type"})
ROLES = frozenset({"buyer", "seller", "renter"})
_SEPARATOR = ", "


@dataclass(frozen=True, slots=True)
class Definition:
    """What one attribute may hold. ``name`` is set for Rechat's own, ``id`` (a UUID) where it is known."""

    id: str = ""
    name: str = ""
    label: str = ""
    data_type: str = "text"
    choices: tuple[str, ...] = ()

    def key(self) -> dict[str, str]:
        """What names it in a row that is written."""
        return {"attribute_type": self.name} if self.name else {"attribute_def": self.id}

    def fits(self, row: Row) -> bool:
        """Whether a row is of this definition."""
        if self.name:
            return row.type == self.name
        if row.type:
            return False
        return row.definition == self.id or bool(row.title and fold(row.title) == fold(self.label))


@dataclass(slots=True)
class Catalogue:
    """The account's definitions, as last read."""

    definitions: list[Definition] = field(default_factory=list)
    read: bool = False

    def replace(self, rows: Iterable[Any]) -> None:
        """Take the rows of ``GET /contacts/attribute_defs``; what is no definition is passed over."""
        self.definitions = [found for found in map(definition_of, rows) if found is not None]
        self.read = True

    def name_of(self, uuid: str) -> str:
        """The name of one of Rechat's own by its UUID, "" if it is custom or unknown."""
        return next((d.name for d in self.definitions if d.id == uuid), "") if uuid else ""

    def knows(self, uuid: str) -> bool:
        """Whether a definition of this UUID was read."""
        return any(definition.id == uuid for definition in self.definitions)

    def find(self, called: str) -> Definition | None:
        """The definition a config means: Rechat's own by name, else a custom one by UUID or label."""
        if called in OWN:
            kind = "date" if called in DATES else "text"
            return next((d for d in self.definitions if d.name == called), Definition(name=called, data_type=kind))
        folded = fold(called)
        custom = [definition for definition in self.definitions if not definition.name]
        by_id = next((d for d in self.definitions if d.id == folded), None)
        return by_id or next((d for d in custom if fold(d.label) == folded), None)


def definition_of(row: Any) -> Definition | None:
    """A definition as Rechat lists it; None for what is none."""
    if not isinstance(row, Mapping) or not isinstance(row.get("id"), str) or row.get("deleted_at"):
        return None
    name, kind, choices = row.get("name"), row.get("data_type"), row.get("enum_values")
    return Definition(
        id=row["id"].lower(),
        name=name if isinstance(name, str) and name in OWN else "",
        label=str(row.get("label") or name or ""),
        data_type=kind if kind in KINDS else "text",
        choices=tuple(c for c in choices if isinstance(c, str) and c) if isinstance(choices, list) else (),
    )


def needed(named: Iterable[str]) -> bool:
    """Whether the account's definitions have to be read for these names."""
    return any(name not in OWN for name in named)


def lenses(view: View, catalogue: Catalogue, custom: Mapping[str, str], attributes: Mapping[str, str]) -> list[Lens]:
    """One row per named attribute. Raises ConfigError where one is named twice, or has a field of its own."""
    fields = {**{f"custom.{name}": called for name, called in custom.items()}, **attributes}
    wrong = [f"{name}: {called!r} has a field of its own" for name, called in fields.items() if called in CARRIED]
    called_so: dict[str, str] = {}
    for name, called in fields.items():
        first = called_so.setdefault(fold(called), name)
        if first != name:
            wrong.append(f"{name}: {called!r} is used for {first} already")
    if wrong:
        raise ConfigError(wrong)
    return [_lens(name, called, view, catalogue) for name, called in fields.items()]


@dataclass(frozen=True, slots=True)
class _Codec:
    """A canonical value as text or number, and back."""

    plain: Callable[[Any], str | int | float | None]
    value: Callable[[str | int | float], Value | Unmapped | None]


def _lens(name: str, called: str, view: View, catalogue: Catalogue) -> Lens:
    codec = _codec(name)

    def shown(raw: Any, definition: Definition) -> Value | Unmapped | None:
        plain = _plain_of(raw, definition)
        if plain is None or plain == "":
            return None
        if definition.choices:
            chosen = _choice(str(plain), definition.choices)
            if chosen is None:
                return Unmapped(str(plain))
            plain = chosen
        return codec.value(plain)

    def kept(value: Any, definition: Definition) -> Any:
        """The value as the row holds it; None where this attribute cannot hold it."""
        plain = None if blank(value) else codec.plain(value)
        if plain is None or plain == "":
            return None
        if definition.choices:
            plain = _choice(str(plain), definition.choices)
        return None if plain is None else _raw_of(plain, definition.data_type)

    def get(payload: Payload) -> Got:
        definition = catalogue.find(called)
        if definition is None:
            return {}
        row = next((row for row in view(payload) if not row.partner and definition.fits(row)), None)
        return {name: shown(row.value, definition) if row is not None else None}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        definition = catalogue.find(called) or Definition(label=called)
        raw = kept(canonical.get(name), definition)
        value = None if raw is None else shown(raw, definition)
        return {name: None if isinstance(value, Unmapped) else value}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        definition = catalogue.find(called)
        if definition is None:
            return {"missing": {called: True}}
        rows = [row for row in view(present) if not row.partner and definition.fits(row)]
        raw = kept(wanted.get(name), definition)
        if raw is None:
            # What this attribute cannot hold is not written; it is no reason to empty it either.
            return single(rows, name, None, text, {}) if blank(wanted.get(name)) else {}
        if rows and shown(rows[0].value, definition) == shown(raw, definition):
            return {}
        new = {**definition.key(), definition.data_type: raw}
        if not rows:
            return add(name, new)
        return {"change": {rows[0].id: {"id": rows[0].id, **new}}}

    writable = called not in READ_ONLY
    return Lens((name,), get, squeeze, put, create=writable, update=writable, element=_element(name),
                loss="" if name.startswith("custom.") else "kept in a custom attribute")  # fmt: skip


def _codec(name: str) -> _Codec:
    kind = spec(name).type
    if kind == "number":
        return _Codec(number, _number_of)
    if kind == "timeline":
        return _Codec(_timeline_text, _timeline_of)
    if name == "roles":
        return _Codec(_joined, _roles_of)
    if kind == "texts":
        return _Codec(_joined, _split)
    return _Codec(_scalar, lambda plain: plain if isinstance(plain, int | float) else text(plain) or None)


def _element(name: str) -> Callable[[Any], str] | None:
    """A comma inside an element goes without its space, so that it does not end the element."""
    if spec(name).is_set and name != "roles":
        return lambda element: fold(_inside(str(element)))
    return None


def _plain_of(raw: Any, definition: Definition) -> str | int | float | None:
    if definition.data_type == "date":
        found = day(raw)
        return None if found is None else found.isoformat()
    if definition.data_type == "number":
        found_number = number(raw)
        return text(raw) if found_number is None else found_number
    return text(raw)


def _raw_of(plain: str | float, data_type: str) -> Any:
    if data_type == "number":
        return number(plain)
    if data_type == "date":
        try:
            return day_seconds(date.fromisoformat(str(plain)[:10]))
        except ValueError:
            return None
    return str(int(plain)) if isinstance(plain, float) and plain.is_integer() else text(plain)


def _choice(plain: str, choices: Sequence[str]) -> str | None:
    return next((choice for choice in choices if fold(choice) == fold(plain)), None)


def _number_of(plain: str | float) -> int | float | Unmapped:
    found = number(plain)
    return Unmapped(str(plain)) if found is None else found


def _scalar(value: Any) -> str | int | float | None:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    data = encode(value)
    return data if isinstance(data, str | int | float) else None


def _inside(element: str) -> str:
    plain = " ".join(text(element).split())
    return plain.replace(_SEPARATOR, ",").strip(",")


def _joined(value: Any) -> str | None:
    parts = (
        {fold(part): part for part in sorted(map(_inside, value), reverse=True)} if isinstance(value, frozenset) else {}
    )
    return _SEPARATOR.join(sorted(part for part in parts.values() if part)) or None


def _split(plain: str | float) -> frozenset[str] | None:
    parts: dict[str, str] = {}
    for part in map(_inside, text(plain).split(_SEPARATOR)):
        if part:
            parts.setdefault(fold(part), part)
    return frozenset(parts.values()) or None


def _roles_of(plain: str | float) -> frozenset[str] | Unmapped | None:
    found = frozenset(fold(part) for part in text(plain).replace(";", ",").split(",") if part.strip())
    return Unmapped(text(plain)) if found - ROLES else found or None


def _timeline_text(value: Any) -> str | None:
    if isinstance(value, tuple | list) and len(value) == 2:
        low, high = value
        return f"{low}+" if high is None else f"{low}-{high}"
    return text(value) if isinstance(value, str) else None


def _timeline_of(plain: str | float) -> Value | None:
    word = text(plain)
    low, dash, high = word.replace(" ", "").replace("–", "-").partition("-")
    if dash and _months(low) and _months(high):
        return (int(low), int(high))
    if word.endswith("+") and _months(word[:-1].strip()):
        return (int(word[:-1]), None)
    return word or None


def _months(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 4
