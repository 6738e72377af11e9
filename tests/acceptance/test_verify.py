"""`syncd verify` and `resync`: what differs is found, told apart, and mended through the ordinary merge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.engine import resync
from syncd.engine.drift import Drift
from syncd.engine.verify import Verify
from tests.acceptance.world import World, ada


async def verified(world: World, name: str = "chime", *, repair: bool = False, notes: bool = True) -> Drift:
    """One `syncd verify --connection NAME`, by a process of its own."""
    async with world.open() as syncd:
        (one,) = (connection for connection in syncd.connections if connection.name == name)
        return await Verify(syncd.store, world.clock, one, lock_wait_s=0).run(repair=repair, notes=notes)


async def rewritten(world: World, statement: str, *parameters: Any) -> None:
    """What a restored backup or a hand may leave behind in the database."""
    async with world.open() as syncd:
        await syncd.store.fetch(statement, *parameters)


async def people(world: World, number: int = 6) -> list[str]:
    """Some in CINC, everywhere in step; their ids at Chime."""
    for n in range(number):
        world.cinc.add_person(first_name=f"P{n}", last_name="Byron", email=f"p{n}@example.com", city="Rome")
    await world.quiet()
    return list(world.chime.ids())


async def test_where_all_is_in_step_nothing_differs(world: World):
    """Every record was compared, by a listing alone, its notes by a call each, and nothing is otherwise than it should
    be; whoever leaves the notes out saves those calls.
    """
    await people(world)
    world.forget()
    drift = await verified(world, notes=False)
    assert (drift.any, drift.complete, drift.found["compared"], drift.found["notes"]) == (False, True, 6, 0)
    listings = world.chime.reads
    assert listings < 6
    drift = await verified(world)
    assert (drift.any, drift.complete, drift.found["compared"], drift.found["notes"]) == (False, True, 6, 6)
    assert world.chime.reads == 2 * listings + 6
    assert world.writes == 0


async def test_an_edit_nobody_has_read_is_drift_and_is_repaired_as_an_edit(world: World):
    """A field somebody changed there: told by its name; repaired, the edit wins and goes to the other CRM."""
    first, *_ = await people(world)
    await world.clock.sleep(3600)
    world.chime.edit(first, "city", "Paris")
    drift = await verified(world)
    assert drift.fields == {"city": 1}
    assert [(example[0], example[2]) for example in drift.examples] == [(first, "city")]
    assert (await verified(world, repair=True)).found["repaired"] == 1
    await world.quiet()
    assert [world.cinc.shows(lead)["city"] for lead in world.cinc.ids()].count("Paris") == 1
    assert not (await verified(world)).any


async def test_what_was_never_written_is_drift_until_it_is_planned_again(world: World):
    """A lead that says something else than a record shows, and is in no plan: found, marked, then written."""
    first, *_ = await people(world)
    shown = await world.shown(f"chime:{first}")
    await rewritten(
        world, "UPDATE lead SET last_name = 'Lovelace', dirty = false WHERE id = %s RETURNING 1", shown["id"]
    )
    drift = await verified(world)
    assert drift.fields == {"last_name": 1}
    await verified(world, repair=True)
    await world.quiet()
    assert world.chime.shows(first)["last_name"] == "Lovelace"
    assert not (await verified(world)).any


async def test_records_without_a_lead_and_leads_without_a_record(world: World):
    """Unknown: there and linked with nobody. Absent: should be there and is not. Missing: linked and not listed."""
    first, second, *_ = await people(world)
    await rewritten(world, "DELETE FROM link WHERE connection = 'chime' AND external_id = %s RETURNING 1", first)
    world.chime.delete(second)
    drift = await verified(world)
    assert {name: drift.found[name] for name in ("unknown", "missing", "absent")} == {
        "unknown": 1, "missing": 1, "absent": 1,
    }  # fmt: skip
    drift = await verified(world, repair=True)
    assert drift.found["repaired"] >= 2
    await world.quiet()
    assert len(world.chime.ids()) == 5
    assert len(world.cinc.ids()) == 6
    assert not (await verified(world)).any


async def test_a_comparison_goes_on_where_it_was_broken_off(world: World, monkeypatch: pytest.MonkeyPatch):
    """Ended in its middle by the vendor, the next process reads the rest, and tells of what the first one found."""
    world.cinc.switches["page_max"] = 2
    await people(world)
    await world.clock.sleep(3600)
    world.cinc.edit(world.cinc.ids()[0], "city", "Paris")
    pages: list[int] = []
    original = Verify._rows

    async def broken(self: Verify, rows: Any, **asked: bool) -> None:
        pages.append(len(rows))
        if len(pages) == 3:
            raise RuntimeError
        await original(self, rows, **asked)

    monkeypatch.setattr(Verify, "_rows", broken)
    with pytest.raises(RuntimeError):
        await verified(world, "cinc")
    drift = await verified(world, "cinc")
    assert drift.resumed
    assert drift.found["compared"] == 6
    assert drift.fields == {"city": 1}
    assert drift.complete
    assert sum(pages) < 12


async def test_what_is_to_be_planned_anyway_is_no_drift(world: World):
    """An edit read at one CRM and not yet written to the other waits; that is said and not counted as different."""
    first, *_ = await people(world)
    await world.clock.sleep(3600)
    mine = next(
        lead for lead in world.cinc.ids() if world.cinc.shows(lead)["email"] == world.chime.shows(first)["email"]
    )
    world.cinc.edit(mine, "city", "Paris")
    async with world.open() as syncd:
        await syncd.engine.preview()
    drift = await verified(world)
    assert (drift.any, drift.found["waiting"]) == (False, 1)


async def test_resync_reads_again_what_looks_unchanged_and_keeps_the_bases(world: World):
    """A value lost from the graph by hand comes back from the record; the other CRM's older value does not beat it."""
    mine = world.cinc.add_person(**ada(city="London"))
    await world.quiet()
    await world.clock.sleep(timedelta(hours=1).total_seconds())
    await rewritten(
        world, "UPDATE link SET base = base - 'city' WHERE connection = 'cinc' AND kind = 'lead' RETURNING 1"
    )
    world.forget()
    async with world.open() as syncd:
        one = next(connection for connection in syncd.connections if connection.name == "cinc")
        done = await resync.reread(syncd.store, world.clock, one, [mine])
        assert (done.read, done.changed, done.failed) == (1, 1, 0)
        everything = await resync.reread_all(syncd.store, world.clock, one)
        assert (everything.read, everything.changed) == (1, 0)
    assert world.writes == 0
    await world.in_step()
