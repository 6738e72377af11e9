"""Creating, updating, patching and deleting leads (vendors/mycrm.md §5, §9, §11)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import NotFoundError, RejectedError, TransientError
from syncd.domain.lead import Phone
from syncd.ports.vendor import Remote
from syncd.sandbox.faults import Fault, Script
from tests.vendors.mycrm.support import DEFAULTS, Account, Answer, Asked, lead, sandboxed, written

PERSON: dict[str, Any] = {
    "first_name": "Ada",
    "phone": "+971501234567",
    "phones": frozenset({Phone("+971501234567", "cell")}),
}
STALE = Remote("lead", "1", {}, b"", listed=False)


async def update(account: Account, there: str, **changes: Any) -> Any:
    """Write some fields the way the engine does: all that is desired, and the names of what differs."""
    before = await account.fields(there)
    wanted = account.adapter.lenses.show({**before, **changes}, before)
    return await account.adapter.update_lead(there, wanted, frozenset(changes), STALE)


async def test_a_create_sends_everything_that_is_demanded_and_nothing_else():
    """§5, §11: the lead's own values, then the defaults; no id, no notes, offering_type in both places."""
    async with sandboxed() as account:
        written_ = await account.adapter.create_lead(
            {**PERSON, "price_min": 1500, "price_max": 1800, "stage": "closed"}
        )
        [asked] = account.wire.of("POST")
        assert asked.path == "/leads"
        assert asked.headers["x-mycrm-expand-data"] == "true"
        assert asked.headers["content-type"] == "application/json"
        assert asked.body == {
            "lead": {
                "title": "mr",
                "first_name": "Ada",
                "last_name": "-",
                "mobile": "+971501234567",
                "country": "AE",
                "category": "residential",
                "status": "contractSigned",
                "source": "other",
                "source_channel": "syncd",
                "financial": "cash",
                "offering_type": "sale",
                "preference": {
                    "types": [2],
                    "locations": ["are.2.15"],
                    "from_price": 1500,
                    "to_price": 1800,
                    "amenities": [],
                    "offering_type": "sale",
                },
            }
        }
        assert written_.record is not None
        assert written_.external_id == account.sandbox.ids()[0]


@pytest.mark.parametrize(
    ("wanted", "options", "words"),
    [
        ({"first_name": "Ada"}, {}, "missing mobile"),
        ({**PERSON}, {"create_defaults": {**DEFAULTS, "title": None}}, "missing title"),
        ({"phone": "+971501234567"}, {"create_defaults": {"title": "mr"}}, "missing first_name, last_name, country"),
        ({**PERSON, "price_min": 3000}, {}, "from_price > to_price"),
    ],
)
async def test_what_cannot_be_created_makes_no_call(wanted: dict[str, Any], options: dict[str, Any], words: str):
    """§5: ``cannot create: missing X, Y``, from the lens table for the plan and from the adapter all the same."""
    async with sandboxed(**options) as account:
        assert account.adapter.lenses.obstacle(wanted).startswith(words)
        with pytest.raises(RejectedError, match=f"^cannot create: {words}"):
            await account.adapter.create_lead(wanted)
        assert account.wire.asked == []


@pytest.mark.parametrize("answer", ["id", "empty"])
async def test_a_create_whose_answer_tells_little_is_found(answer: str):
    """§11: the answer is a lead, or only an id; without one the newest lead with these values is it."""
    async with sandboxed({"write_answer": answer}) as account:
        account.sandbox.add_person(first_name="Ada", phones=[("+971501234567", "cell")])
        made = await account.adapter.create_lead(PERSON)
        assert made.external_id == account.sandbox.ids()[-1]
        assert made.record is None


OTHERS = {"fields": {"1": "2 pets"}, "quality": "hot", "mortgage_status": "in-process", "properties": [{"id": 5}, 6]}


async def test_an_update_sends_the_whole_lead_as_it_was_just_read():
    """§11: everything writable goes back, ids out of objects, nulls left out, the changes laid over; read first."""
    shown = lead(1, middle_name=None, amenities=[{"id": 3, "name": "pool"}], **OTHERS)

    def answers(asked: Asked) -> Answer:
        return 200, {"lead": shown if asked.method == "GET" else {**shown, "first_name": "Amazing"}}

    adapter, wire = written(answers)
    stale = Remote("lead", "1", lead(1, last_name="Stale"), b"", listed=False)
    done = await adapter.update_lead(
        "1", {"first_name": "Amazing", "last_name": "Stale"}, frozenset({"first_name"}), stale
    )
    assert [(asked.method, asked.path) for asked in wire.asked] == [("GET", "/leads/1"), ("PUT", "/leads/1")]
    assert wire.asked[-1].body == {
        "lead": {
            "id": 1,
            "title": "ms",
            "first_name": "Amazing",
            "last_name": "Lovelace",
            "email": "p1@example.com",
            "mobile": "0501234567",
            "country": "AE",
            "status": "prospect",
            "quality": "hot",
            "financial": "cash",
            "mortgage_status": "in-process",
            "source": "portal",
            "source_channel": "bayut",
            "category": "residential",
            "offering_type": "rent",
            "user": 7,
            "properties": [5, 6],
            "fields": {"1": "2 pets"},
            "preference": {
                "from_price": 120000,
                "to_price": 125000,
                "types": [2],
                "locations": ["are.3.1200"],
                "offering_type": "rent",
                "amenities": [3],
            },
        }
    }
    assert done.record is not None
    assert adapter.read_lead(done.record).fields["first_name"] == "Amazing"


async def test_what_others_own_survives_a_server_that_clears_what_is_left_out():
    """§11, variant: omitted optional values are cleared; nothing was omitted."""
    async with sandboxed({"put_clears": True, "old_leads": False}) as account:
        agent = account.sandbox.add_agent("a@example.com", "A", "Gent")
        there = account.sandbox.add_person(
            first_name="Ada", middle_name="B", email="ada@example.com", street="1 Way", city="Dubai", quality="hot",
            mortgage_status="in-process", buyer_timeline="3-6", beds_min=2, size_max=99, amenities=[1, 2],
            assignments={"primary": agent}, areas=["are.2.15", "are.3.1200"],
        )  # fmt: skip
        account.sandbox.edit(there, "fields.1", "2 pets")
        account.sandbox.edit(there, "properties", [11])
        account.sandbox.edit(there, "passport", "RDR7800")
        account.sandbox.add_note(there, "Called")
        before = account.sandbox.shows(there)
        await update(account, there, last_name="Byron")
        after = account.sandbox.shows(there)
        assert after == {**before, "last_name": "Byron"}


async def test_a_blanked_field_is_sent_as_null():
    """§11: nulls the lead shows by itself are left out, a field that is to be emptied is not."""
    async with sandboxed({"old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada", middle_name="B", street="1 Way", beds_min=2)
        await account.adapter.update_lead(there, {}, frozenset({"middle_name", "beds_min"}), STALE)
        body = account.wire.of("PUT")[0].body["lead"]
        assert body["middle_name"] is None
        assert body["preference"]["from_bedroom"] is None
        assert "email" not in body
        assert "city" not in body
        shown = account.sandbox.shows(there)
        assert "middle_name" not in shown
        assert shown["street"] == "1 Way"


async def test_an_old_lead_is_filled_with_defaults_when_it_is_updated():
    """§5, §13: old leads show nulls where a PUT demands values: the same order fills them."""
    async with sandboxed() as account:
        there = account.sandbox.add_person(first_name="Ada", phones=[("0501234567", "cell")])
        await update(account, there, first_name="Amazing")
        shown = account.sandbox.shows(there)
        assert (shown["title"], shown["source"], shown["price_min"]) == ("mr", "other/syncd", 1000)
        assert shown["phones"] == [("0501234567", "cell")]


async def test_what_is_still_missing_is_left_out_and_refused():
    """§5: without a default the field is left out of the PUT; MyCRM's refusal names it."""
    async with sandboxed(create_defaults={"title": "mr"}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        with pytest.raises(RejectedError, match="country: this value should not be blank"):
            await update(account, there, first_name="Amazing")
        assert "country" not in account.wire.of("PUT")[0].body["lead"]


async def test_the_channel_of_another_source_is_no_default():
    """§5: nothing is guessed: a source without a channel does not get the default's channel."""
    async with sandboxed() as account:
        there = account.sandbox.add_person(first_name="Ada", phones=[("0501234567", "cell")])
        account.sandbox.records.leads[int(there)]["source"] = "portal"
        with pytest.raises(RejectedError, match="source_channel"):
            await update(account, there, first_name="Amazing")


async def test_stage_and_user_go_by_patch_in_one_call():
    """§11: only these two, no mandatory fields, no read before; values as documented."""
    async with sandboxed() as account:
        agent = account.sandbox.add_agent("a@example.com", "A", "Gent")
        there = account.sandbox.add_person(first_name="Ada")
        wanted = {"stage": "closed", "assignment.primary": agent, "first_name": "Ada"}
        await account.adapter.update_lead(there, wanted, frozenset({"stage", "assignment.primary"}), STALE)
        [asked] = account.wire.asked
        assert (asked.method, asked.path) == ("PATCH", f"/leads/{there}")
        assert asked.body == {
            "operations": [
                {"op": "replace", "path": "/status", "value": "contractSigned"},
                {"op": "replace", "path": "/assignment/user", "value": int(agent)},
            ]
        }
        shown = account.sandbox.shows(there)
        assert (shown["stage"], shown["assignments"]) == ("contractSigned", {"primary": agent})


async def test_both_travel_in_the_put_when_something_else_changes():
    """§11: else both go into the PUT, one write."""
    async with sandboxed({"old_leads": False}) as account:
        agent = account.sandbox.add_agent("a@example.com", "A", "Gent")
        there = account.sandbox.add_person(first_name="Ada")
        await update(account, there, **{"stage": "closed", "assignment.primary": agent, "first_name": "B"})
        assert not account.wire.of("PATCH")
        body = account.wire.of("PUT")[0].body["lead"]
        assert (body["status"], body["user"], body["first_name"]) == ("contractSigned", int(agent), "B")


async def test_the_other_form_of_paths_is_found_out_and_remembered():
    """§11, §13: on 400 once with the id in the path; the next adapter begins with it."""
    async with sandboxed({"patch_paths": "id"}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        await account.adapter.update_lead(there, {"stage": "lost"}, frozenset({"stage"}), STALE)
        assert [asked.body["operations"][0]["path"] for asked in account.wire.asked] == ["/status", f"/{there}/status"]
        account.wire.asked.clear()
        await account.another().update_lead(there, {"stage": "closed"}, frozenset({"stage"}), STALE)
        assert len(account.wire.asked) == 1
        assert account.sandbox.shows(there)["stage"] == "contractSigned"


async def test_what_both_forms_refuse_is_refused():
    """A user nobody knows: two tries, one refusal, nothing learned."""
    async with sandboxed() as account:
        there = account.sandbox.add_person(first_name="Ada")
        with pytest.raises(RejectedError):
            await account.adapter.assign(there, {"primary": "424242"}, STALE)
        assert len(account.wire.of("PATCH")) == 2
        assert "patch_paths" not in account.adapter.memory


async def test_nobody_is_taken_off():
    """§9: no documented way: refused without a call."""
    async with sandboxed() as account:
        with pytest.raises(RejectedError):
            await account.adapter.assign("1", {"primary": None}, STALE)
        assert account.wire.asked == []


@pytest.mark.parametrize(("style", "calls"), [("both", ["lead"]), ("plural", ["lead", "leads", "leads"])])
async def test_a_delete_is_singular_and_then_plural(style: str, calls: list[str]):
    """§11: DELETE /lead/{id}; on 404 the lead is read, and if it lives DELETE /leads/{id}. Its neighbours live on."""
    async with sandboxed({"delete": style}) as account:
        gone, stays = (account.sandbox.add_person(first_name=name) for name in ("Ada", "Grace"))
        await account.adapter.delete_lead(gone, "a test")
        assert account.sandbox.ids() == [stays]
        assert [asked.path.split("/")[1] for asked in account.wire.asked] == calls
        assert {asked.path.split("/")[2] for asked in account.wire.asked} == {gone}


async def test_a_delete_that_is_refused_both_ways_is_refused():
    """405 twice, and the lead lives: RejectedError."""

    def answers(asked: Asked) -> Answer:
        return (405, None) if asked.method == "DELETE" else (200, {"lead": lead(1)})

    adapter, wire = written(answers)
    with pytest.raises(RejectedError):
        await adapter.delete_lead("1", "a test")
    assert [asked.path for asked in wire.of("DELETE")] == ["/lead/1", "/leads/1"]


async def test_a_lead_that_is_gone_is_not_written():
    """404 on the read before a PUT: NotFoundError, and no PUT."""
    async with sandboxed() as account:
        with pytest.raises(NotFoundError):
            await account.adapter.update_lead("99", {"first_name": "A"}, frozenset({"first_name"}), STALE)
        assert not account.wire.of("PUT")


async def test_a_failed_read_before_a_write_has_written_nothing():
    """A server that fails before the PUT: sent is False, so that nobody looks for a note that was never sent."""
    async with sandboxed({"old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        account.sandbox.fault = Script([("before", Fault("error", status=503))] * 9, method="GET")
        with pytest.raises(TransientError) as caught:
            await account.adapter.update_lead(there, {"first_name": "A"}, frozenset({"first_name"}), STALE)
        assert not caught.value.sent


async def test_a_time_frame_that_is_not_stored_is_the_vendors_business():
    """§5: not in the write tables, may be ignored: the write goes through, the next read shows nothing."""
    async with sandboxed({"time_frame_stored": False, "old_leads": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        await update(account, there, buyer_timeline=(3, 6))
        assert account.wire.of("PUT")[0].body["lead"]["time_frame"] == "3-6"
        assert "buyer_timeline" not in await account.fields(there)


async def test_what_is_shown_in_another_spelling_goes_back_as_it_is_written():
    """§5, §11: titles and offers fold, budgets and ids come as text: a PUT sends codes and integers; words stay."""
    shown = lead(1, title="Mrs.", amenities=[{"id": "4", "name": "Pool"}])
    shown["preferences"][0] |= {"offering_type": "Rent", "from_price": "120000", "to_price": 125000.0}
    shown["preferences"][0] |= {"types": [{"id": "2", "name": "Apartment"}]}
    adapter, wire = written(lambda _: (200, {"lead": shown}))
    await adapter.update_lead("1", {"first_name": "A"}, frozenset({"first_name"}), STALE)
    body = wire.of("PUT")[0].body["lead"]
    assert (body["title"], body["offering_type"], body["preference"]["offering_type"]) == ("mrs", "rent", "rent")
    assert (body["preference"]["from_price"], body["preference"]["to_price"]) == (120000, 125000)
    assert (body["preference"]["types"], body["preference"]["amenities"]) == ([2], [4])
    shown |= {"title": "Dr"}
    shown["preferences"][0] |= {"offering_type": "residential"}
    await adapter.update_lead("1", {"first_name": "A"}, frozenset({"first_name"}), STALE)
    body = wire.of("PUT")[-1].body["lead"]
    assert (body["title"], body["offering_type"]) == ("Dr", "residential")


@pytest.mark.parametrize("guard", ["read", "trust"])
async def test_what_a_person_typed_since_the_engine_looked_is_not_written_over(guard: str):
    """The PUT is built on a reading of its own (§11): with write_guard "read" an edit in between is merged first."""
    async with sandboxed(write_guard=guard) as account:
        there = account.sandbox.add_person(first_name="Ada", last_name="Byron", phones=[("+971501234567", "cell")])
        present = await account.adapter.lead(there)
        account.sandbox.edit(there, "first_name", "Typed")
        if guard == "read":
            with pytest.raises(TransientError):
                await account.adapter.update_lead(there, {"first_name": "Anna"}, frozenset({"first_name"}), present)
        else:
            await account.adapter.update_lead(there, {"first_name": "Anna"}, frozenset({"first_name"}), present)
        assert account.sandbox.shows(there)["first_name"] == ("Typed" if guard == "read" else "Anna")
