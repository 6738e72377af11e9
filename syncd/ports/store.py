"""What the engine may ask of the store: transactions, set-based reads and one `save`.

A page is one transaction: read what is needed for all its rows at once, decide purely, hand one `Batch` back.
Nothing here runs a query per lead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from syncd.ports.mapped import Mapped
from syncd.ports.rows import Agent, Batch, ConnectionState, HeldPlan, Intent, Lead, Link, Note, Snapshot
from syncd.ports.walks import Walks


class Reads(Protocol):
    """Statements that read, each as of its own moment."""

    async def links(self, connection: str, kind: str, external_ids: Collection[str]) -> Mapping[str, Link]:
        """Links of any state by external id."""
        ...

    async def links_of(self, kind: str, nodes: Collection[int], connection: str | None = None) -> Sequence[Link]:
        """Links of any state of these canonical nodes."""
        ...

    async def agents(self) -> Sequence[Agent]:
        """All agents."""
        ...

    async def intents(self, connection: str) -> Sequence[Intent]:
        """Waiting intents of a connection, oldest first."""
        ...


class Tx(Reads, Protocol):
    """One transaction. Reads see their own writes; the end of the block commits, an exception rolls back."""

    async def digests(self, connection: str, kind: str, external_ids: Collection[str]) -> Mapping[str, bytes | None]:
        """Digest by external id for *live or review* links of these ids; ids without such a link are missing.

        Also missing: ids in quarantine (they are always parsed again). One query.
        """
        ...

    async def link(self, connection: str, kind: str, external_id: str, *, lock: int) -> Link | None:
        """The link of a record, of any state, as it stands once the lead ``lock`` is locked."""
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

    async def leads_of_agents(self, agents: Collection[int]) -> set[int]:
        """Leads on which any of these agents has a role."""
        ...

    async def serialize(self) -> None:
        """Until this transaction ends, no other one that calls this may match new records to leads.

        Without it two connections could make two leads of one person in the same moment.
        """
        ...

    async def save(self, batch: Batch, *, run: int | None = None) -> None:
        """Write everything in the batch."""
        ...


class Store(Walks, Mapped, Protocol):
    """The canonical lead graph and everything around it."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A short transaction; no vendor call may happen inside it."""
        ...

    def reads(self) -> AbstractAsyncContextManager[Reads]:
        """For a look that needs no transaction, which costs two turns to the server; no vendor call inside it."""
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
