"""Notes, agents, limits, errors (vendors/rechat.md §4, §7, §9, §12)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import (
    AuthError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
)
from syncd.ports.vendor import NoteDraft
from syncd.settings.values import Rate
from tests.vendors.rechat.support import Answer, Asked, attribute, contact, ok, sandboxed, uuid, written


@pytest.mark.parametrize("answer", ["rows", "contact"])
async def test_a_new_note_is_known_by_its_row(answer: str):
    """The row with our text whose id was not there before, in either answer (§7)."""
    async with sandboxed({"row_answer": answer}) as account:
        lead = account.sandbox.add_person(first_name="Ada")
        old = account.sandbox.add_note(lead, "Called")
        present = await account.adapter.lead(lead)
        made = await account.adapter.create_note(lead, NoteDraft(text="Called"), present)
        assert made.external_id not in {"", old}
        assert made.external_id in account.sandbox.store.contacts[lead].rows


async def test_an_answer_without_rows_is_followed_by_a_look_at_the_contact():
    """§7: also where it is the contact without its rows; the new row has our text and an id not known before."""
    old, new = (
        {"id": uuid(n), "attribute_type": "note", "text": "Called", "created_at": 1000 + n, "type": "contact_attribute"}
        for n in (7, 8)
    )

    def answers(asked: Asked) -> Answer:
        rows = {"attributes": [new, old]} if asked.method == "GET" and asked.query else {}
        return 200, ok({"id": uuid(1), "type": "contact", **rows})

    adapter, wire = written(answers)
    made = await adapter.create_note(uuid(1), NoteDraft(text="Called"), None)
    assert made.external_id == new["id"]
    assert [asked.method for asked in wire.asked] == ["POST", "GET"]


async def test_a_note_that_no_answer_shows_is_listed():
    """Its id is blank then: the engine lists the contact's notes."""
    adapter, _ = written(lambda _asked: (200, {"code": "OK"}))
    assert (await adapter.create_note(uuid(1), NoteDraft(text="x"), None)).external_id == ""


async def test_notes_of_a_walk_cost_no_call_and_only_once():
    """They come with the contact (§7); after any call of ours only a fresh read counts."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada")
        note = account.sandbox.add_note(lead, "First")
        await account.pages()
        account.wire.asked.clear()
        assert (await account.adapter.notes(lead, {})).present == {note}
        assert not account.wire.asked
        second = account.sandbox.add_note(lead, "Second")
        assert (await account.adapter.notes(lead, {})).present == {note, second}
        await account.pages()
        await account.adapter.delete_note(lead, note)
        assert (await account.adapter.notes(lead, {})).present == {second}
        await account.pages()
        await account.clock.sleep(3600)
        account.sandbox.delete_note(lead, second)
        assert (await account.adapter.notes(lead, {})).present == frozenset()


async def test_notes_are_edited_and_deleted_row_by_row():
    """`PUT` and `DELETE` of one row; a 404 on delete is done, on edit it is not (§7)."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada")
        note = account.sandbox.add_note(lead, "Before")
        await account.adapter.update_note(lead, note, NoteDraft(text="After"))
        [call] = account.wire.of("PUT")
        assert (call.path, call.body) == (f"/contacts/{lead}/attributes/{note}", {"text": "After"})
        await account.adapter.delete_note(lead, note)
        await account.adapter.delete_note(lead, note)
        with pytest.raises(NotFoundError):
            await account.adapter.update_note(lead, note, NoteDraft(text="After"))


@pytest.mark.parametrize("shape", ["user", "wrapped"])
async def test_agents_are_users_bare_or_wrapped_and_learnt_from_contacts(shape: str):
    """§9: the brand's list, and whoever contacts embed."""
    async with sandboxed({"agent_rows": shape}) as account:
        agent = account.sandbox.add_agent("Agent@Example.com", "A", "Gent")
        found = {row.external_id: account.adapter.read_agent(row) for row in await account.adapter.agents()}
        assert (found[agent].email, found[agent].name) == ("agent@example.com", "A Gent")
    gone = {"id": uuid(900), "email": "gone@example.com", "first_name": "G", "last_name": "One"}

    def answers(asked: Asked) -> Answer:
        return 200, ok([] if asked.path.endswith("/agents") else [contact(1, user=gone)], 1)

    adapter, _ = written(answers)
    assert [page async for page in adapter.leads(None, full=True)]
    assert [adapter.read_agent(row).email for row in await adapter.agents()] == ["gone@example.com"]


@pytest.mark.parametrize(("headers", "pause_s"), [({"Retry-After": "7"}, 7), ({}, 30)])
async def test_a_429_waits_and_halves_the_budget_for_ten_minutes(headers: dict[str, str], pause_s: int):
    """`Retry-After`, else 30 s; then half the rate (§4)."""
    refuse = [True]

    def answers(_asked: Asked) -> Answer:
        if refuse:
            refuse.pop()
            return 429, {"whatever": 1}, headers
        return 200, ok(contact(1))

    adapter, _ = written(answers, rate=Rate(10, 60.0))
    clock: Any = adapter._client.http._clock  # the test's own
    await adapter.lead(uuid(1))
    assert pause_s <= clock.elapsed_s < pause_s + 2

    async def spent(calls: int) -> float:
        before = clock.elapsed_s
        for _ in range(calls):
            await adapter.lead(uuid(1))
        return float(clock.elapsed_s - before)

    assert await spent(15) >= 120, "five a minute"
    await clock.sleep(700)
    await adapter.lead(uuid(1))
    await clock.sleep(61)
    assert await spent(20) < 70, "ten a minute again"


PLACES = {
    "one": lambda a: a.lead(uuid(1)),
    "list": lambda a: a.find_leads(email="a@example.com"),
    "self": lambda a: a.check(),
    "agents": lambda a: a.agents(),
    "capture": lambda a: a.create_lead({"first_name": "A", "email": "a@example.com"}),
    "rules": lambda a: a.routing.rules(uuid(7)),
    "create": lambda a: a.create_lead({"first_name": "A"}),
    "note": lambda a: a.create_note(uuid(1), NoteDraft(text="x"), None),
}


@pytest.mark.parametrize(
    ("place", "status", "error"),
    [
        ("one", 400, RejectedError),
        ("one", 401, AuthError),
        ("one", 403, RejectedError),
        ("one", 404, NotFoundError),
        ("list", 403, AuthError),
        ("list", 404, RejectedError),
        ("self", 403, AuthError),
        ("agents", 403, AuthError),
        ("agents", 404, RejectedError),
        ("rules", 403, AuthError),
        ("rules", 404, RejectedError),
        ("create", 403, RejectedError),
        ("create", 404, RejectedError),
        ("capture", 404, RejectedError),
        ("capture", 403, RejectedError),
        ("note", 404, NotFoundError),
        ("note", 409, ConflictError),
        ("note", 406, RejectedError),
        ("note", 413, RejectedError),
        ("note", 415, RejectedError),
        ("note", 422, RejectedError),
        ("note", 408, TransientError),
        ("note", 503, TransientError),
    ],
)
@pytest.mark.parametrize("body", [{"http": 1, "message": "secret", "code": "Forbidden"}, "plain secret text", None])
async def test_statuses_mean_what_the_sheet_says(place: str, status: int, error: type[Exception], body: Any):
    """§12, whatever the body; the vendor's code is in the message, its words are not."""
    adapter, _ = written(lambda _asked: (status, body.encode() if isinstance(body, str) else body))
    with pytest.raises(error) as caught:
        await PLACES[place](adapter)
    assert type(caught.value) is error
    assert "secret" not in f"{caught.value} {caught.value!r}"
    assert ("Forbidden" in str(caught.value)) is isinstance(body, dict)


async def test_a_long_pause_ends_the_job():
    """RateLimitedError where the vendor asks for more than anybody waits."""
    adapter, _ = written(lambda _asked: (429, None, {"Retry-After": "3600"}))
    with pytest.raises(RateLimitedError):
        await adapter.lead(uuid(1))


async def test_at_most_four_calls_at_once():
    """§4."""
    import asyncio

    flying, most = 0, 0

    async def handle(request: Any) -> Any:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        flying -= 1
        return await original(request)

    adapter, wire = written(lambda _asked: (200, ok(contact(1))))
    original = wire.handle_async_request
    wire.handle_async_request = handle  # type: ignore[method-assign]
    await asyncio.gather(*(adapter.lead(uuid(1)) for _ in range(20)))
    assert most == 4


async def test_another_brand_pauses_the_connection():
    """403 for a brand without access: log in again (§2, §12)."""
    async with sandboxed(brand=uuid(9)) as account:
        with pytest.raises(AuthError) as caught:
            await account.adapter.check()
        assert "brand" in caught.value.hint


async def test_rows_that_name_a_definition_by_uuid_alone_are_looked_up():
    """One call an hour, and none where every row has a name (§3)."""
    rows = [attribute(1, None, "Ada", attribute_def=uuid(50))]

    def answers(asked: Asked) -> Answer:
        if asked.path.endswith("/attribute_defs"):
            return 200, ok([{"id": uuid(50), "name": "first_name", "label": "First name", "data_type": "text"}])
        return 200, ok(contact(1, *rows))

    adapter, wire = written(answers)
    for _ in range(3):
        assert adapter.read_lead(await adapter.lead(uuid(1))).fields["first_name"] == "Ada"
    assert len(wire.of("GET", "/attribute_defs")) == 1


async def test_an_agent_without_an_address_is_listed():
    """Agents match by address (§9); one without can still be pinned by id. A bare mention displaces nothing."""
    whole = {"id": uuid(5), "email": "a@example.com", "first_name": "A", "last_name": "Gent"}
    rows = [whole, {"user": {"id": uuid(6), "display_name": "Nobody"}}, {"id": uuid(5), "email": None}]
    adapter, _ = written(lambda _asked: (200, ok(rows)))
    found = {row.external_id: adapter.read_agent(row) for row in await adapter.agents()}
    assert {agent: (reading.email, reading.name) for agent, reading in found.items()} == {
        uuid(5): ("a@example.com", "A Gent"),
        uuid(6): ("", "Nobody"),
    }
