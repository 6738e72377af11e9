"""From a webhook to the call it causes at the other vendor, through a daemon as a process (DESIGN §16).

People edit leads in CINC at a steady rate; CINC calls; the daemon reads the lead, merges, plans and writes to Chime
(``write_guard = "trust"``). Taken is the time from the edit to the arrival of the write at Chime, the simulated
vendors' own time included: they answer from another thread of this process. SYNCD_BENCH_EDITS sets how many.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from statistics import quantiles

import pytest

from syncd.sandbox.message import Ask
from syncd.store import schema
from syncd.store.database import open_database
from tests.system.office import free_port
from tests.system.service import started
from tests.system.town import TIMEOUT_S, standing

EDITS = int(os.environ.get("SYNCD_BENCH_EDITS", "1000"))
PER_S = 50.0
PEOPLE = 200


@pytest.mark.timeout(600)
def test_from_hook_to_call(tmp_path: Path):
    """Printed: p50, p99 and the longest."""
    database = open_database(None, "syncd", tmp_path / "pg" / "data")
    try:
        schema.upgrade(database)
        with standing(tmp_path, database.url) as town:
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
            mine = {lead: there[cinc.shows(lead)["email"]] for lead in cinc.ids()}
            typed: dict[str, float] = {}
            taken: list[float] = []
            done = threading.Condition()

            def fault(ask: Ask, moment: str) -> None:
                lead = ask.path.rpartition("/")[2]
                if ask.write and moment == "before" and lead in typed:
                    with done:
                        taken.append(time.perf_counter() - typed.pop(lead))
                        done.notify_all()

            chime.fault = fault
            with started(town, "run") as daemon:
                daemon.says("service.started")
                began = time.perf_counter()
                ids = list(mine)
                for n in range(EDITS):
                    time.sleep(max(0.0, began + n / PER_S - time.perf_counter()))
                    lead = ids[n % len(ids)]
                    typed.setdefault(mine[lead], time.perf_counter())
                    cinc.edit(lead, "city", f"Town {n}")
                with done:
                    done.wait_for(lambda: not typed, TIMEOUT_S)
                assert daemon.stop() == 0
    finally:
        database.close()
    cuts = quantiles(taken, n=100)
    told = f"p50 {1000 * cuts[49]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms, longest {1000 * max(taken):.0f} ms"
    print(f"\nhook to call at {PER_S:.0f}/s: {len(taken)} writes, {len(typed)} never; {told}")
