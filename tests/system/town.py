"""A small world for the system tests: both simulated vendors on sockets, a database, and the CLI as a process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.server import Served, serve

TIMEOUT_S = 110
Kept = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON; fails if anything else is on it."""
        return json.loads(self.out)


@dataclass(slots=True)
class Town:
    """Two CRMs that answer, and a config that connects to them."""

    folder: Path
    config: Path
    sandboxes: dict[str, SandboxVendor]
    urls: Mapping[str, str]
    program: tuple[str, ...] = ("-m", "syncd.cli.main")
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        """Requests to write that the vendors have counted."""
        return sum(sandbox.writes for sandbox in self.sandboxes.values())

    @property
    def reads(self) -> int:
        """Requests to read that the vendors have counted."""
        return sum(sandbox.reads for sandbox in self.sandboxes.values())

    def syncd(self, *arguments: str, config: Path | None = None) -> Done:
        """Run a command to its end."""
        with self.started(*arguments, config=config) as process:
            out, err = process.communicate(timeout=TIMEOUT_S)
            return Done(process.returncode, out, err)

    def started_with_input(self, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """A command at work that may be typed to."""
        return self.started(*arguments, stdin=subprocess.PIPE)

    @contextmanager
    def started(
        self, *arguments: str, config: Path | None = None, stdin: int | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A command at work; killed if it still is in the end."""
        process = subprocess.Popen(
            [sys.executable, *self.program, "--config", str(config or self.config), *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1", "PYTHONWARNINGS": "error", **self.environment},
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def rewrite(self, old: str, new: str) -> Path:
        """A second config, with a difference."""
        text = self.config.read_text()
        assert old in text
        other = self.folder / "other.toml"
        other.write_text(text.replace(old, new))
        return other


@contextmanager
def standing(folder: Path, database_url: str, schema: str = "syncd") -> Iterator[Town]:
    """Both vendors on loopback ports, served from a thread, so that the test can look at them meanwhile."""
    clock = SystemClock()
    sandboxes = {
        "cinc": SANDBOXES["cinc"](clock, **PACE["cinc"]),
        "chime": SANDBOXES["chime"](clock, **PACE["chime"]),
    }
    with serving(sandboxes) as served:
        token = folder / "token"
        token.write_text(next(iter(sandboxes.values())).token)
        config = folder / "syncd.toml"
        config.write_text(f'{served.config(token)}\n[database]\nurl = "{database_url}"\nschema = "{schema}"\n')
        yield Town(folder, config, dict(sandboxes), served.urls)


PACE: Mapping[str, Kept] = {"cinc": {}, "chime": {"lag_s": 0.2}}
"""Switches that keep tests from waiting for rate windows and for leads to become visible."""


@contextmanager
def serving(sandboxes: Mapping[str, SandboxVendor]) -> Iterator[Served]:
    """Sandboxes on loopback ports, served from a thread."""
    ready: list[Served] = []
    failed: list[BaseException] = []
    listening, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def work() -> None:
        async with serve(sandboxes) as served:
            ready.append(served)
            listening.set()
            await over.wait()

    def main() -> None:
        try:
            loop.run_until_complete(work())
        except BaseException as error:  # noqa: BLE001 -- told to the test below
            failed.append(error)
        finally:
            listening.set()

    thread = threading.Thread(target=main)
    thread.start()
    try:
        listening.wait(30)
        if failed:
            raise failed[0]
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()
