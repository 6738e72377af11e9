"""Agents and the roles they have on leads."""

from __future__ import annotations

from tests.acceptance.world import World, ada

NAMES = ("rebecca", "tom")


def hire(world: World) -> dict[str, dict[str, str]]:
    """Two agents working in both CRMs: connection → name → id."""
    return {
        connection: {name: sandbox.add_agent(f"{name}@example.com", name.title(), "Wood") for name in NAMES}
        for connection, sandbox in world.sandboxes.items()
    }


def role(world: World, name: str, role_name: str = "primary") -> str | None:
    """Who has a role on the only lead of a sandbox."""
    found: str | None = world.only(name)["assignments"].get(role_name)
    return found


async def test_the_primary_agent_goes_both_ways(both_dialects: World):
    """Agents match by email: a lead's agent is the same person in both CRMs, at creation and when it changes."""
    world = both_dialects
    staff = hire(world)
    mine = world.cinc.add_person(**ada(assignments={"primary": staff["cinc"]["rebecca"]}))
    await world.quiet()
    (other,) = world.chime.ids()
    assert role(world, "chime") == staff["chime"]["rebecca"]
    world.chime.assign(other, "primary", staff["chime"]["tom"])
    await world.quiet()
    assert role(world, "cinc") == staff["cinc"]["tom"]
    await world.clock.sleep(600)
    world.cinc.assign(mine, "primary", staff["cinc"]["rebecca"])
    await world.quiet()
    assert role(world, "chime") == staff["chime"]["rebecca"]
    await world.in_step()


async def test_roles_that_only_one_side_has(both_dialects: World):
    """Listing and partner live at CINC, lender and assistant at Chime: kept in the graph, reported, never lost."""
    world = both_dialects
    staff = hire(world)
    agents = {"listing": staff["cinc"]["rebecca"], "partner": staff["cinc"]["tom"]}
    world.cinc.add_person(**ada(assignments=agents))
    await world.quiet()
    (other,) = world.chime.ids()
    world.chime.assign(other, "lender", staff["chime"]["tom"])
    world.chime.assign(other, "assistant", staff["chime"]["rebecca"])
    await world.quiet()
    names = {name: one["email"] for name, one in (await world.shown("ada@example.com"))["assignments"].items()}
    expected = {"listing": "rebecca", "partner": "tom", "lender": "tom", "assistant": "rebecca"}
    assert {name: f"{who}@example.com" for name, who in expected.items()}.items() <= names.items()
    assert {"listing", "partner"} <= world.only("cinc")["assignments"].keys()
    world.chime.assign(other, "lender", None)  # a blank overwrites nothing, unless the config says so
    await world.quiet()
    assert role(world, "chime", "lender") == staff["chime"]["tom"]
    world.sync_options = 'blank = "clears"'
    await world.clock.sleep(600)  # right after our write it could as well be the vendor that did not take it
    world.chime.assign(other, "lender", None)
    await world.quiet()
    assert role(world, "chime", "lender") is None
    assert "lender" not in (await world.shown("ada@example.com"))["assignments"]
    await world.in_step()


async def test_other_roles_are_written_where_they_are_carried(both_dialects: World):
    """A lead that lost its record at Chime keeps lender and assistant in the graph; a lead with them that is created at
    Chime gets them there.
    """
    world = both_dialects
    staff = hire(world)
    world.chime.add_person(**ada(assignments={"lender": staff["chime"]["tom"], "assistant": staff["chime"]["rebecca"]}))
    await world.quiet()
    (other,) = world.chime.ids()
    await world.clock.sleep(600)
    world.chime_options = 'fields = { "assignment.lender" = "write", "assignment.assistant" = "write" }'
    world.chime.assign(other, "lender", staff["chime"]["rebecca"])
    world.chime.assign(other, "assistant", staff["chime"]["tom"])
    await world.quiet()
    assert role(world, "chime", "lender") == staff["chime"]["tom"]
    assert role(world, "chime", "assistant") == staff["chime"]["rebecca"]


async def test_an_agent_without_an_account_elsewhere_is_reported(world: World):
    """An agent only one CRM has is kept there and in the graph, told as not carried, and nothing is written for it."""
    staff = hire(world)
    stranger = world.cinc.add_agent("stranger@example.com", "A", "Stranger")
    mine = world.cinc.add_person(**ada(assignments={"primary": staff["cinc"]["tom"]}))
    await world.quiet()
    await world.clock.sleep(600)
    world.cinc.assign(mine, "primary", stranger)
    report = await world.quiet()
    assert any(one.field == "assignment.primary" and "no account" in one.reason for one in report.not_carried)
    assert role(world, "cinc") == stranger
    assert role(world, "chime") == staff["chime"]["tom"]
    await world.in_step()


async def test_agents_pinned_in_the_config(world: World):
    """`[agents]` says who is who where the addresses differ."""
    mine = world.cinc.add_agent("rebecca@home.example.com", "Rebecca", "Wood")
    other = world.chime.add_agent("rw@team.example.com", "R.", "Wood")
    world.agents = f'"rebecca@example.com" = {{ cinc = "{mine}", chime = "{other}" }}'
    world.cinc.add_person(**ada(assignments={"primary": mine}))
    await world.quiet()
    assert role(world, "chime") == other


async def test_routing_of_an_unassigned_lead(world: World):
    """A lead without agent that is created at Chime is routed there; the owner the vendor picked comes to CINC as
    an edit and does not start a fight.
    """
    staff = hire(world)
    world.cinc.add_person(**ada())
    await world.quiet()
    picked = role(world, "chime")
    assert picked in staff["chime"].values()
    await world.quiet()
    (name,) = [name for name, ident in staff["chime"].items() if ident == picked]
    assert role(world, "cinc") == staff["cinc"][name]
    await world.in_step()


async def test_an_agent_who_joins_a_crm_later_gets_their_leads_there(both_dialects: World):
    """Without an account there a lead cannot be given to them, and is reported; with one it is, unasked."""
    world = both_dialects
    rebecca = world.cinc.add_agent("rebecca@example.com", "Rebecca", "Wood")
    world.cinc.add_person(**ada(assignments={"primary": rebecca}))
    await world.quiet()
    there = world.chime.add_agent("rebecca@example.com", "Rebecca", "Wood")
    assert role(world, "chime") != there
    await world.quiet()
    assert role(world, "chime") == there
    await world.in_step()
