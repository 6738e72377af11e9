"""Creating, updating, assigning: which calls go out, and what a lost answer means (vendors/rechat.md §8, §9, §11)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import ConflictError, NotFoundError, RejectedError, TransientError
from syncd.sandbox.faults import Fault, Script, always
from syncd.sandbox.rechat.ids import BRAND
from tests.vendors.rechat.support import (
    ADA,
    Account,
    Answer,
    Asked,
    attribute,
    calls,
    contact,
    ok,
    sandboxed,
    uuid,
    written,
)


async def test_one_update_is_one_patch_and_a_delete_per_row():
    """Changed rows with their ids, new ones without, after a fresh read (§11)."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada", title="Dr", email="a@example.com")
        account.wire.asked.clear()
        await account.update(lead, first_name="Anna", title=None, middle_name="Q", stage="showing")
        assert calls(account) == [f"PATCH /contacts/{lead}", f"DELETE /contacts/{lead}/attributes/{uuid_of(account)}"]
        [patch] = account.wire.of("PATCH")
        named = {row.get("id") is not None: row for row in patch.body["attributes"] if row["attribute_type"] != "tag"}
        assert (named[True]["text"], named[False]["text"]) == ("Anna", "Q")
        assert {"attribute_type": "tag", "text": "Stage: Showing"} in patch.body["attributes"]
        assert len(account.wire.of("GET")) == 1, "the reading of a moment ago is a fresh one"
        shown = account.sandbox.shows(lead)
        assert (shown["first_name"], shown["middle_name"], shown["stage"], shown.get("title")) == (
            "Anna",
            "Q",
            "Showing",
            None,
        )


def uuid_of(account: Account) -> str:
    """The row the last DELETE named."""
    return account.wire.of("DELETE")[-1].path.rpartition("/")[2]


@pytest.mark.parametrize("guard", ["read", "trust"])
async def test_an_old_reading_is_never_written_from(guard: str):
    """Row ids are needed: the contact is read again whatever write_guard says (§11)."""
    async with sandboxed(write_guard=guard) as account:
        lead = account.sandbox.add_person(first_name="Ada", email="a@example.com")
        present = await account.adapter.lead(lead)
        await account.clock.sleep(60)
        account.sandbox.edit(lead, "first_name", None)
        account.sandbox.edit(lead, "first_name", "Typed again")
        account.wire.asked.clear()
        await account.adapter.update_lead(lead, {"first_name": "Anna"}, frozenset({"first_name"}), present)
        assert [call.method for call in account.wire.asked] == ["GET", "PATCH"]
        assert [row["text"] for row in account.rows(lead, "first_name")] == ["Anna"]


async def test_what_a_person_did_to_the_rows_in_between_is_noticed():
    """A row that went away since it was read: the refusal is looked into, and the value arrives (§11)."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada", email="a@example.com")
        present = await account.adapter.lead(lead)
        account.sandbox.edit(lead, "first_name", None)
        await account.adapter.update_lead(lead, {"first_name": "Anna"}, frozenset({"first_name"}), present)
        assert [row["text"] for row in account.rows(lead, "first_name")] == ["Anna"]


async def test_what_a_person_typed_in_between_is_not_written_over():
    """A value put into a new row since the contact was read has to be merged first: nothing is sent again (§11)."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada", email="a@example.com")
        present = await account.adapter.lead(lead)
        account.sandbox.edit(lead, "first_name", None)
        account.sandbox.edit(lead, "first_name", "Typed")
        with pytest.raises(TransientError) as caught:
            await account.adapter.update_lead(lead, {"first_name": "Anna"}, frozenset({"first_name"}), present)
        assert caught.value.sent is False
        assert [row["text"] for row in account.rows(lead, "first_name")] == ["Typed"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_lost_patch_is_not_repeated_but_completed(moment: Any):
    """A replayed PATCH would duplicate (§13): after a timeout the contact is read and only what is missing is sent."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada")
        account.sandbox.fault = Script([(moment, Fault("drop"))], method="PATCH")
        await account.update(lead, email="a@example.com", emails=frozenset({"a@example.com", "b@example.com"}),
                             stage="new", labels=frozenset({"Hot"}))  # fmt: skip
        assert sorted(row["text"] for row in account.rows(lead, "email")) == ["a@example.com", "b@example.com"]
        assert sorted(row["text"] for row in account.rows(lead, "tag")) == ["Hot", "Stage: New"]
        assert len(account.wire.of("PATCH")) == (2 if moment == "before" else 1)


async def test_a_crash_between_adding_and_deleting_a_stage_leaves_the_newer_one():
    """Add first (§6): the newer of two counts, and the next write to the contact removes the other."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada", stage="New")
        account.sandbox.fault = always(Fault("error", status=400))

        def only_deletes(ask: Any, moment: str) -> Fault | None:
            return Fault("error", status=400) if ask.method == "DELETE" and moment == "before" else None

        account.sandbox.fault = only_deletes
        with pytest.raises(RejectedError):
            await account.update(lead, stage="showing")
        account.sandbox.fault = None
        assert len(account.rows(lead, "tag")) == 2
        assert (await account.fields(lead))["stage"] == "showing"
        await account.update(lead, first_name="Anna")
        assert [row["text"] for row in account.rows(lead, "tag")] == ["Stage: Showing"]


@pytest.mark.parametrize("direction", ["read", "off"])
async def test_stage_tags_are_left_alone_where_syncd_does_not_write_stages(direction: str):
    """The direction of a field holds for tidying up as well."""
    async with sandboxed(fields={"stage": direction}) as account:
        lead = account.sandbox.add_person(first_name="Ada", stage="New")
        account.sandbox.add_row(lead, attribute_type="tag", text="Stage: Lost")
        await account.update(lead, first_name="Anna")
        assert len(account.rows(lead, "tag")) == 2


async def test_labels_are_single_rows():
    """Added by one call, removed row by row, all rows of the name (§8); a lost answer is looked into first."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada")
        for text in ("VIP", "vip ", "Kept"):
            account.sandbox.add_row(lead, attribute_type="tag", text=text)
        present = await account.adapter.lead(lead)
        account.sandbox.fault = Script([("after", Fault("drop"))], method="POST")
        await account.adapter.add_labels(lead, frozenset({"Hot", "kept", "Stage: x"}), present)
        assert sorted(row["text"] for row in account.rows(lead, "tag")) == ["Hot", "Kept", "VIP", "vip "]
        await account.adapter.remove_labels(lead, frozenset({"ViP"}), present)
        assert sorted(row["text"] for row in account.rows(lead, "tag")) == ["Hot", "Kept"]
        assert not [call for call in account.wire.asked if "/contacts/tags" in call.path]


async def test_an_assignee_is_swapped_and_the_others_stay():
    """The call replaces all of them (§9): read, swap ours, keep the others."""
    async with sandboxed() as account:
        ours, other, new = (account.sandbox.add_agent(f"{n}@example.com", n, "Gent") for n in "abc")
        lead = account.sandbox.add_person(first_name="Ada")
        owner = account.sandbox.shows(lead)["assignments"]["primary"]
        for user in (owner, ours, other):
            account.sandbox.store.contacts[lead].assignees[user] = uuid(1)
        account.sandbox.store.touched(lead)
        present = await account.adapter.lead(lead)
        await account.adapter.assign(lead, {"partner": new}, present)
        assert set(account.sandbox.store.contacts[lead].assignees) == {owner, other, new}
        [call] = account.wire.of("PUT")
        assert {row["brand"] for row in call.body["assignees"]} == {BRAND}
        await account.adapter.assign(lead, {"partner": None}, await account.adapter.lead(lead))
        assert set(account.sandbox.store.contacts[lead].assignees) == {owner, new}


async def test_the_older_path_of_assignees_is_found_out_and_remembered():
    """404 while the contact can be read: by addresses under /leads from then on (§9)."""
    async with sandboxed({"assignee_path": "leads"}) as account:
        agent = account.sandbox.add_agent("agent@example.com", "A", "Gent")
        lead = account.sandbox.add_person(first_name="Ada")
        await account.adapter.assign(lead, {"partner": agent}, await account.adapter.lead(lead))
        assert account.sandbox.shows(lead)["assignments"]["partner"] == agent
        [call] = account.wire.of("PUT", f"/leads/{lead}/assignees")
        assert call.body == [{"email": "agent@example.com", "first_name": "A", "last_name": "Gent"}]
        assert account.adapter.memory["assignee_path"] == "leads"
        account.wire.asked.clear()
        await account.adapter.assign(lead, {"partner": None}, await account.adapter.lead(lead))
        assert [call.path for call in account.wire.of("PUT")] == [f"/leads/{lead}/assignees"]


async def test_a_missing_contact_does_not_teach_another_path():
    """404 because the contact is gone says nothing about the path."""
    async with sandboxed() as account:
        agent = account.sandbox.add_agent("agent@example.com", "A", "Gent")
        lead = account.sandbox.add_person(first_name="Ada")
        present = await account.adapter.lead(lead)
        account.sandbox.delete(lead)
        with pytest.raises(NotFoundError):
            await account.adapter.assign(lead, {"partner": agent}, present)
        assert "assignee_path" not in account.adapter.memory


async def test_an_owner_is_never_taken_away():
    """`user` is never blank (§9)."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada")
        with pytest.raises(RejectedError):
            await account.adapter.assign(lead, {"primary": None}, await account.adapter.lead(lead))


async def test_assignees_can_be_left_alone():
    """`assignee_role = ""` (§1): not read, not written, and the incremental stream covers everything."""
    async with sandboxed(assignee_role="") as account:
        agent = account.sandbox.add_agent("agent@example.com", "A", "Gent")
        lead = account.sandbox.add_person(first_name="Ada", assignments={"partner": agent})
        assert "assignment.partner" not in await account.fields(lead)
        assert account.adapter.capabilities.incremental_covers >= {"fields", "stage", "labels", "assignments", "notes"}


async def test_an_attribute_the_account_lacks_is_named_in_the_refusal():
    """A label that is not there: the field is refused by itself, with the label."""
    async with sandboxed(attributes={"price_max": "Budget"}) as account:
        lead = account.sandbox.add_person(first_name="Ada")
        with pytest.raises(RejectedError, match="Budget"):
            await account.update(lead, price_max=1)
        assert not account.wire.of("PATCH")


async def test_definitions_are_read_once_an_hour_and_remembered():
    """§3: cached one hour, also from one adapter to the next."""
    switches = {"definitions": ({"label": "Budget", "data_type": "number"},)}
    async with sandboxed(switches, attributes={"price_max": "budget"}) as account:
        lead = account.sandbox.add_person(first_name="Ada")
        await account.update(lead, price_max=450000)
        assert (await account.fields(lead))["price_max"] == 450000
        await account.pages()
        assert len(account.wire.of("GET", "/attribute_defs")) == 1
        await account.clock.sleep(3601)
        await account.pages()
        assert len(account.wire.of("GET", "/attribute_defs")) == 2
        memory = dict(account.adapter.memory)
    async with sandboxed(switches, memory=memory, attributes={"price_max": "budget"}) as account:
        lead = account.sandbox.add_person(first_name="Ada", price_to=1)
        await account.fields(lead)


async def test_collections_and_the_catalogue_are_never_written():
    """Every kind of write, and none of the calls that would touch other contacts (§8, §11)."""
    async with sandboxed() as account:
        made = await account.adapter.create_lead({**ADA, "labels": frozenset({"Hot"})})
        await account.update(made.external_id, title="Dr", stage="lost")
        present = await account.adapter.lead(made.external_id)
        await account.adapter.remove_labels(made.external_id, frozenset({"Hot"}), present)
        await account.adapter.delete_lead(made.external_id, "a test")
        for call in account.wire.asked:
            assert (call.method, call.path) not in {("DELETE", "/contacts"), ("PATCH", "/contacts")}
            assert not call.path.endswith("/attributes") or call.method == "POST"
            assert "/tags" not in call.path
            assert "merge" not in call.path


@pytest.mark.parametrize("there", ["Hot", "Cold"])
async def test_a_tag_that_exists_counts_as_done(there: str):
    """409 (§12): the contact is read; what it has by then is done, and what it still lacks is an error."""
    rows: list[dict[str, Any]] = []

    def answers(asked: Asked) -> Answer:
        if asked.method == "GET":
            return 200, ok(contact(1, *rows))
        rows[:] = [attribute(1, "tag", there)]  # somebody was faster
        return 409, {"http": 409, "code": "Conflict"}

    adapter, wire = written(answers)
    present = await adapter.lead(uuid(1))
    adding = adapter.add_labels(uuid(1), frozenset({"Hot"}), present)
    if there == "Hot":
        await adding
    else:
        with pytest.raises(ConflictError):
            await adding
    assert len(wire.of("POST")) == 1
