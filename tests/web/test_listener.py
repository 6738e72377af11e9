"""The listener itself: health, the login before everything else, how it starts, changes and ends."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from syncd.bootstrap import open_syncd
from syncd.domain.errors import ConfigError, DatabaseError
from syncd.ports.clock import SystemClock
from syncd.store.database import Database
from syncd.web.secrets import Secrets
from syncd.web.wiring import Web
from tests.vendors.clocks import SkippingClock
from tests.web.conftest import HEADER, SECRET, TOKEN, Listener, opened, settings_of

ALLOWED = {"authorization": f"Bearer {TOKEN}"}


async def _numbers(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("numbers")


async def _broken(_request: Request) -> PlainTextResponse:
    raise RuntimeError("ann@example.com")


async def test_health_and_readiness(tmp_path: Path, database: Database):
    """`/healthz` says that the process lives; `/readyz` follows the database and the rest of the process."""
    works = threading.Event()
    async with opened(settings_of(tmp_path, database.url), ready=works.is_set) as listener:
        assert (await listener.client.get("/healthz")).text == "ok"
        ready = await listener.client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"ready": False, "database": True, "work": False})
        works.set()
        ready = await listener.client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "database": True, "work": True})
        head = await listener.client.head("/healthz")
        assert (head.status_code, head.content) == (200, b"")
        assert (await listener.client.post("/readyz")).status_code == 405


async def test_everything_else_needs_the_token(tmp_path: Path, database: Database):
    """Mounted pages answer 401 unless the bearer token is right; their paths and methods are no secret."""
    routes = [Route("/metrics", _numbers), Mount("/pages", Starlette(routes=[Route("/x", _numbers)]))]
    async with opened(settings_of(tmp_path, database.url), routes=routes) as listener:
        for path in ("/metrics", "/pages/x"):
            refused = await listener.client.get(path)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="syncd"')
            for said in ("Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, f"Bearer {SECRET}"):
                assert (await listener.client.get(path, headers={"authorization": said})).status_code == 401
            assert (await listener.client.get(path, headers=ALLOWED)).text == "numbers"
        assert (await listener.client.post("/metrics")).status_code == 405
        assert (await listener.client.get("/metricsx")).status_code == 404


async def test_without_a_token_nobody_logs_in(tmp_path: Path, database: Database):
    """Nothing opens what has no key, an empty word least of all."""
    settings = settings_of(tmp_path, database.url)
    locked = settings.model_copy(update={"web": settings.web.model_copy(update={"token": None})})
    async with opened(locked, routes=[Route("/metrics", _numbers)]) as listener:
        for said in ("Bearer", "Bearer None", f"Bearer {TOKEN}"):
            assert (await listener.client.get("/metrics", headers={"authorization": said})).status_code == 401


async def test_an_error_of_ours_tells_nothing(tmp_path: Path, database: Database, capsys):
    """A page that fails is a 500 without its reason, which is not in the log either; the listener goes on."""
    async with opened(settings_of(tmp_path, database.url), routes=[Route("/broken", _broken)]) as listener:
        answer = await listener.client.get("/broken", headers=ALLOWED)
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await listener.client.get("/healthz")).status_code == 200
    assert "ann@example.com" not in "".join(capsys.readouterr())


async def test_another_config_counts_at_once(listener: Listener, tmp_path: Path, database: Database):
    """After a reload other connections and another token count; the address stays."""
    settings = settings_of(tmp_path, database.url)
    only = [one for one in listener.syncd.connections if one.name == "cinc"]
    assert (await listener.client.post(f"/hooks/chime/{SECRET}", content=b"{}")).status_code == 200
    listener.web.use(settings, only)
    assert (await listener.client.post(f"/hooks/chime/{SECRET}", content=b"{}")).status_code == 404
    assert (await listener.hook()).status_code == 200


async def test_a_short_token_is_refused(tmp_path: Path, database: Database):
    """What anybody can guess is no lock."""
    settings = settings_of(tmp_path, database.url)
    (tmp_path / "token").write_text("short")
    async with open_syncd(settings) as syncd:
        with pytest.raises(ConfigError, match=r"web\.token: needs at least 16"):
            Web(syncd, stored=print)


async def test_a_taken_port_is_one_clear_line(listener: Listener, tmp_path: Path, database: Database):
    """A second listener at the same address says whose fault it is, and leaves nothing behind."""
    settings = settings_of(tmp_path, database.url)
    taken = settings.web.model_copy(update={"listen": f"127.0.0.1:{listener.web.port}"})
    async with open_syncd(settings.model_copy(update={"web": taken})) as syncd:
        second = Web(syncd, stored=print)
        with pytest.raises(ConfigError, match=r"web\.listen: 127\.0\.0\.1:\d+ cannot be used: Address already in use"):
            second.start()
        second.stop()
    assert (await listener.client.get("/healthz")).status_code == 200


async def test_stopping_frees_the_port_and_the_thread(tmp_path: Path, database: Database):
    """After `stop` nobody listens, a connection in the middle of a request is closed, and no thread is left."""
    async with opened(settings_of(tmp_path, database.url)) as listener:
        port = listener.web.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /hooks/cinc HTTP/1.1\r\n")
        assert (await listener.hook()).status_code == 200
        await asyncio.to_thread(listener.web.stop)
        assert not listener.web.alive
        assert not [thread for thread in threading.enumerate() if thread.name == "web"]
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))
        with pytest.raises(httpx.ConnectError):
            await listener.client.post("/hooks/cinc", content=b"{}", headers=HEADER)


async def test_guessing_does_not_look_secrets_up(monkeypatch):
    """Wrong secrets cause one look-up in a while, right ones none; a dropped one stops opening after a minute."""
    looked: list[str] = []
    kept = {"cinc": SECRET}

    async def load(connection: str) -> str:
        looked.append(connection)
        return kept.get(connection, "")

    clock = SkippingClock()
    secrets = Secrets(load, clock)
    for _ in range(50):
        assert not await secrets.fits("cinc", "a guess".__eq__)
        assert await secrets.fits("cinc", SECRET.__eq__)
    assert looked == ["cinc"]
    await clock.sleep(6)
    assert not await secrets.fits("cinc", "a guess".__eq__)
    assert looked == ["cinc"] * 2
    kept.clear()
    await clock.sleep(61)
    assert await secrets.fits("cinc", SECRET.__eq__), "answered at once with what is known"
    await asyncio.gather(*secrets._renewing.values())
    assert not await secrets.fits("cinc", SECRET.__eq__)


async def test_a_secret_that_cannot_be_looked_up_is_no_refusal():
    """A database that is down is no reason to call a delivery forged."""

    async def load(_connection: str) -> str:
        raise DatabaseError("down")

    with pytest.raises(DatabaseError):
        await Secrets(load, SystemClock()).fits("cinc", SECRET.__eq__)
