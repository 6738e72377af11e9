"""Webhook deliveries that were given up, on PostgreSQL: what a person sees of them, and how they wait again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from syncd.ports.hooks import Hint
from syncd.ports.inbox import GivenUp
from syncd.store.postgres import PostgresStore

_THESE: Final = """
state = 'failed' AND (%s::int8[] IS NULL OR id = ANY(%s)) AND (%s::text[] IS NULL OR connection = ANY(%s))
"""
_FAILED: Final = f"""
SELECT id, connection, received_at, settled_at, attempts, error, hints FROM inbox WHERE {_THESE} ORDER BY id
"""  # noqa: S608 - a condition of our own
# What was left of them is what is read; when they came stays, so that what was read since costs nothing. They are the
# newest now: a reading that failed before is none of theirs.
_AGAIN: Final = f"""
WITH again AS (
    UPDATE inbox SET id = DEFAULT, state = 'waiting', attempts = 0, due_at = NULL, settled_at = NULL, error = ''
    WHERE {_THESE} RETURNING connection)
SELECT connection, count(*) FROM again GROUP BY connection ORDER BY connection
"""  # noqa: S608 - a condition of our own
_COUNTS: Final = """
SELECT connection, count(*), (array_agg(error ORDER BY settled_at DESC, id DESC))[1] FROM inbox WHERE state = 'failed'
GROUP BY connection ORDER BY connection
"""


class Deliveries:
    """The `FailedDeliveries` of PostgreSQL. Methods raise DatabaseError where the database fails."""

    def __init__(self, store: PostgresStore) -> None:
        """On an open store."""
        self._store = store

    async def failed(
        self, *, ids: Collection[int] | None = None, connections: Collection[str] | None = None
    ) -> Sequence[GivenUp]:
        """Deliveries given up, oldest first; all of them, or only these."""
        return [_given_up(row) for row in await self._store.fetch(_FAILED, *_chosen(ids, connections))]

    async def again(
        self, *, ids: Collection[int] | None = None, connections: Collection[str] | None = None
    ) -> Mapping[str, int]:
        """Have them wait as if they had just come; connection → how many did."""
        return dict(await self._store.fetch(_AGAIN, *_chosen(ids, connections)))

    async def counts(self) -> Mapping[str, tuple[int, str]]:
        """Connection → how many were given up, and why the last of them was."""
        return {name: (count, error) for name, count, error in await self._store.fetch(_COUNTS)}


def _chosen(ids: Collection[int] | None, connections: Collection[str] | None) -> tuple[Any, ...]:
    wanted = None if ids is None else list(ids)
    names = None if connections is None else list(connections)
    return wanted, wanted, names, names


def _given_up(row: Sequence[Any]) -> GivenUp:
    ident, connection, received_at, settled_at, attempts, error, hints = row
    return GivenUp(ident, connection, received_at, settled_at, attempts, error, [Hint(*hint) for hint in hints or ()])
