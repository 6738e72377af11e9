"""Who is who: reviews of duplicates, records kept apart, filters."""

from __future__ import annotations

from tests.acceptance.world import World, ada


async def test_two_records_of_one_address_in_one_connection_are_reviewed(both_dialects: World):
    """Two Chime records with the same email: one is the lead, the other waits for a person; nothing is pushed for
    it and its edits change nothing elsewhere.
    """
    world = both_dialects
    first = world.chime.add_person(**ada())
    second = world.chime.add_person(**ada(first_name="Augusta", city="London"))
    report = await world.quiet()
    assert report.reviews == 1
    (row,) = await world.view("reviews_list")
    assert row["external_id"] in {first, second}
    assert row["candidates"]
    assert len(world.cinc.ids()) == 1
    world.chime.edit(row["external_id"], "last_name", "Nobody")
    world.forget()
    await world.quiet()
    assert world.written() == []
    assert world.only("cinc")["last_name"] == "Byron"
    await world.in_step()


async def test_the_same_seen_later(world: World):
    """A second record that comes later is reviewed as well, and the lead it resembles goes on."""
    mine = world.cinc.add_person(**ada())
    await world.quiet()
    (first,) = world.chime.ids()
    world.chime.add_person(**ada())
    report = await world.quiet()
    assert report.reviews == 1
    world.cinc.edit(mine, "city", "London")
    await world.quiet()
    assert world.chime.shows(first)["city"] == "London"


async def test_separate_keeps_them_apart(world: World):
    """With `on_duplicate = "separate"` the second record is a lead of its own; a vendor that has one lead per
    address is not overwritten with the other one.
    """
    world.chime_options = 'on_duplicate = "separate"'
    world.cinc.add_person(**ada())
    await world.quiet()
    await world.clock.sleep(600)
    second = world.chime.add_person(**ada(first_name="Augusta", last_name="King"))
    report = await world.sync()
    assert report.reviews == 0
    assert (await world.view("lead_list"))["total"] == 2
    assert world.only("cinc")["first_name"] == "Ada"
    assert world.chime.shows(second)["first_name"] == "Augusta"
    assert sorted(world.chime.shows(lead)["first_name"] for lead in world.chime.ids()) == ["Ada", "Augusta"]
    await world.in_step()
    assert world.only("cinc")["first_name"] == "Ada"


async def test_phone_and_compatible_name(world: World):
    """The same phone and a compatible name are one person; the same phone and another name are two."""
    world.cinc.add_person(first_name="Robert", last_name="Wood", email="r@example.com", phones=[("4045550123", "cell")])
    world.chime.add_person(first_name="Bob", last_name="Wood", phones=[("(404) 555-0123", "")])
    world.chime.add_person(first_name="Susan", last_name="Wood", phones=[("(404) 555-0123", "")])
    await world.quiet()
    assert (await world.view("lead_list"))["total"] == 2
    assert len(world.cinc.ids()) == 1  # Susan has no address, which CINC insists on
    assert len(world.chime.ids()) == 2
    await world.in_step()


async def test_filters(world: World):
    """Only leads that pass the connection's filter are created there; one that comes to pass is created then; what
    is there already is kept in step whatever its labels.
    """
    world.chime_options = 'filter = { labels = ["vip"], stages = ["contacted", "showing"] }'
    plain = world.cinc.add_person(first_name="Plain", email="plain@example.com", stage="Contacted")
    world.cinc.add_person(first_name="Vip", email="vip@example.com", stage="Contacted", labels=["VIP"])
    world.cinc.add_person(first_name="New", email="new@example.com", labels=["VIP"])
    there = world.chime.add_person(first_name="There", email="there@example.com")
    mine = world.cinc.add_person(first_name="There", email="there@example.com", last_name="Already")
    await world.quiet()
    assert {world.chime.shows(lead)["first_name"] for lead in world.chime.ids()} == {"Vip", "There"}
    assert world.chime.shows(there)["last_name"] == "Already"
    world.cinc.add_label(plain, "VIP")
    world.cinc.edit(mine, "city", "London")
    await world.quiet()
    assert {world.chime.shows(lead)["first_name"] for lead in world.chime.ids()} == {"Vip", "There", "Plain"}
    assert world.chime.shows(there)["city"] == "London"


async def test_a_lead_without_an_address_is_told_and_created_once_it_has_one(world: World):
    """CINC cannot create without an address: said per lead, no call is wasted; with an address it is created."""
    other = world.chime.add_person(first_name="Ada", last_name="Byron", phones=[("4045550123", "")])
    report = await world.quiet()
    assert any(one.reason == "cannot create: missing email" for one in report.not_carried)
    assert world.cinc.writes == 0
    world.chime.edit(other, "email", "ada@example.com")
    await world.quiet()
    assert world.only("cinc")["last_name"] == "Byron"


async def test_a_changed_address_follows(world: World):
    """An address changed on either side is changed on the other, by the vendor's own way, and nobody is doubled."""
    mine = world.cinc.add_person(**ada())
    await world.quiet()
    await world.clock.sleep(600)
    (other,) = world.chime.ids()
    world.chime.edit(other, "email", "countess@example.com")
    await world.quiet()
    assert world.cinc.shows(mine)["email"] == "countess@example.com"
    await world.clock.sleep(600)
    world.cinc.edit(mine, "email", "lovelace@example.com")
    await world.quiet()
    assert world.chime.shows(other)["email"] == "lovelace@example.com"
    assert (len(world.cinc.ids()), len(world.chime.ids())) == (1, 1)
    await world.in_step()
