"""Links: the no-change gate, one live record per node, and payloads kept to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.domain.errors import DatabaseError
from syncd.ports.rows import REVIEW, TOMBSTONE, Batch, Link, Quarantined
from syncd.store.postgres import PostgresStore
from tests.store.shapes import NOW, PAYLOAD, link


async def _save(store: PostgresStore, *links: Link, **more: object) -> None:
    async with store.transaction() as tx:
        await tx.save(Batch(links=list(links), **more))  # type: ignore[arg-type]


async def test_a_link_comes_back_whole(store: PostgresStore):
    """Every part of a link survives: states of fields, times, payload, digest, marks."""
    whole = link(
        "ä:1", 7, base={"city": "X"}, unmapped={"stage": "Wéird"}, settled={"city": {"wanted": "Y"}},
        pending={"city": {"wanted": "Y", "before": None, "at": "2026-01-01T00:00:00Z"}}, payload=PAYLOAD, time=NOW,
        review={"candidates": [3]}, mark="m", notes_read_at=NOW, parent="p",
    )  # fmt: skip
    part = link("n1", 9, kind="note", part=2, parent="ä:1", base={"text": "hello"})
    await _save(store, whole, part)
    async with store.transaction() as tx:
        assert await tx.links("cinc", "lead", ["ä:1", "none"]) == {"ä:1": whole}
        assert await tx.links_of("note", [9]) == [part]
        assert await tx.links_of("note", [9], "chime") == []
        assert await tx.links_of("lead", []) == []


async def test_digests_are_told_of_live_and_review_links_only(store: PostgresStore):
    """Tombstoned, unknown and quarantined ids are missing, so they are parsed again; None means parse the next row."""
    await _save(
        store, link("live", 1), link("gone", 2, state=TOMBSTONE), link("review", None, state=REVIEW), link("bad", 3),
        link("fresh", 4, digest=None), link("live", 5, kind="note"), link("live", 6, connection="chime"),
        quarantine=[Quarantined("cinc", "lead", "bad", "no id", {}, NOW)],
    )  # fmt: skip
    async with store.transaction() as tx:
        found = await tx.digests("cinc", "lead", ["live", "gone", "review", "bad", "fresh", "unknown"])
    assert found == {"live": b"d" * 16, "review": b"d" * 16, "fresh": None}


async def test_a_digest_is_renewed_without_touching_the_rest(store: PostgresStore):
    """`Batch.digests` changes the digest of exactly that link."""
    await _save(store, link("a", 1, base={"city": "X"}), link("b", 2))
    await _save(store, digests={("cinc", "lead", "a"): b"n" * 16})
    async with store.transaction() as tx:
        found = await tx.links("cinc", "lead", ["a", "b"])
    assert (found["a"].digest, found["a"].base, found["b"].digest) == (b"n" * 16, {"city": "X"}, b"d" * 16)


async def test_a_saved_link_replaces_the_one_of_its_key(store: PostgresStore):
    """A link is replaced whole; of two in one batch the later counts."""
    await _save(store, link("a", 1, unmapped={"stage": "x"}))
    await _save(store, link("a", 1, mark="first"), link("a", 2, mark="second"))
    async with store.transaction() as tx:
        assert await tx.links("cinc", "lead", ["a"]) == {"a": link("a", 2, mark="second")}


async def test_a_node_has_at_most_one_live_record_per_connection(store: PostgresStore):
    """The database itself refuses a second live record of a lead; nothing of that page is saved."""
    await _save(store, link("a", 1))
    with pytest.raises(DatabaseError) as refused:
        await _save(store, link("b", 1), link("c", 3))
    assert "uq_link_live" in str(refused.value)
    async with store.transaction() as tx:
        assert await tx.links("cinc", "lead", ["b", "c"]) == {}


async def test_parts_of_a_note_and_tombstones_do_not_count_as_second_records(store: PostgresStore):
    """Numbered parts are one live record each; a tombstone leaves its place to a new record."""
    await _save(store, link("n1", 9, kind="note", part=1), link("n2", 9, kind="note", part=2))
    await _save(store, link("old", 1, state=TOMBSTONE), link("new", 1))
    async with store.transaction() as tx:
        assert {row.external_id for row in await tx.links_of("lead", [1])} == {"old", "new"}


async def test_links_may_change_places_in_one_batch(store: PostgresStore):
    """A merge moves live links between nodes in any order: a swap does not trip over itself."""
    await _save(store, link("a", 1), link("b", 2), link("c", 3))
    await _save(store, link("a", 2), link("b", 1), link("c", 4), link("d", 3))
    async with store.transaction() as tx:
        found = await tx.links("cinc", "lead", ["a", "b", "c", "d"])
    assert {ident: (row.node, row.state) for ident, row in found.items()} == {
        "a": (2, "live"), "b": (1, "live"), "c": (4, "live"), "d": (3, "live"),
    }  # fmt: skip


async def test_payloads_are_kept_to_the_letter(store: PostgresStore):
    """NUL, half characters, huge numbers and the order of keys survive in payloads of links and quarantine."""
    odd = {"z": "a\x00b", "a": "\ud800", "n": 10**30, "plain": "ü\\u0000"}
    await _save(store, link("a", 1, payload=odd), quarantine=[Quarantined("cinc", "lead", "q", "bad", odd, NOW)])
    async with store.transaction() as tx:
        found = (await tx.links("cinc", "lead", ["a"]))["a"].payload
    assert found == odd
    assert list(found or ()) == list(odd)
    assert (await store.fetch("SELECT payload FROM quarantine"))[0][0] == odd


async def test_what_jsonb_and_text_cannot_hold_is_made_visible(store: PostgresStore):
    """NUL becomes ␀ in words, ids and reviews instead of failing the page; a backslash is left alone."""
    odd = {"stage": "a\x00b\\u0000\ud83d"}
    await _save(store, link("i\x00d", 1, unmapped=odd, mark="m\x00", review={"why": "\x00"}))
    async with store.transaction() as tx:
        found = await tx.links("cinc", "lead", ["i\x00d"])
    assert found["i␀d"].unmapped == {"stage": "a␀b\\u0000�"}
    assert (found["i␀d"].mark, found["i␀d"].review) == ("m␀", {"why": "␀"})


async def test_live_ids_lists_all_live_links_in_batches(store: PostgresStore, monkeypatch: pytest.MonkeyPatch):
    """Each live id of that connection and kind comes exactly once, whatever the size of a batch."""
    monkeypatch.setattr("syncd.store.postgres.LIVE_IDS_BATCH", 3)
    live = [link(f"{n:02}", n) for n in range(1, 9)]
    await _save(store, *live, link("gone", 99, state=TOMBSTONE), link("x", 5, kind="note"))
    pages = [page async for page in store.live_ids("cinc", "lead")]
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [ident for page in pages for ident in page] == [f"{n:02}" for n in range(1, 9)]
    assert await store.live_counts() == {"cinc": 8}


async def test_notes_are_due_longest_unread_first(store: PostgresStore):
    """Never-read leads come first, then the oldest reading; reading moves a lead to the end."""
    old, older = NOW.replace(hour=2), NOW.replace(hour=1)
    await _save(
        store, link("b", 1, notes_read_at=old), link("a", 2, notes_read_at=older), link("c", 3),
        link("gone", 4, state=TOMBSTONE), link("n", 5, kind="note"),
    )  # fmt: skip
    assert await store.notes_due("cinc", 2) == ["c", "a"]
    await _save(store, notes_read={("cinc", "c"): NOW})
    assert await store.notes_due("cinc", 9) == ["a", "b", "c"]


async def test_a_record_in_quarantine_counts_its_attempts_and_leaves_when_read(store: PostgresStore):
    """Failing again keeps the first moment and counts; reading it at last removes it."""
    bad = Quarantined("cinc", "lead", "q", "no id", {"a": 1}, NOW)
    await _save(store, quarantine=[bad])
    await _save(store, quarantine=[replace(bad, error="still no id", at=NOW.replace(hour=23))])
    query = "SELECT error, attempts, first_at < at FROM quarantine"
    assert await store.fetch(query) == [("still no id", 2, True)]
    await _save(store, unquarantine=[("cinc", "lead", "q"), ("cinc", "lead", "unknown")])
    assert await store.fetch(query) == []
