"""What `syncd doctor` asks of the database: a handful of counts and lists, each in one query; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from syncd.domain.plan import UNCERTAIN
from syncd.store.postgres import PostgresStore

# The condition repeats ix_link_odd, so that only odd links are read.
_UNMAPPED: Final = """
SELECT k.connection, u.field, u.word, count(*), min(k.node) FROM link k, jsonb_each_text(k.unmapped) u (field, word)
WHERE (k.unmapped <> '{}' OR k.settled <> '{}' OR k.pending <> '{}') AND k.kind = 'lead' AND k.state = 'live'
GROUP BY 1, 2, 3 ORDER BY 1, 2, count(*) DESC, 3
"""
_AGENTS: Final = """
SELECT a.id, a.email, a.name, coalesce(jsonb_object_agg(k.connection, k.external_id) FILTER (WHERE k.node IS NOT NULL),
       '{}'), (SELECT count(DISTINCT s.lead) FROM assignment s WHERE s.agent = a.id)
FROM agent a LEFT JOIN link k ON k.node = a.id AND k.kind = 'agent' AND k.state = 'live'
GROUP BY a.id ORDER BY a.id
"""
_UNCERTAIN: Final = """
SELECT o.connection, count(DISTINCT (o.note, o.part)), (array_agg(DISTINCT o.lead ORDER BY o.lead))[1:%s]
FROM operation o
WHERE o.type = 'intent' AND o.kind = 'note' AND o.state = 'refused' AND starts_with(o.reason, %s) AND NOT EXISTS (
    SELECT FROM link k WHERE k.connection = o.connection AND k.kind = 'note' AND k.node = o.note AND k.part = o.part)
GROUP BY 1 ORDER BY 1
"""
_WAITING: Final = """
SELECT connection, count(*), min(at) FROM operation WHERE type = 'intent' AND state = 'waiting' GROUP BY 1 ORDER BY 1
"""
_CONFLICTS: Final = "SELECT connection, count(*) FROM conflict WHERE state = 'open' GROUP BY 1 ORDER BY 1"
_REVIEWS: Final = "SELECT connection, count(*) FROM link WHERE state = 'review' GROUP BY 1 ORDER BY 1"
_SERVER: Final = "SELECT pg_is_in_recovery(), pg_database_size(current_database())"
LEADS_NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A word without translation: where it is shown, in which field, on how many leads, and one of these."""

    connection: str
    field: str
    word: str
    leads: int
    example: int


@dataclass(frozen=True, slots=True)
class Known:
    """An agent: ``accounts`` connection → external id, ``leads`` on which the agent has a role."""

    id: int
    email: str
    name: str
    accounts: dict[str, str]
    leads: int


class Checkup:
    """The reads of `syncd doctor`. Methods raise DatabaseError where the database fails."""

    def __init__(self, store: PostgresStore) -> None:
        """On an open store."""
        self._store = store

    async def server(self) -> tuple[bool, int]:
        """Whether it takes no writes (a standby), and the size of the database in bytes."""
        found = await self._store.fetch(_SERVER)
        return bool(found[0][0]), int(found[0][1])

    async def unmapped(self) -> list[Unmapped]:
        """Words that vendors show now and that have no translation, most frequent first per connection and field."""
        return [Unmapped(*row) for row in await self._store.fetch(_UNMAPPED)]

    async def agents(self) -> list[Known]:
        """All agents with their accounts."""
        return [Known(*row) for row in await self._store.fetch(_AGENTS)]

    async def uncertain_notes(self) -> list[tuple[str, int, list[int]]]:
        """(connection, notes of which nobody can know whether they arrived, some of their leads)."""
        return [(row[0], row[1], row[2]) for row in await self._store.fetch(_UNCERTAIN, LEADS_NAMED_MAX, UNCERTAIN)]

    async def waiting(self) -> list[tuple[str, int, datetime]]:
        """(connection, creates whose answer is awaited, when the first of them was sent)."""
        return [(row[0], row[1], row[2]) for row in await self._store.fetch(_WAITING)]

    async def conflicts(self) -> dict[str, int]:
        """Connection → open conflicts."""
        return dict(await self._store.fetch(_CONFLICTS))

    async def reviews(self) -> dict[str, int]:
        """Connection → records in review."""
        return dict(await self._store.fetch(_REVIEWS))
