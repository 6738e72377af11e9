"""Writing to CINC, and everything that is written by calls of its own (vendors/cinc.md §2, §7–§9, §11, §12)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import AuthError, ConflictError, NotFoundError, RejectedError, TransientError, VendorError
from syncd.ports.vendor import NoteDraft, Remote
from syncd.sandbox.faults import Fault, Script
from tests.vendors.cinc.support import Answer, Asked, row, sandboxed, written

PERSON: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.com",
    "phones": [("4155552671", "cell"), ("2129876543", "home")],
    "city": "London",
    "stage": "Contacted",
}


async def change(account: Any, lead: str, **wanted: Any) -> Remote:
    """Write some fields the way the engine does: read, squeeze, update. Returns what it was read as."""
    present = await account.adapter.lead(lead)
    before = account.adapter.read_lead(present).fields
    show = account.adapter.lenses.show({**before, **wanted}, before)
    await account.adapter.update_lead(lead, show, frozenset(wanted), present)
    return present  # type: ignore[no-any-return]


async def test_an_update_sends_only_what_changes():
    """The id, the present address, the changed field; nothing else."""
    adapter, site = written(lambda _: (200, {"id": "L1"}))
    payload = row(1, info={"contact": {"first_name": "A", "email": "Old@Example.com", "phone_numbers": {"x": "1"}}})
    present = Remote("lead", "L1", payload, b"", listed=False)
    await adapter.update_lead("L1", {"first_name": "B", "last_name": "C"}, frozenset({"first_name"}), present)
    (asked,) = site.asked
    assert (asked.method, asked.path) == ("POST", "/site/leads/L1")
    assert asked.body == {"id": "L1", "info": {"contact": {"first_name": "B", "email": "Old@Example.com"}}}


async def test_neighbours_that_do_not_change_go_out_as_they_stand():
    """An address is sent whole, but only the changed part as wanted: the rest may be read-only here."""
    adapter, site = written(lambda _: (200, {"id": "L1"}))
    present = Remote("lead", "L1", {"id": "L1", "info": {"contact": {"mailing_address": {"city": "Rome"}}}}, b"")
    wanted = {"street": "1 Main St", "city": "Paris", "region": "GA"}
    await adapter.update_lead("L1", wanted, frozenset({"street"}), present)
    address = {"street": "1 Main St", "city": "Rome", "state": "", "postal_or_zip": ""}
    assert site.asked[0].body == {"id": "L1", "info": {"contact": {"mailing_address": address}}}


async def test_a_new_address_goes_first_and_alone():
    """`username` by itself, then the other fields with the new address as the present one."""
    async with sandboxed() as account:
        lead = await account.person(**PERSON)
        await change(account, lead, email="ada@new.example.com", first_name="Augusta")
        posts = [call.template for call in account.sandbox.calls if call.write]
        assert posts == ["/site/leads", "/site/leads/{id}"]
        shown = account.sandbox.shows(lead)
        assert (shown["email"], shown["first_name"], shown["city"]) == ("ada@new.example.com", "Augusta", "London")


async def test_a_note_after_a_new_address_names_the_new_one():
    """The present payload is older than the change; the present address is not."""
    adapter, site = written(lambda _: (200, {"id": "L1"}))
    present = Remote("lead", "L1", row(1), b"", listed=False)
    await adapter.update_lead("L1", {"email": "new@example.com"}, frozenset({"email"}), present)
    await adapter.create_note("L1", NoteDraft("Hi"), present)
    assert site.asked[-1].body["info"] == {"contact": {"email": "new@example.com"}}


async def test_a_taken_address_is_a_conflict_and_nothing_else_is_written():
    """Two leads cannot share an address."""
    async with sandboxed() as account:
        lead = await account.person(**PERSON)
        await account.person(email="taken@example.com")
        with pytest.raises(ConflictError):
            await change(account, lead, email="taken@example.com", first_name="Augusta")
        assert account.sandbox.shows(lead)["first_name"] == "Ada"


async def test_a_create_of_a_lead_that_exists_says_so():
    """200 instead of 201: the vendor's id, `existed`."""
    async with sandboxed() as account:
        lead = await account.person(**PERSON)
        done = await account.adapter.create_lead({"email": "ada@example.com", "first_name": "Augusta"})
        assert (done.external_id, done.existed) == (lead, True)
        fresh = await account.adapter.create_lead({"email": "new@example.com"})
        assert not fresh.existed


@pytest.mark.parametrize(
    "data", [{"id": 7}, {"lead": {"id": "7"}}, {"body": {"lead": {"id": 7}}}, {"body": [{"id": "7"}]}]
)
async def test_a_create_finds_its_id_in_every_form(data: Any):
    """`id` or `lead.id`, text or number, wrapped or not."""
    adapter, _ = written(lambda _: (201, data))
    done = await adapter.create_lead({"email": "a@example.com"})
    assert (done.external_id, done.existed) == ("7", False)


async def test_a_create_carries_assignments_but_neither_labels_nor_notes():
    """One call; labels follow by their own."""
    adapter, site = written(lambda _: (201, {"id": "7"}))
    wanted: dict[str, Any] = {"email": "a@example.com", "labels": frozenset({"Hot"}), "stage": "new"}
    await adapter.create_lead({**wanted, "assignment.primary": "AGENT1"})
    assert site.asked[0].body == {
        "info": {"contact": {"email": "a@example.com"}},
        "assigned_agents": {"primary_agent": {"id": "AGENT1"}},
        "pipeline": {"stage": "New Lead"},
    }


async def test_a_site_that_blanks_what_is_left_out_gets_whole_sections():
    """Found out at the next read, remembered, and from then on nothing is lost."""
    async with sandboxed({"update_replaces": True}) as account:
        lead = await account.person(**PERSON)
        await change(account, lead, first_name="Augusta")
        assert "last_name" not in account.sandbox.shows(lead), "this site really does blank what is left out"
        await account.adapter.lead(lead)
        assert account.adapter.memory["update_style"] == "whole"
        for name in ("last_name", "city"):
            account.sandbox.edit(lead, name, PERSON[name])
        await change(account, lead, source="Word of mouth")
        shown = account.sandbox.shows(lead)
        assert (shown["first_name"], shown["last_name"], shown["city"]) == ("Augusta", "Byron", "London")
        assert shown["stage"] == "Contacted"
        assert shown["source"] == "Word of mouth"


@pytest.mark.parametrize("style", ["sparse", "auto"])
async def test_a_merging_site_keeps_getting_sparse_updates(style: str):
    """A person who clears one field does not look like a site that blanks."""
    async with sandboxed(update_style=style) as account:
        lead = await account.person(**PERSON)
        await change(account, lead, first_name="Augusta")
        account.sandbox.edit(lead, "last_name", "")
        await account.adapter.lead(lead)
        assert "update_style" not in account.adapter.memory
        assert account.sandbox.shows(lead)["city"] == "London"


async def test_whole_style_builds_on_a_fresh_read():
    """What a person typed since our read is sent back as it stands now."""
    async with sandboxed({"update_replaces": True}, update_style="whole") as account:
        lead = await account.person(**PERSON)
        present = await account.adapter.lead(lead)
        account.sandbox.edit(lead, "last_name", "Lovelace")
        await account.adapter.update_lead(lead, {"first_name": "Augusta"}, frozenset({"first_name"}), present)
        shown = account.sandbox.shows(lead)
        assert (shown["first_name"], shown["last_name"]) == ("Augusta", "Lovelace")
        assert len(shown["phones"]) == 2


async def test_what_a_person_typed_into_the_very_field_is_merged_first():
    """Seen by the fresh read and by nobody else: it is not written over, and nothing is sent."""
    async with sandboxed({"update_replaces": True}, update_style="whole") as account:
        lead = await account.person(**PERSON)
        present = await account.adapter.lead(lead)
        account.sandbox.edit(lead, "first_name", "Typed")
        writes = account.sandbox.writes
        with pytest.raises(TransientError):
            await account.adapter.update_lead(lead, {"first_name": "Augusta"}, frozenset({"first_name"}), present)
        assert account.sandbox.shows(lead)["first_name"] == "Typed"
        assert account.sandbox.writes == writes


async def test_nobody_is_unassigned():
    """There is no documented way: refused without a call."""
    adapter, site = written(lambda _: (200, {"id": "L1"}))
    with pytest.raises(RejectedError):
        await adapter.assign("L1", {"primary": None}, Remote("lead", "L1", row(1), b""))
    assert site.asked == []


async def test_labels_of_one_name_are_one_label():
    """To apply, the newest of the folded name; to remove, every one on the lead."""
    async with sandboxed() as account:
        site = account.sandbox.site  # type: ignore[attr-defined]
        old = site.make_label("Hot Lead")
        await account.clock.sleep(5)
        newest = site.make_label("HOT  lead")
        lead = await account.person(**PERSON)
        present = await account.adapter.lead(lead)
        await account.adapter.add_labels(lead, frozenset({"hot lead"}), present)
        assert set(site.applied[lead]) == {newest}
        site.applied[lead][old] = site.now()
        await account.adapter.remove_labels(lead, frozenset({"Hot Lead"}), await account.adapter.lead(lead))
        assert not site.applied[lead]
        assert len(site.labels) == 2, "no label was made, none was taken from the site"


async def test_a_missing_label_is_made_once():
    """`is_name_distinct` and no colour; the id also under `label`."""

    def answers(asked: Asked) -> Answer:
        if asked.path == "/site/leads/labels":
            return (200, {"paging": {}, "labels": []}) if asked.method == "GET" else (201, {"label": {"id": 9}})
        return 200, {"message": "ok"}

    adapter, site = written(answers)
    for _ in range(2):
        await adapter.add_labels("L1", frozenset({"New one"}), Remote("lead", "L1", row(1), b""))
    made = [asked for asked in site.asked if asked.method == "POST" and asked.path == "/site/leads/labels"]
    assert [(asked.body, asked.query) for asked in made] == [({"name": "New one"}, {"is_name_distinct": "true"})]
    assert site.asked[-1].body == {"labels": [{"id": "9"}]}


async def test_a_label_deleted_from_the_site_is_looked_up_again():
    """The catalogue kept from before is out of date: read anew, made anew."""
    async with sandboxed() as account:
        site = account.sandbox.site  # type: ignore[attr-defined]
        first, second = [await account.person(email=f"{n}@example.com") for n in "ab"]
        present = await account.adapter.lead(first)
        await account.adapter.add_labels(first, frozenset({"Hot"}), present)
        site.applied[first].clear()
        site.labels.clear()
        await account.adapter.add_labels(second, frozenset({"Hot"}), present)
        assert account.sandbox.shows(second)["labels"] == ["Hot"]


async def test_removing_a_label_that_is_gone_is_done():
    """404: the lead is read, and there is nothing left to do; what is left of several is still removed."""
    async with sandboxed() as account:
        lead = await account.person(**PERSON)
        for name in ("Hot", "Cold"):
            account.sandbox.add_label(lead, name)
        present = await account.adapter.lead(lead)
        account.sandbox.remove_label(lead, "Hot")
        await account.adapter.remove_labels(lead, frozenset({"Hot", "Cold"}), present)
        assert account.sandbox.shows(lead)["labels"] == []
        await account.adapter.remove_labels(lead, frozenset({"Hot"}), present)


async def test_notes_are_read_once_and_again_when_they_move():
    """One GET per unknown or moved note; unmoved ones cost nothing."""
    async with sandboxed() as account:
        lead = await account.person(**PERSON)
        notes = [account.sandbox.add_note(lead, f"Note {n}") for n in range(3)]
        listing = await account.adapter.notes(lead, {})
        assert listing.complete
        assert listing.present == frozenset(notes) == listing.marks.keys()
        assert [account.adapter.read_note(r).text for r in listing.rows] == ["Note 0", "Note 1", "Note 2"]
        account.sandbox.forget_calls()
        assert not (await account.adapter.notes(lead, listing.marks)).rows
        assert account.sandbox.reads == 1
        await account.clock.sleep(60)
        account.sandbox.edit_note(lead, notes[1], "Edited")
        account.sandbox.delete_note(lead, notes[2])
        again = await account.adapter.notes(lead, listing.marks)
        assert [(r.external_id, account.adapter.read_note(r).text) for r in again.rows] == [(notes[1], "Edited")]
        assert again.present == frozenset(notes[:2])


async def test_notes_without_listed_times_have_a_mark_all_the_same():
    """A mark that is never empty, so that they are read once."""
    async with sandboxed({"note_times": False}) as account:
        lead = await account.person(**PERSON)
        account.sandbox.add_note(lead, "Note")
        listing = await account.adapter.notes(lead, {})
        assert all(listing.marks.values())
        assert not (await account.adapter.notes(lead, listing.marks)).rows


@pytest.mark.parametrize(
    ("category", "kind"),
    [("Call", "call"), ("General", "general"), ("inquiry", "system"), ("landing_page", "system"), ("odd", "general"),
     (None, "general"), ("other", "general")],
)  # fmt: skip
async def test_note_categories_are_kinds(category: Any, kind: str):
    """Case folded; unknown ones are general. The author is spelled in two ways."""
    adapter, _ = written(lambda _: (200, {}))
    note = {"content": " a\r\nb ", "category": category, "creator_by": "AGENT1", "created_date": "2026-01-01 00:00:00Z"}
    reading = adapter.read_note(Remote("note", "N", note, b""))
    assert (reading.kind, reading.text, reading.author) == (kind, "a\nb", "AGENT1")


async def test_a_note_is_appended_with_the_id_and_the_present_address_only():
    """Nobody is notified; system notes are "info", texts are "other"."""
    adapter, site = written(lambda _: (200, {"id": "L1"}))
    present = Remote("lead", "L1", row(1), b"", listed=False)
    await adapter.create_note("L1", NoteDraft("Text", kind="system", pinned=True, author="AGENT1"), present)
    await adapter.create_note("L1", NoteDraft("Text", kind="meeting"), present)
    assert [asked.body["notes"] for asked in site.asked] == [
        [{"content": "Text", "category": "info", "is_pinned": True, "created_by": "AGENT1"}],
        [{"content": "Text", "category": "other", "is_pinned": False}],
    ]
    assert site.asked[0].body.keys() == {"id", "info", "notes"}
    assert site.asked[0].body["info"] == {"contact": {"email": "p1@example.com"}}


async def test_notes_are_neither_edited_nor_deleted():
    """There is no call for it."""
    adapter, site = written(lambda _: (200, {}))
    draft = NoteDraft("x")
    for call in (adapter.update_note("L", "N", draft), adapter.delete_note("L", "N"), adapter.delete_lead("L", "")):
        with pytest.raises(RejectedError):
            await call
    assert site.asked == []


async def test_auto_tries_bare_after_bearer_and_remembers():
    """A 401 before any success repeats once without "Bearer"; later a 401 is a 401."""

    def answers(asked: Asked) -> Answer:
        return (200, {"agent": {"id": "A", "username": "u"}}) if asked.authorization == "t0ken" else (401, {})

    adapter, site = written(answers)
    assert await adapter.check() == "u"
    assert [asked.authorization for asked in site.asked] == ["Bearer t0ken", "t0ken"]
    successor, site = written(answers, memory=dict(adapter.memory))
    await successor.check()
    assert len(site.asked) == 1
    strict, site = written(answers, scheme="bearer")
    with pytest.raises(AuthError):
        await strict.check()
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [(400, RejectedError, RejectedError), (403, AuthError, RejectedError), (404, NotFoundError, NotFoundError),
     (409, ConflictError, ConflictError), (422, RejectedError, RejectedError)],
)  # fmt: skip
async def test_errors_are_told_apart(status: int, read: type[VendorError], write: type[VendorError]):
    """vendors/cinc.md §12; a refused write names the scope."""
    adapter, _ = written(lambda _: (status, {"error": {"message": "secret words"}}))
    with pytest.raises(read):
        await adapter.lead("L1")
    with pytest.raises(write) as caught:
        await adapter.create_lead({"email": "a@example.com"})
    assert "secret" not in str(caught.value)
    assert status != 403 or "scope" in caught.value.hint


async def test_a_missing_scope_is_told():
    """The sandbox refuses writes without it, and reads go on."""
    async with sandboxed({"scopes": ("api:read",)}) as account:
        lead = await account.person(**PERSON)
        present = await account.adapter.lead(lead)
        with pytest.raises(RejectedError) as caught:
            await account.adapter.add_labels(lead, frozenset({"Hot"}), present)
        assert "broker" in caught.value.hint


async def test_look_ups_fall_back_to_the_username():
    """A lead whose address stands only in `username` is found by it."""

    def answers(asked: Asked) -> Answer:
        found = [row(1, info={}, username="Ada@Example.com")] if "username" in asked.query else []
        return 200, {"paging": {}, "leads": found}

    adapter, _ = written(answers)
    found = await adapter.find_leads(email="ada@example.com")
    assert [remote.external_id for remote in found.rows] == ["L1"]


@pytest.mark.parametrize("refuse", [True, False])
async def test_look_ups_compare_where_the_term_does_not_work(refuse: bool):  # noqa: FBT001
    """Ignored or refused: all leads are walked and compared; no wrong lead is returned."""

    def answers(asked: Asked) -> Answer:
        if refuse and "info.contact.email" in asked.query:
            return 400, {}
        at = int(asked.query.get("next", 0))
        return 200, {"paging": {"next": at + 1} if at < 3 else {}, "leads": [row(at)]}

    adapter, _ = written(answers)
    found = await adapter.find_leads(email="p3@example.com")
    assert [remote.external_id for remote in found.rows] == ["L3"]
    assert adapter.memory.get("refused_terms") == (["info.contact.email"] if refuse else None)


async def test_a_phone_is_asked_for_in_national_digits():
    """Ten digits for a number of the region; nobody found is no proof, since only cells can be asked for."""
    adapter, site = written(lambda _: (200, {"paging": {}, "leads": []}))
    found = await adapter.find_leads(phone="+14155552671")
    assert site.asked[0].query["info.contact.phone_numbers.cell_phone"] == "4155552671"
    assert not found.conclusive


@pytest.mark.parametrize("unit", ["ms", "s", "in"])
async def test_a_small_limit_is_kept_without_a_429(unit: str):
    """The header's number is taken as soon as it is seen, whatever the unit of the reset."""
    async with sandboxed({"limit": 5, "reset_unit": unit}) as account:
        lead = await account.person(**PERSON)
        for _ in range(23):
            await account.adapter.lead(lead)
        assert not [call for call in account.sandbox.calls if call.status == 429]
        assert 80 <= account.clock.skipped_s <= 90


async def test_a_429_is_waited_out_although_calls_remain():
    """Documented: the limit may be lowered without notice."""
    async with sandboxed() as account:
        lead = await account.person(**PERSON)
        account.sandbox.fault = script = Script([("before", Fault("rate", delay_s=7))])
        assert (await account.adapter.lead(lead)).external_id == lead
        assert script.over


async def test_single_answers_come_in_every_form():
    """Bare or under its key, wrapped or not."""
    for switches in ({"single": "bare"}, {"wrapper": True}, {"single": "bare", "wrapper": True, "answer_id": "lead"}):
        async with sandboxed(switches) as account:
            lead = await account.person(**PERSON)
            note = account.sandbox.add_note(lead, "Hello")
            assert (await account.fields(lead))["first_name"] == "Ada"
            assert (await account.adapter.notes(lead, {})).rows[0].external_id == note
            done = await account.adapter.create_lead({"email": "new@example.com"})
            assert done.external_id in account.sandbox.ids()
            assert await account.adapter.agents()
            await account.adapter.add_labels(lead, frozenset({"Hot"}), await account.adapter.lead(lead))
            assert account.sandbox.shows(lead)["labels"] == ["Hot"]


async def test_an_edited_note_is_read_again_where_only_edits_are_dated():
    """A site that dates notes only once they were edited."""
    async with sandboxed({"note_times": False}) as account:
        lead = await account.person(**PERSON)
        note = account.sandbox.add_note(lead, "Note")
        marks = (await account.adapter.notes(lead, {})).marks
        await account.clock.sleep(60)
        account.sandbox.edit_note(lead, note, "Edited")
        assert [r.external_id for r in (await account.adapter.notes(lead, marks)).rows] == [note]


async def test_a_changed_field_missing_from_wanted_is_cleared():
    """The engine clears by leaving out: "" goes out, and the site shows nothing any more."""
    async with sandboxed() as account:
        lead = await account.person(**PERSON)
        present = await account.adapter.lead(lead)
        wanted = {k: v for k, v in account.adapter.read_lead(present).fields.items() if k != "last_name"}
        await account.adapter.update_lead(lead, wanted, frozenset({"last_name"}), present)
        assert "last_name" not in account.sandbox.shows(lead)
        assert account.sandbox.shows(lead)["first_name"] == "Ada"
