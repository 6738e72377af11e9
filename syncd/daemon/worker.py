"""The worker: takes slices from the queue, has the engine do them, and enqueues what follows from each.

pull, inbox ──► the graph moved ──► push everywhere
push        ──► something was written ──► pull there soon, to see what the vendor made of it
any         ──► cut off, or somebody else held the connection ──► the same again
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from syncd import logs
from syncd.daemon.generation import Generation
from syncd.daemon.queue import Queue
from syncd.domain.errors import DatabaseError
from syncd.engine.slices import Done, Slices
from syncd.ports.clock import Clock

SLICE_S = 20.0
"""How long a slice may take before it makes room for a more urgent one."""
INBOX_S = 1.0
"""How long one slice takes hints: what it read is carried on only when it ends."""
ECHO_S = 3.0
"""How soon after a write to look at what the vendor made of it."""
BUSY_S = 2.0
"""How soon to try again where another process holds the connection."""
NEWS = frozenset({"changed", "readings", "pushed", "failed"})
"""Counts that are worth a line in the log."""
_log = structlog.get_logger("syncd.worker")


class Listener(Protocol):
    """Who wants to know what becomes of slices: metrics, the watchdog."""

    def job(self, job: str, connection: str, outcome: str, seconds: float) -> None:
        """A slice ended: ok, busy, left alone (error), or cut short (stopped, database, defect)."""
        ...


@dataclass(slots=True)
class Worker:
    """Does slices, one after another or several at once, until it is told to stop.

    generation    the config in force
    housekeeping  what there is to do for the business as a whole
    progress      called whenever something was done
    """

    queue: Queue
    generation: Generation
    clock: Clock
    listener: Listener
    housekeeping: Callable[[], Awaitable[None]]
    progress: Callable[[], None]
    spells: logs.Spells
    stopping: bool = False

    async def slice(self, kind: str, connection: str) -> None:
        """One slice and what follows from it. Raises nothing but asyncio.CancelledError."""
        began = self.clock.monotonic()
        with logs.about(job=kind, connection=connection):
            outcome = await self._outcome(kind, connection)
        self.listener.job(kind, connection, outcome, self.clock.monotonic() - began)
        self.progress()

    async def _outcome(self, kind: str, connection: str) -> str:
        try:
            with self.generation.at_work() as slices:
                done = await self._do(slices, kind, connection)
            await self._follow(kind, connection, done)
        except asyncio.CancelledError:
            await asyncio.shield(self._again(kind, connection))
            raise
        except DatabaseError as error:
            _log.warning("slice.database", error=str(error))
            return "database"
        except Exception as error:  # noqa: BLE001 -- a defect ends this slice and nothing else; the timer brings the next
            _log.error("slice.defect", error=type(error).__name__, at=logs.place_of(error.__traceback__))
            return "defect"
        self._tell(connection, done)
        return "busy" if done.busy else "error" if done.error else "ok"

    def _tell(self, connection: str, done: Done) -> None:
        """What was done, if anything was; that a connection is left alone when that begins, and when it ends."""
        if done.error:
            self.spells.begin(connection, "connection.left_alone", error=done.error)
        elif not done.busy:
            self.spells.end(connection, "connection.back")
        news = any(number for what, number in done.counts.items() if what in NEWS)
        (_log.info if news else _log.debug)("slice.done", **done.counts)

    async def _do(self, slices: Slices, kind: str, connection: str) -> Done:
        ends = self.clock.monotonic() + SLICE_S

        def enough() -> bool:
            self.progress()
            return self.stopping or self.clock.monotonic() >= ends

        if kind == "inbox":
            return await slices.inbox(connection, INBOX_S)
        if kind == "push":
            return await slices.push(connection, enough)
        if kind == "pull":
            return await slices.pull(connection, enough)
        await self.housekeeping()
        return Done()

    async def _follow(self, kind: str, connection: str, done: Done) -> None:
        if done.busy:
            await self.queue.put(kind, connection, after_s=BUSY_S)
        elif done.more:
            await self.queue.put(kind, connection)
        if done.wrote:
            await self.queue.put("pull", connection, after_s=ECHO_S)
        if done.moved:
            for name in self.generation.slices.names:
                await self.queue.put("push", name)

    async def _again(self, kind: str, connection: str) -> None:
        """Hand a slice back that could not be ended in time."""
        try:
            await self.queue.put(kind, connection)
        except DatabaseError as error:
            _log.warning("slice.not_handed_back", error=str(error))
