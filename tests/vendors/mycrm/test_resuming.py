"""Walks of everything that are broken off and taken up again: what they may still count (vendors/mycrm.md §3)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from syncd.ports.vendor import Page, Walked, mark
from tests.vendors.mycrm.support import Answer, Asked, lead, written


def ids(pages: Sequence[Page]) -> list[str]:
    """Ids of all rows, in order."""
    return [remote.external_id for page in pages for remote in page.rows]


async def part(adapter: Any, walked: Walked | None = None, pages: int = 0) -> list[Page]:
    """So many pages of a walk of everything (0: all that are left)."""
    found: list[Page] = []
    async with aclosing(adapter.leads(None, full=True, walked=walked)) as walk:
        async for page in walk:
            found.append(page)
            if len(found) == pages:
                break
    return found


def behind(pages: Sequence[Page], *more: str) -> Walked:
    """Where to go on behind these pages; ``more`` ids were seen too."""
    return Walked(pages[-1].position, {mark(name) for name in (*ids(pages), *more)})


def paged(numbers: list[int], total: int | None, size: int = 2) -> Any:
    """Pages of these leads, and what the account says of their number."""

    def answers(asked: Asked) -> Answer:
        at = (int(asked.query["page"]) - 1) * size
        body: dict[str, Any] = {"leads": [lead(number) for number in numbers[at : at + size]]}
        return 200, body if total is None else {**body, "count": total}

    return answers


async def test_a_total_is_reached_by_both_parts_together():
    """Four told, two and two shown: complete, without a call behind the last page."""
    adapter, wire = written(paged([1, 2, 3, 4], 4))
    begun = await part(adapter, pages=1)
    rest = await part(adapter, behind(begun))
    assert ids(rest) == ["3", "4"]
    assert rest[-1].complete
    assert [asked.query["page"] for asked in wire.asked] == ["1", "1", "2"], "and one look at the page before"


async def test_fewer_rows_than_told_are_incomplete_in_two_parts_too():
    """Five told, four shown."""
    adapter, _ = written(paged([1, 2, 3, 4], 5))
    rest = await part(adapter, behind(await part(adapter, pages=1)))
    assert not rest[-1].complete


async def test_a_walk_begun_anew_does_not_count_what_the_first_attempt_saw():
    """Five told, four shown; the first attempt had seen the fifth, and leads that are gone by now."""
    adapter, _ = written(paged([1, 2, 3, 4], 5))
    before = ("1", "2", "3", "4", "5", "6")
    begun = await part(adapter, Walked("garbage", {mark(name) for name in before}), pages=1)
    rest = await part(adapter, behind(begun, *before))
    assert ids([*begun, *rest]) == ["1", "2", "3", "4"]
    assert not rest[-1].complete


@pytest.mark.parametrize("total", [4, None])
async def test_a_page_that_moved_before_the_position_costs_the_proof(total: int | None):
    """One was deleted and one came in: the position hides a lead, and the total does not tell."""
    numbers = [1, 2, 3, 4]
    adapter, _ = written(paged(numbers, total))
    begun = await part(adapter, pages=1)
    numbers[:] = [1, 3, 4, 5]
    rest = await part(adapter, behind(begun))
    assert "3" not in ids([*begun, *rest])
    assert not rest[-1].complete


async def test_a_list_without_pages_is_still_recognised():
    """Page 2 is page 1 again, known by its marks: all of it was shown."""
    adapter, _ = written(lambda _asked: (200, {"leads": [lead(1), lead(2)]}))
    rest = await part(adapter, behind(await part(adapter, pages=1)))
    assert ids(rest) == []
    assert rest[-1].complete


async def test_a_refused_page_begins_anew():
    """The account takes that page no more: everything is shown again, and nothing counted twice."""
    refused: set[str] = set()
    numbers = [1, 2, 3, 4, 5]
    listed = paged(numbers, 5)
    adapter, _ = written(lambda asked: (400, {}) if asked.query["page"] in refused else listed(asked))
    begun = await part(adapter, pages=2)
    refused.add("2")
    again = await part(adapter, behind(begun), pages=1)
    assert ids(again) == ["1", "2"]
    refused.clear()
    numbers[:] = [1, 2, 3, 4]
    rest = await part(adapter, behind([*begun, *again]))
    assert ids(rest) == ["3", "4"]
    assert not rest[-1].complete


async def test_what_spoiled_the_first_part_spoils_the_whole():
    """A row without an id on page 1."""

    def answers(asked: Asked) -> Answer:
        rows = {"1": [lead(1), {"first_name": "X"}], "2": [lead(3)]}
        return 200, {"leads": rows.get(asked.query["page"], [])}

    adapter, _ = written(answers)
    begun = await part(adapter, pages=1)
    rest = await part(adapter, behind(begun))
    assert ids(rest) == ["3"]
    assert not rest[-1].complete
