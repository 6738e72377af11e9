"""A sandbox with many people as a process of its own, so that its work is not measured with ours.

    python -m tests.benchmarks.vendor cinc 20000

prints one JSON line {"url", "control"} when it is ready and stops at end of input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta

from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.data import People
from syncd.sandbox.server import serve


class Backdated(SystemClock):
    """A clock that can be put back, so that these people were typed in over a month."""

    back = timedelta(days=30)

    def now(self) -> datetime:
        """The present moment, or one in the past."""
        return super().now() - self.back


async def main(vendor: str, people: int) -> None:
    """Fill the sandbox, serve it, wait for the end of standard input."""
    clock = Backdated()
    sandbox = SANDBOXES[vendor](clock)
    sandbox.switches["limit"] = 1_000_000
    agent = sandbox.add_agent("rebecca@example.com", "Rebecca", "Wood")
    supply = iter(People(seed=7))
    for number in range(people):
        clock.back = timedelta(days=30) * (people - number) / people
        person = next(supply)
        lead = sandbox.add_person(
            first_name=person.first_name,
            last_name=person.last_name,
            email=person.email,
            phones=[(number, kind) for number, kind in person.phones],
            street=person.street,
            city=person.city,
            region=person.region,
            postal_code=person.postal_code,
            source=person.source,
            roles=list(person.roles),
            labels=list(person.labels),
        )
        sandbox.assign(lead, "primary", agent)
    clock.back = timedelta()
    async with serve({vendor: sandbox}) as served:
        print(
            json.dumps({"url": served.urls[vendor], "control": served.control_url, "token": sandbox.token}), flush=True
        )
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
