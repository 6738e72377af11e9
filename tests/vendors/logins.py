"""Adapters that log in with OAuth2 at a simulated account in this process, on a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from syncd.ports.credentials import Credentials, Tokens, Vault
from syncd.ports.vendor import Adapter
from syncd.sandbox import SANDBOXES
from syncd.sandbox.inprocess import SandboxTransport
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH, TokenDesk
from syncd.settings import Secret
from syncd.settings.connections import VENDORS
from syncd.vendors.registry import Deps, make
from syncd.vendors.renewing import MemoryCredentials
from tests.vendors.clocks import VirtualClock

HOST = "http://account.sandbox"
TOKEN_PATHS = {"cinc": "/integrator/token", "chime": "/oauth/token"}


class Wire(httpx.AsyncBaseTransport):
    """The sandbox's transport, with every token request and every header kept."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.asked: list[dict[str, str]] = []
        self.sent: list[str] = []
        self.headers: list[httpx.Headers] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        if request.url.path.endswith("/token"):
            body = (await request.aread()).decode()
            self.asked.append(dict(parse_qsl(body)))
            self.headers.append(request.headers)
        else:
            self.sent.append(request.headers.get("authorization", ""))
        return await self._inner.handle_async_request(request)


class Watched(MemoryCredentials):
    """Keeps every token that was ever saved, and what had been sent to the vendor by then."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[tuple[Tokens, list[str]]] = []
        self.wire: Wire | None = None

    @asynccontextmanager
    async def exclusively(self, connection: str) -> AsyncGenerator[Any]:
        """As always, with a vault that tells."""
        async with super().exclusively(connection) as vault:
            yield _Told(vault, self)


class _Told:
    def __init__(self, vault: Vault, watched: Watched) -> None:
        self._vault, self._watched = vault, watched

    async def read(self) -> Tokens | None:
        return await self._vault.read()

    async def save(self, tokens: Tokens) -> None:
        self._watched.saved.append((tokens, list(self._watched.wire.sent) if self._watched.wire else []))
        await self._vault.save(tokens)


@dataclass
class Account:
    """A sandbox, its desk, and as many adapters as wanted."""

    vendor: str
    sandbox: Any
    wire: Wire
    clock: VirtualClock
    kept: Credentials = field(default_factory=MemoryCredentials)
    auth: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def desk(self) -> TokenDesk:
        """Where tokens are handed out."""
        desk: TokenDesk = self.sandbox.oauth.desk
        return desk

    @property
    def statuses(self) -> list[int]:
        """Answers so far, those of the token endpoint left out."""
        return [call.status for call in self.sandbox.calls if "token" not in call.template]

    def adapter(self, **auth: Any) -> Adapter:
        """A connection called "mine"."""
        base = f"{HOST}{self.sandbox.prefix}"
        given: dict[str, Any] = {
            "kind": "oauth2",
            "client_id": CLIENT_ID,
            "client_secret": Secret.literal(CLIENT_SECRET),
            "refresh_token": Secret.literal(FIRST_REFRESH),
            "token_url": f"{base}{TOKEN_PATHS[self.vendor]}",
            **self.auth,
            **auth,
        }
        given = {key: value for key, value in given.items() if value is not None}
        connection = VENDORS[self.vendor].model_validate({"name": "mine", "base_url": base, "auth": given})
        return make(connection, Deps(self.clock, self.wire, self.memory, credentials=self.kept))


def account(vendor: str = "cinc", *, kept: Credentials | None = None, **switches: Any) -> Account:
    """An account of a vendor; ``kept``: where tokens are kept."""
    clock = VirtualClock()
    sandbox = SANDBOXES[vendor](clock, **switches)
    wire = Wire(SandboxTransport({"account.sandbox": sandbox}))
    if isinstance(kept, Watched):
        kept.wire = wire
    return Account(vendor, sandbox, wire, clock, kept if kept is not None else MemoryCredentials())
