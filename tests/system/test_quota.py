"""Several processes on one account: in sum they keep to the vendor's limit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from syncd.ports.clock import SystemClock
from syncd.store.database import Database
from tests.sandbox.toy import ToyVendor
from tests.system.town import Town, serving

LIMIT, PER_S = 60, 2.0


@contextmanager
def _hammer(url: str, database: Database, calls: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.system.hammer", url, database.url, f"{LIMIT}/{PER_S}s", str(calls)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_processes_keep_to_the_limit_in_sum(database: Database):
    """Three processes work off a backlog of some windows, a fourth is killed amid its calls: no 429 at all."""
    toy = ToyVendor(SystemClock(), limit=LIMIT, per_s=PER_S, per_endpoint=False)
    with serving({"toy": toy}) as served:
        url = served.urls["toy"]
        with (
            _hammer(url, database, 40) as first,
            _hammer(url, database, 40) as second,
            _hammer(url, database, 40) as third,
            _hammer(url, database, 500) as victim,
        ):
            assert victim.stdout is not None
            assert victim.stdout.readline() == "calling\n"
            victim.kill()
            for process in (first, second, third):
                out, _ = process.communicate(timeout=60)
                assert json.loads(out.splitlines()[-1]) == {"made": 40}
    assert {call.status for call in toy.calls} == {200}
    assert len(toy.calls) > 120


def test_commands_count_their_calls_where_others_see_them(town: Town, database: Database):
    """`auth status` and `sync` ask the shared limits, and give back what they did not use."""
    town.sandboxes["cinc"].add_person(first_name="Ada", email="ada@example.com")
    for command in (("auth", "status"), ("sync", "--json")):
        assert town.syncd(*command).code == 0
    with psycopg.connect(database.url, **database.options) as session:
        rows = session.execute('SELECT connection, "group", given, answered, holds FROM quota').fetchall()
    made = [call for sandbox in town.sandboxes.values() for call in sandbox.calls]
    assert {row[0] for row in rows} == {"cinc", "chime"}
    assert ("chime", "") in {row[:2] for row in rows}
    assert ("cinc", "GET /site/leads") in {row[:2] for row in rows}
    assert all(given == answered for _, _, given, answered, _ in rows)
    assert sum(row[2] for row in rows) <= len(made)
