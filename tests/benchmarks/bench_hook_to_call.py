"""From a webhook to the call it causes at the other vendor, through a daemon as a process (DESIGN §16).

People edit leads in CINC at a steady rate; CINC calls; the daemon reads the lead, merges, plans and writes to Chime
(``write_guard = "trust"``). Taken is the time from the moment CINC posts its delivery to the arrival of the write at
Chime, without the time for which CINC had our reading in hand. Both vendors call us, so Chime tells of our own writes
as well.

The simulated vendors answer from threads of this process, on the machine's processors like everything else.
SYNCD_BENCH_EDITS sets how many edits, SYNCD_BENCH_PER_S how many in a second.
"""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import httpx
import pytest

from syncd.sandbox.message import Ask
from syncd.store import schema
from syncd.store.database import open_database
from tests.system.office import free_port
from tests.system.service import Process, started
from tests.system.town import TIMEOUT_S, Town, standing

EDITS = int(os.environ.get("SYNCD_BENCH_EDITS", "1000"))
PER_S = float(os.environ.get("SYNCD_BENCH_PER_S", "50"))
PEOPLE = 200
WORDS = re.compile(r'"([^"]+)"')
CALM_S = 1.0
"""Without a call for so long, what there was to do at the start is done."""


@dataclass
class Stopwatch:
    """Times the way of every edit. ``there``: the record in CINC → the same person's in Chime."""

    there: dict[str, str]
    called: dict[str, float] = field(default_factory=dict)
    """CINC's record → when CINC called about it, the vendor's own time taken off."""
    waiting: set[str] = field(default_factory=set)
    """Records that were edited and have not arrived."""
    taken: list[float] = field(default_factory=list)
    last_call: float = 0.0
    _asked: dict[int, float] = field(default_factory=dict)
    _done: threading.Condition = field(default_factory=threading.Condition)

    def edited(self, lead: str) -> None:
        """Somebody edits a lead in CINC."""
        with self._done:
            self.waiting.add(lead)

    def posted(self, lead: str) -> None:
        """CINC calls us about a lead."""
        with self._done:
            if lead in self.waiting:
                self.called.setdefault(lead, time.perf_counter())

    def cinc(self, ask: Ask, moment: str) -> None:
        """What CINC needs for answering our reading is CINC's time."""
        now, lead = time.perf_counter(), ask.path.rpartition("/")[2]
        with self._done:
            self.last_call = now
            if moment == "before":
                self._asked[id(ask)] = now
            elif lead in self.called:
                self.called[lead] += now - self._asked.pop(id(ask), now)

    def chime(self, ask: Ask, moment: str) -> None:
        """A write arrives."""
        now, lead = time.perf_counter(), ask.path.rpartition("/")[2]
        with self._done:
            self.last_call = now
            mine = next((one for one, other in self.there.items() if other == lead), "") if ask.write else ""
            if moment == "before" and mine in self.called:
                self.taken.append(now - self.called.pop(mine))
                self.waiting.discard(mine)
                self._done.notify_all()

    def all_arrived(self) -> None:
        """Wait for the writes under way."""
        with self._done:
            self._done.wait_for(lambda: not self.waiting, TIMEOUT_S)

    def calm(self) -> None:
        """Wait until nobody has called a vendor for a while."""
        while (left := self.last_call + CALM_S - time.perf_counter()) > 0:
            time.sleep(left)


class Post(httpx.AsyncBaseTransport):
    """CINC's deliveries, their moments noted."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch, self._wire = watch, httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One delivery."""
        for word in WORDS.findall(request.content.decode()):
            self._watch.posted(word)
        return await self._wire.handle_async_request(request)

    async def aclose(self) -> None:
        """Hang up."""
        await self._wire.aclose()


@pytest.mark.timeout(600)
def test_from_hook_to_call(tmp_path: Path):
    """Printed: p50, p99 and the longest."""
    database = open_database(None, "syncd", tmp_path / "pg" / "data")
    try:
        schema.upgrade(database)
        with standing(tmp_path, database.url) as town:
            watch = prepared(town)
            with started(town, "run") as daemon:
                edited(town, watch, daemon)
    finally:
        database.close()
    cuts = quantiles(watch.taken, n=100)
    told = f"p50 {1000 * cuts[49]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms, longest {1000 * max(watch.taken):.0f} ms"
    print(f"\nhook to call at {PER_S:.0f}/s: {len(watch.taken)} writes, {len(watch.waiting)} never; {told}")


def prepared(town: Town) -> Stopwatch:
    """Everybody in both CRMs, both of which call us; the daemon would not find the edits by itself."""
    port = free_port()
    text = town.config.read_text().replace('poll = "5s"', 'poll = "1h"')
    text = text.replace(
        "[connections.chime]\n", '[connections.chime]\nwrite_guard = "trust"\nguard = { share = 1.0 }\n'
    )
    web = f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
    town.config.write_text(f"{text}\n{web}")
    cinc, chime = town.sandboxes["cinc"], town.sandboxes["chime"]
    chime.switches["limit"] = cinc.switches["limit"] = 60_000
    for n in range(PEOPLE):
        cinc.add_person(first_name=f"P{n}", last_name="Byron", email=f"p{n}@example.com")
    assert town.syncd("sync", "--until-quiet").code == 0
    assert town.syncd("webhooks", "register").code == 0
    there = {chime.shows(lead)["email"]: lead for lead in chime.ids()}
    watch = Stopwatch({lead: there[cinc.shows(lead)["email"]] for lead in cinc.ids()})
    cinc.fault, chime.fault = watch.cinc, watch.chime
    assert cinc.courier is not None
    cinc.courier.transport = Post(watch)
    return watch


def edited(town: Town, watch: Stopwatch, daemon: Process) -> None:
    """People edit at a steady rate, once the daemon has seen to what there was to do at its start."""
    daemon.says("service.started")
    watch.last_call = time.perf_counter()
    watch.calm()
    began = time.perf_counter()
    ids = list(watch.there)
    for n in range(EDITS):
        time.sleep(max(0.0, began + n / PER_S - time.perf_counter()))
        lead = ids[n % len(ids)]
        watch.edited(lead)
        town.sandboxes["cinc"].edit(lead, "city", f"Town {n}")
    watch.all_arrived()
    assert daemon.stop() == 0
