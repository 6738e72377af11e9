"""Webhooks end to end: people act in a CRM, it calls us over HTTP, the record is read again and taken in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from syncd.domain.errors import AuthError, TransientError
from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault
from syncd.store.database import Database
from syncd.store.deliveries import Deliveries
from tests.acceptance.service import Service, serving
from tests.acceptance.world import World, ada, standing


@pytest.fixture
async def service(both_dialects: World) -> AsyncIterator[Service]:
    """With either dialect of Chime."""
    async with serving(both_dialects) as found:
        yield found


@pytest.fixture
async def plain(world: World) -> AsyncIterator[Service]:
    """With the older dialect."""
    async with serving(world) as found:
        yield found


async def test_what_people_do_comes_in_by_hooks_alone(service: Service):
    """New leads, edits, labels, agents and notes on both sides are in the graph without any pull."""
    world = service.world
    agent = world.cinc.add_agent("rebecca@example.com", "Rebecca", "Wood")
    lead = world.cinc.add_person(**ada(stage="New Lead"))
    world.cinc.add_note(lead, "Wants a garden")
    await service.arrived()
    assert (await service.take("cinc")).done
    shown = await world.shown("ada@example.com")
    assert shown["fields"]["first_name"] == "Ada"
    assert [note["body"] for note in shown["notes"]] == ["Wants a garden"]
    world.cinc.edit(lead, "city", "London")
    world.cinc.add_label(lead, "VIP")
    world.cinc.assign(lead, "primary", agent)
    await service.arrived()
    await service.take("cinc")
    shown = await world.shown("ada@example.com")
    assert (shown["fields"]["city"], shown["labels"]) == ("London", ["VIP"])
    assert shown["assignments"]
    other = world.chime.add_person(first_name="Grace", email="grace@example.com")
    await world.clock.sleep(5)
    world.chime.add_note(other, "Likes ships")
    await service.arrived()
    await service.take("chime")
    assert [note["body"] for note in (await world.shown("grace@example.com"))["notes"]] == ["Likes ships"]
    assert {state for name in ("cinc", "chime") for state, *_ in await service.states(name)} == {"done"}


async def test_a_burst_costs_one_reading_a_lead(plain: Service):
    """5,000 deliveries about 50 leads are about 50 readings, not 5,000, in however many batches they are taken."""
    world = plain.world
    leads = [world.cinc.add_person(**ada(email=f"ada{n}@example.com")) for n in range(50)]
    await plain.arrived()
    await plain.take("cinc")
    for n, lead in enumerate(leads):
        world.cinc.edit(lead, "city", f"Town {n}")
    await plain.arrived()
    body = {"type": "lead.info.updated", "lead": {"id": ""}}
    await asyncio.gather(
        *(plain.hint("cinc", f"burst-{n}", {**body, "lead": {"id": leads[n % 50]}}) for n in range(5000))
    )
    world.forget()
    taken = await plain.take("cinc")
    assert taken.done >= 5000
    assert not taken.more
    assert world.reads <= 55
    assert await plain.field("ada7@example.com", "city") == "Town 7"


async def test_no_cleverness_loses_the_last_edit(plain: Service):
    """Joined, doubled, late and reordered deliveries: what was typed last is what is taken in."""
    world = plain.world
    world.cinc.switches |= {"hook_repeat": 0.4, "hook_reorder": 0.5, "hook_delay_s": 0.2}
    leads = [world.cinc.add_person(**ada(email=f"ada{n}@example.com")) for n in range(5)]
    for round_ in range(6):
        for lead in leads:
            world.cinc.edit(lead, "city", f"Town {round_}")
        if round_ % 2:
            await plain.take("cinc")
    await plain.arrived()
    await plain.take("cinc")
    for n in range(5):
        assert await plain.field(f"ada{n}@example.com", "city") == "Town 5"


async def test_what_hooks_drop_the_next_pull_finds(plain: Service):
    """A delivery that never comes costs time and nothing else."""
    world = plain.world
    lead = world.cinc.add_person(**ada())
    await plain.caught_up()
    world.cinc.switches["hook_drop"] = 1.0
    world.cinc.edit(lead, "city", "London")
    await plain.arrived()
    await plain.take("cinc")
    assert await plain.field("ada@example.com", "city") is None
    await world.quiet()
    assert world.only("chime")["city"] == "London"


async def test_our_own_writes_come_back_as_hooks_and_change_nothing(plain: Service):
    """A write of ours fires an event: it is read again, recognised, and nothing is left to write."""
    world = plain.world
    world.chime.add_person(**ada(city="Ockham"))
    await world.quiet()
    await plain.arrived()
    world.forget()
    for name in ("cinc", "chime"):
        taken = await plain.take(name)
        assert taken.error is None
    assert world.writes == 0
    await world.in_step()


async def test_values_inside_an_event_are_not_believed(plain: Service):
    """Only the id of an event counts: what it says of the lead is nowhere, and a lead nobody has changes nothing."""
    world = plain.world
    lead = world.cinc.add_person(**ada())
    await world.quiet()
    lie = {"type": "lead.info.updated", "lead": {"id": lead, "info": {"contact": {"first_name": "Mallory"}}}}
    await plain.hint("cinc", "lie", lie)
    await plain.hint("cinc", "ghost", {"type": "lead.created", "lead": {"id": "../../site/me"}})
    await plain.take("cinc")
    assert await plain.field("ada@example.com", "first_name") == "Ada"
    assert (await world.view("lead_list"))["total"] == 1
    assert {state for state, *_ in await plain.states("cinc")} <= {"done", "ignored"}


async def test_a_hint_older_than_our_reading_costs_nothing(plain: Service):
    """A backlog of hooks, all about leads that were read since they came, is settled without a call."""
    world = plain.world
    leads = [world.cinc.add_person(**ada(email=f"ada{n}@example.com")) for n in range(20)]
    before = world.clock.now()
    await world.clock.sleep(120)
    await plain.arrived()
    await plain.take("cinc")
    await plain.syncd.store.fetch("DELETE FROM inbox RETURNING id")
    for n, lead in enumerate(leads):
        await plain.hint("cinc", f"old-{n}", {"type": "lead.label.applied", "lead": {"id": lead}}, at=before)
    world.forget()
    taken = await plain.take("cinc")
    assert (taken.done, taken.spared, world.reads) == (20, 20, 0)
    await plain.hint("cinc", "new", {"type": "lead.label.applied", "lead": {"id": leads[0]}})
    await plain.take("cinc")
    assert world.reads == 1


async def test_a_lead_that_is_gone_is_settled(service: Service):
    """A hint for a record that is not there any more: its link is a tombstone, the other CRM keeps its own."""
    world = service.world
    lead = world.chime.add_person(**ada())
    await world.quiet()
    await world.clock.sleep(300)
    await service.take("chime")
    world.chime.delete(lead)
    await service.arrived()
    taken = await service.take("chime")
    assert taken.gone == 1
    links = {link["connection"]: link["state"] for link in (await world.shown("ada@example.com"))["links"]}
    assert links == {"chime": "tombstone", "cinc": "live"}
    assert len(world.cinc.ids()) == 1


async def test_many_losses_are_not_believed(plain: Service):
    """More leads gone within an hour than `guard.deletes`, in however many slices, are left to the full comparison,
    which asks for them and holds them.
    """
    world = plain.world
    leads = [world.chime.add_person(**ada(email=f"ada{n}@example.com")) for n in range(22)]
    await plain.arrived()
    await plain.take("chime")
    await world.clock.sleep(300)
    for some, outcome in ((leads[:8], (8, 0)), (leads[8:16], (1, 7)), (leads[16:21], (1, 4))):
        for lead in some:
            world.chime.delete(lead)
        await plain.arrived()
        taken = await plain.take("chime")
        assert (taken.gone, taken.withheld) == outcome
    report = await world.sync(full=True)
    assert [len(plan.operations) for plan in report.held] == [11]


async def test_a_new_lead_that_does_not_show_yet_is_waited_for(plain: Service):
    """The hook is faster than the vendor's own listing: no failure, no tombstone, and in the end the lead is there."""
    world = plain.world
    number = world.chime.new_lead(visible_at=world.clock.monotonic() + 20)
    number.held |= {"firstName": "Late", "emails": ["late@example.com"]}
    world.chime.touch(number)
    await plain.arrived()
    taken = await plain.take("chime")
    assert (taken.failed, taken.gone, taken.later) == (0, 0, 0)
    assert {state for state, *_ in await plain.states("chime")} == {"waiting"}
    await world.clock.sleep(25)
    assert (await plain.take("chime")).done
    assert await plain.field("late@example.com", "first_name") == "Late"
    assert {(state, attempts) for state, attempts, _ in await plain.states("chime")} == {("done", 0)}


def _failing(status: int, lead: str) -> Any:
    def fault(ask: Ask, moment: str) -> Fault | None:
        return Fault("error", status=status) if moment == "before" and ask.path.endswith(lead) else None

    return fault


async def test_one_record_that_cannot_be_read_keeps_nobody_waiting(plain: Service):
    """It is tried again, later each time, and in the end left as failed with its error; the others are done at once."""
    world = plain.world
    leads = [world.cinc.add_person(**ada(email=f"ada{n}@example.com")) for n in range(4)]
    await plain.arrived()
    await plain.take("cinc")
    for lead in leads:
        world.cinc.edit(lead, "city", "London")
    await plain.arrived()
    world.cinc.fault = _failing(500, leads[1])
    taken = await plain.take("cinc")
    assert (taken.done, taken.later, taken.error) == (3, 1, None)
    assert await plain.field("ada3@example.com", "city") == "London"
    assert (await plain.take("cinc")).later == 0, "not before its time"
    for _ in range(10):
        await world.clock.sleep(3600)
        await plain.take("cinc")
    (row,) = [row for row in await plain.states("cinc") if row[0] == "failed"]
    assert row[1] == 8
    assert row[2] == "GET /site/leads/{id}: 500 the vendor failed"
    counts = (await plain.inbox.counts())["cinc"]
    assert (counts.waiting, counts.failed, counts.last_error) == (0, 1, row[2])


async def test_what_was_given_up_is_read_when_a_person_says_so(plain: Service):
    """A delivery that failed for good waits again with all its attempts, is read like any other, and is done; one that
    was not chosen stays failed.
    """
    world = plain.world
    leads = [world.cinc.add_person(**ada(email=f"ada{n}@example.com")) for n in range(2)]
    await plain.arrived()
    await plain.take("cinc")
    await plain.syncd.store.fetch("DELETE FROM inbox RETURNING id")
    world.cinc.fault = _failing(422, "")
    for lead in leads:
        world.cinc.edit(lead, "city", "London")
    await plain.arrived()
    assert (await plain.take("cinc")).failed >= 2
    world.cinc.fault = None
    assert (await plain.take("cinc")).done == 0, "nobody tries it by himself"
    deliveries = Deliveries(plain.syncd.store)
    found = await deliveries.failed(connections=["cinc"])
    assert {(hint.kind, hint.external_id) for one in found for hint in one.left} == {("lead", lead) for lead in leads}
    assert {(one.attempts, one.error.startswith("GET /site/leads/{id}: 422")) for one in found} == {(1, True)}
    assert await deliveries.counts() == {"cinc": (len(found), found[-1].error)}
    chosen = [one.id for one in found if one.left[0].external_id == leads[1]]
    assert await deliveries.again(ids=chosen) == {"cinc": len(chosen)}
    assert await deliveries.again(ids=chosen) == {}, "what waits is left alone"
    assert (await plain.take("cinc")).done == len(chosen)
    assert await plain.field("ada1@example.com", "city") == "London"
    assert await plain.field("ada0@example.com", "city") is None
    assert {state for state, *_ in await plain.states("cinc")} == {"done", "failed"}


async def test_a_vendor_that_is_down_blames_no_delivery(plain: Service):
    """Everything fails: the slice ends, says why, and the rows wait as they were; later all of them are taken in."""
    world = plain.world
    leads = [world.cinc.add_person(**ada(email=f"ada{n}@example.com")) for n in range(10)]
    await plain.arrived()
    await plain.take("cinc")
    for lead in leads:
        world.cinc.edit(lead, "city", "London")
    await plain.arrived()
    world.cinc.fault = _failing(503, "")
    taken = await plain.take("cinc")
    assert isinstance(taken.error, TransientError)
    assert (taken.done, taken.failed, taken.more) == (0, 0, True)
    world.cinc.fault = None
    await world.clock.sleep(600)
    assert (await plain.take("cinc")).done == 10
    assert {(state, attempts) for state, attempts, _ in await plain.states("cinc")} == {("done", 0)}


async def test_refused_credentials_end_the_slice(plain: Service):
    """A login that is refused is no failure of a delivery; a paused connection is not called at all."""
    world = plain.world
    lead = world.cinc.add_person(**ada())
    await plain.caught_up()
    world.cinc.edit(lead, "city", "London")
    await plain.arrived()
    world.cinc.fault = _failing(401, lead)
    assert isinstance((await plain.take("cinc")).error, AuthError)
    world.cinc.fault = None
    assert (await plain.take("cinc")).done == 1


async def test_the_time_limit_leaves_the_rest_waiting(plain: Service):
    """A slice without time makes one reading; the next ones go on where it stopped, and read nothing twice."""
    world = plain.world
    rows = [world.chime.add_person(**ada(email=f"ada{n}@example.com")) for n in range(70)]
    await plain.arrived()
    await plain.take("chime")
    await plain.syncd.store.fetch("DELETE FROM inbox RETURNING id")
    body = {"listId": 2, "updatedLead": [{"leadId": int(row), "updateTime": 1} for row in rows]}
    await plain.hint("chime", "many", body)
    world.forget()
    assert (await plain.take("chime", limit_s=-1)).more
    assert world.reads == 1
    slices, busy = 0, True
    world.watch(world.chime, lambda _ask, _moment: setattr(world.clock, "skipped_s", world.clock.skipped_s + 1))
    while busy:
        busy = (await plain.take("chime", limit_s=20)).more
        slices += 1
        assert slices < 10
    assert slices > 1
    assert world.reads == 70
    assert [state for state, *_ in await plain.states("chime")] == ["done"]


async def test_a_crash_in_the_middle_loses_no_hint(plain: Service):
    """Whatever was not committed is waiting still; taken again, the outcome is the same."""
    world = plain.world
    leads = [world.cinc.add_person(**ada(email=f"ada{n}@example.com")) for n in range(3)]
    await plain.arrived()
    await plain.take("cinc")
    for lead in leads:
        world.cinc.edit(lead, "city", "London")
    await plain.arrived()
    reached = asyncio.Event()
    world.watch(world.cinc, lambda _ask, moment: reached.set() if moment == "after" else None)
    work = asyncio.create_task(plain.take("cinc"))
    await reached.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    world.cinc.fault = None
    assert (await plain.take("cinc")).error is None
    for n in range(3):
        assert await plain.field(f"ada{n}@example.com", "city") == "London"
    assert {state for state, *_ in await plain.states("cinc")} == {"done"}


async def test_settled_rows_are_forgotten_after_a_while(plain: Service):
    """Housekeeping deletes what was settled long ago, and nothing that waits."""
    world = plain.world
    await plain.hint("cinc", "one", {"type": "lead.logged_in", "lead": {"id": "L"}})
    assert (await plain.take("cinc")).ignored == 1
    await plain.hint("cinc", "two", {"type": "lead.created", "lead": {"id": "L"}})
    assert await plain.inbox.forget(world.clock.now() - timedelta(days=1)) == 0
    assert await plain.inbox.forget(world.clock.now() + timedelta(days=1)) == 1
    assert [state for state, *_ in await plain.states("cinc")] == ["waiting"]


async def test_without_sockets(tmp_path: Any, database: Database):
    """Simulations hand the courier a transport of their own: deliveries come without any socket."""
    import httpx

    came: list[bytes] = []

    class Wire(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            came.append(await request.aread())
            return httpx.Response(503 if len(came) == 1 else 200)

    async with standing(tmp_path, database.url) as world:
        world.cinc.courier.transport = Wire()
        world.cinc.hooks.registered = {"url": "http://syncd.test/hooks/cinc", "event_filters": ["lead.created"],
                                       "headers": {}, "is_enabled": True}  # fmt: skip
        world.cinc.add_person(**ada())
        assert await asyncio.to_thread(world.cinc.courier.idle.wait, 20)
        assert len(came) == 2, "a vendor whose delivery is not taken tries again"
        assert world.cinc.courier.statuses == {503: 1, 200: 1}
