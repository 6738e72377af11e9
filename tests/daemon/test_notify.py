"""What the service manager hears, over a real socket, and when its watchdog is fed."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.daemon.notify import Notify, Watchdog


class Manager:
    """The other end: a datagram socket that keeps what it hears."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address[0] == "@" else address)
        self.socket.settimeout(0)

    def heard(self) -> list[str]:
        """Everything said since the last time."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found


class HandClock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.waiting: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        """Some moment."""
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        """Seconds that passed."""
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has let so much pass."""
        self.waiting.append((self.elapsed_s + seconds, due := asyncio.Event()))
        await due.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.elapsed_s += seconds
        for moment, due in self.waiting:
            if moment <= self.elapsed_s:
                due.set()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A service manager listening at a path, or in the abstract namespace."""
    found = Manager(str(tmp_path / "notify") if request.param == "path" else f"@syncd-test-{uuid.uuid4().hex}")
    with found.socket:
        yield found


def test_states_are_told_in_the_words_of_the_protocol(manager: Manager):
    """Ready, a reload with its monotonic time and stopping, with a status of one line; a datagram each."""
    notify = Notify(manager.address)
    before_us = time.monotonic_ns() // 1000
    assert notify.ready("two connections")
    assert notify.reloading()
    assert notify.status("one slice\nin hand")
    assert notify.stopping("handing back one slice")
    assert notify.watchdog()
    ready, reloading, status, stopping, watchdog = manager.heard()
    assert ready == "READY=1\nSTATUS=two connections"
    first, second = reloading.split("\n")
    assert first == "RELOADING=1"
    assert before_us <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    assert status == "STATUS=one slice in hand"
    assert stopping == "STOPPING=1\nSTATUS=handing back one slice"
    assert watchdog == "WATCHDOG=1"


def test_nobody_listening_is_no_error(tmp_path: Path):
    """Outside of a service manager, or when it is gone, everything is said to nobody and nothing fails."""
    for address in ("", "vsock:2:1234", "relative/path", str(tmp_path / "gone"), f"@{uuid.uuid4().hex}"):
        notify = Notify(address, 10.0)
        assert not any((notify.ready(), notify.reloading("x"), notify.stopping(), notify.status("x")))
        assert not notify.watchdog()


def test_a_service_manager_that_does_not_listen_in_time_does_not_hold_us_up(tmp_path: Path):
    """A full queue costs about a second, once, and the line is given up."""
    stuck = Manager(str(tmp_path / "notify"))
    stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    notify = Notify(stuck.address)
    with stuck.socket:
        began = time.monotonic()
        while notify.status("x" * 100):
            pass
        assert time.monotonic() - began < 10


def test_the_environment_is_read_once_and_not_passed_on():
    """Socket and watchdog come from the environment, which is cleared: a server we start must not speak for us."""
    asked = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "40000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    notify = Notify.from_environment(asked)
    assert asked == {"HOME": "/"}
    assert notify.active
    assert notify.interval_s == 10.0
    assert not Notify.from_environment(asked).active


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"WATCHDOG_USEC": "40000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
    ],
    ids=["none", "of another process", "off", "words", "negative"],
)
def test_there_is_no_watchdog_to_feed(asked: dict[str, str]):
    """Without a limit, or with one meant for another process, there is no interval."""
    assert Notify.from_environment({"NOTIFY_SOCKET": "/run/notify", **asked}).interval_s is None


async def test_the_watchdog_is_fed_by_what_happens_and_by_nothing_else(tmp_path: Path):
    """No word without progress, however much time passes; one word for it, and one for verified idleness; while
    much happens, one word in an interval.
    """
    manager, clock = Manager(str(tmp_path / "notify")), HandClock()
    watchdog = Watchdog(Notify(manager.address), 10.0, clock)
    with manager.socket:
        feeding = asyncio.create_task(watchdog.run())
        await turn()
        assert manager.heard() == []

        watchdog.progress()
        await turn()
        assert manager.heard() == ["WATCHDOG=1"]

        clock.advance(1000)
        await turn()
        assert manager.heard() == []

        watchdog.idle()
        await turn()
        assert manager.heard() == ["WATCHDOG=1"]

        for _ in range(9):
            watchdog.progress()
            clock.advance(1)
            await turn()
        assert manager.heard() == []
        clock.advance(1)
        await turn()
        assert manager.heard() == ["WATCHDOG=1"]
        feeding.cancel()


async def turn() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)
