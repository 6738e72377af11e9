"""The listener's thread: an event loop of its own, so that a busy engine does not delay an answer.

Python runs one thread at a time, but it changes between them every few milliseconds whatever they do, and a single
event loop does not: a page of 500 leads would hold up every hook that comes meanwhile. An answer takes half a dozen
such changes (accept, read, ask the database, hear from it, write), so while we run they come every `SWITCH_S`. Beside
a busy engine a burst is then answered several times as fast as with Python's own interval, and an engine without
anybody beside it is not slower (tests/benchmarks/bench_hooks.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import structlog
import uvicorn
from starlette.types import ASGIApp

from syncd.domain.errors import ConfigError
from syncd.logs import place_of
from syncd.web.protocol import guarded

KEEP_ALIVE_S = 30
START_S = 30.0
STOP_S = 5.0
FINISH_S = 1.0
"""How long requests under way may take when we stop."""
SWITCH_S = 0.0002
"""Python's own default is 5 ms."""
BACKLOG = 1024
OpenApp = Callable[[], AbstractAsyncContextManager[ASGIApp]]
_log = structlog.get_logger()


class WebServer:
    """Serves one application in a thread from `start` to `stop`."""

    def __init__(self, listen: str, open_app: OpenApp, *, request_s: float = 10.0, connections_max: int = 256) -> None:
        """Nothing is opened yet.

        listen    ``host:port``; port 0 is any free one
        open_app  opens the application inside the thread's loop, and closes what it needs
        """
        self._listen, self._open_app = listen, open_app
        self._protocol = guarded(request_s=request_s, connections_max=connections_max)
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._server: _Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._switched_s = SWITCH_S
        self.port = 0
        """The port in use, once started."""

    def start(self) -> None:
        """Listen. Raises ConfigError if the address cannot be used, and whatever opening the application raises."""
        listener = self._bind()
        self.port = listener.getsockname()[1]
        self._switched_s = sys.getswitchinterval()
        sys.setswitchinterval(min(self._switched_s, SWITCH_S))
        self._thread = threading.Thread(target=self._main, args=(listener,), name="web", daemon=True)
        self._thread.start()
        in_time = self._ready.wait(START_S)
        if self._failed is not None:
            self.stop()
            raise self._failed
        if not in_time:
            self.stop()
            raise ConfigError([f"web.listen: {self._listen} did not start in {START_S:g} s"])
        _log.info("web.listening", address=self._listen, port=self.port)

    def stop(self) -> None:
        """Answer what is under way, and end. Without effect if it is not running."""
        if self._thread is None:
            return
        if self._loop is not None and self._server is not None:
            with contextlib.suppress(RuntimeError):  # its loop has ended by itself
                self._loop.call_soon_threadsafe(self._server.end)
        self._thread.join(STOP_S)
        self._thread = None
        sys.setswitchinterval(self._switched_s)

    @property
    def alive(self) -> bool:
        """Whether the listener is running; a daemon that has one watches this."""
        return self._thread is not None and self._thread.is_alive()

    def _bind(self) -> socket.socket:
        host, _, port = self._listen.rpartition(":")
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host.strip("[]"), int(port), type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )[0]
            listener = socket.socket(family, kind, protocol)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
                listener.listen(BACKLOG)
            except OSError:
                listener.close()
                raise
        except OSError as error:
            problem = f"web.listen: {self._listen} cannot be used: {error.strerror or 'no such address'}"
            raise ConfigError([problem], hint="is another syncd running? else choose another port") from None
        return listener

    def _main(self, listener: socket.socket) -> None:
        try:
            with listener:
                asyncio.run(self._serve(listener))
        except BaseException as error:  # noqa: BLE001 - told to whoever started us, or to the log
            self._failed = error
            if self._ready.is_set():
                _log.error("web.ended", error=type(error).__name__, at=place_of(error.__traceback__))
        finally:
            self._ready.set()

    async def _serve(self, listener: socket.socket) -> None:
        async with self._open_app() as app:
            self._server = _Server(self._config(app), self._ready)
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[listener])

    def _config(self, app: ASGIApp) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            http=self._protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,  # addresses hold secrets
            log_config=None,
            log_level="critical",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            backlog=BACKLOG,
        )


class _Server(uvicorn.Server):
    """uvicorn without signal handlers and without ten ticks a second."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready, self._over = ready, asyncio.Event()

    def end(self) -> None:
        """Stop listening, in the server's own loop."""
        self.should_exit = True
        self._over.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's business."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        await self.on_tick(0)  # the Date header of the first answer
        self._ready.set()

    async def main_loop(self) -> None:
        """Renew the Date header every second until the end."""
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._over.wait()
            await self.on_tick(0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - `_main` closes it
        """End at once what is idle, after a second what is not."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, busy = await asyncio.wait(set(self.server_state.tasks), timeout=FINISH_S)
            for task in busy:
                task.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # a request that never came whole
