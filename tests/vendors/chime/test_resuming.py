"""Walks of everything that are broken off and taken up again: scrolls, offsets, second passes (vendors/chime.md §3)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from syncd.ports.vendor import Page, Walked, mark
from tests.vendors.chime.harness import account, scripted

DIALECTS = pytest.mark.parametrize("dialect", ["chime", "lofty"])


def ids(pages: Sequence[Page]) -> list[str]:
    """External ids of all rows."""
    return [row.external_id for page in pages for row in page.rows]


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
    return Walked(pages[-1].position, {mark(lead) for lead in (*ids(pages), *more)})


def paged(leads: list[Any], totals: list[int] | int, size: int = 2) -> Any:
    """A list by offset; ``totals`` of the answers one after the other, the last one for good."""
    told = [totals] if isinstance(totals, int) else totals

    def answer(_method: str, _path: str, query: dict[str, str]) -> tuple[int, Any]:
        at, limit = int(query["offset"]), min(size, int(query["limit"]))
        rows = [lead if isinstance(lead, dict) else {"leadId": lead} for lead in leads[at : at + limit]]
        total = told.pop(0) if len(told) > 1 else told[0]
        return 200, {"_metadata": {"total": total}, "leads": rows}

    return answer


@DIALECTS
async def test_a_scroll_is_gone_on_from_by_offset(dialect: str):
    """Pages that were fetched ahead have used it up; the walk ends with every lead once, and with its proof."""
    there = account(dialect, switches={"scroll": True, "cap_25": True})
    made = [there.sandbox.add_person(first_name=f"P{n}") for n in range(90)]
    begun = await part(there.adapter, pages=2)
    there.sandbox.scrolls.clear()
    there.wire.sent.clear()
    rest = await part(there.adapter, behind(begun))
    assert ids([*begun, *rest]) == made
    assert rest[-1].complete
    offsets = [(sent.query.get("offset"), sent.query["limit"]) for sent in there.wire.of("GET", "/leads")]
    assert offsets[:3] == [("0", "1"), ("49", "1"), ("49", "100")], "the last row comes again"


async def test_a_refused_offset_begins_anew():
    """A list that cannot be entered in the middle: everything is shown again, and proved by itself."""
    refusing = False
    listed = paged([1, 2, 3, 4], 4)

    def answer(method: str, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if refusing and query["limit"] == "1" and query["offset"] != "0":
            return 400, {"code": 20042, "message": "no"}
        return listed(method, path, query)  # type: ignore[no-any-return]

    adapter, _ = scripted(answer)
    begun = await part(adapter, pages=1)
    refusing = True
    rest = await part(adapter, behind(begun))
    assert ids(rest) == ["1", "2", "3", "4"]
    assert rest[-1].complete


async def test_rows_that_moved_meanwhile_are_found_by_a_second_pass():
    """As many gone as come: the total tells nothing, the row before the position does."""
    there = account(switches={"cap_25": True})
    made = [there.sandbox.add_person(first_name=f"P{n}") for n in range(60)]
    begun = await part(there.adapter, pages=1)
    for lead in made[:5]:
        there.sandbox.delete(lead)
    made = made[5:] + [there.sandbox.add_person(first_name="New") for _ in range(5)]
    rest = await part(there.adapter, behind(begun))
    assert set(made) <= set(ids([*begun, *rest]))
    assert rest[-1].complete, "the second pass was not disturbed"


async def test_rows_that_move_right_behind_the_look_are_found_too():
    """The last row stood where it should, and is gone when the next page is asked for: that page begins with it."""
    leads = [1, 2, 3, 4, 5, 6]
    listed = paged(leads, 6, 3)
    begun = await part(scripted(listed)[0], pages=1)

    def answer(method: str, path: str, query: dict[str, str]) -> tuple[int, Any]:
        found = listed(method, path, query)
        if (query["offset"], query["limit"]) == ("2", "1"):
            leads[:] = [1, 2, 4, 5, 6, 7]
        return found  # type: ignore[no-any-return]

    rest = await part(scripted(answer)[0], behind(begun))
    assert set(ids(rest)) >= {"4", "5", "6", "7"}


async def test_a_list_that_shrank_to_what_was_read_is_walked_again():
    """Nothing follows the position, and rows moved in front of it."""
    leads, totals = [1, 2, 3, 4], [4]
    adapter, _ = scripted(paged(leads, totals))
    begun = await part(adapter, pages=1)
    leads[:], totals[:] = [3, 4], [2]
    rest = await part(adapter, behind(begun))
    assert ids(rest) == ["3", "4"]


async def test_a_second_pass_that_is_broken_off_proves_nothing():
    """Its rows cannot be told from those of the first pass: five told, four shown, and six seen in all."""
    adapter, _ = scripted(paged([1, 2, 3, 4, 5, 6], [6, 6, 6, 6, 5]))
    begun = await part(adapter, pages=6)
    assert ids(begun) == ["1", "2", "3", "4", "5", "6", "1", "2"], "the total fell: a second pass"
    successor, _ = scripted(paged([1, 2, 3, 4], 5))
    rest = await part(successor, behind(begun))
    assert ids(rest) == ["3", "4"]
    assert not rest[-1].complete
    assert rest[-1].cursor


async def test_the_end_of_a_first_pass_is_no_end():
    """Broken off between two passes: the second one follows, because of what the first one saw."""
    adapter, _ = scripted(paged([1, 2, 3, 4], [4, 5, 4]))
    pages = await part(adapter)
    assert ids(pages) == ["1", "2", "3", "4", "1", "2", "3", "4"]
    rest = await part(scripted(paged([1, 2, 3, 4], 4))[0], behind(pages[:3]))
    assert ids(rest) == ["1", "2", "3", "4"]


async def test_a_walk_begun_anew_does_not_count_what_the_first_attempt_saw():
    """Five told, four shown; the first attempt had seen the fifth, and leads that are gone by now."""
    adapter, _ = scripted(paged([1, 2, 3, 4], 5))
    before = ("1", "2", "3", "4", "5", "6")
    begun = await part(adapter, Walked("garbage", {mark(lead) for lead in before}), pages=1)
    rest = await part(adapter, behind(begun, *before))
    assert set(ids([*begun, *rest])) == {"1", "2", "3", "4"}
    assert not rest[-1].complete


async def test_what_spoiled_the_first_part_spoils_the_whole():
    """A row without an id on page 1: counted, handed on as broken, and no proof; but no second pass either."""
    adapter, _ = scripted(paged([1, {"leadId": -1}, 3], 3))
    begun = await part(adapter, pages=1)
    rest = await part(adapter, behind(begun))
    assert ids(rest) == ["3"]
    assert not rest[-1].complete


async def test_the_other_dialects_position_is_none():
    """The dialect was changed in the config: another walk."""
    there, other = account("chime", switches={"cap_25": True}), account("lofty", switches={"cap_25": True})
    for sandbox in (there.sandbox, other.sandbox):
        for n in range(30):
            sandbox.add_person(first_name=f"P{n}")
    begun = await part(there.adapter, pages=1)
    assert len(ids(await part(other.adapter, Walked(begun[-1].position, set())))) == 30


async def test_a_page_held_back_is_not_lost():
    """The last page handed on is not the last one read: going on from it shows what was read behind it."""
    there = account(switches={"cap_25": True})
    made = [there.sandbox.add_person(first_name=f"P{n}") for n in range(60)]
    async with aclosing(there.adapter.leads(None, full=True)) as walk:  # type: ignore[type-var]
        first = await anext(walk)
        assert len(there.wire.of("GET", "/leads")) == 2
    assert ids([first, *await part(there.adapter, behind([first]))]) == made
