"""Timers: APScheduler says when, and all it does is enqueue. Two daemons tick twice and enqueue once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from syncd import logs
from syncd.daemon.queue import Queue
from syncd.domain.errors import DatabaseError
from syncd.ports.clock import Clock
from syncd.settings import Settings

JITTER = 0.1
"""By which share of its period a timer may be early or late: connections do not all poll in the same second."""
SWEEP_S = 15
"""How often to look for deliveries that nobody announced, and for what is left to write."""
HOUSEKEEPING_S = 3600
_log = structlog.get_logger("syncd.timers")


class Timers:
    """The timers of one daemon, as its config says. Belongs to one event loop."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        self._queue = queue
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._spells = logs.Spells(clock)

    def start(self, settings: Settings) -> None:
        """Begin to tick."""
        self._scheduler.start()
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Tick for these connections from now on."""
        self._scheduler.remove_all_jobs()
        poll_s = settings.sync.poll.total_seconds()
        for name in settings.connections:
            self._every(poll_s, self._tick("pull", name))
            # What nobody announced; what could not be written last time.
            self._every(min(poll_s, SWEEP_S), self._tick("live", name))
        self._every(HOUSEKEEPING_S, self._tick("housekeeping"))

    def stop(self) -> None:
        """No more ticks."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def all_now(self, settings: Settings) -> None:
        """What there may be to do after a start or a change of config."""
        for name in settings.connections:
            for kind in ("pull", "live"):
                await self._tick(kind, name)()
        await self._tick("housekeeping")()

    def _every(self, seconds: float, tick: Callable[[], Awaitable[None]]) -> None:
        self._scheduler.add_job(tick, IntervalTrigger(seconds=max(1, round(seconds)), jitter=round(seconds * JITTER)))

    def _tick(self, kind: str, connection: str = "") -> Callable[[], Awaitable[None]]:
        async def tick() -> None:
            try:
                await self._queue.put(kind, connection)
            except DatabaseError as error:
                self._spells.begin("database", "timers.database_away", error=str(error))
            else:
                self._spells.end("database", "timers.database_back")

        return tick
