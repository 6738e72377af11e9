"""Another mapping in the config: what is kept is read again by it, and no vendor is asked."""

from __future__ import annotations

from syncd.engine.remap import remap
from tests.acceptance.world import World, ada


async def remapped(world: World) -> int:
    """Every connection brought to its present mapping; how many records changed."""
    async with world.open() as syncd:
        return sum([await remap(syncd.store, world.clock, one) for one in syncd.connections])


async def test_a_stage_that_means_another_one_now_is_read_again_without_a_call(world: World):
    """CINC's word for a stage is given to another stage: the kept records say so, and what Chime then lacks is written;
    nothing is fetched for it.
    """
    world.cinc.add_person(**ada(), stage="Contacted")
    await world.quiet()
    assert world.only("chime")["stage"] == world.chime.stage_words["contacted"]
    await world.clock.sleep(3600)
    world.forget()
    world.cinc_options = 'stages = { contacted = "Attempted Contact", showing = "Contacted" }'
    assert await remapped(world) == 1
    assert world.reads == world.writes == 0
    assert (await world.shown(1))["fields"]["stage"] == "showing"
    assert await remapped(world) == 0
    await world.quiet()
    assert world.only("chime")["stage"] == world.chime.stage_words["showing"]
    await world.in_step()


async def test_a_field_that_flows_now_goes_out_without_a_call_for_it(world: World):
    """A field was read only; once the config lets it flow, what was kept all the time is written."""
    world.chime_options = 'fields = { city = "read" }'
    world.cinc.add_person(**ada(city="London"))
    await world.quiet()
    assert not world.only("chime").get("city")
    world.chime_options = ""
    world.forget()
    await remapped(world)
    assert world.reads == 0
    await world.quiet()
    assert world.only("chime")["city"] == "London"


async def test_the_same_config_costs_nothing(world: World):
    """Neither the first time nor any other: no lead is planned again for it."""
    world.cinc.add_person(**ada())
    await world.quiet()
    assert await remapped(world) == 0
    async with world.open() as syncd:
        assert await syncd.store.dirty() == {}


async def test_what_was_written_and_not_read_again_is_no_edit(world: World):
    """The kept payload shows what stood before our own write: another mapping does not take it for a person's word."""
    mine = world.cinc.add_person(**ada())
    await world.quiet()
    world.cinc.edit(mine, "last_name", "Lovelace")
    await world.sync(until_quiet=False)
    assert world.only("chime")["last_name"] == "Lovelace"
    world.chime_options = 'fields = { city = "read" }'
    await remapped(world)
    assert (await world.shown(1))["fields"]["last_name"] == "Lovelace"
    await world.quiet()
    assert world.cinc.shows(mine)["last_name"] == "Lovelace"
