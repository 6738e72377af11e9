"""Look-ups (vendors/rechat.md §3)."""

from __future__ import annotations

import pytest

from syncd.sandbox.rechat.ids import CHANNEL
from tests.vendors.rechat.support import Answer, Asked, attribute, contact, ok, sandboxed, uuid, written


async def test_an_address_is_asked_for_by_filter():
    """The one form of the sheet, in lower case; deleted and partner's addresses do not count."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada", email="ada@example.com")
        other = account.sandbox.add_person(first_name="Bob", household=[{"email": "ada@example.com"}])
        found = await account.adapter.find_leads(email="Ada@Example.com")
        assert [row.external_id for row in found.rows] == [lead]
        assert other not in {row.external_id for row in found.rows}
        [asked] = account.wire.asked
        assert (asked.path, asked.one("limit")) == ("/contacts/filter", "20")
        assert asked.body == {"filter": [{"attribute_type": "email", "value": "ada@example.com"}]}


@pytest.mark.parametrize("typed", ["212 555-0123", "(212) 555-0123", "+1 212.555.0123", "+12125550123"])
async def test_a_number_is_found_however_it_was_typed(typed: str):
    """By the E.164 text first, then by the national digits; compared after normalising (§3, §13)."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada", phones=[(typed, "cell")])
        account.sandbox.add_person(first_name="2125550123", phones=[("3105550123", "cell")])
        found = await account.adapter.find_leads(phone="+12125550123")
        assert [row.external_id for row in found.rows] == [lead]
        assert account.wire.asked[0].body == {"filter": [{"attribute_type": "phone_number", "value": "+12125550123"}]}
        if typed != "+12125550123":
            assert (account.wire.asked[1].one("q[]"), account.wire.asked[1].body) == ("2125550123", {})


async def test_rows_that_do_not_fit_are_dropped_and_may_hide_the_one_looked_for():
    """An ignored filter: a full page of strangers is no proof of absence (§3)."""
    strangers = [contact(n, attribute(n, "email", f"p{n}@example.com")) for n in range(20)]
    adapter, _ = written(lambda _asked: (200, ok(strangers)))
    found = await adapter.find_leads(email="nobody@example.com")
    assert (list(found.rows), found.conclusive) == ([], False)
    adapter, _ = written(lambda _asked: (200, ok([])))
    assert (await adapter.find_leads(email="nobody@example.com")).conclusive


async def test_a_summary_is_enough_to_compare():
    """Where a filter answers without rows, `emails` of the summary are compared, and who fits is read singly."""
    bare = {key: value for key, value in contact(1, emails=["Ada@example.com"]).items() if key != "attributes"}

    def answers(asked: Asked) -> Answer:
        if asked.method == "POST":
            return 200, ok([bare, {**bare, "id": uuid(2), "emails": ["other@example.com"]}])
        return 200, ok(contact(1, attribute(1, "email", "ada@example.com")))

    adapter, wire = written(answers)
    found = await adapter.find_leads(email="ada@example.com")
    assert [adapter.read_lead(row).fields["email"] for row in found.rows] == ["ada@example.com"]
    assert [asked.path for asked in wire.of("GET")] == [f"/contacts/{uuid(1)}"]


async def test_contacts_created_since_come_newest_first():
    """How a lost create of a contact with neither address nor number is found (§11)."""
    async with sandboxed() as account:
        account.sandbox.add_person(first_name="Old")
        await account.clock.sleep(3600)
        since = account.clock.now()
        made = []
        for n in range(3):
            await account.clock.sleep(5)
            made.append(account.sandbox.add_person(first_name=f"P{n}"))
        found = await account.adapter.find_leads(since=since)
        assert [row.external_id for row in found.rows] == made[::-1]
        assert found.conclusive


async def test_a_contact_of_no_channel_is_found_as_well():
    """What nobody captured is in no channel: the look-up after a crash asks for all contacts (§11)."""
    async with sandboxed(only_channels=[CHANNEL]) as account:
        before = account.clock.now()
        made = await account.adapter.create_lead({"first_name": "Ada"})
        found = await account.adapter.find_leads(since=before)
        assert [row.external_id for row in found.rows] == [made.external_id]
        assert not [row for page in await account.pages() for row in page.rows]
