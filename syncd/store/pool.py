"""Sessions with PostgreSQL, kept: the same few again and again, because they have the statements prepared.

Sessions of the service do not wait for the disk (`Database.brisk_options`): an edit takes half a dozen commits on its
way, and a disk that is slow at times would hold up all of them.

A pool of our own because an edit on its way needs a dozen sessions one after the other, and a library's would be a
seventh of the time all of it takes (docs/decisions.md, 45). Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import IsolationLevel
from psycopg.pq import PipelineStatus, TransactionStatus

from syncd.domain.errors import DatabaseError
from syncd.store.jsonb import adapt_connection

if TYPE_CHECKING:
    from syncd.store.copy import Raw
    from syncd.store.database import Database

KEPT = 5
"""Sessions kept while nobody uses them."""
MOST = 15
"""Sessions at once; whoever comes then waits."""
TIMEOUT_S = 30
IDLE_S = 5.0
"""After so long without use a session is tried before it is used, even if the server has said nothing."""
PREPARE_AFTER = 3
"""Executions of a statement in one session before it is kept prepared."""


class Pool:
    """The sessions of one store. Raises psycopg's errors, and DatabaseError if none becomes free."""

    def __init__(self, database: Database, *, brisk: bool) -> None:
        """Nothing is connected yet. ``brisk``: commits need not wait for the disk."""
        self._url = database.libpq_url
        options = database.brisk_options if brisk else database.options
        self._options: dict[str, Any] = options | {"prepare_threshold": PREPARE_AFTER}
        self._free: list[tuple[Raw, float]] = []
        self._places = asyncio.Semaphore(MOST)
        self._kept = KEPT

    @asynccontextmanager
    async def session(self, *, single: bool = False, snapshot: bool = False) -> AsyncGenerator[Raw]:
        """A session in a transaction, committed at the end of the block unless it raises.

        single    each statement is a transaction by itself
        snapshot  everything is read as of the first statement, and nothing can be written
        """
        async with self._place():
            raw = await self._idle() or await self._fresh()
            try:
                await _prepare(raw, single=single, snapshot=snapshot)
                yield raw
                if not single:
                    await _commit(raw)
            except BaseException:
                if raw.pgconn.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                    with suppress(psycopg.Error):
                        await raw.rollback()
                raise
            finally:
                await self._back(raw)

    async def aclose(self) -> None:
        """End all sessions; those in use as soon as they are given back."""
        self._kept = 0
        while self._free:
            await self._free.pop()[0].close()

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._places.acquire()
        except TimeoutError:
            message = "every connection to the database is in use"
            raise DatabaseError(message, hint="fewer commands at once, or a faster database") from None
        try:
            yield
        finally:
            self._places.release()

    async def _idle(self) -> Raw | None:
        """The session used last. One of a server that was restarted since is noticed before a page is lost on it."""
        while self._free:
            raw, used = self._free.pop()
            doubtful = time.monotonic() - used > IDLE_S or _said_something(raw)
            try:
                if not doubtful or await _lives(raw):
                    return raw
            except BaseException:
                await raw.close()
                raise
            await raw.close()
        return None

    async def _fresh(self) -> Raw:
        raw = await psycopg.AsyncConnection.connect(self._url, **self._options)
        adapt_connection(raw)
        return raw

    async def _back(self, raw: Raw) -> None:
        """Keep it, unless it is broken or was cut off in the middle of something: statements may never go out then."""
        idle = raw.pgconn.transaction_status == TransactionStatus.IDLE
        if idle and raw.pgconn.pipeline_status == PipelineStatus.OFF and len(self._free) < self._kept:
            self._free.append((raw, time.monotonic()))
        else:
            await raw.close()


async def _prepare(raw: Raw, *, single: bool, snapshot: bool) -> None:
    """Each setting by itself: whoever had it before may have been cut off between two of them."""
    level = IsolationLevel.REPEATABLE_READ if snapshot else IsolationLevel.READ_COMMITTED
    if raw.autocommit is not single:
        await raw.set_autocommit(single)
    if bool(raw.read_only) is not snapshot:
        await raw.set_read_only(snapshot or None)
    if raw.isolation_level is not level:  # whatever the server's habit is
        await raw.set_isolation_level(level)


async def _commit(raw: Raw) -> None:
    """A transaction in which an error was passed over would be rolled back without a word. Raises instead."""
    if raw.pgconn.transaction_status == TransactionStatus.INERROR:
        raise psycopg.errors.InFailedSqlTransaction("an error in a transaction was passed over")
    await raw.commit()


def _said_something(raw: Raw) -> bool:
    """Whether the server sent what nobody asked for, its farewell for instance. Costs no turn to the server."""
    if raw.closed:
        return True
    poll = select.poll()
    poll.register(raw.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


async def _lives(raw: Raw) -> bool:
    try:
        await raw.execute(b"")
        await raw.commit()  # a rollback would forget what is prepared
    except psycopg.Error:
        return False
    return True
