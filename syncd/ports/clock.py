"""Time as a port, so that the simulation can run an hour in a second."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Now, and waiting. Nothing outside this port reads the wall clock or sleeps."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less yields once."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less yields once."""
        await asyncio.sleep(max(0.0, seconds))


async def sleep_or_change(clock: Clock, wait_s: float, changed: asyncio.Event) -> None:
    """Wait so long, or until something changes, whichever is first."""
    changed.clear()
    waits = {asyncio.ensure_future(clock.sleep(wait_s)), asyncio.ensure_future(changed.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
