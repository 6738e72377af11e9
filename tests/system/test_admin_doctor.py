"""`syncd doctor`: each thing that can be wrong is a finding with what mends it; the exit code says how bad it is."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncd.cli.checks.config import has_password
from syncd.cli.checks.database import room
from syncd.cli.checks.pace import ago
from syncd.cli.checks.vendors import SET_OURS, clocks
from syncd.cli.doctor import code_of
from syncd.domain.plan import UNCERTAIN
from syncd.ports.vendor import VendorClock
from syncd.sandbox.faults import Fault, always
from syncd.settings import load
from tests.system.desk import typed
from tests.system.town import Done, Town

Findings = dict[tuple[str, str], dict[str, str]]


def odd(done: Done) -> Findings:
    """(check, connection) → its finding, of those that are not ok."""
    found = done.json["findings"]
    assert all(set(row) == {"check", "connection", "state", "finding", "mend"} for row in found)
    assert all(row["mend"] for row in found if row["state"] != "ok"), found
    assert all("\n" not in row["finding"] + row["mend"] for row in found)
    return {(row["check"], row["connection"]): row for row in found if row["state"] != "ok"}


def doctor(town: Town, *more: str, config: Path | None = None) -> Done:
    """`syncd doctor --json`."""
    return typed(town, "doctor", "--json", *more, config=config)


@pytest.fixture
def healthy(town: Town) -> Town:
    """One lead in both CRMs, with an agent whom both know; nobody else may read what is secret."""
    cinc = town.sandboxes["cinc"]
    agents = [box.add_agent("rebecca@example.com", "Rebecca", "Wood") for box in (cinc, town.sandboxes["chime"])]
    lead = cinc.add_person(first_name="Ada", last_name="Byron", email="ada@example.com", stage="Contacted")
    cinc.assign(lead, "primary", agents[0])
    assert typed(town, "sync", "--until-quiet").code == 0
    for file in (town.config, town.folder / "token"):
        file.chmod(0o600)
    return town


def sql(town: Town, query: str, *values: Any) -> None:
    """Something happens in the database."""
    with psycopg.connect(str(load(town.config).database.url), options="-csearch_path=syncd") as connection:
        connection.execute(query.encode(), values)


def test_all_is_well(healthy: Town):
    """Every check says so, exit code 0; the vendors were asked who we are, how their clock stands, who works there."""
    done = doctor(healthy)
    assert odd(done) == {}
    assert done.code == 0
    found = {(row["check"], row["connection"]) for row in done.json["findings"]}
    assert {row[0] for row in found} == {
        "config", "secrets", "database", "login", "rights", "clock", "daemon", "webhooks", "deliveries", "readings",
        "creates", "notes", "words", "agents", "quarantine", "plans", "conflicts", "reviews",
    }  # fmt: skip
    for check in ("login", "rights", "clock", "readings"):
        assert {(check, "cinc"), (check, "chime")} <= found
    assert (done.json["warning"], done.json["problem"]) == (0, 0)
    readable = typed(healthy, "doctor")
    assert (readable.code, readable.out.splitlines()[-1]) == (0, "All is well.")


def test_offline_and_one_connection(healthy: Town):
    """--offline asks nobody; --connection looks at that one alone; one that nobody configured is a usage error."""
    asked = healthy.reads
    done = doctor(healthy, "--offline")
    assert (done.code, healthy.reads) == (0, asked)
    assert not any(row["check"] in {"login", "clock", "rights"} for row in done.json["findings"])
    only = doctor(healthy, "-C", "chime").json["findings"]
    assert {row["connection"] for row in only} == {"", "chime"}
    assert healthy.sandboxes["cinc"].reads + healthy.sandboxes["chime"].reads > asked
    assert doctor(healthy, "-C", "mars").code == 2


def test_what_waits_for_a_person(healthy: Town):
    """Words without translation, lonely agents, records in quarantine, conflicts, held plans, uncertain notes, lost
    answers: warnings with the command or the line of the config that mends them, exit code 3.
    """
    chime: Any = healthy.sandboxes["chime"]
    alone = chime.add_agent("tom@example.com", "Tom", "Wood")
    lead = chime.ids()[0]
    chime.edit(lead, "stage", "Contactd")
    chime.assign(lead, "primary", alone)
    chime.add_note(lead, "bad\x00note")
    assert typed(healthy, "sync").code == 3
    sql(healthy, """INSERT INTO conflict (lead, field, connection, rule, outcome, state, at)
        VALUES (1, 'city', 'cinc', 'manual', 'parked', 'open', now())""")  # fmt: skip
    sql(healthy, """INSERT INTO operation (type, connection, state, at, kind, lead, note, reason)
        VALUES ('intent', 'cinc', 'refused', now(), 'note', 7, 9, %s),
               ('intent', 'cinc', 'waiting', now() - interval '2 hours', 'note', 7, 10, '')""", UNCERTAIN)  # fmt: skip
    sql(healthy, """INSERT INTO operation (type, connection, state, at, code, mark, reasons, operations)
        VALUES ('plan', 'cinc', 'held', now(), 'a81b', 'm', '{too many}', '[]')""")  # fmt: skip
    sql(healthy, "UPDATE link SET state = 'review', node = NULL WHERE connection = 'cinc' AND kind = 'lead'")
    done = doctor(healthy, "--offline")
    assert done.code == 3
    found = odd(done)
    assert {row["state"] for row in found.values()} == {"warning"}
    mends = {key: row["mend"] for key, row in found.items()}
    assert set(mends) == {
        ("words", "chime"), ("agents", ""), ("quarantine", "chime"), ("conflicts", "cinc"), ("plans", "cinc"),
        ("notes", "cinc"), ("creates", "cinc"), ("reviews", "cinc"),
    }  # fmt: skip
    for key, command in (
        (("quarantine", "chime"), "syncd quarantine list --connection chime"),
        (("conflicts", "cinc"), "syncd conflicts list --open"),
        (("plans", "cinc"), "syncd plan approve a81b"),
        (("notes", "cinc"), "syncd links show 7"),
        (("creates", "cinc"), "syncd sync --until-quiet"),
    ):
        assert command in mends[key]
    assert '[connections.chime.stages] contacted = ["' in mends["words", "chime"]
    assert '"Contactd"]' in mends["words", "chime"]
    pinned = tomllib.loads(mends["agents", ""].removeprefix("[agents] "))
    assert pinned == {"tom@example.com": {"chime": str(alone), "cinc": "THEIR ID"}}
    readable = typed(healthy, "doctor", "--offline")
    assert readable.code == 3
    assert "→ `syncd plan` shows it" in readable.out
    assert "8 warnings." in readable.out


def test_an_agent_of_the_same_name_completes_the_line(healthy: Town):
    """Somebody with one name and two addresses: the [agents] line names both accounts, and with it all is well."""
    cinc, chime = healthy.sandboxes["cinc"], healthy.sandboxes["chime"]
    there = chime.add_agent("tom@chime.example.com", "Tom", "Wood")
    here = cinc.add_agent("tom@cinc.example.com", "Tom", "Wood")
    chime.assign(chime.ids()[0], "primary", there)
    assert typed(healthy, "sync").code == 0
    line = odd(doctor(healthy, "--offline"))["agents", ""]["mend"].removeprefix("[agents] ")
    assert tomllib.loads(line) == {"tom@chime.example.com": {"chime": str(there), "cinc": str(here)}}
    healthy.config.write_text(f"{healthy.config.read_text()}\n[agents]\n{line}\n")
    assert typed(healthy, "sync", "--until-quiet").code == 0
    assert odd(doctor(healthy, "--offline")) == {}
    assert cinc.shows(cinc.ids()[0])["assignments"]["primary"] == here


def test_refused_credentials_pause_and_are_not_tried_again(healthy: Town):
    """A wrong token: a problem with what to do, exit code 1; paused, the vendor is asked only if it is named."""
    (healthy.folder / "wrong").write_text("not-the-token")
    (healthy.folder / "wrong").chmod(0o600)
    text = healthy.config.read_text()
    chime = text.index("[connections.chime]")
    wrong = healthy.folder / "wrong.toml"
    wrong.write_text(text[:chime] + text[chime:].replace(str(healthy.folder / "token"), str(healthy.folder / "wrong")))
    first = doctor(healthy, config=wrong)
    assert first.code == 1
    assert odd(first)["login", "chime"]["state"] == "problem"
    assert "connections.chime.auth" in odd(first)["login", "chime"]["mend"]
    assert typed(healthy, "sync", config=wrong).code == 1
    asked = healthy.sandboxes["chime"].reads
    paused = doctor(healthy, config=wrong)
    assert (paused.code, healthy.sandboxes["chime"].reads) == (1, asked)
    assert odd(paused)["login", "chime"]["finding"].startswith("paused: ")
    assert doctor(healthy, "-C", "chime", config=wrong).code == 1
    assert healthy.sandboxes["chime"].reads > asked
    assert "not-the-token" not in first.out + paused.out


def test_rights_that_are_missing_are_told(healthy: Town):
    """A vendor that says who we are and refuses to list its users: a problem of its rights, nothing of its login."""
    chime = healthy.sandboxes["chime"]
    me: list[str] = []

    def fault(ask: Any, moment: str) -> Fault | None:
        me.append(ask.template)
        return Fault("error", status=403) if moment == "before" and ask.template != me[0] else None

    chime.fault = fault
    done = doctor(healthy, "-C", "chime")
    chime.fault = None
    assert done.code == 1
    assert set(odd(done)) == {("rights", "chime")}


def test_a_vendor_that_fails_is_one_finding(healthy: Town):
    """Whatever it answers, the other checks go on."""
    healthy.sandboxes["cinc"].fault = always(Fault("error", status=422))
    done = doctor(healthy)
    healthy.sandboxes["cinc"].fault = None
    assert done.code == 1
    assert set(odd(done)) == {("login", "cinc")}
    assert ("login", "chime") in {(row["check"], row["connection"]) for row in done.json["findings"]}


def test_what_was_read_too_long_ago(healthy: Town):
    """Never read, read or compared long ago, failing since: a warning each, with the sync that ends it."""
    sql(healthy, """UPDATE connection SET last_pull = last_pull - interval '1 day', last_full = last_full
        - interval '5 days', last_error = 'GET /x: 500' WHERE name = 'cinc'""")  # fmt: skip
    sql(healthy, "UPDATE connection SET last_pull = NULL WHERE name = 'chime'")
    done = doctor(healthy, "--offline")
    assert done.code == 3
    told = [(row["connection"], row["mend"]) for row in done.json["findings"] if row["check"] == "readings"]
    assert [name for name, _ in told] == ["cinc", "cinc", "cinc", "chime"]
    assert "syncd sync --full --connection cinc" in told[2][1]


def test_a_config_that_does_not_load(town: Town):
    """No file, or one with problems: each is a finding with its place; nothing else is looked at."""
    nowhere = doctor(town, config=town.folder / "nowhere.toml")
    assert (nowhere.code, set(odd(nowhere))) == (1, {("config", "")})
    assert "syncd config example" in odd(nowhere)["config", ""]["mend"]
    bad = town.folder / "bad.toml"
    bad.write_text("[sync]\npol = 1\nfull_compare = 3\n")
    done = doctor(town, config=bad)
    assert (done.code, len(done.json["findings"])) == (1, 2)
    bad.write_text("[sync]\n")
    empty = doctor(town, config=bad)
    assert (empty.code, "no connections" in odd(empty)["config", ""]["finding"]) == (1, True)


def test_files_that_others_may_read_or_change(healthy: Town):
    """A config that others may change, a token that others may read, a password in the file: chmod for each."""
    healthy.config.chmod(0o664)
    (healthy.folder / "token").chmod(0o644)
    done = doctor(healthy, "--offline")
    mends = [row["mend"] for row in done.json["findings"] if row["check"] == "secrets"]
    assert done.code == 3
    assert mends == [f"chmod go-w {healthy.config}", f"chmod 600 {healthy.folder / 'token'}"]
    other = healthy.folder / "password.toml"
    for url, held in (
        ("postgresql://a:b@h/d", True),
        ("postgresql://h/d?password=b", True),
        ("postgresql://h/d", False),
    ):
        other.write_text(f'[database]\nurl = "{url}"\n')
        assert has_password(other) is held


def test_a_database_that_cannot_be_used(bare_town: Town):
    """Behind, or out of reach: a problem with the command; it is said that nothing else was checked."""
    behind = doctor(bare_town)
    assert behind.code == 1
    assert odd(behind)["database", ""]["mend"] == "`syncd db upgrade`"
    assert ("doctor", "") in odd(behind)
    text = bare_town.config.read_text()
    start = text.index("url = ", text.index("[database]"))
    away = bare_town.folder / "away.toml"
    away.write_text(text[:start] + 'url = "postgresql://nobody@127.0.0.1:9/syncd"\n')
    done = doctor(bare_town, config=away)
    assert done.code == 1
    assert "cannot be reached" in odd(done)["database", ""]["finding"]
    assert bare_town.reads == 0


def clock(offset_s: float, uncertainty_s: float = 0.6) -> VendorClock:
    """A vendor's clock."""
    return VendorClock(offset_s, uncertainty_s)


@pytest.mark.parametrize(
    ("told", "states", "ours"),
    [
        ({"a": clock(1.5), "b": clock(-1.9)}, ["ok", "ok"], False),
        ({"a": clock(2.5), "b": clock(0.1)}, ["warning", "ok"], False),
        ({"a": clock(-90), "b": clock(0.1), "c": clock(0)}, ["problem", "ok", "ok"], False),
        ({"a": clock(30), "b": clock(31), "c": clock(0)}, ["warning", "warning", "ok"], True),
        ({"a": clock(3, 8)}, ["ok"], False),
        ({"a": clock(-3600)}, ["problem"], True),
        ({}, [], False),
    ],
)
def test_clocks(told: dict[str, VendorClock], states: list[str], *, ours: bool):
    """More than 2 s is a warning, more than a minute a problem; where most vendors agree, our clock is the wrong one;
    what cannot be measured is not complained of.
    """
    found = clocks(told)
    assert [finding.state for finding in found] == states
    assert all((finding.mend == SET_OURS) is ours for finding in found if finding.state != "ok")


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Less than 1 GB is a warning, less than 200 MB a problem."""
    for free_mb, state in ((5000, "ok"), (900, "warning"), (100, "problem")):
        monkeypatch.setattr(
            "shutil.disk_usage", lambda _, free=free_mb: type("Usage", (), {"free": free * 1024 * 1024})
        )
        assert room(tmp_path).state == state


def test_words_and_codes():
    """A span is told in the unit that fits; no finding at all is a good one."""
    assert [ago(timedelta(seconds=s)) for s in (5, 150, 7300, 200000)] == ["5 s", "2 min", "2 h", "2 days"]
    assert code_of([]) == 0
