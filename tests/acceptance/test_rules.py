"""Every rule of the design, end to end, and field directions and blanks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.store.resolve import resolve_conflict
from tests.acceptance.world import World, ada


async def both(world: World, **more: Any) -> tuple[str, str]:
    """One lead on both sides."""
    mine = world.cinc.add_person(**ada(**more))
    await world.quiet()
    await world.clock.sleep(600)
    return mine, world.chime.ids()[0]


def values(world: World, field: str) -> tuple[Any, Any]:
    """What CINC and Chime show of their only lead."""
    return world.only("cinc").get(field), world.only("chime").get(field)


async def fields(world: World) -> Any:
    """The lead's fields in the graph."""
    return (await world.shown("ada@example.com"))["fields"]


@pytest.mark.parametrize("later", ["cinc", "chime"])
async def test_newest(world: World, later: str):
    """The later of two edits wins, whoever made it; the conflict is listed with both values."""
    leads = dict(zip(("cinc", "chime"), await both(world), strict=True))
    earlier = "chime" if later == "cinc" else "cinc"
    world.sandboxes[earlier].edit(leads[earlier], "last_name", "Early")
    await world.clock.sleep(300)
    world.sandboxes[later].edit(leads[later], "last_name", "Late")
    await world.quiet()
    assert values(world, "last_name") == ("Late", "Late")
    (row,) = await world.view("conflicts_list", None)
    assert (row["field"], row["rule"], {row["ours"], row["theirs"]}) == ("last_name", "newest", {"Early", "Late"})
    await world.in_step()


async def test_owner_reverts_others(world: World):
    """Edits of others than the owner are reverted at once, concurrent or not, and told; the owner's edits travel."""
    world.rules = 'stage = { rule = "owner", connection = "chime" }'
    mine, other = world.cinc.add_person(**ada(stage="Contacted")), world.chime.add_person(**ada(stage="Showing"))
    await world.quiet()
    assert values(world, "stage") == ("Showing", "Showing")
    await world.clock.sleep(600)
    world.cinc.edit(mine, "stage", "Sold")
    await world.quiet()
    assert values(world, "stage") == ("Showing", "Showing")
    rows = await world.view("conflicts_list", None)
    assert rows[0]["rule"] == "owner"
    assert rows[0]["outcome"] == "ours"
    world.chime.edit(other, "stage", "Closed")
    await world.quiet()
    assert values(world, "stage") == ("Sold", "Closed")
    await world.in_step()


async def test_manual_parks_and_pushes_neither(world: World):
    """`manual` parks: both values stay where they are, however often it is synchronised, until `conflicts resolve`."""
    world.rules = 'last_name = "manual"'
    mine, other = await both(world)
    world.cinc.edit(mine, "last_name", "King")
    world.chime.edit(other, "last_name", "Lovelace")
    for _ in range(2):
        report = await world.sync()
        assert report.conflicts == 1
        assert values(world, "last_name") == ("King", "Lovelace")
    world.cinc.edit(mine, "city", "London")  # other fields go on
    await world.sync()
    assert values(world, "city") == ("London", "London")
    assert values(world, "last_name") == ("King", "Lovelace")
    (row,) = await world.view("conflicts_list", "open")
    async with world.open() as syncd:
        await resolve_conflict(syncd.store, row["id"], "theirs", who="admin", at=world.clock.now())
    await world.quiet()
    assert values(world, "last_name") == (row["theirs"],) * 2
    await world.in_step()


async def test_manual_at_first_contact(world: World):
    """Two different values at first contact are parked too, and neither is pushed."""
    world.rules = 'last_name = "manual"'
    world.cinc.add_person(**ada(last_name="King"))
    world.chime.add_person(**ada(last_name="Lovelace", city="London"))
    assert (await world.sync()).conflicts == 1
    assert values(world, "last_name") == ("King", "Lovelace")
    assert values(world, "city") == ("London", "London")


async def test_ranked(world: World):
    """Of two edits the one of the higher connection wins, though it is the earlier one; alone, anybody's edit
    counts.
    """
    world.rules = 'last_name = { rule = "ranked", order = ["chime", "cinc"] }'
    mine, other = await both(world)
    world.chime.edit(other, "last_name", "Lovelace")
    await world.clock.sleep(300)
    world.cinc.edit(mine, "last_name", "King")
    await world.quiet()
    assert values(world, "last_name") == ("Lovelace", "Lovelace")
    world.cinc.edit(mine, "last_name", "Byron")
    await world.quiet()
    assert values(world, "last_name") == ("Byron", "Byron")


async def test_forward(world: World):
    """A stage only advances: going back is undone and told, going on travels."""
    world.rules = 'stage = { rule = "forward", order = ["new", "contacted", "showing", "closed"] }'
    mine, other = await both(world, stage="Showing")
    world.chime.edit(other, "stage", "Contacted")
    await world.quiet()
    assert values(world, "stage") == ("Showing", "Showing")
    assert (await world.view("conflicts_list", None))[0]["rule"] == "forward"
    world.cinc.edit(mine, "stage", "Sold")
    await world.quiet()
    assert values(world, "stage") == ("Sold", "Closed")


async def test_keep(world: World):
    """The first source stays: later ones are undone and told."""
    _, other = await both(world, source="Zillow")
    world.chime.edit(other, "source", "Facebook")
    await world.quiet()
    assert values(world, "source") == ("Zillow", "Zillow")
    assert (await world.view("conflicts_list", None))[0]["rule"] == "keep"
    await world.in_step()


async def test_earliest(world: World):
    """Of two registration times the earlier one is everybody's, as far as the vendor takes it."""
    early, late = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    world.cinc.add_person(**ada(registered_at=late))
    world.chime.add_person(**ada(registered_at=early))
    await world.quiet()
    assert (await fields(world))["registered_at"].startswith("2020-01-02T03:04:05")
    assert world.only("cinc")["registered_at"] == early
    await world.in_step()


async def test_restrictive(world: World):
    """An opt-out anywhere is an opt-out everywhere (where the vendor takes it) and is not undone by the other side."""
    mine, other = await both(world)
    world.cinc.edit(mine, "email_opt_out", True)  # noqa: FBT003
    await world.quiet()
    assert world.chime.shows(other)["email_opt_out"] is True
    world.chime.edit(other, "email_opt_out", False)  # noqa: FBT003
    await world.quiet()
    assert world.chime.shows(other)["email_opt_out"] is True
    assert (await fields(world))["email_opt_out"] is True
    await world.in_step()


async def test_union(world: World):
    """Phones of both sides are kept; one that is taken off on one side goes from the graph."""
    world.cinc.add_person(**ada(phones=[("(404) 555-0101", "cell")]))
    world.chime.add_person(**ada(phones=[("(404) 555-0102", "")]))
    await world.quiet()
    numbers = {number for number, _ in (await fields(world))["phones"]}
    assert numbers == {"+14045550101", "+14045550102"}
    assert len(world.only("chime")["phones"]) == 2
    await world.in_step()


def longest(clash: Any) -> Any:
    """A user's own rule."""
    return max(clash.ours or "", clash.theirs or "", key=len)


async def test_a_function_of_the_user(world: World):
    """`python:module:function` decides a conflict with the user's own function."""
    world.rules = 'last_name = "python:tests.acceptance.test_rules:longest"'
    mine, other = await both(world)
    world.chime.edit(other, "last_name", "Lovelace")
    await world.clock.sleep(300)
    world.cinc.edit(mine, "last_name", "King")
    await world.quiet()
    assert values(world, "last_name") == ("Lovelace", "Lovelace")


# -- directions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "from_chime", "to_chime"),
    [("both", True, True), ("read", True, False), ("write", False, True), ("off", False, False)],
)
async def test_directions(world: World, direction: str, from_chime: bool, to_chime: bool):  # noqa: FBT001
    """`both`; `read`: syncd never writes it there; `write`: never read from there (and put right again); `off`."""
    world.chime_options = f'fields = {{ city = "{direction}" }}'
    mine, other = await both(world, city="Athens")
    assert world.chime.shows(other)["city"] == ("Athens" if to_chime else None)
    world.chime.edit(other, "city", "Berlin")
    await world.quiet()
    expected = "Berlin" if from_chime else "Athens"
    assert world.cinc.shows(mine)["city"] == expected
    assert world.chime.shows(other)["city"] == ("Athens" if direction == "write" else "Berlin")
    await world.clock.sleep(300)
    world.cinc.edit(mine, "city", "Cairo")
    await world.quiet()
    assert world.chime.shows(other)["city"] == ("Cairo" if to_chime else "Berlin")
    await world.in_step()


@pytest.mark.parametrize(("direction", "comes", "goes"), [("read", 1, 0), ("write", 0, 1), ("off", 0, 0)])
async def test_directions_of_notes(world: World, direction: str, comes: int, goes: int):
    """The same for notes."""
    world.chime_options = f'fields = {{ notes = "{direction}" }}'
    mine, other = await both(world)
    world.cinc.add_note(mine, "From CINC.")
    world.chime.add_note(other, "From Chime.")
    await world.quiet(full=True)
    assert world.bodies("cinc").count("From Chime.") == comes
    assert world.bodies("chime").count("From CINC.") == goes


@pytest.mark.parametrize("direction", ["read", "write"])
async def test_directions_of_labels(world: World, direction: str):
    """The same for labels."""
    world.chime_options = f'fields = {{ labels = "{direction}" }}'
    mine, other = await both(world)
    world.cinc.add_label(mine, "From CINC")
    world.chime.add_label(other, "From Chime")
    await world.quiet()
    assert ("From Chime" in world.cinc.shows(mine)["labels"]) is (direction == "read")
    assert ("From CINC" in world.chime.shows(other)["labels"]) is (direction == "write")


# -- blanks ----------------------------------------------------------------------------------------------------


async def test_a_blank_overwrites_nothing(world: World):
    """A value a person empties comes back from the others, and is told."""
    _, other = await both(world, buyer_timeline=(1, 3))
    world.chime.edit(other, "buyer_timeline", "")
    await world.quiet()
    assert world.only("cinc")["buyer_timeline"] == "1 to 3 months"
    assert world.only("chime")["buyer_timeline"] == "1-3"
    assert (await world.view("conflicts_list", None))[0]["rule"] == "blank"
    await world.in_step()


@pytest.mark.parametrize("at", ["cinc", "chime"])
async def test_a_blank_clears_where_the_config_says_so(world: World, at: str):
    """With `blank = "clears"` an emptied field is emptied everywhere, and stays empty."""
    world.sync_options = 'blank = "clears"'
    leads = dict(zip(("cinc", "chime"), await both(world, last_name="Byron"), strict=True))
    world.sandboxes[at].edit(leads[at], "last_name", "")
    await world.quiet()
    assert all(not shown for shown in values(world, "last_name"))
    assert "last_name" not in await fields(world)
    await world.in_step()
