"""As much of the service as webhooks need: a world whose vendors call a listener, and slices of the inbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from syncd.bootstrap import Syncd
from syncd.engine.inbox import Taken, Taking
from syncd.ports.hooks import address_of
from syncd.ports.inbox import Received
from syncd.store.arrivals import PostgresArrivals
from syncd.store.inbox import PostgresInbox
from syncd.web.wiring import Web
from tests.acceptance.world import World

LIMIT_S = 60.0


@dataclass
class Service:
    """A world whose vendors call us, as far as the daemon needs it: a listener, and slices of the inbox."""

    world: World
    syncd: Syncd
    inbox: PostgresInbox
    arrivals: PostgresArrivals

    def connection(self, name: str) -> Any:
        """A connection of the engine."""
        return next(one for one in self.syncd.connections if one.name == name)

    async def arrived(self) -> None:
        """Every delivery under way is stored."""
        for sandbox in self.world.sandboxes.values():
            assert sandbox.courier is not None
            assert await asyncio.to_thread(sandbox.courier.idle.wait, 20)

    async def take(self, name: str, *, limit_s: float = LIMIT_S) -> Taken:
        """One slice of a connection's inbox, batch after batch for about ``limit_s``."""
        connection, clock = self.connection(name), self.world.clock
        state = await self.syncd.store.connection(name, connection.adapter.vendor)
        connection.walked = state.last_walk
        taking, ends = Taking(self.syncd.store, self.inbox, clock, connection), clock.monotonic() + limit_s

        def late() -> bool:
            return clock.monotonic() >= ends

        while await taking.batch(late) and taking.taken.error is None and not late():
            pass
        return taking.taken

    async def hint(self, name: str, event: str, body: Any, **more: Any) -> bool:
        """A delivery, stored as the receiver stores it."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        at = more.pop("at", self.world.clock.now())
        return await self.arrivals.put(Received(name, event, at, {}, text, **more))

    async def states(self, name: str) -> list[tuple[str, int, str]]:
        """State, attempts and error of every row of a connection."""
        query = "SELECT state, attempts, error FROM inbox WHERE connection = %s ORDER BY id"
        return [(state, attempts, error) for state, attempts, error in await self.syncd.store.fetch(query, name)]

    async def caught_up(self) -> None:
        """Both CRMs and we agree, and no delivery waits."""
        await self.world.quiet()
        await self.arrived()
        for name in self.world.sandboxes:
            await self.take(name)

    async def field(self, lead: str, name: str) -> Any:
        """A canonical field, by e-mail or record."""
        return (await self.world.shown(lead))["fields"].get(name)


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[Service]:
    """The service, its hooks registered with both vendors, and all of it in step."""
    (world.folder / "hook-secret").write_text("a-secret-for-the-hooks")
    secret = f'webhook_secret = {{ file = "{world.folder}/hook-secret" }}'
    world.cinc_options += f"\n{secret}"
    world.chime_options += f"\n{secret}"
    world.agents += '\n[web]\nlisten = "127.0.0.1:0"'
    async with world.open() as syncd:
        web = Web(syncd, stored=lambda _name: None, clock=world.clock)
        web.start()
        try:
            async with PostgresArrivals(syncd.database).opened() as arrivals:
                for connection in syncd.connections:
                    address = address_of(f"http://127.0.0.1:{web.port}", connection.name)
                    assert connection.adapter.hooks is not None
                    await connection.adapter.hooks.register(address, "a-secret-for-the-hooks")
                yield Service(world, syncd, PostgresInbox(syncd.store), arrivals)
        finally:
            web.stop()
