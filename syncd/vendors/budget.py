"""Never more calls than the vendor's windows allow, by this process or by all of them in sum.

A `Budget` is one connection's: it keeps one window in all or one per endpoint, and bounds how many calls are in flight.
How a window counts is in window.py, for a process that is alone, and in shared.py, for several on one database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from syncd.ports.clock import Clock
from syncd.ports.quota import Quota
from syncd.ports.urgency import urgency
from syncd.vendors.shared import SharedWindow
from syncd.vendors.window import Limits, OwnWindow, Rate, RateLike, ReadLimits, Slot, Window, Wish

__all__ = ["Budget", "Limits", "Rate", "RateLike", "ReadLimits", "Slot"]

IN_FLIGHT_MAX = 8
WAIT_MAX_S = 180.0
"""Longer than this a call does not wait: the job ends and says when to come back."""


class Budget:
    """The allowance of one connection: one window in all, or one per endpoint (method and path template)."""

    def __init__(
        self,
        clock: Clock,
        seed: RateLike,
        key: Literal["endpoint", "connection"],
        read_limits: ReadLimits,
        *,
        in_flight_max: int = IN_FLIGHT_MAX,
        wait_max_s: float = WAIT_MAX_S,
        quota: Quota | None = None,
        connection: str = "",
    ) -> None:
        """``seed`` holds until headers tell; ``read_limits`` is the vendor's reading of its headers.

        quota  the windows that all processes share, under the name of the ``connection``; None: we are alone
        """
        self._places = asyncio.Semaphore(in_flight_max)
        self._clock, self._seed, self._key = clock, seed, key
        self.read_limits, self.quota, self.connection = read_limits, quota, connection
        self._wait_max_s = wait_max_s
        self._windows: dict[str, Window] = {}

    @property
    def per_s(self) -> float:
        """Length of the seed's window: the pause after a 429 that names none."""
        return float(self._seed.per_s)

    @asynccontextmanager
    async def slot(self, method: str, path: str) -> AsyncIterator[Slot]:
        """A place for one call; waits for it. Raises RateLimitedError if that would take too long.

        Raises OpenCircuitError if another process found that the vendor does not answer.
        """
        window = self._window(f"{method} {path}" if self._key == "endpoint" else "")
        slot = await self._enter(window, Wish(f"{method} {path}", urgency().spare))
        try:
            yield slot
        except asyncio.CancelledError:
            self._leave(slot)
            raise
        except BaseException:
            self._leave(slot)
            await window.share()
            raise
        self._leave(slot)
        await window.share()

    async def aclose(self) -> None:
        """Give back what was taken and not used."""
        for window in self._windows.values():
            await window.aclose()

    def _leave(self, slot: Slot) -> None:
        slot.over()
        self._places.release()

    async def _enter(self, window: Window, wish: Wish) -> Slot:
        """Wait for room in the window, then for a place, then look for room again.

        In that order, so that an endpoint whose window is used up does not hold up the others.
        """
        while True:
            await window.wait(wish)
            await self._places.acquire()
            try:
                slot = await window.take(wish)
            except BaseException:
                self._places.release()
                raise
            if slot is not None:
                return slot
            self._places.release()

    def _window(self, key: str) -> Window:
        window = self._windows.get(key)
        if window is None:
            # A limit learned at one endpoint is a better guess for the next than the seed.
            limit = max(1, next((w.limit for w in self._windows.values()), self._seed.limit))
            window = self._windows[key] = self._made(key, limit)
        return window

    def _made(self, key: str, limit: int) -> Window:
        if self.quota is None:
            return OwnWindow(self._clock, limit, self.per_s, self._wait_max_s)
        seed = Rate(limit, self.per_s)
        return SharedWindow(self.quota, self.connection, key, self._clock, seed, self._wait_max_s)
