"""Leads by address or number, out of the list (vendors/epixel.md §11, §14)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.domain.errors import TransientError
from tests.vendors.clocks import START
from tests.vendors.epixel.support import WANTED, Answer, Asked, lead, listing, sandboxed, written


async def test_by_address_and_by_number():
    """§11: verified by value: case folded, the number as it is read."""
    rows = listing(lead("a", email="Ada@Example.com", phone="442079460958"), lead("b"))
    adapter, _ = written(rows)
    for found in (
        await adapter.find_leads(email="ada@example.com"),
        await adapter.find_leads(phone="+442079460958"),
    ):
        assert ([row.external_id for row in found.rows], found.conclusive) == (["a"], True)
    missed = await adapter.find_leads(email="nobody@example.com")
    assert (missed.rows, missed.conclusive) == ((), True)


async def test_a_deleted_lead_is_not_found():
    """Live leads only."""
    adapter, _ = written(listing(lead("a", email="ada@example.com", status="deleted")))
    assert not (await adapter.find_leads(email="ada@example.com")).rows


async def test_a_walk_that_proves_nothing_is_not_conclusive():
    """§3: then "not there" is unknown."""
    adapter, _ = written(listing(lead("a"), {"no": "slug"}))
    assert not (await adapter.find_leads(email="ada@example.com")).conclusive


async def test_a_list_that_hides_what_is_looked_for_is_not_conclusive():
    """A list without addresses cannot say that there is no such address; with numbers it can say so of numbers."""
    short = {key: value for key, value in lead("a").items() if key != "email"}
    adapter, _ = written(listing(short, views={"a": lead("a")}))
    await adapter.lead("a")
    assert not (await adapter.find_leads(email="a@example.com")).conclusive
    assert (await adapter.find_leads(phone="+12129876543")).conclusive


async def test_leads_created_since():
    """How a create without an answer is found; who tells no times cannot say that there are none."""
    async with sandboxed() as there:
        there.person(email="old@example.com")
        await there.clock.sleep(3600)
        since = there.clock.now()
        new = there.person(email="new@example.com")
        found = await there.adapter.find_leads(since=since)
        assert ([row.external_id for row in found.rows], found.conclusive) == ([new], True)
    untimed = {key: value for key, value in lead().items() if key != "created_at"}
    adapter, _ = written(listing(untimed))
    assert not (await adapter.find_leads(since=START)).conclusive
    assert not (await adapter.find_leads()).conclusive


async def test_a_short_list_is_read_anew_for_every_look():
    """What was added a moment ago is found."""
    async with sandboxed() as there:
        assert not (await there.adapter.find_leads(email="x@example.com")).rows
        lead = there.person(email="x@example.com")
        assert [row.external_id for row in (await there.adapter.find_leads(email="x@example.com")).rows] == [lead]


async def test_a_long_list_is_not_walked_for_every_lead_that_is_created():
    """The walk is kept for a while as hashes; hits are viewed again, own creates are known, the next pull forgets."""
    async with sandboxed({"page_max": 10}) as there:
        people = [there.person(email=f"p{n}@example.com") for n in range(35)]
        assert (await there.adapter.find_leads(email="none@example.com")).conclusive
        walked = len(there.wire.of("/list/"))
        assert walked == 4
        hit = await there.adapter.find_leads(email="p7@example.com")
        assert [row.external_id for row in hit.rows] == [people[7]]
        there.sandbox.edit(people[8], "email", "moved@example.com")
        there.sandbox.delete(people[9])
        for stale in ("p8@example.com", "p9@example.com"):
            assert not (await there.adapter.find_leads(email=stale)).rows, "hits are verified by value"
        created = await there.adapter.create_lead(WANTED)
        own = await there.adapter.find_leads(email=WANTED["email"])
        assert [row.external_id for row in own.rows] == [created.external_id]
        assert len(there.wire.of("/list/")) == walked
        await there.pages()
        await there.adapter.find_leads(email="none@example.com")
        assert len(there.wire.of("/list/")) == 3 * walked
        await there.clock.sleep(timedelta(minutes=15).total_seconds())
        await there.adapter.find_leads(email="none@example.com")
        assert len(there.wire.of("/list/")) == 4 * walked


@pytest.mark.parametrize("status", [500, 408])
async def test_a_failing_list_is_a_failure_and_not_nothing(status: int):
    """Unknown is never "not there"."""

    def answers(asked: Asked) -> Answer:
        return (status, None) if asked.path == "/leads/list/" else (404, None)

    adapter, _ = written(answers)
    with pytest.raises(TransientError):
        await adapter.find_leads(email="x@example.com")


async def test_an_unreadable_neighbour_spoils_no_look():
    """A row with an odd address or number is passed over."""
    rows: list[Any] = [lead("odd", email=["x"], phone={"a": 1}), lead("a", email="ada@example.com")]
    adapter, _ = written(listing(*rows))
    assert [row.external_id for row in (await adapter.find_leads(email="ada@example.com")).rows] == ["a"]
