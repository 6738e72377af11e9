"""After `syncd sync --until-quiet`, a second `syncd sync` writes nothing, and `syncd plan` is empty."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.world import populate
from syncd.store.database import Database
from tests.acceptance.world import World, standing

PEOPLE = 20
OTHER_SITES: dict[str, dict[str, Any]] = {
    "lists hide sections, slow account": {"cinc_list_hides": ("labels", "pipeline"), "chime_lag_s": 30.0},
    "vendors reformat": {"cinc_wrapper": True, "chime_reformat_phones": True, "chime_cap_25": True},
    "answers tell nothing": {"chime_note_answer": "empty", "chime_put_answer": "empty", "chime_ignore_filters": True},
    "updates replace": {"cinc_update_replaces": True, "cinc_updated_moves": "all", "chime_dedupe_on_create": True},
}


async def test_a_second_sync_sends_no_write_and_the_plan_is_empty(both_dialects: World):
    """After `syncd sync --until-quiet`, a second `syncd sync` issues zero write requests, and `syncd plan` is empty.
    Counted at the sandbox, with the vendors' default behaviour, lag included.
    """
    world = both_dialects
    populate(world.sandboxes, PEOPLE, seed=11)
    first = await world.quiet()
    assert first.pending == 0
    assert world.writes > PEOPLE / 2
    world.forget()
    second = await world.sync(until_quiet=False)
    assert world.written() == []
    assert world.writes == 0
    assert world.reads > 0
    assert second.quiet
    planned = await world.plan()
    assert planned.operations == []
    assert not planned.held
    await world.sync(full=True)
    assert world.writes == 0


@pytest.mark.parametrize("site", OTHER_SITES)
async def test_quiet_comes_with_other_habits_of_the_vendors_too(site: str, tmp_path, database: Database):
    """A second sync writes nothing where vendors hide sections, answer without ids, reformat or replace."""
    async with standing(tmp_path, database.url, **OTHER_SITES[site]) as world:
        populate(world.sandboxes, 8, seed=12)
        await world.quiet()
        world.forget()
        await world.sync(until_quiet=False, full=True)
        assert world.written() == []
        assert (await world.plan()).operations == []


async def test_many_records_that_are_not_visible_yet_are_waited_for(tmp_path, database: Database):
    """Edited before the vendor shows what was just created: no failure of the vendor, however many there are."""
    async with standing(tmp_path, database.url, chime_lag_s=30.0) as world:
        people = [world.cinc.add_person(first_name="Ada", email=f"ada{n}@example.com") for n in range(8)]
        await world.sync(until_quiet=False)
        for person in people:
            world.cinc.edit(person, "first_name", "Anna")
        hurried = await world.sync(until_quiet=False)
        assert not hurried.failed
        assert hurried.pending == len(people)
        await world.quiet()
        assert {world.chime.shows(lead)["first_name"] for lead in world.chime.ids()} == {"Anna"}


async def test_everybody_is_everywhere_and_nobody_twice(both_dialects: World):
    """Once quiet, everybody who can be carried is in both CRMs once (CINC needs an address)."""
    world = both_dialects
    made = populate(world.sandboxes, 12, seed=13)
    report = await world.quiet()
    people = [world.cinc.shows(lead)["email"] for lead in world.cinc.ids()]
    assert len(people) == len(set(people))
    known = {address for lead in world.chime.ids() for address in world.chime.shows(lead)["emails"]}
    assert {placed.person.email for placed in made.placed} <= known
    review = {row["external_id"] for row in await world.view("reviews_list")}
    assert report.reviews == len(review)
    if not review:
        assert len(world.chime.ids()) == len(world.cinc.ids())
