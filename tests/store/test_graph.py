"""Leads and what hangs on them: what is saved is what is read, and what is indexed finds it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.domain.lead import FIELDS, Member, Phone
from syncd.domain.normalize import fold
from syncd.domain.origin import Origin
from syncd.ports.rows import Agent, Batch, Lead, Note
from syncd.store.postgres import PostgresStore
from tests.store.shapes import EVERYTHING, NOW, lead, link, page

AGENTS = [Agent(1, "ann@example.com", "Ann"), Agent(2, "", "Bob")]


async def _saved(store: PostgresStore, *leads: Lead) -> dict[int, Lead]:
    async with store.transaction() as tx:
        await tx.save(Batch(new_leads=list(leads), agents=AGENTS))
    async with store.transaction() as tx:
        return dict(await tx.leads([row.id for row in leads]))


async def test_a_lead_with_every_field_comes_back_equal(store: PostgresStore):
    """Every built-in field, custom fields, labels, assignments and provenance survive a round trip."""
    whole = replace(lead(7, **EVERYTHING), created_at=NOW)
    missing = set(FIELDS) - {"assignment.listing", "assignment.partner", "assignment.assistant"} - set(EVERYTHING)
    assert not missing
    found = (await _saved(store, whole))[7]
    assert found == replace(whole, version=1, dirty=True)
    assert {type(found.fields[name]) for name in ("price_min", "price_max")} == {int, float}


async def test_a_blank_lead_comes_back_blank(store: PostgresStore):
    """Fields that are absent stay absent: False, an empty set and a missing value are not mixed up."""
    found = await _saved(store, lead(1), lead(2, email_opt_out=False, price_min=0))
    assert found[1].fields == {}
    assert found[2].fields == {"email_opt_out": False, "price_min": 0}


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
_TEXTS = st.frozensets(_TEXT, min_size=1, max_size=4)
_BY_TYPE = {
    "text": _TEXT,
    "texts": _TEXTS,
    "number": st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9, allow_nan=False),
    "flag": st.booleans(),
    "day": st.dates(date(1, 1, 1)),
    "moment": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    "timeline": _TEXT | st.tuples(st.integers(0, 99), st.none() | st.integers(0, 99)),
    "phones": st.frozensets(st.builds(Phone, _TEXT, st.sampled_from(["", "cell"])), min_size=1, max_size=3),
    "members": st.frozensets(st.builds(Member, _TEXT, _TEXT, _TEXT, _TEXT, _TEXT), min_size=1, max_size=2),
    "agent": st.sampled_from([1, 2]),
}
_FIELDS = st.fixed_dictionaries({}, optional={name: _BY_TYPE[spec.type] for name, spec in FIELDS.items()})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=_FIELDS)
async def test_any_values_come_back_equal(store: PostgresStore, values: dict[str, Any]):
    """Whatever a field may hold, new or changed, is read back equal; of labels one spelling per folded name."""
    if "labels" in values:
        values["labels"] = frozenset({fold(name): name for name in values["labels"]}.values())
    async with store.transaction() as tx:
        fresh, other = await tx.new_ids("lead", 2)
    before = (await _saved(store, lead(fresh, **values), lead(other)))[fresh]
    async with store.transaction() as tx:
        await tx.save(Batch(leads=[lead(other, **values)]))
        after = (await tx.leads([other]))[other]
    assert before.fields == after.fields == values


async def test_a_changed_lead_is_replaced_whole(store: PostgresStore):
    """Saving a changed lead drops what it no longer has, from every table, and grows its version."""
    await _saved(store, lead(7, **EVERYTHING), lead(8, **EVERYTHING))
    small = lead(7, first_name="Zoe", emails=frozenset({"new@example.com"}), labels=frozenset({"vip"}))
    async with store.transaction() as tx:
        await tx.save(Batch(leads=[small]))
    async with store.transaction() as tx:
        found = await tx.leads([7, 8])
        by_email = await tx.leads_by_email(["zoe@example.com", "new@example.com", "nobody@example.com"])
        by_phone = await tx.leads_by_phone(["+13125550100"])
    assert found[7].fields == small.fields
    assert found[7].version == 2
    assert found[8].fields == EVERYTHING
    assert by_email == {"zoe@example.com": {8}, "new@example.com": {7}}
    assert by_phone == {"+13125550100": [(8, "Zoë", "O'Hara")]}


async def test_primary_addresses_are_match_keys_too(store: PostgresStore):
    """A lead is found by its primary email and phone even where the sets do not hold them."""
    await _saved(store, lead(1, email="a@example.com", phone="+13125550100"))
    async with store.transaction() as tx:
        assert await tx.leads_by_email(["a@example.com"]) == {"a@example.com": {1}}
        assert await tx.leads_by_phone(["+13125550100"]) == {"+13125550100": [(1, "", "")]}


async def test_a_lead_made_and_changed_in_one_batch_is_saved_in_its_last_form(store: PostgresStore):
    """One batch may hold a lead as new and as changed: it exists once, as changed."""
    async with store.transaction() as tx:
        await tx.save(Batch(new_leads=[lead(1, city="A")], leads=[lead(1, city="B")]))
        assert (await tx.leads([1]))[1].fields == {"city": "B"}


async def test_new_ids_are_fresh_and_never_handed_out_twice(store: PostgresStore):
    """Ids of different transactions do not meet, not even after a rollback."""
    async with store.transaction() as tx:
        one = await tx.new_ids("lead", 3)
    async with store.transaction() as tx:
        other = await tx.new_ids("lead", 3)
    assert len({*one, *other}) == 6
    async with store.transaction() as tx:
        assert len(await tx.new_ids("note", 2)) == 2
        assert len(await tx.new_ids("agent", 1)) == 1
        assert await tx.new_ids("agent", 0) == []


async def test_an_exception_rolls_everything_back(store: PostgresStore):
    """A page that fails leaves nothing: no lead, no link, no cursor, no journal."""
    batch = page([1, 2])
    batch.cursors["cinc", "leads"] = "42"

    async def fails() -> None:
        async with store.transaction() as tx:
            await tx.save(batch)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    async with store.transaction() as tx:
        assert await tx.leads([1, 2]) == {}
        assert await tx.links("cinc", "lead", ["c1", "c2"]) == {}
    assert await store.cursor("cinc", "leads") is None


async def test_leads_are_locked_and_read_after_the_lock(store: PostgresStore):
    """Who waits for a lead's lock then reads what the holder committed, labels included: no edit is lost."""
    await _saved(store, lead(1, labels=frozenset({"A"})))
    holding, go = asyncio.Event(), asyncio.Event()

    async def first():
        async with store.transaction() as tx:
            held = (await tx.leads([1]))[1]
            holding.set()
            await go.wait()
            await tx.save(Batch(leads=[replace(held, fields={"labels": frozenset({"A", "B"})})]))

    async def second():
        await holding.wait()
        async with store.transaction() as tx:
            waiting = asyncio.ensure_future(tx.leads([1]))
            await _until_blocked(store)
            go.set()
            return (await waiting)[1].fields["labels"]

    _, seen = await asyncio.gather(first(), second())
    assert seen == {"A", "B"}


async def _until_blocked(store: PostgresStore) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while (await store.fetch(query))[0][0] == 0:  # noqa: ASYNC110 - the event happens inside PostgreSQL
        await asyncio.sleep(0)  # yields to the loop; PostgreSQL's own view tells when


async def test_reading_without_a_lock_waits_for_nobody(store: PostgresStore):
    """``lock=False`` reads a lead that another transaction holds."""
    await _saved(store, lead(1, city="A"))
    async with store.transaction() as holder, store.transaction() as reader:
        await holder.leads([1])
        assert (await reader.leads([1], lock=False))[1].fields == {"city": "A"}


async def test_notes_and_agents_are_kept_and_replaced(store: PostgresStore):
    """Notes and agents are upserted by id; deleted notes are still there."""
    await _saved(store, lead(1))
    note = Note(5, 1, "Called.\nTwice", 1, NOW, "call", pinned=True, origin="cinc", author_name="Ann")
    async with store.transaction() as tx:
        await tx.save(Batch(notes=[note], agents=[Agent(1, "ann@new.example.com", "Ann B")]))
        await tx.save(Batch(notes=[replace(note, deleted=True)]))
        assert await tx.notes([1]) == [replace(note, deleted=True)]
        assert await tx.agents() == [Agent(1, "ann@new.example.com", "Ann B"), Agent(2, "", "Bob")]
        assert await tx.notes([]) == []


async def test_labels_are_one_per_folded_name_but_spelt_as_saved(store: PostgresStore):
    """Two leads may spell a label differently and get their own spelling back; it is one label."""
    await _saved(store, lead(1, labels=frozenset({"VIP"})), lead(2, labels=frozenset({"vip"})))
    async with store.transaction() as tx:
        found = await tx.leads([1, 2])
    assert [found[n].fields["labels"] for n in (1, 2)] == [{"VIP"}, {"vip"}]
    assert await store.fetch("SELECT count(*) FROM label") == [(1,)]


async def test_provenance_keeps_every_part_of_an_origin(store: PostgresStore):
    """The origin of a value comes back equal: connection, record, moment, uncertainty, rule."""
    origin = Origin("chime", "9", NOW, 1.5, NOW, "owner")
    await _saved(store, replace(lead(1, city="A"), provenance={"city": origin}))
    async with store.transaction() as tx:
        assert (await tx.leads([1]))[1].provenance == {"city": origin}


async def test_links_carry_values_in_canonical_form(store: PostgresStore):
    """A lead link's base comes back as canonical values, not as JSON."""
    async with store.transaction() as tx:
        await tx.save(Batch(links=[link("c1", 1, base=EVERYTHING)]))
        assert (await tx.links("cinc", "lead", ["c1"]))["c1"].base == EVERYTHING
