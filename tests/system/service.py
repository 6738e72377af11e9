"""Daemons and workers as processes beside a town, and a way to wait for what vendors come to show."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from syncd.sandbox.message import Ask
from tests.system.town import TIMEOUT_S, Town

STOP_S = 10.0
"""Within this a process that was told to stop has ended."""


@dataclass(slots=True)
class Process:
    """A daemon or a worker. What it logs is read as it comes."""

    popen: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        """Read its log to the end, in a thread."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            with self.heard:
                self.lines.append(line)
                self.heard.notify_all()
        with self.heard:
            self.heard.notify_all()

    def says(self, words: str, *, times: int = 1) -> str:
        """Wait until its log holds these words; the line."""

        def found() -> list[str]:
            return [line for line in self.lines if words in line]

        with self.heard:
            self.heard.wait_for(lambda: len(found()) >= times or self.popen.poll() is not None, TIMEOUT_S)
            assert len(found()) >= times, "".join(self.lines[-20:])
            return found()[times - 1]

    @property
    def port(self) -> int:
        """Where it listens."""
        found = re.search(r"listening on port (\d+)", self.says("listening on port"))
        assert found is not None
        return int(found[1])

    def stop(self) -> int:
        """Ask it to end, and wait; its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(STOP_S)

    def kill(self) -> None:
        """As a power cut would."""
        self.popen.kill()
        self.popen.wait()


@contextmanager
def started(town: Town, command: str) -> Iterator[Process]:
    """``syncd run`` or ``syncd worker`` at work; killed in the end if it still runs."""
    assert command != "run" or "listen = " in town.config.read_text(), "it would take the port of another test's"
    popen = subprocess.Popen(
        [sys.executable, "-m", "syncd.cli.main", "--config", str(town.config), "--log-format", "json", command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error", **town.environment},
    )
    process = Process(popen)
    ears = threading.Thread(target=process.listen, daemon=True)
    ears.start()
    try:
        yield process
    finally:
        if popen.poll() is None:
            process.kill()
        ears.join(STOP_S)
        assert popen.stderr is not None
        popen.stderr.close()


@dataclass(slots=True)
class Watch:
    """Notices every call that any vendor gets."""

    town: Town
    called: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        """From now on."""

        def fault(_ask: Ask, moment: str) -> None:
            if moment == "after":
                with self.called:
                    self.called.notify_all()

        for sandbox in self.town.sandboxes.values():
            sandbox.fault = fault

    def until(self, true: Callable[[], Any]) -> None:
        """Wait, looking after every call, until something is true."""
        with self.called:
            assert self.called.wait_for(true, TIMEOUT_S), "it did not come to that"


@contextmanager
def fleet(town: Town, *commands: str) -> Iterator[list[Process]]:
    """Several processes over one database."""
    with ExitStack() as stack:
        yield [stack.enter_context(started(town, command)) for command in commands]
