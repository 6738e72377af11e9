"""Several processes on one account, without processes: budgets that compete for the windows of a simulated vendor.

Everything runs on the virtual time of `tests.simulation.loop.run`. Each budget has a clock of its own that shows
another time, and the shared windows are kept on yet another one: nothing that compares two of them gets away with it.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from syncd.domain.quota import NEVER, Visit, Window, visited
from syncd.ports.quota import Quota, View, view_of
from syncd.sandbox.windows import Windows
from syncd.vendors.budget import Budget, Limits, Rate
from tests.simulation.loop import Clock

Headers = Literal["exact", "milliseconds", "seconds", "none"]
PATIENCE_S = 10_000.0


class OtherClock(Clock):
    """The loop's time, seen by a machine that was started at another moment."""

    def __init__(self, shift_s: float) -> None:
        super().__init__()
        self._shift_s = shift_s

    def monotonic(self) -> float:
        """Seconds since that machine was started."""
        return super().monotonic() + self._shift_s


class MemoryQuota:
    """The `Quota` of several budgets in one process. Every visit takes ``way_s`` there and back."""

    def __init__(self, way_s: float = 0.0) -> None:
        self._clock, self._way_s = OtherClock(1e6), way_s
        self.windows: dict[tuple[str, str], Window] = {}
        self.held_until: dict[str, float] = {}
        self.visits = 0

    async def visit(self, connection: str, group: str, visit: Visit) -> View:
        """See `Quota`."""
        await self._clock.sleep(self._way_s)
        now, key = self._clock.monotonic(), (connection, group)
        window = self.windows.get(key) or Window(visit.seed.limit, visit.seed.per_s)
        self.windows[key], granted = visited(window, visit, now)
        self.visits += 1
        view = view_of(self.windows[key], granted, now, self.held_until.get(connection, NEVER))
        await self._clock.sleep(self._way_s)
        return view

    async def hold(self, connection: str, for_s: float) -> None:
        """See `Quota`."""
        self.held_until[connection] = self._clock.monotonic() + for_s


@dataclass(frozen=True, slots=True)
class Made:
    """One call as the vendor saw it."""

    at: float
    who: str
    allowed: bool


@dataclass
class Vendor:
    """A vendor that counts in fixed windows and says so in its headers, each answer sooner or later."""

    limit: int
    per_s: float = 10.0
    headers: Headers = "exact"
    way_s: tuple[float, float] = (0.01, 0.2)
    seed: int = 0
    made: list[Made] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._clock = Clock()
        self._windows = Windows(self._clock)
        self._rng = random.Random(self.seed)  # noqa: S311 -- chance out of a seed
        self._under_way: set[asyncio.Task[tuple[bool, int, float]]] = set()

    @property
    def refused(self) -> int:
        """How many calls were answered 429."""
        return sum(not call.allowed for call in self.made)

    def windows(self) -> list[list[Made]]:
        """The calls that were allowed, by the window they were counted in."""
        found: list[list[Made]] = []
        for call in self.made:
            if not found or call.at >= found[-1][0].at + self.per_s:
                found.append([])
            found[-1] += [call] if call.allowed else []
        return found

    async def call(self, budget: Budget, who: str = "") -> None:
        """One call within a budget, repeated after a 429. What is under way arrives, whatever becomes of the caller."""
        allowed = False
        while not allowed:
            async with budget.slot("GET", "/x") as slot:
                allowed, remaining, reset_s = await asyncio.shield(self.sent(who))
                await self._clock.sleep(self._rng.uniform(*self.way_s))
                slot.told(None if self.headers == "none" else Limits(self.limit, remaining, reset_s))
                if not allowed:
                    slot.refused(reset_s)

    def sent(self, who: str = "") -> asyncio.Task[tuple[bool, int, float]]:
        """A call on its way: whether it is allowed, how many remain, seconds until the window ends."""
        sent = asyncio.create_task(self._arrive(who))
        self._under_way.add(sent)
        sent.add_done_callback(self._under_way.discard)
        return sent

    async def _arrive(self, who: str) -> tuple[bool, int, float]:
        await self._clock.sleep(self._rng.uniform(*self.way_s))
        allowed, remaining, reset_s = self._windows.take("", self.limit, self.per_s)
        self.made.append(Made(self._clock.monotonic(), who, allowed))
        # Cut-off parts of a second are made up for, as every adapter does.
        digits = {"milliseconds": 1000, "seconds": 1}.get(self.headers)
        return allowed, remaining, reset_s if digits is None else ceil(reset_s * digits) / digits


def budget_on(quota: Quota | None, number: int, seed: Rate, *, in_flight: int = 8, connection: str = "toy") -> Budget:
    """The budget of one process, whose clock started at some other time."""
    return Budget(
        OtherClock(1000.0 * number), seed, "connection", lambda _headers, _status: None, in_flight_max=in_flight,
        wait_max_s=PATIENCE_S, quota=quota, connection=connection,
    )  # fmt: skip
