"""Promises about notes."""

from __future__ import annotations

import pytest

from syncd.domain.errors import NotFoundError, RejectedError, UnreadableError
from syncd.ports.vendor import NoteDraft
from syncd.sandbox.base import CannotError
from tests.vendors.contract.account import Account
from tests.vendors.contract.samples import PERSON

ODD = [
    "First line\r\nSecond line",
    "Emoji 🏡👩‍👩‍👧 and e\u0301 accents",
    "  spaces around  ",
    'tabs\tand "quotes" & <b>',
]
SHOWN = ["First line\nSecond line", "Emoji 🏡👩‍👩‍👧 and é accents", "spaces around", 'tabs\tand "quotes" & <b>']


class NotesContract:
    """List, read, create, edit, delete by capability."""

    async def _needs_reading(self, account: Account, lead: str) -> None:
        """Skip where an account shows no notes, and says so both in its capabilities and in the listing itself."""
        listing = await account.adapter.notes(lead, {})
        if not listing.readable and "note reading" in account.adapter.capabilities.not_carried:
            assert (list(listing.rows), listing.present, listing.complete) == ([], frozenset(), False)
            pytest.skip("this account shows no notes")

    async def _texts(self, account: Account, lead: str) -> dict[str, str]:
        listing = await account.adapter.notes(lead, {})
        assert listing.complete
        assert {row.external_id for row in listing.rows} <= listing.present
        return {row.external_id: account.adapter.read_note(row).text for row in listing.rows}

    async def _create(self, account: Account, lead: str, draft: NoteDraft) -> str:
        await self._needs_reading(account, lead)
        present, _ = await account.read(lead)
        before = (await account.adapter.notes(lead, {})).present
        written = await account.adapter.create_note(lead, draft, present)
        await account.settle()
        after = (await account.adapter.notes(lead, {})).present
        [made] = after - before
        assert written.external_id in {made, ""}
        return made

    async def test_notes_of_people_are_read(self, account: Account):
        """Texts arrive NFC, with LF, trimmed; several notes of one text stay several."""
        lead = await account.person(**PERSON)
        await self._needs_reading(account, lead)
        ids = [str(account.sandbox.add_note(lead, text)) for text in [*ODD, "Twice", "Twice"]]
        await account.settle()
        texts = await self._texts(account, lead)
        assert [texts[note] for note in ids] == [*SHOWN, "Twice", "Twice"]
        assert len(texts) == len(ids)

    async def test_a_lead_without_notes_has_none(self, account: Account):
        """An empty list is complete and empty."""
        lead = await account.person(**PERSON)
        await self._needs_reading(account, lead)
        listing = await account.adapter.notes(lead, {})
        assert (list(listing.rows), listing.present, listing.complete) == ([], frozenset(), True)

    async def test_notes_of_a_missing_lead_are_not_an_empty_list(self, account: Account):
        """A lead that is gone never looks like a lead whose notes were all deleted."""
        lead = await account.person(**PERSON)
        account.sandbox.add_note(lead, "A note")
        account.sandbox.delete(lead)
        await account.clock.sleep(120)
        try:
            listing = await account.adapter.notes(lead, {})
        except NotFoundError:
            return
        assert not listing.complete

    @pytest.mark.parametrize(
        ("text", "shown"), list(zip(ODD, SHOWN, strict=True)), ids=["crlf", "emoji", "spaces", "marks"]
    )
    async def test_a_created_note_reads_back(self, account: Account, text: str, shown: str):
        """A note of ours appears with its text, once, and the lead's fields stay."""
        lead = await account.person(**PERSON)
        _, before = await account.read(lead)
        made = await self._create(account, lead, NoteDraft(text=text))
        assert await self._texts(account, lead) == {made: shown}
        assert await account.fields(lead) == dict(before.fields)

    async def test_a_note_nobody_can_read_is_sent_and_has_an_id(self, account: Account):
        """Where an account shows no notes, a note of ours is written once and told apart by an id all the same."""
        lead = await account.person(**PERSON)
        present, _ = await account.read(lead)
        written = await account.adapter.create_note(lead, NoteDraft(text="Into the dark"), present)
        assert [text for _, text in account.sandbox.shows(lead)["notes"]] == ["Into the dark"]
        if (await account.adapter.notes(lead, {})).readable:
            pytest.skip("notes can be read here")
        other = await account.adapter.create_note(lead, NoteDraft(text="And another"), present)
        assert written.external_id
        assert other.external_id not in {"", written.external_id}

    async def test_a_note_at_the_limit_is_whole(self, account: Account):
        """`note_max` characters fit, whatever alphabet."""
        limit = account.adapter.capabilities.note_max
        text = ("Ünïcödé 🏡 " * limit)[: limit - 1] + "."
        lead = await account.person(**PERSON)
        made = await self._create(account, lead, NoteDraft(text=text))
        assert (await self._texts(account, lead))[made] == text

    async def test_identical_notes_are_two(self, account: Account):
        """Creating the same text twice makes two notes with two ids."""
        lead = await account.person(**PERSON)
        first = await self._create(account, lead, NoteDraft(text="Called, no answer"))
        second = await self._create(account, lead, NoteDraft(text="Called, no answer"))
        assert first != second
        assert await self._texts(account, lead) == {first: "Called, no answer", second: "Called, no answer"}

    async def test_unmoved_notes_cost_nothing_and_stay_present(self, account: Account):
        """With the marks handed back, known notes are present but not fetched; a new one is."""
        lead = await account.person(**PERSON)
        await self._needs_reading(account, lead)
        old = str(account.sandbox.add_note(lead, "Old"))
        await account.settle()
        first = await account.adapter.notes(lead, {})
        new = str(account.sandbox.add_note(lead, "New"))
        await account.settle()
        second = await account.adapter.notes(lead, first.marks)
        assert second.present == {old, new}
        assert new in {row.external_id for row in second.rows}
        account.sandbox.forget_calls()
        third = await account.adapter.notes(lead, {**first.marks, **second.marks})
        assert third.present == {old, new}
        assert account.sandbox.reads <= 2

    async def test_a_note_is_edited_or_that_is_refused(self, account: Account):
        """`note_edit`: the new text is shown under the same id; else RejectedError."""
        lead = await account.person(**PERSON)
        made = await self._create(account, lead, NoteDraft(text="Before"))
        if not account.adapter.capabilities.note_edit:
            with pytest.raises(RejectedError):
                await account.adapter.update_note(lead, made, NoteDraft(text="After"))
            assert await self._texts(account, lead) == {made: "Before"}
            return
        await account.adapter.update_note(lead, made, NoteDraft(text="After 🏡"))
        assert await self._texts(account, lead) == {made: "After 🏡"}

    async def test_a_note_is_deleted_or_that_is_refused(self, account: Account):
        """`note_delete`: it is gone, others stay, twice is once; else RejectedError."""
        lead = await account.person(**PERSON)
        kept = str(account.sandbox.add_note(lead, "Kept"))
        made = await self._create(account, lead, NoteDraft(text="Goes"))
        if not account.adapter.capabilities.note_delete:
            with pytest.raises(RejectedError):
                await account.adapter.delete_note(lead, made)
            assert await self._texts(account, lead) == {kept: "Kept", made: "Goes"}
            return
        await account.adapter.delete_note(lead, made)
        await account.adapter.delete_note(lead, made)
        assert await self._texts(account, lead) == {kept: "Kept"}

    async def test_an_edit_by_a_person_is_seen(self, account: Account):
        """Where the vendor's people can edit notes, the edited text is read though the old one was known."""
        lead = await account.person(**PERSON)
        note = str(account.sandbox.add_note(lead, "Before"))
        await account.settle()
        known = (await account.adapter.notes(lead, {})).marks
        await account.clock.sleep(60)
        try:
            account.sandbox.edit_note(lead, note, "After")
        except CannotError:
            pytest.skip("nobody edits notes here")
        listing = await account.adapter.notes(lead, known)
        assert [account.adapter.read_note(row).text for row in listing.rows] == ["After"]

    async def test_kind_author_and_pin_are_kept_where_promised(self, account: Account):
        """Kinds in `note_kinds`, authors and pins read back as they were written."""
        capabilities = account.adapter.capabilities
        agent = str(account.sandbox.add_agent("a@example.com", "A", "Gent"))
        lead = await account.person(**PERSON)
        present, _ = await account.read(lead)
        for kind in sorted(capabilities.note_kinds | {"general"}):
            pinned = capabilities.note_pin
            draft = NoteDraft(
                text=f"A {kind}", kind=kind, pinned=pinned, author=agent if capabilities.note_author else ""
            )
            await account.adapter.create_note(lead, draft, present)
            await account.settle()
        listing = await account.adapter.notes(lead, {})
        for note in map(account.adapter.read_note, listing.rows):
            assert note.kind == note.text.removeprefix("A ")
            assert note.pinned is capabilities.note_pin
            assert note.written_at is not None
            assert abs((note.written_at - account.clock.now()).total_seconds()) < 600
            if capabilities.note_author:
                assert note.author == agent

    async def test_a_note_with_a_nul_is_unreadable_alone(self, account: Account):
        """A note PostgreSQL cannot hold spoils no other note."""
        lead = await account.person(**PERSON)
        await self._needs_reading(account, lead)
        good, bad = str(account.sandbox.add_note(lead, "Good")), str(account.sandbox.add_note(lead, "B\x00d"))
        await account.settle()
        by_id = {row.external_id: row for row in (await account.adapter.notes(lead, {})).rows}
        assert account.adapter.read_note(by_id[good]).text == "Good"
        with pytest.raises(UnreadableError):
            account.adapter.read_note(by_id[bad])
