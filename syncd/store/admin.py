"""The SQL of `ports.admin`: the quarantine, and links that no sync leaves behind.

Whether a link is at fault is one condition per kind, written once: it finds faults, and it is asked again when they
are mended, under the locks of the leads concerned, because a sync may have moved on in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from syncd.ports.admin import Fault, FaultKind
from syncd.ports.rows import Batch, Change, Quarantined
from syncd.store.postgres import PostgresStore
from syncd.store.resolve import ADMIN
from syncd.store.tx import Transaction, fetch

SECOND_REASON: Final = "another record of this connection is linked to that lead"

_STRAY = """EXISTS (SELECT FROM link p WHERE p.connection = k.connection AND p.kind = 'lead'
    AND p.external_id = k.parent AND p.state = 'tombstone')"""
_REMAINING = "ARRAY(SELECT l.id FROM lead l WHERE l.id = ANY(k.candidates) ORDER BY l.id)"

_CONDITIONS: Final[Mapping[FaultKind, str]] = {
    FaultKind.LOST: """k.kind = 'lead' AND k.state <> 'review' AND k.node IS NOT NULL
        AND NOT EXISTS (SELECT FROM lead l WHERE l.id = k.node)""",
    FaultKind.LOST_AGENT: """k.kind = 'agent' AND k.node IS NOT NULL
        AND NOT EXISTS (SELECT FROM agent a WHERE a.id = k.node)""",
    # Of several, the one whose record was read last stays; never read comes last, and ids decide what is even.
    FaultKind.SECOND: """k.kind = 'lead' AND k.state = 'live' AND EXISTS (
        SELECT FROM link o WHERE o.node = k.node AND o.kind = 'lead' AND o.state = 'live'
          AND o.connection = k.connection AND o.external_id <> k.external_id
          AND (o.payload IS NULL, coalesce(k.read_at, '-infinity'), o.external_id)
            < (k.payload IS NULL, coalesce(o.read_at, '-infinity'), k.external_id))""",
    FaultKind.STRAY_NOTE: f"k.kind = 'note' AND k.state = 'live' AND {_STRAY}",
    FaultKind.LOST_NOTE: f"""k.kind = 'note' AND k.state = 'live' AND NOT {_STRAY}
        AND NOT EXISTS (SELECT FROM note n WHERE n.id = k.node)""",
    FaultKind.STALE_REVIEW: """k.kind = 'lead' AND k.state = 'review' AND EXISTS (
        SELECT FROM unnest(k.candidates) c (id) WHERE NOT EXISTS (SELECT FROM lead l WHERE l.id = c.id))""",
}
"""Kind → whether link ``k`` is at fault."""

_LEADS: Final[Mapping[FaultKind, str]] = {
    FaultKind.LOST: "k.node",
    FaultKind.LOST_AGENT: "0",
    FaultKind.SECOND: "k.node",
    FaultKind.STRAY_NOTE: "(SELECT n.lead FROM note n WHERE n.id = k.node)",
    FaultKind.LOST_NOTE: """(SELECT p.node FROM link p WHERE p.connection = k.connection AND p.kind = 'lead'
        AND p.external_id = k.parent)""",
    FaultKind.STALE_REVIEW: f"({_REMAINING})[1]",
}
"""Kind → the lead concerned."""

# A link without a digest is read and decided anew by the engine as soon as its record is listed.
_MENDINGS: Final[Mapping[FaultKind, str]] = {
    FaultKind.LOST: "state = 'tombstone', node = NULL, digest = NULL",
    FaultKind.LOST_AGENT: "node = NULL, digest = NULL",
    FaultKind.SECOND: f"""state = 'review', node = NULL, part = 0, digest = NULL, candidates = ARRAY[k.node],
        review = jsonb_build_object('reason', '{SECOND_REASON}', 'candidates', jsonb_build_array(k.node))""",
    FaultKind.STRAY_NOTE: "state = 'tombstone'",
    FaultKind.STALE_REVIEW: f"""digest = NULL, candidates = nullif({_REMAINING}, '{{}}'),
        review = jsonb_set(coalesce(k.review, '{{}}'), '{{candidates}}', to_jsonb({_REMAINING}))""",
}
"""Kind → what the link becomes."""


def _finding(kind: FaultKind) -> str:
    """Everything of a kind as (connection, external_id, node, lead)."""
    if kind is FaultKind.UNLINKED:
        return """SELECT '' AS connection, '' AS external_id, l.id AS node, l.id AS lead FROM lead l WHERE NOT EXISTS (
            SELECT FROM link k WHERE k.node = l.id AND k.kind = 'lead' AND k.state = 'live')"""
    return f"""SELECT k.connection, k.external_id, k.node, coalesce({_LEADS[kind]}, 0) AS lead
        FROM link k WHERE {_CONDITIONS[kind]}"""  # noqa: S608 - conditions of our own


_PAGE = """
SELECT connection, external_id, node, lead FROM ({finding}) fault
WHERE (%s::text[] IS NULL OR connection = ANY(%s)) AND (connection, external_id, lead) > (%s, %s, %s)
ORDER BY connection, external_id, lead LIMIT %s
"""
# In the order in which `save` writes links, so that the two cannot wait for each other.
_LOCK_LINKS = """
SELECT FROM link k JOIN unnest(%s::text[], %s::text[]) u (connection, external_id) USING (connection, external_id)
WHERE k.kind = %s ORDER BY k.connection COLLATE "C", k.external_id COLLATE "C" FOR UPDATE OF k
"""
_MEND = """
UPDATE link k SET {mending} FROM unnest(%s::text[], %s::text[]) u (connection, external_id)
WHERE k.connection = u.connection AND k.external_id = u.external_id AND {condition}
RETURNING k.connection, k.external_id, k.candidates
"""
# Whatever is left of several live links is the lead's only one there, and whole.
_ONLY_ONE = """
UPDATE link SET part = 0
WHERE kind = 'lead' AND state = 'live' AND part <> 0 AND node = ANY(%s) AND connection = ANY(%s)
"""
_QUARANTINED = """
SELECT connection, kind, external_id, error, NULL, at, attempts, id, parent FROM quarantine
WHERE (%s::int8[] IS NULL OR id = ANY(%s)) AND (%s::text[] IS NULL OR connection = ANY(%s)) ORDER BY id
"""
_FORGET = "DELETE FROM quarantine WHERE id = ANY(%s) RETURNING id"
_CLEAN_LEADS = "SELECT id FROM lead WHERE NOT dirty AND id > %s ORDER BY id LIMIT %s"


class Admin:
    """`Quarantine` and `Repairs` of PostgreSQL. Methods raise DatabaseError where the database fails."""

    def __init__(self, store: PostgresStore) -> None:
        """On an open store."""
        self._store = store

    async def quarantined(
        self, *, ids: Collection[int] | None = None, connections: Collection[str] | None = None
    ) -> Sequence[Quarantined]:
        """Entries by id, without their payloads; all of them, or only these."""
        wanted = None if ids is None else list(ids)
        names = None if connections is None else list(connections)
        return [Quarantined(*row) for row in await self._store.fetch(_QUARANTINED, wanted, wanted, names, names)]

    async def forget(self, ids: Collection[int]) -> frozenset[int]:
        """Delete entries; returns the ids of those that were there."""
        return frozenset(row[0] for row in await self._store.fetch(_FORGET, list(ids)))

    async def faults(
        self, kind: FaultKind, *, connections: Collection[str] | None, after: Fault | None, limit: int
    ) -> Sequence[Fault]:
        """The next faults of a kind, in order, at these connections (None: all). ``after``: the last one seen."""
        names = None if connections is None else list(connections)
        key = ("", "", -1) if after is None else (after.connection, after.external_id, after.lead)
        found = await self._store.fetch(_PAGE.format(finding=_finding(kind)), names, names, *key, limit)
        return [Fault(kind, *row) for row in found]

    async def mend(self, faults: Sequence[Fault], at: datetime) -> Sequence[Fault]:
        """Mend faults of one kind in one journalled transaction. Returns those that were still there."""
        kind = faults[0].kind
        keys = [[fault.connection for fault in faults], [fault.external_id for fault in faults]]
        async with self._store.transaction() as tx:
            # The engine takes the same locks in this order where it decides whose record one is.
            await tx.serialize()
            await tx.leads({fault.lead for fault in faults} - {0})
            await tx.raw.execute(_LOCK_LINKS, [*keys, _link_kind(kind)])
            mend = _MEND.format(mending=_MENDINGS[kind], condition=_CONDITIONS[kind])
            mended = {(row[0], row[1]): row[2] for row in await fetch(tx.raw, mend, *keys)}
            done = [fault for fault in faults if (fault.connection, fault.external_id) in mended]
            if kind is FaultKind.SECOND:
                await self._only_one(tx, done)
            dirty = {lead for candidates in mended.values() for lead in candidates or ()}
            await tx.save(Batch(changes=[_change(fault, at) for fault in done], dirty=dirty))
        return done

    async def _only_one(self, tx: Transaction, done: Sequence[Fault]) -> None:
        await tx.raw.execute(_ONLY_ONE, [[fault.lead for fault in done], [fault.connection for fault in done]])

    async def clean_leads(self, after: int, limit: int) -> Sequence[int]:
        """Ids above ``after`` of leads that are not to be planned, in order."""
        return [row[0] for row in await self._store.fetch(_CLEAN_LEADS, after, limit)]

    async def mark(self, leads: Mapping[int, str], at: datetime) -> None:
        """Have these leads planned again (id → why), journalled, in one transaction."""
        changes = [
            Change(lead, "plan", None, "planned again", ADMIN, at, f"links repair: {why}")
            for lead, why in sorted(leads.items())
        ]
        async with self._store.transaction() as tx:
            await tx.save(Batch(changes=changes, dirty=set(leads)))


def _link_kind(kind: FaultKind) -> str:
    if kind is FaultKind.LOST_AGENT:
        return "agent"
    return "note" if kind is FaultKind.STRAY_NOTE else "lead"


def _change(fault: Fault, at: datetime) -> Change:
    """The journal's row of one repair."""
    why = f"links repair: {str(fault.kind).replace('_', ' ')}"
    if fault.kind is FaultKind.STRAY_NOTE:
        gone = {"note": fault.node}
        return Change(fault.lead, "note", gone, None, ADMIN, at, why, fault.external_id)
    what = "agent" if fault.kind is FaultKind.LOST_AGENT else "link"
    return Change(fault.lead, what, fault.external_id, None, ADMIN, at, why, fault.external_id)
