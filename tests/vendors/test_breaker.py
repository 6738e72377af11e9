"""A vendor that fails again and again is left alone, looked at now and then, and taken up again at once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import structlog

from syncd.domain.errors import NotFoundError, RateLimitedError, TransientError
from syncd.engine.push import FAILURES_MAX
from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault, Moment
from syncd.sandbox.inprocess import SandboxTransport
from syncd.vendors.breaker import FAILURES, PAUSE_FIRST_S, PAUSE_MAX_S, OpenCircuitError
from syncd.vendors.budget import Budget, Rate
from syncd.vendors.http import Http
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import VirtualClock
from tests.vendors.competing import MemoryQuota
from tests.vendors.toy import toy_http


class Town:
    """A vendor that can be switched off, and wires to it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.toy = ToyVendor(self.clock, limit=10_000)
        self.toy.fault = self._fault
        self.down = False
        self.fault = Fault("error", 503)

    def _fault(self, _ask: Ask, moment: Moment) -> Fault | None:
        return self.fault if self.down and moment == "before" else None

    def http(self, **given: Any) -> Http:
        """Another process's wire. Nothing is repeated, so that one call is one failure."""
        given = {"retries": 0, "seed": Rate(10_000, 10.0), **given}
        return toy_http(self.clock, transport=SandboxTransport({"toy": self.toy}), **given)

    async def fails(self, http: Http, times: int) -> None:
        """So many calls that fail at the vendor."""
        for _ in range(times):
            with pytest.raises(TransientError) as caught:
                await http.send("GET", "/things")
            assert not isinstance(caught.value, OpenCircuitError)


async def test_after_five_failures_in_a_row_calls_fail_at_once():
    """Nobody is called; the error says so, why, and when it is tried again; it certainly was not carried out."""
    town = Town()
    http, town.down = town.http(), True
    await town.fails(http, FAILURES)
    calls, at = len(town.toy.calls), town.clock.elapsed_s
    with pytest.raises(TransientError) as caught:
        await http.send("POST", "/things", json={})
    assert isinstance(caught.value, OpenCircuitError)
    assert "POST /things: not called, the vendor keeps failing (GET /things: 503" in str(caught.value)
    assert 0.7 * PAUSE_FIRST_S <= caught.value.retry_after_s <= 1.3 * PAUSE_FIRST_S
    assert not caught.value.sent
    assert (len(town.toy.calls), town.clock.elapsed_s) == (calls, at)


async def test_a_success_in_between_begins_the_count_anew():
    """So does any answer that is not a failure of the vendor's: a 404 shows that somebody is at home."""
    town = Town()
    http = town.http()
    for _ in range(4):
        town.down = True
        await town.fails(http, FAILURES - 1)
        town.down = False
        with pytest.raises(NotFoundError):
            await http.send("GET", "/things/{id}", params={"id": "nobody"})
    await http.send("GET", "/things")


async def test_a_429_says_nothing_about_the_vendors_health():
    """Refused calls neither open the circuit nor begin the count anew."""
    town = Town()
    http, town.down = town.http(), True
    await town.fails(http, FAILURES - 1)
    town.fault = Fault("rate", delay_s=1)
    for _ in range(FAILURES):
        with pytest.raises(RateLimitedError):
            await http.send("GET", "/things")
    town.fault = Fault("error", 503)
    await town.fails(http, 1)
    with pytest.raises(OpenCircuitError):
        await http.send("GET", "/things")


async def test_one_call_looks_whether_the_vendor_is_back():
    """After the pause one call is let through and all others still fail; its success lets everybody call again."""
    town = Town()
    http, town.down = town.http(), True
    await town.fails(http, FAILURES)
    await town.clock.sleep(1.3 * PAUSE_FIRST_S)
    town.fault = Fault("delay")
    before = len(town.toy.calls)
    answers = await asyncio.gather(*(http.send("GET", "/things") for _ in range(4)), return_exceptions=True)
    assert [isinstance(answer, OpenCircuitError) for answer in answers] == [False, True, True, True]
    assert len(town.toy.calls) - before == 1
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(4)))


async def test_pauses_grow_and_are_never_long():
    """Each look in vain doubles the pause, give or take a quarter, up to some minutes."""
    town = Town()
    http, town.down = town.http(), True
    await town.fails(http, FAILURES)
    pauses = []
    for _ in range(9):
        with pytest.raises(OpenCircuitError) as caught:
            await http.send("GET", "/things")
        pauses.append(caught.value.retry_after_s)
        await town.clock.sleep(pauses[-1] + 0.01)
        await town.fails(http, 1)
    ideal = [min(PAUSE_MAX_S, PAUSE_FIRST_S * 2**step) for step in range(9)]
    assert all(0.74 * wanted < pause < 1.26 * wanted for pause, wanted in zip(pauses, ideal, strict=True))
    assert len(set(pauses)) == 9


async def test_a_look_that_is_cut_off_does_not_block_the_next():
    """The call let through is cancelled: the next one is let through instead."""
    town = Town()
    http, town.down = town.http(), True
    await town.fails(http, FAILURES)
    await town.clock.sleep(1.3 * PAUSE_FIRST_S)
    town.fault = Fault("delay", delay_s=60)
    task = asyncio.create_task(http.send("GET", "/things"))
    await town.clock.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    town.down = False
    await http.send("GET", "/things")


async def test_it_is_logged_once_when_it_opens_and_once_when_it_closes():
    """However many calls fail in between; with the connection's name, and nothing of a call."""
    town = Town()
    with structlog.testing.capture_logs() as logs:
        http, town.down = town.http(), True
        await town.fails(http, FAILURES)
        for _ in range(3):
            for _ in range(5):
                with pytest.raises(OpenCircuitError):
                    await http.send("GET", "/things")
            await town.clock.sleep(PAUSE_MAX_S)
            await town.fails(http, 1)
        await town.clock.sleep(PAUSE_MAX_S)
        town.down = False
        for _ in range(3):
            await http.send("GET", "/things")
    assert [entry["event"] for entry in logs] == ["circuit.open", "circuit.closed"]
    assert {*logs[0]} == {"event", "log_level", "connection", "failures", "status", "for_s"}


async def test_another_process_does_not_hammer_either():
    """It hears of the open circuit before its first call, looks once after the pause, and goes on when it is closed."""
    town = Town()
    quota = MemoryQuota()
    quota._clock = town.clock  # type: ignore[assignment]

    def process() -> Http:
        budget = Budget(
            town.clock, Rate(10_000, 10.0), "endpoint", lambda *_: None, quota=quota, connection="toy"
        )  # fmt: skip
        return town.http(budget=budget)

    first, second = process(), process()
    town.down = True
    await town.fails(first, FAILURES)
    before = len(town.toy.calls)
    for _ in range(3):
        with pytest.raises(OpenCircuitError):
            await second.send("GET", "/things")
    assert len(town.toy.calls) == before
    await town.clock.sleep(1.3 * PAUSE_FIRST_S)
    await town.fails(second, 1)
    assert len(town.toy.calls) == before + 1
    with pytest.raises(OpenCircuitError):
        await first.send("GET", "/search")
    await town.clock.sleep(3 * PAUSE_FIRST_S)
    town.down = False
    await first.send("GET", "/things")
    await process().send("GET", "/things")


async def test_a_circuit_that_closes_early_is_closed_for_all():
    """Long before the pause is over the vendor answers one process: the others hear of it within two seconds."""
    town = Town()
    quota = MemoryQuota()
    quota._clock = town.clock  # type: ignore[assignment]
    budget = Budget(town.clock, Rate(100, 60.0), "endpoint", lambda *_: None, quota=quota, connection="toy")
    http = town.http(budget=budget)
    await quota.hold("toy", 300)
    with pytest.raises(OpenCircuitError):
        await http.send("GET", "/things")
    await quota.hold("toy", 0)
    await town.clock.sleep(2)
    await http.send("GET", "/things")
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(3)))


async def test_a_hiccup_that_repeats_outlast_opens_nothing():
    """The vendor is away for six seconds: every call of a whole push of reads gets through with its repeats."""
    town = Town()
    http, town.down = town.http(retries=4), True
    calls = [asyncio.create_task(http.send("GET", "/things")) for _ in range(8)]
    await town.clock.sleep(5)
    town.down = False
    await asyncio.gather(*calls)


def test_the_circuit_is_no_more_impatient_than_a_push():
    """A push gives up after so many failures; a circuit that opened before would take its other leads along."""
    assert FAILURES >= FAILURES_MAX


@pytest.mark.parametrize(("status", "asked_s"), [(503, 13), (500, 7), (502, 59)])
async def test_retry_after_is_honoured_on_a_failure(status: int, asked_s: int):
    """The next try comes no sooner than the vendor asks."""
    clock, answers = VirtualClock(), [httpx.Response(status, headers={"retry-after": str(asked_s)})]
    http = toy_http(clock, transport=_Answers(answers))
    await http.send("GET", "/things")
    assert asked_s <= clock.elapsed_s < asked_s + 1


async def test_a_long_pause_the_vendor_asks_for_is_granted_at_once():
    """``Retry-After: 120`` on a 503: nobody waits that long, and nobody calls before."""
    clock, answers = VirtualClock(), [httpx.Response(503, headers={"retry-after": "120"})]
    transport = _Answers(answers)
    http = toy_http(clock, transport=transport)
    with pytest.raises(TransientError) as caught:
        await http.send("GET", "/things")
    assert (caught.value.status, caught.value.retry_after_s, clock.elapsed_s) == (503, 120, 0)
    with pytest.raises(OpenCircuitError) as refused:
        await http.send("GET", "/things")
    assert refused.value.retry_after_s == pytest.approx(120)
    await clock.sleep(121)
    await http.send("GET", "/things")
    assert transport.count == 2


class _Answers(httpx.AsyncBaseTransport):
    """Gives these answers, then empty ones."""

    def __init__(self, answers: list[httpx.Response]) -> None:
        self._answers, self.count = answers, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        answer = self._answers.pop(0) if self._answers else httpx.Response(200, json={})
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))
