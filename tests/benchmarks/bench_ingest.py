"""First ingest, comparison with nothing changed, and calls per changed lead (DESIGN §16).

The vendor is a process of its own behind a real socket. Notes are left out (direction ``off``): their
cost is the vendor's quota, one call a lead at least. SYNCD_BENCH_LEADS sets the number of leads.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.bootstrap import Syncd, open_syncd
from syncd.engine.agents import learn_agents
from syncd.engine.connection import silent
from syncd.engine.plan import plan
from syncd.engine.pull import Depth, pull
from syncd.engine.push import Push
from syncd.ports.clock import SystemClock
from syncd.ports.rows import Batch
from syncd.settings import Settings, parse
from syncd.store import schema
from syncd.store.database import open_database

LEADS = int(os.environ.get("SYNCD_BENCH_LEADS", "20000"))
CHANGED = 200
WHOLE = Depth(walk=True, all_notes=True)


@pytest.fixture(params=["cinc", "chime"])
def vendor(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A sandbox process with `LEADS` people."""
    command = [sys.executable, "-m", "tests.benchmarks.vendor", request.param, str(LEADS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield {"name": request.param, **json.loads(process.stdout.readline())}
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture
def settings(vendor: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One connection to the sandbox, on an embedded server with its ordinary, durable settings."""
    monkeypatch.setenv("SYNCD_BENCH_TOKEN", vendor["token"])
    return parse(
        f"""
        [database]
        data_dir = "{tmp_path}/pg"
        [connections.{vendor["name"]}]
        vendor = "{vendor["name"]}"
        base_url = "{vendor["url"]}"
        auth = {{ kind = "token", token = {{ env = "SYNCD_BENCH_TOKEN" }} }}
        rate = "1000000/20s"
        fields = {{ notes = "off" }}
        """
    )


def _show(name: str, text: str) -> None:
    print(f"\n{name:>6}  {text}", end="", flush=True)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _timed(syncd: Syncd, depth: Depth) -> tuple[float, int, int]:
    """Seconds, leads pulled and requests of one pull: fetched, normalised, matched, linked, journalled."""
    connection = syncd.connections[0]
    await learn_agents(syncd.store, SystemClock(), connection)
    before = sum(connection.adapter.requests.values())
    started = time.perf_counter()
    pulled = await pull(syncd.store, SystemClock(), connection, depth, silent)
    seconds = time.perf_counter() - started
    return seconds, pulled.pulled, sum(connection.adapter.requests.values()) - before


async def test_first_ingest_and_no_change(vendor: dict[str, Any], settings: Settings) -> None:
    """Leads a second for a first ingest, a full comparison and an incremental cycle; calls per changed lead."""
    name = vendor["name"]
    database = open_database(None, "syncd", settings.database.data_dir)
    schema.upgrade(database)
    try:
        base_mb = _peak_mb()
        async with open_syncd(settings) as syncd:
            seconds, pulled, requests = await _timed(syncd, WHOLE)
            assert pulled >= LEADS
            _show(
                name, f"first ingest        {pulled / seconds:8,.0f} leads/s  ({pulled:,} leads, {requests} requests)"
            )
            started = time.perf_counter()
            planned = await plan(syncd.store, SystemClock(), syncd.connections)
            await syncd.store.clean(planned.in_step)
            _show(name, f"plan, all new       {LEADS / (time.perf_counter() - started):8,.0f} leads/s")
        async with open_syncd(settings) as syncd:
            seconds, pulled, requests = await _timed(syncd, WHOLE)
            _show(
                name, f"nothing changed     {pulled / seconds:8,.0f} leads/s  ({pulled:,} leads, {requests} requests)"
            )
            seconds, pulled, requests = await _timed(syncd, Depth())
            _show(name, f"incremental, idle   {seconds * 1000:8,.0f} ms       ({pulled:,} rows, {requests} requests)")
            _show(name, f"peak memory         {_peak_mb():8,.0f} MB       ({base_mb:,.0f} MB before the first lead)")
            ids = [link async for batch in syncd.store.live_ids(name, "lead") for link in batch][:CHANGED]
            calls = await _edit_canonically(syncd, ids)
            _show(name, f"calls per changed lead {calls:5.2f}  ({CHANGED} leads, one field each, write_guard read)")
    finally:
        database.close()


async def _edit_canonically(syncd: Syncd, ids: list[str]) -> float:
    """Change one field of some leads in the graph, as another CRM would, and count the calls to bring them here."""
    connection = syncd.connections[0]
    async with syncd.store.transaction() as tx:
        links = await tx.links(connection.name, "lead", ids)
        leads = await tx.leads([link.node for link in links.values() if link.node is not None])
        changed = [replace(lead, fields={**lead.fields, "city": "Savannah"}) for lead in leads.values()]
        await tx.save(Batch(leads=changed, dirty=set(leads)))
    planned = await plan(syncd.store, SystemClock(), syncd.connections)
    assert not planned.held, planned.held
    before = sum(connection.adapter.requests.values())
    pushed = await Push(syncd.store, SystemClock(), connection).leads(planned.by_connection[connection.name])
    assert pushed.failed == 0
    return (sum(connection.adapter.requests.values()) - before) / len(leads)


async def test_the_vendor_alone(vendor: dict[str, Any]) -> None:
    """What the sandbox itself can serve, the ceiling of all figures above."""
    if vendor["name"] != "cinc":
        pytest.skip("the ceiling is shown once")
    async with httpx.AsyncClient() as client:
        query, rows, started = "limit=500&offset=0", 0, time.perf_counter()
        while True:
            answer = (
                await client.get(f"{vendor['url']}/site/leads?{query}", headers={"Authorization": vendor["token"]})
            ).json()
            rows += len(answer["leads"])
            following = (answer.get("paging") or {}).get("next")
            if not following or not answer["leads"]:
                break
            query = f"limit=500&next={following}"
    _show("cinc", f"httpx and json alone {rows / (time.perf_counter() - started):7,.0f} leads/s")
