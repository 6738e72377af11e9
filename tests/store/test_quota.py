"""The shared windows on PostgreSQL: the same laws, real sessions at once, and a server that goes away."""

from __future__ import annotations

import asyncio
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.domain.errors import DatabaseError
from syncd.domain.quota import Seen, Visit
from syncd.store.database import Database
from syncd.store.quota import PostgresQuota
from syncd.vendors.budget import Rate
from tests.simulation.loop import run
from tests.vendors.competing import Headers, OtherClock, Vendor, budget_on

names = count()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    limit=st.integers(5, 40),
    headers=st.sampled_from(["exact", "seconds", "none"]),
    processes=st.integers(2, 4),
    seed=st.integers(0, 1000),
)
def test_never_more_than_the_limit_in_sum(database: Database, limit: int, headers: Headers, processes: int, seed: int):
    """Several processes with a session each, one of which dies: nobody meets a 429, and the windows are used."""
    vendor, name = Vendor(limit, 10.0, headers, (0.01, 0.3), seed), f"toy{next(names)}"

    async def main() -> None:
        quotas = [PostgresQuota(database, now=OtherClock(1.7e9).monotonic) for _ in range(processes)]
        budgets = [budget_on(quota, number, Rate(limit, 10.0), connection=name) for number, quota in enumerate(quotas)]
        backlog = list(range(5 * limit // 2))

        async def worker(number: int) -> None:
            while backlog:
                backlog.pop()
                await vendor.call(budgets[number])

        tasks = [asyncio.create_task(worker(number)) for number in range(processes) for _ in range(4)]
        await asyncio.sleep(0.4)
        for task in tasks[:4]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for quota in quotas:
            await quota.aclose()

    run(main())
    assert vendor.refused == 0
    assert all(len(calls) >= 0.95 * limit - 4 for calls in vendor.windows()[:2])


async def test_visitors_at_the_same_moment_share_what_there_is(database: Database):
    """Five sessions ask as fast as they can: together they get every call once, and nobody is lost."""
    quotas = [PostgresQuota(database) for _ in range(5)]
    granted = [0] * 5

    async def ask(number: int) -> None:
        for _ in range(15):
            visit = Visit(f"p{number}", Rate(60, 600.0), number=1, flying=granted[number], want=1)
            granted[number] += (await quotas[number].visit("cinc", "GET /x", visit)).granted

    await asyncio.gather(*(ask(number) for number in range(5)))
    assert sum(granted) == 60
    view = await quotas[0].visit("cinc", "GET /x", Visit("p0", Rate(60, 600.0), number=1, flying=granted[0]))
    assert (view.given, view.left, view.limit) == (60, 0, 60)
    assert 590 < view.ends_in_s < 680
    assert (await quotas[0].visit("cinc", "GET /y", Visit("p0", Rate(60, 600.0), want=3))).granted == 3
    for quota in quotas:
        await quota.aclose()


async def test_another_process_goes_on_from_what_was_kept(database: Database):
    """What was learned and taken is there after a restart; a limit from nowhere does no harm."""
    first, second = PostgresQuota(database), PostgresQuota(database)
    told = Seen(number=0, limit=10**15, ends_in_s=50.0, remaining=10**15)
    await first.visit("cinc", "", Visit("a", Rate(10, 60.0), want=4, seen=told))
    await first.aclose()
    view = await second.visit("cinc", "", Visit("b", Rate(10, 60.0)))
    assert view.limit == 1_000_000_000
    assert (view.number, view.given, view.told) == (1, 4, True)
    assert 40 < view.ends_in_s <= 50
    await second.aclose()


async def test_an_open_circuit_is_everybodys(database: Database):
    """Held for a while, and no longer as soon as it is closed; other connections are not concerned."""
    first, second = PostgresQuota(database), PostgresQuota(database)
    asking = Visit("b", Rate(10, 60.0))
    await first.hold("cinc", 100)
    assert 90 < (await second.visit("cinc", "GET /x", asking)).held_in_s <= 100
    assert 90 < (await second.visit("cinc", "", asking)).held_in_s <= 100
    assert (await second.visit("chime", "GET /x", asking)).held_in_s == 0
    await first.hold("cinc", 0)
    assert (await second.visit("cinc", "GET /x", asking)).held_in_s == 0
    await first.aclose()
    await second.aclose()


async def test_a_session_that_died_is_replaced(database: Database):
    """The server was restarted between two visits: nobody notices."""
    quota = PostgresQuota(database)
    asking = Visit("a", Rate(10, 60.0), want=1)
    await quota.visit("cinc", "", asking)
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                      " AND datname = current_database()")  # fmt: skip
    assert (await quota.visit("cinc", "", asking)).granted == 1
    await quota.aclose()


async def test_a_database_that_is_away_says_so():
    """One line, with how to mend it."""
    quota = PostgresQuota(Database("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(DatabaseError, match="cannot be reached"):
        await quota.visit("cinc", "", Visit("a", Rate(10, 60.0)))
    await quota.aclose()


async def test_a_cancelled_visit_leaves_a_usable_quota(database: Database):
    """Cut off in mid-statement; the next visit is served."""
    quota = PostgresQuota(database)
    asking = Visit("a", Rate(1000, 60.0), want=1)
    await quota.visit("cinc", "", asking)
    for _ in range(5):
        task = asyncio.create_task(quota.visit("cinc", "", asking))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await quota.visit("cinc", "", asking)).granted == 1
    await quota.aclose()
