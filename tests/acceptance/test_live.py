"""A live slice: hints in and edits out, as they come, and the guard over all of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from syncd.domain.guard import Lately
from syncd.engine.live import GUARD_WITHIN
from syncd.engine.news import News
from syncd.engine.plan import plan_some
from syncd.engine.slices import Slices
from syncd.ports.clock import SystemClock
from syncd.ports.inbox import Received
from syncd.sandbox.message import Ask
from syncd.store.arrivals import PostgresArrivals
from syncd.store.inbox import PostgresInbox
from tests.acceptance.world import World, ada

PATIENCE_S = 60.0


@asynccontextmanager
async def process(world: World, called: list[str] | None = None) -> AsyncIterator[Slices]:
    """What one process does its slices with, on real time; ``called``: connections that nobody attended to."""
    calls = [] if called is None else called
    async with world.open() as syncd:
        yield Slices(syncd.store, PostgresInbox(syncd.store), SystemClock(), syncd.connections, call=calls.append)


def never() -> bool:
    """There is all the time in the world."""
    return False


async def test_an_edit_reaches_the_other_crm_within_the_slice_that_waits_for_it(world: World):
    """A live slice that has nothing to do hears of a lead that changed elsewhere in its process, and writes it: no
    other slice is called for it. Once nobody attends, somebody is called.
    """
    lead = world.cinc.add_person(**ada())
    await world.quiet()
    calls: list[str] = []
    waits, written, over = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch(ask: Ask, _moment: str) -> None:
        if ask.write:
            loop.call_soon_threadsafe(written.set)

    def patience_s() -> float:
        waits.set()
        return 0.0 if over.is_set() else PATIENCE_S

    world.watch(world.chime, watch)
    async with process(world, calls) as slices:
        live = asyncio.create_task(slices.live("chime", over.is_set, patience_s))
        await waits.wait()
        world.cinc.edit(lead, "city", "London")
        assert (await slices.pull("cinc", never)).undone
        await asyncio.wait_for(written.wait(), 20)
        assert calls == ["cinc"]  # for its own sake: what it brought may ask for a write there
        over.set()
        slices.stir("chime")
        assert (await live).wrote
        world.cinc.edit(lead, "city", "Paris")
        await slices.pull("cinc", never)
        assert sorted(set(calls)) == ["chime", "cinc"]
    assert world.only("chime")["city"] == "London"
    await world.quiet()
    await world.in_step()


async def test_many_small_plans_are_judged_as_one(world: World):
    """People come one by one, each in a plan of its own: what would be over the limit together is held as a whole, and
    an approval releases it.
    """
    world.chime_options = "guard = { creates = 3 }"
    world.cinc.add_person(**ada())
    await world.quiet()
    async with process(world) as slices:
        for n in range(5):
            world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com")
            await slices.pull("cinc", never)
            await slices.live("chime", never)
        assert len(world.chime.ids()) == 1 + 3
        async with world.open() as syncd:
            (held,) = await syncd.store.held("chime")
        assert len(held.operations) == 2
        assert "5 leads would be created" in held.reasons[0]
        await world.settle_hold(held.id, "approved")
        await slices.live("chime", never)
    assert len(world.chime.ids()) == 1 + 5
    await world.quiet()
    await world.in_step()


async def test_what_waits_to_be_written_counts_with_what_is_new(world: World):
    """Three people wait to be created, which is allowed; together with a fourth they are too many."""
    world.chime_options = "guard = { creates = 3 }"
    world.cinc.add_person(**ada())
    await world.quiet()
    async with process(world) as slices, world.open() as syncd:
        for n in range(4):
            world.cinc.add_person(first_name=f"P{n}", email=f"p{n}@example.com")
        await slices.pull("cinc", never)
        chime = next(one for one in syncd.connections if one.name == "chime")
        *waiting, new = sorted(await syncd.store.dirty())
        some = partial(plan_some, syncd.store, world.clock, chime, linked=1, lately=Lately(GUARD_WITHIN))
        first = await some(waiting)
        assert first is not None
        assert len(first.operations) == 3
        assert await some([new]) is not None
        assert await some([new], waiting=first.operations) is None


async def test_nothing_is_written_before_the_first_walk_has_ended(world: World):
    """Somebody is in both CRMs under two addresses, and only CINC has been read: Chime gets nobody new before it was
    read as well, and then they are one.
    """
    number = [("2125550100", "mobile")]
    world.cinc.add_person(first_name="Ada", last_name="Byron", email="ada@example.com", phones=number)
    world.chime.add_person(first_name="Ada", last_name="Byron", email="byron@example.com", phones=number)
    async with process(world) as slices:
        await slices.pull("cinc", never)
        assert not (await slices.live("chime", never)).error
        assert world.chime.writes == 0
        await slices.pull("chime", never)
        for _ in range(3):
            for name in ("chime", "cinc"):
                await slices.live(name, never)
                await slices.pull(name, never)
    assert (len(world.chime.ids()), len(world.cinc.ids())) == (1, 1)


async def test_who_comes_in_by_a_hint_while_a_backlog_is_written_is_not_created_again(world: World):
    """Twenty leads are to be created at Chime; while the first ones are, somebody types the last one there, and the
    hint of it is taken in before the backlog comes to that lead.
    """
    number = 20
    await world.quiet()
    people = [{"first_name": f"P{n}", "last_name": "Byron", "email": f"p{n}@example.com"} for n in range(number)]
    for person in people:
        world.cinc.add_person(**person)
    typed: list[str] = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def types(ask: Ask, moment: str) -> None:
        if not typed and ask.write and moment == "before":
            typed.append(world.chime.add_person(**people[-1]))
            loop.call_soon_threadsafe(begun.set)

    world.chime.fault = types
    async with process(world) as slices, world.open() as syncd, PostgresArrivals(syncd.database).opened() as arrivals:
        await slices.pull("cinc", never)
        live = asyncio.create_task(slices.live("chime", never))
        await begun.wait()
        body = json.dumps({"listId": 2, "updateLead": [{"leadId": int(typed[0]), "updateTime": 1}]}).encode()
        await arrivals.put(Received("chime", "one", world.clock.now(), {}, body))
        slices.hooked("chime")
        await live
        await slices.live("chime", never)
    world.chime.fault = None
    emails = [world.chime.shows(lead)["email"] for lead in world.chime.ids()]
    assert len(emails) == len(set(emails)) == number


def test_a_plan_made_before_its_lead_was_read_again_is_outdated_once():
    """What a connection itself brings waits until it is quiet, unless it is about a lead that is just to be written."""
    news = News()
    news.attend()
    news.dirty([1, 2], soon=False)
    assert news.outdated({2, 3}) == {2}
    assert news.outdated({2, 3}) == set()
    assert not news
    assert news.quiet()
    assert news.leads() == {1}
