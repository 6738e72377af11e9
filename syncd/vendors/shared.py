"""One window of calls that every process on the same database shares: this process's side of it.

The count is kept by a `Quota`, the decisions are in domain/quota.py. Here calls are taken from a small block; when it
is used up, or its time is, the process comes by for the next one. Blocks grow while they are used up quickly, and are
never more than a thirty-second of the window, so what an idle or dead process holds is little.

What answers tell is passed on with the next visit. Three things do not wait for it: the end of a window that nobody
knew yet, another limit, and a 429.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex

from syncd.domain.errors import DatabaseError
from syncd.domain.quota import LEASE, MARGIN_S, NEVER, RateLike, Visit, spared
from syncd.ports.clock import Clock, sleep_or_change
from syncd.ports.quota import Quota, View
from syncd.vendors.breaker import OpenCircuitError
from syncd.vendors.sight import Sight
from syncd.vendors.window import Limits, Wish, used_up

BLOCK_PART = 32
BLOCK_MAX = 64
LOOK_AGAIN = 1 / 10
"""How often, in parts of a window, a process that waits looks whether others gave something back."""
LOOK_AGAIN_S_MIN, LOOK_AGAIN_S_MAX = 0.002, 2.0


class SharedWindow:
    """See `window.Window`. Times are on this process's own clock."""

    def __init__(
        self, quota: Quota, connection: str, group: str, clock: Clock, seed: RateLike, wait_max_s: float
    ) -> None:
        """Nobody is asked yet."""
        self._quota, self._connection, self._group = quota, connection, group
        self._holder, self._seed, self._wait_max_s = token_hex(8), seed, wait_max_s
        self.clock, self.limit, self.per_s = clock, seed.limit, float(seed.per_s)
        # As of the last visit.
        self.number = 0
        self.ends_at = NEVER
        self.told = False
        self.paused_until = NEVER
        self._held_until = NEVER
        self._left = self._given = self._answered = 0
        # Ours.
        self.block = 0
        self._spare = 0.0
        self._leased_until = NEVER
        self._look_at = NEVER
        self._ask = 1
        self._wanting = self._flying = self._done = self._late = 0
        self._sight: Sight | None = None
        self._news = False
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    async def wait(self, wish: Wish) -> None:
        """Until there seems to be room."""
        self._wanting += 1
        try:
            while not await self._room(wish):
                now = self.clock.monotonic()
                over = max(self.ends_at, self.paused_until) + MARGIN_S
                if over - now > self._wait_max_s:
                    raise used_up(wish.call, over - now)
                if now < self.paused_until:
                    await self.clock.sleep(over - now)
                else:
                    # Never nothing: a rounding short of the moment would come back at once, again and again.
                    wait_s = max(LOOK_AGAIN_S_MIN, min(over, self._look_at) - now)
                    await sleep_or_change(self.clock, wait_s, self._changed)
        finally:
            self._wanting -= 1

    async def take(self, wish: Wish) -> SharedSlot | None:
        """Room for one call, if there is any."""
        async with self._turn:
            if not await self._looked(wish):
                return None
            self.block -= 1
            self._flying += 1
            return SharedSlot(self, self.number, self._answered + self._done)

    async def share(self) -> None:
        """Pass on what cannot wait until we come by. The database being away is noticed by the next call."""
        if not self._news:
            return
        async with self._turn:
            if self._news:
                with suppress(DatabaseError):
                    await self._visit(0.0, want=0, kept=self.block)
        self._changed.set()

    async def aclose(self) -> None:
        """Give back what was taken and not used."""
        async with self._turn:
            if self.number:
                with suppress(DatabaseError):
                    await self._visit(0.0, want=0, kept=0)

    async def _room(self, wish: Wish) -> bool:
        async with self._turn:
            return await self._looked(wish)

    async def _looked(self, wish: Wish) -> bool:
        """Whether there is room, after a visit if one may help. Raises OpenCircuitError."""
        if self._held() or (not self._usable(wish.spare) and self._may_help(wish.spare)):
            # A block of a window that is over is void: who asked for nothing beside it would have nothing in the next.
            kept = self.block if self._spare >= wish.spare and self.clock.monotonic() < self.ends_at else 0
            most = max(1, min(BLOCK_MAX, self.limit // BLOCK_PART))
            await self._visit(wish.spare, want=0 if kept else min(most, max(self._ask, self._wanting)), kept=kept)
        held_s = self._held_until - self.clock.monotonic()
        if held_s > 0:
            raise OpenCircuitError(wish.call, held_s)
        return self._usable(wish.spare)

    def _held(self) -> bool:
        """Whether the circuit was open when we last looked, and that is a while ago."""
        return self._look_at <= self.clock.monotonic() < self._held_until

    def _usable(self, spare: float) -> bool:
        """Whether the block is good for a call now. A block that urgent calls took is not for others."""
        until = min(self.ends_at, self._leased_until)
        return self.block > 0 and self._spare >= spare and self.paused_until <= self.clock.monotonic() < until

    def _may_help(self, spare: float) -> bool:
        """Whether there may be more to get by a visit than by waiting."""
        now = self.clock.monotonic()
        if now < self.paused_until:
            return False
        if now >= self.ends_at:
            return now >= self.ends_at + MARGIN_S
        return bool(self.block) or self._news or self._left > spared(self.limit, spare) or now >= self._look_at

    async def _visit(self, spare: float, *, want: int, kept: int) -> None:
        """Come by: report, learn, take a block."""
        now = self.clock.monotonic()
        sight, self._sight, self._news = self._sight, None, False
        visit = Visit(
            self._holder, self._seed, self.number, self._done, self._late, self._flying, kept, want, spare,
            seen=None if sight is None else sight.seen(now),
        )  # fmt: skip
        try:
            view = await self._quota.visit(self._connection, self._group, visit)
        except BaseException:
            if sight is not None:
                self._keep(sight)
            raise
        self._adopt(view, visit, now)

    def _adopt(self, view: View, visit: Visit, now: float) -> None:
        same = view.number == visit.number
        self._done -= visit.done
        self._late = self._late - visit.late if same else 0
        self.block = view.granted + (visit.kept if same else 0)
        if view.granted or not self.block:
            self._spare = visit.spare
        if visit.want:
            self._ask = min(BLOCK_MAX, 2 * self._ask) if same else max(1, self._ask // 2)
        self.number, self.limit, self.per_s, self.told = view.number, view.limit, view.per_s, view.told
        self._left, self._given, self._answered = view.left, view.given, view.answered
        self.ends_at, self._leased_until = now + view.ends_in_s, now + LEASE * view.per_s
        self.paused_until = max(self.paused_until, now + view.paused_in_s)
        self._held_until = now + view.held_in_s
        self._look_at = now + min(LOOK_AGAIN_S_MAX, LOOK_AGAIN * view.per_s)

    # What slots say.

    def note(self, sight: Sight, *, news: bool) -> None:
        """Keep what an answer told until the next visit, which cannot wait if it is ``news``."""
        self._keep(sight)
        self._news = self._news or news

    def _keep(self, sight: Sight) -> None:
        self._sight = sight if self._sight is None else self._sight.merged(sight, self.per_s / 2)

    def unexpected(self, remaining: int, answered: int) -> bool:
        """Whether more is left than all of us think, and we are short of it."""
        return not self.block and remaining + answered + 1 > self._left + self._given

    def over(self, *, late: bool) -> None:
        """One call is over; ``late``: it may count for the next window."""
        self._flying -= 1
        self._done += 1
        self._late += late


class SharedSlot:
    """See `window.Slot`."""

    def __init__(self, window: SharedWindow, number: int, answered: int) -> None:
        """Made by `SharedWindow.take`. ``answered``: calls of the window known to be answered before this is sent."""
        self._window, self._clock = window, window.clock
        self._number, self._answered = number, answered
        self._late: bool | None = None
        self._outdated = False

    def told(self, limits: Limits | None) -> None:
        """Correct the window by what the answer's headers say; None: they say nothing."""
        window, now = self._window, self._clock.monotonic()
        ours = self._number == window.number
        if limits is None:
            if ours and not window.told and now >= window.paused_until:
                # Without headers the vendor's window began when it got the first call, before this answer.
                window.told = True
                window.note(Sight(self._number, end=now + window.per_s, inferred=True), news=True)
            return
        sight = Sight(self._number, limits.limit or None, limits.per_s or None, answered=self._answered)
        if limits.reset_in_s is not None:
            sight = replace(sight, end=now + max(0.0, limits.reset_in_s))
            self._late = sight.end > window.ends_at + window.per_s / 2
            self._outdated = window.told and sight.end < window.ends_at - window.per_s / 2
        if limits.remaining is not None:
            sight = replace(sight, remaining=limits.remaining)
            if not self._late and not self._outdated:
                window.block = min(window.block, limits.remaining)
        news = (
            (sight.limit is not None and sight.limit != window.limit)
            or (ours and not window.told and limits.reset_in_s is not None)
            or bool(self._late)
            or (ours and limits.remaining is not None and window.unexpected(limits.remaining, self._answered))
        )
        if sight.limit is not None:
            window.limit = sight.limit
        if ours and limits.reset_in_s is not None:
            window.told = True
        window.note(sight, news=news)

    def refused(self, wait_s: float) -> None:
        """A 429: nobody calls here for ``wait_s`` seconds."""
        window, until = self._window, self._clock.monotonic() + max(0.0, wait_s)
        window.paused_until = max(window.paused_until, until)
        if self._outdated:
            return  # a window was full that is over
        window.block = 0
        window.note(Sight(self._number, pause_until=until), news=True)

    def over(self) -> None:
        """The call is over, answered or not."""
        window = self._window
        late = self._clock.monotonic() >= window.ends_at if self._late is None else self._late
        window.over(late=late)
