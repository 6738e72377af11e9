"""Two ways to stand behind the adapter: the sandbox, and an installation whose every answer a test writes down."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from syncd.domain.lead import Phone
from syncd.ports.credentials import Credentials
from syncd.sandbox.epixel import EpixelSandbox
from syncd.sandbox.epixel.bodies import fields
from syncd.sandbox.inprocess import SandboxTransport
from syncd.sandbox.message import Ask
from syncd.settings import EpixelConnection, Secret
from syncd.vendors.epixel.adapter import EpixelAdapter, make
from syncd.vendors.registry import Deps
from tests.vendors.clocks import VirtualClock

BASE = f"http://epixel.sandbox{EpixelSandbox.prefix}"
WANTED: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "emails": frozenset({"ada@example.com"}),
    "phone": "+14155552671",
    "phones": frozenset({Phone("+14155552671", "cell")}),
}
"""All that a lead needs there."""
OVERVIEW = {
    "LeadsData": {
        "status": [
            {"status": word, "count": 0, "Description": word.title(), "Color": "#fff"}
            for word in ("new", "contacted", "lost")
        ],
        "source": [{"source": word, "count": 0} for word in ("Website", "open_house")],
    }
}


@dataclass
class Asked:
    """One request as the installation saw it; ``path`` without the base address."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, Any]
    headers: Mapping[str, str]


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]
Answers = Callable[[Asked], Answer]


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Keeps requests, then hands them on to a sandbox or to a function a test writes down."""

    inner: httpx.AsyncBaseTransport | None = None
    answers: Answers | None = None
    asked: list[Asked] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        content = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        form = fields(Ask(request.method, request.url.path, headers=headers, body=content)) if content else {}
        asked = Asked(request.method, request.url.path.removeprefix(EpixelSandbox.prefix), query, form, headers)
        self.asked.append(asked)
        if self.inner is not None:
            return await self.inner.handle_async_request(request)
        assert self.answers is not None
        status, data, *more = self.answers(asked)
        body = b"" if data is None else data if isinstance(data, bytes) else orjson.dumps(data)
        return httpx.Response(status, headers=more[0] if more else {}, stream=httpx.ByteStream(body))

    def of(self, path: str) -> list[Asked]:
        """Requests whose path ends so."""
        return [asked for asked in self.asked if asked.path.endswith(path)]

    @property
    def paths(self) -> list[str]:
        """Method and path of every request."""
        return [f"{asked.method} {asked.path}" for asked in self.asked]


def connection(**options: Any) -> EpixelConnection:
    """The settings of a connection named epixel."""
    auth = {"kind": "token", "token": Secret.literal(EpixelSandbox.token)}
    return EpixelConnection.model_validate({"name": "epixel", "base_url": BASE, "auth": auth, **options})


@dataclass
class Account:
    """A simulated installation and its adapter."""

    sandbox: EpixelSandbox
    adapter: EpixelAdapter
    wire: Wire
    clock: VirtualClock
    options: Mapping[str, Any]

    def person(self, **plain: Any) -> str:
        """A person adds a lead."""
        there = {"first_name": "Ada", "last_name": "Byron", "email": "a@example.com", "phones": [("14155552671", "")]}
        return self.sandbox.add_person(**{**there, **plain})

    async def pages(self, *, full: bool = True) -> list[Any]:
        """All pages of a pull."""
        return [page async for page in self.adapter.leads(None, full=full)]

    async def fields(self, lead: str) -> dict[str, Any]:
        """A lead's canonical fields."""
        return dict(self.adapter.read_lead(await self.adapter.lead(lead)).fields)

    async def update(self, lead: str, **changes: Any) -> None:
        """Write some fields; None empties one."""
        present = await self.adapter.lead(lead)
        before = self.adapter.read_lead(present).fields
        wanted = {name: value for name, value in {**before, **changes}.items() if value is not None}
        await self.adapter.update_lead(lead, wanted, frozenset(changes), present)

    def another(self, **options: Any) -> EpixelAdapter:
        """A further adapter that starts with what this one learned."""
        memory = orjson.loads(orjson.dumps(self.adapter.memory))
        return make(connection(**{**self.options, **options}), Deps(self.clock, self.wire, memory))


@contextlib.asynccontextmanager
async def sandboxed(
    switches: Mapping[str, Any] | None = None, *, kept: Credentials | None = None, **options: Any
) -> AsyncIterator[Account]:
    """An installation in the sandbox."""
    clock = VirtualClock()
    sandbox = EpixelSandbox(clock, **(switches or {}))
    wire = Wire(inner=SandboxTransport({"epixel.sandbox": sandbox}))
    adapter = make(connection(**options), Deps(clock, wire, credentials=kept))
    yield Account(sandbox, adapter, wire, clock, options)
    await adapter.aclose()


def written(
    answers: Answers, *, memory: Mapping[str, Any] | None = None, clock: VirtualClock | None = None, **options: Any
) -> tuple[EpixelAdapter, Wire]:
    """An adapter whose installation answers as a test says; it has an overview unless the test has one."""

    def with_overview(asked: Asked) -> Answer:
        answer = answers(asked)
        return (200, OVERVIEW) if answer[0] == 404 and asked.path.endswith("/overview/") else answer

    wire = Wire(answers=with_overview)
    return make(connection(**options), Deps(clock or VirtualClock(), wire, memory or {})), wire


def enveloped(data: Any, status: int = 200) -> Answer:
    """A success in the documented envelope."""
    return status, {"status_code": status, "errors": {}, "data": data}


def refused(status: int, errors: Any) -> Answer:
    """A refusal in the documented envelope."""
    return status, {"status_code": status, "errors": errors, "data": {}}


def listing(*rows: Any, path: str = "/leads/list/", views: Mapping[str, Any] | None = None) -> Answers:
    """A list of shape a, and views of its rows (or of ``views``)."""
    shown = (
        views if views is not None else {row["slug"]: row for row in rows if isinstance(row, dict) and "slug" in row}
    )

    def answers(asked: Asked) -> Answer:
        if asked.path == path:
            return enveloped(list(rows))
        if asked.path == "/leads/view/lead/" and asked.query.get("slug") in shown:
            return enveloped(shown[asked.query["slug"]])
        return 404, None

    return answers


def lead(slug: str = "ada-1", **more: Any) -> dict[str, Any]:
    """A lead as the sheet's simulator shows it."""
    return {
        "slug": slug,
        "first_name": "Ada",
        "last_name": "Byron",
        "email": f"{slug}@example.com",
        "phone": "14155552671",
        "location": "London",
        "message": "",
        "status": "new",
        "source": "Website",
        "assignee": "jean",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z",
        **more,
    }
