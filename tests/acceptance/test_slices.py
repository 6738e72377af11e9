"""The daemon's slices: cut small, taken by any process, and together the same as one sync."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.engine import pull
from syncd.engine.slices import Done, Slices
from syncd.sandbox.faults import Fault
from syncd.sandbox.message import Ask
from syncd.store.database import Database
from syncd.store.inbox import PostgresInbox
from tests.acceptance.world import World, ada, standing

PEOPLE = 8
PAGE = 2


@pytest.fixture(autouse=True)
def small_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two, none put together, so that there is something to cut."""
    world.cinc.switches["page_max"] = PAGE
    monkeypatch.setattr(pull, "ROWS_AT_ONCE", PAGE)
    world.cinc_options = world.chime_options = "guard = { creates = 500 }"


@asynccontextmanager
async def process(world: World) -> AsyncIterator[Slices]:
    """What one process does its slices with."""
    async with world.open() as syncd:
        yield Slices(syncd.store, PostgresInbox(syncd.store), world.clock, syncd.connections)


def at_once() -> bool:
    """There is time for as little as can be."""
    return True


def never() -> bool:
    """There is all the time in the world."""
    return False


async def rounds(world: World, *, enough: Callable[[], bool] = never) -> list[Done]:
    """Slices everywhere until nothing is left to do, taken by two processes in turn."""
    done: list[Done] = []
    async with process(world) as one, process(world) as other:
        for _ in range(60):
            before = len(done)
            for name in ("cinc", "chime"):
                for kind in ("pull", "live"):
                    slices = (one, other)[len(done) // 3 % 2]
                    done.append(await getattr(slices, kind)(name, enough))
            if not any(one.more or one.undone or one.wrote for one in done[before:]):
                return done
    raise AssertionError(done[-4:])


def people(world: World, number: int = PEOPLE) -> None:
    """Some in CINC, each with a note."""
    for n in range(number):
        lead = world.cinc.add_person(first_name=f"P{n}", last_name="Byron", email=f"p{n}@example.com")
        world.cinc.add_note(lead, f"Called P{n}.")


async def test_slices_end_where_one_sync_ends(world: World):
    """A first import cut after every page, each slice by another process: everybody with their notes is everywhere
    once, and a sync after it has nothing to do.
    """
    people(world)
    done = await rounds(world, enough=at_once)
    assert sum(one.more for one in done) >= PEOPLE // PAGE - 1
    assert sorted(world.chime.shows(lead)["first_name"] for lead in world.chime.ids()) == sorted(
        f"P{n}" for n in range(PEOPLE)
    )
    assert all(len(world.chime.shows(lead)["notes"]) == 1 for lead in world.chime.ids())
    await world.in_step()


async def test_a_walk_goes_on_in_another_process_and_reads_no_page_twice(world: World):
    """Eight leads on pages of two: whoever comes next begins where the last one stopped, and what is deleted is
    noticed by the walk that was cut.
    """
    people(world)
    await rounds(world)
    gone = world.cinc.ids()[4]
    await world.clock.sleep(timedelta(days=2).total_seconds())
    world.cinc.delete(gone)
    world.forget()
    slices_done = 0
    more = True
    while more:
        async with process(world) as slices:
            more = (await slices.pull("cinc", at_once)).more
        slices_done += 1
    assert slices_done >= PEOPLE // PAGE
    lists = [call for call in world.cinc.calls if call.template == "/site/leads" and not call.write]
    assert len(lists) <= slices_done + PEOPLE // PAGE + pull.PAGES_AHEAD
    async with world.open() as syncd:
        counts = await syncd.store.live_counts()
    assert counts["cinc"] == PEOPLE - 1


async def test_a_connection_that_somebody_holds_is_left_for_later(world: World):
    """No slice runs beside another one of the same connection; others are not held up."""
    people(world, 1)
    async with world.open() as syncd, syncd.store.exclusively("cinc") as ours, process(world) as slices:
        assert ours
        assert (await slices.pull("cinc", never)).busy
        assert not (await slices.pull("chime", never)).busy
    assert world.cinc.reads == 0


async def test_a_sweep_of_notes_takes_no_more_than_its_time(world: World, monkeypatch: pytest.MonkeyPatch):
    """Notes that a poll looks at beside what has changed are read a few at a time, and those read longest ago first:
    what there is no time for comes with the next poll.
    """
    monkeypatch.setattr(pull, "NOTES_AT_ONCE", 3)
    people(world)
    await rounds(world)
    await world.clock.sleep(600)
    asked: list[int] = []
    async with process(world) as slices:
        await slices.pull("chime", never)  # reads once more what was written
        await world.clock.sleep(600)
        began = world.clock.now()
        for _ in range(3):
            world.forget()
            await slices.pull("chime", at_once)
            asked.append(sum(call.template == "/v1.0/notes" for call in world.chime.calls))
    assert asked == [3, 3, 3]
    async with world.open() as syncd:
        swept = await syncd.store.notes_due("chime", PEOPLE)
        async with syncd.store.transaction() as tx:
            links = await tx.links("chime", "lead", swept)
    assert all(link.notes_read_at is not None and link.notes_read_at >= began for link in links.values())


async def test_notes_that_a_poll_owes_are_read_by_whoever_comes_next(world: World, monkeypatch: pytest.MonkeyPatch):
    """Everybody moved at once: a poll reads the notes of a few and ends; the next ones, by other processes, read on
    from there, and nobody's are read twice.
    """
    monkeypatch.setattr(pull, "NOTES_AT_ONCE", 3)
    world.sync_options = "notes_sweep = 0"
    people(world)
    await rounds(world)
    await world.clock.sleep(600)
    async with process(world) as slices:
        await slices.pull("chime", never)
    await world.clock.sleep(600)
    for lead in world.chime.ids():
        world.chime.edit(lead, "city", "London")
        world.chime.add_note(lead, "Moved.")
    await world.clock.sleep(60)
    asked, more = [], True
    while more:
        world.forget()
        async with process(world) as slices:
            more = (await slices.pull("chime", at_once)).more
        asked.append(sum(call.template == "/v1.0/notes" for call in world.chime.calls))
    assert asked == [3, 3, 2]
    await rounds(world)
    assert all("Moved." in str(world.cinc.shows(lead)["notes"]) for lead in world.cinc.ids())


async def test_a_lead_whose_notes_cannot_be_read_holds_up_nobody(world: World):
    """The vendor fails for one lead's notes alone: everything else comes in, and these do once it shows them again."""
    people(world, 3)
    await rounds(world)
    await world.clock.sleep(600)
    first, *others = world.chime.ids()
    for lead in (first, *others):
        world.chime.edit(lead, "city", "London")
        world.chime.add_note(lead, "Moved.")
    await world.clock.sleep(60)

    failed: list[Ask] = []

    def fault(ask: Ask, moment: str) -> Fault | None:
        if moment != "before" or not ask.path.endswith("/notes") or ask.one("leadId") != first:
            return None
        failed.append(ask)
        return Fault("error")

    world.chime.fault = fault
    async with process(world) as slices:
        assert not (await slices.pull("chime", never)).error
    assert failed
    world.chime.fault = None
    await rounds(world)
    assert all("Moved." in str(world.cinc.shows(lead)["notes"]) for lead in world.cinc.ids())


async def test_a_lead_in_step_is_planned_once(world: World):
    """What lacks nothing anywhere is not looked at by the next push, and is marked as done."""
    people(world, 3)
    await rounds(world)
    async with world.open() as syncd:
        assert await syncd.store.dirty() == {}
        counts = await syncd.store.counts()
    assert counts["dirty"] == 0


async def test_a_vendor_that_fails_stops_only_its_own_slices(world: World):
    """Its error is told and kept, and what could not be written waits for the timer: enqueued at once it would fail
    again and again. What others need is done; when it is back, it is brought up to date.
    """
    people(world)
    await rounds(world)
    await world.clock.sleep(60)
    world.chime.fault = lambda _ask, moment: Fault("error") if moment == "before" else None
    for lead in world.cinc.ids():
        world.cinc.edit(lead, "city", "London")
    async with process(world) as slices:
        assert (await slices.pull("cinc", never)).undone
        failed = await slices.live("chime", never)
        assert failed.error
        assert (failed.undone, failed.more, failed.wrote) == (False, False, False)
        assert not (await slices.live("cinc", never)).error
    world.chime.fault = None
    await world.clock.sleep(600)
    await rounds(world)
    assert {world.chime.shows(lead)["city"] for lead in world.chime.ids()} == {"London"}
    await world.in_step()


async def test_what_one_process_learned_of_an_account_the_next_one_knows(world: World):
    """A process whose adapter knows less than the database makes a new one before it works."""
    world.cinc.add_person(**ada())
    async with process(world) as one, process(world) as other:
        await one.pull("cinc", never)
        async with world.open() as syncd:
            learned = dict((await syncd.store.connection("cinc", "cinc")).memory)
        await other.pull("cinc", never)
        assert learned
        assert dict(other._connections["cinc"].adapter.memory) == learned


async def test_a_poll_without_a_filter_walks_no_more_often_than_the_config_says(tmp_path: Path, database: Database):
    """Chime's newer API lists nothing by update time: between two scans a poll asks for no list, and the next scan
    finds what people did; a command that somebody waits for looks at once.
    """
    async with standing(tmp_path, database.url, dialect="lofty") as world:
        world.chime_options = 'scan = "15m"'
        lead = world.chime.add_person(first_name="Ada", last_name="Byron", email="ada@example.com")

        async def lists() -> int:
            world.forget()
            async with process(world) as slices:
                done = await slices.pull("chime", never)
            assert not done.error
            return sum(call.template == "/v1.0/leads" and not call.write for call in world.chime.calls)

        await rounds(world)
        await world.clock.sleep(20 * 60)
        assert await lists() > 0
        world.chime.edit(lead, "city", "London")
        await world.clock.sleep(5 * 60)
        assert await lists() == 0
        await world.clock.sleep(15 * 60)
        assert await lists() > 0
        await rounds(world)
        assert world.only("cinc")["city"] == "London"
        world.chime.edit(lead, "city", "Paris")
        await world.quiet()
        assert world.only("cinc")["city"] == "Paris"
