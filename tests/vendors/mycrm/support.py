"""Two ways to stand behind the adapter: the sandbox, and an account whose every answer a test writes down."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from syncd.sandbox.inprocess import SandboxTransport
from syncd.sandbox.mycrm import MyCrmSandbox
from syncd.settings import MyCrmConnection, MyCrmTokenAuth, Secret
from syncd.vendors.mycrm.adapter import MyCrmAdapter, make
from syncd.vendors.registry import Deps
from tests.vendors.clocks import VirtualClock

DEFAULTS: dict[str, Any] = {
    "title": "mr",
    "last_name": "-",
    "country": "AE",
    "category": "residential",
    "source": "other",
    "source_channel": "syncd",
    "financial": "cash",
    "offering_type": "sale",
    "preference": {"types": [2], "locations": ["are.2.15"], "from_price": 1000, "to_price": 2000},
}
"""Everything MyCRM demands but a phone and a first name."""


@dataclass
class Asked:
    """One request as the account saw it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str]


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Keeps requests, then hands them on to a sandbox or to a function a test writes down."""

    inner: httpx.AsyncBaseTransport | None = None
    answers: Callable[[Asked], Answer] | None = None
    asked: list[Asked] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        content = await request.aread()
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        body = orjson.loads(content) if content else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.url.path, query, body, headers)
        self.asked.append(asked)
        if self.inner is not None:
            return await self.inner.handle_async_request(request)
        assert self.answers is not None
        status, data, *more = self.answers(asked)
        content = b"" if data is None else data if isinstance(data, bytes) else orjson.dumps(data)
        return httpx.Response(status, headers=more[0] if more else {}, stream=httpx.ByteStream(content))

    def of(self, method: str, path: str = "") -> list[Asked]:
        """Requests by method and the beginning of their path."""
        return [asked for asked in self.asked if asked.method == method and asked.path.startswith(path)]


def connection(**options: Any) -> MyCrmConnection:
    """The settings of a connection named mycrm."""
    auth = MyCrmTokenAuth(token=Secret.literal(MyCrmSandbox.token))
    return MyCrmConnection(name="mycrm", **{"base_url": "http://mycrm.sandbox", "auth": auth, **options})


@dataclass
class Account:
    """A simulated account and its adapter."""

    sandbox: MyCrmSandbox
    adapter: MyCrmAdapter
    wire: Wire
    clock: VirtualClock

    async def pages(self, cursor: str | None = None, *, full: bool = True) -> list[Any]:
        """All pages of a pull."""
        return [page async for page in self.adapter.leads(cursor, full=full)]

    async def fields(self, lead: str) -> dict[str, Any]:
        """A lead's canonical fields."""
        return dict(self.adapter.read_lead(await self.adapter.lead(lead)).fields)

    def another(self, **options: Any) -> MyCrmAdapter:
        """A further adapter that starts with what this one learned."""
        deps = Deps(clock=self.clock, transport=self.wire, memory=orjson.loads(orjson.dumps(self.adapter.memory)))
        return make(connection(**{"create_defaults": DEFAULTS, **options}), deps)


@contextlib.asynccontextmanager
async def sandboxed(switches: Mapping[str, Any] | None = None, **options: Any) -> AsyncIterator[Account]:
    """An account on the sandbox. Whatever a test does, nobody may ever have called a collection's DELETE or PATCH."""
    clock = VirtualClock()
    sandbox = MyCrmSandbox(clock, **(switches or {}))
    wire = Wire(inner=SandboxTransport({"mycrm.sandbox": sandbox}))
    adapter = make(connection(**{"create_defaults": DEFAULTS, **options}), Deps(clock=clock, transport=wire))
    yield Account(sandbox, adapter, wire, clock)
    await adapter.aclose()
    assert sandbox.bulk_calls == 0


def written(
    answers: Callable[[Asked], Answer], *, memory: Mapping[str, Any] | None = None, **options: Any
) -> tuple[MyCrmAdapter, Wire]:
    """An adapter whose account answers as a test says."""
    wire = Wire(answers=answers)
    return make(connection(**options), Deps(clock=VirtualClock(), transport=wire, memory=memory or {})), wire


def lead(number: int, **more: Any) -> dict[str, Any]:
    """A lead that shows everything MyCRM demands."""
    there = {
        "title": "ms",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": f"p{number}@example.com",
        "mobile": "0501234567",
        "country": "UAE",
        "status": "prospect",
        "source": "portal",
        "channel": "bayut",
        "financial": "cash",
        "user": {"id": 7, "first_name": "Jean"},
        "preferences": [
            {
                "id": "1",
                "locations": [{"id": "are.3.1200", "city": "Dubai", "tower": "Wind Tower 1"}],
                "types": [{"id": 2, "name": "Apartment", "category": "residential"}],
                "from_price": 120000,
                "to_price": 125000,
                "offering_type": "rent",
            }
        ],
        "notes": [],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    return {"id": number, **there, **more}
