"""Notes: written by a call, read only where views carry them, never sent twice (vendors/epixel.md §7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.domain.errors import NotFoundError, RejectedError, TransientError
from syncd.ports.vendor import NoteDraft
from syncd.vendors.epixel.walk import BARE_VIEWS_MAX
from tests.vendors.epixel.support import Answer, enveloped, lead, listing, refused, sandboxed, written


@pytest.mark.parametrize("key", ["notes", "lead_notes", "leadnotes"])
@pytest.mark.parametrize(
    ("row", "note", "author"),
    [
        ({"id": 7, "note": "Hi\r\nyou ", "created_at": "2026-01-02T03:04:05Z", "created_by": "jean"}, "7", "jean"),
        ({"note_id": "7", "content": "Hi\nyou", "created": 1767323045, "user": {"username": "jean"}}, "7", "jean"),
        ({"id": 7, "text": "Hi\nyou", "date": "2026-01-02 03:04:05", "author": {"name": "Jean"}}, "7", "Jean"),
        ({"id": 7, "body": "Hi\nyou", "created_at": "2026-01-02T03:04:05+00:00"}, "7", ""),
    ],
)
async def test_notes_in_every_form(key: str, row: dict[str, Any], note: str, author: str):
    """§7: under any of three keys, each part under any of its names; kind general, its time, its author."""
    adapter, _ = written(listing({**lead(), key: [row]}))
    found = await adapter.notes("ada-1", {})
    assert (found.present, found.complete, found.readable) == (frozenset({note}), True, True)
    reading = adapter.read_note(found.rows[0])
    assert (reading.text, reading.author, reading.kind) == ("Hi\nyou", author, "general")
    assert reading.written_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    again = await adapter.notes("ada-1", found.marks)
    assert (list(again.rows), again.present) == ([], found.present)


async def test_a_view_without_notes_says_nothing_about_them():
    """§7: before a view has shown the key, notes are not readable; afterwards a lead without it has none."""
    adapter, _ = written(listing(lead("a"), lead("b", notes=[{"id": 1, "note": "x"}])))
    nothing = await adapter.notes("a", {})
    assert (nothing.readable, nothing.complete, nothing.present) == (False, False, frozenset())
    assert (await adapter.notes("b", {})).readable
    empty = await adapter.notes("a", {})
    assert (empty.readable, empty.complete, empty.present) == (True, True, frozenset())
    later, _ = written(listing(lead("a")), memory=adapter.memory)
    assert (await later.notes("a", {})).readable, "learned once per connection"


async def test_nobody_looks_for_notes_for_ever():
    """§7: after so many views without notes a full comparison does not view every lead for nothing; one view that
    has them changes that.
    """
    rows = {f"p{n}": lead(f"p{n}") for n in range(BARE_VIEWS_MAX + 5)}
    adapter, wire = written(listing(views=rows))
    for slug in rows:
        assert not (await adapter.notes(slug, {})).readable
    assert len(wire.of("view/lead/")) == BARE_VIEWS_MAX
    later, wire = written(listing(views=rows), memory=adapter.memory)
    assert not (await later.notes("p0", {})).readable
    assert not wire.of("view/lead/")
    rows["p0"]["notes"] = [{"id": 1, "note": "At last"}]
    await later.lead("p0")
    assert len((await later.notes("p0", {})).rows) == 1


async def test_a_note_without_an_id_makes_the_list_incomplete():
    """What cannot be named cannot be missed."""
    adapter, _ = written(listing(lead(notes=[{"note": "x"}, {"id": 2, "note": "y"}, "odd"])))
    found = await adapter.notes("ada-1", {})
    assert (found.present, found.complete) == (frozenset({"2"}), False)


async def test_notes_of_a_hidden_lead_are_unknown_and_of_a_gone_one_not_found():
    """§10: hidden is no evidence."""
    adapter, _ = written(lambda asked: refused(401, {"detail": "You are not owner of this lead."})
                         if "view/lead" in asked.path else (404, None))  # fmt: skip
    assert not (await adapter.notes("ada-1", {})).complete
    gone, _ = written(lambda _: refused(400, {"slug": ["Requested slug is invalid."]}))
    with pytest.raises(NotFoundError):
        await gone.notes("ada-1", {})


@pytest.mark.parametrize("data", [{"note_id": 5}, {"id": "5"}, {"note": {"id": 5}}, {"note": {"note_id": 5}}])
async def test_ids_in_the_answer(data: Any):
    """§7: `note_id`, `id`, `note.id`."""
    adapter, wire = written(lambda asked: enveloped(data) if "leadnote" in asked.path else (404, None))
    assert (await adapter.create_note("ada-1", NoteDraft("Hi"), None)).external_id == "5"
    assert [(asked.path, asked.form) for asked in wire.asked] == [
        ("/leads/create/leadnote/", {"slug": "ada-1", "note": "Hi"})
    ]


async def test_without_an_id_the_views_note_with_our_text_is_it():
    """§7: one that was not there before."""
    async with sandboxed({"note_answer": "empty"}) as there:
        lead = there.person()
        old = there.sandbox.add_note(lead, "Same")
        present = await there.adapter.lead(lead)
        created = await there.adapter.create_note(lead, NoteDraft("Same"), present)
        assert created.external_id not in {"", old}
        assert created.external_id in (await there.adapter.notes(lead, {})).present


async def test_a_note_nobody_shows_gets_an_id_of_ours():
    """§7: a local id "w:" + hash; it cannot be deleted from here; the note is sent once."""
    async with sandboxed({"note_answer": "empty", "notes": "never"}) as there:
        lead = there.person()
        first = await there.adapter.create_note(lead, NoteDraft("Same"), None)
        other = await there.adapter.create_note(lead, NoteDraft("Other"), None)
        assert first.external_id.startswith("w:")
        assert other.external_id not in {"", first.external_id}
        with pytest.raises(RejectedError):
            await there.adapter.delete_note(lead, first.external_id)
        assert len(there.wire.of("create/leadnote/")) == 2
        assert not there.wire.of("delete/leadnote/")


@pytest.mark.parametrize("answer", [(500, None), (504, b"<html>")])
async def test_a_note_is_never_repeated_blindly(answer: Answer):
    """§7: not idempotent."""
    adapter, wire = written(lambda asked: answer if "leadnote" in asked.path else (404, None))
    with pytest.raises(TransientError) as caught:
        await adapter.create_note("ada-1", NoteDraft("Hi"), None)
    assert caught.value.sent
    assert len(wire.of("leadnote/")) == 1


async def test_a_view_that_fails_after_a_note_was_written():
    """The note is there all the same: it gets an id, and no error."""
    adapter, _ = written(lambda asked: enveloped({}) if "leadnote" in asked.path else (500, None))
    assert (await adapter.create_note("ada-1", NoteDraft("Hi"), None)).external_id.startswith("w:")


@pytest.mark.parametrize("text", ["", "   ", "x" * 500])
async def test_what_no_note_can_be_is_not_sent(text: str):
    """§7: 1 to 499 characters; longer notes come in parts."""
    adapter, wire = written(lambda _: (500, None))
    with pytest.raises(RejectedError):
        await adapter.create_note("ada-1", NoteDraft(text), None)
    assert not wire.asked
    assert adapter.capabilities.note_max == 499


async def test_499_characters_arrive():
    """§7, §13: the limit itself is fine, in characters and not in bytes."""
    async with sandboxed() as there:
        lead = there.person()
        await there.adapter.create_note(lead, NoteDraft("é" * 498 + "🏡"), None)
        assert [len(text) for _, text in there.sandbox.shows(lead)["notes"]] == [499]


async def test_deleting_a_note_twice_is_deleting_it_once():
    """§7, §12: "Requested note not found." is done; no right is refused."""
    async with sandboxed({"own_only": True}) as there:
        lead = there.person()
        note = there.sandbox.add_note(lead, "Goes")
        await there.adapter.delete_note(lead, note)
        await there.adapter.delete_note(lead, note)
        assert there.sandbox.shows(lead)["notes"] == []
        there.sandbox.add_agent("o@example.com", "O", "Ther")
        kept = there.sandbox.add_note(lead, "Stays")
        there.sandbox.assign(lead, "primary", "o@example.com")
        with pytest.raises(RejectedError):
            await there.adapter.delete_note(lead, kept)
