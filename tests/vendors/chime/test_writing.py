"""What Chime's adapter writes, over both dialects: leads, labels, roles, notes (vendors/chime.md §7–§9, §11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.domain.errors import AuthError, NotFoundError, RejectedError, TransientError
from syncd.domain.lead import Phone
from syncd.ports.vendor import NoteDraft, Remote
from syncd.sandbox.faults import Fault, always
from tests.vendors.chime.harness import account, scripted

DIALECTS = pytest.mark.parametrize("dialect", ["chime", "lofty"])
EMPTY = (200, {"_metadata": {"total": 0}, "leads": []})


@DIALECTS
@pytest.mark.parametrize("answer", ["object", "number", "string", "wrapped", "unquoted"])
async def test_a_create_takes_the_id_in_every_form(dialect: str, answer: str):
    """JSON objects, bare numbers and strings, and the document's own unquoted sample."""
    there = account(dialect, switches={"create_answer": answer})
    written = await there.adapter.create_lead({"last_name": "Li", "labels": frozenset({"7", "x"})})
    assert there.sandbox.ids() == [written.external_id]
    [sent] = there.wire.of("POST")
    assert sent.body == {
        "firstName": "-",
        "lastName": "Li",
        "tags": ["7", "x"],
        "leadAlert": False,
        "welcomeEmail": False,
    }
    assert there.sandbox.mails == []


async def test_a_create_whose_answer_tells_no_id_may_have_happened():
    """Half an answer: transient and sent, so that the engine looks before it repeats."""
    for body in (b'{"leadId": 12', b"{}", None, {"leadId": 0}):
        adapter, _ = scripted(lambda *_, body=body: (200, body))
        with pytest.raises(TransientError) as caught:
            await adapter.create_lead({"first_name": "Ada"})
        assert caught.value.sent


async def test_a_success_with_an_error_code_and_no_data_is_rejected():
    """200 with a code is no success."""
    adapter, _ = scripted(lambda *_: (200, {"errorCode": "20043", "message": "no"}))
    with pytest.raises(RejectedError):
        await adapter.create_lead({"first_name": "Ada"})


@DIALECTS
async def test_the_default_assignee_prevents_routing(dialect: str):
    """By address or id; a lead with an owner of its own keeps it; without the option the vendor routes."""
    there = account(dialect, default_assignee="boss@x.com")
    boss, other = (there.sandbox.add_agent(f"{n}@x.com", n, "A") for n in ("boss", "other"))
    lead = (await there.adapter.create_lead({"first_name": "A"})).external_id
    owned = (await there.adapter.create_lead({"first_name": "B", "assignment.primary": other})).external_id
    assert there.sandbox.shows(lead)["assignments"] == {"primary": boss}
    assert there.sandbox.shows(owned)["assignments"] == {"primary": other}
    assert [sent.body["assignedUserId"] for sent in there.wire.of("POST")] == [int(boss), int(other)]


@DIALECTS
async def test_roles_go_out_under_the_dialects_own_key(dialect: str):
    """Assiginee or assignee, never the other one; an emptied role has neither; only the roles named change."""
    there = account(dialect)
    agent = there.sandbox.add_agent("a@x.com", "A", "A")
    lead = there.sandbox.add_person(first_name="Ada", assignments={"assistant": agent})
    present = await there.adapter.lead(lead)
    await there.adapter.assign(lead, {"primary": agent, "lender": agent, "assistant": None}, present)
    assert there.sandbox.shows(lead)["assignments"] == {"primary": agent, "lender": agent}
    key = "assiginee" if dialect == "chime" else "assignee"
    assert there.wire.of("POST", "/assignment")[0].body == [{"role": "Assistant"}, {"role": "Lender", key: "a@x.com"}]
    with pytest.raises(RejectedError):
        await there.adapter.assign(lead, {"primary": None}, present)


async def test_an_owner_without_a_user_id_is_set_by_address():
    """A member known only by the member record is named in /assignment with role Agent, not by its id."""
    members = [{"id": 5, "memberUserId": -1, "email": "A@x.com"}]

    def answer(_method: str, path: str, _query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"_metadata": {"total": 1}, "members": members} if path.endswith("members") else {"leadId": 1}

    adapter, wire = scripted(answer)
    [agent] = await adapter.agents()
    assert (agent.external_id, adapter.read_agent(agent).email) == ("5", "a@x.com")
    await adapter.assign("1", {"primary": "5"}, Remote("lead", "1", {"leadId": 1}, b""))
    assert not wire.of("PUT")
    assert wire.of("POST")[0].body == [{"role": "Agent", "assiginee": "a@x.com"}]


async def test_a_team_without_members_has_none():
    """404 with 20003 on the member list is an answer; any other 404 there is not."""
    there = account()
    there.sandbox.members.clear()
    assert await there.adapter.agents() == []
    there.sandbox.fault = always(Fault("error", status=404))
    with pytest.raises(RejectedError):
        await there.adapter.agents()


async def test_a_pond_is_left_alone():
    """No write names the owner of a lead that waits in a pond."""
    there = account()
    agent = there.sandbox.add_agent("a@x.com", "A", "A")
    lead = there.sandbox.add_person(first_name="Ada")
    there.sandbox.to_pond(lead)
    await there.adapter.assign(lead, {"primary": agent}, await there.adapter.lead(lead))
    assert there.sandbox.shows(lead)["assignments"] == {}
    assert there.sandbox.shows(lead)["pond"]


@pytest.mark.parametrize("put", ["object", "string", "empty"])
async def test_labels_come_off_alone_and_the_rest_as_spelled(put: str):
    """GET, PUT of tags alone, GET: nothing else travels, others keep their spelling."""
    there = account(switches={"put_answer": put})
    lead = there.sandbox.add_person(first_name="Ada", labels=["KEEP me", "Gone"])
    present = await there.adapter.lead(lead)
    there.wire.sent.clear()
    await there.adapter.remove_labels(lead, frozenset({"gone"}), present)
    assert [(sent.method, sent.body) for sent in there.wire.sent] == [
        ("GET", None), ("PUT", {"tags": ["KEEP me"]}), ("GET", None),
    ]  # fmt: skip


@pytest.mark.parametrize("empty", ["keep", "refuse"])
async def test_a_last_label_that_stays_is_reported(empty: str):
    """A vendor that ignores or refuses an empty list keeps the tag: rejected, after one try."""
    there = account(switches={"empty_tags": empty})
    lead = there.sandbox.add_person(first_name="Ada", labels=["Last"])
    with pytest.raises(RejectedError):
        await there.adapter.remove_labels(lead, frozenset({"Last"}), await there.adapter.lead(lead))
    assert len(there.wire.of("PUT")) == 1
    assert there.sandbox.shows(lead)["labels"] == ["Last"]


async def test_lofty_writes_the_stage_its_team_has():
    """The first of our words among the team's, in its spelling; without any the field alone is rejected."""
    there = account("lofty", switches={"stages": ("NEW LEADS", "Sold")})
    lead = there.sandbox.add_person(first_name="Ada", stage="Sold")
    present = await there.adapter.lead(lead)
    await there.adapter.update_lead(lead, {"stage": "new"}, frozenset({"stage"}), present)
    assert there.sandbox.shows(lead)["stage"] == "NEW LEADS"
    with pytest.raises(RejectedError):
        await there.adapter.update_lead(lead, {"stage": "qualified"}, frozenset({"stage"}), present)
    await there.adapter.update_lead(lead, {"stage": "lost", "city": "Rome"}, frozenset({"stage", "city"}), present)
    assert there.sandbox.shows(lead)["city"] == "Rome"
    assert len(there.wire.of("GET", "/lead-pipelines")) == 1


async def test_a_missing_permission_is_a_capability_on_writes_and_credentials_on_lists():
    """403 on a note: rejected. 403 on the leads or on /me: the connection pauses."""
    adapter, _ = scripted(lambda *_: (403, {"code": 200100, "message": "no permission for this API"}))
    for call in (lambda: adapter.create_note("1", NoteDraft("x"), None), lambda: adapter.notes("1", {})):
        with pytest.raises(RejectedError):
            await call()
    with pytest.raises(AuthError):
        await adapter.check()
    with pytest.raises(AuthError):
        _ = [page async for page in adapter.leads(None, full=True)]


# -- notes and logs ------------------------------------------------------------------------------


@DIALECTS
@pytest.mark.parametrize("answer", ["object", "number", "string", "empty"])
async def test_a_note_is_found_whatever_its_answer(dialect: str, answer: str):
    """The id in any form; without one, the list shows which note is ours, the newest of its text."""
    there = account(dialect, switches={"note_answer": answer})
    lead = there.sandbox.add_person(first_name="Ada", notes=["same"])
    there.clock.elapsed_s += 5
    note = (await there.adapter.create_note(lead, NoteDraft("same", pinned=True), None)).external_id
    [sent] = there.wire.of("POST")
    assert sent.body == {"leadId": int(lead), "content": "same", "isPin": True}
    assert note == there.sandbox.shows(lead)["notes"][-1][0]
    with pytest.raises(TransientError):
        await there.adapter.update_note(lead, note, NoteDraft("new"))
    there.clock.elapsed_s += 5
    await there.adapter.update_note(lead, note, NoteDraft("new"))
    await there.adapter.delete_note(lead, note)
    await there.adapter.delete_note(lead, note)
    assert [text for _, text in there.sandbox.shows(lead)["notes"]] == ["same"]


async def test_a_note_that_was_written_never_looks_unwritten():
    """No id in the answer and a list that fails: the note is there, so the call succeeds without an id."""

    def answer(method: str, _path: str, _query: dict[str, str]) -> tuple[int, Any]:
        return (200, None) if method == "POST" else (404, None)

    adapter, _ = scripted(answer)
    assert (await adapter.create_note("1", NoteDraft("x"), None)).external_id == ""


async def test_notes_of_others_system_notes_and_deleted_ones_are_no_notes_of_ours():
    """Flagged rows are gone, system notes are never read; rows of another lead make the list incomplete."""
    rows = [
        {"noteId": 3, "id": 30, "leadId": 1, "content": "a", "createTime": "2026-06-01 10:00:00", "creatorId": 8},
        {"noteId": 4, "id": 40, "leadId": 1, "content": "b", "deleteFlag": True},
        {"noteId": 5, "id": 50, "leadId": 1, "content": "c", "systemNote": True},
        {"noteId": -1, "id": 60, "leadId": 1, "content": "d"},
    ]
    adapter, _ = scripted(lambda *_: (200, rows))
    listing = await adapter.notes("1", {})
    assert (listing.present, listing.complete) == (frozenset({"3", "60"}), True)
    first = adapter.read_note(next(row for row in listing.rows if row.external_id == "3"))
    assert (first.author, first.written_at) == ("8", datetime(2026, 6, 1, 10, 0, tzinfo=UTC))
    adapter, _ = scripted(lambda *_: (200, {"notes": [*rows, {"noteId": 9, "leadId": 2, "content": "x"}]}))
    assert not (await adapter.notes("1", {})).complete


@DIALECTS
async def test_logs_are_notes_of_their_kind_where_configured(dialect: str):
    """Off: plain notes only. Both: a call becomes a log with the number called, read back, deleted, never edited."""
    there = account(dialect, logs="both")
    lead = there.sandbox.add_person(first_name="Ada", phones=["2125550123"])
    there.sandbox.add_log(lead, "logText", "hello")
    note = (await there.adapter.create_note(lead, NoteDraft("rang", kind="call"), None)).external_id
    assert note.startswith("log:")
    assert there.wire.of("POST")[0].body["leadPhoneNumber"] == "2125550123"
    listing = await there.adapter.notes(lead, {})
    read = {row.external_id: there.adapter.read_note(row) for row in listing.rows}
    assert {(n.kind, n.text) for n in read.values()} == {("call", "rang"), ("text", "hello")}
    with pytest.raises(RejectedError):
        await there.adapter.update_note(lead, note, NoteDraft("x"))
    await there.adapter.delete_note(lead, note)
    assert (await there.adapter.notes(lead, listing.marks)).present == read.keys() - {note}
    plain = account(dialect)
    lead = plain.sandbox.add_person(first_name="Ada")
    plain.sandbox.add_log(lead, "logText", "hello")
    await plain.adapter.create_note(lead, NoteDraft("rang", kind="call"), None)
    assert [row.external_id for row in (await plain.adapter.notes(lead, {})).rows] == [
        plain.sandbox.shows(lead)["notes"][0][0]
    ]


async def test_a_call_without_a_number_becomes_a_plain_note():
    """A log of a call needs a number; a lead without one still gets the text."""
    there = account(logs="both")
    lead = there.sandbox.add_person(first_name="Ada")
    await there.adapter.create_note(lead, NoteDraft("rang", kind="call"), await there.adapter.lead(lead))
    assert [text for _, text in there.sandbox.shows(lead)["notes"]] == ["rang"]


async def test_all_notes_gone_is_checked_against_the_lead():
    """An empty list where notes were known says something only if the lead is there."""

    def answer(_method: str, path: str, _query: dict[str, str]) -> tuple[int, Any]:
        return (200, []) if path.endswith("notes") else (404, None)

    adapter, wire = scripted(answer)
    with pytest.raises(NotFoundError):
        await adapter.notes("1", {"3": "mark"})
    wire.sent.clear()
    assert (await adapter.notes("1", {})).complete
    assert len(wire.sent) == 1


@DIALECTS
async def test_what_was_written_reads_back_through_the_wire(dialect: str):
    """A short whole: create, read, update, with numbers above 2**53 and characters beyond the limits."""
    there = account(dialect, switches={"lag_s": 0.0})
    wanted = there.adapter.lenses.show(
        {"first_name": "x" * 40, "phone": "+12125550123", "phones": frozenset({Phone("+12125550123", "cell")})}, {}
    )
    lead = (await there.adapter.create_lead(wanted)).external_id
    fields = await there.fields(lead)
    assert {name: fields[name] for name in wanted} == wanted
    assert fields["first_name"] == "x" * 30
    assert int(lead) > 2**53
    assert there.clock.elapsed_s < timedelta(minutes=1).total_seconds()


async def test_a_failure_before_the_create_was_certainly_not_sent():
    """Looking up members or stages first: if that fails, nothing was created and nobody need look for it."""
    there = account("lofty", default_assignee="boss@x.com")
    there.sandbox.fault = always(Fault("error", status=503))
    with pytest.raises(TransientError) as caught:
        await there.adapter.create_lead({"first_name": "Ada", "stage": "new"})
    assert not caught.value.sent
    assert not there.wire.of("POST")
