"""What people do that no poll sees, beside a daemon that polls every second; and what a repair must bring about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from syncd.store.database import Database
from tests.system.desk import typed
from tests.system.service import Process, Watch, started
from tests.system.town import Town


def secretly(town: Town, lead: str, change: Callable[[Any], None]) -> None:
    """A lead of Chime's changes, and its update time says that it was last changed yesterday."""
    chime: Any = town.sandboxes["chime"]
    change(chime)
    found = chime.leads[int(lead)]
    found.updated = chime.now() - timedelta(days=1)
    chime._rows.touch(found.id)
    chime._version += 1


@contextmanager
def beside_a_daemon(town: Town) -> Iterator[tuple[Process, Watch]]:
    """The town in step, and a daemon that polls it every second and reads notes only of leads that moved."""
    text = town.config.read_text().replace('poll = "5s"', 'poll = "1s"\nnotes_sweep = 0')
    town.config.write_text(f'{text}\n[web]\nlisten = "127.0.0.1:0"\n')
    assert typed(town, "sync", "--full", "--until-quiet").code == 0
    watch = Watch(town)
    with started(town, "run") as daemon:
        daemon.says("service.started")
        yield daemon, watch
        assert daemon.stop() == 0
    assert not any("defect" in line or "Traceback" in line for line in daemon.lines)


def polled(database: Database, watch: Watch) -> None:
    """Wait until every connection has been polled from beginning to end."""
    with database.connect() as connection:
        (now,) = connection.execute("SELECT now()").fetchone() or ()

    def done() -> bool:
        query = "SELECT DISTINCT connection FROM run WHERE kind = 'pull' AND started_at > %s AND ended_at IS NOT NULL"
        with database.connect() as connection:
            return len(connection.execute(query.encode(), [now]).fetchall()) == len(watch.town.sandboxes)

    watch.until(done)
