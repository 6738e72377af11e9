"""Sessions come back as they went, whatever cut their user off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import psycopg
import pytest
from psycopg import IsolationLevel

from syncd.domain.errors import DatabaseError
from syncd.ports.rows import Batch
from syncd.store import pool
from syncd.store.database import Database
from syncd.store.pool import Pool
from syncd.store.postgres import PostgresStore
from tests.store.shapes import lead

WORK_S = 0.006
"""psycopg lets others run only some milliseconds after it last did: work between two statements takes as long."""
STEPS = 14


async def cut_off(work: Callable[[], Awaitable[object]], steps: int) -> None:
    """Begin some work, and cancel it after so many steps of the loop."""
    task = asyncio.ensure_future(work())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def sessions(database: Database) -> AsyncIterator[Pool]:
    """The sessions of a store."""
    opened = Pool(database, brisk=True)
    yield opened
    await opened.aclose()


async def levels(sessions: Pool, *, snapshot: bool = False) -> tuple[object, ...]:
    """How a transaction reads, and whether it may write."""
    query = b"SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"
    async with sessions.session(snapshot=snapshot) as raw:
        return await (await raw.execute(query)).fetchone() or ()


async def test_what_is_executed_after_a_cancellation_is_executed(store: PostgresStore, database: Database):
    """A task that is cancelled in the middle of a read of several statements leaves no session on which the next
    statement would wait for ever to be sent.
    """
    async with store.transaction() as tx:
        await tx.save(Batch(new_leads=[lead(1, first_name="A")]))

    async def reads() -> None:
        async with store.transaction() as tx:
            time.sleep(WORK_S)  # noqa: ASYNC251 -- work, not waiting
            await tx.leads([1])

    for steps in range(1, STEPS):
        await cut_off(reads, steps)
        await store.execute("UPDATE lead SET first_name = %s WHERE id = 1", str(steps))
        with database.connect() as connection:
            assert connection.execute("SELECT first_name FROM lead WHERE id = 1").fetchone() == (str(steps),)


async def test_no_cancellation_leaves_half_a_setting(sessions: Pool):
    """Between a snapshot and a transaction two settings change; cut off between them, the next user has his own."""

    async def turns() -> None:
        for snapshot in (True, False, True):
            time.sleep(WORK_S)  # noqa: ASYNC251 -- work, not waiting
            async with sessions.session(snapshot=snapshot) as raw:
                await raw.execute(b"SELECT 1")

    for steps in range(1, 3 * STEPS):
        await cut_off(turns, steps)
        assert await levels(sessions, snapshot=True) == ("repeatable read", "on")
        assert await levels(sessions) == ("read committed", "off")


async def test_a_look_forgets_nothing_that_is_prepared(sessions: Pool, monkeypatch: pytest.MonkeyPatch):
    """A session that was idle is tried before it is used, and has its statements prepared all the same."""
    monkeypatch.setattr(pool, "IDLE_S", -1.0)
    for _ in range(pool.PREPARE_AFTER + 2):
        async with sessions.session() as raw:
            await raw.execute("SELECT %s::int8", [1])
    async with sessions.session() as raw:
        prepared = await (await raw.execute(b"SELECT count(*) FROM pg_prepared_statements")).fetchone()
    assert prepared is not None
    assert prepared[0] >= 1


async def test_an_error_that_is_passed_over_is_told_at_the_end(store: PostgresStore):
    """PostgreSQL would roll such a transaction back without a word."""

    async def careless() -> None:
        async with store.transaction() as tx:
            with suppress(psycopg.Error):
                await tx.raw.execute(b"SELECT 1 / 0")

    with pytest.raises(DatabaseError, match="InFailedSqlTransaction"):
        await careless()


async def test_places_and_sessions_come_back(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Many at once, some of them cut off: every place is given back, and no more sessions are kept than should be."""
    monkeypatch.setattr(pool, "MOST", 3)
    sessions = Pool(database, brisk=True)

    async def one() -> IsolationLevel | None:
        async with sessions.session() as raw:
            await raw.execute(b"SELECT pg_sleep(0.001)")
            return raw.isolation_level

    for steps in range(1, STEPS):
        await cut_off(one, steps)
    found = await asyncio.gather(*(one() for _ in range(pool.KEPT * 4)))
    assert set(found) == {IsolationLevel.READ_COMMITTED}
    assert len(sessions._free) <= 3
    await sessions.aclose()


async def test_nobody_waits_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Where all sessions are in use, whoever waits too long hears of it."""
    monkeypatch.setattr(pool, "MOST", 1)
    monkeypatch.setattr(pool, "TIMEOUT_S", 0.01)
    sessions = Pool(database, brisk=True)
    async with sessions.session():
        with pytest.raises(DatabaseError, match="in use"):
            async with sessions.session():
                pass
    await sessions.aclose()
