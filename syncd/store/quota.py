"""The shared windows in PostgreSQL: read, decide (domain/quota.py), write if nobody came in between, else again.

No lock is held while we decide: a process that stalls holds nobody up. The clock is the database's, so that no two
machines' clocks are ever compared. What a crash of the server takes away are the last moments of a count that lives for
a minute, so nobody waits for its disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import orjson
import psycopg

from syncd.domain.errors import DatabaseError
from syncd.domain.quota import NEVER, Hold, Visit, Window, visited
from syncd.ports.quota import View, view_of
from syncd.store.database import Database, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIES_MAX = 200
"""Somebody's write succeeds in every round, so this many need as many visitors at once."""
STATEMENT_TIMEOUT_S = 10

# Always one row: the clock, and how long the circuit is open, are needed for a window that is new, too.
_READ: Final = """
SELECT extract(epoch FROM clock_timestamp())::float8, extract(epoch FROM c.held_until)::float8,
       q.version, q."limit", q.per_s, extract(epoch FROM q.learned_until)::float8, q.number, q."left", q.given,
       q.answered, extract(epoch FROM q.ends_at)::float8, q.told, extract(epoch FROM q.paused_until)::float8, q.holds
FROM (SELECT %s::text AS connection, %s::text AS "group") AS wanted
LEFT JOIN quota q ON q.connection = wanted.connection AND q."group" = wanted."group"
LEFT JOIN quota c ON c.connection = wanted.connection AND c."group" = ''
"""
_WRITE: Final = """
INSERT INTO quota AS q (connection, "group", version, "limit", per_s, learned_until, number, "left", given, answered,
                        ends_at, told, paused_until, holds)
VALUES (%s, %s, 1, %s, %s, to_timestamp(%s), %s, %s, %s, %s, to_timestamp(%s), %s, to_timestamp(%s), %s::jsonb)
ON CONFLICT (connection, "group") DO UPDATE SET
    version = q.version + 1, "limit" = EXCLUDED."limit", per_s = EXCLUDED.per_s,
    learned_until = EXCLUDED.learned_until, number = EXCLUDED.number, "left" = EXCLUDED."left", given = EXCLUDED.given,
    answered = EXCLUDED.answered, ends_at = EXCLUDED.ends_at, told = EXCLUDED.told,
    paused_until = EXCLUDED.paused_until, holds = EXCLUDED.holds
WHERE q.version = %s
RETURNING version
"""
_HOLD: Final = """
INSERT INTO quota AS q (connection, "group", held_until)
VALUES (%s, '', coalesce(to_timestamp(%s), clock_timestamp()) + make_interval(secs => %s))
ON CONFLICT (connection, "group") DO UPDATE SET held_until = EXCLUDED.held_until
"""

Raw = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresQuota:
    """The `Quota` of PostgreSQL, on one session of its own that opens with the first visit."""

    def __init__(self, database: Database, *, now: Callable[[], float] | None = None) -> None:
        """Nothing is connected yet.

        now  the clock instead of the database's, for tests on virtual time
        """
        self._database, self._now = database, now
        self._session: Raw | None = None
        self._turn = asyncio.Lock()

    async def visit(self, connection: str, group: str, visit: Visit) -> View:
        """Settle up, learn, and take calls."""
        for _ in range(TRIES_MAX):
            row = (await self._run(_READ, connection, group))[0]
            now = row[0] if self._now is None else self._now()
            window = _window(row) or Window(visit.seed.limit, float(visit.seed.per_s))
            after, granted = visited(window, visit, now)
            if await self._run(_WRITE, connection, group, *_columns(after), row[2] or 0):
                return view_of(after, granted, now, NEVER if row[1] is None else row[1])
        raise DatabaseError("the shared limits are busy", hint="fewer processes on this connection")

    async def hold(self, connection: str, for_s: float) -> None:
        """Keep every process from calling this connection for so long; 0: no longer."""
        await self._run(_HOLD, connection, None if self._now is None else self._now(), for_s)

    async def aclose(self) -> None:
        """End the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _run(self, query: str, *parameters: Any) -> Sequence[tuple[Any, ...]]:
        """One statement, committed; on a new session if the old one is dead. Raises DatabaseError."""
        async with self._turn:
            for again in (True, False):
                try:
                    with translated():
                        session = await self._opened()
                        cursor = await session.execute(query.encode(), parameters)
                        return await cursor.fetchall() if cursor.description else []
                except DatabaseError:
                    if self._session is None or not self._session.broken or not again:
                        raise
                    await self.aclose()
                except asyncio.CancelledError:
                    await self.aclose()  # cut off in mid-command
                    raise
        raise AssertionError

    async def _opened(self) -> Raw:
        if self._session is None:
            self._session = await psycopg.AsyncConnection.connect(
                self._database.libpq_url, autocommit=True, prepare_threshold=2, **self._database.brisk_options
            )
            await self._session.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'".encode())
        return self._session


def _window(row: tuple[Any, ...]) -> Window | None:
    """A row of `_READ` as a window; None where there is none yet, or only the circuit is kept."""
    _, _, version, limit, per_s, learned_until, number, left, given, answered, ends_at, told, paused_until, holds = row
    if not version:
        return None
    return Window(
        limit=limit, per_s=per_s, learned_until=_or_never(learned_until), number=number, left=left, given=given,
        answered=answered, ends_at=_or_never(ends_at), told=told, paused_until=_or_never(paused_until),
        holds={name: Hold(calls, at) for name, (calls, at) in holds.items()},
    )  # fmt: skip


def _columns(window: Window) -> tuple[Any, ...]:
    """A window as the values of `_WRITE`."""
    holds = orjson.dumps({name: (hold.calls, hold.at) for name, hold in window.holds.items()}).decode()
    return (
        window.limit, window.per_s, _or_none(window.learned_until), window.number, window.left, window.given,
        window.answered, _or_none(window.ends_at), window.told, _or_none(window.paused_until), holds,
    )  # fmt: skip


def _or_never(seconds: float | None) -> float:
    return NEVER if seconds is None else seconds


def _or_none(seconds: float) -> float | None:
    return None if seconds == NEVER else seconds
