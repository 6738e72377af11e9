"""Sandboxes on real ports, the people's port, and `syncd sandbox serve`."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.cli.sandbox import DEFAULT_VENDORS, make_sandboxes
from syncd.domain.errors import UsageError
from syncd.sandbox.faults import Fault, always
from syncd.sandbox.server import UNHURRIED, Served, serve
from syncd.settings.load import parse
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import SkippingClock

PROGRAM = "import typer; from syncd.cli import sandbox; app = typer.Typer(); sandbox.register(app); app()"
AUTH = {"authorization": "Bearer sandbox-token"}


async def _people(url: str, action: str, **given: Any) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{url}/_people/{action}", json=given)


async def test_several_sandboxes_run_and_nothing_is_left():
    """Each on a port of its own; afterwards the ports are free and no task runs, even with connections open."""
    clock = SkippingClock()
    before = asyncio.all_tasks()
    async with httpx.AsyncClient(headers=AUTH) as client:
        async with serve({"a": ToyVendor(clock), "b": ToyVendor(clock)}) as served:
            assert len({*served.urls.values(), served.control_url}) == 3
            for url in served.urls.values():
                assert url.endswith("/api")
                assert (await client.get(f"{url}/things")).json() == {"total": 0, "things": []}
            ports = [httpx.URL(url).port for url in (*served.urls.values(), served.control_url)]
        for port in ports:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{port}/api/things")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_wished_ports_are_used_and_a_taken_one_is_named():
    """Ports in the order of the sandboxes, then the people's; a taken one is an OSError with its number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    toy = ToyVendor(SkippingClock())
    async with serve({"toy": toy}, [port]) as served:
        assert served.urls["toy"] == f"http://127.0.0.1:{port}/api"
        with pytest.raises(OSError, match=str(port)):
            async with serve({"toy": toy}, [port]):
                pass


async def test_a_dropped_connection_breaks_on_the_wire():
    """A drop is no answer: the client sees a broken connection."""
    toy = ToyVendor(SkippingClock())
    toy.fault = always(Fault("drop"))
    async with serve({"toy": toy}) as served, httpx.AsyncClient(headers=AUTH) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{served.urls['toy']}/things")


async def test_people_act_through_their_port():
    """Add, edit, note, label, assign, delete: the vendor shows it; none of it counts as an API call."""
    toy = ToyVendor(SkippingClock())
    async with serve({"toy": toy}) as served:
        url = served.control_url
        lead = (await _people(url, "toy/add", first_name="Ada", phones=[["404 555 1234", "cell"]])).json()["id"]
        agent = (await _people(url, "toy/agent", email="a@example.com", first="A", last="Gent")).json()["id"]
        await _people(url, "toy/edit", lead=lead, field="first_name", value="Grace")
        await _people(url, "toy/note", lead=lead, text="Hello 🏡")
        await _people(url, "toy/label", lead=lead, name="Hot")
        await _people(url, "toy/label", lead=lead, name="Cold")
        await _people(url, "toy/unlabel", lead=lead, name="Cold")
        await _people(url, "toy/assign", lead=lead, role="primary", agent=agent)
        async with httpx.AsyncClient() as client:
            shown = (await client.get(f"{url}/_people/toy/leads/{lead}")).json()
            assert (shown["first_name"], shown["labels"], shown["assignments"]) == (
                "Grace",
                ["Hot"],
                {"primary": agent},
            )
            assert shown["notes"] == [["n0", "Hello 🏡"]]
            assert toy.shows(lead)["phones"] == [("404 555 1234", "cell")]
            assert (await client.get(f"{url}/_people/toy/leads")).json() == [lead]
            stats = (await client.get(f"{url}/_people/stats")).json()
            assert stats == {"toy": {"reads": 0, "writes": 0, "leads": 1}}
            await client.post(f"{served.urls['toy']}/things", headers=AUTH, json={})
            assert (await client.get(f"{url}/_people/stats")).json()["toy"] == {"reads": 0, "writes": 1, "leads": 2}
            await client.post(f"{url}/_people/forget")
            assert (await client.get(f"{url}/_people/stats")).json()["toy"]["writes"] == 0
            assert (await client.get(f"{url}/_people")).json() == {"toy": {"url": served.urls["toy"], "leads": 2}}
        await _people(url, "toy/delete", lead=lead)
        assert lead not in toy.ids()


async def test_people_break_and_mend_a_vendor():
    """A fault set through the port stays until it is mended; a switch is turned."""
    toy = ToyVendor(SkippingClock())
    async with serve({"toy": toy}) as served, httpx.AsyncClient(headers=AUTH) as client:
        await _people(served.control_url, "toy/fault", kind="error", status=503)
        assert (await client.get(f"{served.urls['toy']}/things")).status_code == 503
        await _people(served.control_url, "toy/fault")
        await _people(served.control_url, "toy/switch", name="limit", value=1)
        assert [(await client.get(f"{served.urls['toy']}/things")).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("action", "given", "status"),
    [
        ("nobody/add", {}, 404), ("toy/dance", {}, 404), ("toy/edit", {"lead": "t9"}, 400),
        ("toy/edit_note", {"lead": "t", "note": "n", "text": "x"}, 400), ("toy/switch", {"name": "x", "value": 1}, 400),
    ],
)  # fmt: skip
async def test_what_people_cannot_do_is_refused_in_words(action: str, given: dict[str, Any], status: int):
    """An unknown sandbox or action, a missing argument, something the app cannot do."""
    async with serve({"toy": ToyVendor(SkippingClock())}) as served:
        answer = await _people(served.control_url, action, **given)
        assert answer.status_code == status
        assert answer.json()["error"]


async def test_the_config_it_prints_is_one(tmp_path: Path):
    """Every sandbox becomes a connection; the token is named, never written into the config."""
    async with serve({"one": ToyVendor(SkippingClock()), "two": ToyVendor(SkippingClock())}) as served:
        parsed = tomllib.loads(served.config(tmp_path / "token"))
        assert list(parsed["connections"]) == parsed["sync"]["order"] == ["one", "two"]
        assert parsed["connections"]["one"] == {
            "vendor": "toy",
            "base_url": served.urls["one"],
            "auth": {"kind": "token", "token": {"file": str(tmp_path / "token")}},
        }
        assert tomllib.loads(served.config())["connections"]["two"]["auth"]["token"] == {"env": "SYNCD_SANDBOX_TOKEN"}


def _served(**options: Any) -> Served:
    """All five as if they ran."""
    sandboxes = make_sandboxes(list(DEFAULT_VENDORS), people=2, seed=1, **options)
    return Served(sandboxes, {name: f"http://127.0.0.1:1{there.prefix}" for name, there in sandboxes.items()}, "")


def test_the_config_of_all_five_is_complete(tmp_path: Path):
    """It is taken as it is: each vendor's own keys are there, those MyCRM demands too, and a way to log in."""
    (tmp_path / "token").write_text("sandbox-token")
    served = _served()
    settings = parse(served.config(tmp_path / "token"))
    assert list(settings.connections) == list(DEFAULT_VENDORS) == settings.sync.order
    raw = tomllib.loads(served.config(tmp_path / "token"))["connections"]
    for name, there in served.sandboxes.items():
        assert raw[name].items() >= {**there.config(), "base_url": served.urls[name]}.items()
        assert raw[name]["auth"]["token"] == {"file": str(tmp_path / "token")}
    assert raw["mycrm"]["create_defaults"]["preference"]["types"]
    assert max(map(len, served.config().splitlines())) < 100


def test_the_config_tells_what_no_vendor_tells():
    """Where nothing is limited it says so, else syncd crawls; not where limits are told; one limit is for all."""
    rates = {name: own.get("rate") for name, own in tomllib.loads(_served().config())["connections"].items()}
    assert rates == {"cinc": None, "chime": None, "mycrm": UNHURRIED, "rechat": UNHURRIED, "epixel": UNHURRIED}
    limited = tomllib.loads(_served(rate_limit="50/10s").config())["connections"]
    assert {own["rate"] for own in limited.values()} == {"50/10s"}


def test_more_keys_come_into_the_connections_they_are_for(tmp_path: Path):
    """Nested ones too, and what is appended to the config stays in the last connection."""
    more = {"epixel": {"stages": {"closed": "converted"}, "guard": {"share": 1.0, "creates": 7}}}
    config = f'{_served().config(tmp_path / "token", more)}region = "CA"\n'
    epixel = tomllib.loads(config)["connections"]["epixel"]
    assert epixel["stages"] == {"closed": "converted"}
    assert epixel["guard"] == {"share": 1.0, "creates": 7}
    assert epixel["region"] == "CA"
    assert "guard" not in tomllib.loads(config)["connections"]["rechat"]


def test_unknown_vendors_and_rates_are_usage_errors():
    """What was typed wrongly is said, with what there is."""
    with pytest.raises(UsageError) as caught:
        make_sandboxes(["hubspot"], people=1, seed=1)
    assert "cinc" in caught.value.hint
    with pytest.raises(UsageError):
        make_sandboxes(["cinc"], people=1, seed=1, rate_limit="many")


def _written(config: Path) -> tuple[dict[str, Any], str]:
    """The config and its token; only the owner may read the token, and the config does not hold it."""
    parsed = tomllib.loads(config.read_text())
    file = Path(parsed["connections"]["cinc"]["auth"]["token"]["file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() not in config.read_text()
    return parsed, file.read_text()


async def test_serve_runs_until_it_is_told_to_stop(tmp_path: Path):
    """The command as a process: config and token are written, the vendors answer, SIGINT ends it with 0."""
    config = tmp_path / "syncd.toml"
    arguments = [
        "sandbox",
        "serve",
        "--people",
        "20",
        "--vendor",
        "cinc",
        "--vendor",
        "lofty",
        "--write-config",
        str(config),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *arguments,
        "--rate-limit", "1000/20s", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        assert line.decode().strip() == f"wrote {config}"
        parsed, token = _written(config)
        assert parsed["connections"]["lofty"]["dialect"] == "lofty"
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}) as client:
            answer = await client.get(f"{parsed['connections']['cinc']['base_url']}/site/leads")
        assert answer.status_code == 200
        assert answer.json()["leads"]
        assert answer.headers["x-rate-limit-limit"] == "1000"
    finally:
        process.send_signal(signal.SIGINT)
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()
    assert "stopped" in said.decode()
