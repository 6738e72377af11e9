"""Several processes in one vendor's windows: never too many in sum, never much too few, the urgent first."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from syncd.domain.errors import RateLimitedError
from syncd.ports.urgency import Urgency, urgently
from syncd.vendors.breaker import OpenCircuitError
from syncd.vendors.budget import Budget, Limits, Rate
from tests.simulation.loop import Clock, run
from tests.vendors.competing import Headers, MemoryQuota, OtherClock, Vendor, budget_on

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""To make a run of a thousand calls smaller takes longer than to look at it."""
WAYS = {"near": (0.01, 0.05), "far": (0.05, 0.3), "slow": (0.2, 1.0)}
vendors = st.builds(
    Vendor,
    limit=st.integers(3, 60),
    headers=st.sampled_from(["exact", "milliseconds", "seconds", "none"]),
    way_s=st.sampled_from(list(WAYS.values())),
    seed=st.integers(0, 1000),
)


async def _work_off(vendor: Vendor, budgets: list[Budget], calls: int, *, begin_s: float = 0.0, ends: int = 0) -> None:
    """Eight workers a process work off a backlog; processes begin one after another, the first ``ends`` die midway."""
    backlog, clock = list(range(calls)), Clock()
    lives: list[list[asyncio.Task[None]]] = []

    async def worker(budget: Budget) -> None:
        while backlog:
            backlog.pop()
            await vendor.call(budget)

    for number, budget in enumerate(budgets):
        lives.append([asyncio.create_task(worker(budget)) for _ in range(8)])
        await clock.sleep(begin_s)
        for task in lives[number] if number < ends else ():
            task.cancel()
    await asyncio.gather(*(task for life in lives for task in life), return_exceptions=True)


@settings(max_examples=60, phases=UNSHRUNK)
@given(
    vendor=vendors,
    processes=st.integers(2, 5),
    begin_s=st.floats(0, 7),
    ends=st.integers(0, 4),
    seed=st.floats(0.2, 1),
    way_s=st.sampled_from([0.0, 0.004, 0.05]),
)
@example(vendor=Vendor(10, headers="none", way_s=(0.2, 1.0)), processes=5, begin_s=3.3, ends=4, seed=1, way_s=0.0)
# Both processes that used the first window up die before any answer tells when it ends.
@example(
    vendor=Vendor(11, headers="milliseconds", way_s=(0.05, 0.3), seed=2083),
    processes=3, begin_s=0.11739458780202061, ends=2, seed=0.9295237173042796, way_s=0,
)  # fmt: skip
def test_never_more_than_the_limit_in_sum(
    vendor: Vendor, processes: int, begin_s: float, ends: int, seed: float, way_s: float
):
    """Whoever joins late, dies with calls in hand or in flight, in whatever order answers come: nobody meets a 429."""
    vendor = Vendor(vendor.limit, vendor.per_s, vendor.headers, vendor.way_s, vendor.seed)

    async def main() -> None:
        quota = MemoryQuota(way_s)
        rate = Rate(max(1, int(vendor.limit * seed)), vendor.per_s)
        budgets = [budget_on(quota, number, rate) for number in range(processes)]
        await _work_off(vendor, budgets, 3 * vendor.limit, begin_s=begin_s, ends=min(ends, processes - 1))

    run(main())
    assert vendor.refused == 0


@settings(max_examples=25, phases=UNSHRUNK)
@given(
    limit=st.integers(20, 120),
    headers=st.sampled_from(["exact", "milliseconds", "none"]),
    processes=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
@example(limit=256, headers="exact", processes=3, seed=0)
def test_a_backlog_uses_the_window(limit: int, headers: Headers, processes: int, seed: int):
    """Together they use 95 % of every window but the last, and begin each one right when the one before has ended."""
    vendor = Vendor(limit, 10.0, headers, (0.005, 0.03), seed)

    async def main() -> None:
        quota = MemoryQuota(0.001)
        budgets = [budget_on(quota, number, Rate(limit, 10.0)) for number in range(processes)]
        await _work_off(vendor, budgets, 3 * limit + limit // 2)

    run(main())
    windows = vendor.windows()
    assert vendor.refused == 0
    assert min(len(calls) for calls in windows[:3]) >= 0.95 * limit - 1
    assert all(after[0].at - before[0].at < 10.2 for before, after in pairwise(windows))


@settings(max_examples=30, phases=UNSHRUNK)
@given(pause_s=st.floats(0.01, 0.2), seed=st.integers(0, 1000), headers=st.sampled_from(["exact", "milliseconds"]))
@example(pause_s=0.02, seed=0, headers="exact")
def test_who_stays_far_below_the_limit_hardly_waits_for_the_next_window(pause_s: float, seed: int, headers: Headers):
    """A call now and then finds room at once, in the moment when a window ends too: what is left of a block is void."""
    vendor, clock = Vendor(6400, 10.0, headers, (0.005, 0.03), seed), Clock()
    took: list[float] = []

    async def main() -> None:
        budget = budget_on(MemoryQuota(0.001), 0, Rate(6400, 10.0))
        while clock.monotonic() < 35:
            began = clock.monotonic()
            await vendor.call(budget)
            took.append(clock.monotonic() - began)
            await clock.sleep(pause_s)

    run(main())
    assert max(took) < 0.2


@settings(max_examples=15, phases=UNSHRUNK)
@given(limit=st.integers(20, 100), processes=st.integers(1, 4), urgent=st.booleans(), seed=st.integers(0, 1000))
def test_backfills_leave_a_reserve_for_the_urgent(limit: int, processes: int, urgent: bool, seed: int):  # noqa: FBT001
    """A backfill never takes the last fifth of a window; so a hint need not wait, whichever process it reaches."""
    vendor, clock = Vendor(limit, 10.0, "exact", (0.01, 0.05), seed), Clock()
    took: list[float] = []

    async def main() -> None:
        quota = MemoryQuota(0.001)
        budgets = [budget_on(quota, number, Rate(limit, 10.0)) for number in range(processes)]

        async def backfill(budget: Budget) -> None:
            with urgently(Urgency.BACKFILL):
                while clock.monotonic() < 35:
                    await vendor.call(budget, "backfill")

        async def hints() -> None:
            with urgently(Urgency.HINT):
                for _ in range(10):
                    await clock.sleep(3.4)  # three in a window: no more than its fifth
                    began = clock.monotonic()
                    await vendor.call(budgets[-1], "hint")
                    took.append(clock.monotonic() - began)

        await asyncio.gather(*(backfill(b) for b in budgets for _ in range(8)), *([hints()] if urgent else []))

    run(main())
    assert vendor.refused == 0
    for calls in vendor.windows()[:3]:
        backfilled = [call for call in calls if call.who == "backfill"]
        assert len(backfilled) <= limit - int(limit * 0.2)
        assert len(calls) >= 0.95 * (limit - int(limit * 0.2)) - 1
    assert all(seconds < 0.5 for seconds in took)


async def _calls_in_a_row(vendor: Vendor, budget: Budget, count: int) -> None:
    for _ in range(count):
        await vendor.call(budget)


def test_what_a_dead_process_held_comes_back_when_the_window_ends():
    """A process dies early in a window with a whole block in hand: the next window has every call again."""
    vendor, quota = Vendor(256, 20.0, way_s=(0.01, 0.02)), MemoryQuota()

    async def main() -> None:
        dead, alive = (budget_on(quota, number, Rate(256, 20.0)) for number in range(2))
        await _work_off(vendor, [dead], 37)
        held = quota.windows["toy", ""].given - 37
        assert 0 < held <= 8
        await _work_off(vendor, [alive], 2 * 256)
        assert [len(calls) for calls in vendor.windows()] == [256 - held, 256, 37 + held]

    run(main())
    assert vendor.refused == 0


def test_what_is_not_used_is_given_back_at_the_end():
    """A process that closes its adapter leaves the rest of its block to the others."""
    vendor, quota = Vendor(256, 20.0, way_s=(0.01, 0.02)), MemoryQuota()

    async def main() -> None:
        done = budget_on(quota, 0, Rate(256, 20.0))
        await _work_off(vendor, [done], 37)
        assert quota.windows["toy", ""].left < 256 - 37
        await done.aclose()
        assert quota.windows["toy", ""].left == 256 - 37

    run(main())


def test_calls_are_reserved_in_blocks():
    """A backlog of a thousand calls comes by far less than a thousand times; a single call comes by once or twice."""
    vendor, quota = Vendor(1000, 20.0, way_s=(0.01, 0.02)), MemoryQuota()

    async def main() -> None:
        await _work_off(vendor, [budget_on(quota, 0, Rate(1000, 20.0))], 990)
        assert quota.visits < 150
        before = quota.visits
        await vendor.call(budget_on(quota, 1, Rate(1000, 20.0)))
        assert quota.visits - before <= 2

    run(main())


def test_a_block_is_good_for_a_while_only():
    """Whoever holds calls for long comes by before using them: the others know then that they are still to come."""
    vendor, quota = Vendor(256, 20.0, way_s=(0.01, 0.02)), MemoryQuota()

    async def main() -> None:
        budget = budget_on(quota, 0, Rate(256, 20.0))
        await _work_off(vendor, [budget], 37)
        given, visits = quota.windows["toy", ""].given, quota.visits
        assert given > 38
        await vendor.call(budget)
        assert quota.visits == visits
        await Clock().sleep(5)
        await vendor.call(budget)
        assert (quota.visits, quota.windows["toy", ""].given) == (visits + 1, given)

    run(main())


def test_a_block_of_the_urgent_is_not_for_the_others():
    """A backfill gives it back and takes its own, which the urgent may use, too."""
    vendor, quota = Vendor(256, 20.0, way_s=(0.01, 0.02)), MemoryQuota()

    async def main() -> None:
        budget = budget_on(quota, 0, Rate(256, 20.0))
        await _work_off(vendor, [budget], 37)
        visits, began = quota.visits, Clock().monotonic()
        with urgently(Urgency.BACKFILL):
            await vendor.call(budget)
            assert quota.visits == visits + 1
        await vendor.call(budget)
        assert quota.visits == visits + 1
        assert Clock().monotonic() - began < 0.2
        assert quota.windows["toy", ""].given < 37 + 10

    run(main())


def test_one_process_learns_the_limit_for_all():
    """The first answer says 500 where the seed was 10: another process does not start from 10 again."""
    vendor, quota = Vendor(500, 60.0), MemoryQuota()

    async def main() -> None:
        first, second = (budget_on(quota, number, Rate(10, 60.0)) for number in range(2))
        await vendor.call(first)
        await _calls_in_a_row(vendor, second, 30)
        assert Clock().monotonic() < 30

    run(main())
    assert vendor.refused == 0


def test_a_waiting_process_hears_that_there_is_more_after_all():
    """It waits for the end of a window of 4 calls; meanwhile another process is told that there are 100."""
    vendor, quota = Vendor(100, 60.0), MemoryQuota()

    async def main() -> None:
        first, second = (budget_on(quota, number, Rate(4, 60.0)) for number in range(2))
        async with first.slot("GET", "/x") as slot:
            used_up = [asyncio.create_task(vendor.call(second)) for _ in range(4)]
            vendor.headers = "none"
            await Clock().sleep(3)
            assert sum(task.done() for task in used_up) == 3
            slot.told(Limits(100, 96, 57.0))
        await asyncio.gather(*used_up)
        assert Clock().monotonic() < 10

    run(main())


@pytest.mark.parametrize("ask_s", [0.5, 3.0])
def test_a_429_pauses_every_process(ask_s: float):
    """One process is told to wait for eight seconds; another that knows nothing of it waits as well."""
    quota, calls = MemoryQuota(), list[float]()

    async def main() -> None:
        first, second = (budget_on(quota, number, Rate(100, 10.0)) for number in range(2))
        clock = Clock()
        async with first.slot("GET", "/x") as slot:
            slot.refused(8.0)
        await clock.sleep(ask_s)
        async with second.slot("GET", "/x") as slot:
            calls.append(clock.monotonic())

    run(main())
    assert 8.0 <= calls[0] < 8.1


def test_a_pause_that_is_too_long_is_not_waited_for():
    """Raises with the seconds to come back after, in the process that was not told itself, too."""
    quota = MemoryQuota()

    async def main() -> None:
        first, second = (Budget(OtherClock(n), Rate(9, 10.0), "endpoint", lambda *_: None, quota=quota) for n in (1, 2))
        async with first.slot("GET", "/x") as slot:
            slot.refused(600)
        async with second.slot("GET", "/y"):
            pass
        with pytest.raises(RateLimitedError) as caught:
            async with second.slot("GET", "/x"):
                pass
        assert 590 < caught.value.retry_after_s < 601

    run(main())


def test_somebody_else_on_the_account_is_noticed():
    """A stranger eats most of each window without telling us: a few calls are refused, not a window's worth."""
    vendor, quota = Vendor(100, 10.0, way_s=(0.01, 0.05)), MemoryQuota()

    async def main() -> None:
        budgets = [budget_on(quota, number, Rate(100, 10.0)) for number in range(3)]

        async def eat() -> None:
            for _ in range(60):
                await vendor.sent("stranger")

        await asyncio.gather(eat(), _work_off(vendor, budgets, 200))

    run(main())
    assert sum(not call.allowed and not call.who for call in vendor.made) <= 8
    assert sum(call.allowed and not call.who for call in vendor.made) == 200


def test_a_held_connection_is_not_called():
    """Another process found that the vendor fails: calls fail at once and say so, until the pause is over."""
    quota = MemoryQuota()

    async def main() -> None:
        budget = budget_on(quota, 0, Rate(10, 10.0))
        await quota.hold("toy", 20)
        with pytest.raises(OpenCircuitError) as caught:
            async with budget.slot("GET", "/x"):
                pass
        assert caught.value.retry_after_s == pytest.approx(20, abs=0.1)
        await Clock().sleep(20)
        async with budget.slot("GET", "/x"):
            pass

    run(main())


def test_a_cancelled_wait_and_a_cancelled_call_leave_nothing_behind():
    """After both, all places and all calls but the one that may have been made are there."""
    quota = MemoryQuota(0.01)

    async def main() -> None:
        budget = budget_on(quota, 0, Rate(4, 10.0), in_flight=1)

        async def hang() -> None:
            async with budget.slot("GET", "/x"):
                await asyncio.Event().wait()

        tasks = [asyncio.create_task(hang()) for _ in range(3)]
        await Clock().sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(3):
            async with budget.slot("GET", "/x"):
                pass
        assert Clock().monotonic() < 2

    run(main())
