"""Deletes: graded evidence, tombstones, policies; nothing vanishes by accident."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault
from tests.acceptance.world import World, ada


async def pairs(world: World, count: int = 3) -> tuple[list[str], list[str]]:
    """Some people, on both sides; ids by number of the person."""
    mine = [world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com") for n in range(count)]
    await world.quiet()
    return mine, [world.find("chime", email=f"p{n}@example.com") for n in range(count)]


async def states(world: World, lead: str) -> dict[str, str]:
    """Connection → state of its link."""
    return {link["connection"]: link["state"] for link in (await world.shown(lead))["links"]}


@pytest.mark.parametrize("at", ["cinc", "chime"])
async def test_unlink_leaves_the_other_side_alone_and_never_re_creates(both_dialects: World, at: str):
    """A lead deleted at one vendor answers 404: its link is a tombstone, the other side keeps the lead with later
    edits, and it is never created again.
    """
    world = both_dialects
    mine, other = await pairs(world)
    ids = {"cinc": mine, "chime": other}
    there = "chime" if at == "cinc" else "cinc"
    world.sandboxes[at].delete(ids[at][0])
    await world.quiet(full=True)
    assert await states(world, "p0@example.com") == {at: "tombstone", there: "live"}
    world.sandboxes[there].edit(ids[there][0], "city", "London")
    await world.quiet(full=True)
    assert len(world.sandboxes[at].ids()) == 2
    assert world.sandboxes[there].shows(ids[there][0])["city"] == "London"
    history = await world.view("lead_history", (await world.shown("p0@example.com"))["id"])
    assert any(row["field"] == "link" and ("404" in row["why"] or "told" in row["why"]) for row in history)
    await world.in_step()


@pytest.mark.parametrize(("mark", "field", "shows"), [("stage", "stage", "Lost"), ("label", "labels", ["gone"])])
async def test_archive_marks_the_lead_elsewhere(world: World, mark: str, field: str, shows: Any):
    """`archive` sets the configured stage or label on the lead everywhere else, and nothing on other leads."""
    value = "lost" if mark == "stage" else "gone"
    world.cinc_options = f'on_delete = "archive"\narchive = {{ {mark} = "{value}" }}'
    mine, other = await pairs(world)
    world.cinc.delete(mine[0])
    await world.quiet(full=True)
    assert world.chime.shows(other[0])[field] == shows
    assert world.chime.shows(other[1])[field] != shows
    assert len(world.chime.ids()) == 3
    await world.in_step()


async def test_a_lead_that_comes_back_is_linked_again(world: World):
    """Out of the trash again, the record takes its old link and edits flow once more."""
    mine, other = await pairs(world, 2)
    world.chime.delete(other[0])
    await world.quiet(full=True)
    world.chime.restore(other[0])
    await world.quiet(full=True)
    assert await states(world, "p0@example.com") == {"cinc": "live", "chime": "live"}
    world.cinc.edit(mine[0], "city", "London")
    await world.quiet()
    assert world.chime.shows(other[0])["city"] == "London"


def empty(name: str) -> bytes:
    """The listing of a vendor without leads."""
    if name == "cinc":
        return b'{"paging": {"offset": 0, "limit": 500, "count": 0}, "leads": []}'
    return b'{"_metadata": {"collection": "leads", "limit": 100, "offset": 0, "total": 0}, "leads": []}'


@pytest.mark.parametrize("trouble", ["empty", "error", "html", "half", "cut"])
@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_a_listing_that_proves_nothing_deletes_nothing(world: World, name: str, trouble: Any):
    """An empty, failed, broken or incomplete listing deletes nothing, even where leads are gone in truth; the next good
    one finds them.
    """
    mine, other = await pairs(world)
    gone = {"cinc": mine, "chime": other}[name][0]
    world.sandboxes[name].delete(gone)
    lists = {"/site/leads", "/v1.0/leads", "/v1.0/leads/updateTime"}

    def fault(ask: Ask, moment: str) -> Fault | None:
        if ask.method != "GET" or ask.template not in lists:
            return None
        if trouble == "cut":  # the vendor says there are more than it shows
            body = empty(name).replace(b'"total": 0', b'"total": 9').replace(b'"count": 0', b'"count": 9')
            return Fault("error", status=200, body=body) if moment == "after" else None
        if trouble == "empty":
            return Fault("error", status=200, body=empty(name)) if moment == "after" else None
        return Fault(trouble) if moment == "after" else None

    world.sandboxes[name].fault = fault
    await world.sync(full=True)
    links = [link for n in range(3) for link in (await world.shown(f"p{n}@example.com"))["links"]]
    assert {link["state"] for link in links} == {"live"}
    world.sandboxes[name].fault = None
    await world.quiet(full=True)
    assert (await states(world, "p0@example.com"))[name] == "tombstone"
    assert (await states(world, "p1@example.com"))[name] == "live"


async def test_more_losses_than_allowed_are_held_and_released_by_approval(world: World):
    """More than `guard.deletes` missing leads are held as a plan and nothing is unlinked; `plan approve` releases
    exactly that plan, not another one that came of it.
    """
    world.cinc_options = 'guard = { deletes = 1 }\non_delete = "archive"\narchive = { label = "gone" }'
    mine, other = await pairs(world, 5)
    for lead in mine[:2]:
        world.cinc.delete(lead)
    report = await world.sync(full=True)
    (held,) = report.held
    assert {op["external_id"] for op in held.operations} == set(mine[:2])
    assert set((await states(world, "p0@example.com")).values()) == {"live"}
    world.cinc.delete(mine[2])  # another plan: approving the old one must not release it
    await world.settle_hold(held.id, "approved")
    (new,) = (await world.sync(full=True)).held
    assert new.id != held.id
    assert set((await states(world, "p0@example.com")).values()) == {"live"}
    assert all("gone" not in world.chime.shows(lead)["labels"] for lead in other)
    await world.settle_hold(new.id, "approved")
    done = await world.quiet(full=True)
    assert not done.held
    assert [("gone" in world.chime.shows(lead)["labels"]) for lead in other] == [True] * 3 + [False] * 2
    assert (await states(world, "p2@example.com"))["cinc"] == "tombstone"


async def test_rejected_losses_stay_unlinked(world: World):
    """A rejected plan of losses neither runs nor asks again."""
    world.cinc_options = "guard = { deletes = 0 }"
    mine, _ = await pairs(world, 2)
    world.cinc.delete(mine[0])
    (held,) = (await world.sync(full=True)).held
    await world.settle_hold(held.id, "rejected")
    report = await world.sync(full=True)
    assert not report.held
    assert set((await states(world, "p0@example.com")).values()) == {"live"}


async def test_a_note_deleted_at_one_vendor_stays_elsewhere_and_does_not_come_back(world: World):
    """A note a person deletes is gone there for good and stays where it else is."""
    mine = world.cinc.add_person(**ada())
    world.cinc.add_note(mine, "Likes numbers.")
    await world.quiet()
    (other,) = world.chime.ids()
    ((note, _),) = world.chime.shows(other)["notes"]
    await world.clock.sleep(120)
    world.chime.delete_note(other, note)
    await world.quiet(full=True)
    await world.quiet(full=True)
    assert world.bodies("cinc") == ["Likes numbers."]
    assert world.bodies("chime") == []
    await world.in_step()
