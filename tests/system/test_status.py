"""`syncd status` as a process: the numbers of the service, once and again and again."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from syncd.cli.main import main
from syncd.store.database import Database
from syncd.store.postgres import PostgresStore
from tests.pg import store
from tests.store.shapes import page
from tests.system.town import Town

__all__ = ["store"]
KEYS = {
    "connections", "leads", "conflicts", "reviews", "quarantined", "held", "dirty", "waiting", "held_plans", "queue",
}  # fmt: skip
MEASURED = {"lag_s", "inbox", "quota", "held_until"}


@pytest.fixture
def known(town: Town, database: Database) -> Town:
    """Two connections that were opened and never read."""
    with database.connect() as session:
        session.execute("INSERT INTO connection (name, vendor) VALUES ('cinc', 'cinc'), ('chime', 'chime')")
    return town


async def test_status_tells_the_numbers_of_the_service(known: Town, store: PostgresStore):
    """Lag, inbox, quota and circuit by connection, the queue, and all older keys still. A lead that has to be planned
    lags behind until it is in step.
    """
    async with store.transaction() as tx:
        await tx.save(page([1]))
    found = known.syncd("status", "--json").json
    assert found.keys() == KEYS
    assert (found["dirty"], found["queue"]) == (1, [])
    for one in found["connections"].values():
        assert one.keys() == MEASURED | {
            "vendor", "paused", "last_pull", "last_full", "last_error", "links", "last_run",
        }  # fmt: skip
        assert (one["inbox"], one["held_until"]) == (0, None)
        assert one["lag_s"] > 0
    readable = known.syncd("status").out
    assert "lag" in readable
    assert "1 lead to plan" in readable
    await store.clean({1: 1})
    assert all(one["lag_s"] == 0 for one in known.syncd("status", "--json").json["connections"].values())


def test_watching_in_a_pipe_is_a_line_a_look(known: Town):
    """Each look is one line with the time and every connection; Ctrl-C ends it without a complaint."""
    with known.started("status", "--watch", "0.2") as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    for line in lines:
        assert "dirty=0" in line
        assert "cinc: lag=0s" in line
        assert "chime: lag=0s" in line


def test_watching_as_json_is_a_document_a_line(known: Town):
    """Each line is what `status --json` prints; SIGTERM ends it as well."""
    with known.started("status", "--watch", "0.2", "--json") as process:
        assert process.stdout
        documents = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert documents[0].keys() == KEYS


def test_whoever_has_seen_enough_may_hang_up(known: Town):
    """`… --watch | head` ends with the reader, without a complaint."""
    with known.started("status", "--watch", "0.2") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""


def test_watching_on_a_terminal_is_alive(known: Town):
    """A terminal shows the table in place, again and again, until Ctrl-C; the end is clean."""
    person, machine = pty.openpty()
    command = [sys.executable, "-m", "syncd.cli.main", "--config", str(known.config), "status", "--watch", "0.2"]
    environment = {**os.environ, **known.environment, "TERM": "xterm", "COLUMNS": "150", "LINES": "40"}
    with subprocess.Popen(command, stdin=machine, stdout=machine, stderr=subprocess.PIPE, env=environment) as process:
        os.close(machine)
        shown = watched(person, lambda text: text.count("every 0.2 s") >= 3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    os.close(person)
    assert (process.returncode, err) == (0, b"")
    assert "Nothing waits." in shown
    assert "\x1b[" in shown  # it moves up instead of scrolling on


def watched(terminal: int, enough: Callable[[str], bool]) -> str:
    """What appears on a terminal until it is enough."""
    text, until = "", time.monotonic() + 60
    while not enough(text):
        assert time.monotonic() < until, text
        if select.select([terminal], [], [], 1.0)[0]:
            text += os.read(terminal, 65536).decode()
    return text


def test_odd_intervals_are_usage_errors(capsys: pytest.CaptureFixture[str]):
    """Seconds without --watch, and too few of them, whatever config there is."""
    for arguments in (["5"], ["--watch", "0"]):
        with pytest.raises(SystemExit) as left:
            main(["status", *arguments])
        assert left.value.code == 2
        assert "--watch 5" in capsys.readouterr().err
