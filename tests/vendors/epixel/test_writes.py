"""Creating, whole updates, assigning, deleting (vendors/epixel.md §5, §9, §11)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from syncd.domain.errors import ConflictError, RejectedError, TransientError
from tests.vendors.epixel.support import WANTED, Answer, Asked, enveloped, lead, listing, refused, sandboxed, written

PROVEN = {"paths": {"view": "/leads/view/lead/", "update": "/leads/update/lead/", "create": "/leads/create/lead/"}}


def viewing(row: dict[str, Any], *updates: Answer) -> Any:
    """An installation that shows one lead and answers updates one after the other, the last one again and again."""
    left = list(updates or (enveloped({}),))

    def answers(asked: Asked) -> Answer:
        if asked.path == "/leads/view/lead/":
            return enveloped(row)
        if asked.path == "/leads/update/lead/":
            return left.pop(0) if len(left) > 1 else left[0]
        return 404, None

    return answers


async def sent(row: dict[str, Any], changed: set[str], wanted: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The form of an update."""
    adapter, wire = written(viewing(row), memory=PROVEN, **options)
    present = await adapter.lead(row["slug"])
    before = adapter.read_lead(present).fields
    await adapter.update_lead(row["slug"], {**before, **wanted}, frozenset(changed), present)
    [update] = wire.of("update/lead/")
    return update.form


async def test_an_update_says_everything_again():
    """§11: slug and all nine fields from a view just read, changes laid over."""
    row = lead(message="Call me", phone="(415) 555-2671", email="Ada@Example.com")
    assert await sent(row, {"city"}, {"city": "Paris"}) == {
        "slug": "ada-1",
        "first_name": "Ada",
        "last_name": "Byron",
        "email": "Ada@Example.com",
        "phone": "4155552671",
        "status": "new",
        "source": "Website",
        "location": "Paris",
        "message": "Call me",
        "assignee": "jean",
    }


async def test_objects_are_sent_as_their_choices():
    """§5 variant: status and assignee as objects; what is sent is the choice and the username."""
    row = lead(
        status={"status": "contacted", "Description": "Was called"},
        assignee={"username": "jean", "email": "j@example.com", "name": "Jean"},
        location={"name": "London"},
        source={"source": "OPEN HOUSE"},
    )
    form = await sent(row, {"first_name"}, {"first_name": "Grace"})
    assert {name: form[name] for name in ("first_name", "status", "assignee", "location", "source")} == {
        "first_name": "Grace", "status": "contacted", "assignee": "jean", "location": "London", "source": "open_house",
    }  # fmt: skip


async def test_blanks_are_left_out_unless_they_are_cleared():
    """§11: a blank optional value is not said, a cleared one is; an assignee is never blank."""
    form = await sent(lead(assignee=None, message="", source=None), {"city"}, {"city": ""})
    assert form["location"] == ""
    assert not {"assignee", "message", "source"} & set(form)


async def test_the_view_is_read_right_before():
    """§11: always, also with write_guard = "trust": what a person typed since the last reading stays."""
    async with sandboxed(write_guard="trust") as there:
        lead = there.person(city="London")
        present = await there.adapter.lead(lead)
        before = dict(there.adapter.read_lead(present).fields)
        there.sandbox.edit(lead, "message", "Typed meanwhile")
        there.sandbox.edit(lead, "last_name", "Murray")
        await there.adapter.update_lead(lead, {**before, "city": "Paris"}, frozenset({"city"}), present)
        shown = there.sandbox.shows(lead)
        assert (shown["city"], shown["last_name"], shown["message"]) == ("Paris", "Murray", "Typed meanwhile")


async def test_a_required_field_blank_on_both_sides():
    """§11: cannot update: missing X; one that is blank there and known here is filled."""
    row = lead(phone="", last_name="")
    adapter, wire = written(viewing(row), memory=PROVEN)
    present = await adapter.lead("ada-1")
    with pytest.raises(RejectedError, match="cannot update: missing phone"):
        await adapter.update_lead("ada-1", {"city": "Paris", "last_name": "B"}, frozenset({"city"}), present)
    assert not wire.of("update/lead/")
    wanted = {"city": "Paris", "last_name": "B", "phone": "+442079460958"}
    await adapter.update_lead("ada-1", wanted, frozenset({"city"}), present)
    [update] = wire.of("update/lead/")
    assert (update.form["last_name"], update.form["phone"]) == ("B", "442079460958")


async def test_a_name_that_is_too_long_is_refused_here():
    """§5: names are never cut; nothing is sent."""
    adapter, wire = written(viewing(lead()), memory=PROVEN)
    present = await adapter.lead("ada-1")
    with pytest.raises(RejectedError, match="last_name longer than 255"):
        await adapter.update_lead("ada-1", {"last_name": "x" * 256}, frozenset({"last_name"}), present)
    assert not wire.of("update/lead/")


@pytest.mark.parametrize(
    ("field", "text"),
    [("status", "contacted is not a valid choice."), ("source", "x is not a valid choice."),
     ("assignee", "Assignee not found.")],
)  # fmt: skip
async def test_an_old_value_that_is_no_longer_taken_is_left_as_it_stands(field: str, text: str):
    """§6, §9, §11: a choice or a user the installation dropped must not keep a name from changing."""
    adapter, wire = written(viewing(lead(), refused(400, {field: [text]}), enveloped({})), memory=PROVEN)
    present = await adapter.lead("ada-1")
    await adapter.update_lead("ada-1", {"first_name": "Grace"}, frozenset({"first_name"}), present)
    first, second = wire.of("update/lead/")
    assert first.form[field] == lead()[field]
    assert field not in second.form
    assert second.form["first_name"] == "Grace"


@pytest.mark.parametrize(
    ("changed", "body"),
    [({"assignment.primary": "ghost"}, {"errors": {"assignee": ["Assignee not found."]}}),
     ({"assignment.primary": "ghost"}, {"detail": "Assignee not found."}),
     ({"stage": "contacted"}, {"errors": {"status": ["contacted is not a valid choice."]}})],
)  # fmt: skip
async def test_a_new_value_that_is_refused_is_not_sent_again(changed: dict[str, str], body: dict[str, Any]):
    """§11: an update is whole; only an old value nobody changes is a reason to leave something out."""
    adapter, wire = written(viewing(lead(), (400, body)), memory=PROVEN)
    present = await adapter.lead("ada-1")
    with pytest.raises(RejectedError):
        await adapter.update_lead("ada-1", changed, frozenset(changed), present)
    [update] = wire.of("update/lead/")
    assert {"status", "source", "assignee"} <= set(update.form)


async def test_texts_over_the_limit_are_cut():
    """§5: at 255 code points, whoever hands them over uncut."""
    wanted = {"city": "P" * 300, "custom.remark": "r" * 300}
    form = await sent(lead(), set(wanted), wanted, custom={"remark": "message"})
    assert (form["location"], form["message"]) == ("P" * 255, "r" * 255)


async def test_a_stage_without_a_choice_writes_nothing():
    """§6: kept on update; where nothing else changes nothing is said."""
    adapter, wire = written(viewing(lead()), memory=PROVEN)
    present = await adapter.lead("ada-1")
    await adapter.update_lead("ada-1", {"stage": "showing"}, frozenset({"stage"}), present)
    assert not wire.of("update/lead/")


async def test_the_source_is_written_on_create_only():
    """§5: unless the config says `both` or `write`."""
    assert (await sent(lead(), {"city", "source"}, {"city": "P", "source": "open_house"}))["source"] == "Website"
    form = await sent(lead(), {"source"}, {"source": "open_house"}, fields={"source": "both"})
    assert form["source"] == "open_house"


async def test_a_new_lead_says_what_it_knows():
    """§11: the fields of §5; blank ones are left out; the stage and the source as this installation's choices."""
    adapter, wire = written(
        lambda asked: enveloped({"slug": "ada-1"}, 201) if "create" in asked.path else (404, None), memory=PROVEN
    )
    more = {"stage": "contacted", "source": "Open House", "assignment.primary": "jean", "city": ""}
    created = await adapter.create_lead({**WANTED, **more})
    assert (created.external_id, created.existed) == ("ada-1", False)
    [create] = wire.of("create/lead/")
    assert create.form == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "phone": "14155552671",
        "status": "contacted",
        "source": "open_house",
        "assignee": "jean",
    }


@pytest.mark.parametrize("name", ["first_name", "last_name", "email", "phone"])
async def test_nothing_is_invented_for_what_is_missing(name: str):
    """§11: cannot create: missing X, and no call."""
    adapter, wire = written(lambda _: (500, None))
    with pytest.raises(RejectedError, match=f"cannot create: missing {name}"):
        await adapter.create_lead({key: value for key, value in WANTED.items() if key != name})
    assert not wire.asked


@pytest.mark.parametrize("wrap", [enveloped, lambda data: enveloped(data, 201), lambda data: (200, data)])
@pytest.mark.parametrize(
    "data", [{"slug": "ada-1"}, {"lead_slug": "ada-1"}, {"lead": {"slug": "ada-1"}}, [{"slug": "ada-1"}]]
)
async def test_slugs_in_the_answer_to_a_create(data: Any, wrap: Any):
    """§11: `slug`, `lead_slug`, `lead.slug`, with or without envelope."""
    adapter, wire = written(lambda asked: wrap(data) if "create" in asked.path else (404, None), memory=PROVEN)
    assert (await adapter.create_lead(WANTED)).external_id == "ada-1"
    assert not wire.of("list/")


async def test_without_a_slug_the_new_row_of_the_list_is_it():
    """§11: the row with that email and phone, the newest if there are several."""
    old = lead("old", email="ada@example.com", phone="14155552671", created_at="2025-01-01T00:00:00Z")
    new = lead("new", email="ADA@example.com", phone="4155552671", created_at="2026-02-01T00:00:00Z")
    other = lead("other", email="ada@example.com", phone="12129876543", created_at="2026-03-01T00:00:00Z")
    rows = listing(new, old, other)
    adapter, _ = written(lambda asked: enveloped({}) if "create" in asked.path else rows(asked), memory=PROVEN)
    assert (await adapter.create_lead(WANTED)).external_id == "new"


@pytest.mark.parametrize("rows", [[], [lead("x", email="other@example.com")], "fails"])
async def test_a_create_that_cannot_be_found_again_was_sent_all_the_same(rows: Any):
    """§11: whatever goes wrong after the create, nothing may say that it was not carried out: the intent stays."""

    def answers(asked: Asked) -> Answer:
        if "create" in asked.path:
            return enveloped({})
        return (403, None) if rows == "fails" else listing(*rows)(asked)

    adapter, wire = written(
        answers, memory={**PROVEN, "choices": {"at": "2026-03-01T12:00:00Z", "status": [], "source": []}}
    )
    with pytest.raises(TransientError) as caught:
        await adapter.create_lead(WANTED)
    assert caught.value.sent
    assert len(wire.of("create/lead/")) == 1


@pytest.mark.parametrize("answer", [(500, None), (502, b"<html>"), (200, b"{")])
async def test_a_create_is_never_repeated_blindly(answer: Answer):
    """§11: not safe to repeat: one try, and the error says that it may have arrived."""
    adapter, wire = written(lambda asked: answer if "create" in asked.path else (404, None), memory=PROVEN)
    with pytest.raises(TransientError) as caught:
        await adapter.create_lead(WANTED)
    assert caught.value.sent
    assert len(wire.of("create/lead/")) == 1


async def test_a_create_that_fails_before_it_is_sent_leaves_no_doubt():
    """The overview is read first where it is due; if that fails, the create was certainly not sent."""
    adapter, wire = written(lambda _: (503, None))
    with pytest.raises(TransientError) as caught:
        await adapter.create_lead(WANTED)
    assert not caught.value.sent
    assert not wire.of("create/lead/")


@pytest.mark.parametrize("text", ["Lead with this email already exists.", "This field must be unique."])
async def test_a_known_address_is_the_lead_that_has_it(text: str):
    """§11 variant: conflict: found in the list it is linked, invisible it is refused with the reason."""
    rows = listing(lead("there", email="Ada@example.com"))
    taken = refused(400, {"email": [text]})
    adapter, _ = written(lambda asked: taken if "create" in asked.path else rows(asked), memory=PROVEN)
    created = await adapter.create_lead(WANTED)
    assert (created.external_id, created.existed) == ("there", True)
    adapter, _ = written(lambda asked: taken if "create" in asked.path else listing()(asked), memory=PROVEN)
    with pytest.raises(RejectedError, match="exists, but this user may not see it"):
        await adapter.create_lead(WANTED)


@pytest.mark.parametrize(
    "body",
    [{"message": "Lead with this email already exists."}, {"detail": "This field must be unique."},
     {"status_code": 400, "errors": "already exists", "data": {}}],
)  # fmt: skip
async def test_a_refusal_without_a_field_may_be_about_the_address(body: dict[str, Any]):
    """§11, §12: forms without fields: the lead that shows the address is the one; where none does, a conflict stays."""
    rows = listing(lead("there", email="Ada@example.com"))
    adapter, _ = written(lambda asked: (400, body) if "create" in asked.path else rows(asked), memory=PROVEN)
    created = await adapter.create_lead(WANTED)
    assert (created.external_id, created.existed) == ("there", True)
    adapter, _ = written(lambda asked: (400, body) if "create" in asked.path else listing()(asked), memory=PROVEN)
    with pytest.raises(RejectedError if "message" in body else ConflictError):
        await adapter.create_lead(WANTED)


async def test_another_field_that_is_taken_is_a_conflict():
    """§12: 400 with "already exists" or "unique"."""
    taken = refused(400, {"phone": ["Lead with this phone already exists."]})
    adapter, wire = written(lambda asked: taken if "create" in asked.path else (404, None), memory=PROVEN)
    with pytest.raises(ConflictError):
        await adapter.create_lead(WANTED)
    assert not wire.of("list/")


async def test_assigning_is_an_update_and_nobody_is_unassigned():
    """§9: assignee = username in a whole form; there is no way to take one off."""
    async with sandboxed() as there:
        agent = there.sandbox.add_agent("reb@example.com", "Reb", "Ecca")
        lead = there.person(city="London")
        present = await there.adapter.lead(lead)
        await there.adapter.assign(lead, {"primary": agent}, present)
        assert there.sandbox.shows(lead)["assignments"] == {"primary": agent}
        assert there.sandbox.shows(lead)["city"] == "London"
        before = there.sandbox.writes
        for roles in ({"primary": None}, {"listing": agent}):
            with pytest.raises(RejectedError):
                await there.adapter.assign(lead, roles, present)
        assert there.sandbox.writes == before
        with pytest.raises(RejectedError, match="assignee names nobody there"):
            await there.adapter.assign(lead, {"primary": "nobody"}, await there.adapter.lead(lead))


async def test_deletes_are_soft_and_safe_to_repeat():
    """§11, §13: POST slug; "already has a deleted status" is done; no right is a refusal."""
    async with sandboxed() as there:
        lead = there.person()
        await there.adapter.delete_lead(lead, "a test")
        await there.adapter.delete_lead(lead, "a test")
        assert there.sandbox.ids() == []
        assert [asked.form for asked in there.wire.of("delete/lead/")] == [{"slug": lead}] * 2
    refusing, _ = written(lambda _: refused(401, {"detail": "You can't delete this lead."}))
    with pytest.raises(RejectedError):
        await refusing.delete_lead("x", "a test")


async def test_what_epixel_has_no_call_for_is_refused_without_one():
    """§8, §14: labels, editing notes."""
    async with sandboxed() as there:
        lead = there.person()
        present = await there.adapter.lead(lead)
        asked = len(there.wire.asked)
        for work in (
            there.adapter.add_labels(lead, frozenset({"Hot"}), present),
            there.adapter.remove_labels(lead, frozenset({"Hot"}), present),
            there.adapter.update_note(lead, "1", None),  # type: ignore[arg-type]
        ):
            with pytest.raises(RejectedError):
                await work
        assert len(there.wire.asked) == asked


async def test_what_was_learned_is_json_and_holds_nothing_of_a_lead():
    """The memory of a connection: paths, choices, agents, hashes."""
    async with sandboxed() as there:
        created = await there.adapter.create_lead({**WANTED, "phone": "+6581234567"})
        await there.pages()
        memory = orjson.dumps(there.adapter.memory).decode()
        for secret in ("ada@example.com", "Lovelace", "6581234567", created.external_id):
            assert secret not in memory
        assert (await there.another().lead(created.external_id)).payload["phone"] == "6581234567"
        fields = there.another().read_lead(await there.adapter.lead(created.external_id)).fields
        assert fields["phone"] == "+6581234567"


@pytest.mark.parametrize("guard", ["read", "trust"])
async def test_what_a_person_typed_since_the_engine_looked_is_not_written_over(guard: str):
    """The form is built on a view of its own (§11): with write_guard "read" an edit in between is merged first."""
    async with sandboxed(write_guard=guard) as there:
        lead = there.person(city="London")
        present = await there.adapter.lead(lead)
        there.sandbox.edit(lead, "city", "Typed")
        if guard == "read":
            with pytest.raises(TransientError):
                await there.adapter.update_lead(lead, {"city": "Paris"}, frozenset({"city"}), present)
        else:
            await there.adapter.update_lead(lead, {"city": "Paris"}, frozenset({"city"}), present)
        assert there.sandbox.shows(lead)["city"] == ("Typed" if guard == "read" else "Paris")
