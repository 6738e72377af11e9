"""A listener on a loopback port, as the daemon runs it, on real PostgreSQL; its vendors are never called."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.bootstrap import Syncd, open_syncd
from syncd.settings import Settings, parse
from syncd.store.database import Database
from syncd.web.wiring import Web
from tests.pg import database, pg_template, pg_url, store

__all__ = ["database", "pg_template", "pg_url", "store"]

SECRET = "a-secret-of-the-config"
TOKEN = "the-token-of-the-operator"
BODY_BYTES_MAX = 64 * 1024
HEADER = {"x-syncd-secret": SECRET}


def settings_of(folder: Path, database_url: str, web: str = "") -> Settings:
    """CINC (secret in a header) and Chime (in the path) at addresses where nobody is; MyCRM has no webhooks."""
    for name, text in (("secret", SECRET), ("token", TOKEN)):
        (folder / name).write_text(text)
    auth = f'auth = {{ kind = "token", token = {{ file = "{folder}/token" }} }}'
    secret = f'webhook_secret = {{ file = "{folder}/secret" }}'
    lines = ["[database]", f'url = "{database_url}"', f'data_dir = "{folder}/pg"']
    for name, more in (("cinc", secret), ("chime", secret), ("mycrm", "")):
        lines += [f"[connections.{name}]", f'vendor = "{name}"', 'base_url = "http://127.0.0.1:9/v2"', auth, more]
    lines += ["[web]", 'listen = "127.0.0.1:0"', f'token = {{ file = "{folder}/token" }}']
    return parse("\n".join([*lines, f"body_bytes_max = {BODY_BYTES_MAX}", web]))


@dataclass
class Listener:
    """A running listener. ``outcomes`` and ``stored`` are what it told."""

    syncd: Syncd
    web: Web
    client: httpx.AsyncClient
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    stored: list[tuple[str, str]] = field(default_factory=list)

    async def hook(self, body: bytes | str = b"{}", **more: Any) -> httpx.Response:
        """A delivery of CINC, authentic unless ``headers`` say otherwise."""
        return await self.client.post("/hooks/cinc", content=body, **{"headers": HEADER, **more})

    async def rows(self) -> list[tuple[Any, ...]]:
        """The inbox: connection, event, state, headers, body."""
        query = "SELECT connection, event, state, headers, body FROM inbox ORDER BY id"
        return await self.syncd.store.fetch(query)


@pytest.fixture
async def listener(tmp_path: Path, database: Database) -> AsyncIterator[Listener]:
    """A listener as the daemon runs it."""
    async with opened(settings_of(tmp_path, database.url)) as found:
        yield found


class opened:  # noqa: N801 - used like a function
    """A listener with these settings, while the block lasts."""

    def __init__(self, settings: Settings, **more: Any) -> None:
        self._settings, self._more = settings, more
        self._syncd = open_syncd(settings)

    async def __aenter__(self) -> Listener:
        syncd = await self._syncd.__aenter__()
        outcomes: Counter[tuple[str, str]] = Counter()
        stored: list[tuple[str, str]] = []

        def told(connection: str, outcome: str) -> None:
            outcomes[connection, outcome] += 1

        def is_stored(connection: str) -> None:
            stored.append((connection, threading.current_thread().name))

        self._web = Web(syncd, stored=is_stored, told=told, **self._more)
        self._web.start()
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._web.port}", trust_env=False, timeout=20)
        return Listener(syncd, self._web, self._client, outcomes, stored)

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        self._web.stop()
        await self._syncd.__aexit__(None, None, None)
