"""How much of the allowed rate a backlog uses, and what it costs in 429s (DESIGN §16: ≥ 95 %, none).

The vendor counts in windows of `PER_S` seconds and tells them in its headers. Used is what it let through between the
beginning of the first window and that of the last, allowed is the limit of each of these windows, as often as they fit
in without a gap.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from syncd.ports.clock import SystemClock
from syncd.sandbox.base import Ask, Reply
from syncd.store.database import Database
from tests.pg import database, pg_template, pg_url
from tests.sandbox.toy import ToyVendor
from tests.system.town import serving

__all__ = ["database", "pg_template", "pg_url"]

LIMIT, PER_S, WINDOWS = 200, 4.0, 5


class Watched(ToyVendor):
    """A vendor that remembers when it let a call through."""

    def __init__(self) -> None:
        super().__init__(SystemClock(), limit=LIMIT, per_s=PER_S, per_endpoint=False)
        self.passed: list[float] = []
        self.refused = 0

    async def answer(self, ask: Ask) -> Reply:
        """See `SandboxVendor.answer`."""
        at = self.clock.monotonic()
        reply = await super().answer(ask)
        if reply.status == 429:
            self.refused += 1
        else:
            self.passed.append(at)
        return reply

    def used(self) -> tuple[int, float]:
        """(calls let through, seconds) from the first window to the last."""
        begins = [self.passed[0]]
        for at in self.passed:
            if at >= begins[-1] + PER_S:
                begins.append(at)
        return sum(at < begins[-1] for at in self.passed), begins[-1] - begins[0]


@pytest.mark.parametrize("processes", [0, 1, 3, 5])
def test_a_backlog(database: Database, processes: int) -> None:
    """Used / allowed, with as many processes on one database; 0: one process that counts for itself."""
    toy, calls = Watched(), LIMIT * WINDOWS // max(1, processes)
    with serving({"toy": toy}) as served:
        shared = database.url if processes else "-"
        command = [sys.executable, "-m", "tests.system.hammer", served.urls["toy"], shared, f"{LIMIT}/{PER_S}s"]
        began = time.perf_counter()
        started = [
            subprocess.Popen([*command, str(calls)], stdout=subprocess.DEVNULL) for _ in range(max(1, processes))
        ]
        assert [process.wait() for process in started] == [0] * len(started)
        took_s = time.perf_counter() - began
    passed, seconds = toy.used()
    what = f"{processes} sharing" if processes else "alone"
    print(
        f"\n quota  {what:<9}  used / allowed {passed / (LIMIT * seconds / PER_S):6.1%}  429s {toy.refused}"
        f"  ({len(toy.passed):,} calls in {took_s:.1f} s)", end="", flush=True,
    )  # fmt: skip
