"""The worker: takes slices from the queue, has the engine do them, and enqueues what follows from each.

pull, live ──► a lead changed ──► every connection's live slice hears of it, or is called
live       ──► something was written ──► pull there soon, to see what the vendor made of it
any        ──► cut off, or somebody else held the connection ──► the same again
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
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
LIVE_S = 40.0
"""How long a live slice may go on while no other one waits for its connection: it begins with a plan of everything.

Commands, which nobody hears waiting, stand in line for a minute.
"""
PATIENCE_S = 1.5
"""How long a live slice waits for further news."""
SHARE_S = 5.0
"""How long a live slice that is busy may go on while another slice waits for its connection."""
LOOK_S = 0.5
"""How often to look whether another slice waits for the connection."""
ECHO_S = 3.0
"""How soon after a write to look at what the vendor made of it."""
BUSY_S = 2.0
"""How soon to try again where another process holds the connection."""
WORTH_TELLING = frozenset({"changed", "readings", "pushed", "failed"})
"""Counts that are worth a line in the log."""
_log = structlog.get_logger("syncd.worker")


class Listener(Protocol):
    """Who wants to know what becomes of slices: metrics, the watchdog."""

    def job(self, job: str, connection: str, outcome: str, seconds: float) -> None:
        """A slice ended: ok, busy, left alone (error), or cut short (stopped, database, defect)."""
        ...


@dataclass(slots=True)
class Room:
    """Whether a slice should make room for another one, and how long it may take."""

    wanted: bool = False
    planned_s: float = 0.0

    def planned(self, seconds: float) -> None:
        """A plan of everything took so long; to write some of it there is as much time at least."""
        self.planned_s += seconds

    def lasts_s(self, kind: str) -> float:
        """From its beginning."""
        if kind == "live":
            return 2 * self.planned_s + (SHARE_S if self.wanted else LIVE_S)
        return 0.0 if self.wanted else SLICE_S


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
        elif done.heard:
            self.spells.end(connection, "connection.back")
        news = any(number for what, number in done.counts.items() if what in WORTH_TELLING)
        (_log.info if news else _log.debug)("slice.done", **done.counts)

    async def _do(self, slices: Slices, kind: str, connection: str) -> Done:
        if kind == "housekeeping":
            await self.housekeeping()
            return Done()
        began, room = self.clock.monotonic(), Room()

        def enough() -> bool:
            self.progress()
            ended = self.stopping or slices is not self.generation.slices
            return ended or self.clock.monotonic() - began >= room.lasts_s(kind)

        def patience_s() -> float:
            return 0.0 if room.wanted or enough() else PATIENCE_S

        watching = asyncio.create_task(self._watch(room, slices, kind, connection))
        try:
            if kind == "live":
                return await slices.live(connection, enough, patience_s, room.planned)
            return await slices.pull(connection, enough)
        finally:
            watching.cancel()

    async def _watch(self, room: Room, slices: Slices, kind: str, connection: str) -> None:
        """See whether another slice waits for the connection: for a pull only a live one counts."""
        kinds = ("live", "pull") if kind == "live" else ("live",)
        while not room.wanted:
            await self.clock.sleep(LOOK_S)
            with suppress(DatabaseError):
                room.wanted = await self.queue.wanted(kinds, connection)
        slices.stir(connection)

    async def _follow(self, kind: str, connection: str, done: Done) -> None:
        if done.busy:
            await self.queue.put(kind, connection, after_s=BUSY_S)
        elif done.more:
            await self.queue.put(kind, connection, last=True)
        if done.wrote:
            await self.queue.put("pull", connection, after_s=ECHO_S)
        if done.undone:
            await self.queue.put("live", connection)

    def stop(self) -> None:
        """Slices in hand end as soon as they can."""
        self.stopping = True
        self.generation.slices.stir()

    async def _again(self, kind: str, connection: str) -> None:
        """Hand a slice back that could not be ended in time."""
        try:
            await self.queue.put(kind, connection)
        except DatabaseError as error:
            _log.warning("slice.not_handed_back", error=str(error))
