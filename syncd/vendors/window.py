"""One window of calls, counted in this process alone.

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
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from syncd.domain.errors import RateLimitedError
from syncd.domain.quota import MARGIN_S, RateLike, spared
from syncd.ports.clock import Clock, sleep_or_change


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


class Wish(NamedTuple):
    """What is asked of a window.

    call   method and path template, for messages
    spare  the share of the window that is left to more urgent calls
    """

    call: str
    spare: float = 0.0


class Slot(Protocol):
    """One call's place in a window, from before it is sent until its answer is understood."""

    def told(self, limits: Limits | None) -> None:
        """Correct the window by what the answer's headers say; None: they say nothing."""
        ...

    def refused(self, wait_s: float) -> None:
        """A 429: nobody calls here for ``wait_s`` seconds."""
        ...

    def over(self) -> None:
        """The call is over, answered or not."""
        ...


class Window(Protocol):
    """What a budget asks of a window."""

    @property
    def limit(self) -> int:
        """Calls per window, as far as known."""
        ...

    async def wait(self, wish: Wish) -> None:
        """Until there seems to be room.

        Raises RateLimitedError if that would take too long, OpenCircuitError if another process holds everybody back.
        """
        ...

    async def take(self, wish: Wish) -> Slot | None:
        """Room for one call, if there is any."""
        ...

    async def share(self) -> None:
        """Pass on what cannot wait until others come by."""
        ...

    async def aclose(self) -> None:
        """Give back what was taken and not used."""
        ...


class OwnWindow:
    """A window that nobody else counts in, as far as we know."""

    def __init__(self, clock: Clock, limit: int, per_s: float, wait_max_s: float) -> None:
        """Nothing is sent yet."""
        self.clock, self.limit, self.per_s, self._wait_max_s = clock, limit, per_s, wait_max_s
        self.left = 0
        self.ends_at = float("-inf")
        self.corrected = False  # whether the vendor has told this window's end
        self.paused_until = float("-inf")  # after a 429, whatever later answers claim
        self.sent = 0
        self.answered = 0
        self.changed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Calls that are not answered yet."""
        return self.sent - self.answered

    async def take(self, wish: Wish) -> OwnSlot | None:
        """Room for one call, if there is any."""
        self._roll(self.clock.monotonic())
        return OwnSlot(self) if self._room(wish.spare) else None

    async def wait(self, wish: Wish) -> None:
        """Until there is room."""
        while True:
            now = self.clock.monotonic()
            self._roll(now)
            if self._room(wish.spare):
                return
            paused = now < self.paused_until
            wait_s = self.ends_at - now + MARGIN_S
            if wait_s > self._wait_max_s:
                raise used_up(wish.call, wait_s)
            if paused or not self.in_flight:
                await self.clock.sleep(wait_s)
            else:
                # Until the window ends, or until an answer in flight shows that there is room after all.
                await sleep_or_change(self.clock, wait_s, self.changed)

    async def share(self) -> None:
        """There is nobody to share with."""

    async def aclose(self) -> None:
        """There is nobody to give anything back to."""

    def _room(self, spare: float) -> bool:
        return self.left > spared(self.limit, spare)

    def _roll(self, now: float) -> None:
        """Open the next window if this one is over. Calls in flight may be counted in the new one."""
        if now >= self.ends_at:
            self.left = max(0, self.limit - self.in_flight)
            self.ends_at, self.corrected = now + self.per_s, False


class OwnSlot:
    """See `Slot`."""

    def __init__(self, window: OwnWindow) -> None:
        """Made by `OwnWindow.take`."""
        self._window = window
        self._answered_before = window.answered
        window.left -= 1
        window.sent += 1

    def told(self, limits: Limits | None) -> None:
        """Correct the window by what the answer's headers say; None: they say nothing."""
        window, now = self._window, self._window.clock.monotonic()
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
        window, now = self._window, self._window.clock.monotonic()
        window.left, window.corrected = 0, True
        window.ends_at = window.paused_until = max(window.paused_until, now + max(0.0, wait_s))

    def over(self) -> None:
        """The call is over, answered or not."""
        self._window.answered += 1
        self._window.changed.set()

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


def used_up(call: str, wait_s: float) -> RateLimitedError:
    """The error of a call that would have to wait for too long."""
    return RateLimitedError(f"{call}: the vendor's limit is used up for {wait_s:.0f} s", retry_after_s=wait_s)


__all__ = ["Limits", "OwnSlot", "OwnWindow", "Rate", "RateLike", "ReadLimits", "Slot", "Window", "Wish"]
