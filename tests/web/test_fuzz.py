"""Anything at all, at every address: never an error of ours, never a row without the secret, always dressed."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from syncd.store.database import Database
from syncd.web.protocol import HEADERS
from tests.web.conftest import SECRET, TOKEN, opened, settings_of

STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
METHODS = st.sampled_from(
    ["POST", "POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "CONNECT", "PATCH"]
)
TOKENS = st.from_regex(r"[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,12}", fullmatch=True)
BYTES = st.one_of(st.from_regex(rb"[ -~]{0,30}", fullmatch=True), st.binary(max_size=20))
WORDS = st.sampled_from(
    ["hooks", "cinc", "chime", "mycrm", "healthz", "readyz", "metrics", "..", "", "%2e%2e", "%00", "%ff", SECRET, "é"]
)
SEGMENTS = st.one_of(WORDS, st.text(max_size=12), st.binary(max_size=8).map(lambda raw: raw.decode("latin-1")))
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts))
KNOWN = st.sampled_from(["/hooks/cinc", f"/hooks/chime/{SECRET}", "/hooks/chime/x", "/healthz", "/readyz", "/metrics"])
HEADER = st.one_of(
    st.tuples(TOKENS.map(str.encode), BYTES),
    st.sampled_from(
        [
            (b"x-syncd-secret", SECRET.encode()),
            (b"X-Syncd-Secret", SECRET[:-1].encode()),
            (b"authorization", b"Bearer " + TOKEN.encode()),
            (b"authorization", b"Bearer"),
            (b"content-length", b"0"),
            (b"content-length", b"3"),
            (b"content-length", b"-1"),
            (b"content-length", b"99999999999999999999"),
            (b"transfer-encoding", b"chunked"),
            (b"expect", b"100-continue"),
            (b"upgrade", b"websocket"),
            (b"connection", b"upgrade"),
        ]
    ),
)
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"])
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b'{"type": "lead.created", "lead": {"id": "L1"}}', b"[[]]", b"5\r\nhello\r\n0\r\n\r\n"]),
)


SECRETS = st.sampled_from([SECRET, SECRET, SECRET[:-1], f"{SECRET}x", ""])


@st.composite
def deliveries(draw: st.DrawFn) -> bytes:
    """A delivery that lacks little."""
    path = draw(st.sampled_from(["/hooks/cinc", f"/hooks/chime/{draw(SECRETS)}"]))
    headers = [(b"x-syncd-secret", draw(SECRETS).encode()), *draw(st.lists(HEADER, max_size=1))]
    return _request(b"POST", path, headers, draw(BODIES))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request that is more or less one."""
    method, path = draw(st.one_of(METHODS, TOKENS)).encode(), draw(st.one_of(KNOWN, PATHS))
    return _request(method, path, draw(st.lists(HEADER, max_size=3)), draw(BODIES), draw(VERSIONS))


def _request(
    method: bytes, path: str, headers: list[tuple[bytes, bytes]], body: bytes, version: bytes = b"HTTP/1.1"
) -> bytes:
    if not any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers):
        headers.append((b"content-length", str(len(body)).encode()))
    line = method + b" " + path.encode("utf-8", "replace") + b" " + version
    head = [line, b"host: x", b"connection: close", *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def say(port: int, request: bytes) -> bytes:
    """Everything that is answered until the listener hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        said = bytearray()
        try:
            wire.sendall(request)
            while chunk := wire.recv(65536):
                said += chunk
        except ConnectionError:  # it hung up in the middle
            pass
        return bytes(said)


def hooked(request: bytes) -> bool:
    """Whether a request may have been authentic."""
    return SECRET.encode() in request


async def _pages(_request: object) -> PlainTextResponse:
    return PlainTextResponse("numbers")


async def test_whatever_is_said(tmp_path: Path, database: Database):
    """Arbitrary methods, paths, headers and bodies at every route, and arbitrary bytes."""
    config = settings_of(tmp_path, database.url, 'request_timeout = "40ms"')
    async with opened(config, routes=[Route("/metrics", _pages)]) as listener:
        port = listener.web.port
        with psycopg.connect(database.libpq_url, autocommit=True, **database.options) as watcher:
            rows, seen = 0, set[int]()

            def look(request: bytes) -> None:
                nonlocal rows
                said = say(port, request)
                for answer in filter(None, re.split(rb"(?=HTTP/1\.1 \d{3} )", said)):
                    status = STATUS.match(answer)
                    assert status is not None, answer
                    seen.add(int(status[1]))
                    assert int(status[1]) < 500, answer
                    if int(status[1]) >= 200:
                        assert all(name + b": " + value in answer for name, value in HEADERS), answer
                        assert b"\r\nserver:" not in answer.lower()
                    assert b"numbers" not in answer or TOKEN.encode() in request
                found = watcher.execute("SELECT count(*) FROM inbox").fetchone()
                assert found is not None
                assert found[0] == rows or hooked(request), "stored without the secret"
                rows = found[0]

            @given(st.one_of(deliveries(), requests()))
            @settings(max_examples=200)
            def nearly_http(request: bytes) -> None:
                look(request)

            @given(st.binary(max_size=300))
            @settings(max_examples=40)
            def anything(said: bytes) -> None:
                look(said)

            await asyncio.to_thread(nearly_http)
            await asyncio.to_thread(anything)
        assert rows, "none of it was authentic: the fuzz does not get far enough"
        assert seen >= {200, 400, 401, 404, 405}, "the fuzz does not get everywhere"
        assert listener.web.alive
        assert (await listener.hook()).status_code == 200
