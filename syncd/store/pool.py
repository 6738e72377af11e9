"""Sessions with PostgreSQL: SQLAlchemy's pool of them, and the driver's own connection beneath it.

Pooled sessions do not wait for the disk (`Database.brisk_options`): an edit takes half a dozen commits on its way, and
a disk that is slow at times would hold up all of them.
"""

from __future__ import annotations

import select
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg.pq import TransactionStatus

from syncd.store.copy import Raw
from syncd.store.database import Database
from syncd.store.jsonb import adapt_connection

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

OVERFLOW = 10
TIMEOUT_S = 30
IDLE_S = 5.0
"""After so long without use a session is tried before it is used, even if the server has said nothing."""
PREPARE_AFTER = 3
"""Executions of a statement in one session before it is kept prepared."""


class Pool:
    """The sessions of one store."""

    def __init__(self, database: Database, size: int) -> None:
        """``size``: sessions kept; 0: none, each use makes its own and SQLAlchemy is never loaded (half a second)."""
        self._database = database
        self._engine = _engine(database, size) if size else None
        # An engine is costly to derive, so it is done once.
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT") if self._engine else None

    @asynccontextmanager
    async def session(self, *, single: bool) -> AsyncGenerator[Raw]:
        """A session in a transaction; ``single``: each statement is one by itself."""
        engine = self._single if single else self._engine
        if engine is None:
            session = await psycopg.AsyncConnection.connect(
                self._database.libpq_url, autocommit=single, **self._database.options
            )
            async with session:
                adapt_connection(session)
                yield cast("Raw", session)
            return
        async with engine.begin() as connection:
            raw = cast("Raw", (await connection.get_raw_connection()).driver_connection)
            try:
                yield raw
            except BaseException:
                if raw.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    await connection.invalidate()  # cut off in mid-command: no rollback can be sent on it
                raise

    async def aclose(self) -> None:
        """End all sessions."""
        if self._engine is not None:
            await self._engine.dispose()


def _engine(database: Database, size: int) -> AsyncEngine:
    from sqlalchemy import event
    from sqlalchemy.exc import DisconnectionError
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        database.sqlalchemy_url,
        connect_args=database.brisk_options | {"prepare_threshold": PREPARE_AFTER},
        pool_size=size,
        max_overflow=OVERFLOW,
        pool_timeout=TIMEOUT_S,
        # The same few again and again: they have the statements prepared.
        pool_use_lifo=True,
        hide_parameters=True,
        use_native_hstore=False,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def adapt(session: Any, _record: object) -> None:
        adapt_connection(session.driver_connection)

    # A server that was restarted meanwhile is noticed before a page is lost on it.
    @event.listens_for(engine.sync_engine, "checkout")
    def look(session: Any, record: Any, _proxy: object) -> None:
        now = time.monotonic()
        idle = now - record.info.get("used", now) > IDLE_S
        if (idle or _said_something(session.driver_connection)) and not _lives(session):
            raise DisconnectionError
        record.info["used"] = now

    return engine


def _said_something(raw: Raw) -> bool:
    """Whether the server sent what nobody asked for, its farewell for instance. Costs no turn to the server."""
    poll = select.poll()
    poll.register(raw.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def _lives(session: Any) -> bool:
    try:
        session.cursor().execute("")
        session.rollback()
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, another one is made
        return False
    return True
