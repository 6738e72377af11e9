"""What the engine may ask of the store: rows as frozen values, transactions, set-based reads and one `save`.

A page is one transaction: read what is needed for all its rows at once, decide purely, hand one `Batch` back.
Nothing here runs a query per lead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from syncd.domain.lead import Fields, Value
from syncd.domain.merge import Origin
from syncd.ports.mapped import Mapped
from syncd.ports.walks import Walks

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


class Tx(Protocol):
    """One transaction. Reads see their own writes; the end of the block commits, an exception rolls back."""

    async def digests(self, connection: str, kind: str, external_ids: Collection[str]) -> Mapping[str, bytes | None]:
        """Digest by external id for *live or review* links of these ids; ids without such a link are missing.

        Also missing: ids in quarantine (they are always parsed again). One query.
        """
        ...

    async def links(self, connection: str, kind: str, external_ids: Collection[str]) -> Mapping[str, Link]:
        """Links of any state by external id."""
        ...

    async def links_of(self, kind: str, nodes: Collection[int], connection: str | None = None) -> Sequence[Link]:
        """Links of any state of these canonical nodes."""
        ...

    async def leads(self, ids: Collection[int], *, lock: bool = True) -> Mapping[int, Lead]:
        """Leads by id, locked in id order."""
        ...

    async def lock(self, ids: Collection[int]) -> None:
        """Until this transaction ends, nobody else changes these leads or what belongs to them."""
        ...

    async def leads_by_email(self, emails: Collection[str]) -> Mapping[str, frozenset[int]]:
        """Ids of leads that have this address among their emails."""
        ...

    async def leads_by_phone(self, numbers: Collection[str]) -> Mapping[str, Sequence[tuple[int, str, str]]]:
        """(lead id, first name, last name) of leads that have this number among their phones."""
        ...

    async def new_ids(self, kind: str, count: int) -> Sequence[int]:
        """Fresh ids for kind lead, note or agent."""
        ...

    async def notes(self, lead_ids: Collection[int]) -> Sequence[Note]:
        """Notes of these leads, deleted ones included."""
        ...

    async def agents(self) -> Sequence[Agent]:
        """All agents."""
        ...

    async def leads_of_agents(self, agents: Collection[int]) -> set[int]:
        """Leads on which any of these agents has a role."""
        ...

    async def serialize(self) -> None:
        """Until this transaction ends, no other one that calls this may match new records to leads.

        Without it two connections could make two leads of one person in the same moment.
        """
        ...

    async def intents(self, connection: str) -> Sequence[Intent]:
        """Waiting intents of a connection, oldest first."""
        ...

    async def save(self, batch: Batch, *, run: int | None = None) -> None:
        """Write everything in the batch."""
        ...


class Store(Walks, Mapped, Protocol):
    """The canonical lead graph and everything around it."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A short transaction; no vendor call may happen inside it."""
        ...

    def on_dirty(self, told: Callable[[Collection[int]], None]) -> None:
        """From now on tell this one, and nobody else, of leads that have to be planned, as soon as it is committed."""
        ...

    async def connection(self, name: str, vendor: str) -> ConnectionState:
        """The state kept for a connection; made if it is new."""
        ...

    async def cursor(self, connection: str, stream: str) -> str | None:
        """How far a stream has been read."""
        ...

    def snapshots(self, *, batch: int = 500, leads: Collection[int] | None = None) -> AsyncIterator[Sequence[Snapshot]]:
        """Dirty leads (or these leads) in id order, in batches, each read in a handful of queries."""
        ...

    async def clean(self, versions: Mapping[int, int]) -> None:
        """Clear the dirty flag of leads that are still at this version (and not marked since)."""
        ...

    async def in_step(self, connections: Collection[str], at: datetime) -> None:
        """Remember that a plan begun at this moment found nothing left to write at these connections."""
        ...

    def live_ids(self, connection: str, kind: str) -> AsyncIterator[Sequence[str]]:
        """External ids of all live links, in batches."""
        ...

    async def notes_due(self, connection: str, limit: int) -> Sequence[str]:
        """External ids of live lead links whose notes were read longest ago (never first), at most ``limit``."""
        ...

    async def unseen(self, connection: str) -> Mapping[str, datetime]:
        """External id → when we created it, of live lead links that were never read since."""
        ...

    async def open_intent(self, intent: Intent) -> Intent:
        """Commit an intent before its call; returns it with its id."""
        ...

    async def announce(self, connection: str, external_id: str, tried: Mapping[str, Any]) -> None:
        """Lay entries over the ``pending`` of a lead's link and commit, before a repeatable call goes out."""
        ...

    async def hold(self, plan: HeldPlan) -> HeldPlan:
        """Keep a held plan; one that is held already with the same fingerprint stays as it is (its state too)."""
        ...

    async def held(self, connection: str | None = None) -> Sequence[HeldPlan]:
        """Plans held or approved and not yet done."""
        ...

    async def settle_hold(self, plan_id: str, state: str) -> HeldPlan | None:
        """Move a held plan to a state; None if there is no such plan."""
        ...

    async def start_run(self, kind: str, connection: str) -> int:
        """A new run row; its id."""
        ...

    async def end_run(self, run: int, counts: Mapping[str, int], error: str = "") -> None:
        """Close a run with its counts."""
        ...

    async def dirty(self, limit: int | None = None) -> Mapping[int, int]:
        """Leads that wait to be planned, with their versions; the lowest ids first."""
        ...

    def exclusively(self, connection: str, *, wait_s: float = 0) -> AbstractAsyncContextManager[bool]:
        """Session-level advisory lock of a connection: yields whether we have it. Gone with the process.

        wait_s  how long to stand in line for it
        """
        ...

    async def counts(self) -> Mapping[str, int]:
        """Open conflicts, reviews, quarantined, held, dirty leads, waiting intents."""
        ...

    async def live_counts(self) -> Mapping[str, int]:
        """How many live lead links each connection has."""
        ...

    async def aclose(self) -> None:
        """Close all database connections."""
        ...


def changed(old: Fields, new: Fields) -> dict[str, tuple[Value | None, Value | None]]:
    """Fields that differ, with both values."""
    return {n: (old.get(n), new.get(n)) for n in {**old, **new} if old.get(n) != new.get(n)}
