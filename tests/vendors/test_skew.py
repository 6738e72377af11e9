"""The vendor's clock against ours, learned from ``Date`` headers."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from syncd.sandbox.faults import Fault, Script
from syncd.sandbox.inprocess import SandboxTransport
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import VirtualClock
from tests.vendors.toy import toy_http


class _Dated(httpx.AsyncBaseTransport):
    """Answers with one ``Date`` header, whatever it says."""

    def __init__(self, date: str) -> None:
        self.date = date

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"date": self.date}, stream=httpx.ByteStream(b"{}"))


class TestClock:
    """The vendor's clock."""

    async def test_offset_and_uncertainty(self):
        """The middle of the second the header names, against the middle of the round trip."""
        clock = VirtualClock()
        ahead = VirtualClock(clock.now() + timedelta(seconds=90))
        http = toy_http(clock, transport=SandboxTransport({"toy": ToyVendor(ahead)}))
        assert http.clock_reading.uncertainty_s == 1.0
        await http.send("GET", "/things")
        reading = http.clock_reading
        assert (reading.offset_s, reading.uncertainty_s) == (90.5, 0.5)

    async def test_a_slow_answer_is_less_certain_and_does_not_replace_a_better_one(self):
        """Half the round trip is added; the narrowest reading stands."""
        clock = VirtualClock()
        toy = ToyVendor(clock)
        toy.fault = Script([("before", Fault("delay", delay_s=3))])
        http = toy_http(clock, transport=SandboxTransport({"toy": toy}))
        await http.send("GET", "/things")
        assert http.clock_reading.uncertainty_s == 2.0
        await http.send("GET", "/things")
        assert http.clock_reading.uncertainty_s == 0.5
        toy.fault = Script([("before", Fault("delay", delay_s=3))])
        await http.send("GET", "/things")
        assert http.clock_reading.uncertainty_s == 0.5

    @pytest.mark.parametrize("header", ["", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
    async def test_nonsense_is_ignored(self, header: str):
        """A Date header that is no date teaches nothing."""
        http = toy_http(VirtualClock(), transport=_Dated(header))
        await http.send("GET", "/things")
        assert http.clock_reading.uncertainty_s == 1.0
