"""Walks of the lead list: how they end, what they prove, which days they ask for (vendors/mycrm.md §3, §10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.domain.errors import AuthError, NotFoundError, RejectedError, UnreadableError
from tests.vendors.clocks import START
from tests.vendors.mycrm.support import Answer, Asked, lead, sandboxed, written


def ids(pages: list[Any]) -> list[str]:
    """The ids of all rows."""
    return [row.external_id for page in pages for row in page.rows]


async def walk(adapter: Any, cursor: str | None = None, *, full: bool = True) -> list[Any]:
    """All pages."""
    return [page async for page in adapter.leads(cursor, full=full)]


def paged(total: int, size: int, **more: Any) -> Any:
    """Answers of an account with ``total`` leads that decides the size of its pages itself."""

    def answers(asked: Asked) -> Answer:
        first = (int(asked.query["page"]) - 1) * size
        rows = [lead(number) for number in range(1, total + 1)][first : first + size]
        if more.get("missing") and not rows and first:
            return 404, {"code": 404, "message": "Not Found"}
        body: dict[str, Any] = {more.get("key", "leads"): rows}
        if more.get("count", True):
            body["count"] = total
        return 200, rows if more.get("bare") else body

    return answers


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, 3),
        ({"key": "data"}, 3),
        ({"count": False}, 5),
        ({"bare": True}, 5),
        ({"count": False, "missing": True}, 5),
    ],
    ids=["count", "data", "no-count", "bare", "404"],
)
async def test_pages_of_any_size_are_walked_to_their_end(more: dict[str, Any], asked: int):
    """§3, §13: 230 leads in pages of 100, 100, 30 although nobody told the size; the walk proves itself complete.

    Without a total each further page costs a look whether the page before it still stands.
    """
    adapter, wire = written(paged(230, 100, **more))
    pages = await walk(adapter)
    assert ids(pages) == [str(number) for number in range(1, 231)]
    assert [page.complete for page in pages] == [False, False, True]
    assert len(wire.asked) == asked
    first = wire.asked[0]
    assert first.query == {"page": "1", "per_page": "100", "sort": "id", "sort_order": "ASC"}
    assert {call.headers["x-mycrm-expand-data"] for call in wire.asked} == {"true"}


@pytest.mark.parametrize(("total", "calls"), [(0, 1), (1, 1), (40, 4)])
async def test_short_lists_without_a_total(total: int, calls: int):
    """§3: a page 1 with fewer than 2 rows ends at once; full pages end with an empty one."""
    adapter, wire = written(paged(total, 20, count=False))
    pages = await walk(adapter)
    assert len(ids(pages)) == total
    assert pages[-1].complete
    assert len(wire.asked) == calls


@pytest.mark.parametrize("count", [True, False])
async def test_a_server_that_ignores_the_page_ends_the_walk(*, count: bool):
    """§3: a page whose ids were all seen is the end; incomplete only if fewer came than were told.

    Without a total page 2 is page 1 again: a list without pages, whose deletions have to be noticed too.
    """

    def answers(_asked: Asked) -> Answer:
        body: dict[str, Any] = {"leads": [lead(1), lead(2)]}
        return 200, {**body, "count": 5} if count else body

    adapter, wire = written(answers)
    pages = await walk(adapter)
    assert ids(pages) == ["1", "2"]
    assert pages[-1].complete is not count
    assert len(wire.asked) <= 3


async def test_fewer_rows_than_told_are_incomplete():
    """§3: 3 told, 2 shown, then nothing: no absence may be concluded."""

    def answers(asked: Asked) -> Answer:
        return 200, {"count": 3, "leads": [lead(1), lead(2)] if asked.query["page"] == "1" else []}

    adapter, _ = written(answers)
    pages = await walk(adapter)
    assert (ids(pages), pages[-1].complete) == (["1", "2"], False)


async def test_a_total_that_stays_hides_nothing():
    """A person deletes three leads behind the walk while three others arrive: the total fits and proves nothing."""

    def answers(asked: Asked) -> Answer:
        late = (START + timedelta(seconds=30)).isoformat()
        before = list(range(1, 11))
        after = [*range(4, 11), *range(11, 14)]
        numbers = before[:4] if asked.query["page"] == "1" else after[4 * (int(asked.query["page"]) - 1) :][:4]
        return 200, {"count": 10, "leads": [lead(n, **({"created_at": late} if n > 10 else {})) for n in numbers]}

    adapter, _ = written(answers)
    pages = await walk(adapter)
    assert len(ids(pages)) == 10
    assert not {"5", "6", "7"} & set(ids(pages))
    assert not pages[-1].complete


async def test_a_lead_dated_ahead_does_not_spoil_every_walk():
    """A row from next year did not come in behind this walk: deletions beside it have to be noticed as always."""
    ahead = (START + timedelta(days=365)).isoformat()
    rows = [lead(1, created_at=ahead), lead(2)]
    adapter, _ = written(lambda _: (200, {"count": 2, "leads": rows}))
    pages = await walk(adapter)
    assert pages[-1].complete


@pytest.mark.parametrize("data", [{}, {"message": "hello"}, "leads", {"leads": 3}, None])
async def test_an_answer_that_is_no_list_is_not_an_empty_one(data: Any):
    """Anything else taken for an empty list would read as "all of them are gone"."""
    adapter, _ = written(lambda _: (200, data))
    with pytest.raises(UnreadableError):
        await walk(adapter)


async def test_rows_without_an_id_are_set_aside():
    """Broken rows go to quarantine, the others are read, and nothing is proved."""
    rows = [lead(1), {"first_name": "Nobody"}, lead(2, id="x/../"), lead(3, id=True), lead(4, id="4")]
    adapter, _ = written(lambda _: (200, {"count": 5, "leads": rows}))
    [page] = await walk(adapter)
    assert [row.external_id for row in page.rows] == ["1", "4"]
    assert len(page.broken) == 3
    assert not page.complete


async def test_the_first_page_may_not_be_missing():
    """§3, §12: a 404 ends a list only beyond page 1."""
    adapter, _ = written(lambda _: (404, {"code": 404}))
    with pytest.raises(NotFoundError):
        await walk(adapter)


async def test_days_are_asked_for_generously():
    """§3: from the day before the cursor (UTC) to the day after tomorrow; old rows that look as before are left out."""
    async with sandboxed() as account:
        old = account.sandbox.add_person(first_name="Old")
        await account.clock.sleep(7200)
        new = account.sandbox.add_person(first_name="New")
        cursor = (await account.pages())[-1].cursor
        await account.clock.sleep(3600)
        account.wire.asked.clear()
        pages = await account.pages(cursor, full=False)
        [asked] = account.wire.asked
        assert asked.query["filters[updated][from]"] == "2026-02-28"
        assert asked.query["filters[updated][to]"] == "2026-03-03"
        assert ids(pages) == [new]
        assert not pages[-1].complete
        fresh = [page async for page in account.another().leads(cursor, full=False)]
        assert ids(fresh) == [old, new], "whose looks nobody remembers is shown"


async def test_quiet_days_are_not_asked_for_for_ever():
    """A day everybody was imported on is not walked again and again only because nobody was edited since."""
    async with sandboxed() as account:
        for number in range(5):
            account.sandbox.add_person(first_name=f"P{number}")
        cursor = (await account.pages())[-1].cursor
        await account.clock.sleep(4 * 86400)
        for _ in range(2):
            cursor = (await account.pages(cursor, full=False))[-1].cursor
        assert account.wire.asked[-1].query["filters[updated][from]"] == "2026-03-03"
        late = account.sandbox.add_person(first_name="Late")
        assert ids(await account.pages(cursor, full=False)) == [late]


async def test_a_page_that_vanishes_behind_the_walk_proves_nothing():
    """Without a total each page is looked at again; where it is gone by then, no absence is concluded."""
    asked_twice: list[str] = []

    def answers(asked: Asked) -> Answer:
        page = asked.query["page"]
        asked_twice.append(page)
        if page == "1":
            return (404, None) if asked_twice.count("1") > 1 else (200, [lead(1), lead(2)])
        return 200, [lead(3)]

    adapter, _ = written(answers)
    pages = await walk(adapter)
    assert (ids(pages), pages[-1].complete) == (["1", "2", "3"], False)


async def test_an_old_row_that_looks_different_is_shown():
    """§3: only rows with a known hash are skipped: a note does not move the time, but the row shows it."""
    async with sandboxed() as account:
        old = account.sandbox.add_person(first_name="Old")
        await account.clock.sleep(7200)
        account.sandbox.add_person(first_name="New")
        cursor = (await account.pages())[-1].cursor
        account.sandbox.add_note(old, "Called")
        assert old in ids(await account.pages(cursor, full=False))


@pytest.mark.parametrize("style", ["ignored", "refused"])
async def test_a_filter_that_does_not_work_costs_time_and_nothing_else(style: str):
    """§3: ignored: the same rows arrive; 400: full walks instead, remembered by the next adapter."""
    async with sandboxed({"filters": style, "page_size": 2}) as account:
        made = [account.sandbox.add_person(first_name=f"P{n}", email=f"p{n}@example.com") for n in range(5)]
        cursor = (await account.pages())[-1].cursor
        account.sandbox.edit(made[0], "first_name", "Amazing")
        assert made[0] in ids(await account.pages(cursor, full=False))
        assert ("updated" in account.adapter.memory.get("refused_filters", ())) is (style == "refused")
        account.wire.asked.clear()
        again = account.another()
        assert made[0] in ids([page async for page in again.leads(cursor, full=False)])
        refused = [asked for asked in account.wire.asked if "filters[updated][from]" in asked.query]
        assert bool(refused) is (style == "ignored")
        found = await account.adapter.find_leads(email="P3@example.com")
        assert [row.external_id for row in found.rows] == [made[3]]


async def test_an_unsound_walk_leaves_a_day_to_be_asked_for_again():
    """A row may have slipped through a walk whose total does not fit: the next pull reaches back further."""
    rows = [lead(1, updated_at="2026-03-01T09:00:00Z")]
    adapter, _ = written(lambda asked: (200, {"count": 2, "leads": rows if asked.query["page"] == "1" else []}))
    sound, _ = written(lambda _: (200, {"count": 1, "leads": rows}))
    short, whole = (await walk(adapter))[-1].cursor, (await walk(sound))[-1].cursor
    assert "2026-02-28T09:00:00" in short
    assert "2026-03-01T09:00:00" in whole


@pytest.mark.parametrize("cursor", ["", "{}", "nonsense", "[1]", '{"mark": "some day"}', '{"mark": 7.5}'])
async def test_a_cursor_that_is_none_means_from_the_beginning(cursor: str):
    """Whatever is stored, a pull goes on."""
    adapter, _ = written(paged(3, 10))
    assert len(ids(await walk(adapter, cursor, full=False))) == 3


async def test_rows_without_notes_are_whole_leads():
    """§3: list rows may lack notes: the lead is read from the row, its notes from the single lead."""
    async with sandboxed({"list_expanded": False}) as account:
        there = account.sandbox.add_person(first_name="Ada")
        account.sandbox.add_note(there, "Called")
        [page] = await account.pages()
        assert page.rows[0].complete
        account.wire.asked.clear()
        listing = await account.adapter.notes(there, {})
        assert [account.adapter.read_note(row).text for row in listing.rows] == ["Called"]
        assert len(account.wire.of("GET", f"/leads/{there}")) == 1


async def test_expanded_rows_spare_the_calls_for_notes():
    """§10: a pull that walks the list has the notes already; a moment later, or after a write, they are asked for."""
    async with sandboxed() as account:
        made = [account.sandbox.add_person(first_name=f"P{n}") for n in range(3)]
        for person in made:
            account.sandbox.add_note(person, "Called")
        await account.pages()
        account.wire.asked.clear()
        assert len((await account.adapter.notes(made[0], {})).rows) == 1
        assert account.wire.asked == []
        assert (await account.adapter.notes(made[0], {})).complete
        assert len(account.wire.asked) == 1
        await account.clock.sleep(2)
        await account.adapter.notes(made[1], {})
        assert len(account.wire.asked) == 2


async def test_a_row_that_shows_nothing_of_the_person_is_read_singly():
    """A row of ids only is no lead; what it lacks is not told."""
    adapter, _ = written(lambda _: (200, {"count": 1, "leads": [{"id": 1, "updated_at": "2026-01-01T00:00:00Z"}]}))
    [page] = await walk(adapter)
    assert not page.rows[0].complete
    assert adapter.read_lead(page.rows[0]).told == frozenset()


async def test_look_ups_are_compared_exactly():
    """§3, §11: ``query`` finds substrings, ``mobile`` digits; who does not have the value is not returned."""
    async with sandboxed(region="AE") as account:
        one = account.sandbox.add_person(email="ada@example.com", phones=[("050 123 4567", "cell")])
        account.sandbox.add_person(email="xada@example.com", phones=[("00971 50 123 45678", "cell")])
        found = await account.adapter.find_leads(email="Ada@example.com")
        assert ([row.external_id for row in found.rows], found.conclusive) == ([one], True)
        found = await account.adapter.find_leads(phone="+971501234567")
        assert [row.external_id for row in found.rows] == [one]
        assert account.wire.asked[-1].query["filters[mobile]"] == "501234567"
        foreign = account.sandbox.add_person(phones=[("+1 (415) 555-2671", "cell")])
        found = await account.adapter.find_leads(phone="+14155552671")
        assert [row.external_id for row in found.rows] == [foreign]
        missed = await account.adapter.find_leads(phone="+971509999999")
        assert (list(missed.rows), missed.conclusive) == ([], False)
        missed = await account.adapter.find_leads(phone="+971509999999", since=START)
        assert (list(missed.rows), missed.conclusive) == ([], True)


async def test_a_walk_without_the_right_pauses():
    """§2, §12: 403 on a read is about the credentials; on a filter 400 alone means that the filter is refused."""
    async with sandboxed({"rights": ()}) as account:
        with pytest.raises(AuthError, match=r"lead\.read"):
            await account.pages()
    adapter, _ = written(lambda asked: (400 if asked.query["page"] == "2" else 200, {"leads": [lead(1), lead(2)]}))
    with pytest.raises(RejectedError):
        await walk(adapter)
