"""A Chime adapter before a simulated account, with every request kept, or before answers written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from syncd.sandbox.chime import ChimeSandbox
from syncd.sandbox.inprocess import SandboxTransport
from syncd.settings import ChimeConnection, ChimeTokenAuth, Secret
from syncd.vendors.chime.adapter import ChimeAdapter, make
from syncd.vendors.registry import Deps

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


class StepClock:
    """Time moves only by sleeping."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        """The moment."""
        return START + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.elapsed_s += max(0.0, seconds)


@dataclass
class Sent:
    """One request on the wire."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Keeps requests, then hands them on."""

    inner: httpx.AsyncBaseTransport
    sent: list[Sent] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        content = await request.aread()
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        body = orjson.loads(content) if content else None
        self.sent.append(Sent(request.method, request.url.path, query, dict(request.headers), body))
        return await self.inner.handle_async_request(request)

    def of(self, method: str, end: str = "") -> list[Sent]:
        """Requests by method and the end of their path."""
        return [sent for sent in self.sent if sent.method == method and sent.path.endswith(end)]


class Scripted(httpx.AsyncBaseTransport):
    """Answers from a function of (method, path, query): (status, body) with bytes or JSON-ready data."""

    def __init__(self, answer: Callable[[str, str, dict[str, str]], tuple[int, Any]]) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        status, body = self._answer(request.method, request.url.path, query)
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        headers = {"content-type": "application/json", "X-RateLimit-Limit": "500", "X-RateLimit-Remaining": "499"}
        return httpx.Response(status, headers=headers, content=content)


def connection(**options: Any) -> ChimeConnection:
    """The settings of a connection named chime."""
    auth = ChimeTokenAuth(token=Secret.literal(ChimeSandbox.token), **options.pop("auth", {}))
    return ChimeConnection(name="chime", **{"base_url": "http://chime.sandbox", "auth": auth, **options})


@dataclass
class Account:
    """A simulated account and its adapter."""

    sandbox: ChimeSandbox
    adapter: ChimeAdapter
    wire: Wire
    clock: StepClock

    async def pages(self, cursor: str | None = None, *, full: bool = True) -> list[Any]:
        """All pages of a pull."""
        return [page async for page in self.adapter.leads(cursor, full=full)]

    async def fields(self, lead: str) -> dict[str, Any]:
        """A lead's canonical fields."""
        return dict(self.adapter.read_lead(await self.adapter.lead(lead)).fields)


def account(dialect: str = "chime", *, memory: dict[str, Any] | None = None, switches: dict[str, Any] | None = None,
            **options: Any) -> Account:  # fmt: skip
    """A fresh account of a dialect; ``options`` are further keys of the connection."""
    clock = StepClock()
    sandbox = ChimeSandbox(clock, dialect=dialect, **(switches or {}))
    wire = Wire(SandboxTransport({"chime.sandbox": sandbox}))
    adapter = make(connection(dialect=dialect, **options), Deps(clock=clock, transport=wire, memory=memory or {}))
    return Account(sandbox, adapter, wire, clock)


def scripted(
    answer: Callable[[str, str, dict[str, str]], tuple[int, Any]], **options: Any
) -> tuple[ChimeAdapter, Wire]:
    """An adapter before hand-written answers."""
    wire = Wire(Scripted(answer))
    return make(connection(**options), Deps(clock=StepClock(), transport=wire)), wire
