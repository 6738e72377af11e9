"""The lead graph as the engine sees it: rows as frozen values, and what one transaction writes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.domain.lead import Fields, Value
from syncd.domain.merge import Origin

Json = Any

LIVE, TOMBSTONE, REVIEW = "live", "tombstone", "review"
"""States of a link. A link in review has no node until a person decides."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead of the canonical graph. ``version`` grows with every change; ``dirty`` means "plan me"."""

    id: int
    fields: Fields
    provenance: Mapping[str, Origin]
    version: int = 1
    dirty: bool = True
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What connects one remote record with one canonical node, and what that vendor last showed.

    kind      lead | note | agent; ``node`` is the canonical id (None in review)
    part      0, or 1… for the numbered parts of one split note
    base      last shown values, canonical form; for notes {"text": whole text of this part, header included}
    unmapped  field → the vendor's word that has no translation
    settled   field → {"wanted": encoded value the vendor turned into base}
    pending   field → {"wanted", "before", "at"}: written, not yet seen again
    payload   the raw record; digest of the row as last *listed* (None: parse the next listed row)
    time      the record's own time; ``read_at`` when we last read it (our clock)
    parent    for notes: the external id of the lead it hangs on
    review    why and with whom, when state is review
    mark      for notes: what the adapter wants back as ``known``
    """

    connection: str
    kind: str
    external_id: str
    node: int | None
    part: int = 0
    state: str = LIVE
    base: Fields = field(default_factory=dict)
    unmapped: Mapping[str, str] = field(default_factory=dict)
    settled: Mapping[str, Json] = field(default_factory=dict)
    pending: Mapping[str, Json] = field(default_factory=dict)
    payload: Mapping[str, Json] | None = None
    digest: bytes | None = None
    time: datetime | None = None
    read_at: datetime | None = None
    parent: str = ""
    review: Mapping[str, Json] | None = None
    mark: str = ""
    notes_read_at: datetime | None = None
    """For lead links: when this lead's notes were last read here."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note of the canonical graph. ``origin`` is the connection it was typed in."""

    id: int
    lead: int
    body: str
    author: int | None
    written_at: datetime | None
    kind: str
    pinned: bool
    origin: str
    author_name: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who works with leads; matched across connections by email."""

    id: int
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the journal. ``field`` "*" is a whole new lead, "note", "link" … name other nodes.

    who   the connection (or "admin", "policy") the new value came from
    why   the rule or reason, "" for a plain take
    """

    lead: int
    field: str
    old: Json
    new: Json
    who: str
    at: datetime
    why: str = ""
    external_id: str = ""
    origin: Json = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field changed on both sides, and how it was decided. state: open (parked) | decided | resolved."""

    lead: int
    field: str
    connection: str
    base: Json
    ours: Json
    theirs: Json
    rule: str
    outcome: str
    state: str
    at: datetime
    ours_origin: Json = None
    theirs_origin: Json = None
    evidence: Json = None
    id: int = 0
    resolved_at: datetime | None = None
    resolution: Json = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that cannot be read. Unique by (connection, kind, external_id); ``error`` has no contents.

    parent  for notes: the external id of the lead it hangs on, by which it is read again
    """

    connection: str
    kind: str
    external_id: str
    error: str
    payload: Json
    at: datetime
    attempts: int = 1
    id: int = 0
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """A create that is not safe to repeat, written down before it is sent.

    kind         lead | note; ``lead``, ``note``, ``part`` name the canonical node
    fingerprint  what to look for at the vendor: {"email","phone","fields"} or {"text","parent"}
    state        waiting (may have been sent) | done | dropped | refused (the vendor will never take it)
    wanted       digest of what was to be created; a refused create is planned again once this differs
    """

    id: int
    connection: str
    kind: str
    lead: int
    fingerprint: Mapping[str, Json]
    at: datetime
    note: int | None = None
    part: int = 0
    state: str = "waiting"
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A plan over a guard limit. ``id`` is short and typed by people.

    state   held | approved | rejected | done | superseded (by a newer plan)
    """

    id: str
    connection: str
    fingerprint: str
    reasons: Sequence[str]
    operations: Json
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """What is kept per connection besides its links."""

    name: str
    vendor: str
    memory: Mapping[str, Json] = field(default_factory=dict)
    paused: str = ""
    """Why this connection is paused (AuthError) and the command that mends it, "" if it is not paused."""
    last_pull: datetime | None = None
    last_full: datetime | None = None
    last_error: str = ""
    paused_with: str = ""
    """Fingerprint of the credentials that were refused: others end the pause."""
    last_walk: datetime | None = None
    """When the last walk began that showed every lead whole (less what the vendor may lag behind)."""


@dataclass(slots=True)
class Batch:
    """Everything one transaction writes. Saved set-based: COPY into temporary tables, then one statement each."""

    new_leads: list[Lead] = field(default_factory=list)
    leads: list[Lead] = field(default_factory=list)
    """Changed leads, whole; saved with version + 1."""
    dirty: set[int] = field(default_factory=set)
    """Leads to plan again although they did not change themselves."""
    links: list[Link] = field(default_factory=list)
    """Inserted or replaced whole, by (connection, kind, external_id)."""
    digests: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    """(connection, kind, external id) → new digest where nothing else of the link changed."""
    notes: list[Note] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    """Open ones replace the open one of the same (lead, field, connection)."""
    quarantine: list[Quarantined] = field(default_factory=list)
    unquarantine: list[tuple[str, str, str]] = field(default_factory=list)
    """(connection, kind, external id) that could be read after all."""
    cursors: dict[tuple[str, str], str] = field(default_factory=dict)
    """(connection, stream) → cursor."""
    connection: ConnectionState | None = None
    intents_done: list[int] = field(default_factory=list)
    intents_dropped: list[int] = field(default_factory=list)
    intents_refused: dict[int, str] = field(default_factory=dict)
    """Intent id → the vendor's reason, without contents."""
    notes_read: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """(connection, lead external id) → when its notes were read."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that planning one lead needs: the lead, its links and notes everywhere, what is parked or under way."""

    lead: Lead
    links: Sequence[Link]
    """kind lead, any state, every connection; without their raw payloads."""
    notes: Sequence[Note]
    note_links: Sequence[Link]
    parked: frozenset[str]
    """Fields with an open conflict: not pushed anywhere."""
    waiting: frozenset[tuple[str, str, int, int]]
    """Waiting intents as (connection, kind, note id or 0, part)."""
    refused: Mapping[tuple[str, str, int, int], tuple[str, str]] = field(default_factory=dict)
    """The latest refused intents, keyed as above → (wanted digest, reason)."""
    in_review: frozenset[str] = frozenset()
    """Connections where a record in review names this lead as a candidate: nothing is created there."""


def changed(old: Fields, new: Fields) -> dict[str, tuple[Value | None, Value | None]]:
    """Fields that differ, with both values."""
    return {n: (old.get(n), new.get(n)) for n in {**old, **new} if old.get(n) != new.get(n)}
