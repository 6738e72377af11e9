"""Deliveries over real sockets: what is stored, what is turned away, and what is answered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import psycopg
import pytest

from syncd.ports.hooks import hash_of
from syncd.store.database import Database
from syncd.web.protocol import HEADERS
from tests.web.conftest import BODY_BYTES_MAX, HEADER, SECRET, Listener, opened, settings_of

EVENT = {"meta": {"event_id": "EV1"}, "type": "lead.created", "lead": {"id": "LEAD1"}}


async def test_a_delivery_is_stored_raw_and_once(listener: Listener):
    """200 and one waiting row with the body to the letter; the same event again is 200 and no second row."""
    body = json.dumps(EVENT, indent=3)
    for _ in range(3):
        answer = await listener.hook(body)
        assert (answer.status_code, answer.content) == (200, b"")
    [(connection, event, state, headers, kept)] = await listener.rows()
    assert (connection, event, state, bytes(kept)) == ("cinc", "EV1", "waiting", body.encode())
    assert SECRET not in str(headers)
    assert listener.outcomes == {("cinc", "stored"): 1, ("cinc", "repeated"): 2}
    assert listener.stored == [("cinc", "web")], "told once, in the listener's own thread"


async def test_a_secret_in_the_path(listener: Listener):
    """Where the vendor sends no header of ours the path holds the secret, and is kept nowhere."""
    body = {"listId": 2, "teamId": 1, "updatedLead": [{"leadId": 7, "updateTime": 5}]}
    proxied = {"x-original-uri": f"/hooks/chime/{SECRET}", "x-request-id": "7"}
    answer = await listener.client.post(f"/hooks/chime/{SECRET}", json=body, headers=proxied)
    assert answer.status_code == 200
    [(connection, event, _, headers, kept)] = await listener.rows()
    assert (connection, event) == ("chime", hash_of(bytes(kept)))
    assert headers["x-request-id"] == "7"
    assert SECRET not in str(headers)


async def test_a_forged_header_stores_nothing(listener: Listener):
    """Wrong, missing or almost right: 401, and nothing of it is kept."""
    almost = (SECRET[:-1], f"{SECRET}x", SECRET.upper(), f"{SECRET[:-1]}é", f'"{SECRET}"', f"Bearer {SECRET}")
    for said in (None, "", "x", *almost):
        headers = {"x-syncd-secret": said.encode()} if said is not None else {}
        assert (await listener.hook(json.dumps(EVENT), headers=headers)).status_code == 401, said
    assert await listener.rows() == []
    assert listener.outcomes == {("cinc", "forged"): 9}
    assert listener.stored == []


async def test_a_wrong_path_is_not_there(listener: Listener):
    """404 for a wrong secret in the path, for connections without webhooks, and for what nobody configured."""
    wrong = ("", "/", "/wrong-wrong-wrong-wrong", f"/{SECRET}x", f"/{SECRET}/", f"/{SECRET}/more", f"//{SECRET}")
    elsewhere = (f"/cinc/{SECRET}", f"/mycrm/{SECRET}", "/mycrm", "/nobody", "/", "")
    for path in (*(f"/hooks/chime{end}" for end in wrong), *(f"/hooks{end}" for end in elsewhere)):
        answer = await listener.client.post(path, json=EVENT, headers=HEADER)
        assert (answer.status_code, answer.text) == (404, "Not Found"), path
    assert await listener.rows() == []


async def test_without_any_secret_nobody_gets_in(tmp_path: Path, database: Database):
    """A connection that was never registered takes nothing, not even an empty secret."""
    settings = settings_of(tmp_path, database.url)
    bare = {name: one.model_copy(update={"webhook_secret": None}) for name, one in settings.connections.items()}
    async with opened(settings.model_copy(update={"connections": bare})) as listener:
        for headers in ({}, {"x-syncd-secret": ""}, {"x-syncd-secret": "None"}):
            assert (await listener.hook(headers=headers)).status_code == 401
        assert (await listener.client.post("/hooks/chime/x", json=EVENT)).status_code == 404
        assert await listener.rows() == []


async def test_a_secret_made_while_we_run_is_found(tmp_path: Path, database: Database, monkeypatch):
    """`syncd webhooks register` in another process makes a secret: the first delivery with it is taken."""
    monkeypatch.setattr("syncd.web.secrets.LOOK_AGAIN_S", 0.0)
    settings = settings_of(tmp_path, database.url)
    bare = {name: one.model_copy(update={"webhook_secret": None}) for name, one in settings.connections.items()}
    async with opened(settings.model_copy(update={"connections": bare})) as listener:
        assert (await listener.hook(headers=HEADER)).status_code == 401
        made = await listener.syncd.credentials.make_webhook_secret("cinc")
        assert (await listener.hook(headers={"x-syncd-secret": made})).status_code == 200
        assert len(await listener.rows()) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_oversized_body_is_refused(listener: Listener, chunked: bool):  # noqa: FBT001
    """413 beyond the limit, announced or not; a body of exactly the limit is taken."""

    async def pieces():
        for _ in range(BODY_BYTES_MAX // 1024 + 1):
            yield b" " * 1024

    body = pieces() if chunked else b" " * (BODY_BYTES_MAX + 1)
    assert (await listener.client.post("/hooks/cinc", content=body, headers=HEADER)).status_code == 413
    assert await listener.rows() == []
    assert (await listener.hook(b" " * BODY_BYTES_MAX)).status_code == 200
    assert len(await listener.rows()) == 1


NONSENSE = (
    b"", b"null", b"{", b"[]", b"\xff\xfe\x00", b'"text"', b"7", b"[" * 5000, b'{"meta": 7, "type": [], "lead": 3}',
    b'{"meta": {"event_id": {"a": 1}}}', b'{"meta": {"event_id": "\\u0000"}}', b'{"a": "\\ud800"}',
    b'{"meta": {"event_id": "' + b"e" * 5000 + b'"}}',
)  # fmt: skip


async def test_malformed_bodies_are_kept_and_do_no_harm(listener: Listener):
    """Who knows the secret may say nonsense: it is stored raw under its hash, and the next delivery is taken."""
    for body in NONSENSE:
        assert (await listener.hook(body)).status_code == 200, body
    assert (await listener.hook(json.dumps(EVENT))).status_code == 200
    *odd, good = await listener.rows()
    assert [(row[1], bytes(row[4])) for row in odd] == [(hash_of(body), body) for body in NONSENSE]
    assert good[1] == "EV1"


async def test_several_events_in_one_body_are_one_row(listener: Listener):
    """A list of events is kept once, under the hash of its words."""
    body = json.dumps([EVENT, {**EVENT, "meta": {"event_id": "EV2"}}])
    assert (await listener.hook(body)).status_code == 200
    assert (await listener.hook(body)).status_code == 200
    [(_, event, *_)] = await listener.rows()
    assert event == hash_of(body.encode())


async def test_a_burst_is_stored_whole(listener: Listener):
    """Many at once, every fourth one twice: every event once, and each is answered."""
    bodies = [json.dumps({**EVENT, "meta": {"event_id": f"E{n}"}}) for n in range(100)]
    answers = await asyncio.gather(*(listener.hook(body) for body in (*bodies, *bodies[::4])))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(row[1] for row in await listener.rows()) == sorted(f"E{n}" for n in range(100))
    assert listener.outcomes.total() == 125
    assert len(listener.stored) <= listener.outcomes["cinc", "stored"]


async def test_a_database_that_is_down_is_told(listener: Listener, database: Database, pg_url: str):
    """503, so that the vendor repeats; once the database is back the repetition is stored."""
    assert (await listener.hook(json.dumps(EVENT))).status_code == 200
    name = database.url.rpartition("@/")[2].partition("?")[0]
    with psycopg.connect(pg_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        down = await listener.hook(json.dumps({**EVENT, "meta": {"event_id": "EV2"}}))
        assert (down.status_code, down.headers["retry-after"]) == (503, "30")
        ready = await listener.client.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (503, False)
        assert (await listener.client.get("/healthz")).status_code == 200
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    assert (await listener.hook(json.dumps({**EVENT, "meta": {"event_id": "EV2"}}))).status_code == 200
    assert [row[1] for row in await listener.rows()] == ["EV1", "EV2"]
    assert listener.outcomes["cinc", "unavailable"] == 1


async def test_a_session_that_was_cut_off_is_replaced(listener: Listener, pg_url: str, database: Database):
    """The server was restarted between two deliveries: the second one does not notice."""
    assert (await listener.hook(json.dumps(EVENT))).status_code == 200
    name = database.url.rpartition("@/")[2].partition("?")[0]
    with psycopg.connect(pg_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    assert (await listener.hook(json.dumps({**EVENT, "meta": {"event_id": "EV2"}}))).status_code == 200


async def test_words_that_may_be_said_again_wake_their_row(listener: Listener):
    """Chime's bodies have no ids: with times a repetition is one, without it is news once the first one is done."""
    timed = {"listId": 2, "updatedLead": [{"leadId": 7, "updateTime": 5}]}
    bare = {"listId": 2, "updatedLead": [{"leadId": 7}]}
    for body in (timed, bare):
        assert (await listener.client.post(f"/hooks/chime/{SECRET}", json=body)).status_code == 200
    await listener.syncd.store.fetch("UPDATE inbox SET state = 'done', settled_at = now() RETURNING id")
    for body in (timed, bare):
        assert (await listener.client.post(f"/hooks/chime/{SECRET}", json=body)).status_code == 200
    assert [row[2] for row in await listener.rows()] == ["done", "waiting"]


async def test_every_answer_is_dressed(listener: Listener):
    """Security headers on every answer, no banner, no cookie; even on what is not HTTP."""
    answers = [
        await listener.hook(),
        await listener.hook(headers={}),
        await listener.client.get("/healthz"),
        await listener.client.get("/nowhere"),
        await listener.client.get("/hooks/cinc"),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 200, 404, 405]
    for answer in answers:
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode()
        assert "server" not in answer.headers
        assert "set-cookie" not in answer.headers
    raw = await _raw(listener, b"NOT HTTP\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert b"x-content-type-options: nosniff" in raw
    assert b"server:" not in raw.lower()


async def _raw(listener: Listener, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.web.port)
    writer.write(said)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_slow_bodies_are_cut_off_and_hold_nobody_up(tmp_path: Path, database: Database):
    """Headers or a body that trickle in, and silence, end at the deadline; others are answered meanwhile."""
    head = b"POST /hooks/cinc HTTP/1.1\r\nhost: x\r\nx-syncd-secret: " + SECRET.encode()
    async with opened(settings_of(tmp_path, database.url, 'request_timeout = "400ms"')) as listener:
        slow = [
            asyncio.create_task(_raw(listener, said))
            for said in (b"", head, head + b"\r\ncontent-length: 100\r\n\r\n{", b"POST /hooks/cinc HTTP/1.1\r\nh")
            for _ in range(10)
        ]
        assert (await listener.hook(json.dumps(EVENT))).status_code == 200
        said = await asyncio.gather(*slow)
        assert [one[:12] for one in said] == [b""] * 10 + [b"HTTP/1.1 408"] * 30
        assert len(await listener.rows()) == 1


async def test_a_crowd_is_bounded(tmp_path: Path, database: Database):
    """Connections beyond the limit are closed at once; as soon as one is free, others get in."""
    async with opened(settings_of(tmp_path, database.url, "connections_max = 8")) as listener:
        held = [await asyncio.open_connection("127.0.0.1", listener.web.port) for _ in range(8)]
        for reader, writer in held:  # each is answered once, so that the server knows them all
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert await reader.readuntil(b"ok")
        with pytest.raises(httpx.TransportError):
            await listener.client.get("/healthz")
        reader, writer = held.pop()
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert await reader.read()
        assert (await listener.client.get("/healthz")).status_code == 200
        writer.close()
        for _, other in held:
            other.close()
