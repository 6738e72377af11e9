"""Stages: words of the account, words without a translation."""

from __future__ import annotations

from tests.acceptance.world import World, ada


async def test_the_config_gives_stages_other_words(both_dialects: World):
    """A config override names the account's words: the first is written, all are read, defaults give way."""
    world = both_dialects
    world.cinc_options = 'stages = { nurturing = ["Long Term", "Drip"], lost = "Dead" }'
    for word in ("Long Term", "Drip", "Dead"):
        world.cinc.site.stages = (*world.cinc.site.stages, word)
    mine = world.cinc.add_person(**ada(stage="Drip"))
    await world.quiet()
    (other,) = world.chime.ids()
    assert world.chime.shows(other)["stage"] == "Nurture"
    assert world.cinc.shows(mine)["stage"] == "Drip"  # says so already: not written over
    await world.clock.sleep(600)
    world.chime.edit(other, "stage", "Lost")
    await world.quiet()
    assert world.cinc.shows(mine)["stage"] == "Dead"
    await world.clock.sleep(600)
    world.chime.edit(other, "stage", "Nurture")
    await world.quiet()
    assert world.cinc.shows(mine)["stage"] == "Long Term"
    await world.in_step()


async def test_a_word_without_translation_is_kept_and_reported(world: World):
    """A stage nobody mapped stays where it is, is told as unmapped, is not guessed and not written over; mapped in the
    config, it is understood.
    """
    mine = world.cinc.add_person(**ada(stage="Contacted"))
    await world.quiet()
    (other,) = world.chime.ids()
    await world.clock.sleep(600)
    world.chime.edit(other, "stage", "DNC")
    await world.quiet()
    await world.clock.sleep(600)
    world.cinc.edit(mine, "stage", "Showing")
    report = await world.quiet()
    assert world.chime.shows(other)["stage"] == "DNC"
    assert world.cinc.shows(mine)["stage"] == "Showing"
    assert any(one.field == "stage" and "'DNC'" in one.reason for one in report.not_carried)
    links = (await world.shown("ada@example.com"))["links"]
    assert [link["unmapped"] for link in links if link["connection"] == "chime"] == [["stage"]]
    world.chime_options = 'stages = { not_ready = ["Not Ready", "DNC"] }'
    world.cinc_options = 'stages = { not_ready = "Showing" }'
    await world.quiet(full=True)
    assert world.chime.shows(other)["stage"] == "DNC"


async def test_a_stage_the_other_side_has_no_word_for(world: World):
    """Qualified has no word at CINC: CINC keeps what it shows, the loss is no edit, and nothing fights."""
    mine = world.cinc.add_person(**ada(stage="Contacted"))
    await world.quiet()
    (other,) = world.chime.ids()
    await world.clock.sleep(600)
    world.chime.edit(other, "stage", "Qualified")
    await world.quiet()
    assert world.cinc.shows(mine)["stage"] == "Contacted"
    assert world.chime.shows(other)["stage"] == "Qualified"
    assert (await world.shown("ada@example.com"))["fields"]["stage"] == "qualified"
    world.forget()
    await world.sync(full=True)
    assert world.written() == []


async def test_a_lead_born_with_such_a_stage(world: World):
    """Created at CINC without a word for its stage, the vendor's own "New Lead" does not come back over Qualified."""
    other = world.chime.add_person(**ada(stage="Qualified"))
    await world.quiet()
    assert world.chime.shows(other)["stage"] == "Qualified"
    assert world.only("cinc")["stage"] == "New Lead"
    await world.in_step()
