"""One simulated account on a real loopback socket and the adapter connected to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from syncd.domain import filled
from syncd.domain.lead import Fields
from syncd.domain.lens import Reading
from syncd.ports.vendor import Adapter, Page, Remote
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.inprocess import SandboxTransport
from syncd.sandbox.server import serve
from syncd.settings.connections import VENDORS
from syncd.settings.values import Secret
from syncd.vendors.registry import Deps, make
from tests.vendors.clocks import SkippingClock


@dataclass(frozen=True)
class Variant:
    """One way an account may behave.

    id        name in the test's id
    sandbox   key of SANDBOXES
    switches  of the sandbox
    options   further keys of the connection
    page      rows the vendor hands out at a time, for tests that need several pages
    odd_stage a word of this account that no canonical stage maps to, "" if there is none
    note_method  HTTP method that writes a note; ``update_method`` one that updates a lead
    unknown   an id of the right form that nobody has
    timed     records tell when they were created
    memory    what an earlier adapter of this account learned, for what is only learned by failing
    few       switches, and options of the connection, with which it hands out ``few_rows`` at a time
    """

    id: str
    sandbox: str
    switches: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    page: int = 100
    odd_stage: str = ""
    note_method: str = "POST"
    update_method: str = "PUT"
    unknown: str = "999999999999"
    timed: bool = True
    memory: Mapping[str, Any] = field(default_factory=dict)
    few: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})
    few_rows: int = 5

    def __str__(self) -> str:
        return self.id

    def small(self) -> Variant:
        """The same account with small pages."""
        switches, options = self.few
        return replace(self, switches={**self.switches, **switches}, options={**self.options, **options})


def connect(
    variant: Variant,
    url: str,
    clock: Any,
    *,
    token: str = SandboxVendor.token,
    transport: httpx.AsyncBaseTransport | None = None,
    memory: Mapping[str, Any] | None = None,
) -> Adapter:
    """An adapter for ``url``, made the way the bootstrap makes it."""
    needs = dict(SANDBOXES[variant.sandbox](clock).config())
    vendor = VENDORS[needs.pop("vendor")]
    options: dict[str, Any] = {"name": "account", "base_url": url, **needs, **variant.options}
    options["auth"] = {"kind": "token", "token": Secret.literal(token), **options.get("auth", {})}
    return make(vendor(**options), Deps(clock=clock, transport=transport, memory=memory or variant.memory))


@dataclass
class Account:
    """A sandbox that is being served, and the adapter under test."""

    variant: Variant
    sandbox: SandboxVendor
    adapter: Adapter
    url: str
    clock: SkippingClock
    transport: httpx.AsyncBaseTransport | None = None

    def another(self, **options: Any) -> Adapter:
        """A further adapter for the same account."""
        wire = {"transport": self.transport, **options}
        return connect(self.variant, wire.pop("url", self.url), self.clock, **wire)

    async def settle(self) -> None:
        """Let pass what the vendor needs until a new record is visible."""
        await self.clock.sleep(max(self.adapter.capabilities.create_lag_s, 0.0) + 1)

    async def read(self, lead: str) -> tuple[Remote, Reading]:
        """A lead, read singly."""
        remote = await self.adapter.lead(lead)
        return remote, self.adapter.read_lead(remote)

    async def fields(self, lead: str, *, wrote: Fields | None = None) -> dict[str, Any]:
        """A lead's canonical fields. Defaults that filled the blanks of what we ``wrote`` are none of them."""
        remote, reading = await self.read(lead)
        if wrote is not None:
            lenses = self.adapter.lenses
            reading, _ = filled.blanked(lenses, remote.payload, reading, {}, filled.entries(lenses, wrote))
        return dict(reading.fields)

    async def walk(self, cursor: str | None = None, *, full: bool = True) -> list[Page]:
        """All pages of a walk."""
        return [page async for page in self.adapter.leads(cursor, full=full)]

    async def person(self, **plain: Any) -> str:
        """A person adds a lead, and it is visible. Their new leads stand where this vendor's do."""
        if plain.get("stage") == SandboxVendor.stage_words["new"]:
            plain["stage"] = self.sandbox.stage_words["new"]
        lead = self.sandbox.add_person(**{"first_name": "Ada", "last_name": "Lovelace", **plain})
        await self.settle()
        return str(lead)


@contextlib.asynccontextmanager
async def open_account(variant: Variant) -> AsyncIterator[Account]:
    """An account on a real socket."""
    clock = SkippingClock()
    sandbox = SANDBOXES[variant.sandbox](clock, **variant.switches)
    async with serve({"account": sandbox}) as served:
        url = served.urls["account"]
        adapter = connect(variant, url, clock)
        try:
            yield Account(variant, sandbox, adapter, url, clock)
        finally:
            await adapter.aclose()


@contextlib.asynccontextmanager
async def open_in_process(variant: Variant, clock: Any = None) -> AsyncIterator[Account]:
    """An account without sockets, for properties that need many of them; on any clock."""
    clock = clock or SkippingClock()
    sandbox = SANDBOXES[variant.sandbox](clock, **variant.switches)
    url, transport = f"http://account.sandbox{sandbox.prefix}", SandboxTransport({"account.sandbox": sandbox})
    adapter = connect(variant, url, clock, transport=transport)
    try:
        yield Account(variant, sandbox, adapter, url, clock, transport)
    finally:
        await adapter.aclose()


def rows(pages: list[Page]) -> list[Remote]:
    """The rows of all pages."""
    return [row for page in pages for row in page.rows]


def differing(before: Fields, after: Fields) -> set[str]:
    """Names of the fields that are not equal."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}
