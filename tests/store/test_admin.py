"""The SQL of the admin commands: the quarantine, and finding and mending links that no sync leaves behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.domain.plan import UNCERTAIN
from syncd.ports.admin import Fault, FaultKind
from syncd.ports.rows import LIVE, REVIEW, TOMBSTONE, Agent, Batch, Change, Conflict, Intent, Link, Note, Quarantined
from syncd.store.admin import Admin
from syncd.store.checkup import Checkup, Known, Unmapped
from syncd.store.postgres import PostgresStore
from tests.store.shapes import NOW, lead, link

GONE = 99
"""An id that nothing has."""


def note_link(external_id: str, node: int, parent: str, **more: Any) -> Link:
    """A live link of a note at cinc."""
    return Link("cinc", "note", external_id, node, base={"text": "x"}, parent=parent, **more)


@pytest.fixture
async def admin(store: PostgresStore) -> Admin:
    """Leads 7 and 8 with all that hangs on them, in order; nothing is wrong yet."""
    batch = Batch(
        agents=[Agent(1, "ann@example.com", "Ann"), Agent(2, "", "ann")],
        new_leads=[lead(7, first_name="Ada", **{"assignment.primary": 1}), lead(8, first_name="Max")],
        notes=[Note(5, 7, "Called", 1, NOW, "call", pinned=False, origin="cinc")],
        links=[
            link("c7", 7),
            link("c8", 8),
            link("x7", 7, "chime"),
            link("r1", None, "chime", state=REVIEW, review={"reason": "two", "candidates": [7, 8]}),
            note_link("n5", 5, "c7"),
            link("a1", 1, kind="agent"),
            link("b2", 2, "chime", kind="agent"),
        ],
    )
    async with store.transaction() as tx:
        await tx.save(batch)
    await store.clean({7: 1, 8: 1})
    return Admin(store)


async def put(store: PostgresStore, *links: Link) -> None:
    """Write links as they are."""
    async with store.transaction() as tx:
        await tx.save(Batch(links=list(links)))


async def there(store: PostgresStore, kind: str, external_id: str, connection: str = "cinc") -> Link:
    """A link as it is now."""
    async with store.transaction() as tx:
        return (await tx.links(connection, kind, [external_id]))[external_id]


async def found(admin: Admin, kind: FaultKind, **options: Any) -> list[Fault]:
    """All faults of a kind."""
    return list(await admin.faults(kind, **{"connections": None, "after": None, "limit": 100, **options}))


async def journal(store: PostgresStore) -> list[tuple[Any, ...]]:
    """What admins did, in the journal's words."""
    return await store.fetch("SELECT lead, field, who, why, external_id FROM change WHERE who = 'admin' ORDER BY id")


async def dirty(store: PostgresStore) -> list[int]:
    """Leads to be planned."""
    return [row[0] for row in await store.fetch("SELECT id FROM lead WHERE dirty ORDER BY id")]


async def test_nothing_is_wrong_with_what_the_engine_writes(admin: Admin):
    """Live links, reviews, notes and agents as they are made give no fault of any kind."""
    for kind in FaultKind:
        if kind is not FaultKind.UNPLANNED:
            assert await found(admin, kind) == [], kind


async def test_a_link_of_a_lost_lead_is_taken_off_and_read_anew(store: PostgresStore, admin: Admin):
    """Live or tombstone: it becomes a tombstone without a lead and without a digest, so that its next row is decided
    anew; that is journalled, and found no more.
    """
    await put(store, link("lost", GONE), link("gone", GONE + 1, state=TOMBSTONE))
    faults = await found(admin, FaultKind.LOST)
    assert [(fault.external_id, fault.node) for fault in faults] == [("gone", GONE + 1), ("lost", GONE)]
    assert await admin.mend(faults, NOW) == faults
    for external_id in ("lost", "gone"):
        mended = await there(store, "lead", external_id)
        assert (mended.state, mended.node, mended.digest) == (TOMBSTONE, None, None)
    assert (GONE, "link", "admin", "links repair: lost lead", "lost") in await journal(store)
    assert await found(admin, FaultKind.LOST) == []
    assert (await there(store, "lead", "c7")).state == LIVE


async def test_a_link_of_a_lost_agent_lets_go_of_it(store: PostgresStore, admin: Admin):
    """It stays live without an agent, and the next list of agents joins it with somebody."""
    await put(store, link("lost", GONE, kind="agent"))
    assert len(await admin.mend(await found(admin, FaultKind.LOST_AGENT), NOW)) == 1
    mended = await there(store, "agent", "lost")
    assert (mended.state, mended.node) == (LIVE, None)


async def test_of_two_live_links_the_one_read_last_stays(store: PostgresStore, admin: Admin):
    """The other one goes into review with that lead as its candidate, and the lead is planned again."""
    await put(
        store, replace(await there(store, "lead", "c7"), part=1), link("older", 7, read_at=NOW.replace(year=2020))
    )
    faults = await found(admin, FaultKind.SECOND)
    assert [fault.external_id for fault in faults] == ["older"]
    await admin.mend(faults, NOW)
    second, first = await there(store, "lead", "older"), await there(store, "lead", "c7")
    assert (second.state, second.node, second.part, second.digest) == (REVIEW, None, 0, None)
    assert second.review is not None
    assert second.review["candidates"] == [7]
    assert (first.state, first.node, first.part) == (LIVE, 7, 0)
    assert await dirty(store) == [7]
    assert await found(admin, FaultKind.SECOND) == []
    (shot,) = [shot async for batch in store.snapshots(leads=[7]) for shot in batch]
    assert shot.in_review == {"chime", "cinc"}


async def test_a_note_of_a_deleted_record_is_a_tombstone_too(store: PostgresStore, admin: Admin):
    """Its lead's record there is gone; the note itself and other connections are left alone."""
    await put(store, replace(await there(store, "lead", "c7"), state=TOMBSTONE))
    faults = await found(admin, FaultKind.STRAY_NOTE)
    assert [(fault.external_id, fault.lead) for fault in faults] == [("n5", 7)]
    await admin.mend(faults, NOW)
    assert (await there(store, "note", "n5")).state == TOMBSTONE
    assert await journal(store) == [(7, "note", "admin", "links repair: stray note", "n5")]
    assert await found(admin, FaultKind.STRAY_NOTE) == []


async def test_a_lost_note_and_an_unlinked_lead_are_told(store: PostgresStore, admin: Admin):
    """A live link of a note that is gone, where its lead is there; a lead that no CRM shows any more."""
    await put(store, note_link("n9", GONE, "c7"), replace(await there(store, "lead", "c8"), state=TOMBSTONE))
    assert [(fault.external_id, fault.lead) for fault in await found(admin, FaultKind.LOST_NOTE)] == [("n9", 7)]
    assert [fault.lead for fault in await found(admin, FaultKind.UNLINKED)] == [8]


async def test_a_review_forgets_candidates_that_are_gone(store: PostgresStore, admin: Admin):
    """Those that are left stay and are planned again; the record is decided anew when it is read."""
    await put(
        store,
        link("r1", None, "chime", state=REVIEW, review={"reason": "two", "candidates": [7, GONE]}),
        link("r2", None, "chime", state=REVIEW, review={"reason": "two", "candidates": [GONE]}),
    )
    faults = await found(admin, FaultKind.STALE_REVIEW)
    assert [(fault.external_id, fault.lead) for fault in faults] == [("r1", 7), ("r2", 0)]
    await admin.mend(faults, NOW)
    first, second = await there(store, "lead", "r1", "chime"), await there(store, "lead", "r2", "chime")
    assert (first.review, first.digest) == ({"reason": "two", "candidates": [7]}, None)
    assert (second.state, second.review) == (REVIEW, {"reason": "two", "candidates": []})
    assert await dirty(store) == [7]
    assert await found(admin, FaultKind.STALE_REVIEW) == []


async def test_what_a_sync_mended_meanwhile_is_left_alone(store: PostgresStore, admin: Admin):
    """Between finding and mending the record came back: nothing is changed and nothing journalled."""
    alive = await there(store, "lead", "c7")
    await put(store, replace(alive, state=TOMBSTONE))
    faults = await found(admin, FaultKind.STRAY_NOTE)
    await put(store, alive)
    assert await admin.mend(faults, NOW) == []
    assert (await there(store, "note", "n5")).state == LIVE
    assert await journal(store) == []


async def test_faults_come_in_pages_and_by_connection(store: PostgresStore, admin: Admin):
    """After the last one seen comes the next one; a filter takes only its connections."""
    await put(store, *(link(f"l{n}", GONE, part=n) for n in range(3)), link("l9", GONE, "chime"))
    first = await found(admin, FaultKind.LOST, limit=2)
    rest = await found(admin, FaultKind.LOST, after=first[-1])
    assert [fault.external_id for fault in (*first, *rest)] == ["l9", "l0", "l1", "l2"]
    assert [fault.external_id for fault in await found(admin, FaultKind.LOST, connections=["chime"])] == ["l9"]


async def test_marked_leads_are_planned_and_journalled(store: PostgresStore, admin: Admin):
    """Only leads that are not to be planned are gone through; marking one takes it out, with the reason kept."""
    assert await admin.clean_leads(0, 10) == [7, 8]
    await admin.mark({8: "chime: city"}, NOW)
    assert await admin.clean_leads(0, 10) == [7]
    assert await dirty(store) == [8]
    assert await journal(store) == [(8, "plan", "admin", "links repair: chime: city", "")]


async def test_quarantined_records_are_listed_and_forgotten(store: PostgresStore, admin: Admin):
    """By id and by connection, with the lead a note hangs on and without the payload."""
    bad = Quarantined("cinc", "note", "n1", "odd", {"secret": 1}, NOW, parent="c7")
    async with store.transaction() as tx:
        await tx.save(Batch(quarantine=[bad, replace(bad, connection="chime", parent="")]))
    async with store.transaction() as tx:
        await tx.save(Batch(quarantine=[replace(bad, parent="c8")]))
    first, second = await admin.quarantined()
    assert (first.parent, first.attempts, first.payload) == ("c8", 2, None)
    assert [entry.id for entry in await admin.quarantined(connections=["chime"])] == [second.id]
    assert [entry.id for entry in await admin.quarantined(ids=[first.id])] == [first.id]
    assert await admin.forget([first.id, 12345]) == {first.id}
    assert [entry.id for entry in await admin.quarantined()] == [second.id]


async def test_checkup_counts_what_a_doctor_asks(store: PostgresStore, admin: Admin):
    """Words without translation, agents with their accounts and leads, notes nobody can look for, lost answers."""
    await put(store, replace(await there(store, "lead", "c7"), unmapped={"stage": "Weird"}))
    intent = Intent(0, "chime", "note", 7, {}, NOW, note=5)
    sure, waits = await store.open_intent(intent), await store.open_intent(replace(intent, note=6))
    async with store.transaction() as tx:
        conflict = Conflict(7, "city", "cinc", None, "a", "b", "manual", "parked", "open", NOW)
        await tx.save(Batch(intents_refused={sure.id: UNCERTAIN}, conflicts=[conflict]))
    checkup = Checkup(store)
    assert await checkup.unmapped() == [Unmapped("cinc", "stage", "Weird", 1, 7)]
    assert await checkup.agents() == [
        Known(1, "ann@example.com", "Ann", {"cinc": "a1"}, 1), Known(2, "", "ann", {"chime": "b2"}, 0)
    ]  # fmt: skip
    assert await checkup.uncertain_notes() == [("chime", 1, [7])]
    assert await checkup.waiting() == [("chime", 1, waits.at)]
    assert (await checkup.conflicts(), await checkup.reviews()) == ({"cinc": 1}, {"chime": 1})
    standby, size = await checkup.server()
    assert not standby
    assert size > 0
    await put(store, Link("chime", "note", "sent", 5, base={"text": "x"}))
    assert await checkup.uncertain_notes() == []


def test_the_journal_row_of_a_repair_names_no_contents():
    """A repair is told by its kind and ids alone."""
    from syncd.store.admin import _change

    change = _change(Fault(FaultKind.STRAY_NOTE, "cinc", "n5", 5, 7), NOW)
    assert change == Change(7, "note", {"note": 5}, None, "admin", NOW, "links repair: stray note", "n5")
