"""One process that calls a vendor as fast as the shared limits let it.

    python -m tests.system.hammer URL DATABASE_URL LIMIT/SECONDS CALLS

makes so many calls, eight at a time; prints a line after the first, and in the end how many it made, as JSON.
DATABASE_URL "-": it counts for itself.
"""

from __future__ import annotations

import asyncio
import json
import sys

from syncd.ports.clock import SystemClock
from syncd.settings.values import parse_rate
from syncd.store.database import Database
from syncd.store.quota import PostgresQuota
from syncd.vendors.budget import Budget
from tests.vendors.toy import read_limits, toy_http


async def main(url: str, database_url: str, rate: str, calls: int) -> None:
    """Make the calls."""
    clock = SystemClock()
    quota = None if database_url == "-" else PostgresQuota(Database(database_url))
    budget = Budget(clock, parse_rate(rate), "connection", read_limits, quota=quota, connection="toy")
    http = toy_http(clock, url, budget=budget)
    left, made = calls, 0

    async def worker() -> None:
        nonlocal left, made
        while left:
            left -= 1
            await http.send("GET", "/things")
            made += 1
            if made == 1:
                print("calling", flush=True)  # noqa: T201 -- what whoever started it waits for

    try:
        await asyncio.gather(*(worker() for _ in range(8)))
    finally:
        await http.aclose()
        if quota is not None:
            await quota.aclose()
        print(json.dumps({"made": made}), flush=True)  # noqa: T201 -- its result


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
