"""Never more calls than the vendor's window allows.

A vendor counts in fixed windows of its own. We count along: a window opens with our first call and holds
``limit`` calls; every answer's headers correct the count, the limit and the end. Several calls are in
flight at a time and their answers arrive in any order, so an answer that says "r remain" is a statement
about some moment between its sending and now. With u = calls of ours that the vendor may have counted
after that moment, what is left now lies between r - u and r. Our own count is kept while it lies in
there, and replaced by the safe end, r - u, when it does not (somebody else uses the account too, or the
limit is not what we thought).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from syncd.domain.errors import RateLimitedError
from syncd.ports.clock import Clock

MARGIN_S = 0.02
"""Waited beyond a window's end, so that a rounding of the vendor's does not cost a 429."""
IN_FLIGHT_MAX = 8
WAIT_MAX_S = 180.0
"""Longer than this a call does not wait: the job ends and says when to come back."""


class RateLike(Protocol):
    """``limit`` calls per ``per_s`` seconds (the settings' Rate is one)."""

    @property
    def limit(self) -> int:
        """Calls per window."""
        ...

    @property
    def per_s(self) -> float:
        """Length of the window in seconds."""
        ...


class Rate(NamedTuple):
    """``limit`` calls per ``per_s`` seconds."""

    limit: int
    per_s: float


class Limits(NamedTuple):
    """What an answer's headers say; None where they say nothing.

    reset_in_s  seconds from now until the window ends; where the header has whole seconds, rounded up
    per_s       length of the window, if the headers tell it
    """

    limit: int | None = None
    remaining: int | None = None
    reset_in_s: float | None = None
    per_s: float | None = None


ReadLimits = Callable[[Mapping[str, str], int], "Limits | None"]
"""(answer headers with lower-case names, status) → what they say."""


@dataclass(slots=True)
class _Window:
    limit: int
    per_s: float
    left: int = 0
    ends_at: float = float("-inf")
    corrected: bool = False  # whether the vendor has told this window's end
    paused_until: float = float("-inf")  # after a 429, whatever later answers claim
    sent: int = 0
    answered: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def in_flight(self) -> int:
        return self.sent - self.answered

    def roll(self, now: float) -> None:
        """Open the next window if this one is over. Calls in flight may be counted in the new one."""
        if now >= self.ends_at:
            self.left = max(0, self.limit - self.in_flight)
            self.ends_at, self.corrected = now + self.per_s, False


class Slot:
    """One call's place in a window, from before it is sent until its answer is understood."""

    def __init__(self, window: _Window, clock: Clock) -> None:
        """Made by `Budget.slot`."""
        self._window, self._clock = window, clock
        self._answered_before = window.answered
        window.left -= 1
        window.sent += 1

    def told(self, limits: Limits | None) -> None:
        """Correct the window by what the answer's headers say; None: they say nothing."""
        window, now = self._window, self._clock.monotonic()
        if limits is None:
            if not window.corrected and now >= window.paused_until:
                # Without headers the vendor's window began when it got the first call, before this answer.
                window.ends_at, window.corrected = max(window.ends_at, now + window.per_s), True
            return
        if limits.per_s:
            window.per_s = limits.per_s
        if limits.limit is not None and limits.limit > 0:
            window.limit = limits.limit
        if now < window.paused_until:
            return
        if not self._same_window(limits, now) or limits.remaining is None:
            return
        uncounted = window.sent - 1 - self._answered_before
        safe = max(0, limits.remaining - uncounted)
        if not safe <= window.left <= limits.remaining:
            window.left = safe

    def refused(self, wait_s: float) -> None:
        """A 429: nobody calls here for ``wait_s`` seconds."""
        window, now = self._window, self._clock.monotonic()
        window.left, window.corrected = 0, True
        window.ends_at = window.paused_until = max(window.paused_until, now + max(0.0, wait_s))

    def _same_window(self, limits: Limits, now: float) -> bool:
        """Adopt the end the answer tells. False: it speaks of a window that is over."""
        window = self._window
        if limits.reset_in_s is None:
            return True
        end = now + max(0.0, limits.reset_in_s)
        if not window.corrected:
            window.ends_at, window.corrected = end, True
            return True
        half = window.per_s / 2
        if end < window.ends_at - half:
            return False
        if end > window.ends_at + half:
            # The vendor's next window began while we still counted in the old one.
            window.ends_at = end
            window.left = max(0, window.limit - window.in_flight)
        else:
            window.ends_at = min(window.ends_at, end)
        return True


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
    ) -> None:
        """``seed`` holds until headers tell; ``read_limits`` is the vendor's reading of its headers."""
        self._places = asyncio.Semaphore(in_flight_max)
        self._clock, self._seed, self._key = clock, seed, key
        self.read_limits = read_limits
        self._wait_max_s = wait_max_s
        self._windows: dict[str, _Window] = {}

    @property
    def per_s(self) -> float:
        """Length of the seed's window: the pause after a 429 that names none."""
        return float(self._seed.per_s)

    @asynccontextmanager
    async def slot(self, method: str, path: str) -> AsyncIterator[Slot]:
        """A place for one call; waits for it. Raises RateLimitedError if that would take too long."""
        window = self._window(f"{method} {path}" if self._key == "endpoint" else "")
        await self._enter(window, f"{method} {path}")
        slot = Slot(window, self._clock)
        try:
            yield slot
        finally:
            window.answered += 1
            window.changed.set()
            self._places.release()

    async def _enter(self, window: _Window, call: str) -> None:
        """Wait for room in the window, then for a place, then look for room again.

        In that order, so that an endpoint whose window is used up does not hold up the others.
        """
        while True:
            await self._wait(window, call)
            await self._places.acquire()
            window.roll(self._clock.monotonic())
            if window.left > 0:
                return
            self._places.release()

    def _window(self, key: str) -> _Window:
        window = self._windows.get(key)
        if window is None:
            # A limit learned at one endpoint is a better guess for the next than the seed.
            limit = next((w.limit for w in self._windows.values()), self._seed.limit)
            window = self._windows[key] = _Window(max(1, limit), float(self._seed.per_s))
        return window

    async def _wait(self, window: _Window, call: str) -> None:
        while True:
            now = self._clock.monotonic()
            window.roll(now)
            if window.left > 0:
                return
            paused = now < window.paused_until
            wait_s = window.ends_at - now + MARGIN_S
            if wait_s > self._wait_max_s:
                message = f"{call}: the vendor's limit is used up for {wait_s:.0f} s"
                raise RateLimitedError(message, retry_after_s=wait_s)
            if paused or not window.in_flight:
                await self._clock.sleep(wait_s)
            else:
                await self._sleep_or_change(window, wait_s)

    async def _sleep_or_change(self, window: _Window, wait_s: float) -> None:
        """Until the window ends, or until an answer in flight shows that there is room after all."""
        window.changed.clear()
        waits = {asyncio.ensure_future(self._clock.sleep(wait_s)), asyncio.ensure_future(window.changed.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
