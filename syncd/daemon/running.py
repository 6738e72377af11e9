"""What runs between start and stop: the queue and who takes from it, the timers, the listener, the watchdog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.daemon import generation
from syncd.daemon.calls import Calls
from syncd.daemon.generation import Generation
from syncd.daemon.housekeeping import keep_house
from syncd.daemon.metrics import Metrics, render
from syncd.daemon.notify import Notify, Watchdog
from syncd.daemon.queue import Queue
from syncd.daemon.timers import Timers
from syncd.daemon.worker import Worker
from syncd.domain.errors import ConfigError, DatabaseError
from syncd.logs import Spells, place_of
from syncd.ports.clock import Clock
from syncd.settings import Settings
from syncd.web.wiring import Web

PATIENCE_S = 8.0
"""How long slices in hand may take to end once we are told to stop."""
AGAIN_FIRST_S, AGAIN_MAX_S = 1.0, 30.0
"""How long to wait before going on after the database was lost; longer each time."""
LOOK_S = 2.0
"""How often to look for slices of workers that have died, and whether anything is left to do."""
_log = structlog.get_logger("syncd.service")


class Running:
    """One process of the service while it runs."""

    def __init__(
        self, settings: Settings, current: Generation, closing: AsyncExitStack, queue: Queue, calls: Calls,
        watched: Metrics, clock: Clock, notify: Notify,
    ) -> None:  # fmt: skip
        self._settings, self._current, self._closing = settings, current, closing
        self._queue, self._calls, self._metrics, self._clock = queue, calls, watched, clock
        self._watchdog = Watchdog(notify, notify.interval_s, clock) if notify.interval_s else None
        progress = self._watchdog.progress if self._watchdog is not None else _nothing
        self._spells = Spells(clock)
        self._worker = Worker(queue, current, clock, watched, self._keep_house, progress, self._spells)
        self._taker = queue.worker(self._worker.slice, at_once=2 * len(settings.connections) + 2, patience_s=PATIENCE_S)
        self._timers: Timers | None = None
        self._web: Web | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._up = False

    @classmethod
    async def open(
        cls, stack: AsyncExitStack, settings: Settings, clock: Clock, notify: Notify, *, daemon: bool
    ) -> Running:
        """Connect to everything. Raises ConfigError, DatabaseError."""
        watched = Metrics()
        calls = Calls(clock)
        closing = await stack.enter_async_context(AsyncExitStack())
        opened = generation.opened(settings, call=calls.call, observe=watched.calls_of)
        current = await closing.enter_async_context(opened)
        queue = Queue(current.syncd.database)
        await queue.open()
        stack.push_async_callback(queue.close)
        running = cls(settings, current, closing, queue, calls, watched, clock, notify)
        stack.push_async_callback(running._close_generation)
        watched.watch(current.syncd.database, clock, lambda: running._settings.connections)
        if daemon:
            running._timers = Timers(queue, clock)
            running._web = running._listener(current)
            await asyncio.to_thread(running._web.start)
            stack.push_async_callback(asyncio.to_thread, running._web.stop)
        return running

    @property
    def port(self) -> int:
        """Where the listener listens; 0 if there is none."""
        return self._web.port if self._web is not None else 0

    async def begin(self) -> None:
        """Start to take slices, and as the daemon to enqueue them."""
        work = [self._take(), self._look(), self._calls.run(self._queue)]
        if self._watchdog is not None:
            work.append(self._watchdog.run())
        self._tasks = [asyncio.create_task(one) for one in work]
        if self._timers is not None:
            self._timers.start(self._settings)
            await self._timers.all_now(self._settings)
        self._up = True

    async def use(self, settings: Settings) -> None:
        """Go on with another config; slices in hand end with the old one. Raises ConfigError, and nothing changes."""
        if settings.database != self._settings.database:
            raise ConfigError(["[database] cannot change while syncd runs"], hint="restart it")
        if settings.web.listen != self._settings.web.listen:
            raise ConfigError(["web.listen cannot change while syncd runs"], hint="restart it")
        closing = AsyncExitStack()
        opened = generation.opened(settings, call=self._calls.call, observe=self._metrics.calls_of)
        current = await closing.enter_async_context(opened)
        try:
            if self._web is not None:
                self._web.use(settings, current.syncd.connections)
        except ConfigError:
            await closing.aclose()
            raise
        old, ending = self._current, self._closing
        self._settings, self._current, self._closing = settings, current, closing
        self._worker.generation = current
        old.slices.stir()
        if self._timers is not None:
            self._timers.use(settings)
            await self._timers.all_now(settings)
        self._tasks.append(asyncio.create_task(_retire(old, ending)))

    async def end(self) -> None:
        """Finish or hand back the slices in hand, and stop everything else."""
        self._up = False
        self._worker.stop()
        if self._timers is not None:
            self._timers.stop()
        self._taker.stop()  # type: ignore[no-untyped-call]
        taking = self._tasks[0]
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(taking), PATIENCE_S + 1)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- tasks -------------------------------------------------------------------------------------

    async def _take(self) -> None:
        """Take slices; where the database is lost, begin again when it is back."""
        pause_s = AGAIN_FIRST_S
        while True:
            began = self._clock.monotonic()
            try:
                await self._taker.run()  # type: ignore[no-untyped-call]
            except Exception as error:  # noqa: BLE001 -- whatever the queue trips over, the service goes on
                self._spells.begin("queue", "queue.lost", error=type(error).__name__, at=place_of(error.__traceback__))
            if self._worker.stopping:
                return
            pause_s = AGAIN_FIRST_S if self._clock.monotonic() - began > AGAIN_MAX_S else min(2 * pause_s, AGAIN_MAX_S)
            await self._clock.sleep(pause_s)

    async def _look(self) -> None:
        """Give slices of the dead to the living; tell the watchdog when nothing is left to do."""
        while True:
            await self._clock.sleep(LOOK_S)
            try:
                rescued = await self._queue.rescue()
                idle = await self._queue.idle()
            except DatabaseError as error:
                self._spells.begin("database", "database.away", error=str(error))
                continue
            self._spells.end("database", "database.back")
            self._spells.end("queue", "queue.back")
            if rescued:
                _log.warning("queue.rescued", slices=rescued)
            if idle and self._watchdog is not None:
                self._watchdog.idle()

    async def _keep_house(self) -> None:
        await keep_house(self._current.syncd, self._clock)

    async def _close_generation(self) -> None:
        await self._closing.aclose()

    # -- the listener --------------------------------------------------------------------------------

    def _listener(self, current: Generation) -> Web:
        loop = asyncio.get_running_loop()
        return Web(
            current.syncd,
            stored=lambda name: _soon(loop, lambda: self._current.slices.hooked(name)),
            ready=lambda: self._up,
            told=self._metrics.webhook,
            routes=[Route("/metrics", self._measured, methods=["GET"])],
            clock=self._clock,
        )

    async def _measured(self, _request: Request) -> Response:
        kind, body = await asyncio.to_thread(render, self._metrics.registry)
        return Response(body, media_type=kind)


async def _retire(old: Generation, ending: AsyncExitStack) -> None:
    """Close what an older config was made into, once its last slice has ended."""
    try:
        await old.idle()
    finally:
        await ending.aclose()


def _soon(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """Do this in another thread's loop, if that is still running."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(work)


def _nothing() -> None:
    """Nobody watches."""
