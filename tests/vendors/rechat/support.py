"""Two ways to stand behind the adapter: the sandbox, and a brand whose every answer a test writes down."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from syncd.domain.lead import Phone
from syncd.sandbox.inprocess import SandboxTransport
from syncd.sandbox.rechat import RechatSandbox
from syncd.sandbox.rechat.ids import BRAND, CHANNEL
from syncd.settings import RechatConnection, RechatTokenAuth
from syncd.settings.values import Secret
from syncd.vendors.rechat.adapter import RechatAdapter, make
from syncd.vendors.rechat.custom import Catalogue
from syncd.vendors.rechat.mapping import Mapped, Options, build
from syncd.vendors.registry import Deps
from tests.vendors.clocks import VirtualClock

ADA: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "emails": frozenset({"ada@example.com"}),
    "phone": "+12125550123",
    "phones": frozenset({Phone("+12125550123", "cell")}),
}
"""Somebody to write."""


@dataclass
class Asked:
    """One request as the brand saw it. ``query`` keeps order and repeats."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Any
    headers: Mapping[str, str]

    def one(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Keeps requests, then hands them on."""

    inner: httpx.AsyncBaseTransport
    asked: list[Asked] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        content = await request.aread()
        query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
        body = orjson.loads(content) if content else None
        self.asked.append(Asked(request.method, request.url.path, query, body, request.headers))
        return await self.inner.handle_async_request(request)

    def of(self, method: str, end: str = "") -> list[Asked]:
        """Requests by method and the end of their path."""
        return [asked for asked in self.asked if asked.method == method and asked.path.endswith(end)]


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Written(httpx.AsyncBaseTransport):
    """Answers with what ``answers`` says; bytes go out as they are."""

    answers: Callable[[Asked], Answer]
    wire: Wire | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        assert self.wire is not None
        status, data, *headers = self.answers(self.wire.asked[-1])
        content = data if isinstance(data, bytes) else b"" if data is None else orjson.dumps(data)
        return httpx.Response(status, headers=headers[0] if headers else {}, content=content)


def connection(**options: Any) -> RechatConnection:
    """The settings of a connection named rechat."""
    auth = RechatTokenAuth(token=Secret.literal(RechatSandbox.token))
    given = {"brand": BRAND, "lead_channel": CHANNEL, "base_url": "http://rechat.sandbox", "auth": auth, **options}
    return RechatConnection(name="rechat", **given)


@dataclass
class Account:
    """A simulated brand and its adapter."""

    sandbox: RechatSandbox
    adapter: RechatAdapter
    wire: Wire
    clock: VirtualClock

    async def pages(self, cursor: str | None = None, *, full: bool = True) -> list[Any]:
        """All pages of a pull."""
        return [page async for page in self.adapter.leads(cursor, full=full)]

    async def fields(self, lead: str) -> dict[str, Any]:
        """A contact's canonical fields."""
        return dict(self.adapter.read_lead(await self.adapter.lead(lead)).fields)

    async def update(self, lead: str, **values: Any) -> None:
        """Write some fields the way the engine does."""
        present = await self.adapter.lead(lead)
        shown = self.adapter.read_lead(present).fields
        names = {name.replace("__", "."): value for name, value in values.items()}
        wanted = self.adapter.lenses.show({**shown, **names}, shown)
        wanted = {name: value for name, value in wanted.items() if names.get(name, value) is not None}
        await self.adapter.update_lead(lead, wanted, frozenset(names), present)

    def rows(self, lead: str, kind: str) -> list[dict[str, Any]]:
        """The stored rows of a type."""
        return [row for row in self.sandbox.store.contacts[lead].rows.values() if row["attribute_type"] == kind]


@contextlib.asynccontextmanager
async def sandboxed(
    switches: Mapping[str, Any] | None = None, *, memory: Mapping[str, Any] | None = None, **options: Any
) -> AsyncIterator[Account]:
    """An account on the sandbox, without sockets, on virtual time."""
    clock = VirtualClock()
    sandbox = RechatSandbox(clock, **(switches or {}))
    wire = Wire(SandboxTransport({"rechat.sandbox": sandbox}))
    adapter = make(connection(**options), Deps(clock=clock, transport=wire, memory=memory or {}))
    try:
        yield Account(sandbox, adapter, wire, clock)
    finally:
        await adapter.aclose()


def written(
    answers: Callable[[Asked], Answer], *, memory: Mapping[str, Any] | None = None, **options: Any
) -> tuple[RechatAdapter, Wire]:
    """An adapter whose brand answers as a test says."""
    inner = Written(answers)
    wire = inner.wire = Wire(inner)
    deps = Deps(clock=VirtualClock(), transport=wire, memory=memory or {})
    return make(connection(**options), deps), wire


def uuid(number: int) -> str:
    """An id."""
    return f"00000000-0000-4000-8000-{number:012d}"


def attribute(number: int, kind: str | None, text: Any = None, **more: Any) -> dict[str, Any]:
    """A row as Rechat shows it."""
    row = {"id": uuid(1000 + number), "attribute_type": kind, "text": text, "created_at": 1_700_000_000 + number}
    return {**row, "type": "contact_attribute", **more}


def contact(number: int, *rows: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A contact with its rows; times are one second apart."""
    time = 1_780_000_000 + number
    shown = {
        "id": uuid(number),
        "attributes": list(rows),
        "user": {"id": uuid(900)},
        "assignees": [],
        "type": "contact",
    }
    return {**shown, "created_at": time, "updated_at": time, "deleted_at": None, **more}


def ok(data: Any, total: int | None = None) -> dict[str, Any]:
    """An envelope."""
    info = {"info": {"count": len(data), "total": total or 0}} if isinstance(data, list) else {}
    return {"code": "OK", "data": data, **info}


def calls(account: Account) -> list[str]:
    """Method and path of every write."""
    return [f"{a.method} {a.path.replace(BRAND, '{brand}')}" for a in account.wire.asked if a.method != "GET"]


def mapped(rows: list[dict[str, Any]] | None = None, **options: Any) -> Mapped:
    """A table; ``rows`` are the account's definitions."""
    catalogue = Catalogue()
    if rows is not None:
        catalogue.replace(rows)
    return build(Options(**options), catalogue)
