"""The service: `syncd run` and `syncd worker`, from the first connection to the last slice.

Both take slices; the daemon also has the timers and the listener. A second signal to stop ends the process on the spot,
which loses no more than a power cut would: nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import structlog

from syncd.daemon.notify import Notify
from syncd.daemon.running import Running
from syncd.domain.errors import ConfigError, SyncdError
from syncd.ports.clock import Clock, SystemClock
from syncd.settings import Settings

STOPPING = (signal.SIGTERM, signal.SIGINT)
_log = structlog.get_logger("syncd.service")


@dataclass(slots=True)
class Service:
    """One process of the service.

    load    reads the config; called again at every reload
    daemon  with timers and the listener, beside taking slices
    ready   told once everything runs, with the listener's port (0: none)
    """

    load: Callable[[], Settings]
    daemon: bool = True
    ready: Callable[[int], None] = lambda _port: None
    clock: Clock = field(default_factory=SystemClock)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _reload: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Serve until told to stop. Raises SyncdError if it cannot start."""
        settings = self.load()
        notify = Notify.from_environment()
        self._listen_to_signals()
        async with AsyncExitStack() as stack:
            running = await Running.open(stack, settings, self.clock, notify, daemon=self.daemon)
            await running.begin()
            notify.ready(_status(settings))
            self.ready(running.port)
            _log.info("service.started", connections=len(settings.connections), daemon=self.daemon)
            try:
                await self._until_stopped(running, notify)
            finally:
                notify.stopping()
                _log.info("service.stopping")
                await running.end()
        _log.info("service.stopped")

    async def _until_stopped(self, running: Running, notify: Notify) -> None:
        while not self._stop.is_set():
            waits = [asyncio.create_task(event.wait()) for event in (self._stop, self._reload)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()
            if self._reload.is_set() and not self._stop.is_set():
                self._reload.clear()
                notify.reloading()
                notify.ready(await self._reloaded(running))

    async def _reloaded(self, running: Running) -> str:
        """Take a new config, or keep the old one; what became of it, in a line."""
        try:
            settings = await asyncio.to_thread(self.load)
            await running.use(settings)
        except SyncdError as error:
            problems = error.problems if isinstance(error, ConfigError) else [str(error)]
            for problem in problems:
                _log.error("reload.refused", problem=problem)
            return f"kept the old config: {problems[0]}"
        _log.info("reload.done", connections=len(settings.connections))
        return _status(settings)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if self._stop.is_set():
                os._exit(1)  # asked twice: as safe as being killed, which any process must survive
            self._stop.set()

        for one in STOPPING:
            loop.add_signal_handler(one, stop)
        with suppress(AttributeError, ValueError):
            loop.add_signal_handler(signal.SIGHUP, self._reload.set)


def _status(settings: Settings) -> str:
    number = len(settings.connections)
    return f"keeping {number} connection{'s' * (number != 1)} in step"
