"""Creating: captures, silent contacts, and what a lost or refused part means (vendors/rechat.md §5, §9, §11)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import RejectedError, TransientError
from syncd.sandbox.faults import Fault
from syncd.sandbox.rechat.ids import CHANNEL
from tests.vendors.rechat.support import ADA, Answer, Asked, attribute, calls, contact, ok, sandboxed, uuid, written


async def test_a_capture_carries_its_column_and_the_rest_follows_as_rows():
    """`POST /leads` with the documented keys only, then one PATCH; `contact` is the id, not the capture's (§5, §11)."""
    async with sandboxed() as account:
        agent = account.sandbox.add_agent("agent@example.com", "A", "Gent")
        wanted = {**ADA, "title": "Dr", "city": "Rome", "source": "Zillow", "stage": "new",
                  "labels": frozenset({"Hot"}), "assignment.primary": agent}  # fmt: skip
        made = await account.adapter.create_lead(wanted)
        assert not made.existed
        assert made.external_id in account.sandbox.ids()
        [capture] = account.wire.of("POST", "/leads")
        assert capture.body["metadata"] == {"lead_channel": CHANNEL}
        assert capture.body["lead"] == {
            "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "phone_number": "+12125550123",
            "tag": ["Stage: New", "Hot"], "lead_source": "Zillow", "assignees": [{"email": "agent@example.com"}],
            "source_type": "Website",
        } or set(capture.body["lead"]["tag"]) == {"Hot", "Stage: New"}  # fmt: skip
        assert len(account.wire.of("PATCH")) == 1
        shown = account.sandbox.shows(made.external_id)
        assert (shown["title"], shown["city"], shown["stage"], shown["labels"]) == (
            "Dr",
            "Rome",
            "New",
            ["Hot", "Lead"],
        )
        assert shown["phones"] == [("+12125550123", "cell")]
        assert shown["assignments"] == {"primary": agent}


async def test_an_owner_the_rules_picked_is_replaced():
    """Where assignees given never become owners, a PATCH sets the owner (§9)."""
    async with sandboxed({"capture_assigns_only": True}) as account:
        agent = account.sandbox.add_agent("agent@example.com", "A", "Gent")
        made = await account.adapter.create_lead({**ADA, "assignment.primary": agent})
        assert account.sandbox.shows(made.external_id)["assignments"]["primary"] == agent


@pytest.mark.parametrize("empty", [False, True])
async def test_the_webhook_captures_as_well(empty: bool):  # noqa: FBT001
    """The body is the lead itself; a 204 tells no id, so the contact is looked for (§11, §13)."""
    async with sandboxed({"capture_204": empty}, capture_path="webhook") as account:
        made = await account.adapter.create_lead(ADA)
        assert account.sandbox.ids() == [made.external_id]
        [call] = account.wire.of("POST", "/webhook")
        assert call.path == f"/leads/channels/{CHANNEL}/webhook"
        assert call.body["email"] == "ada@example.com"
        assert (await account.fields(made.external_id))["phones"] == ADA["phones"]


async def test_a_captured_contact_that_was_there_is_only_reported():
    """A capture merges by address (§11): the contact is somebody's already, and nothing more is written to it."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Augusta", email="ada@example.com")
        await account.clock.sleep(60)
        made = await account.adapter.create_lead({**ADA, "title": "Dr"})
        assert (made.external_id, made.existed) == (lead, True)
        assert not account.wire.of("PATCH")
        again = await account.adapter.create_lead(
            {**ADA, "email": "new@example.com", "emails": frozenset({"new@example.com"})}
        )
        twice = await account.adapter.create_lead({"email": "new@example.com", "last_name": "King"})
        assert not again.existed
        assert (twice.external_id, twice.existed) == (again.external_id, True), "made by ourselves a moment ago"


async def test_who_cannot_be_reached_is_created_silently():
    """A lead with neither email nor phone is always created by `POST /contacts` (§11)."""
    async with sandboxed() as account:
        made = await account.adapter.create_lead({"first_name": "Ada", "last_name": "Lovelace"})
        [call] = account.wire.of("POST")
        assert call.path == "/contacts"
        assert dict(call.query[:3]) == {"get": "true", "relax": "false", "activity": "false"}
        assert account.sandbox.ids() == [made.external_id]


async def test_contacts_are_created_with_all_rows_at_once():
    """`create_via = "contacts"` (§5): one call, the owner in it."""
    async with sandboxed(create_via="contacts") as account:
        agent = account.sandbox.add_agent("agent@example.com", "A", "Gent")
        wanted = {**ADA, "title": "Dr", "stage": "lost", "labels": frozenset({"Hot"}), "assignment.primary": agent}
        made = await account.adapter.create_lead(wanted)
        assert calls(account) == ["POST /contacts"]
        assert made.record is not None
        assert account.adapter.read_lead(made.record).fields["stage"] == "lost"
        assert account.sandbox.shows(made.external_id)["assignments"] == {"primary": agent}
        with pytest.raises(RejectedError):
            await account.adapter.create_lead({})


async def test_a_capture_refused_in_part_still_stands():
    """What does not go in by itself stays away; the contact's id is never lost."""
    async with sandboxed() as account:
        made = await account.adapter.create_lead({**ADA, "title": "Dr", "country": "US"})
        account.sandbox.store.definitions  # noqa: B018

        def no_titles(ask: Any, moment: str) -> Fault | None:
            refused = ask.method == "PATCH" and moment == "before" and b'"title"' in ask.body
            return Fault("error", status=400) if refused else None

        account.sandbox.fault = no_titles
        wanted = {
            **ADA,
            "email": "b@example.com",
            "emails": frozenset({"b@example.com"}),
            "title": "Dr",
            "city": "Rome",
        }
        second = await account.adapter.create_lead(wanted)
        assert second.external_id != made.external_id
        shown = account.sandbox.shows(second.external_id)
        assert (shown["city"], shown.get("title")) == ("Rome", None)


async def test_a_capture_whose_completion_fails_is_looked_for():
    """The contact is there: TransientError that was sent, never a plain refusal (§11)."""
    async with sandboxed() as account:
        account.sandbox.fault = lambda ask, moment: (
            Fault("error", status=401) if ask.method == "GET" and moment == "before" else None
        )
        with pytest.raises(TransientError) as caught:
            await account.adapter.create_lead(ADA)
        assert caught.value.sent
        account.sandbox.fault = None
        found = await account.adapter.find_leads(email="ada@example.com")
        assert [row.external_id for row in found.rows] == account.sandbox.ids()


async def test_an_unknown_channel_is_a_refusal():
    """404 on `POST /leads` is about the channel, not about a lead (§12)."""
    async with sandboxed(lead_channel=uuid(7)) as account:
        with pytest.raises(RejectedError) as caught:
            await account.adapter.create_lead(ADA)
        assert caught.value.status == 404
        assert "lead_channel" in caught.value.hint


async def test_a_capture_that_lands_on_a_hidden_contact_is_refused():
    """A capture merges by address with whatever contact of the brand (§11), one that is 404 for us too (§13):
    said once and not tried for ever.
    """
    async with sandboxed() as account:
        theirs = account.sandbox.add_person(first_name="Eve", email="ada@example.com")
        account.sandbox.hide(theirs)
        with pytest.raises(RejectedError, match="cannot see"):
            await account.adapter.create_lead(ADA)
        assert len(account.wire.of("POST", "/leads")) == 1
        assert account.sandbox.ids() == [theirs]


async def test_a_captured_contact_may_become_visible_late():
    """Rows are seen after their time (§13): a 404 right after the capture is waited out, not taken for "hidden"."""
    missing = [1, 2]

    def answers(asked: Asked) -> Answer:
        if asked.path == "/leads":
            return 200, {"code": "OK", "data": {"id": uuid(8), "contact": uuid(1)}}
        if asked.method == "GET" and missing:
            missing.pop()
            return 404, {"http": 404, "code": "ResourceNotFound"}
        return 200, ok(contact(1, attribute(1, "email", "ada@example.com"), created_at=4_000_000_000))

    adapter, wire = written(answers)
    made = await adapter.create_lead({"email": "ada@example.com", "emails": frozenset({"ada@example.com"})})
    assert (made.external_id, made.existed) == (uuid(1), False)
    assert len(wire.of("POST")) == 1
    assert adapter.capabilities.create_lag_s > 2


async def test_what_somebody_types_into_a_captured_contact_is_not_written_over():
    """Between a capture and what follows it a person may open the contact: only what is still missing is added."""
    async with sandboxed() as account:
        read = account.adapter._writer._read

        async def typed_before(found: str) -> Any:
            if not account.wire.of("PATCH"):
                account.sandbox.edit(found, "street", "1 Main St")
                account.sandbox.edit(found, "last_name", "Byron")
            return await read(found)

        account.adapter._writer._read = typed_before
        made = await account.adapter.create_lead({**ADA, "street": "5 Side St", "city": "Rome"})
        shown = account.sandbox.shows(made.external_id)
        assert (shown["street"], shown["city"], shown["last_name"]) == ("1 Main St", "Rome", "Byron")
