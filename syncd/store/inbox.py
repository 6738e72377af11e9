"""The inbox on PostgreSQL, as the engine reads and settles it. Each statement stands above what it serves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

from syncd.ports.hooks import Delivery, Hint
from syncd.ports.inbox import FAILED, InboxCounts, Retry, Waiting
from syncd.ports.inbox import WAITING as STILL_WAITING
from syncd.store.jsonb import clean, dumps
from syncd.store.postgres import PostgresStore

BYTES_AT_ONCE = 16 * 1024 * 1024
"""Of bodies read together: a thousand rows of a megabyte would not fit into a small machine."""
ERROR_CHARS_MAX = 500
FORGOTTEN_AT_ONCE = 5000


class PostgresInbox:
    """The `Inbox` of PostgreSQL. Every method raises DatabaseError where the database fails."""

    def __init__(self, store: PostgresStore) -> None:
        """The inbox beside a store, in its database."""
        self._store = store

    # Walks the partial index of waiting rows; the first row comes however large it is.
    _WAITING = """
    SELECT id, received_at, headers, body, attempts, hints FROM (
        SELECT *, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM inbox
        WHERE connection = %s AND state = 'waiting' AND (due_at IS NULL OR due_at <= %s)
        ORDER BY id LIMIT %s) due
    WHERE before < %s ORDER BY id
    """

    async def waiting(self, connection: str, *, now: datetime, limit: int) -> Sequence[Waiting]:
        """Rows due at ``now``, oldest first; fewer than ``limit`` where they are large."""
        found = await self._store.fetch(self._WAITING, connection, now, limit, BYTES_AT_ONCE)
        return [_waiting(row) for row in found]

    _NEWEST = "SELECT coalesce(max(id), 0) FROM inbox WHERE connection = %s AND state = 'waiting'"

    async def newest(self, connection: str) -> int:
        """The highest id that waits now, 0 if nothing does."""
        return int((await self._store.fetch(self._NEWEST, connection))[0][0])

    # A row that was said again meanwhile has another id and stays: its news may be younger than our reading.
    _SETTLE = """
    UPDATE inbox SET state = %s, settled_at = %s, hints = NULL, due_at = NULL, error = ''
    WHERE id = ANY(%s)
    """

    async def settle(self, taken: Collection[Waiting], state: str, at: datetime) -> None:
        """These rows are done or ignored, as far as nobody said them again meanwhile."""
        if taken:
            await self._store.execute(self._SETTLE, state, at, [row.id for row in taken])

    _AGAIN = """
    UPDATE inbox SET state = again.state, due_at = again.due_at, settled_at = again.settled_at,
                     attempts = inbox.attempts + again.counted, error = again.error, hints = again.hints::json
    FROM unnest(%s::int8[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::int4[], %s::text[], %s::text[])
         AS again (id, state, due_at, settled_at, counted, error, hints)
    WHERE inbox.id = again.id
    """

    async def again(self, taken: Sequence[Retry], at: datetime) -> None:
        """These rows are tried again later, or have failed."""
        if not taken:
            return
        await self._store.execute(
            self._AGAIN,
            [row.id for row in taken],
            [FAILED if row.at is None else STILL_WAITING for row in taken],
            [row.at for row in taken],
            [at if row.at is None else None for row in taken],
            [int(row.counted) for row in taken],
            [clean(row.error)[:ERROR_CHARS_MAX] for row in taken],
            [dumps([astuple(hint) for hint in row.left]).decode() for row in taken],
        )

    # One pass over the table, which housekeeping keeps short.
    _COUNTS = """
    SELECT connection, count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'failed'),
           max(received_at), min(received_at) FILTER (WHERE state = 'waiting'),
           coalesce((array_agg(error ORDER BY id DESC) FILTER (WHERE error <> ''))[1], '')
    FROM inbox GROUP BY connection
    """

    async def counts(self) -> Mapping[str, InboxCounts]:
        """How every connection's inbox stands; one without any row is missing."""
        return {name: InboxCounts(*told) for name, *told in await self._store.fetch(self._COUNTS)}

    _FORGET = """
    WITH old AS (SELECT id FROM inbox WHERE settled_at < %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED),
         gone AS (DELETE FROM inbox USING old WHERE inbox.id = old.id RETURNING 1)
    SELECT count(*) FROM gone
    """

    async def forget(self, before: datetime) -> int:
        """Delete rows settled before a moment, some thousand in a transaction. Returns how many."""
        done = 0
        while count := (await self._store.fetch(self._FORGET, before, FORGOTTEN_AT_ONCE))[0][0]:
            done += count
        return done


def _waiting(row: Sequence[Any]) -> Waiting:
    ident, received_at, headers, body, attempts, hints = row
    left = None if hints is None else [Hint(*hint) for hint in hints]
    return Waiting(ident, received_at, Delivery(headers, bytes(body)), attempts, left)
