"""Notes: read with the lead, added by updating all of it (vendors/mycrm.md §7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from syncd.domain.errors import RejectedError, TransientError
from syncd.ports.vendor import NoteDraft, Remote
from syncd.sandbox.faults import Fault, Script
from tests.vendors.mycrm.support import Account, Answer, Asked, lead, sandboxed, written

WHEN = "2009-07-20T22:55:29Z"


@pytest.mark.parametrize(
    ("note", "author"),
    [
        ({"id": 935, "body": "Called", "created_at": WHEN, "user": 7}, "7"),
        ({"id": "935", "note": "Called", "created": WHEN, "author": {"id": 7, "first_name": "Jean"}}, "7"),
        ({"id": 935, "text": "Called", "date": "2009-07-21T02:55:29+04:00", "created_by": None}, ""),
        ({"id": 935, "body": "Called", "created_at": WHEN[:-1]}, ""),
    ],
)
async def test_notes_in_every_form(note: dict[str, Any], author: str):
    """§7: body, note or text; three names for the time and for the author; naive times are UTC."""
    adapter, _ = written(lambda _: (200, {"lead": lead(1, notes=[note])}))
    listing = await adapter.notes("1", {})
    [row] = listing.rows
    reading = adapter.read_note(row)
    assert row.external_id == "935"
    assert (reading.text, reading.author, reading.kind) == ("Called", author, "general")
    assert reading.written_at == datetime(2009, 7, 20, 22, 55, 29, tzinfo=UTC)
    assert listing.complete


@pytest.mark.parametrize("notes", [None, "absent", [{"body": "no id"}], {"id": 1}])
async def test_what_is_no_list_of_notes_proves_no_absence(notes: Any):
    """§3: notes that are not told are not gone."""
    shown = lead(1, notes=notes)
    if notes == "absent":
        del shown["notes"]
    adapter, _ = written(lambda _: (200, {"lead": shown}))
    listing = await adapter.notes("1", {})
    assert (list(listing.rows), listing.complete) == ([], False)


async def add(account: Account, there: str, text: str) -> str:
    """Add a note; the id it got."""
    present = Remote("lead", there, {}, b"", listed=False)
    return (await account.adapter.create_note(there, NoteDraft(text=text), present)).external_id


@pytest.mark.parametrize("style", ["keeps", "replaces"])
async def test_a_new_note_goes_out_behind_all_that_are_there(style: str):
    """§7: id and body of each, then the new one: nothing is lost whether the vendor appends or replaces."""
    async with sandboxed({"notes_put": style, "old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        first, second = (account.sandbox.add_note(there, text) for text in ("One", "Two"))
        made = await add(account, there, "Three")
        [asked] = account.wire.of("PUT")
        assert asked.body["lead"]["notes"] == [
            {"id": int(first), "body": "One"},
            {"id": int(second), "body": "Two"},
            {"body": "Three"},
        ]
        assert account.sandbox.shows(there)["notes"] == [(first, "One"), (second, "Two"), (made, "Three")]


@pytest.mark.parametrize("answer", ["id", "empty"])
async def test_the_new_id_is_read_where_the_answer_does_not_tell(answer: str):
    """§7: the id that was not there and whose body is ours, else from the single lead."""
    async with sandboxed({"write_answer": answer, "old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        account.sandbox.add_note(there, "Same words")
        made = await add(account, there, "Same words")
        assert [note for note, _ in account.sandbox.shows(there)["notes"]][-1] == made


async def test_a_note_that_cannot_be_found_is_written_all_the_same():
    """The note is there, reading it back fails: no error, only no id."""
    async with sandboxed({"write_answer": "empty", "old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        failures = [("after", Fault("error", status=503))]
        reads = iter(range(100))

        def fault(ask: Any, moment: str) -> Fault | None:
            late = ask.method == "GET" and moment == "after" and next(reads) > 0
            return failures[0][1] if late else None

        account.sandbox.fault = fault
        assert await add(account, there, "Called") == ""
        assert [text for _, text in account.sandbox.shows(there)["notes"]] == ["Called"]


async def test_a_lost_answer_is_not_repeated_and_a_failed_read_was_not_sent():
    """§7: not repeatable."""
    async with sandboxed({"old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        account.sandbox.fault = Script([("after", Fault("drop"))], method="PUT")
        with pytest.raises(TransientError) as caught:
            await add(account, there, "Once")
        assert caught.value.sent
        assert len(account.wire.of("PUT")) == 1
        account.sandbox.fault = Script([("before", Fault("error"))] * 9, method="GET")
        with pytest.raises(TransientError) as caught:
            await add(account, there, "Never")
        assert not caught.value.sent
        account.sandbox.fault = None
        assert [text for _, text in account.sandbox.shows(there)["notes"]] == ["Once"]


async def test_a_lead_that_lacks_what_is_demanded_gets_no_note():
    """§7: ``cannot add note: missing X``."""
    async with sandboxed(create_defaults={"title": "mr"}) as account:
        there = account.sandbox.add_person(first_name="Ada", last_name="L", phones=[("0501234567", "cell")])
        with pytest.raises(RejectedError, match=r"^cannot add note: missing country, category, source, source_channel"):
            await add(account, there, "Called")
        assert account.sandbox.shows(there)["notes"] == []


async def test_notes_may_be_turned_off():
    """§7: with "off" notes are read only; each note is reported, nobody is called."""
    async with sandboxed({"old_leads": False}, notes_on_update="off") as account:
        there = account.sandbox.add_person(first_name="Ada")
        account.sandbox.add_note(there, "By a person")
        with pytest.raises(RejectedError, match="notes_on_update is off"):
            await add(account, there, "Called")
        assert account.wire.asked == []
        assert len((await account.adapter.notes(there, {})).rows) == 1
        assert "note create" in account.adapter.capabilities.not_carried


@pytest.mark.parametrize("answer", ["lead", "empty"])
async def test_doubled_notes_turn_it_off_and_say_so(answer: str):
    """§7: old notes appear twice after a note was added: never again, also by the next adapter; said once."""
    async with sandboxed({"notes_put": "doubles", "write_answer": answer, "old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        for text in ("One", "Two", "Three"):
            account.sandbox.add_note(there, text)
        with structlog.testing.capture_logs() as logs:
            await add(account, there, "Three")
        assert [line["event"] for line in logs] == ["mycrm.notes_doubled"]
        assert len(account.sandbox.shows(there)["notes"]) == 7
        for adapter in (account.adapter, account.another()):
            with pytest.raises(RejectedError, match="doubles"):
                await adapter.create_note(there, NoteDraft(text="Four"), None)
        assert len(account.wire.of("PUT")) == 1


async def test_a_person_who_says_the_same_again_doubles_nothing():
    """Two equal notes of people, and one of ours: that is no doubling."""
    async with sandboxed({"old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        account.sandbox.add_note(there, "Called")
        account.sandbox.add_note(there, "Busy")
        await add(account, there, "Called")
        account.sandbox.add_note(there, "Called")
        await account.adapter.lead(there)
        assert await add(account, there, "Again")


async def test_a_long_note_is_cut_by_the_vendor_and_found():
    """§7: 5,000 characters are stored; what is left of ours is still ours."""
    async with sandboxed({"old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        assert await add(account, there, "x" * 6000) == account.sandbox.shows(there)["notes"][0][0]


async def test_an_unfilled_body_is_sent_back_as_it_is():
    """A note without words keeps its id; the whole list goes out."""

    def answers(asked: Asked) -> Answer:
        notes = [{"id": 5, "body": None}, {"id": 6, "note": "Old"}]
        return 200, {"lead": lead(1, notes=notes if asked.method == "GET" else [*notes, {"id": 7, "body": "New"}])}

    adapter, wire = written(answers)
    assert (await adapter.create_note("1", NoteDraft(text="New"), None)).external_id == "7"
    assert wire.of("PUT")[0].body["lead"]["notes"] == [{"id": 5, "body": ""}, {"id": 6, "body": "Old"}, {"body": "New"}]


@pytest.mark.parametrize("notes", ["absent", {"id": 1}, [{"id": 5, "body": "Old"}, {"body": "no id"}]])
async def test_no_note_is_added_where_others_could_be_lost(notes: Any):
    """§7: all notes the lead shows go out, or none: what is not shown, or has no id, a replacing PUT would remove."""
    shown = lead(1, notes=notes)
    if notes == "absent":
        del shown["notes"]
    adapter, wire = written(lambda _: (200, {"lead": shown}))
    with pytest.raises(RejectedError, match=r"^cannot add note: "):
        await adapter.create_note("1", NoteDraft(text="New"), None)
    assert not wire.of("PUT")


async def test_a_lead_whose_notes_are_null_has_none():
    """Null is a statement: the first note goes out alone."""
    adapter, wire = written(lambda _: (200, {"lead": lead(1, notes=None)}))
    await adapter.create_note("1", NoteDraft(text="New"), None)
    assert wire.of("PUT")[0].body["lead"]["notes"] == [{"body": "New"}]
