"""The budget against windows that a simulated vendor really enforces, on virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from syncd.domain.errors import RateLimitedError
from syncd.ports.urgency import Urgency, urgently
from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault, Moment, Script
from syncd.sandbox.inprocess import SandboxTransport
from syncd.vendors.budget import Budget, Limits, Rate
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import VirtualClock
from tests.vendors.toy import toy_http


def _latency(clock: VirtualClock, toy: ToyVendor) -> None:
    """Every call takes 30 to 70 ms each way, so that answers overtake each other."""
    count = 0

    def plan(_ask: Ask, _moment: Moment) -> Fault | None:
        nonlocal count
        count += 1
        return Fault("delay", delay_s=0.03 + 0.01 * (count * 7 % 5))

    toy.fault = plan


def _pair(**switches: Any) -> tuple[Any, ToyVendor, VirtualClock]:
    clock = VirtualClock()
    seed, key = switches.pop("seed", Rate(100, 10.0)), switches.pop("key", "endpoint")
    toy = ToyVendor(clock, **switches)
    _latency(clock, toy)
    return toy_http(clock, transport=SandboxTransport({"toy": toy}), seed=seed, key=key), toy, clock


@pytest.mark.parametrize("seed", [Rate(100, 10.0), Rate(5, 10.0), Rate(1000, 10.0), Rate(100, 60.0)], ids=str)
async def test_a_backlog_uses_the_window_and_meets_no_429(seed: Rate):
    """Seven windows of work take seven windows, whatever the seed said; over 95 % of the allowed rate is used."""
    http, toy, clock = _pair(seed=seed)
    await http.send("GET", "/things")
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(699)))
    assert [call for call in toy.calls if call.status == 429] == []
    assert len(toy.calls) == 700
    assert clock.elapsed_s < 70 * 1.05


async def test_a_wrong_seed_costs_few_429s():
    """A seed far too high is corrected by the first answers: at most what was in flight is refused."""
    http, toy, _ = _pair(seed=Rate(10_000, 10.0), limit=10)
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(12)))
    assert len([call for call in toy.calls if call.status == 200]) == 12


async def test_somebody_else_on_the_account_is_noticed():
    """Another client eats most of each window: we stay within what the headers leave."""
    http, toy, clock = _pair()
    stranger = toy_http(clock, transport=SandboxTransport({"toy": toy}))

    async def eat() -> None:
        for _ in range(40):
            await stranger.send("GET", "/things")

    await asyncio.gather(eat(), *(http.send("GET", "/things") for _ in range(160)))
    refused = len([call for call in toy.calls if call.status == 429])
    assert refused <= 3
    assert len([call for call in toy.calls if call.status == 200]) == 200


async def test_endpoints_have_windows_of_their_own():
    """A used-up endpoint does not hold up another one."""
    http, _, clock = _pair(limit=5)
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(5)))
    await http.send("POST", "/search", json={}, write=False)
    assert clock.elapsed_s < 1


async def test_one_window_for_the_whole_connection():
    """Where the vendor counts all calls together, so do we."""
    http, toy, clock = _pair(limit=5, per_endpoint=False, key="connection")
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(5)))
    await http.send("POST", "/search", json={}, write=False)
    assert clock.elapsed_s >= 9.5
    assert all(call.status == 200 for call in toy.calls)


async def test_after_a_429_everybody_waits_whatever_later_answers_say():
    """The pause told by a 429 holds for all calls of the window, even though headers claim that calls remain."""
    http, toy, clock = _pair()
    await http.send("GET", "/things")
    toy.fault = Script([("before", Fault("rate", delay_s=8))])
    start = clock.elapsed_s
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(4)))
    late = [call for call in toy.calls if call.status == 200]
    assert clock.elapsed_s - start >= 8
    assert len(late) == 5


async def test_without_headers_the_seed_alone_holds():
    """No headers at all: never more than the seed in any window of its length."""
    clock = VirtualClock()
    moments: list[float] = []
    budget = Budget(clock, Rate(10, 5.0), "connection", lambda _headers, _status: None)

    async def call() -> None:
        async with budget.slot("GET", "/x") as slot:
            moments.append(clock.monotonic())
            await clock.sleep(0.1)
            slot.told(None)

    await asyncio.gather(*(call() for _ in range(35)))
    for moment in moments:
        assert sum(moment <= other < moment + 5.0 for other in moments) <= 10
    assert clock.elapsed_s < 4 * 5.5


async def test_a_wait_beyond_the_limit_is_not_waited():
    """Raises with the seconds to come back after."""
    clock = VirtualClock()
    budget = Budget(clock, Rate(1, 600.0), "connection", lambda _headers, _status: None)
    async with budget.slot("GET", "/x"):
        pass
    with pytest.raises(RateLimitedError) as caught:
        async with budget.slot("GET", "/x"):
            pass
    assert 500 < caught.value.retry_after_s < 601


async def test_answers_that_overtake_each_other_never_raise_the_count():
    """Of two answers the older one arrives last and claims more: the smaller count stands."""
    clock = VirtualClock()
    budget = Budget(clock, Rate(3, 10.0), "connection", lambda _headers, _status: None)
    done = asyncio.Event()

    async def early() -> None:
        async with budget.slot("GET", "/x") as slot:
            await done.wait()
            slot.told(Limits(3, 2, 9.0))

    async def late() -> None:
        async with budget.slot("GET", "/x") as slot:
            slot.told(Limits(3, 1, 9.0))
        done.set()

    await asyncio.gather(early(), late())
    async with budget.slot("GET", "/x") as slot:
        slot.told(Limits(3, 0, 9.0))
    async with budget.slot("GET", "/x"):
        assert clock.elapsed_s >= 9.0


async def test_a_cancelled_call_gives_its_place_back():
    """A call that is cancelled in flight does not block the window for ever."""
    clock = VirtualClock()
    budget = Budget(clock, Rate(1, 5.0), "connection", lambda _headers, _status: None)

    async def hang() -> None:
        async with budget.slot("GET", "/x"):
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with budget.slot("GET", "/x"):
        assert clock.elapsed_s >= 5.0


async def test_the_less_urgent_leave_a_reserve():
    """A backfill waits for the next window while a fifth of this one is left; a push takes it at once."""
    clock = VirtualClock()
    budget = Budget(clock, Rate(10, 5.0), "connection", lambda _headers, _status: None)

    async def call() -> float:
        async with budget.slot("GET", "/x"):
            return clock.elapsed_s

    with urgently(Urgency.BACKFILL):
        backfill = [await call() for _ in range(8)]
        waiting = asyncio.create_task(call())
        await clock.sleep(1)
    with urgently(Urgency.PUSH):
        pushed = [await call() for _ in range(2)]
    assert backfill == [0.0] * 8
    assert pushed == [1.0] * 2
    assert await waiting >= 5.0
