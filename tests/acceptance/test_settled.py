"""Settled values: what a vendor makes of a value is recorded, not written again, and not taken for an edit."""

from __future__ import annotations

from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault
from tests.acceptance.world import World, ada


async def link(world: World, name: str) -> dict[str, object]:
    """The lead's link at a connection."""
    (found,) = [one for one in (await world.shown("ada@example.com"))["links"] if one["connection"] == name]
    return dict(found)


async def test_a_vendor_that_changes_the_case(both_dialects: World):
    """Chime shows BYRON where Byron was written: CINC and the graph keep Byron, Chime is not written again; a person's
    edit there later is an edit, and another value from CINC is written again.
    """
    world = both_dialects

    def shout(ask: Ask, when: str) -> None:
        if when == "after" and ask.write:
            for lead in world.chime.leads.values():
                if lead.held.get("lastName"):
                    lead.held["lastName"] = lead.held["lastName"].upper()
                    world.chime.touch(lead)

    mine = world.cinc.add_person(**ada(last_name=""))
    await world.quiet()
    world.watch(world.chime, shout)
    world.cinc.edit(mine, "last_name", "Byron")
    await world.quiet()
    await world.quiet()  # lofty shows what it made of it when everything is walked, once a command
    assert (world.only("cinc")["last_name"], world.only("chime")["last_name"]) == ("Byron", "BYRON")
    assert (await world.shown("ada@example.com"))["fields"]["last_name"] == "Byron"
    assert (await link(world, "chime"))["settled"] == ["last_name"]
    world.forget()
    await world.sync(full=True)
    await world.clock.sleep(3600)
    await world.sync()
    assert world.written() == []
    assert world.only("cinc")["last_name"] == "Byron"
    world.chime.edit(world.chime.ids()[0], "last_name", "Lovelace")
    world.chime.fault = None
    await world.quiet()
    assert world.only("cinc")["last_name"] == "Lovelace"
    await world.clock.sleep(600)
    world.cinc.edit(mine, "last_name", "King")
    await world.quiet()
    assert (world.only("chime")["last_name"], (await link(world, "chime"))["settled"]) == ("King", [])


async def test_a_refused_value_is_not_sent_again_until_another_is_wanted(world: World):
    """CINC refuses a stage its site does not have: told once, remembered, not sent in any later sync; everything
    else of that lead is written, and another stage is tried again.
    """
    world.cinc_options = 'stages = { qualified = "Qualified" }'
    world.cinc.add_person(**ada())
    await world.quiet()
    (other,) = world.chime.ids()
    await world.clock.sleep(600)
    world.chime.edit(other, "stage", "Qualified")
    report = await world.sync()
    assert report.connections["cinc"].failed == 1
    assert not report.failed
    world.chime.edit(other, "city", "London")
    await world.sync()
    assert world.only("cinc")["city"] == "London"
    world.forget()
    await world.sync()
    assert world.written() == []
    assert world.only("cinc")["stage"] == "New Lead"
    assert world.chime.shows(other)["stage"] == "Qualified"
    world.chime.edit(other, "stage", "Showing")
    await world.quiet()
    assert world.only("cinc")["stage"] == "Showing"


async def test_a_refused_value_does_not_take_others_with_it_for_good(world: World):
    """A stage that is refused in one call with a city must not keep the city away for ever."""
    world.cinc_options = 'stages = { qualified = "Qualified" }'
    world.cinc.add_person(**ada())
    await world.quiet()
    (other,) = world.chime.ids()
    await world.clock.sleep(600)
    world.chime.edit(other, "stage", "Qualified")
    world.chime.edit(other, "city", "London")
    for _ in range(3):
        await world.sync()
    assert world.only("cinc").get("city") == "London"
    assert world.only("cinc")["stage"] == "New Lead"


async def test_one_refused_value_does_not_keep_a_new_lead_away(world: World):
    """A create that is refused for its stage is made without it: the rest follows, the stage is told and remembered;
    another stage is tried again.
    """
    world.cinc_options = 'stages = { qualified = "Qualified" }'
    other = world.chime.add_person(first_name="Ann", email="ada@example.com", stage="Qualified", city="London")
    for _ in range(3):
        assert not (await world.sync()).failed
    shown = world.only("cinc")
    assert (shown["first_name"], shown["city"], shown["stage"]) == ("Ann", "London", "New Lead")
    assert world.chime.shows(other)["stage"] == "Qualified"
    assert (await link(world, "cinc"))["settled"] == ["stage"]
    world.forget()
    await world.sync(full=True)
    assert world.written() == []
    world.chime.edit(other, "stage", "Showing")
    await world.quiet()
    assert world.only("cinc")["stage"] == "Showing"


async def test_a_refused_create_is_not_repeated(world: World):
    """A create that the vendor refuses whatever it says is told and remembered; other leads are created; once the
    lead changed, it is tried again.
    """
    refused = Fault("error", status=400, body=b'{"message": "not today"}')
    world.cinc.fault = lambda ask, _moment: refused if ask.write and b"bad@example.com" in ask.body else None
    bad = world.chime.add_person(first_name="Bad", email="bad@example.com", city="Rome")
    world.chime.add_person(first_name="Good", email="good@example.com")
    report = await world.sync()
    assert not report.failed
    assert report.connections["cinc"].failed == 1
    assert [world.cinc.shows(lead)["first_name"] for lead in world.cinc.ids()] == ["Good"]
    world.forget()
    await world.sync(full=True)
    assert world.written() == []
    world.cinc.fault = None
    world.chime.edit(bad, "city", "London")
    await world.quiet()
    assert len(world.cinc.ids()) == 2


async def test_phones_reformatted_by_the_vendor(world: World):
    """Numbers that come back in another spelling are the same numbers."""
    world.chime.switches["reformat_phones"] = True
    world.cinc.add_person(**ada(phones=[("(404) 555-0123", "cell")]))
    await world.quiet()
    world.forget()
    await world.sync(full=True)
    assert world.written() == []
    assert world.only("cinc")["phones"] == [("(404) 555-0123", "cell")]
