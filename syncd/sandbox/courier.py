"""What a simulated vendor posts when something changes: real HTTP, and not more reliable than the real thing.

People and API calls act whenever they like, in any thread; what is to be posted collects here, and `run` posts it from
the loop in which the sandbox is served. A share of the deliveries comes twice, late, out of order or not at all, as the
switches say. ``transport`` is the seam for simulations without sockets.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from syncd.ports.clock import Clock

SWITCHES: Mapping[str, Any] = {
    "hook_drop": 0.0,  # share of deliveries that never come
    "hook_repeat": 0.0,  # share that comes twice
    "hook_reorder": 0.0,  # share that is overtaken by later ones
    "hook_delay_s": 0.0,  # how late all of them are
    "hook_retries": 3,  # how often one that is not answered with 2xx is tried again
    "hook_seed": 1,
}
POSTS_AT_ONCE = 8
RETRY_AFTER_S = 5.0
OVERTAKEN_S = 2.0
"""How much later than its successors a delivery comes that is overtaken, at most."""
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery. ``body`` may be made when it is sent, to hold what has come together until then."""

    url: str
    headers: Mapping[str, str]
    body: Callable[[], bytes]
    tries: int = 0


class Courier:
    """Posts one account's deliveries. ``statuses`` counts the answers; 0 is no answer."""

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """``switches`` are the sandbox's own, looked at for each delivery."""
        self._clock, self._switches = clock, switches
        self.transport: httpx.AsyncBaseTransport | None = None
        self.statuses: Counter[int] = Counter()
        self.dropped = 0
        self.idle = threading.Event()
        """Set while nothing is under way."""
        self.idle.set()
        self._rng = random.Random(switches["hook_seed"])
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Parcel]] = []
        self._under_way = 0
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes | Callable[[], bytes], *, wait_s: float = 0.0
    ) -> None:
        """Have something delivered, ``wait_s`` later than otherwise; any thread."""
        make = body if callable(body) else lambda: body
        with self._lock:
            if self._rng.random() < self._switches["hook_drop"]:
                self.dropped += 1
                return
            late_s = wait_s + self._switches["hook_delay_s"]
            if self._rng.random() < self._switches["hook_reorder"]:
                late_s += self._rng.uniform(0, OVERTAKEN_S)
            copies = 1 + (self._rng.random() < self._switches["hook_repeat"])
        made: list[bytes] = []

        def once() -> bytes:
            if not made:
                made.append(make())
            return made[0]

        for _ in range(copies):
            self._push(Parcel(url, {"content-type": "application/json", **headers}, once), late_s)

    async def run(self) -> None:
        """Deliver until cancelled."""
        wake = asyncio.Event()
        self._wake = (asyncio.get_running_loop(), wake)
        gate, own = asyncio.Semaphore(POSTS_AT_ONCE), _Wire()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    wake.clear()
                    parcel, left_s = self._next()
                    if parcel is None:
                        await self._sleep(wake, left_s)
                        continue
                    await gate.acquire()
                    work = group.create_task(self._deliver(self.transport or own, parcel))
                    work.add_done_callback(lambda _task: gate.release())
        finally:
            self._wake = None
            for wire in filter(None, (own, self.transport)):
                await wire.aclose()

    def _push(self, parcel: Parcel, late_s: float) -> None:
        with self._lock:
            self.idle.clear()
            heapq.heappush(self._heap, (self._clock.monotonic() + late_s, next(self._order), parcel))
        if self._wake is not None:
            loop, wake = self._wake
            with suppress(RuntimeError):  # that loop has ended; the next `run` finds it
                loop.call_soon_threadsafe(wake.set)

    def _next(self) -> tuple[Parcel | None, float | None]:
        """The next parcel if it is due, else None and the seconds until then (None: nothing waits)."""
        with self._lock:
            if not self._heap:
                return None, None
            left_s = self._heap[0][0] - self._clock.monotonic()
            if left_s > 0:
                return None, left_s
            self._under_way += 1
            return heapq.heappop(self._heap)[2], 0.0

    async def _sleep(self, wake: asyncio.Event, left_s: float | None) -> None:
        waits = {asyncio.ensure_future(wake.wait())}
        if left_s is not None:
            waits.add(asyncio.ensure_future(self._clock.sleep(left_s)))  # type: ignore[arg-type]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _deliver(self, transport: httpx.AsyncBaseTransport, parcel: Parcel) -> None:
        status = 0
        try:
            request = httpx.Request(
                "POST",
                parcel.url,
                headers=parcel.headers,
                content=parcel.body(),
                extensions={"timeout": httpx.Timeout(TIMEOUT_S).as_dict()},
            )
            response = await transport.handle_async_request(request)
            status = response.status_code
            await response.aread()
            await response.aclose()
        except (httpx.TransportError, httpx.InvalidURL):
            pass
        self.statuses[status] += 1
        if not 200 <= status < 300 and parcel.tries < self._switches["hook_retries"]:
            again = Parcel(parcel.url, parcel.headers, parcel.body, parcel.tries + 1)
            self._push(again, RETRY_AFTER_S * (parcel.tries + 1))
        with self._lock:
            self._under_way -= 1
            if not self._heap and not self._under_way:
                self.idle.set()


class _Wire(httpx.AsyncBaseTransport):
    """Real connections, made when the first is needed: certificates take tens of milliseconds to load."""

    def __init__(self) -> None:
        self._inner: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One delivery."""
        if self._inner is None:
            self._inner = httpx.AsyncHTTPTransport(verify=request.url.scheme == "https")
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close them."""
        if self._inner is not None:
            await self._inner.aclose()
