"""One event loop in which a seed decides everything, time included.

Two sources of chance are taken out of asyncio. *Time* is the loop's own: it stands still while anybody can run or
the database is working, and jumps to the next sleeper's moment when all wait. *Input and output* is looked at only
when nobody can run, so how fast the database answers never decides who runs next. With one statement under way at a
time (`process.Store`) the same seed gives the same order of everything.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STUCK_S = 20.0
"""Real seconds without an answer of the database after which a run is called stuck."""


class StuckError(Exception):
    """Everybody waits for somebody: a deadlock, or a database that does not answer."""


class _Selector(selectors.DefaultSelector):
    """Looks at sockets only when the loop has nothing else to do; then time passes instead of us."""

    elapsed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        if timeout is not None and len(self.get_map()) <= 1:  # the one is the loop's own wake-up call
            self.elapsed_s += timeout
            return []
        events = super().select(STUCK_S)
        if not events:
            raise StuckError(f"{len(self.get_map()) - 1} sockets waited for, {STUCK_S:g} s without an answer")
        return sorted(events, key=lambda event: event[0].fd)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._virtual.elapsed_s


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a virtual loop of its own."""
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of statements that a crash broke off
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(_quietly)
        return runner.run(main)


def _quietly(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tasks of a killed process end unheard; anything else is told as usual."""
    if not isinstance(context.get("exception"), BaseException) or isinstance(context["exception"], Exception):
        loop.default_exception_handler(context)


class Clock:
    """`syncd.ports.clock.Clock` on the running loop's time; ``ahead_s`` is how wrong this clock goes."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s

    def now(self) -> datetime:
        """The present moment as this clock has it."""
        return START + timedelta(seconds=self.monotonic() + self.ahead_s)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual time; zero or less yields once."""
        await asyncio.sleep(max(0.0, seconds))
