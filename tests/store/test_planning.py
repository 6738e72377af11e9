"""The planner's work list: what is dirty, what surrounds it, and when it is clean again."""

from __future__ import annotations

from dataclasses import replace

from syncd.domain.lead import ADDRESS
from syncd.ports.rows import REVIEW, TOMBSTONE, Agent, Batch, Conflict, Intent, Note, Snapshot
from syncd.store.postgres import PostgresStore
from tests.store.shapes import EVERYTHING, NOW, lead, link


async def _save(store: PostgresStore, **batch: object) -> None:
    async with store.transaction() as tx:
        await tx.save(Batch(**batch))  # type: ignore[arg-type]


async def _shots(store: PostgresStore, **how: object) -> list[Snapshot]:
    return [shot async for page in store.snapshots(**how) for shot in page]  # type: ignore[arg-type]


async def _versions(store: PostgresStore) -> dict[int, int]:
    return {shot.lead.id: shot.lead.version for shot in await _shots(store)}


async def test_a_snapshot_holds_everything_around_a_lead(store: PostgresStore):
    """The lead, its links (no raw payloads), its notes with theirs, parked fields, waiting creates, reviews."""
    agents = [Agent(1, "", "A"), Agent(2, "", "B")]
    note = Note(5, 1, "body", None, NOW, "general", pinned=False, origin="cinc")
    here, there = link("c1", 1, base=EVERYTHING, payload={"a": 1}), link("x1", 1, "chime", state=TOMBSTONE)
    part = link("n5", 5, kind="note", part=0, parent="c1")
    conflict = Conflict(1, "city", "cinc", "a", "b", "c", "manual", "parked", "open", NOW)
    await _save(
        store, agents=agents, new_leads=[lead(1, **EVERYTHING), lead(2)], notes=[note], links=[
            here, there, part, link("c2", 2),
            link("r", None, "rechat", state=REVIEW, review={"candidates": [1, 99]}),
        ], conflicts=[conflict, replace(conflict, field="stage", state="decided")],
    )  # fmt: skip
    await store.open_intent(Intent(0, "chime", "note", 1, {"text": "t"}, NOW, note=5, part=1))
    first, second = await _shots(store)
    assert first == Snapshot(
        lead=replace(lead(1, **EVERYTHING), created_at=first.lead.created_at),
        links=[replace(row, payload=None) for row in (there, here)], notes=[note],
        note_links=[replace(part, payload=None)], parked=frozenset({"city"}),
        waiting=frozenset({("chime", "note", 5, 1)}),
        in_review=frozenset({"rechat"}),
    )  # fmt: skip
    assert (second.lead.id, second.links, second.in_review) == (2, [link("c2", 2, payload=None)], frozenset())


async def test_a_parked_address_parks_its_parts(store: PostgresStore):
    """An open conflict over the address keeps each of its components from being pushed."""
    await _save(
        store, new_leads=[lead(1)],
        conflicts=[Conflict(1, "address", "cinc", {}, {}, {}, "manual", "parked", "open", NOW)],
    )  # fmt: skip
    assert set(ADDRESS) <= (await _shots(store))[0].parked


async def test_dirty_leads_come_in_id_order_in_batches(store: PostgresStore):
    """Only dirty leads, in order, in batches of the size asked for; or exactly the leads named."""
    await _save(store, new_leads=[lead(n) for n in (5, 3, 1, 4)] + [replace(lead(2), dirty=False)])
    pages = [[shot.lead.id for shot in page] async for page in store.snapshots(batch=3)]
    assert pages == [[1, 3, 4], [5]]
    pages = [[shot.lead.id for shot in page] async for page in store.snapshots(batch=1, leads=[2, 5, 99])]
    assert pages == [[2], [5]]


async def test_a_clean_lead_is_not_planned_again(store: PostgresStore):
    """Cleaning at the version seen empties the work list; a change or a mark fills it again."""
    await _save(store, new_leads=[lead(1), lead(2)])
    await store.clean(await _versions(store))
    assert await _versions(store) == {}
    async with store.transaction() as tx:
        held = (await tx.leads([1]))[1]
        await tx.save(Batch(leads=[replace(held, fields={"city": "X"})], dirty={2}))
    assert set(await _versions(store)) == {1, 2}


async def test_a_change_after_the_snapshot_stays_dirty(store: PostgresStore):
    """A lead that changed, or was only marked, between snapshot and clean is still planned."""
    await _save(store, new_leads=[lead(1), lead(2), lead(3)])
    seen = await _versions(store)
    await _save(store, dirty={2})
    async with store.transaction() as tx:
        await tx.save(Batch(leads=[(await tx.leads([3]))[3]]))
    await store.clean(seen)
    assert set(await _versions(store)) == {2, 3}


async def test_a_refused_create_is_told_until_it_waits_again(store: PostgresStore):
    """The latest refusal comes with its digest and reason; a new attempt takes its place."""
    await _save(store, new_leads=[lead(1)])
    for wanted, reason in (("old", "no"), ("d1", "email missing")):
        intent = await store.open_intent(Intent(0, "chime", "lead", 1, {}, NOW, wanted=wanted))
        await _save(store, intents_refused={intent.id: reason})
    (shot,) = await _shots(store)
    assert shot.refused == {("chime", "lead", 0, 0): ("d1", "email missing")}
    assert shot.waiting == frozenset()
    await store.open_intent(Intent(0, "chime", "lead", 1, {}, NOW, wanted="d2"))
    (shot,) = await _shots(store)
    assert shot.refused == {}
    assert shot.waiting == {("chime", "lead", 0, 0)}


async def test_an_open_conflict_is_replaced_by_its_successor(store: PostgresStore):
    """One open conflict per lead, field and connection: the newer replaces it, under its id; decided ones pile up."""
    first = Conflict(1, "city", "cinc", "a", "b", "c", "manual", "parked", "open", NOW)
    await _save(store, conflicts=[first])
    await _save(store, conflicts=[replace(first, theirs="d"), replace(first, theirs="e")])
    found = await store.fetch("SELECT id, theirs, state FROM conflict")
    assert found == [(1, "e", "open")]
    await _save(store, conflicts=[replace(first, id=1, state="resolved", resolved_at=NOW, resolution={"by": "x"})])
    await _save(store, conflicts=[replace(first, state="decided"), replace(first, state="decided")])
    states = await store.fetch("SELECT state, count(*) FROM conflict GROUP BY state ORDER BY state")
    assert states == [("decided", 2), ("resolved", 1)]
    assert (await store.counts())["conflicts"] == 0
