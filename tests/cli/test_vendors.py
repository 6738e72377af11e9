"""`syncd vendors`: what each vendor declares; and `syncd vendors show`: what a connection says when it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.main import main
from syncd.cli.vendors_show import learned
from syncd.domain.lead import FIELDS
from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.settings import LATER, VENDORS
from syncd.store.database import Database
from tests.pg import database, pg_template, pg_url
from tests.system.town import serving

__all__ = ["database", "pg_template", "pg_url"]
COLUMNS_MAX = 100
FIVE = ("cinc", "chime", "mycrm", "rechat", "epixel")
Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command, which ends with ``code``, and gives its standard output; what else was said is in `run.err`."""

    def command(*argv: str, code: int = 0, says: str = "") -> str:
        with pytest.raises(SystemExit) as left:
            main(argv)
        seen = capsys.readouterr()
        assert (left.value.code, bool(seen.err)) == (code, bool(says)), seen.err
        assert says in seen.err
        return seen.out

    return command


def test_every_vendor_is_described_and_nothing_is_hidden(run: Run):
    """The JSON names every vendor, built or not; what a built one does not carry has a reason."""
    shown = json.loads(run("vendors", "--json"))["vendors"]
    assert set(VENDORS) | set(LATER) <= set(shown)
    assert shown["chime (lofty)"]["built"]
    for name, row in shown.items():
        assert row["built"] is not (name in LATER)
        assert set(row["fields"]) == {*FIELDS, "notes"}
        assert set(row["fields"].values()) <= {"both", "create", "read", "no"}
        missing = [field for field, way in row["fields"].items() if way == "no"]
        assert [field for field in missing if field not in row["not_carried"]] == []
        assert set(row["limits"]) <= set(row["fields"])


def test_which_way_is_what_the_sheets_say(run: Run):
    """A few cells by hand, one of each kind."""
    shown = json.loads(run("vendors", "--json"))["vendors"]
    ways = {name: row["fields"] for name, row in shown.items()}
    assert {name: way["city"] for name, way in ways.items()} == dict.fromkeys(ways, "both")
    assert [ways[name]["source"] for name in ("cinc", "mycrm", "epixel")] == ["both", "create", "create"]
    assert [ways[name]["email_opt_out"] for name in ("cinc", "chime", "epixel")] == ["read", "both", "no"]
    assert [ways[name]["size_min"] for name in ("chime", "chime (lofty)", "cinc")] == ["both", "read", "no"]
    assert [ways[name]["assignment.partner"] for name in ("cinc", "rechat", "mycrm")] == ["both", "both", "no"]
    assert shown["cinc"]["limits"]["emails"] == "one address a lead"
    assert shown["epixel"]["create"] == "needs first_name, last_name, email, phone"
    assert "mobile" in shown["mycrm"]["create"]


def test_the_tables_show_every_field_and_the_reasons_within_a_hundred_columns(run: Run):
    """A person sees a row for every field; every dash and every star has its reason below, vendor by vendor."""
    out = run("vendors")
    lines = out.splitlines()
    assert max(map(len, lines)) <= COLUMNS_MAX
    shown = json.loads(run("vendors", "--json"))["vendors"]
    for name in FIELDS:
        assert any(line.startswith(f"{name} ") for line in lines)
    for label, row in shown.items():
        [start] = [number for number, line in enumerate(lines) if line.startswith(f"{label}  ") and "why not" in line]
        block = " ".join(" ".join(lines[start:]).split("why not")[1].split())
        for name in row["not_carried"]:
            assert name in block
        for reason in (*row["not_carried"].values(), *row["limits"].values()):
            first = " ".join(reason.split()[:2])
            assert first in block, (label, reason)
    assert ("not built yet" in out) is bool(LATER)


@pytest.fixture
def five(tmp_path: Path, database: Database) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """A config of five connections, and the sandboxes behind it."""
    clock = SystemClock()
    sandboxes: dict[str, SandboxVendor] = {name: SANDBOXES[name](clock) for name in FIVE}
    with serving(sandboxes) as served:
        token = tmp_path / "token"
        token.write_text(SandboxVendor.token)
        config = tmp_path / "syncd.toml"
        config.write_text(f'{served.config(token)}\n[database]\nurl = "{database.url}"\n')
        yield config, sandboxes


EXTRAS = {
    "cinc": [],
    "chime": [*(f"routing rules of {who}" for who in ("agents", "lenders", "assistants")), "where no rule fits",
              "who takes leads", "ponds"],
    "mycrm": [],
    "rechat": ["lead channels", "routing rules", "routing groups"],
    "epixel": ["appointments"],
}  # fmt: skip


def test_show_tells_who_we_are_what_is_carried_and_what_else_there_is(run: Run, five: tuple[Path, Mapping[str, Any]]):
    """Every vendor, as JSON and for a person; nothing is written anywhere, and no token is shown."""
    config, sandboxes = five
    sandboxes["chime"].add_agent("ann@example.com", "Ann", "Gent")
    lead = sandboxes["epixel"].add_person(first_name="Ada")
    sandboxes["epixel"].add_appointment(lead, "2030-01-02 10:00", "2030-01-02 11:00", "Bring the keys")
    for name in FIVE:
        told = json.loads(run("--config", str(config), "vendors", "show", name, "--json"))
        assert (told["connection"], told["vendor"], told["error"]) == (name, name, "")
        assert told["who"]
        assert set(told["capabilities"]["fields"]) == {*FIELDS, "notes"}
        assert list(told["extras"]) == EXTRAS[name]
        assert {asked["error"] for asked in told["extras"].values()} <= {""}
        out = run("--config", str(config), "vendors", "show", name)
        assert out.startswith(f"{name} ({name}): logged in as {told['who']}\n")
        assert max(map(len, out.splitlines())) <= COLUMNS_MAX
        assert SandboxVendor.token not in out + json.dumps(told)
        assert sandboxes[name].writes == 0
    assert "round robin: Ann Gent" in run("--config", str(config), "vendors", "show", "chime")
    assert "Bring the keys" in run("--config", str(config), "vendors", "show", "epixel")


def test_what_is_refused_is_named_and_the_rest_is_shown(run: Run, five: tuple[Path, Mapping[str, Any]]):
    """A missing permission is one table's reason; refused credentials end with 1, and what is declared is shown."""
    config, sandboxes = five
    sandboxes["chime"].switches["distribution"] = False
    told = json.loads(run("--config", str(config), "vendors", "show", "chime", "--json"))["extras"]
    assert "20017" in told["routing rules of agents"]["error"]
    assert [row[0] for row in told["ponds"]["rows"]] == ["Shared pond"]
    out = run("--config", str(config), "vendors", "show", "chime")
    assert any(line.startswith("where no rule fits: GET ") and "20017" in line for line in out.splitlines())
    assert "Shared pond" in out
    sandboxes["rechat"].token = "another"
    out = run("--config", str(config), "vendors", "show", "rechat", code=1)
    assert out.startswith("rechat (rechat): refused: ")
    assert "both ways" in out


def test_an_unknown_connection_says_the_nearest_known(run: Run, five: tuple[Path, Mapping[str, Any]]):
    """A usage error: nobody is called."""
    config, _ = five
    run("--config", str(config), "vendors", "show", "chme", code=2, says="did you mean chime?")
    run("--config", str(config), "vendors", "show", "nothing-like-it", code=2, says="configured: cinc, chime, mycrm")


def test_what_was_learned_is_said_in_a_word_or_two():
    """Long lists and tables are counted, not printed: some of them speak of leads."""
    memory = {
        "auth_style": "bearer",
        "notes_readable": True,
        "ignored_filters": ["email"],
        "numbers": [f"hash{n}" for n in range(500)],
        "paths": {"create": "/create/lead/"},
        "definitions": {"at": "2026-01-01", "rows": [{"id": 1}, {"id": 2}]},
        "choices": {"statuses": {"new": {}}},
    }
    assert learned(memory) == {
        "auth style": "bearer",
        "choices": "1 entries",
        "definitions": "at: 2026-01-01; rows: 2 entries",
        "ignored filters": "email",
        "notes readable": "yes",
        "numbers": "500 entries",
        "paths": "create: /create/lead/",
    }
