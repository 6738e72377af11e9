"""Whether the process lives (``/healthz``) and whether it can do its work (``/readyz``).

Both are open to everybody, so they tell yes or no and ask the database once a second at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from syncd.domain.errors import SyncdError
from syncd.ports.clock import Clock

ASKED_EVERY_S = 1.0
DATABASE_S = 2.0


class Health:
    """The two pages."""

    def __init__(self, clock: Clock, database: Callable[[], None], work: Callable[[], bool]) -> None:
        """What being ready means.

        database  blocks, and raises SyncdError unless the database is reachable and its schema current
        work      whether the rest of the process is ready
        """
        self._clock, self._database, self._work = clock, database, work
        self._asked_at = float("-inf")
        self._reachable = False
        self._asking = asyncio.Lock()

    def routes(self) -> list[Route]:
        """``/healthz`` and ``/readyz``."""
        return [Route("/healthz", self._alive), Route("/readyz", self._ready)]

    async def _alive(self, _request: Request) -> Response:
        return PlainTextResponse("ok")

    async def _ready(self, _request: Request) -> Response:
        told = {"database": await self._database_works(), "work": self._work()}
        ready = all(told.values())
        return JSONResponse({"ready": ready, **told}, 200 if ready else 503)

    async def _database_works(self) -> bool:
        async with self._asking:
            if self._clock.monotonic() - self._asked_at >= ASKED_EVERY_S:
                self._reachable = False
                with suppress(SyncdError, TimeoutError):
                    async with asyncio.timeout(DATABASE_S):
                        await asyncio.to_thread(self._database)
                        self._reachable = True
                self._asked_at = self._clock.monotonic()
            return self._reachable
