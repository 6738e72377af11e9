"""The mark never passes rows that a walk did not read: nobody would ask for them again (vendors/cinc.md §3, §10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from syncd.domain.errors import RejectedError
from syncd.ports.vendor import Page
from syncd.vendors.cinc.adapter import CincAdapter
from tests.vendors.cinc.support import Answer, Asked, row, written

OLD = "2025-12-31T00:00:00+00:00"
NEW = "2026-01-01T00:00:00+00:00"
CURSOR = orjson.dumps({"mark": OLD}).decode()


class Leads:
    """A list of leads that changes after its n-th page; without hashes, or with some that are refused."""

    def __init__(self, count: int, *, hashes: bool = False) -> None:
        """``changes``: what happens once so many pages were shown."""
        self.ids = list(range(count))
        self.changes: dict[int, Callable[[], object]] = {}
        self.hashes, self.pages = hashes, 0
        self.refused: set[str] = set()

    def __call__(self, asked: Asked) -> Answer:
        """Pages of two, hashes that name the lead they begin with."""
        query, most = asked.query, min(2, int(asked.query["limit"]))
        if query.get("next", "") in self.refused:
            return 400, {"message": "Invalid next"}
        begin = query.get("next") or query.get("from", "").removeprefix("id:L")
        at = (self.ids.index(int(begin)) if int(begin) in self.ids else len(self.ids)) if begin else 0
        at += int(query.get("offset", 0))
        page, behind = self.ids[at : at + most], self.ids[at + most :]
        following = {"next": str(behind[0])} if self.hashes and behind else {}
        if most > 1:
            self.pages += 1
            self.changes.get(self.pages, lambda: None)()
        return 200, {"paging": {"limit": most, **following}, "leads": [row(number) for number in page]}


async def walk(adapter: CincAdapter, *, full: bool, cursor: str = CURSOR) -> tuple[list[int], Page, str | None]:
    """The leads it showed, its last page, the mark it ends with."""
    pages = [page async for page in adapter.leads(cursor, full=full)]
    leads = [int(remote.external_id[1:]) for page in pages for remote in page.rows]
    return leads, pages[-1], orjson.loads(pages[-1].cursor or "{}").get("mark")


@pytest.mark.parametrize("full", [True, False])
async def test_a_row_that_slid_over_the_edge_of_a_page_holds_the_mark(full: bool):  # noqa: FBT001
    """A lead of page 1 was deleted: the first one of page 2 is on no page. The next walk asks for it again."""
    leads = Leads(5)
    leads.changes[1] = lambda: leads.ids.remove(0)
    adapter, site = written(leads)
    found, page, mark = await walk(adapter, full=full)
    assert found == [0, 1, 3, 4]
    assert (page.complete, mark) == (False, OLD)
    found, page, mark = await walk(adapter, full=full, cursor=page.cursor or "")
    assert found == [1, 2, 3, 4]
    assert mark == NEW
    if not full:
        assert all("info.updated_date:gte" in asked.query for asked in site.asked), "the looks ask for the same list"


@pytest.mark.parametrize("full", [True, False])
async def test_rows_that_came_in_front_hold_nothing(full: bool):  # noqa: FBT001
    """Newest first, and somebody is at work: the proof is lost, the mark is not, or it would never move."""
    leads = Leads(5)
    leads.changes[1] = leads.changes[2] = lambda: leads.ids.insert(0, 10 + leads.pages)
    adapter, _ = written(leads)
    found, page, mark = await walk(adapter, full=full)
    assert found == [0, 1, 2, 3, 4]
    assert (page.complete, mark) == (False, NEW)


@pytest.mark.parametrize("full", [True, False])
async def test_a_list_that_repeats_itself_holds_the_mark(full: bool):  # noqa: FBT001
    """It does not know `offset`: whatever stands behind its first page was never shown."""
    adapter, _ = written(lambda _: (200, {"paging": {"limit": 2}, "leads": [row(0), row(1)]}))
    found, page, mark = await walk(adapter, full=full)
    assert found == [0, 1]
    assert (page.complete, mark) == (False, OLD)


@pytest.mark.parametrize("full", [True, False])
async def test_a_lead_that_is_gone_is_nowhere_to_go_on_from(full: bool):  # noqa: FBT001
    """The hash is refused, and `from=id:` of a deleted lead finds an empty list: that is not the end of ours."""
    leads = Leads(5, hashes=True)
    leads.refused.add("2")

    def happens() -> None:
        leads.ids.remove(1)

    leads.changes[1] = happens
    leads.changes[3] = leads.refused.clear  # the empty page is the second
    adapter, site = written(leads)
    found, page, mark = await walk(adapter, full=full)
    assert [asked.query["from"] for asked in site.asked if "from" in asked.query] == ["id:L1"]
    assert found == [0, 1, 2, 3, 4], "each row once, although the walk began anew"
    assert (page.complete, mark) == (False, NEW)


@pytest.mark.parametrize("answer", [[row(7), row(8)], [{"info": {}}], ["text"]])
async def test_an_answer_that_begins_with_another_lead_is_no_continuation(answer: list[Any]):
    """`from` is inclusive: a site that does not know it shows its first page, or anything."""
    leads = Leads(5, hashes=True)
    leads.refused.add("2")
    leads.changes[2] = leads.refused.clear

    def answers(asked: Asked) -> Answer:
        return (200, {"paging": {}, "leads": answer}) if "from" in asked.query else leads(asked)

    adapter, _ = written(answers)
    found, page, mark = await walk(adapter, full=True)
    assert found == [0, 1, 2, 3, 4]
    assert (page.broken, mark) == ([], NEW)


async def test_a_list_that_refuses_its_own_hashes_is_not_begun_anew_for_ever():
    """Once; then the walk fails with what the site said."""
    leads = Leads(5, hashes=True)
    leads.refused.add("2")

    def answers(asked: Asked) -> Answer:
        return (400, {"message": "no"}) if "from" in asked.query else leads(asked)

    adapter, site = written(answers)
    with pytest.raises(RejectedError):
        await walk(adapter, full=False)
    assert len([asked for asked in site.asked if asked.query.get("next")]) == 2


async def test_a_hash_that_gave_way_to_its_lead_holds_nothing():
    """The answer begins with it, so no row was passed over."""
    leads = Leads(5, hashes=True)
    leads.refused.add("2")
    adapter, _ = written(leads)
    found, page, mark = await walk(adapter, full=False)
    assert found == [0, 1, 2, 3, 4]
    assert (page.complete, mark) == (False, NEW)


async def test_a_row_without_an_id_holds_nothing():
    """It is quarantined; a mark that waited for it would wait for ever."""
    adapter, _ = written(lambda _: (200, {"paging": {}, "leads": [row(0), {"info": {}}]}))
    _, page, mark = await walk(adapter, full=False)
    assert len(page.broken) == 1
    assert mark == NEW


@pytest.mark.parametrize("gap", [True, False])
async def test_a_gap_is_remembered_where_the_walk_is_broken_off(gap: bool):  # noqa: FBT001
    """The cursor of an incremental walk says so; what goes on from it leaves the mark, else moves it."""
    leads = Leads(7)
    adapter, _ = written(leads)
    pages = aiter(adapter.leads(CURSOR, full=False))
    await anext(pages)
    if gap:
        leads.ids.remove(0)
    second = await anext(pages)
    found, page, mark = await walk(adapter, full=False, cursor=second.cursor or "")
    assert found == ([5, 6] if gap else [4, 5, 6])
    assert mark == (OLD if gap else NEW)
    assert set(orjson.loads(page.cursor or "{}")) == {"mark"}


@pytest.mark.parametrize(("gone", "came", "mark"), [([0], [], OLD), ([], [9], NEW), ([], [], NEW)])
async def test_an_incremental_walk_that_is_taken_up_looks_at_its_edge(gone: list[int], came: list[int], mark: str):
    """What was deleted in between hides a row; what came in front does not."""
    leads = Leads(5)
    adapter, _ = written(leads)
    begun = await anext(adapter.leads(CURSOR, full=False))
    leads.ids[:] = [*came, *(lead for lead in leads.ids if lead not in gone)]
    assert (await walk(adapter, full=False, cursor=begun.cursor or ""))[2] == mark
