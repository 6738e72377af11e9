"""A first name of 45 characters entered at CINC is 30 at Chime and stays 45 at CINC and in the graph, forever."""

from __future__ import annotations

from tests.acceptance.world import World, ada

LONG = "Wilhelmina Aurelia Konstantina Bartholomea II"
assert len(LONG) == 45
CUT = LONG[:30].strip()


async def stays(world: World, mine: str, other: str) -> None:
    """45 here, 30 there, 45 in the graph; no further calls in any later sync, full ones and other edits included."""
    assert (world.cinc.shows(mine)["first_name"], world.chime.shows(other)["first_name"].strip()) == (LONG, CUT)
    assert (await world.shown("ada@example.com"))["fields"]["first_name"] == LONG
    world.forget()
    for full in (False, True, False):
        await world.sync(full=full)
        await world.clock.sleep(3600)
    assert world.written() == []
    assert (world.cinc.shows(mine)["first_name"], world.chime.shows(other)["first_name"].strip()) == (LONG, CUT)


async def test_a_long_first_name_typed_later(both_dialects: World):
    """Typed over a short one at CINC: 30 characters at Chime, 45 at CINC and in the graph, no further calls."""
    world = both_dialects
    mine = world.cinc.add_person(**ada())
    await world.quiet()
    (other,) = world.chime.ids()
    world.cinc.edit(mine, "first_name", LONG)
    await world.quiet()
    await stays(world, mine, other)


async def test_a_long_first_name_from_the_start(both_dialects: World):
    """The same where the lead is created at Chime with it."""
    world = both_dialects
    mine = world.cinc.add_person(**ada(first_name=LONG))
    await world.quiet()
    (other,) = world.chime.ids()
    await stays(world, mine, other)


async def test_other_edits_do_not_bring_the_cut_name_back(world: World):
    """An edit of another field at Chime leaves the 45 characters alone; an edit of the cut name itself is an edit."""
    mine = world.cinc.add_person(**ada(first_name=LONG))
    await world.quiet()
    (other,) = world.chime.ids()
    world.chime.edit(other, "last_name", "Lovelace")
    await world.quiet()
    assert (world.cinc.shows(mine)["first_name"], world.cinc.shows(mine)["last_name"]) == (LONG, "Lovelace")
    await world.clock.sleep(60)
    world.chime.edit(other, "first_name", "Willa")
    await world.quiet()
    assert world.cinc.shows(mine)["first_name"] == "Willa"
    await world.in_step()


async def test_both_forms_at_first_contact(world: World):
    """45 characters at CINC and their first 30 at Chime, found at first contact: the long name stays."""
    mine, other = world.cinc.add_person(**ada(first_name=LONG)), world.chime.add_person(**ada(first_name=LONG))
    await world.quiet()
    await stays(world, mine, other)


async def test_the_cut_form_read_first_and_newer(world: World):
    """A cut form is no edit even where it is read first and its record is the newer one: the long name stays."""
    mine = world.cinc.add_person(**ada(first_name=LONG))
    await world.clock.sleep(3600)
    other = world.chime.add_person(**ada(first_name=LONG))
    async with world.open() as syncd:
        await syncd.engine.sync(only=["chime"])
    await world.quiet()
    await stays(world, mine, other)
