"""Clocks for tests: time that passes only when somebody sleeps."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ROUNDS_MAX = 40
"""How often others are let run before time goes on although somebody always could."""


class SkippingClock:
    """Real time, except that sleeping skips ahead instead of waiting. For tests over real sockets."""

    def __init__(self) -> None:
        self.skipped_s = 0.0

    def now(self) -> datetime:
        """The machine's time and what was skipped."""
        return datetime.now(UTC) + timedelta(seconds=self.skipped_s)

    def monotonic(self) -> float:
        """Seconds, with what was skipped."""
        return time.monotonic() + self.skipped_s

    async def sleep(self, seconds: float) -> None:
        """Skip; yields once."""
        self.skipped_s += max(0.0, seconds)
        await asyncio.sleep(0)


class VirtualClock:
    """Time stands still while anybody works, and jumps to the next sleeper's moment when all wait.

    Only for what runs in one event loop without sockets.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._driver: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        """The start and what has elapsed."""
        return self._start + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual time; zero or less yields once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.elapsed_s + seconds, next(self._order), waiter))
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive())
        await waiter

    async def _drive(self) -> None:
        waiting = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        while self._sleepers:
            for _ in range(ROUNDS_MAX):  # let everybody who can run, run
                await asyncio.sleep(0)
                if not waiting:
                    break
            if not self._sleepers:
                return
            moment, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                self.elapsed_s = max(self.elapsed_s, moment)
                waiter.set_result(None)
