"""`syncd links`: what each record of a lead shows and should show; what cannot be right is mended and stays mended."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from syncd.engine.repair import Repair, Repaired
from syncd.engine.run import Report
from syncd.ports.clock import SystemClock
from syncd.sandbox.world import populate
from syncd.settings import load
from syncd.store.admin import Admin
from tests.system.desk import opened, typed
from tests.system.town import Town


@pytest.fixture
def synced(town: Town) -> Town:
    """Ada with a note, typed in at CINC, in both CRMs."""
    cinc = town.sandboxes["cinc"]
    lead = cinc.add_person(first_name="Ada", last_name="Byron", email="ada@example.com", stage="Contacted")
    cinc.add_note(lead, "Likes numbers.")
    assert typed(town, "sync", "--until-quiet").code == 0
    return town


def sql(town: Town, query: str) -> list[Any]:
    """Somebody works on the database by hand."""
    with psycopg.connect(str(load(town.config).database.url), options="-csearch_path=syncd") as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def shown(town: Town) -> dict[str, Any]:
    """`links show` of Ada, by connection."""
    found = typed(town, "links", "show", "ada@example.com", "--json").json
    assert list(found) == ["lead", "title", "to_plan", "links", "missing"]
    return {link["connection"]: link for link in found["links"]}


def mended(town: Town, *more: str) -> dict[str, tuple[int, int]]:
    """What `links repair` found and mended, where there was anything."""
    done = typed(town, "links", "repair", "--json", *more)
    assert done.code == 0, done.err
    return {kind: (n["found"], n["mended"]) for kind, n in done.json["kinds"].items() if n["found"]}


def test_show_tells_every_record_and_what_differs(synced: Town):
    """State, times, notes per connection; a word without translation and what was not pushed, in words; a lead is
    named as in `leads show`; no vendor is asked.
    """
    fine = shown(synced)
    assert set(fine) == {"cinc", "chime"}
    keys = ["connection", "external_id", "state", "read_at", "changed_at", "notes_read_at", "pending", "settled",
            "unmapped", "notes", "differs"]  # fmt: skip
    assert list(fine["cinc"]) == keys
    assert [(note["part"], note["state"]) for note in fine["chime"]["notes"]] == [(0, "live")]
    assert fine["chime"]["differs"] == []
    chime = synced.sandboxes["chime"]
    chime.edit(chime.ids()[0], "stage", "Weird Word")
    assert typed(synced, "sync").code == 0
    sql(synced, "UPDATE lead SET city = 'Rome'")
    asked = synced.reads
    there = shown(synced)["chime"]
    assert there["unmapped"] == {"stage": "Weird Word"}
    assert {row["field"]: (row["shows"], row["should"], row["status"]) for row in there["differs"]} == {
        "city": (None, "Rome", "pending"),
        "stage": ("Weird Word", "contacted", "unmapped"),
    }
    readable = typed(synced, "links", "show", f"chime:{there['external_id']}").out
    for word in ("Ada Byron", there["external_id"], "live", "Weird Word", "Rome", "still to be written"):
        assert word in readable
    assert synced.reads == asked
    assert typed(synced, "links", "show", "nobody@example.com").code == 2


def test_a_difference_that_nobody_plans_is_marked(synced: Town):
    """A row changed by hand is in no plan. A dry run tells and changes nothing, the repair marks and journals it, a
    second one finds nothing, and the next sync writes the difference.
    """
    sql(synced, "UPDATE lead SET city = 'Rome'")
    assert typed(synced, "plan", "--offline", "--json").json["operations"] == []
    assert mended(synced, "--dry-run") == {"unplanned": (1, 0)}
    assert typed(synced, "plan", "--offline", "--json").json["operations"] == []
    writes = synced.writes
    done = typed(synced, "links", "repair").out
    assert "cinc: city; chime: city" in done
    assert synced.writes == writes
    last = typed(synced, "leads", "history", "ada@example.com", "--json").json["changes"][0]
    assert (last["who"], "city" in last["why"]) == ("admin", True)
    assert mended(synced) == {}
    assert typed(synced, "sync", "--until-quiet").code == 0
    assert {box.shows(box.ids()[0])["city"] for box in synced.sandboxes.values()} == {"Rome"}


def test_a_lead_deleted_by_hand_comes_back(synced: Town):
    """Its links point nowhere, its notes' links too. After the repair a full sync makes one lead of both records
    again, nothing doubles in either CRM, and there is nothing left to mend but the note that was deleted with it.
    """
    sql(synced, "DELETE FROM lead")
    assert mended(synced) == {"lost_lead": (2, 2), "stray_note": (2, 2)}
    assert typed(synced, "sync", "--full", "--until-quiet").code == 0
    for box in synced.sandboxes.values():
        (lead,) = box.ids()
        assert len(box.shows(lead)["notes"]) == 1
    assert {link["state"] for link in shown(synced).values()} == {"live"}
    assert mended(synced) == {"lost_note": (2, 0)}


def test_only_one_connection_is_looked_at(synced: Town):
    """With --connection the links of others are left alone; one that nobody configured is a usage error."""
    sql(synced, "DELETE FROM lead")
    assert mended(synced, "--connection", "chime") == {"lost_lead": (1, 1), "stray_note": (1, 1)}
    assert typed(synced, "links", "repair", "-C", "mars").code == 2


def test_it_may_run_beside_a_sync(town: Town):
    """Repairs over and over while everything is read and written for the first time: nothing is taken away from the
    sync, it comes to its quiet end, nobody is there twice, and nothing was found that needed mending.
    """
    populate(town.sandboxes, 12, seed=5)

    async def story() -> tuple[Report, list[Repaired]]:
        async with opened(town) as syncd, opened(town) as beside:
            syncing = asyncio.create_task(syncd.engine.sync(until_quiet=True))
            found = []
            while not syncing.done():
                repair = Repair(beside.store, Admin(beside.store), SystemClock(), beside.connections)
                found.append(await repair.run())
            return await syncing, found

    report, found = asyncio.run(story())
    assert report.quiet
    assert found
    assert all(not one.found for one in found)
    for box in town.sandboxes.values():
        emails = [box.shows(lead)["email"] for lead in box.ids()]
        assert len(emails) == len(set(emails))
