"""One config in force: its adapters, its store and the slices made of them. A reload makes the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.bootstrap import Syncd, open_syncd
from syncd.engine.slices import Slices
from syncd.ports.clock import SystemClock
from syncd.settings import Settings
from syncd.store.inbox import PostgresInbox

if TYPE_CHECKING:
    import httpx

    from syncd.vendors.observed import Observe


@dataclass(slots=True)
class Generation:
    """What a config was made into. It ends when its last slice has."""

    syncd: Syncd
    slices: Slices
    _under_way: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def at_work(self) -> Iterator[Slices]:
        """While a slice uses it, it is not closed."""
        self._under_way += 1
        self._idle.clear()
        try:
            yield self.slices
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def idle(self) -> None:
        """Wait until no slice uses it."""
        if self._under_way:
            await self._idle.wait()


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    call: Callable[[str], None] = lambda _connection: None,
    observe: Callable[[str], Observe] | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> AsyncIterator[Generation]:
    """Open everything a config names. Raises ConfigError, DatabaseError.

    call  told the name of a connection that has news no live slice here attends to
    """
    clock = SystemClock()
    async with open_syncd(settings, clock=clock, observe=observe, transports=transports) as syncd:
        inbox = PostgresInbox(syncd.store)
        yield Generation(syncd, Slices(syncd.store, inbox, clock, syncd.connections, call=call))
