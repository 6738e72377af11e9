"""What goes into a merge and what comes out of it: the types of merge.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.domain.lead import ADDRESS, Fields, Value
from syncd.domain.lens import LensTable, Reading
from syncd.domain.origin import Interval, Origin
from syncd.domain.rules import Held, Rule, RuleBook

_ADDRESS: Final = "address"


@dataclass(frozen=True, slots=True)
class Policy:
    """What merging records of one connection needs of the config.

    directions    field (or ``address``) → both | read | write | off; both where nothing is said
    blank_clears  fields where a blank is a value (``blank = "clears"``)
    order         all connections, first wins among concurrent changes
    rules         (field or ``address``, connection of ours, connection of theirs) → rule
    untimed       fields whose edits do not move the record's time at this vendor
    tables        connection → its lens table, for all connections: what each can show of a value
    """

    connection: str
    directions: Mapping[str, str] = field(default_factory=dict)
    blank_clears: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    rules: Callable[[str, str, str], Rule] = field(default_factory=RuleBook)
    untimed: frozenset[str] = frozenset()
    tables: Mapping[str, LensTable] = field(default_factory=dict)

    def direction(self, name: str) -> str:
        """The direction of a field; an address component may have it from ``address``."""
        found = self.directions.get(name)
        if found is None and name in ADDRESS:
            found = self.directions.get(_ADDRESS)
        return found or "both"


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as read: agents are canonical ids already; ``moment`` is when its fields may have changed."""

    connection: str
    external_id: str
    reading: Reading
    moment: Interval = field(default_factory=Interval)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A canonical value changed. ``rule`` is "" for a plain take, ``primary`` where it follows from another change."""

    field: str
    old: Value | None
    new: Value | None
    rule: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class ConflictFound:
    """An edit that met another one, or a rule. For an address ``field`` is "address" and the values are mappings.

    outcome   ours | theirs | merged | parked
    evidence  JSON-ready: both origins with their intervals and uncertainties, and why
    """

    field: str
    base: Held
    ours: Held
    theirs: Held
    ours_origin: Origin | None
    theirs_origin: Origin
    rule: str
    outcome: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """The lead and the link after one record.

    base              what the vendor shows now, for every field it told; the former base elsewhere
    settled, pending  as kept on the link (JSON), brought up to date
    unmapped          field → the vendor's word without translation; such a field has no base
    """

    fields: Fields
    provenance: Mapping[str, Origin]
    base: Fields
    settled: Mapping[str, Any] = field(default_factory=dict)
    pending: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[FieldChange, ...] = ()
    conflicts: tuple[ConflictFound, ...] = ()
    unmapped: Mapping[str, str] = field(default_factory=dict)
