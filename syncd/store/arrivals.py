"""Storing deliveries as they come, fast: one session of our own, and one statement for all that wait for it.

While a commit is under way, further deliveries collect; the next statement takes them all. So a burst costs tens of
commits, not thousands, nobody waits for more than two of them, and a busy engine cannot use up the connections.
A database that does not answer in time is an error for everybody who waits: the vendor then repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg

from syncd.domain.errors import DatabaseError
from syncd.ports.inbox import Received
from syncd.store.database import Database, translated
from syncd.store.jsonb import clean, dumps

ANSWER_S = 2.0
"""How long the database may take; a vendor waits a few seconds at most."""
ROWS_AT_ONCE = 500
BYTES_PENDING_MAX = 64 * 1024 * 1024
"""Bodies that wait for a slow database; what comes then is turned away."""
UNREACHABLE = {
    "connect_timeout": round(ANSWER_S),
    "tcp_user_timeout": round(ANSWER_S * 1000),
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""A server that went away without a word is noticed in seconds; a limit of the server's own could not help."""
_GONE = psycopg.OperationalError, psycopg.InterfaceError
_UNIQUE = """
INSERT INTO inbox (connection, event, received_at, headers, body)
SELECT connection, event, received_at, headers::json, body
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::bytea[])
     AS came (connection, event, received_at, headers, body)
ON CONFLICT (connection, event)
"""
_ONCE = f"{_UNIQUE} DO NOTHING RETURNING connection, event".encode()
# The same words, said of a later change: the row waits again as the newest. Its old id is no row's any more, so whoever
# is reading what it said before settles nothing.
_AGAIN = f"""{_UNIQUE} DO UPDATE
SET id = DEFAULT, received_at = EXCLUDED.received_at, headers = EXCLUDED.headers, state = 'waiting', attempts = 0,
    hints = NULL, due_at = NULL, settled_at = NULL, error = ''
RETURNING connection, event""".encode()

Raw = psycopg.AsyncConnection[tuple[Any, ...]]
Pending = tuple[Received, asyncio.Future[bool]]


class PostgresArrivals:
    """The `Arrivals` of PostgreSQL. Lives in one event loop, inside `opened`."""

    def __init__(self, database: Database, stored: Callable[[str], None] = lambda _connection: None) -> None:
        """Nothing is connected yet. ``stored`` is called with a connection's name once deliveries of it are safe."""
        self._database, self._stored = database, stored
        self._pending: list[Pending] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._session: Raw | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[PostgresArrivals]:
        """Stores until the block ends; whoever waits then is refused."""
        with suppress(psycopg.Error):  # so that the first delivery need not wait for it
            self._session = await self._connect()
        work = asyncio.create_task(self._work(), name="arrivals")
        try:
            yield self
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            for _, future in self._pending:
                if not future.done():
                    future.set_exception(DatabaseError("the receiver is stopping"))
            await self._forget_session()

    async def put(self, received: Received) -> bool:
        """Store a delivery; it is safe when this returns. False if it was there.

        Raises DatabaseError, after `ANSWER_S` at the latest.
        """
        if self._bytes + len(received.body) > BYTES_PENDING_MAX:
            raise DatabaseError("too many deliveries wait for the database")
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.append((received, future))
        self._bytes += len(received.body)
        self._wake.set()
        try:
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError:
            raise DatabaseError("the database does not answer in time") from None

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                batch, self._pending = self._pending[:ROWS_AT_ONCE], self._pending[ROWS_AT_ONCE:]
                await self._take([one for one in batch if not one[1].done()])
                self._bytes -= sum(len(received.body) for received, _ in batch)

    async def _take(self, batch: Sequence[Pending]) -> None:
        """Store a batch and tell everybody who waits how it went."""
        try:
            new = await self._save([received for received, _ in batch])
        except BaseException as error:
            failed = error if isinstance(error, DatabaseError) else DatabaseError("the receiver is stopping")
            for _, future in batch:
                if not future.done():
                    future.set_exception(failed)
            if isinstance(error, DatabaseError):
                return
            raise
        for received, future in batch:
            if not future.done():
                future.set_result((received.connection, received.event) in new)
        for connection in sorted({connection for connection, _ in new}):
            self._stored(connection)

    async def _save(self, batch: Sequence[Received]) -> set[tuple[str, str]]:
        """The events that were not there, or are said anew. A session that went away is replaced once."""
        rows = {(received.connection, received.event): received for received in batch}
        new: set[tuple[str, str]] = set()
        for statement, unique in ((_ONCE, True), (_AGAIN, False)):
            if some := [received for received in rows.values() if received.unique is unique]:
                with translated():
                    new |= await self._run(statement, some)
        return new

    async def _run(self, statement: bytes, some: Sequence[Received]) -> set[tuple[str, str]]:
        values = [
            [clean(received.connection) for received in some],
            [clean(received.event) for received in some],
            [received.received_at for received in some],
            [dumps(dict(received.headers)).decode() for received in some],
            [received.body for received in some],
        ]
        held = self._session is not None
        while True:
            try:
                session = self._session = self._session or await self._connect()
                cursor = await session.execute(statement, values)
                return {(connection, event) for connection, event in await cursor.fetchall()}
            except _GONE as error:
                timed_out = isinstance(error, psycopg.errors.QueryCanceled)
                if not timed_out:
                    await self._forget_session()
                if not held or timed_out:
                    raise
                held = False  # the server was restarted since; what was sent may be repeated: events are unique

    async def _connect(self) -> Raw:
        options = self._database.options
        limits = f"-cstatement_timeout={round(ANSWER_S * 1000)}"
        return await psycopg.AsyncConnection.connect(
            self._database.libpq_url,
            autocommit=True,
            prepare_threshold=1,
            **{**options, **UNREACHABLE, "options": f"{options['options']} {limits}"},
        )

    async def _forget_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error):
                await session.close()
