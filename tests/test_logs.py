"""Log lines under systemd and on terminals, what they are about, and states that are told once."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog

from syncd import logs
from tests.vendors.clocks import SkippingClock


def said(stream: io.StringIO) -> list[dict[str, Any]]:
    """Lines of JSON, parsed."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """A stream that is a terminal, and the end of it at which a person sits."""
    person, machine = pty.openpty()
    with os.fdopen(machine, "w") as stream:
        yield stream, person
    os.close(person)


def test_a_terminal_shows_readable_lines_unless_json_is_asked_for(terminal: tuple[TextIO, int]):
    """By itself a terminal gets text; ``json`` makes lines of JSON of it."""
    stream, person = terminal
    logs.configure("info", stream=stream)
    structlog.get_logger().info("pull.page", records=3)
    stream.flush()
    assert b"pull.page" in (shown := os.read(person, 4096))
    assert b"{" not in shown
    logs.configure("info", stream=stream, form="json")
    structlog.get_logger().info("pull.page", records=3)
    stream.flush()
    assert json.loads(os.read(person, 4096))["records"] == 3


@pytest.mark.parametrize("name", ["INVOCATION_ID", "JOURNAL_STREAM"])
def test_under_systemd_even_a_terminal_gets_json(
    terminal: tuple[TextIO, int], name: str, monkeypatch: pytest.MonkeyPatch
):
    """Either of systemd's variables is enough."""
    stream, person = terminal
    monkeypatch.setenv(name, "8:1")
    logs.configure("info", stream=stream)
    structlog.get_logger().info("pull.page", records=3)
    stream.flush()
    assert json.loads(os.read(person, 4096))["records"] == 3


def test_away_from_a_terminal_lines_can_be_made_readable():
    """``pretty`` writes text without colours into a pipe."""
    stream = io.StringIO()
    logs.configure("info", stream=stream, form="pretty")
    structlog.get_logger().info("pull.page", records=3)
    assert "records=3" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_the_journal_learns_the_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where standard error is the journal itself, a line begins with its priority; elsewhere it never does."""
    with (tmp_path / "journal").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        logs.configure("debug", stream=stream)
        for level in ("debug", "info", "warning", "error"):
            getattr(structlog.get_logger(), level)("e")
        stream.seek(0)
        assert [line[:4] for line in stream] == ["<7>{", "<6>{", "<4>{", "<3>{"]
    other = io.StringIO()
    logs.configure("info", stream=other)
    structlog.get_logger().warning("e")
    assert said(other)[0]["level"] == "warning"


def test_logging_loads_nothing_for_tracebacks():
    """Setting up logs leaves out rich, which structlog would load for tracebacks that are never shown; whoever wants
    rich gets it afterwards.
    """
    program = (
        "import sys, syncd.logs as logs; logs.configure('info'); "
        "assert not any(m.startswith('rich') for m in sys.modules); import rich.table"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_lines_say_which_slice_they_belong_to():
    """Ids hold for everything logged inside, in tasks started inside too, and for nobody beside or after."""
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    log = structlog.get_logger()

    async def slice_of(connection: str) -> None:
        with logs.about(job=logs.new_id(), connection=connection):
            await asyncio.sleep(0)
            await asyncio.create_task(step())
        log.info("after")

    async def step() -> None:
        log.info("step")

    await asyncio.gather(slice_of("cinc"), slice_of("chime"))
    lines = said(stream)
    steps = [line for line in lines if line["event"] == "step"]
    assert {line["connection"] for line in steps} == {"cinc", "chime"}
    assert len({line["job"] for line in steps}) == 2
    assert all(line.keys() == {"event", "level", "timestamp"} for line in lines if line["event"] == "after")


async def test_a_lasting_state_is_told_when_it_begins_and_when_it_ends():
    """A thousand failures of one outage are two lines; the last one tells how long and how often. The next outage is
    news again, and another state is another matter.
    """
    stream, clock = io.StringIO(), SkippingClock()
    logs.configure("info", stream=stream)
    spells = logs.Spells(clock)
    assert not spells.end("cinc", "breaker.closed", connection="cinc")
    assert spells.begin("cinc", "breaker.opened", connection="cinc")
    for _ in range(999):
        assert not spells.begin("cinc", "breaker.opened", connection="cinc")
    assert spells.begin("chime", "breaker.opened", connection="chime")
    await clock.sleep(3600)
    assert spells.end("cinc", "breaker.closed", connection="cinc")
    assert not spells.end("cinc", "breaker.closed", connection="cinc")
    assert spells.begin("cinc", "breaker.opened", connection="cinc")
    events = [(line["event"], line["connection"]) for line in said(stream)]
    opened, closed = "breaker.opened", "breaker.closed"
    assert events == [(opened, "cinc"), (opened, "chime"), (closed, "cinc"), (opened, "cinc")]
    assert said(stream)[2]["times"] == 1000
    assert said(stream)[2]["lasted_s"] >= 3600
