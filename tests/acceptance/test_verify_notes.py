"""`syncd verify` and notes: each way they can differ is told from the others, and mended without doubling any."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from syncd.bootstrap import open_syncd
from syncd.domain.errors import SyncdError
from syncd.engine.drift import Drift
from syncd.engine.verify import REPAIRING, Verify
from syncd.ports.urgency import Urgency, urgency
from syncd.sandbox.faults import Fault
from syncd.sandbox.message import Ask
from syncd.settings.load import parse as parse_settings
from syncd.store.database import Database
from tests.acceptance import five
from tests.acceptance.test_verify import rewritten, verified
from tests.acceptance.world import World, ada

TYPED = "Wants a garden"


@pytest.fixture
async def noted(world: World) -> World:
    """Ada with a note that was typed at CINC and one that was typed at Chime, in step; an hour ago."""
    lead = world.cinc.add_person(**ada())
    world.cinc.add_note(lead, TYPED)
    await world.quiet()
    world.chime.add_note(world.chime.ids()[0], "Called twice")
    await world.quiet(full=True)
    await world.clock.sleep(3600)
    return world


def note_at(world: World, name: str, words: str) -> tuple[str, str]:
    """The lead of a CRM and its note with these words in it."""
    (lead,) = world.sandboxes[name].ids()
    return lead, next(note for note, text in world.sandboxes[name].shows(lead)["notes"] if words in text)


def told(drift: Drift) -> list[str]:
    """What differs, in words; nothing but notes may."""
    assert set(drift.fields) <= {"notes"}
    assert drift.any is bool(drift.examples)
    return [what for _, _, what in drift.examples]


async def mended(world: World, name: str) -> None:
    """A repair writes to no vendor; the sync after it brings everything in step, and nothing differs any more."""
    world.forget()
    assert (await verified(world, name, repair=True)).found["repaired"] == 1
    assert world.writes == 0
    await world.in_step()
    for one in world.sandboxes:
        assert told(await verified(world, one)) == []


async def test_a_note_somebody_edited_there(noted: World):
    """Told as edited, without its words; repaired, the edit goes to the other CRM."""
    lead, note = note_at(noted, "chime", "Called")
    noted.chime.edit_note(lead, note, "Called three times")
    drift = await verified(noted)
    assert (drift.fields, told(drift)) == ({"notes": 1}, ["notes: 1 edited"])
    assert (await noted.shown("ada@example.com"))["notes"][1]["body"] == "Called twice", "only looked at"
    await mended(noted, "chime")
    shown = await noted.shown("ada@example.com")
    assert [one["body"] for one in shown["notes"]] == [TYPED, "Called three times"]


async def test_a_note_somebody_deleted_there(noted: World):
    """Told as missing; repaired, it stays deleted there, and stays elsewhere."""
    noted.chime.delete_note(*note_at(noted, "chime", TYPED))
    assert told(await verified(noted)) == ["notes: 1 missing"]
    await mended(noted, "chime")
    assert noted.bodies("chime") == ["Called twice"]
    assert sorted(noted.bodies("cinc")) == ["Called twice", TYPED]


async def test_a_note_somebody_typed_there(noted: World):
    """Told as unknown; repaired, it is carried over."""
    noted.cinc.add_note(noted.cinc.ids()[0], "Sold the old house")
    assert told(await verified(noted, "cinc")) == ["notes: 1 unknown"]
    assert told(await verified(noted, "chime")) == []
    await mended(noted, "cinc")
    assert sorted(noted.bodies("chime")) == ["Called twice", "Sold the old house", TYPED]


async def test_a_note_that_should_be_there_and_is_in_no_plan(noted: World):
    """One of the graph that was never sent, or sent in other words: lacking until it is planned, then written."""
    await rewritten(noted, """WITH n AS (INSERT INTO note (lead, body, kind, pinned, origin, author_name, deleted)
        SELECT id, 'Never sent', 'general', false, 'cinc', '', false FROM lead RETURNING 1) SELECT 1""")  # fmt: skip
    await rewritten(noted, "UPDATE note SET body = 'Wants a pool' WHERE body = %s RETURNING 1", TYPED)
    assert told(await verified(noted)) == ["notes: 2 lacking"]
    await rewritten(noted, "UPDATE lead SET dirty = true RETURNING 1")
    drift = await verified(noted)
    assert (told(drift), drift.found["waiting"]) == ([], 1)
    await rewritten(noted, "UPDATE lead SET dirty = false RETURNING 1")
    assert (await verified(noted, repair=True)).found["repaired"] == 1
    await noted.quiet()
    assert sorted(noted.bodies("chime")) == ["Called twice", "Never sent", "Wants a pool"]


async def test_a_link_that_was_lost_doubles_nothing(noted: World):
    """There, and unknown, and lacking at once: recognised as our own, and not written again."""
    await rewritten(noted, "DELETE FROM link WHERE kind = 'note' AND connection = 'chime' RETURNING 1")
    assert told(await verified(noted)) == ["notes: 2 unknown, 1 lacking"]
    await mended(noted, "chime")
    assert sorted(noted.bodies("chime")) == ["Called twice", TYPED]
    assert sorted(noted.bodies("cinc")) == ["Called twice", TYPED]


@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_a_base_that_was_changed_by_hand(noted: World, name: str):
    """The vendor's list says that nothing moved, and the base says something else than was read: found all the same."""
    await rewritten(
        noted,
        "UPDATE link SET base = '{\"text\": \"Nonsense\"}' WHERE kind = 'note' AND connection = %s"
        " AND base->>'text' = %s RETURNING 1",
        name, TYPED if name == "cinc" else "Called twice",
    )  # fmt: skip
    assert told(await verified(noted, name)) == ["notes: 1 edited"]
    await mended(noted, name)
    assert sorted(noted.bodies(name)) == ["Called twice", TYPED]


async def test_what_did_not_move_is_not_read_again(noted: World):
    """CINC wants a call for each note: one whose list says that it stayed as it was costs none."""
    noted.forget()
    assert told(await verified(noted, "cinc")) == []
    asked = [call.template for call in noted.cinc.calls]
    assert sum("notes" in template for template in asked) == 1, asked
    assert not any("{note_id}" in template for template in asked)


async def test_left_out_they_are_not_looked_at(noted: World):
    """Without notes nothing is asked about them, nor anything told."""
    noted.chime.delete_note(*note_at(noted, "chime", TYPED))
    noted.forget()
    drift = await verified(noted, notes=False)
    assert (told(drift), drift.found["notes"]) == ([], 0)
    assert not any("notes" in call.template for call in noted.chime.calls)


async def test_where_the_config_reads_none_only_ours_are_looked_for(noted: World):
    """With `notes = "write"` nobody lists them; what should be there and was not sent is told all the same."""
    noted.chime.delete_note(*note_at(noted, "chime", TYPED))
    noted.chime_options = 'fields = { notes = "write" }'
    noted.forget()
    drift = await verified(noted)
    assert (told(drift), drift.noteless, drift.found["notes"]) == ([], True, 0)
    assert not any("notes" in call.template for call in noted.chime.calls)
    await rewritten(noted, "DELETE FROM link WHERE kind = 'note' AND connection = 'chime' RETURNING 1")
    assert told(await verified(noted)) == ["notes: 1 lacking"]


async def test_calls_leave_room_for_the_daemon_and_reads_under_the_lock_do_not_wait(noted: World):
    """Listings are backfill. What is read again while the daemon has to wait for the connection is more urgent."""
    noted.chime.edit_note(*note_at(noted, "chime", "Called"), "Called three times")
    seen: list[tuple[str, Urgency]] = []
    async with noted.open() as syncd:
        (one,) = (connection for connection in syncd.connections if connection.name == "chime")
        adapter: Any = one.adapter
        original = adapter.notes

        async def watched(*asked: Any) -> Any:
            seen.append((asked[0], urgency()))
            return await original(*asked)

        adapter.notes = watched
        await Verify(syncd.store, noted.clock, one, lock_wait_s=0).run()
    assert [how for _, how in seen] == [Urgency.BACKFILL, Urgency.PUSH]


async def test_a_record_that_refuses_its_notes_stops_nothing(noted: World):
    """It is counted as unread, and the others are compared."""
    second = noted.chime.add_person(first_name="Grace", email="grace@example.com")
    await noted.quiet()
    await noted.clock.sleep(3600)
    noted.chime.delete_note(*note_at_lead(noted, TYPED, second))

    def refuse(ask: Ask, moment: str) -> Fault | None:
        hidden = moment == "before" and "notes" in ask.template and ask.one("leadId") == second
        return Fault("error", status=400) if hidden else None

    noted.chime.fault = refuse
    drift = await verified(noted)
    assert (told(drift), drift.found["unread"], drift.found["compared"]) == (["notes: 1 missing"], 1, 2)


def note_at_lead(world: World, words: str, other: str) -> tuple[str, str]:
    """As `note_at`, of the lead that is not ``other``."""
    lead = next(lead for lead in world.chime.ids() if lead != other)
    return lead, next(note for note, text in world.chime.shows(lead)["notes"] if words in text)


async def test_one_that_only_looked_is_not_gone_on_with_by_a_repair(noted: World):
    """What the first part of a broken comparison found was not mended, so a repair begins at the beginning."""
    noted.cinc.switches["page_max"] = 1
    for n in range(3):
        noted.cinc.add_person(**ada(email=f"p{n}@example.com", first_name=f"P{n}"))
    await noted.quiet()

    async def broken_off(*, repair: bool) -> int:
        """Broken off behind the second page: how many records the open walk has counted."""
        pages: list[int] = []
        async with noted.open() as syncd:
            (one,) = (connection for connection in syncd.connections if connection.name == "cinc")

            def stop(_what: str, _name: str, done: int, _total: int | None) -> None:
                pages.append(done)
                if len(pages) == 2:
                    raise asyncio.CancelledError

            with pytest.raises(asyncio.CancelledError):
                await Verify(syncd.store, noted.clock, one, stop, lock_wait_s=0).run(repair=repair)
            walk = await syncd.store.open_walk("verify cinc")
            assert walk is not None
            assert bool(walk.found[REPAIRING]) is repair
            return walk.found["compared"]

    assert await broken_off(repair=False) == 1
    drift = await verified(noted, "cinc", repair=True)
    assert (drift.resumed, drift.found["compared"]) == (False, 4)
    assert await broken_off(repair=True) == 1
    drift = await verified(noted, "cinc", repair=True)
    assert (drift.resumed, drift.found["compared"]) == (True, 4)


async def test_two_at_once_do_not_take_over_from_each_other(noted: World):
    """A second comparison of the same connection is refused while the first one runs."""
    reached, go_on = asyncio.Event(), asyncio.Event()
    async with noted.open() as syncd:
        (one,) = (connection for connection in syncd.connections if connection.name == "chime")
        adapter: Any = one.adapter
        original = adapter.notes

        async def slow(*asked: Any) -> Any:
            reached.set()
            await go_on.wait()
            return await original(*asked)

        adapter.notes = slow
        first = asyncio.create_task(Verify(syncd.store, noted.clock, one, lock_wait_s=0).run())
        await reached.wait()
        with pytest.raises(SyncdError, match="another verify"):
            await verified(noted)
        go_on.set()
        assert told(await first) == []


async def test_a_lead_that_came_while_the_list_was_read_is_not_missing(noted: World):
    """Made and taken in behind the page it would have stood on: asked for by itself, it is there. One that is not is
    missing.
    """
    noted.cinc.add_person(**ada(email="eve@example.com", first_name="Eve"))
    await noted.quiet()
    await noted.clock.sleep(3600)
    hidden = noted.chime.ids()[0]
    noted.chime.delete(hidden)
    assert (await verified(noted)).found["missing"] == 1

    class Late(Verify):
        """The lead is there again once the list has been read."""

        async def _missing(self, *asked: Any, **how: Any) -> None:
            noted.chime.restore(hidden)
            await super()._missing(*asked, **how)

    async with noted.open() as syncd:
        (one,) = (connection for connection in syncd.connections if connection.name == "chime")
        drift = await Late(syncd.store, noted.clock, one, lock_wait_s=0).run()
    assert (drift.found["missing"], drift.found["compared"], drift.complete) == (0, 1, True)


async def test_notes_that_come_with_the_lead_cost_nothing(tmp_path: Path, database: Database):
    """In all five: MyCRM and Rechat show notes with the lead and are not asked again, the others once a lead."""
    async with five.standing(tmp_path, database.url) as town:
        ids = town.person(1)
        town.person(2)
        for name, lead in ids.items():
            if name != "epixel":
                town.types(name, lead, "note", f"Typed at {name}")
        await town.quiet()
        await town.sync(full=True)
        cost: dict[str, list[int]] = {}
        async with open_syncd(parse_settings(town.config), clock=town.clock, transports=town.transports) as syncd:
            for one in syncd.connections:
                for notes in (False, True):
                    town.sandboxes[one.name].forget_calls()
                    drift = await Verify(syncd.store, town.clock, one, lock_wait_s=0).run(notes=notes)
                    assert not drift.any, (one.name, drift)
                    assert drift.complete or one.name == "epixel"
                    cost.setdefault(one.name, []).append(town.sandboxes[one.name].reads)
        more = {name: with_notes - without for name, (without, with_notes) in cost.items()}
        assert more == {"cinc": 2, "chime": 2, "mycrm": 0, "rechat": 0, "epixel": 2}
