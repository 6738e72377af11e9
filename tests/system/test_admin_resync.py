"""`syncd resync` beside a daemon: what no poll sees is read again, by lead, since a time, by connection; bases stay."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.store.database import Database
from tests.system.desk import typed
from tests.system.service import Watch
from tests.system.town import Town
from tests.system.unseen import beside_a_daemon, polled, secretly

KEYS = {"read", "changed", "gone", "failed", "withheld", "error"}


def reread(town: Town, *words: str) -> dict[str, Any]:
    """`syncd resync --json`, which has to succeed; connection → what it did."""
    done = typed(town, "resync", "--json", *words)
    assert done.code == 0, done.out + done.err
    assert set(done.json) == {"dry_run", "connections"}
    found: dict[str, Any] = done.json["connections"]
    assert all(set(one) == KEYS for one in found.values())
    return found


def leads(town: Town, name: str) -> dict[str, str]:
    """First name → lead, at a CRM."""
    sandbox = town.sandboxes[name]
    return {sandbox.shows(lead)["first_name"]: lead for lead in sandbox.ids()}


def moves(town: Town, first_name: str, city: str) -> None:
    """Somebody at Chime types another city, and Chime says that nothing was touched since yesterday."""
    lead = leads(town, "chime")[first_name]
    secretly(town, lead, lambda chime: chime.edit(lead, "city", city))


def shows(town: Town, name: str, first_name: str, **fields: str) -> bool:
    """Whether a CRM shows these values of a lead."""
    shown = town.sandboxes[name].shows(leads(town, name)[first_name])
    return all(shown[field] == value for field, value in fields.items())


def carried(town: Town, watch: Watch, first_name: str, **fields: str) -> None:
    """Wait until both CRMs show these values of a lead."""
    watch.until(lambda: all(shows(town, name, first_name, **fields) for name in town.sandboxes))


def test_what_no_poll_sees_comes_in_by_lead_since_a_time_and_by_connection(town: Town, database: Database):
    """Each time the daemon polls on and sees nothing; a dry run says how much would be read and reads nothing; the
    resync reads that much, and the daemon carries the edit over by itself. As the bases stay, what was typed at Chime
    is an edit, although its record is older than CINC's; what a person types meanwhile at CINC is merged with it.
    """
    for name in ("Ada", "Bob", "Cyd"):
        town.sandboxes["cinc"].add_person(
            first_name=name, last_name="Byron", email=f"{name}@example.com".lower(), city="Rome"
        )
    with beside_a_daemon(town) as (_, watch):
        cinc = town.sandboxes["cinc"]
        for name in ("Ada", "Bob", "Cyd"):
            moves(town, name, "Paris")
        polled(database, watch)
        assert shows(town, "cinc", "Ada", city="Rome")
        writes = town.writes

        assert {one["read"] for one in reread(town, "--lead", "ada@example.com", "--dry-run").values()} == {1}
        assert {one["changed"] for one in reread(town, "--since", "1h", "-C", "chime", "--dry-run").values()} == {0}
        assert "would be read" in typed(town, "resync", "-C", "chime", "--dry-run").out
        polled(database, watch)
        assert (town.writes, shows(town, "cinc", "Ada", city="Rome")) == (writes, True)

        cinc.edit(leads(town, "cinc")["Ada"], "last_name", "Lovelace")
        done = reread(town, "--lead", "ada@example.com")
        assert (done["chime"]["read"], done["cinc"]["read"]) == (1, 1)
        carried(town, watch, "Ada", city="Paris", last_name="Lovelace")
        assert all(shows(town, "cinc", name, city="Rome") for name in ("Bob", "Cyd")), "only that lead was read"

        done = reread(town, "--since", "1d", "--connection", "chime", "--lead", "bob@example.com")
        assert set(done) == {"chime"}
        assert (done["chime"]["read"], done["chime"]["changed"]) == (3, 2)
        carried(town, watch, "Bob", city="Paris")
        carried(town, watch, "Cyd", city="Paris")

        moves(town, "Cyd", "Oslo")
        readable = town.syncd("resync", "--connection", "chime")
        assert readable.code == 0, readable.err
        assert "1 record had changed; `syncd sync` writes what the others lack, a daemon by itself." in readable.out
        carried(town, watch, "Cyd", city="Oslo")
    assert typed(town, "verify").code == 0


def test_an_edit_typed_between_its_reading_and_its_writing_is_kept(town: Town):
    """No daemon writes yet when the person edits the same lead elsewhere: both edits are there in the end."""
    town.sandboxes["cinc"].add_person(first_name="Ada", last_name="Byron", email="ada@example.com", city="Rome")
    assert typed(town, "sync", "--until-quiet").code == 0
    moves(town, "Ada", "Paris")
    assert reread(town, "--connection", "chime")["chime"]["changed"] == 1
    town.sandboxes["cinc"].edit(leads(town, "cinc")["Ada"], "last_name", "Lovelace")
    town.sandboxes["cinc"].edit(leads(town, "cinc")["Ada"], "email", "ada@lovelace.example.com")
    assert typed(town, "sync", "--until-quiet").code == 0
    for name in town.sandboxes:
        assert shows(town, name, "Ada", city="Paris", last_name="Lovelace", email="ada@lovelace.example.com")


def test_while_somebody_holds_a_connection_it_waits_and_then_says_so(
    town: Town, database: Database, monkeypatch: pytest.MonkeyPatch
):
    """A connection that another process does not let go of is an error with a hint, and nothing was read; the others
    are read all the same.
    """
    monkeypatch.setattr("syncd.cli.work.LOCK_WAIT_S", 0.1)
    town.sandboxes["cinc"].add_person(first_name="Ada", email="ada@example.com")
    assert typed(town, "sync", "--until-quiet").code == 0
    with database.connect(autocommit=True) as somebody:
        somebody.execute("SELECT pg_advisory_lock(%s)", [database.lock_key("connection", "chime")])
        assert reread(town, "--connection", "cinc")["cinc"]["read"] == 1
        asked = town.reads
        busy = typed(town, "resync", "--connection", "chime")
        assert (busy.code, town.reads) == (1, asked)
        assert "another syncd is working on chime" in busy.err
        assert "hint: " in busy.err


def test_what_cannot_be_meant_is_a_usage_error(town: Town):
    """No choice, a time that is none, a lead nobody has, a connection nobody configured: 2, with a hint."""
    for words in ("", "--since yesterday", "--lead nobody@example.com", "-C mars"):
        done = typed(town, "resync", *words.split())
        assert (done.code, done.out) == (2, ""), words
        assert "hint: " in done.err, words
