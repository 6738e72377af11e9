"""One life of syncd: its store, its adapters, its engine, and its death.

A crash is what `kill -9` is: from that moment nothing of this life reaches a vendor or is committed, whatever tasks
were under way. The next life starts from what the database holds and from nothing else.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from syncd.bootstrap import open_connection
from syncd.domain.lens import LensTable
from syncd.engine.connection import Connection
from syncd.engine.run import Engine, Report
from syncd.settings import Settings
from syncd.store.database import Database
from syncd.store.postgres import PostgresStore
from syncd.vendors.registry import Deps, make
from tests.simulation.loop import Clock

DYING_ROUNDS_MAX = 50


class Crash(BaseException):
    """The process is dead."""


class Life:
    """Whether a process lives. ``deadly`` says at each boundary whether the process dies there."""

    def __init__(self, deadly: Callable[[str], bool]) -> None:
        self._deadly = deadly
        self.dead = asyncio.Event()

    def check(self) -> None:
        """Nothing happens any more in a process that is dead. Raises Crash."""
        if self.dead.is_set():
            raise Crash

    def boundary(self, place: str) -> None:
        """A place where a crash matters. Raises Crash."""
        self.check()
        if self._deadly(place):
            self.dead.set()
            raise Crash


class Store:
    """The real store, one statement or transaction at a time, as long as the process lives."""

    def __init__(self, inner: PostgresStore, life: Life) -> None:
        self._inner = inner
        self._life = life
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Any]:
        """A transaction that a crash rolls back, right before its commit too."""
        async with self._turn:
            self._life.check()
            async with self._inner.transaction() as tx:
                yield tx
                self._life.boundary("before commit")
        self._life.boundary("after commit")

    @asynccontextmanager
    async def reads(self) -> AsyncGenerator[Any]:
        """A look."""
        async with self._turn:
            self._life.check()
            async with self._inner.reads() as tx:
                yield tx

    @asynccontextmanager
    async def exclusively(self, connection: str, *, wait_s: float = 0) -> AsyncGenerator[bool]:
        """The lock of a connection; the database lets go of it when the process dies."""
        self._life.check()
        async with self._inner.exclusively(connection, wait_s=wait_s) as ours:
            yield ours

    async def snapshots(self, **options: Any) -> AsyncIterator[Any]:
        """Batches, each read in its turn."""
        async for batch in self._in_turn(self._inner.snapshots(**options)):
            yield batch

    async def live_ids(self, connection: str, kind: str) -> AsyncIterator[Sequence[str]]:
        """Batches, each read in its turn."""
        async for batch in self._in_turn(self._inner.live_ids(connection, kind)):
            yield batch

    async def _in_turn(self, batches: AsyncIterator[Any]) -> AsyncIterator[Any]:
        while True:
            async with self._turn:
                self._life.check()
                batch = await anext(batches, None)
            if batch is None:
                return
            yield batch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **options: Any) -> Any:
            async with self._turn:
                self._life.check()
                answer = await found(*args, **options)
            self._life.check()
            return answer

        return call


class Process:
    """A running syncd on virtual time."""

    def __init__(self, life: Life, inner: PostgresStore, store: Store, connections: Sequence[Connection], clock: Clock):
        self.life = life
        self._inner = inner
        self.connections = connections
        self.engine = Engine(store, clock, connections)

    @classmethod
    async def start(
        cls,
        settings: Settings,
        database: Database,
        clock: Clock,
        transports: Mapping[str, httpx.AsyncBaseTransport],
        life: Life,
        rng: random.Random,
    ) -> Process:
        """A new process on an existing database."""
        inner = PostgresStore(database, clock=clock)
        store = Store(inner, life)
        connections = []
        tables: dict[str, LensTable] = {}
        for config in settings.connections.values():
            connection = await open_connection(settings, config, store, clock, tables=tables)  # type: ignore[arg-type]
            state = await inner.connection(config.name, config.vendor)
            seeded = Deps(clock, transports[config.name], state.memory, rng)
            connection.adapter = make(config, seeded)
            tables[config.name] = connection.adapter.lenses
            connections.append(connection)
        return cls(life, inner, store, connections, clock)

    async def sync(self, *, full: bool = False) -> Report | None:
        """One `syncd sync --until-quiet`; None if the process died in it."""
        before = asyncio.all_tasks()
        work = asyncio.create_task(self.engine.sync(until_quiet=True, full=full))
        death = asyncio.create_task(self.life.dead.wait())
        await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
        if self.life.dead.is_set():
            await self._bury(before)
            return None
        death.cancel()
        return await work

    async def stop(self) -> None:
        """End in an orderly way."""
        for connection in self.connections:
            await connection.adapter.aclose()
        await self._inner.aclose()

    async def _bury(self, before: set[asyncio.Task[Any]]) -> None:
        """End every task of the dead process; none of them can do anything any more."""
        for _ in range(DYING_ROUNDS_MAX):
            left = [task for task in asyncio.all_tasks() - before if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._inner.aclose()
        _forget_sessions(self._inner.database)


def _forget_sessions(database: Database) -> None:
    """Wait until the server has noticed that the process is gone, and has let go of its locks."""
    with database.connect(autocommit=True) as admin:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while True:
            found = admin.execute(f"SELECT count(pg_terminate_backend(pid)) {others}").fetchone()
            if not found or not found[0]:
                return
            time.sleep(0.001)
