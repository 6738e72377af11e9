"""`syncd leads`, `conflicts` and `status` as processes: the documented JSON, and the answers a person looks for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.town import Town

LONG = "Wilhelmina Aurelia Konstantina Bartholomea II"
MANUAL = '[rules]\nlast_name = "manual"\n\n[database]'


@pytest.fixture
def synced(town: Town) -> Town:
    """One person, typed in at CINC with everything, synchronised to Chime."""
    cinc = town.sandboxes["cinc"]
    agent = cinc.add_agent("rebecca@example.com", "Rebecca", "Wood")
    town.sandboxes["chime"].add_agent("rebecca@example.com", "Rebecca", "Wood")
    lead = cinc.add_person(
        first_name="Ada",
        last_name="Byron",
        email="ada@example.com",
        phones=[("(404) 555-0123", "cell")],
        stage="Contacted",
    )
    cinc.add_label(lead, "VIP")
    cinc.assign(lead, "primary", agent)
    cinc.add_note(lead, "Likes numbers.")
    done = town.syncd("sync", "--until-quiet")
    assert done.code == 0, done.err
    return town


def test_lead_show_has_the_documented_shape(synced: Town):
    """Exactly the keys of DESIGN §13; a lead is named by its id, e-mail, phone or record, and it is the same lead."""
    shown = synced.syncd("leads", "show", "ada@example.com", "--json").json
    assert list(shown) == ["id", "fields", "provenance", "links", "labels", "assignments", "notes"]
    assert shown["fields"]["last_name"] == "Byron"
    assert shown["provenance"]["last_name"]["connection"] == "cinc"
    assert {link["connection"] for link in shown["links"]} == {"cinc", "chime"}
    assert shown["labels"] == ["VIP"]
    assert shown["assignments"]["primary"]["name"] == "Rebecca Wood"
    assert [note["body"] for note in shown["notes"]] == ["Likes numbers."]
    record = next(f"{link['connection']}:{link['external_id']}" for link in shown["links"])
    for name in (str(shown["id"]), record):
        assert synced.syncd("leads", "show", name, "--json").json["id"] == shown["id"]
    readable = synced.syncd("leads", "show", record)
    for word in ("Ada Byron", "VIP", "Rebecca Wood", "Likes numbers.", "chime"):
        assert word in readable.out
    assert synced.syncd("leads", "show", "nobody@example.com").code == 2


def test_lead_list_finds_by_a_part(synced: Town):
    """`leads list` searches names and addresses and tells how many there are."""
    found = synced.syncd("leads", "list", "byr", "--json").json
    assert found["total"] == 1
    assert found["leads"][0]["connections"] == ["chime", "cinc"]
    assert synced.syncd("leads", "list", "zzz", "--json").json == {"total": 0, "leads": []}
    assert "Ada Byron" in synced.syncd("leads", "list").out


def test_explain_tells_who_said_it_and_why_a_crm_shows_less(synced: Town):
    """A first name of 45 characters: Chime shows 30 of them, called truncated; the value, who said it and what it was
    before are told, and history has the change.
    """
    cinc, chime = synced.sandboxes["cinc"], synced.sandboxes["chime"]
    cinc.edit(cinc.ids()[0], "first_name", LONG)
    assert synced.syncd("sync", "--until-quiet").code == 0
    found = synced.syncd("leads", "explain", "ada@example.com", "first_name", "--json").json
    (field,) = found["fields"].values()
    assert (field["value"], field["from"]["connection"]) == (LONG, "cinc")
    assert field["last_change"]["previous"] == "Ada"
    there = {record.partition(":")[0]: one for record, one in field["connections"].items()}
    assert there["cinc"]["status"] == "same"
    assert (there["chime"]["status"], there["chime"]["shows"]) == ("truncated", LONG[:30].strip())
    assert chime.shows(chime.ids()[0])["first_name"] == LONG[:30].strip()
    readable = synced.syncd("leads", "explain", "ada@example.com", "first_name")
    assert "truncated" in readable.out
    history = synced.syncd("leads", "history", "ada@example.com", "--json").json["changes"]
    assert any((row["field"], row["old"], row["new"]) == ("first_name", "Ada", LONG) for row in history)
    assert f"Ada → {LONG}" in synced.syncd("leads", "history", "ada@example.com").out
    assert synced.syncd("leads", "explain", "ada@example.com", "shoe_size").code == 2


def test_a_change_not_yet_written_is_pending(synced: Town):
    """What a plan would write is told as pending by `explain`, before any sync."""
    cinc = synced.sandboxes["cinc"]
    cinc.edit(cinc.ids()[0], "city", "Savannah")
    assert synced.syncd("plan", "--json").json["operations"]
    found = synced.syncd("leads", "explain", "ada@example.com", "city", "--json").json
    (chime,) = (one for record, one in found["fields"]["city"]["connections"].items() if record.startswith("chime:"))
    assert chime["status"] == "pending"


def clash(town: Town, config: Any = None) -> None:
    """Both sides change the last name, then syncd looks."""
    for name, value in (("chime", "Lovelace"), ("cinc", "King")):
        sandbox = town.sandboxes[name]
        sandbox.edit(sandbox.ids()[0], "last_name", value)
    town.syncd("sync", "--until-quiet", config=config)


def last_names(town: Town) -> dict[str, str]:
    """What both CRMs show."""
    return {name: sandbox.shows(sandbox.ids()[0])["last_name"] for name, sandbox in town.sandboxes.items()}


def test_a_decided_conflict_is_listed_with_its_reason(synced: Town):
    """The same field changed on both sides: both CRMs agree afterwards, and plain `conflicts list` shows the case."""
    clash(synced)
    assert len(set(last_names(synced).values())) == 1
    (row,) = synced.syncd("conflicts", "list", "--json").json["conflicts"]
    assert (row["field"], row["state"], row["rule"]) == ("last_name", "decided", "newest")
    assert {row["ours"], row["theirs"]} == {"Lovelace", "King"}
    assert synced.syncd("conflicts", "list", "--open", "--json").json == {"conflicts": []}
    shown = synced.syncd("conflicts", "show", str(row["id"]), "--json").json
    assert shown["evidence"]
    readable = synced.syncd("conflicts", "show", str(row["id"]))
    for word in ("Byron", "Lovelace", "King", "newest"):
        assert word in readable.out
    assert synced.syncd("conflicts", "show", "999").code == 2
    assert synced.syncd("conflicts", "resolve", str(row["id"]), "ours").code == 2


@pytest.mark.parametrize(("choice", "becomes"), [(["theirs"], None), (["--value", "Byron-King"], "Byron-King")])
def test_a_parked_conflict_waits_for_a_person(synced: Town, choice: list[str], becomes: str | None):
    """With the rule "manual" neither value is pushed and sync ends with 3; decided, the value goes everywhere."""
    manual = synced.rewrite("[database]", MANUAL)
    clash(synced, manual)
    assert last_names(synced) == {"chime": "Lovelace", "cinc": "King"}
    assert synced.syncd("sync", config=manual).code == 3
    (row,) = synced.syncd("conflicts", "list", "--open", "--json").json["conflicts"]
    assert row["state"] == "open"
    ident = str(row["id"])
    assert synced.syncd("conflicts", "resolve", ident).code == 2
    decided = synced.syncd("conflicts", "resolve", ident, *choice, "--json")
    assert decided.code == 0, decided.err
    wanted = becomes or row[choice[0]]
    assert decided.json["fields"] == {"last_name": wanted}
    assert synced.syncd("sync", "--until-quiet", config=manual).code == 0
    assert last_names(synced) == {"chime": wanted, "cinc": wanted}


def test_status_tells_where_everything_stands(synced: Town):
    """Links and readings per connection, and totals; no vendor is asked."""
    before = synced.reads + synced.writes
    found = synced.syncd("status", "--json").json
    assert found["leads"] == 1
    for name in ("cinc", "chime"):
        one = found["connections"][name]
        assert one["links"]["live"] == 1
        assert one["last_pull"]
        assert one["last_full"]
        assert (one["paused"], one["last_error"]) == ("", "")
    for key in ("conflicts", "reviews", "quarantined", "held", "dirty", "waiting"):
        assert found[key] == 0
    readable = synced.syncd("status")
    assert readable.code == 0
    assert "Nothing waits." in readable.out
    assert synced.reads + synced.writes == before
