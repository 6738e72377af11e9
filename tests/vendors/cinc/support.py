"""Two ways to stand behind the adapter: the sandbox, and a site whose every answer a test writes down."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from syncd.settings import CincConnection
from syncd.settings.connections import CincTokenAuth
from syncd.settings.values import Secret
from syncd.vendors.cinc.adapter import CincAdapter, make
from syncd.vendors.registry import Deps
from tests.vendors.clocks import VirtualClock
from tests.vendors.contract.account import Account, Variant, open_in_process


@contextlib.asynccontextmanager
async def sandboxed(switches: Mapping[str, Any] | None = None, **options: Any) -> AsyncIterator[Account]:
    """An account on the sandbox, without sockets."""
    async with open_in_process(Variant("cinc", "cinc", switches or {}, options, 500)) as account:
        yield account


@dataclass
class Asked:
    """One request as the site saw it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class WrittenSite(httpx.AsyncBaseTransport):
    """Answers with what ``answers`` says; remembers what it was asked."""

    answers: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        content = await request.aread()
        asked = Asked(
            request.method,
            request.url.path.removeprefix("/v2"),
            dict(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
            orjson.loads(content) if content else None,
            request.headers.get("authorization", ""),
        )
        self.asked.append(asked)
        status, data, *headers = self.answers(asked)
        return httpx.Response(
            status, headers=headers[0] if headers else {}, stream=httpx.ByteStream(orjson.dumps(data))
        )


def written(
    answers: Callable[[Asked], Answer], *, memory: Mapping[str, Any] | None = None, scheme: str = "auto", **options: Any
) -> tuple[CincAdapter, WrittenSite]:
    """An adapter whose site answers as a test says."""
    site = WrittenSite(answers)
    auth = CincTokenAuth(token=Secret.literal("t0ken"), scheme=scheme)  # type: ignore[arg-type]
    connection = CincConnection(name="cinc", base_url="http://site.test/v2", auth=auth, **options)
    return make(connection, Deps(clock=VirtualClock(), transport=site, memory=memory or {})), site


def row(number: int, **more: Any) -> dict[str, Any]:
    """A list row with every section."""
    sections: dict[str, Any] = {"labels": [], "pipeline": {}, "assigned_agents": {}, "subscriptions": {}}
    info = {"contact": {"email": f"p{number}@example.com"}, "updated_date": "2026-01-01T00:00:00.000Z"}
    return {"id": f"L{number}", "info": info, **sections, **more}
