"""Labels: removed on one side, removed on the other; what people do in between survives."""

from __future__ import annotations

from itertools import pairwise

import orjson
import pytest

from syncd.sandbox.base import Ask
from tests.acceptance.world import World, ada

LEAD = "/v1.0/leads/{id}"


async def together(world: World, *labels: str) -> tuple[str, str]:
    """One lead on both sides with these labels on both."""
    mine = world.cinc.add_person(**ada())
    for label in labels:
        world.cinc.add_label(mine, label)
    await world.quiet()
    (other,) = world.chime.ids()
    assert sorted(world.chime.shows(other)["labels"]) == sorted(labels)
    return mine, other


async def test_a_label_removed_on_one_side_is_removed_on_the_other(both_dialects: World):
    """A label removed at CINC is removed at Chime and the other way round; the others stay, the last one goes too."""
    world = both_dialects
    mine, other = await together(world, "Buyer", "Hot Lead", "VIP")
    world.cinc.remove_label(mine, "VIP")
    await world.quiet()
    assert sorted(world.chime.shows(other)["labels"]) == ["Buyer", "Hot Lead"]
    world.chime.remove_label(other, "Buyer")
    await world.quiet()
    assert world.cinc.shows(mine)["labels"] == ["Hot Lead"]
    world.chime.remove_label(other, "Hot Lead")
    await world.quiet()
    assert (world.cinc.shows(mine)["labels"], world.chime.shows(other)["labels"]) == ([], [])
    await world.in_step()


async def test_additions_and_removals_on_both_sides_at_once_all_count(both_dialects: World):
    """Sets merge element by element and never conflict."""
    world = both_dialects
    mine, other = await together(world, "Buyer", "Hot Lead")
    world.cinc.remove_label(mine, "Buyer")
    world.cinc.add_label(mine, "From CINC")
    world.chime.remove_label(other, "Hot Lead")
    world.chime.add_label(other, "From Chime")
    await world.quiet()
    expected = ["From CINC", "From Chime"]
    assert sorted(world.cinc.shows(mine)["labels"]) == sorted(world.chime.shows(other)["labels"]) == expected
    assert await world.view("conflicts_list", None) == []
    await world.in_step()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_tag_added_between_our_read_and_our_adding_survives(both_dialects: World, moment: str):
    """A tag that a person adds at Chime after our read and before (or right after) our additive call survives, and
    comes to CINC.
    """
    world = both_dialects
    mine, other = await together(world, "Buyer")
    world.cinc.add_label(mine, "VIP")
    world.cinc.edit(mine, "city", "London")  # so that the label travels with a change of fields
    raced: list[str] = []

    def race(ask: Ask, when: str) -> None:
        if not raced and when == moment and ask.method == "PUT" and ask.template == LEAD:
            assert b"tagsAdd" in ask.body
            raced.append(ask.template)
            world.chime.add_label(other, "Typed meanwhile")

    world.watch(world.chime, race)
    await world.quiet()
    assert raced
    await world.quiet()  # lofty tells of changes only when everything is walked, once a command
    expected = ["Buyer", "Typed meanwhile", "VIP"]
    assert sorted(world.chime.shows(other)["labels"]) == sorted(world.cinc.shows(mine)["labels"]) == expected


async def test_a_removal_reads_the_list_right_before_and_right_after(both_dialects: World):
    """For a removal the list is read right before and right after: no call comes between GET, PUT of the rest, GET."""
    world = both_dialects
    mine, other = await together(world, "Buyer", "VIP")
    world.cinc.remove_label(mine, "VIP")
    world.forget()
    bodies: list[bytes] = []
    world.watch(world.chime, lambda ask, when: bodies.append(ask.body) if ask.write and when == "before" else None)
    await world.quiet()
    calls = [(call.method, call.path) for call in world.chime.calls]
    path = f"/v1.0/leads/{other}"
    (at,) = [number for number, call in enumerate(calls) if call[0] == "PUT"]
    assert calls[at - 1 : at + 2] == [("GET", path), ("PUT", path), ("GET", path)]
    assert [orjson.loads(body) for body in bodies] == [{"tags": ["Buyer"]}]


async def test_a_tag_added_before_the_removal_reads_survives(both_dialects: World):
    """A tag that a person adds after our pull but before the removal's own reading of the list is written back."""
    world = both_dialects
    mine, other = await together(world, "Buyer", "VIP")
    world.cinc.remove_label(mine, "VIP")
    raced: list[str] = []

    def race(ask: Ask, when: str) -> None:
        # The first single read is the look before writing; what is typed right after it, nobody has merged.
        if not raced and when == "after" and ask.method == "GET" and ask.template == LEAD:
            raced.append(ask.template)
            world.chime.add_label(other, "Typed meanwhile")

    world.watch(world.chime, race)
    await world.quiet()
    assert raced
    await world.quiet()
    expected = ["Buyer", "Typed meanwhile"]
    assert sorted(world.chime.shows(other)["labels"]) == sorted(world.cinc.shows(mine)["labels"]) == expected


async def test_removing_at_cinc_takes_only_that_label(world: World):
    """At CINC labels go by their own calls: nobody else's label is touched, whenever it was applied."""
    mine, other = await together(world, "Buyer", "VIP")
    world.chime.remove_label(other, "VIP")
    raced: list[str] = []

    def race(ask: Ask, when: str) -> None:
        if not raced and when == "before" and ask.template.endswith("/labels/remove"):
            raced.append(ask.template)
            world.cinc.add_label(mine, "Typed meanwhile")

    world.watch(world.cinc, race)
    await world.quiet()
    assert raced
    await world.quiet()
    assert world.cinc.shows(mine)["labels"] == ["Buyer", "Typed meanwhile"]
    assert sorted(world.chime.shows(other)["labels"]) == ["Buyer", "Typed meanwhile"]


async def test_names_match_without_case(world: World):
    """VIP and vip are one label: nothing is added or renamed for the difference."""
    mine, other = world.cinc.add_person(**ada()), world.chime.add_person(**ada())
    world.cinc.add_label(mine, "VIP")
    world.chime.add_label(other, "vip")
    await world.quiet()
    assert (world.cinc.shows(mine)["labels"], world.chime.shows(other)["labels"]) == (["VIP"], ["vip"])
    world.forget()
    await world.sync(full=True)
    assert world.written() == []
    assert all(early.status < 400 for early, _ in pairwise(world.chime.calls))
