"""Calls: connections that have news nobody attends to. A live slice of each is enqueued, at once but not twice at once.

a delivery, a lead that changed ──► does a live slice here attend? ──no──► call ──► the queue ──► anybody's worker
"""

from __future__ import annotations

import asyncio

import structlog

from syncd.daemon.queue import Queue
from syncd.domain.errors import DatabaseError
from syncd.ports.clock import Clock

TOGETHER_S = 0.05
"""Calls of this time are one: a slice that another process has under way is asked for again and again meanwhile."""
_log = structlog.get_logger("syncd.worker")


class Calls:
    """The calls of one process. Belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Calls are kept until `run`."""
        self._clock = clock
        self._names: set[str] = set()
        self._called = asyncio.Event()

    def call(self, connection: str) -> None:
        """A live slice should come to this connection."""
        self._names.add(connection)
        self._called.set()

    async def run(self, queue: Queue) -> None:
        """Enqueue what is called for, until cancelled."""
        while True:
            await self._called.wait()
            self._called.clear()
            names, self._names = self._names, set()
            try:
                for name in sorted(names):
                    await queue.put("live", name)
            except DatabaseError as error:  # the timer finds it later
                _log.debug("calls.database_away", error=str(error))
            await self._clock.sleep(TOGETHER_S)
