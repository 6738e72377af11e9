"""What every sandbox has: the access log, rate windows, faults, switches, cached rows."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import orjson
import pytest

from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import CALLS_KEPT_MAX, Ask, Call, CannotError, DroppedError, Rows
from syncd.sandbox.faults import Fault, Script, Storm, always
from syncd.sandbox.inprocess import SandboxTransport
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import START, VirtualClock

AUTH = {"authorization": "Bearer sandbox-token"}


def _toy(**switches: Any) -> tuple[ToyVendor, VirtualClock]:
    clock = VirtualClock()
    return ToyVendor(clock, **switches), clock


def _get(path: str = "/api/things", **given: Any) -> Ask:
    return Ask("GET", path, headers=AUTH, **given)


async def test_calls_are_logged_with_template_and_status():
    """Method, template, path without query, status, and whether it was a write; reads and writes are counted."""
    toy, _ = _toy()
    toy.add_person(first_name="Ada")
    await toy.answer(_get("/api/things/t1", query=[("email", "a@example.com")]))
    await toy.answer(Ask("POST", "/api/search", headers=AUTH))
    await toy.answer(Ask("POST", "/api/things", headers=AUTH, body=b"{}"))
    await toy.answer(_get("/api/nowhere"))
    assert toy.calls == [
        Call("GET", "/things/{id}", "/api/things/t1", 200, write=False),
        Call("POST", "/search", "/api/search", 200, write=False),
        Call("POST", "/things", "/api/things", 201, write=True),
        Call("GET", "(no route)", "/api/nowhere", 404, write=False),
    ]
    assert (toy.reads, toy.writes) == (3, 1)
    toy.forget_calls()
    assert (toy.calls, toy.reads, toy.writes) == ([], 0, 0)


async def test_the_log_is_bounded():
    """A long benchmark does not fill the memory: the older half goes, the counters stay right."""
    toy, _ = _toy(limit=10**9)
    toy.calls.extend(Call("GET", "/x", "/x", 200, write=False) for _ in range(CALLS_KEPT_MAX))
    await toy.answer(_get())
    assert len(toy.calls) == CALLS_KEPT_MAX // 2 + 1


async def test_credentials_are_checked_before_anything_happens():
    """A write with a wrong token is refused and nothing is stored."""
    toy, _ = _toy()
    reply = await toy.answer(Ask("POST", "/api/things", body=b"{}"))
    assert reply.status == 401
    assert toy.ids() == []


async def test_a_broken_body_is_refused():
    """A body that is not JSON: 400, nothing stored."""
    toy, _ = _toy()
    assert (await toy.answer(Ask("POST", "/api/things", headers=AUTH, body=b"{"))).status == 400
    assert toy.ids() == []


async def test_windows_are_fixed_and_told_in_headers():
    """Limit, remaining and reset on every answer; a 429 beyond, executed is nothing; the next window is fresh."""
    toy, clock = _toy(limit=2, per_s=10.0)
    first = await toy.answer(_get())
    await clock.sleep(4)
    second = await toy.answer(_get())
    third = await toy.answer(_get())
    assert [reply.status for reply in (first, second, third)] == [200, 200, 429]
    assert [(r.headers["x-remaining"], r.headers["x-reset"]) for r in (first, second, third)] == [
        ("1", "10.000"), ("0", "6.000"), ("0", "6.000"),
    ]  # fmt: skip
    await clock.sleep(6)
    assert (await toy.answer(_get())).status == 200


async def test_a_rate_given_from_outside_replaces_the_vendors_numbers():
    """`rate_override` changes limit and seconds, not what is counted together."""
    toy, _ = _toy(limit=100)
    toy.rate_override = (1, 5.0)
    assert [(await toy.answer(_get())).status for _ in range(2)] == [200, 429]
    assert (await toy.answer(_get("/api/things/x"))).status == 404


async def test_the_date_header_is_the_sandboxes_own_time():
    """Virtual time shows in ``Date``."""
    toy, clock = _toy()
    await clock.sleep(60)
    assert (await toy.answer(_get())).headers["date"] == "Sun, 01 Mar 2026 12:01:00 GMT"
    assert START.hour == 12


@pytest.mark.parametrize(
    ("moment", "fault", "made"),
    [
        ("before", Fault("drop"), 0), ("after", Fault("drop"), 1), ("before", Fault("error", status=503), 0),
        ("after", Fault("error", status=503), 1), ("before", Fault("rate", delay_s=3), 0),
        ("before", Fault("html"), 0), ("after", Fault("html"), 1), ("after", Fault("half"), 1),
        ("before", Fault("delay", delay_s=9), 1), ("after", Fault("delay", delay_s=9), 1),
    ],
    ids=lambda value: getattr(value, "kind", None),
)  # fmt: skip
async def test_faults_happen_before_or_after_the_write(moment: Any, fault: Fault, made: int):
    """Before: nothing was done. After: it was done, and only the answer is lost, late or wrong."""
    toy, clock = _toy()
    toy.fault = always(fault, moment)
    reply = None
    try:
        reply = await toy.answer(Ask("POST", "/api/things", headers=AUTH, body=b"{}"))
    except DroppedError:
        assert fault.kind == "drop"
    assert len(toy.ids()) == made
    assert len(toy.calls) == 1
    status, head = {
        "drop": (None, b""), "error": (503, b""), "rate": (429, b"{"), "html": (200, b"<!doc"),
        "half": (201, b'{"id"'), "delay": (201, b'{"id":"t1"}'),
    }[fault.kind]  # fmt: skip
    if reply is None:
        assert status is None
    else:
        assert reply.status == status
        assert reply.encoded().startswith(head)
        assert fault.kind != "half" or reply.encoded() == b'{"id":'
        assert fault.kind != "rate" or reply.headers["retry-after"] == "3"
    assert clock.elapsed_s == (9 if fault.kind == "delay" else 0)


async def test_a_script_happens_once_in_order_where_it_fits():
    """Each step is used by the first call it fits; others pass."""
    toy, _ = _toy()
    toy.fault = script = Script(
        [("before", Fault("error")), ("before", Fault("error", status=502))], template="/things", method="GET"
    )
    asks = (_get("/api/things/x"), _get(), Ask("POST", "/api/things", headers=AUTH, body=b"{}"), _get(), _get())
    statuses = [(await toy.answer(ask)).status for ask in asks]
    assert statuses == [404, 500, 201, 502, 200]
    assert script.over


async def test_a_storm_is_the_same_for_the_same_seed():
    """Random faults come out of one seed, with the shares asked for."""
    logs = []
    for _ in range(2):
        toy, _ = _toy(limit=10**6)
        rng = random.Random(7)  # noqa: S311 -- faults
        toy.fault = storm = Storm(rng, before={"error": 0.2, "drop": 0.1}, after={"html": 0.1})
        for _ in range(500):
            await asyncio.gather(toy.answer(_get()), return_exceptions=True)
        logs.append(list(storm.log))
    assert logs[0] == logs[1]
    assert 130 <= len(logs[0]) <= 250
    assert {kind for _, _, kind in logs[0]} == {"error", "drop", "html"}


def test_an_unknown_switch_is_an_error():
    """A test that turns a switch that is not there tests nothing."""
    with pytest.raises(KeyError):
        ToyVendor(VirtualClock(), nonsense=True)


def test_what_the_app_cannot_do_people_cannot():
    """The toy's people neither edit nor delete notes."""
    toy, _ = _toy()
    with pytest.raises(CannotError):
        toy.edit_note("t1", "n1", "x")
    with pytest.raises(CannotError):
        toy.delete_note("t1", "n1")


def test_rows_are_encoded_once_until_touched():
    """A page is made of kept bytes; a touched row is encoded again."""
    shown: list[int] = []

    def show(key: int) -> dict[str, int]:
        shown.append(key)
        return {"id": key, "times": len(shown)}

    rows = Rows(show)
    assert orjson.dumps([rows(1), rows(2), rows(1)]) == b'[{"id":1,"times":1},{"id":2,"times":2},{"id":1,"times":1}]'
    rows.touch(1)
    assert orjson.dumps([rows(1), rows(2)]) == b'[{"id":1,"times":3},{"id":2,"times":2}]'
    rows.clear()
    assert orjson.dumps(rows(2)) == b'{"id":2,"times":4}'


async def test_in_process_requests_arrive_as_over_a_socket():
    """Path, query, headers and body reach the sandbox decoded; unknown hosts are unreachable; drops are read errors."""
    toy, _ = _toy()
    lead = toy.add_person(first_name="Zoë")
    transport = SandboxTransport({"toy": toy})
    response = await transport.handle_async_request(httpx.Request("GET", f"http://toy/api/things/{lead}", headers=AUTH))
    assert orjson.loads(await response.aread()) == {"id": lead, "first_name": "Zoë"}
    with pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(httpx.Request("GET", "http://elsewhere/"))
    toy.fault = always(Fault("drop"))
    with pytest.raises(httpx.ReadError):
        await transport.handle_async_request(httpx.Request("GET", "http://toy/api/things", headers=AUTH))


@pytest.mark.parametrize("name", list(SANDBOXES))
def test_every_named_sandbox_can_be_made(name: str):
    """The registry's names lead to sandboxes that say how to connect to them and know the usual stages."""
    sandbox = SANDBOXES[name](VirtualClock())
    assert sandbox.config()["vendor"] in SANDBOXES
    for word in sandbox.stage_words.values():
        lead = sandbox.add_person(first_name="Ada", email=f"{word.replace(' ', '')}@example.com", stage=word)
        assert sandbox.shows(lead)["stage"] == word
