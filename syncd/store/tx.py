"""One transaction: set-based reads, one `save`. Each statement stands above what it serves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from syncd.ports.clock import Clock
from syncd.ports.rows import Agent, Batch, Intent, Lead, Link, Note
from syncd.store import rows
from syncd.store.copy import Raw
from syncd.store.jsonb import clean
from syncd.store.save import save

_SEQUENCES = {"lead": "lead_id_seq", "note": "note_id_seq", "agent": "agent_id_seq"}


class Transaction:
    """The `Tx` of PostgreSQL. ``raw`` is psycopg's own connection inside the transaction, for this package."""

    def __init__(self, raw: Raw, clock: Clock, serialize_key: int) -> None:
        self.raw = raw
        self._clock = clock
        self._serialize_key = serialize_key
        self.dirtied: set[int] = set()

    # The no-change gate: index probes only. Tombstones are missing, so that a record that is back is read again;
    # quarantined ones are missing, so that they are tried again.
    _DIGESTS = """
    SELECT external_id, digest FROM link
    WHERE connection = %s AND kind = %s AND external_id = ANY(%s) AND state IN ('live', 'review')
      AND NOT EXISTS (SELECT FROM quarantine q WHERE q.connection = link.connection AND q.kind = link.kind
                                                 AND q.external_id = link.external_id)
    """

    async def digests(self, connection: str, kind: str, external_ids: Collection[str]) -> Mapping[str, bytes | None]:
        """Digest by external id for live or review links; quarantined ids are missing. One query."""
        found = await fetch(self.raw, self._DIGESTS, connection, kind, _texts(external_ids))
        return dict(found)

    _BY_RECORD = f"{rows.LINKS} WHERE connection = %s AND kind = %s AND external_id = ANY(%s)"

    async def links(self, connection: str, kind: str, external_ids: Collection[str]) -> Mapping[str, Link]:
        """Links of any state by external id."""
        if not external_ids:
            return {}
        found = await fetch(self.raw, self._BY_RECORD, connection, kind, _texts(external_ids))
        return {row[2]: rows.link_of(row) for row in found}

    async def links_of(self, kind: str, nodes: Collection[int], connection: str | None = None) -> Sequence[Link]:
        """Links of any state of these canonical nodes."""
        if not nodes:
            return []
        where = f"{rows.LINKS} WHERE kind = %s AND node = ANY(%s) AND connection = coalesce(%s::text, connection)"
        return [rows.link_of(row) for row in await fetch(self.raw, where, kind, list(nodes), connection)]

    # Locked first and read afterwards: the second statement sees what whoever held the lock has committed, labels
    # and assignments included. No keys change, so rows that only refer to a lead need not wait.
    _LOCK_LEADS = "SELECT FROM lead WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"

    async def leads(self, ids: Collection[int], *, lock: bool = True) -> Mapping[int, Lead]:
        """Leads by id, locked in id order."""
        if not ids:
            return {}
        wanted = f"{rows.LEADS} WHERE l.id = ANY(%s) ORDER BY l.id", [list(ids)]
        locked = [(self._LOCK_LEADS, [list(ids)])] if lock else []
        *_, found = await fetch_all(self.raw, *locked, wanted)
        return {row[0]: rows.lead_of(row) for row in found}

    async def link(self, connection: str, kind: str, external_id: str, *, lock: int) -> Link | None:
        """The link of a record, of any state, as it stands once the lead ``lock`` is locked."""
        wanted = self._BY_RECORD, [connection, kind, [clean(external_id)]]
        _, found = await fetch_all(self.raw, (self._LOCK_LEADS, [[lock]]), wanted)
        return rows.link_of(found[0]) if found else None

    async def lock(self, ids: Collection[int]) -> None:
        """Until this transaction ends, nobody else changes these leads or what belongs to them."""
        await self.raw.execute(self._LOCK_LEADS, [list(ids)])

    _BY_EMAIL = "SELECT email, lead FROM lead_email WHERE email = ANY(%s)"

    async def leads_by_email(self, emails: Collection[str]) -> Mapping[str, frozenset[int]]:
        """Ids of leads that have this address among their emails."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        for email, lead in await fetch(self.raw, self._BY_EMAIL, _texts(emails)) if emails else ():
            found[email].add(lead)
        return {email: frozenset(leads) for email, leads in found.items()}

    _BY_PHONE = """
    SELECT p.number, l.id, coalesce(l.first_name, ''), coalesce(l.last_name, '')
    FROM lead_phone p JOIN lead l ON l.id = p.lead WHERE p.number = ANY(%s) ORDER BY l.id
    """

    async def leads_by_phone(self, numbers: Collection[str]) -> Mapping[str, Sequence[tuple[int, str, str]]]:
        """(lead id, first name, last name) of leads that have this number among their phones."""
        found: defaultdict[str, list[tuple[int, str, str]]] = defaultdict(list)
        for number, *lead in await fetch(self.raw, self._BY_PHONE, _texts(numbers)) if numbers else ():
            found[number].append((lead[0], lead[1], lead[2]))
        return dict(found)

    async def new_ids(self, kind: str, count: int) -> Sequence[int]:
        """Fresh ids for kind lead, note or agent. They are not given back by a rollback."""
        if count <= 0:
            return []
        query = "SELECT nextval(%s::regclass) FROM generate_series(1, %s)"
        return [row[0] for row in await fetch(self.raw, query, _SEQUENCES[kind], count)]

    async def notes(self, lead_ids: Collection[int]) -> Sequence[Note]:
        """Notes of these leads, deleted ones included."""
        if not lead_ids:
            return []
        found = await fetch(self.raw, f"{rows.NOTES} WHERE lead = ANY(%s) ORDER BY id", list(lead_ids))
        return [rows.note_of(row) for row in found]

    async def agents(self) -> Sequence[Agent]:
        """All agents."""
        return [rows.agent_of(row) for row in await fetch(self.raw, "SELECT id, email, name FROM agent ORDER BY id")]

    async def leads_of_agents(self, agents: Collection[int]) -> set[int]:
        """Leads on which any of these agents has a role."""
        query = "SELECT DISTINCT lead FROM assignment WHERE agent = ANY(%s)"
        return {lead for (lead,) in await fetch(self.raw, query, sorted(agents))}

    async def serialize(self) -> None:
        """Until this transaction ends, no other one that calls this may match new records to leads."""
        await self.raw.execute("SELECT pg_advisory_xact_lock(%s)", [self._serialize_key])

    async def intents(self, connection: str) -> Sequence[Intent]:
        """Waiting intents of a connection, oldest first."""
        where = f"{rows.INTENTS} AND state = 'waiting' AND connection = %s ORDER BY id"
        return [rows.intent_of(row) for row in await fetch(self.raw, where, connection)]

    async def save(self, batch: Batch, *, run: int | None = None) -> None:
        """Write everything in the batch."""
        await save(self.raw, batch, self._clock.now(), run)
        self.dirtied |= batch.dirty
        self.dirtied.update(lead.id for lead in (*batch.leads, *batch.new_leads))


async def fetch(raw: Raw, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """All rows of a query, in PostgreSQL's binary format (times and JSON are read fastest that way)."""
    async with raw.cursor(binary=True) as cursor:
        await cursor.execute(query.encode(), parameters or None)
        return await cursor.fetchall()


async def fetch_all(raw: Raw, *queries: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
    """The rows of several queries with their parameters, asked in one turn to the server."""
    async with AsyncExitStack() as stack:
        async with raw.pipeline():
            cursors = []
            for query, parameters in queries:
                cursor = await stack.enter_async_context(raw.cursor(binary=True))
                cursors.append(await cursor.execute(query.encode(), parameters))
        return [await cursor.fetchall() for cursor in cursors]


def _texts(values: Collection[str]) -> list[str]:
    return [clean(value) for value in values]
