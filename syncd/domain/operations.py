"""What a plan is made of: whom it is for, what is known of a lead, one operation, what cannot be carried.

The planner works on ports' rows without importing ports: `LinkLike`, `NoteLike` and `CanLike` name the few
attributes it looks at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from syncd.domain import notes
from syncd.domain.lead import Fields, Value, encode
from syncd.domain.lens import LensTable

LABELS = "labels"
ASSIGNMENT = "assignment."


class LinkLike(Protocol):
    """What the plan needs of a link (ports.store.Link)."""

    @property
    def connection(self) -> str: ...
    @property
    def external_id(self) -> str: ...
    @property
    def node(self) -> int | None: ...
    @property
    def part(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def base(self) -> Fields: ...
    @property
    def unmapped(self) -> Mapping[str, str]: ...
    @property
    def settled(self) -> Mapping[str, Any]: ...


class NoteLike(Protocol):
    """What the plan needs of a note (ports.store.Note)."""

    @property
    def id(self) -> int: ...
    @property
    def body(self) -> str: ...
    @property
    def author(self) -> int | None: ...
    @property
    def author_name(self) -> str: ...
    @property
    def written_at(self) -> Any: ...
    @property
    def kind(self) -> str: ...
    @property
    def pinned(self) -> bool: ...
    @property
    def origin(self) -> str: ...
    @property
    def deleted(self) -> bool: ...


class CanLike(Protocol):
    """What the plan needs of a vendor's capabilities (ports.vendor.Capabilities)."""

    @property
    def roles(self) -> frozenset[str]: ...
    @property
    def unassign(self) -> frozenset[str]: ...
    @property
    def create_needs(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def create_carries(self) -> frozenset[str]: ...
    @property
    def update_carries(self) -> frozenset[str]: ...
    @property
    def note_max(self) -> int: ...
    @property
    def note_edit(self) -> bool: ...
    @property
    def note_delete(self) -> bool: ...
    @property
    def not_carried(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One connection as the plan sees it.

    directions   field (or "notes") → both | read | write | off
    agents       canonical agent id → external id here
    agent_names  canonical agent id → name, for header lines
    clears       fields where a blank may be written
    labels_only / stages_only   the create filter: any of these labels (folded), any of these stages
    """

    connection: str
    lenses: LensTable
    can: CanLike
    directions: Mapping[str, str] = field(default_factory=dict)
    agents: Mapping[int, str] = field(default_factory=dict)
    agent_names: Mapping[int, str] = field(default_factory=dict)
    clears: frozenset[str] = frozenset()
    labels_only: frozenset[str] = frozenset()
    stages_only: frozenset[str] = frozenset()
    note_header: str = notes.DEFAULT_TEMPLATE

    def writes(self, name: str, *, creating: bool = False) -> bool:
        """Whether syncd may write this field here at all."""
        if self.directions.get(name, "both") not in {"both", "write"}:
            return False
        if name == LABELS or name.startswith(ASSIGNMENT):
            return self.lenses.carries(name)
        return self.lenses.writable(name, creating=creating)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do at one vendor.

    kind    lead | label | assignment | note;  action  create | update | add | remove | assign | delete
    fields  field → (what the vendor shows, what it should show), canonical values
    wanted  the whole desired lead (rows such as an address go out whole); for notes {}
    note, part, parts   which note and which piece of it; ``text`` is the text to write
    """

    connection: str
    kind: str
    action: str
    lead: int
    external_id: str | None
    fields: Mapping[str, tuple[Value | None, Value | None]]
    wanted: Fields = field(default_factory=dict)
    note: int = 0
    part: int = 0
    text: str = ""
    note_kind: str = "general"
    pinned: bool = False
    author: int | None = None
    parent: str | None = None
    """For notes: the external id of the lead, None while the lead is still to be created."""

    @property
    def id(self) -> str:
        """Eight characters that name this very operation: same work, same id."""
        named = [self.connection, self.kind, self.action, self.lead, self.external_id, self.note, self.part, self.text]
        return digest([named, {n: [encode(a), encode(b)] for n, (a, b) in self.fields.items()}])[:8]

    @property
    def wanted_digest(self) -> str:
        """Digest of what is to be created; a refused create is tried again once it differs."""
        return digest([{n: encode(b) for n, (_, b) in self.fields.items()}, self.text])

    def to_json(self) -> dict[str, Any]:
        """The shape of `syncd plan --json` (DESIGN §13)."""
        return {
            "id": self.id,
            "connection": self.connection,
            "kind": self.kind,
            "action": self.action,
            "lead": self.lead,
            "external_id": self.external_id,
            "fields": {n: {"from": encode(a), "to": encode(b)} for n, (a, b) in self.fields.items()},
        }


@dataclass(frozen=True, slots=True)
class NotCarried:
    """Something a vendor cannot hold, told per lead instead of being dropped in silence."""

    connection: str
    lead: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeadPlan:
    """Everything to be done for one lead, by connection, in order; and what cannot be done."""

    lead: int
    version: int
    operations: tuple[Operation, ...]
    not_carried: tuple[NotCarried, ...] = ()
    blocked: bool = False
    """Something waits (an intent, a review): planned again later."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One lead with everything known of it (ports.store.Snapshot in the terms of this module)."""

    id: int
    version: int
    fields: Fields
    links: Sequence[LinkLike]
    notes: Sequence[NoteLike]
    note_links: Sequence[LinkLike]
    parked: frozenset[str] = frozenset()
    waiting: frozenset[tuple[str, str, int, int]] = frozenset()
    refused: Mapping[tuple[str, str, int, int], tuple[str, str]] = field(default_factory=dict)
    in_review: frozenset[str] = frozenset()


def digest(data: Any) -> str:
    """Hex digest of JSON-ready data; equal data, equal digest."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
