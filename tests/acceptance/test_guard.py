"""Implausible plans are held whole until a person approves that very plan; people in between are looked for."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault
from tests.acceptance.world import World, ada

LEAD = {"cinc": "/site/leads/{id}", "chime": "/v1.0/leads/{id}"}


async def people(world: World, count: int, **more: Any) -> list[str]:
    """Some people on both sides; their ids at CINC."""
    leads = [world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com", **more) for n in range(count)]
    await world.quiet()
    await world.clock.sleep(600)
    return leads


async def test_a_held_plan_holds_all_and_approval_releases_exactly_it(world: World):
    """Over a limit nothing of the plan is written, not even its harmless parts; another connection goes on;
    approved it is done, once.
    """
    world.chime_options = "guard = { creates = 1 }"
    await people(world, 1)
    world.cinc.edit(world.find("cinc", email="p0@example.com"), "city", "London")
    for n in (1, 2):
        world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com")
    world.chime.edit(world.chime.ids()[0], "last_name", "Lovelace")
    world.forget()
    report = await world.sync()
    (held,) = report.held
    assert held.connection == "chime"
    assert world.chime.writes == 0
    assert world.find("cinc", last_name="Lovelace")
    await world.settle_hold(held.id, "approved")
    done = await world.quiet()
    assert not done.held
    assert len(world.chime.ids()) == 3
    assert world.find("chime", city="London")
    await world.in_step()


async def test_approval_releases_what_was_approved_and_nothing_else(world: World):
    """The operations of one plan were approved: when more people come, those wait for an approval of their own, and
    who has changed since is no longer the person that was approved.
    """
    world.chime_options = "guard = { creates = 1 }"
    first, _ = (world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com") for n in (1, 2))
    (old,) = (await world.sync()).held
    await world.settle_hold(old.id, "approved")
    for n in (3, 4):
        world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com")
    world.cinc.edit(first, "city", "London")
    (new,) = (await world.sync()).held
    assert new.id != old.id
    assert [op["fields"]["first_name"]["to"] for op in new.operations] == ["P1", "P3", "P4"]
    assert [world.chime.shows(lead)["first_name"] for lead in world.chime.ids()] == ["P2"]
    await world.settle_hold(new.id, "rejected")
    assert not (await world.sync()).held
    assert len(world.chime.ids()) == 1


async def test_an_approved_plan_that_was_broken_off_goes_on(world: World):
    """Half of it went out, then the vendor failed: the rest needs no second approval, and in the end it is done."""
    world.chime_options = "guard = { creates = 1 }"
    for n in range(12):
        world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com")
    (held,) = (await world.sync()).held
    await world.settle_hold(held.id, "approved")
    world.chime.fault = lambda ask, _: Fault("error") if ask.write and len(world.chime.ids()) > 3 else None
    assert (await world.sync()).held == []
    assert 3 < len(world.chime.ids()) < 12
    world.chime.fault = None
    report = await world.quiet()
    assert (report.held, len(world.chime.ids())) == ([], 12)
    async with world.open() as syncd:
        assert await syncd.store.held() == []


@pytest.mark.parametrize(
    ("guard", "options", "field", "value", "reason"),
    [
        ("blanks = 1", 'blank = ["last_name"]', "last_name", "", "guard.blanks"),
        ("share = 0.2, share_floor = 1", "", "last_name", "Other", "guard.share"),
    ],
)
async def test_other_limits(world: World, guard: str, options: str, field: str, value: str, reason: str):
    """Blanked values and the share of overwritten leads have their limits as well."""
    world.chime_options = f"guard = {{ {guard} }}\n{options}"
    world.cinc_options = options
    for lead in await people(world, 3, last_name="Byron"):
        world.cinc.edit(lead, field, value)
    world.forget()
    (held,) = (await world.sync()).held
    assert reason in held.reasons[0]
    assert world.chime.writes == 0
    await world.settle_hold(held.id, "approved")
    await world.quiet()
    assert {world.chime.shows(lead)[field] for lead in world.chime.ids()} == {value}


async def test_reassignments_have_a_limit(world: World):
    """More leads handed to another agent than allowed are held."""
    world.chime_options = "guard = { reassignments = 1 }"
    agents = {}
    for name in ("rebecca", "tom"):
        agents[name] = world.cinc.add_agent(f"{name}@example.com", name.title(), "Wood")
        world.chime.add_agent(f"{name}@example.com", name.title(), "Wood")
    for lead in await people(world, 2, assignments={"primary": agents["rebecca"]}):
        world.cinc.assign(lead, "primary", agents["tom"])
    (held,) = (await world.sync()).held
    assert "guard.reassignments" in held.reasons[0]


@pytest.mark.parametrize("at", ["cinc", "chime"])
async def test_looking_before_writing_merges_what_a_person_typed_meanwhile(world: World, at: str):
    """With `write_guard = "read"` a record is read right before it is overwritten: a person's later edit of the
    same field goes through the merge and wins, of another field it survives.
    """
    (mine,) = await people(world, 1)
    (other,) = world.chime.ids()
    source, lead = (world.chime, other) if at == "cinc" else (world.cinc, mine)
    target, there = (world.cinc, mine) if at == "cinc" else (world.chime, other)
    source.edit(lead, "last_name", "Early")
    await world.clock.sleep(300)
    raced: list[str] = []

    def race(ask: Ask, when: str) -> None:
        single = ask.method == "GET" and ask.template == LEAD[at]
        if not raced and single and when == "before":
            raced.append(ask.template)
            target.edit(there, "last_name", "Late")
            target.edit(there, "city", "London")

    world.watch(target, race)
    await world.quiet()
    assert raced
    for sandbox, one in ((source, lead), (target, there)):
        assert (sandbox.shows(one)["last_name"], sandbox.shows(one)["city"]) == ("Late", "London")
    await world.in_step()


@pytest.mark.parametrize(("guard", "reads"), [("read", 1), ("trust", 0)])
async def test_trust_saves_the_reading(world: World, guard: str, reads: int):
    """`read` costs one read per changed lead, `trust` none; the change arrives with one write either way."""
    world.chime_options = f'write_guard = "{guard}"'
    (mine,) = await people(world, 1)
    await world.quiet()
    world.cinc.edit(mine, "last_name", "Lovelace")
    world.forget()
    await world.sync(until_quiet=False)
    calls = [(call.method, call.template) for call in world.chime.calls if call.template == LEAD["chime"]]
    assert calls == [("GET", LEAD["chime"])] * reads + [("PUT", LEAD["chime"])]
    assert world.only("chime")["last_name"] == "Lovelace"
    await world.in_step()


async def test_the_plan_is_what_sync_does(world: World):
    """`syncd plan` writes nothing, and `syncd sync` carries out those very operations."""
    lead = world.cinc.add_person(**ada(labels=["VIP"]))
    world.cinc.add_note(lead, "Likes numbers.")
    planned = await world.plan()
    assert world.writes == 0
    report = await world.sync(until_quiet=False)
    assert report.connections["chime"].pushed == len(planned.operations)
