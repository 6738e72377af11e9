"""`syncd run` and `syncd worker` as processes: everything in step, stopping, reloading, being killed."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from syncd.sandbox.faults import Fault
from syncd.sandbox.message import Ask, Reply
from syncd.store.database import Database
from tests.acceptance.test_killed import fill, state
from tests.system.service import STOP_S, Process, Watch, started
from tests.system.town import Town, standing

TOKEN = "an operator's token, long enough"


def busy(town: Town, **more: str) -> Town:
    """Polls every second, listens anywhere."""
    text = town.config.read_text().replace('poll = "5s"', 'poll = "1s"')
    secret = town.folder / "web-token"
    secret.write_text(TOKEN)
    keys = "".join(f"{key} = {value}\n" for key, value in more.items())
    town.config.write_text(f'{text}\n[web]\nlisten = "127.0.0.1:0"\ntoken = {{ file = "{secret}" }}\n{keys}')
    return town


def get(port: int, path: str, token: str = "") -> tuple[int, str]:
    """Status and body of a page."""
    request = Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310 -- loopback
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, ""


def in_step(town: Town) -> bool:
    """Whether both show the same people."""
    shown = [Counter(sandbox.shows(lead)["email"] for lead in sandbox.ids()) for sandbox in town.sandboxes.values()]
    return shown[0] == shown[1]


def test_the_daemon_carries_an_edit_over_by_itself_and_stops_when_told(tmp_path: Path, database: Database):
    """Started, it brings both in step; an edit reaches the other CRM without a command; it tells how it is; SIGTERM
    ends it within ten seconds, with 0.
    """
    with standing(tmp_path, database.url) as town:
        watch = Watch(busy(town))
        ada = town.sandboxes["cinc"].add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
        with started(town, "run") as daemon:
            watch.until(town.sandboxes["chime"].ids)
            (there,) = town.sandboxes["chime"].ids()
            town.sandboxes["cinc"].edit(ada, "city", "London")
            watch.until(lambda: town.sandboxes["chime"].shows(there).get("city") == "London")
            town.sandboxes["chime"].edit(there, "last_name", "Lovelace")
            watch.until(lambda: town.sandboxes["cinc"].shows(ada).get("last_name") == "Lovelace")
            port = daemon.port
            assert [get(port, path)[0] for path in ("/healthz", "/readyz", "/metrics", "/nowhere")] == [
                200,
                200,
                401,
                404,
            ]
            status, page = get(port, "/metrics", TOKEN)
            assert status == 200
            assert 'syncd_leads_linked{connection="chime"} 1.0' in page
            assert daemon.stop() == 0
        assert "service.stopped" in daemon.lines[-1]
        assert not any("defect" in line or "Traceback" in line for line in daemon.lines)


def test_a_changed_config_is_taken_and_a_bad_one_refused(tmp_path: Path, database: Database):
    """SIGHUP: a config with an error is told and changes nothing; a good one is used from then on, and work goes on."""
    with standing(tmp_path, database.url) as town:
        watch = Watch(busy(town))
        ada = town.sandboxes["cinc"].add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
        with started(town, "run") as daemon:
            watch.until(town.sandboxes["chime"].ids)
            good = town.config.read_text()
            town.config.write_text(good.replace("[sync]", "[sync]\npol = 1"))
            daemon.popen.send_signal(signal.SIGHUP)
            assert "pol" in daemon.says("reload.refused")
            town.config.write_text(
                good.replace("[connections.chime]", '[connections.chime]\nfields = { city = "read" }')
            )
            daemon.popen.send_signal(signal.SIGHUP)
            daemon.says("reload.done")
            (there,) = town.sandboxes["chime"].ids()
            town.sandboxes["cinc"].edit(ada, "city", "London")
            town.sandboxes["cinc"].edit(ada, "last_name", "Lovelace")
            watch.until(lambda: town.sandboxes["chime"].shows(there).get("last_name") == "Lovelace")
            assert not town.sandboxes["chime"].shows(there).get("city")
            assert daemon.stop() == 0


def test_asked_twice_it_ends_at_once_and_goes_on_from_there(tmp_path: Path, database: Database):
    """A vendor that takes its time holds up the first SIGTERM; the second one ends the process on the spot, and
    another one does what was left.
    """
    with standing(tmp_path, database.url) as town:
        busy(town)
        chime = town.sandboxes["chime"]
        held = threading.Event()

        def slow(ask: Ask, moment: str) -> Fault | None:
            if ask.write and moment == "before":
                held.set()
                return Fault("delay", delay_s=6.0)
            return None

        chime.fault = slow
        town.sandboxes["cinc"].add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
        with started(town, "run") as daemon:
            assert held.wait(STOP_S * 3)
            daemon.popen.send_signal(signal.SIGTERM)
            daemon.says("service.stopping")
            daemon.popen.send_signal(signal.SIGTERM)
            assert daemon.popen.wait(2) == 1
        watch = Watch(town)
        with started(town, "run") as daemon:
            watch.until(chime.ids)
            assert daemon.stop() == 0
        assert len(chime.ids()) == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_two_daemons_and_two_workers_killed_at_random_end_as_one_undisturbed(tmp_path: Path, database: Database):
    """Four processes over one database and two vendors; each is killed once with -9, at a call that comes at random,
    and started again. In the end both show what they show after one quiet sync, no slice of a connection ran
    beside another one, no vendor had to refuse a call, and nothing is left to write.
    """
    rng = random.Random(7)  # noqa: S311 -- which moments, nothing secret
    with standing(tmp_path, database.url) as town, ExitStack() as stack:
        watch = Watch(busy(town))
        refused = refusals(town)
        fill(town, 7)
        commands = ["run", "run", "worker", "worker"]
        processes: list[Process] = [stack.enter_context(started(town, command)) for command in commands]
        for number in rng.sample(range(4), 4):
            watch.until(partial(calls_reach, town, town.reads + town.writes + rng.randint(5, 40)))
            processes[number].kill()
            processes[number] = stack.enter_context(started(town, commands[number]))
            for sandbox in town.sandboxes.values():
                sandbox.edit(rng.choice(sandbox.ids()), "city", f"Town {number}")
        watch.until(lambda: in_step(town))
        for process in processes:
            process.says("service.started")
            assert process.stop() == 0
        assert town.syncd("sync", "--until-quiet").code in {0, 3}
        before = town.writes
        assert town.syncd("sync", "--until-quiet", "--full").code in {0, 3}
        assert town.writes == before
        assert in_step(town)
        shown = state(town)
        assert len(shown["cinc"]) == len(shown["chime"]) == len(set(shown["cinc"]))
        assert refused == []
        assert overlapping(database) == []


def calls_reach(town: Town, number: int) -> bool:
    """Whether the vendors have had so many calls."""
    return town.reads + town.writes >= number


def refusals(town: Town) -> list[str]:
    """The vendors whose limit was overstepped, once for each call: it grows."""
    found: list[str] = []
    for name, sandbox in town.sandboxes.items():

        def refuse(name: str = name, refuse: Callable[[], Reply] = sandbox.refuse_rate) -> Reply:
            found.append(name)
            return refuse()

        sandbox.refuse_rate = refuse  # type: ignore[method-assign]
    return found


def overlapping(database: Database) -> list[tuple[str, int, int]]:
    """Runs of one connection that were under way at the same time; those that were killed never ended."""
    with database.connect() as connection:
        return connection.execute(
            """SELECT a.connection, a.id, b.id FROM run a JOIN run b ON a.connection = b.connection AND a.id < b.id
               WHERE a.started_at < b.ended_at AND b.started_at < a.ended_at"""
        ).fetchall()
