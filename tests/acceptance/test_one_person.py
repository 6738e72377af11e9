"""Two leads with the same email in CINC and Chime become one."""

from __future__ import annotations

from datetime import timedelta

from tests.acceptance.world import World, ada


async def test_two_leads_with_one_address_become_one(both_dialects: World):
    """Two leads with the same email in CINC and Chime become one; nothing is created anywhere."""
    world = both_dialects
    mine = world.cinc.add_person(**ada())
    other = world.chime.add_person(**ada(email="ADA@example.com "))
    await world.quiet()
    assert (world.cinc.ids(), world.chime.ids()) == ([mine], [other])
    lead = await world.shown("ada@example.com")
    assert {(link["connection"], link["external_id"]) for link in lead["links"]} == {("cinc", mine), ("chime", other)}
    assert (await world.view("lead_list"))["total"] == 1


async def test_different_values_without_a_base_are_decided_conflicts(both_dialects: World):
    """Different values with no base become decided conflicts that `conflicts list` shows: both values, the rule, the
    evidence; afterwards both CRMs show the same.
    """
    world = both_dialects
    world.cinc.add_person(**ada(last_name="Byron", city="London", stage="Contacted"))
    world.chime.add_person(**ada(last_name="Lovelace", city="Ockham", stage="Qualified"))
    await world.quiet()
    rows = {row["field"]: row for row in await world.view("conflicts_list", None)}
    assert {"last_name", "stage", "address"} <= rows.keys()
    assert {row["state"] for row in rows.values()} == {"decided"}
    assert {rows["last_name"]["ours"], rows["last_name"]["theirs"]} == {"Byron", "Lovelace"}
    assert rows["last_name"]["rule"] == "newest"
    evidence = (await world.view("conflict_show", rows["last_name"]["id"]))["evidence"]
    assert evidence["ours"]["connection"] != evidence["theirs"]["connection"]
    assert world.only("cinc")["last_name"] == world.only("chime")["last_name"]
    assert world.only("cinc")["city"] == world.only("chime")["city"]
    await world.in_step()


async def test_first_contact_takes_the_newer_value(world: World):
    """At first contact `newest` compares honest times: what was typed an hour later wins, wherever it was typed."""
    world.chime.add_person(**ada(last_name="Old"))
    await world.clock.sleep(3600)
    world.cinc.add_person(**ada(last_name="New"))
    await world.quiet()
    assert (world.only("cinc")["last_name"], world.only("chime")["last_name"]) == ("New", "New")


async def test_values_within_the_uncertainty_are_decided_by_the_order(world: World):
    """Typed in the same second, the configured order of connections decides, not who was read first."""
    world.chime.add_person(**ada(last_name="Chime"))
    world.cinc.add_person(**ada(last_name="Cinc"))
    await world.quiet()
    assert (world.only("cinc")["last_name"], world.only("chime")["last_name"]) == ("Cinc", "Cinc")
    world.sync_options = ""


async def test_blanks_are_filled_both_ways(both_dialects: World):
    """What only one side knows is filled in at the other, both ways, without any conflict."""
    world = both_dialects
    world.cinc.add_person(**ada(street="12 St James's Square", city="London", buyer_timeline=(1, 3)))
    world.chime.add_person(
        email="ada@example.com", first_name="Ada", last_name="Byron", phones=[("404-555-0123", "")],
        seller_timeline="3-6", price_min=100_000, labels=["VIP"],
    )  # fmt: skip
    await world.quiet()
    cinc, chime = world.only("cinc"), world.only("chime")
    assert [number for number, _ in cinc["phones"]] == ["4045550123"]
    assert (cinc["labels"], cinc["seller_timeline"]) == (["VIP"], "3 to 6 months")
    assert (chime["street"], chime["city"]) == ("12 St James's Square", "London")
    assert chime["buyer_timeline"] == "1-3"
    fields = {row["field"] for row in await world.view("conflicts_list", None)}
    assert not fields & {"phone", "phones", "address", "buyer_timeline", "seller_timeline", "last_name"}
    await world.in_step()


async def test_later_edits_travel_both_ways(world: World):
    """Ordinary edits after that reach the other side, whichever side they were made on."""
    mine, other = world.cinc.add_person(**ada()), world.chime.add_person(**ada())
    await world.quiet()
    world.clock.skipped_s += timedelta(minutes=5).total_seconds()
    world.cinc.edit(mine, "city", "London")
    world.chime.edit(other, "first_name", "Augusta")
    await world.quiet()
    assert (world.cinc.shows(mine)["first_name"], world.chime.shows(other)["city"]) == ("Augusta", "London")
    world.cinc.edit(mine, "stage", "Showing")
    await world.quiet()
    assert world.chime.shows(other)["stage"] == "Showing"
    await world.in_step()
