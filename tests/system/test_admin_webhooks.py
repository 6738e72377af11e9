"""`syncd webhooks failed` and `retry` beside a daemon: a delivery that was given up is told, and read after all."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.faults import Fault, FaultPlan
from syncd.sandbox.message import Ask
from syncd.store.database import Database
from tests.system.desk import typed
from tests.system.office import free_port
from tests.system.service import Watch, started
from tests.system.town import Town

KEYS = ["id", "connection", "received_at", "failed_at", "hints", "attempts", "error"]
WHY = "GET /site/leads/{id}: 500 the vendor failed"


@pytest.fixture
def called(town: Town) -> Town:
    """Ada in both CRMs; nobody polls for an hour, and vendors may be told to call a daemon that listens here."""
    port = free_port()
    text = town.config.read_text().replace('poll = "5s"', 'poll = "1h"')
    web = f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
    town.config.write_text(f"{text}\n{web}")
    town.sandboxes["cinc"].add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
    assert typed(town, "sync", "--until-quiet").code == 0
    return town


def failed(town: Town, *words: str) -> list[dict[str, Any]]:
    """The deliveries that were given up."""
    done = typed(town, "webhooks", "failed", "--json", *words)
    assert done.code == 0, done.err
    assert list(done.json) == ["deliveries"]
    rows: list[dict[str, Any]] = done.json["deliveries"]
    assert all(list(row) == KEYS for row in rows)
    return rows


def give_up(database: Database, connection: str, lead: str) -> int:
    """A delivery that was tried too often; its id."""
    with database.connect(autocommit=True) as session:
        row = session.execute(
            """INSERT INTO inbox (connection, event, received_at, settled_at, headers, body,
                                  state, attempts, error, hints)
               VALUES (%s, gen_random_uuid()::text, now() - interval '1 day', now(), '{}', '', 'failed', 8, %s,
                       json_build_array(json_build_array('lead', %s::text, ''))) RETURNING id""",
            [connection, WHY, lead],
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_what_a_vendor_refused_is_read_once_it_does_not_any_more(called: Town):
    """A lead that CINC refuses to show: its delivery is given up, with the reason and nothing that the lead contains,
    and the doctor tells. A dry run leaves it; put back, the daemon reads it, and the edit arrives at the other CRM.
    """
    cinc, chime = called.sandboxes["cinc"], called.sandboxes["chime"]
    (ada,), (there,) = cinc.ids(), chime.ids()
    bob = cinc.add_person(first_name="Bob", last_name="Byron", email="bob@example.com")
    watch = Watch(called)
    with started(called, "run") as daemon:
        watch.until(lambda: len(chime.ids()) == 2)
        assert typed(called, "webhooks", "register").code == 0
        refused: list[str] = []
        cinc.fault, plain = refusing(watch, ada, refused), cinc.fault
        cinc.edit(ada, "city", "London")
        watch.until(lambda: refused)
        cinc.edit(bob, "city", "Rome")
        watch.until(lambda: "Rome" in {chime.shows(lead).get("city") for lead in chime.ids()})
        (row,) = failed(called)
        assert (row["connection"], row["hints"]) == ("cinc", [{"kind": "lead", "external_id": ada}])
        assert (row["attempts"], row["error"].startswith("GET /site/leads/{id}: 422")) == (1, True), row
        told = typed(called, "webhooks", "failed")
        assert (told.code, told.err) == (0, "")
        assert f"lead {ada}" in told.out
        assert "London" not in told.out
        advice = [one for one in typed(called, "doctor", "--offline", "--json").json["findings"] if
                  one["check"] == "deliveries"]  # fmt: skip
        assert [(one["connection"], one["state"]) for one in advice] == [("cinc", "warning")]
        assert "syncd webhooks retry --connection cinc" in advice[0]["mend"]
        cinc.fault = plain
        dry = typed(called, "webhooks", "retry", str(row["id"]), "--dry-run", "--json")
        assert dry.json == {"dry_run": True, "retried": 1, "connections": {"cinc": 1}}
        assert failed(called) == [row]
        done = typed(called, "webhooks", "retry", str(row["id"]))
        assert (done.code, done.out.splitlines()[0]) == (0, "cinc: 1 delivery waiting again")
        assert "daemon" in done.out
        cinc.edit(bob, "city", "Oslo")
        watch.until(lambda: chime.shows(there).get("city") == "London")
        assert failed(called) == []
        assert daemon.stop() == 0
    assert not any("defect" in line for line in daemon.lines)


def refusing(watch: Watch, lead: str, refused: list[str]) -> FaultPlan:
    """The vendor refuses to show one lead; whoever watches is told."""

    def plan(ask: Ask, moment: str) -> Fault | None:
        hidden = moment == "before" and not ask.write and ask.path.endswith(lead)
        with watch.called:
            if hidden:
                refused.append(ask.path)
            watch.called.notify_all()
        return Fault("error", status=422) if hidden else None

    return plan


def test_by_id_by_connection_and_all(called: Town, database: Database):
    """Only what was chosen waits again, from the first attempt on, with what was left of it; the others stay."""
    ids = [give_up(database, *what) for what in (("cinc", "a"), ("cinc", "b"), ("chime", "c"), ("chime", "d"))]
    assert [row["id"] for row in failed(called)] == ids
    assert [row["id"] for row in failed(called, "--connection", "chime")] == ids[2:]
    done = typed(called, "webhooks", "retry", str(ids[0]), str(ids[2]), "--json")
    assert done.json == {"dry_run": False, "retried": 2, "connections": {"chime": 1, "cinc": 1}}
    assert [row["id"] for row in failed(called)] == [ids[1], ids[3]]
    with database.connect() as session:
        rows = session.execute(
            "SELECT attempts, due_at, settled_at, error, hints, id > %s FROM inbox WHERE state = 'waiting'"
            " ORDER BY hints::text",
            [ids[3]],
        ).fetchall()
    assert rows == [(0, None, None, "", [["lead", lead, ""]], True) for lead in "ac"]
    assert typed(called, "webhooks", "retry", "--connection", "cinc", "--json").json["retried"] == 1
    assert typed(called, "webhooks", "retry", "--all", "--json").json["connections"] == {"chime": 1}
    assert failed(called) == []
    for words in ("failed", "retry --all"):
        assert typed(called, "webhooks", *words.split()).out == "No delivery was given up.\n"


def test_what_cannot_be_meant_is_a_usage_error(called: Town, database: Database):
    """No choice or two, an id that none has or that waits still, a connection nobody configured: 2, with a hint."""
    give_up(database, "cinc", "a")
    for words in ("retry", "retry 1 --all", "retry --all -C cinc", "retry 99", "retry -C mars", "failed -C mars"):
        done = typed(called, "webhooks", *words.split())
        assert (done.code, done.out) == (2, ""), words
        assert "hint: " in done.err, words
    assert len(failed(called)) == 1


def test_without_a_daemon_they_wait_and_that_is_said(called: Town, database: Database):
    """`syncd sync` takes no deliveries: they wait, and the output says for whom."""
    give_up(database, "cinc", called.sandboxes["cinc"].ids()[0])
    said = typed(called, "webhooks", "retry", "--all").out
    assert "without one they wait until `syncd run`" in said
    assert typed(called, "sync", "--until-quiet").code == 0
    assert typed(called, "status", "--json").json["connections"]["cinc"]["inbox"] == 1
    assert failed(called) == []
