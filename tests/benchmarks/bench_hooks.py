"""Deliveries over real sockets while the engine's thread is idle, busy with pages, or spinning (DESIGN §16, §11).

The clients are a process of their own. SYNCD_BENCH_HOOKS sets how many deliveries of each kind. Printed: how long an
answer takes (p50, p99, longest), how many deliveries a second a burst gets through, and what a burst costs in readings.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest

from syncd.bootstrap import open_syncd
from syncd.settings import parse
from syncd.store import schema
from syncd.store.database import open_database
from syncd.web.wiring import Web

HOOKS = int(os.environ.get("SYNCD_BENCH_HOOKS", "1000"))
PER_S = 50
SECRET = "a-secret-for-the-bench"
CLIENT = """
import asyncio, json, sys, time
port, count, per_s, at_once, mark = sys.argv[1:]
async def one(gate, n, out):
    async with gate:
        told = {"meta": {"event_id": f"{mark}-{n}"}, "type": "lead.created", "lead": {"id": f"L{n}"}}
        body = json.dumps(told).encode()
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(b"POST /hooks/cinc HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\nx-syncd-secret: SECRET\\r\\n"
                     b"content-length: %d\\r\\n\\r\\n" % len(body) + body)
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        out.append(time.perf_counter() - started)
async def main():
    gate, out, tasks, started = asyncio.Semaphore(int(at_once)), [], [], time.perf_counter()
    for n in range(int(count)):
        if float(per_s):
            await asyncio.sleep(max(0.0, started + n / float(per_s) - time.perf_counter()))
        tasks.append(asyncio.create_task(one(gate, n, out)))
    await asyncio.gather(*tasks)
    print(json.dumps({"seconds": out, "took": time.perf_counter() - started}))
asyncio.run(main())
""".replace("SECRET", SECRET)


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """A listener as the daemon runs it, on an embedded server with its ordinary, durable settings."""
    (tmp_path / "secret").write_text(SECRET)
    settings = parse(
        f"""
        [database]
        data_dir = "{tmp_path}/pg"
        [connections.cinc]
        vendor = "cinc"
        auth = {{ kind = "token", token = {{ file = "{tmp_path}/secret" }} }}
        webhook_secret = {{ file = "{tmp_path}/secret" }}
        [web]
        listen = "127.0.0.1:0"
        """
    )
    database = open_database(None, "syncd", settings.database.data_dir)
    schema.upgrade(database)
    try:
        async with open_syncd(settings) as syncd:
            web = Web(syncd, stored=lambda _name: None)
            web.start()
            try:
                yield web.port
            finally:
                web.stop()
    finally:
        database.close()


async def _clients(port: int, count: int, per_s: float, at_once: int, mark: str) -> tuple[list[float], float]:
    """Answer times in seconds, and how long all of it took."""
    command = [sys.executable, "-c", CLIENT, str(port), str(count), str(per_s), str(at_once), mark]
    process = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    told = json.loads(process.stdout)
    return sorted(told["seconds"]), told["took"]


def _show(name: str, seconds: list[float]) -> None:
    p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    print(
        f"\n hooks  {name:<34} p50 {p50 * 1000:6.1f} ms   p99 {p99 * 1000:6.1f} ms   "
        f"longest {seconds[-1] * 1000:6.1f} ms   ({len(seconds):,} deliveries)",
        end="",
        flush=True,
    )


def _pages() -> None:
    """What the engine does with a page: JSON, dicts, comparisons."""
    page = orjson.dumps([{"id": n, "info": {f"field {k}": f"text {k}" for k in range(40)}} for n in range(500)])
    rows = orjson.loads(page)
    changed = [row for row in rows if {key.upper(): value for key, value in row["info"].items()}]
    orjson.dumps(changed)


def _spin() -> None:
    """Nothing but Python."""
    sum(n * n for n in range(200_000))


@pytest.mark.parametrize(("busy", "work"), [("idle", None), ("pages of 500 leads", _pages), ("spinning", _spin)])
async def test_answers(port: int, busy: str, work: Callable[[], None] | None) -> None:
    """50 deliveries a second, and a burst, whatever the engine's thread is doing."""
    over = threading.Event()

    def engine() -> None:
        while work is not None and not over.is_set():
            work()

    thread = threading.Thread(target=engine)
    thread.start()
    try:
        paced, _ = await _clients(port, min(HOOKS, 500), PER_S, 64, f"paced-{busy}")
        _show(f"{PER_S} a second, engine {busy}", paced)
        burst, took = await _clients(port, HOOKS, 0, 64, f"burst-{busy}")
        _show(f"64 at once, engine {busy}", burst)
        print(f"   {len(burst) / took:,.0f} a second", end="", flush=True)
    finally:
        over.set()
        thread.join()
