"""How calls are made, repeated, translated and counted."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from syncd.domain.errors import (
    AuthError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnreadableError,
    VendorError,
)
from syncd.sandbox.server import serve
from syncd.vendors.budget import Rate
from syncd.vendors.http import Http, digest
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import SkippingClock, VirtualClock
from tests.vendors.toy import toy_http

CANARY = "canary-4711"


class _Answers(httpx.AsyncBaseTransport):
    """Gives the answers it was given, in order, and keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))


def _http(*answers: httpx.Response | Exception, **given: Any) -> tuple[Http, _Answers, VirtualClock]:
    transport, clock = _Answers(*answers), VirtualClock()
    return toy_http(clock, transport=transport, **given), transport, clock


@pytest.fixture
async def wire() -> AsyncIterator[tuple[Http, ToyVendor]]:
    """A toy vendor on a real socket."""
    clock = SkippingClock()
    toy = ToyVendor(clock)
    async with serve({"toy": toy}) as served:
        http = toy_http(clock, served.urls["toy"])
        yield http, toy
        await http.aclose()


async def test_calls_over_a_real_socket(wire: tuple[Http, ToyVendor]):
    """Create, read, rename, list: data comes back parsed, an empty body as such, calls are counted by kind."""
    http, toy = wire
    made = await http.send("POST", "/things", json={"first_name": "Zoë"})
    assert made.status == 201
    lead = made.data["id"]
    read = await http.send("GET", "/things/{id}", params={"id": lead})
    assert read.data == {"id": lead, "first_name": "Zoë"}
    renamed = await http.send("PUT", "/things/{id}", params={"id": lead}, json={"first_name": "Ada"})
    assert (renamed.data, renamed.body_empty) == (None, True)
    listed = await http.send("GET", "/things", query=[("limit", "10")])
    assert [row["first_name"] for row in listed.data["things"]] == ["Ada"]
    assert http.requests == {"read": 2, "write": 2} == {"read": toy.reads, "write": toy.writes}


async def test_a_post_that_only_reads_counts_as_a_read(wire: tuple[Http, ToyVendor]):
    """``write=False`` is for searches by POST."""
    http, _ = wire
    await http.send("POST", "/search", json={}, write=False)
    assert http.requests == {"read": 1, "write": 0}


async def test_at_most_eight_calls_are_in_flight():
    """Whatever the budget allows, eight at a time."""
    busy, most = 0, 0

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.001)
            busy -= 1
            return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    http = toy_http(SkippingClock(), transport=Slow(), seed=Rate(1000, 10.0))
    await asyncio.gather(*(http.send("GET", "/things") for _ in range(50)))
    assert most == 8


@pytest.mark.parametrize(("value", "sent"), [("a/b", "a%2Fb"), ("x?y#z", "x%3Fy%23z"), ("ü %", "%C3%BC%20%25")])
async def test_path_parameters_are_quoted(value: str, sent: str):
    """An id cannot reach into the path or the query."""
    http, transport, _ = _http(httpx.Response(200, json={}))
    await http.send("GET", "/things/{id}", params={"id": value})
    assert transport.requests[0].url.raw_path.decode() == f"/api/things/{sent}"


@pytest.mark.parametrize("value", ["", ".", ".."])
async def test_an_id_that_would_change_the_address_is_refused(value: str):
    """DELETE /things/ is not DELETE /things/ID: nothing is sent."""
    http, transport, _ = _http(httpx.Response(200, json={}))
    with pytest.raises(RejectedError):
        await http.send("DELETE", "/things/{id}", params={"id": value})
    assert not transport.requests


async def test_query_keeps_colons_and_quotes_the_rest():
    """``info.updated_date:gte=…`` goes out readable, a plus in an address does not become a space."""
    http, transport, _ = _http(httpx.Response(200, json={}))
    await http.send("GET", "/things", query=[("a.b:gte", "2023-04-15T21:39:16.123Z"), ("email", "a+b@example.com")])
    assert transport.requests[0].url.query == b"a.b:gte=2023-04-15T21:39:16.123Z&email=a%2Bb%40example.com"


async def test_a_form_is_sent_as_a_form():
    """Token endpoints want forms."""
    http, transport, _ = _http(httpx.Response(200, json={}))
    await http.send("POST", "/token", form={"grant": "a b"}, repeat=True)
    assert transport.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert await transport.requests[0].aread() == b"grant=a+b"


@pytest.mark.parametrize(
    ("status", "write", "error"),
    [
        (301, False, RejectedError), (400, True, RejectedError), (401, False, AuthError), (403, False, AuthError),
        (403, True, RejectedError), (404, False, NotFoundError), (408, False, TransientError),
        (409, True, ConflictError), (410, False, NotFoundError), (418, False, RejectedError),
        (422, True, RejectedError), (500, False, TransientError), (503, True, TransientError),
    ],
)  # fmt: skip
async def test_statuses_become_classes(status: int, write: bool, error: type[VendorError]):  # noqa: FBT001
    """The table names the recovery; the message holds method, template, status and our words only."""
    http, _, _ = _http(httpx.Response(status, json={"code": "E1", "message": CANARY}), retries=0)
    with pytest.raises(error) as caught:
        await http.send(
            "POST" if write else "GET", "/things/{id}", params={"id": CANARY}, json={"x": CANARY} if write else None
        )
    assert caught.value.status == status
    assert CANARY not in f"{caught.value!r} {caught.value.hint}"
    assert str(caught.value).startswith(f"{'POST' if write else 'GET'} /things/{{id}}: {status} ")


async def test_an_error_code_on_a_2xx_is_an_error():
    """Where the table says that an answer is an error in disguise, it is one."""
    http, _, _ = _http(httpx.Response(200, json={"code": "E9"}))
    with pytest.raises(RejectedError) as caught:
        await http.send("GET", "/things")
    assert caught.value.code == "E9"


async def test_an_error_code_that_is_no_code_is_left_out():
    """A vendor that puts a sentence where a code belongs does not get it into our messages."""
    http, _, _ = _http(httpx.Response(400, json={"code": f"no {CANARY} here"}))
    with pytest.raises(RejectedError) as caught:
        await http.send("GET", "/things")
    assert caught.value.code == ""


async def test_reads_are_repeated_with_growing_pauses():
    """Four repeats, half a second and up, with jitter; then the last error."""
    http, transport, clock = _http(httpx.Response(503))
    with pytest.raises(TransientError) as caught:
        await http.send("GET", "/things")
    assert caught.value.status == 503
    assert len(transport.requests) == 5
    assert 0.75 * 7.5 <= clock.elapsed_s <= 1.25 * 7.5


async def test_a_write_gets_one_try_unless_it_is_safe():
    """An unsafe write is sent once; one the caller calls safe is repeated."""
    http, transport, _ = _http(httpx.Response(503), httpx.Response(200, json={}))
    with pytest.raises(TransientError) as caught:
        await http.send("POST", "/things", json={})
    assert caught.value.sent
    assert len(transport.requests) == 1
    await http.send("PUT", "/things/{id}", params={"id": "1"}, json={}, repeat=True)


@pytest.mark.parametrize(
    ("failure", "sent"),
    [
        (httpx.ConnectError("x"), False), (httpx.ConnectTimeout("x"), False), (httpx.ReadTimeout("x"), True),
        (httpx.WriteError("x"), True), (httpx.ReadError("x"), True), (httpx.RemoteProtocolError("x"), True),
        (httpx.WriteTimeout("x"), True), (httpx.PoolTimeout("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
async def test_whether_a_write_may_have_arrived(failure: Exception, sent: bool):  # noqa: FBT001
    """``sent`` is False exactly when the request certainly never reached the vendor."""
    http, _, _ = _http(failure)
    with pytest.raises(TransientError) as caught:
        await http.send("POST", "/things", json={})
    assert caught.value.sent is sent
    assert caught.value.hint
    assert caught.value.__suppress_context__


async def test_an_unreachable_host_says_so():
    """A refused connection on a real socket: transient, not sent, and where to look."""
    http = toy_http(SkippingClock(), "http://127.0.0.1:1")
    with pytest.raises(TransientError) as caught:
        await http.send("GET", "/things")
    assert (caught.value.sent, caught.value.hint) == (False, "host unreachable: check base_url")
    await http.aclose()


async def test_an_address_that_is_none_is_rejected():
    """A base_url without a usable scheme is a matter of the config."""
    http = toy_http(SkippingClock(), "nonsense://x")
    with pytest.raises(RejectedError) as caught:
        await http.send("GET", "/things")
    assert caught.value.hint == "check base_url"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(200, html="<html>"), "answered HTML, not JSON"),
        (httpx.Response(200, content=b" <!doctype html>"), "answered HTML, not JSON"),
        (httpx.Response(200, content=b'{"a": [1, 2'), "broken JSON"),
        (httpx.Response(200, content=b"{leadId: 123}"), "broken JSON"),
    ],
)
async def test_what_is_not_json_is_transient(answer: httpx.Response, words: str):
    """A 2xx that cannot be read says so in words."""
    http, _, _ = _http(answer, retries=0)
    with pytest.raises(TransientError) as caught:
        await http.send("GET", "/things")
    assert words in str(caught.value)


async def test_a_lax_call_gets_text():
    """Chime answers ``{leadId: 123}`` unquoted: the adapter may ask for the text; HTML is refused all the same."""
    http, _, _ = _http(httpx.Response(200, content=b"{leadId: 123}"), httpx.Response(200, html="<p>"))
    assert (await http.send("POST", "/things", json={}, lax=True)).data == "{leadId: 123}"
    with pytest.raises(TransientError):
        await http.send("POST", "/things", json={}, lax=True)


async def test_one_odd_string_does_not_spoil_a_page():
    """Half a surrogate, a NUL or a byte that is not UTF-8 gets through: that record is unreadable, later."""
    for body in (b'[{"a":"x"},{"a":"\\ud800"}]', b'[{"a":"x"},{"a":"\\u0000"}]', b'[{"a":"x"},{"a":"\xff"}]'):
        http, _, _ = _http(httpx.Response(200, content=body))
        data = (await http.send("GET", "/things")).data
        assert data[0] == {"a": "x"}
        assert len(digest(data[1])) == 16


async def test_an_answer_over_the_size_limit_is_unreadable():
    """Also when it is small on the wire and large unpacked."""
    bomb = gzip.compress(b"[" + b" " * 5_000_000 + b"]")
    for answer in (
        httpx.Response(200, content=b"[" + b" " * 5000 + b"]"),
        httpx.Response(200, content=bomb, headers={"content-encoding": "gzip"}),
    ):
        transport = _Raw(
            answer.status_code, dict(answer.headers), bomb if "content-encoding" in answer.headers else answer.content
        )
        http = toy_http(VirtualClock(), transport=transport, body_bytes_max=4096)
        with pytest.raises(UnreadableError) as caught:
            await http.send("GET", "/things")
        assert "\n" not in str(caught.value)


class _Raw(httpx.AsyncBaseTransport):
    def __init__(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.status, self.headers, self.content = status, headers, content

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, headers=self.headers, stream=httpx.ByteStream(self.content))


async def test_broken_compression_is_transient():
    """Bytes that do not unpack are a broken connection."""
    http = toy_http(VirtualClock(), transport=_Raw(200, {"content-encoding": "gzip"}, b"not gzip"), retries=0)
    with pytest.raises(TransientError):
        await http.send("GET", "/things")


async def test_a_429_waits_as_told_and_is_repeated_even_for_unsafe_writes():
    """``Retry-After`` first; the request was certainly not carried out."""
    http, transport, clock = _http(httpx.Response(429, headers={"retry-after": "13"}), httpx.Response(200, json={}))
    await http.send("POST", "/things", json={})
    assert len(transport.requests) == 2
    assert 13 <= clock.elapsed_s < 14


@pytest.mark.parametrize(("headers", "wait_s"), [({}, 10), ({"x-limit": "5", "x-remaining": "3", "x-reset": "4"}, 4)])
async def test_a_429_without_retry_after_waits_for_the_reset_or_a_window(headers: dict[str, str], wait_s: int):
    """The reset header, else the length of the window; also while something is said to remain."""
    http, _, clock = _http(httpx.Response(429, headers=headers), httpx.Response(200, json={}))
    await http.send("GET", "/things")
    assert wait_s <= clock.elapsed_s < wait_s + 1


async def test_endless_429s_end():
    """Five tries, then the engine is told when to come back; a pause beyond three minutes is not waited for at all."""
    http, transport, _ = _http(httpx.Response(429, headers={"retry-after": "5"}))
    with pytest.raises(RateLimitedError) as caught:
        await http.send("GET", "/things")
    assert caught.value.retry_after_s == 5
    assert len(transport.requests) == 5
    http, transport, clock = _http(httpx.Response(429, headers={"retry-after": "3600"}))
    with pytest.raises(RateLimitedError) as caught:
        await http.send("GET", "/things")
    assert caught.value.retry_after_s > 3500
    assert len(transport.requests) == 1
    assert clock.elapsed_s < 1


async def test_nothing_is_logged(caplog: pytest.LogCaptureFixture):
    """No URL, header or body gets into any logger at any level."""
    caplog.set_level(logging.DEBUG)
    clock = SkippingClock()
    async with serve({"toy": ToyVendor(clock)}) as served:
        http = toy_http(clock, served.urls["toy"])
        await http.send("GET", "/things", query=[("email", CANARY)])
        await http.send("POST", "/things", json={"first_name": CANARY})
        await http.aclose()
    assert CANARY not in caplog.text
    assert "sandbox-token" not in caplog.text


def test_a_digest_ignores_key_order_and_named_keys():
    """Same content, same 16 bytes; volatile keys can be left out; anything else counts."""
    one, two = orjson.loads('{"a":1,"b":{"c":2,"d":3},"t":1}'), orjson.loads('{"t":2,"b":{"d":3,"c":2},"a":1}')
    assert digest(one, frozenset({"t"})) == digest(two, frozenset({"t"}))
    assert digest(one) != digest(two)
    assert len(digest(one)) == 16
