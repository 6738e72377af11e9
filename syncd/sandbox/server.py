"""Any number of sandboxes on loopback ports in one process, and the port people act through.

    async with serve({"cinc": cinc, "chime": chime}) as served:
        served.urls["cinc"]        # http://127.0.0.1:40123/v2, a base_url
        served.control_url         # http://127.0.0.1:40125, see control.py
        print(served.config())     # a TOML config that connects to all of them

Afterwards every port is free again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.control import control_app
from syncd.sandbox.courier import Courier

HOST = "127.0.0.1"
TOKEN_ENV = "SYNCD_SANDBOX_TOKEN"  # noqa: S105 -- the name of a variable
KEEP_ALIVE_S = 30
SHUTDOWN_S = 1.0
UNHURRIED = "60000/60s"
"""The pace the config sets where a sandbox limits nothing: without it syncd keeps to the pace of the real vendor."""
_LIMITS = ("limit", "rate")
"""How sandboxes call the switch that limits calls; 0 is no limit."""
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, slots=True)
class Served:
    """Running sandboxes: their base URLs by name, and the control port's."""

    sandboxes: Mapping[str, SandboxVendor]
    urls: Mapping[str, str]
    control_url: str

    def config(self, token_file: Path | None = None, more: Mapping[str, Mapping[str, Any]] | None = None) -> str:
        """A config that connects to every sandbox; its token is in ``token_file``, else in an environment variable.

        more  further keys by connection, nested tables as mappings
        """
        secret = {"file": str(token_file)} if token_file else {"env": TOKEN_ENV}
        lines = ["# Connects to the simulated vendors of `syncd sandbox serve`."]
        if not token_file:
            lines.append(f"# export {TOKEN_ENV}={next(iter(self.sandboxes.values())).token}")
        lines += ["", "[sync]", 'poll = "5s"', f"order = {_toml(list(self.urls))}"]
        for name, url in self.urls.items():
            sandbox = self.sandboxes[name]
            keys: dict[str, Any] = {**sandbox.config(), "base_url": url}
            lines += ["", f"[connections.{name}]", *_lines(keys)]
            lines.append(f'auth = {{ kind = "token", token = {_inline(secret)} }}')
            lines += _pace(sandbox)
            lines += _lines((more or {}).get(name, {}))
        return "\n".join(lines) + "\n"


@contextlib.asynccontextmanager
async def serve(sandboxes: Mapping[str, SandboxVendor], ports: Sequence[int] = ()) -> AsyncIterator[Served]:
    """Run ``sandboxes`` until the block ends; nothing is left over then.

    ports  one per sandbox in their order, then one for the control port; missing or 0: any free one.
    Raises OSError if a port is taken.
    """
    async with contextlib.AsyncExitStack() as stack:
        urls: dict[str, str] = {}
        wished = [*ports, *[0] * (len(sandboxes) + 1)]
        for (name, sandbox), port in zip(sandboxes.items(), wished, strict=False):
            urls[name] = await stack.enter_async_context(_listening(sandbox.app, port)) + sandbox.prefix
            if sandbox.courier is not None:
                await stack.enter_async_context(_posting(sandbox.courier))
        people = control_app(sandboxes, urls)
        control_url = await stack.enter_async_context(_listening(people, wished[len(sandboxes)]))
        yield Served(sandboxes, urls, control_url)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its ten ticks a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process that runs us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End at once what is idle, after a second what is not; uvicorn's own way polls every tenth of a second."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, busy = await asyncio.wait(set(self.server_state.tasks), timeout=SHUTDOWN_S)
            for task in busy:
                task.cancel()
        for server in self.servers:
            await server.wait_closed()


@contextlib.asynccontextmanager
async def _listening(app: ASGIApp, port: int) -> AsyncIterator[str]:
    """The app on a loopback port; yields its URL."""
    # By its protocol asyncio knows a socket on which small answers must not wait for the other side (TCP_NODELAY).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"port {port} cannot be used: {error.strerror}") from None
    config = uvicorn.Config(
        app,
        access_log=False,
        date_header=False,  # the sandbox has a clock of its own
        http="h11",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        log_level="critical",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        ws="none",
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        started = asyncio.create_task(server.ready.wait())
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.over.set()
        server.should_exit = True
        await running
        listener.close()


@contextlib.asynccontextmanager
async def _posting(courier: Courier) -> AsyncIterator[None]:
    """Webhooks go out until the block ends."""
    work = asyncio.create_task(courier.run())
    try:
        yield
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _pace(sandbox: SandboxVendor) -> list[str]:
    """What the config says about rates; nothing where the sandbox tells its own, the documented ones."""
    if sandbox.rate_override is not None:
        limit, per_s = sandbox.rate_override
        return [f"rate = {_quoted(f'{limit}/{per_s:g}s')}"]
    limits = [sandbox.switches[name] for name in _LIMITS if name in sandbox.switches]
    unlimited = bool(limits) and not any(limits)
    return [f"rate = {_quoted(UNHURRIED)}  # for the sandbox, which limits nothing; not for the real one"] * unlimited


def _lines(keys: Mapping[str, Any], path: str = "") -> list[str]:
    """One line per value, tables as dotted keys: short lines, and what is appended stays in the same table."""
    lines: list[str] = []
    for key, value in keys.items():
        name = f"{path}{_key(key)}"
        lines += _lines(value, f"{name}.") if isinstance(value, Mapping) else [f"{name} = {_toml(value)}"]
    return lines


def _inline(keys: Mapping[str, Any]) -> str:
    return f"{{ {', '.join(f'{_key(key)} = {_toml(value)}' for key, value in keys.items())} }}"


def _key(text: str) -> str:
    return text if text and _BARE.issuperset(text) else _quoted(text)


def _toml(value: Any) -> str:
    """A text, number, truth value or list as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else str(value)
