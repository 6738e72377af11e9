"""Walks of the lead list: every way they end, what they promise, and how they go on (vendors/cinc.md §3, §10)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from syncd.domain.errors import TransientError, UnreadableError
from syncd.ports.vendor import Page
from syncd.sandbox.faults import Fault, Script
from syncd.sandbox.inprocess import SandboxTransport
from syncd.vendors.cinc.adapter import CincAdapter
from tests.vendors.cinc.support import Answer, Asked, row, sandboxed, written

FULL = [row(n) for n in range(500)]


async def walk(adapter: CincAdapter, cursor: str | None = None, *, full: bool = True) -> list[Page]:
    """All pages of a walk."""
    return [page async for page in adapter.leads(cursor, full=full)]


def ids(pages: list[Page]) -> list[str]:
    """Ids of all rows, in order."""
    return [remote.external_id for page in pages for remote in page.rows]


@pytest.mark.parametrize("last", [{}, {"next": None}, {"next": ""}], ids=["absent", "null", "empty"])
async def test_a_short_page_without_a_next_ends_the_list(last: dict[str, Any]):
    """Absent, null and "" say the same; `count` and extra keys are not believed."""
    adapter, site = written(lambda _: (200, {"paging": {"limit": 500, "count": 9000, **last}, "leads": FULL[:3]}))
    pages = await walk(adapter)
    assert ids(pages) == ["L0", "L1", "L2"]
    assert pages[-1].complete
    assert len(site.asked) == 1


async def test_a_next_is_sent_back_with_the_limit_and_without_an_offset():
    """The hash is opaque, a number too; the last page has none."""

    def answers(asked: Asked) -> Answer:
        if asked.query.get("next") == "8":
            return 200, {"body": {"paging": {}, "leads": FULL[2:4]}, "header": {}}
        return 200, {"body": {"paging": {"next": 8, "limit": 2}, "leads": FULL[:2]}, "header": {}}

    adapter, site = written(answers)
    pages = await walk(adapter)
    assert ids(pages) == ["L0", "L1", "L2", "L3"]
    assert [asked.query for asked in site.asked] == [{"limit": "500"}, {"limit": "500", "next": "8"}]
    assert [page.complete for page in pages] == [False, True]


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"paging": {"limit": "500"}, "leads": rows}])
async def test_a_full_page_without_a_next_is_asked_once_more_by_offset(wrap: Any):
    """Also a bare list; the empty page ends it."""

    def answers(asked: Asked) -> Answer:
        at = int(asked.query.get("offset", 0))
        return 200, wrap(FULL[at : at + int(asked.query["limit"])])

    adapter, site = written(answers)
    pages = await walk(adapter)
    assert len(ids(pages)) == 500
    assert pages[-1].complete
    assert [(asked.query.get("offset"), asked.query["limit"]) for asked in site.asked] == [
        (None, "500"), ("500", "500"), ("499", "1"),
    ]  # fmt: skip


async def test_a_full_page_is_one_as_long_as_the_limit_told():
    """A site that caps the limit at 100 is walked to its end."""

    def answers(asked: Asked) -> Answer:
        at = int(asked.query.get("offset", 0))
        limit = min(100, int(asked.query["limit"]))
        return 200, {"paging": {"limit": limit}, "leads": FULL[at : at + limit]}

    adapter, site = written(answers)
    pages = await walk(adapter)
    assert len(ids(pages)) == 500
    assert pages[-1].complete
    assert [asked.query.get("offset") for asked in site.asked if asked.query["limit"] == "500"] == [
        None, "100", "200", "300", "400", "500",
    ]  # fmt: skip


async def test_a_row_deleted_between_two_offsets_costs_the_proof():
    """It hides another row: that one is not gone."""
    async with sandboxed({"paging": "offset", "page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(25)]
        pages = []
        async for page in account.adapter.leads(None, full=True):
            pages.append(page)
            if len(pages) == 1:
                account.sandbox.delete(made[3])
        assert made[10] not in ids(pages)
        assert not pages[-1].complete


async def test_a_next_equal_to_the_one_sent_ends_the_list():
    """Some lists end by repeating themselves."""
    adapter, site = written(lambda _: (200, {"paging": {"next": "same"}, "leads": FULL[:2]}))
    pages = await walk(adapter)
    assert ids(pages) == ["L0", "L1"]
    assert len(site.asked) == 2
    assert pages[-1].complete


async def test_a_list_that_ignores_offset_ends_and_proves_nothing():
    """The same full page again and again: the walk stops, and absence is no evidence."""
    adapter, site = written(lambda _: (200, {"paging": {"limit": 500}, "leads": FULL}))
    pages = await walk(adapter)
    assert len(ids(pages)) == 500
    assert not any(page.complete for page in pages)
    assert len(site.asked) == 3


async def test_rows_come_once():
    """A row that moved to a later page is not told twice."""

    def answers(asked: Asked) -> Answer:
        if "next" in asked.query:
            return 200, {"paging": {}, "leads": FULL[1:3]}
        return 200, {"paging": {"next": "n"}, "leads": FULL[:2]}

    adapter, _ = written(answers)
    assert ids(await walk(adapter)) == ["L0", "L1", "L2"]


async def test_rows_without_an_id_are_broken_and_spoil_only_the_proof():
    """They go to quarantine; ids that are numbers are ids."""
    rows = [{**row(1), "id": 17}, {"info": {}}, "text", {"id": None}]
    adapter, _ = written(lambda _: (200, {"paging": {}, "leads": rows}))
    (page,) = await walk(adapter)
    assert ids([page]) == ["17"]
    assert len(page.broken) == 3
    assert not page.complete


@pytest.mark.parametrize("data", [{}, {"message": "hello"}, {"leads": {}}, {"leads": "none"}, None, "text"])
async def test_an_answer_that_is_no_list_is_not_an_empty_list(data: Any):
    """It would read as "all of them are gone"."""
    adapter, _ = written(lambda _: (200, data))
    with pytest.raises((UnreadableError, TransientError)):
        await walk(adapter)


async def test_the_mark_is_the_highest_time_and_the_overlap_is_taken_off():
    """The next walk asks from the mark minus 300 s, in the documented spelling."""
    dates = ["2026-01-01T00:00:00.123456+01:00", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05.5", None]
    rows = [row(n, info={"updated_date": date}) for n, date in enumerate(dates)]
    adapter, site = written(lambda _: (200, {"paging": {}, "leads": rows}))
    cursor = (await walk(adapter))[-1].cursor
    pages = await walk(adapter, cursor, full=False)
    assert site.asked[-1].query["info.updated_date:gte"] == "2026-01-02T02:59:05.500Z"
    assert ids(pages) == ["L1", "L2", "L3"], "an ignored term returns everything: rows are checked, unknown times kept"
    assert not pages[-1].complete


async def test_the_mark_never_passes_the_beginning_of_the_walk():
    """A row that changes behind the walk's back is seen next time, however long the walk took."""
    later = row(1, info={"updated_date": "2026-03-01T14:00:00.000Z"})  # two hours after the walk began
    adapter, _ = written(lambda _: (200, {"paging": {}, "leads": [later]}))
    mark = orjson.loads((await walk(adapter))[-1].cursor or "{}")["mark"]
    assert mark <= "2026-03-01T12:00:00"


async def test_an_empty_walk_leaves_the_mark_where_it_was():
    """No rows, no news."""
    cursor = orjson.dumps({"mark": "2026-01-01T00:00:00Z"}).decode()
    adapter, _ = written(lambda _: (200, {"paging": {}, "leads": []}))
    (page,) = await walk(adapter, cursor, full=False)
    assert orjson.loads(page.cursor or "{}")["mark"].startswith("2026-01-01T00:00:00")


async def test_a_refused_time_term_is_remembered():
    """400: walk and compare instead, now and ever after, also in the next process."""

    def answers(asked: Asked) -> Answer:
        if "info.updated_date:gte" in asked.query:
            return 400, {"message": "no"}
        return 200, {"paging": {}, "leads": [row(1), row(2, info={"updated_date": "2026-02-01T00:00:00Z"})]}

    adapter, site = written(answers)
    cursor = orjson.dumps({"mark": "2026-02-01T00:00:00Z"}).decode()
    assert ids(await walk(adapter, cursor, full=False)) == ["L2"]
    assert ids(await walk(adapter, cursor, full=False)) == ["L2"]
    assert len(site.asked) == 3
    successor, site = written(answers, memory=dict(adapter.memory))
    await walk(successor, cursor, full=False)
    assert len(site.asked) == 1


async def test_a_bad_request_that_is_not_about_the_term_is_not_held_against_it():
    """If the list refuses without the term as well, nothing is remembered."""
    adapter, _ = written(lambda _: (400, {"message": "no"}))
    with pytest.raises(Exception, match="400"):
        await walk(adapter, orjson.dumps({"mark": "2026-02-01T00:00:00Z"}).decode(), full=False)
    assert "refused_terms" not in adapter.memory


async def test_an_interrupted_walk_goes_on_by_its_next():
    """The pages so far are not asked for again; the end promises no completeness."""
    async with sandboxed({"page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(35)]
        seen: list[str] = []
        cursor = None
        async for page in account.adapter.leads(None, full=False):
            seen += ids([page])
            cursor = page.cursor
            if len(seen) == 20:
                break
        account.sandbox.forget_calls()
        pages = await account.walk(cursor, full=False)
        assert seen + ids(pages) == made
        assert account.sandbox.reads == 2
        assert not pages[-1].complete
        assert "at" not in orjson.loads(pages[-1].cursor or "{}")


async def test_an_interrupted_walk_whose_next_is_refused_goes_on_from_the_last_lead():
    """`from=id:` is inclusive; if that lead is gone as well, the walk starts anew."""
    async with sandboxed({"page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(35)]
        first = await anext(account.adapter.leads(None, full=False))
        account.sandbox.forget_pages()  # type: ignore[attr-defined]
        assert ids(await account.walk(first.cursor, full=False)) == made[9:]
        account.sandbox.forget_pages()  # type: ignore[attr-defined]
        account.sandbox.delete(made[9])
        assert ids(await account.walk(first.cursor, full=False)) == made[:9] + made[10:]


async def test_a_full_walk_starts_anew_and_promises_only_at_its_end():
    """Even from the cursor of a walk that was broken off."""
    async with sandboxed({"page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(25)]
        first = await anext(account.adapter.leads(None, full=False))
        pages = await account.walk(first.cursor, full=True)
        assert ids(pages) == made
        assert [page.complete for page in pages] == [False, False, True]
        assert [page.cursor is None for page in pages] == [True, True, False]


async def test_a_next_refused_in_the_middle_costs_the_proof_only():
    """The walk ends with every lead, and says nothing about absence."""
    async with sandboxed({"page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(25)]
        pages = []
        async for page in account.adapter.leads(None, full=True):
            pages.append(page)
            if len(pages) == 1:
                account.sandbox.forget_pages()  # type: ignore[attr-defined]
        assert ids(pages) == made
        assert not pages[-1].complete


async def test_a_page_that_fails_promises_nothing():
    """TransientError in the middle: no cursor, no completeness."""
    async with sandboxed({"page_max": 10}) as account:
        for n in range(25):
            account.sandbox.add_person(email=f"p{n}@example.com")
        pages = aiter(account.adapter.leads(None, full=True))
        first = await anext(pages)
        account.sandbox.fault = Script([("before", Fault("error"))] * 20)
        with pytest.raises(TransientError):
            await anext(pages)
        assert (first.complete, first.cursor) == (False, None)


@pytest.mark.parametrize(
    "switches",
    [{"paging": "offset"}, {"paging": "bare"}, {"last_next": "null"}, {"last_next": "empty"}, {"wrapper": True}],
)
async def test_every_paging_of_the_sandbox_is_walked_whole(switches: dict[str, Any]):
    """1,000 leads are two full pages and, without hashes, an empty one."""
    async with sandboxed(switches) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(1000)]
        pages = await account.walk()
        assert ids(pages) == made
        assert pages[-1].complete


@pytest.mark.parametrize("terms", ["work", "ignored", "refused"])
async def test_an_edit_is_seen_whatever_becomes_of_the_time_term(terms: str):
    """The edited lead comes, the old one does not."""
    async with sandboxed({"date_terms": terms}) as account:
        old = account.sandbox.add_person(email="old@example.com")
        await account.clock.sleep(3600)
        lead = account.sandbox.add_person(email="new@example.com")
        cursor = (await account.walk())[-1].cursor
        await account.clock.sleep(60)
        account.sandbox.edit(lead, "first_name", "Zoe")
        found = ids(await account.walk(cursor, full=False))
        assert lead in found
        assert old not in found


async def test_hidden_sections_are_not_told_until_the_list_shows_them():
    """Labels that no list row ever showed are not blank; a single read tells them."""
    async with sandboxed({"list_hides": ("labels",)}) as account:
        lead = await account.person(email="a@example.com")
        account.sandbox.add_label(lead, "Hot")
        (page,) = await account.walk()
        (remote,) = page.rows
        assert not remote.complete
        reading = account.adapter.read_lead(remote)
        assert "labels" not in reading.told
        assert {"stage", "email", "assignment.primary"} <= reading.told
        single = await account.adapter.lead(lead)
        assert single.complete
        assert account.adapter.read_lead(single).fields["labels"] == frozenset({"Hot"})


async def test_a_section_seen_once_is_blank_where_it_lacks():
    """One lead with labels in the list, and all others' missing labels are blanks, also for the next process."""
    async with sandboxed() as account:
        bare, labelled = [await account.person(email=f"{n}@example.com") for n in "ab"]
        (page,) = await account.walk()
        assert not any(remote.complete for remote in page.rows)
        account.sandbox.add_label(labelled, "Hot")
        (page,) = await account.walk()
        by_id = {remote.external_id: remote for remote in page.rows}
        assert by_id[bare].complete
        reading = account.adapter.read_lead(by_id[bare])
        assert "labels" in reading.told
        assert "labels" not in reading.fields
        account.sandbox.remove_label(labelled, "Hot")
        successor = account.another(memory=dict(account.adapter.memory), transport=_transport(account))
        assert all([remote.complete async for page in successor.leads(None, full=True) for remote in page.rows])


async def test_a_log_in_does_not_change_the_digest_and_an_edit_does():
    """What a lead does on the site is no news."""
    async with sandboxed() as account:
        lead = await account.person(email="a@example.com")
        before = (await account.walk())[0].rows[0].digest
        account.sandbox.edit(lead, "logged_in", value=True)
        assert (await account.walk())[0].rows[0].digest == before
        account.sandbox.edit(lead, "stage", "Showing")
        assert (await account.walk())[0].rows[0].digest != before


def _transport(account: Any) -> Any:

    return SandboxTransport({"account.sandbox": account.sandbox})
