"""`syncd quarantine`: what cannot be read is listed, tried again through the engine's own ingest, and forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from syncd.engine.looking import Outcome
from syncd.engine.retry import Retry
from syncd.ports.clock import SystemClock
from syncd.sandbox.faults import Fault, always
from syncd.store.admin import Admin
from tests.system.desk import opened, typed
from tests.system.town import Done, Town

BAD = "Nul\x00l"


@pytest.fixture
def spoiled(town: Town) -> Town:
    """A lead and a note of CINC that cannot be read, and a good lead that has another note. All read once."""
    cinc = town.sandboxes["cinc"]
    good = cinc.add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
    cinc.add_note(good, "bad\x00note")
    cinc.add_note(good, "good note")
    cinc.add_person(first_name=BAD, last_name="Hopper", email="grace@example.com")
    assert typed(town, "sync").code == 3
    return town


def records(town: Town) -> dict[str, dict[str, Any]]:
    """Kind → the one record of that kind in quarantine."""
    return {row["kind"]: row for row in typed(town, "quarantine", "list", "--json").json["records"]}


def outcomes(done: Done) -> dict[str, str]:
    """Kind → what became of it."""
    return {row["kind"]: row["outcome"] for row in done.json["records"]}


def lead_of(town: Town, name: str) -> str:
    """The CINC record of a last name."""
    cinc = town.sandboxes["cinc"]
    return next(lead for lead in cinc.ids() if cinc.shows(lead)["last_name"] == name)


def mend(town: Town) -> None:
    """People put right what could not be read."""
    cinc: Any = town.sandboxes["cinc"]
    cinc.edit(lead_of(town, "Hopper"), "first_name", "Grace")
    home = lead_of(town, "Byron")
    for note, body in cinc.site.notes[home].items():
        if "\x00" in body.content:
            cinc.edit_note(home, note, "mended note")


def test_list_and_show_tell_why_and_since_when(spoiled: Town):
    """Reason, first and last time, attempts; the record itself only when it is asked for."""
    found = records(spoiled)
    assert set(found) == {"lead", "note"}
    lead = found["lead"]
    assert set(lead) == {"id", "connection", "kind", "external_id", "error", "attempts", "first_at", "at"}
    assert (lead["connection"], lead["attempts"] >= 1) == ("cinc", True)
    ident = str(lead["id"])
    assert "payload" not in typed(spoiled, "quarantine", "show", ident, "--json").json
    assert typed(spoiled, "quarantine", "show", ident, "--payload", "--json").json["payload"]
    plain, whole = typed(spoiled, "quarantine", "show", ident), typed(spoiled, "quarantine", "show", ident, "--payload")
    assert lead["error"] in plain.out
    assert "Hopper" not in plain.out
    assert "Hopper" in whole.out
    assert lead["external_id"] in typed(spoiled, "quarantine", "list").out
    assert typed(spoiled, "quarantine", "list", "--connection", "chime", "--json").json == {"records": []}


def test_retry_takes_in_what_was_mended(spoiled: Town):
    """Still broken: 3, and each try is counted. Mended: a dry run says so and changes nothing; then each is read,
    is in the graph, has left the quarantine, and a sync brings it to the other CRM.
    """
    before = records(spoiled)
    broken = typed(spoiled, "quarantine", "retry", "--all", "--json")
    assert (broken.code, outcomes(broken)) == (3, {"lead": "broken", "note": "broken"})
    assert (broken.json["broken"], broken.json["read"], broken.json["dry_run"]) == (2, 0, False)
    counted = records(spoiled)
    assert all(counted[kind]["attempts"] == row["attempts"] + 1 for kind, row in before.items())
    mend(spoiled)
    writes = spoiled.writes
    dry = typed(spoiled, "quarantine", "retry", "--all", "--dry-run", "--json")
    assert (dry.code, outcomes(dry)) == (0, {"lead": "read", "note": "read"})
    assert records(spoiled) == counted
    assert typed(spoiled, "leads", "show", "grace@example.com").code == 2
    done = typed(spoiled, "quarantine", "retry", "--connection", "cinc", "--json")
    assert (done.code, outcomes(done)) == (0, {"lead": "read", "note": "read"})
    assert records(spoiled) == {}
    assert spoiled.writes == writes
    notes = typed(spoiled, "leads", "show", "ada@example.com", "--json").json["notes"]
    assert sorted(note["body"] for note in notes) == ["good note", "mended note"]
    assert typed(spoiled, "sync", "--until-quiet").code == 0
    chime = spoiled.sandboxes["chime"]
    assert {chime.shows(lead)["first_name"] for lead in chime.ids()} == {"Ada", "Grace"}
    assert "Nothing is in quarantine." in typed(spoiled, "quarantine", "retry", "--all").out


def test_a_sync_reads_a_mended_note_by_itself(spoiled: Town):
    """What can be read again leaves the quarantine without anybody's retry, notes like leads."""
    mend(spoiled)
    assert typed(spoiled, "sync", "--full").code == 0
    assert records(spoiled) == {}


def test_what_is_gone_there_is_forgotten(spoiled: Town):
    """A record that the vendor does not have any more leaves the quarantine; nothing else happens."""
    cinc: Any = spoiled.sandboxes["cinc"]
    cinc.delete(lead_of(spoiled, "Hopper"))
    home = lead_of(spoiled, "Byron")
    bad = next(note for note, body in cinc.site.notes[home].items() if "\x00" in body.content)
    cinc.delete_note(home, bad)
    done = typed(spoiled, "quarantine", "retry", "--all", "--json")
    assert (done.code, outcomes(done)) == (0, {"lead": "gone", "note": "gone"})
    assert records(spoiled) == {}


def test_an_agent_is_tried_through_the_list_of_agents(town: Town):
    """An agent who cannot be read is tried again with everybody else of that account, and is assigned from then on;
    one who was mended leaves the quarantine with the next sync as well.
    """
    cinc: Any = town.sandboxes["cinc"]
    agents = [cinc.add_agent(f"{name}@example.com", name, "Wood") for name in ("rebecca", "tom")]
    for agent in agents:
        cinc.site.agents[agent]["info"]["contact"]["first_name"] = BAD
    assert typed(town, "sync").code == 3
    kinds = [row["kind"] for row in typed(town, "quarantine", "list", "--json").json["records"]]
    assert kinds == ["agent", "agent"]
    cinc.site.agents[agents[0]]["info"]["contact"]["first_name"] = "Rebecca"
    done = typed(town, "quarantine", "retry", "--all", "--json")
    assert (done.code, [row["outcome"] for row in done.json["records"]]) == (3, ["read", "broken"])
    assert [row["external_id"] for row in typed(town, "quarantine", "list", "--json").json["records"]] == agents[1:]
    cinc.site.agents[agents[1]]["info"]["contact"]["first_name"] = "Tom"
    assert typed(town, "sync").code == 0
    assert records(town) == {}


def test_a_row_without_an_id_cannot_be_tried_singly(town: Town):
    """Its entry is named by a digest: it is said that it cannot be asked for, and how it is forgotten."""
    cinc: Any = town.sandboxes["cinc"]
    bad = cinc.add_person(first_name="Grace", email="grace@example.com")
    cinc.site.leads[bad]["id"] = ""
    cinc.site.touched(bad)
    assert typed(town, "sync").code == 3
    done = typed(town, "quarantine", "retry", "--all")
    assert done.code == 3
    assert "quarantine drop" in done.out
    assert outcomes(typed(town, "quarantine", "retry", "--all", "--json")) == {"lead": "left"}


def test_drop_forgets_until_it_is_read_again(spoiled: Town):
    """A dry run keeps it. Dropped it is gone, and the next reading that still fails brings it back."""
    ident = str(records(spoiled)["lead"]["id"])
    dry = typed(spoiled, "quarantine", "drop", ident, "--dry-run", "--json").json
    assert (dry["dry_run"], [row["id"] for row in dry["dropped"]]) == (True, [int(ident)])
    assert "lead" in records(spoiled)
    done = typed(spoiled, "quarantine", "drop", ident)
    assert done.code == 0
    assert "comes back" in done.out
    assert "lead" not in records(spoiled)
    spoiled.sandboxes["cinc"].edit(lead_of(spoiled, "Hopper"), "city", "Rome")
    assert typed(spoiled, "sync").code == 3
    assert "lead" in records(spoiled)


def test_what_does_not_exist_is_a_usage_error(town: Town):
    """An id or a connection that nobody has, or no choice at all: 2, one line and a hint."""
    for words in ("retry", "retry 1 --all", "retry 99", "drop 99", "show 99", "retry -C mars", "list -C mars"):
        done = typed(town, "quarantine", *words.split())
        assert (done.code, done.out) == (2, ""), words
        assert "hint: " in done.err, words


def test_a_vendor_that_refuses_us_pauses_and_is_left_alone(spoiled: Town):
    """Refused credentials: 1, with what to do; the connection pauses, and is asked again only by its name."""
    (spoiled.folder / "wrong").write_text("not-the-token")
    text = spoiled.config.read_text()
    start, end = text.index("[connections.cinc]"), text.index("[connections.chime]")
    table = text[start:end].replace(str(spoiled.folder / "token"), str(spoiled.folder / "wrong"))
    wrong = spoiled.folder / "wrong.toml"
    wrong.write_text(text[:start] + table + text[end:])
    first = typed(spoiled, "quarantine", "retry", "--all", "--json", config=wrong)
    assert first.code == 1
    assert set(outcomes(first).values()) == {"failed"}
    assert "hint: cinc: " in first.err
    reads = spoiled.reads
    paused = typed(spoiled, "quarantine", "retry", "--all", "--json", config=wrong)
    assert (paused.code, spoiled.reads) == (1, reads)
    assert all("paused" in row["detail"] for row in paused.json["records"])
    assert typed(spoiled, "quarantine", "retry", "-C", "cinc", config=wrong).code == 1
    assert spoiled.reads > reads


def test_it_waits_its_turn_and_a_failing_vendor_changes_nothing(spoiled: Town):
    """While another syncd holds the connection nothing is taken in; a record that cannot be asked for stays."""

    async def story() -> None:
        async with opened(spoiled) as syncd:
            admin, clock = Admin(syncd.store), SystemClock()
            (cinc,) = (connection for connection in syncd.connections if connection.name == "cinc")
            entries = await admin.quarantined()
            async with syncd.store.exclusively("cinc") as ours:
                assert ours
                looks = await Retry(syncd.store, admin, clock, cinc, lock_wait_s=0).run(entries)
            assert [look.outcome for look in looks] == [Outcome.FAILED, Outcome.FAILED]
            assert all("another syncd" in look.detail for look in looks)
            spoiled.sandboxes["cinc"].fault = always(Fault("error", status=422))
            looks = await Retry(syncd.store, admin, clock, cinc, lock_wait_s=0).run(entries)
            assert [look.outcome for look in looks] == [Outcome.FAILED, Outcome.FAILED]
            assert await admin.quarantined() == entries

    asyncio.run(story())
