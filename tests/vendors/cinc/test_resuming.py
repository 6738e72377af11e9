"""Walks of everything that are broken off and taken up again: refused hashes, offsets, proofs (vendors/cinc.md §3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from syncd.ports.vendor import Page, Walked, mark
from tests.vendors.cinc.support import Answer, Asked, row, sandboxed, written


def ids(pages: Sequence[Page]) -> list[str]:
    """Ids of all rows, in order."""
    return [remote.external_id for page in pages for remote in page.rows]


async def first(adapter: Any, pages: int) -> list[Page]:
    """So many pages of a walk of everything, which is then broken off."""
    found: list[Page] = []
    async with aclosing(adapter.leads(None, full=True)) as walk:
        async for page in walk:
            found.append(page)
            if len(found) == pages:
                break
    return found


def on(adapter: Any, pages: Sequence[Page]) -> AsyncIterator[Page]:
    """What comes behind these pages."""
    walked = Walked(pages[-1].position, {mark(lead) for lead in ids(pages)})
    return adapter.leads(None, full=True, walked=walked)  # type: ignore[no-any-return]


async def test_a_refused_hash_gives_way_to_the_last_lead():
    """`from=id:` is inclusive, that one is not told twice, and such a walk promises nothing."""
    async with sandboxed({"page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(35)]
        begun = await first(account.adapter, 2)
        account.sandbox.forget_pages()  # type: ignore[attr-defined]
        rest = [page async for page in on(account.another(), begun)]
        assert ids(begun) + ids(rest) == made
        assert not rest[-1].complete
        assert rest[-1].cursor


async def test_where_the_last_lead_is_gone_too_the_walk_begins_anew():
    """All are shown again, and the proof is the new walk's own."""
    async with sandboxed({"page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(35)]
        begun = await first(account.adapter, 2)
        account.sandbox.forget_pages()  # type: ignore[attr-defined]
        account.sandbox.delete(made[19])
        rest = [page async for page in on(account.another(), begun)]
        assert ids(rest) == made[:19] + made[20:]
        assert rest[-1].complete


async def test_a_hash_that_is_refused_twice_is_gone_on_from_twice():
    """The walk that goes on from a lead can itself be broken off."""
    async with sandboxed({"page_max": 10}) as account:
        made = [account.sandbox.add_person(email=f"p{n}@example.com") for n in range(45)]
        pages = await first(account.adapter, 1)
        while pages[-1].position:
            account.sandbox.forget_pages()  # type: ignore[attr-defined]
            async with aclosing(on(account.another(), pages)) as walk:  # type: ignore[type-var]
                pages.append(await anext(walk))
        assert ids(pages) == made
        assert not pages[-1].complete


def by_offset(leads: list[int], limit: int = 2, refused: Sequence[str] = ()) -> Any:
    """A list without hashes, in the order of ``leads``."""

    def answers(asked: Asked) -> Answer:
        offset, most = asked.query.get("offset", "0"), min(limit, int(asked.query["limit"]))
        if offset in refused:
            return 400, {"message": "no"}
        shown = [row(number) for number in leads[int(offset) :][:most]]
        return 200, {"paging": {"limit": most}, "leads": shown}

    return answers


async def test_a_first_row_that_changed_costs_the_proof():
    """Newest first, one gone and one come: the row before the position stands where it stood, and one was missed."""
    leads = [4, 3, 2, 1]
    adapter, _ = written(by_offset(leads))
    begun = await first(adapter, 1)
    leads[:] = [5, 3, 2, 1]
    rest = [page async for page in on(adapter, begun)]
    assert ids(rest) == ["L2", "L1"]
    assert not rest[-1].complete


@pytest.mark.parametrize("gone", [[], [1]])
async def test_the_row_before_an_offset_is_looked_at_although_nothing_follows(gone: list[int]):
    """Somebody deleted a row that was read: another one moved in front of the position."""
    leads = [1, 2, 3, 4]
    adapter, _ = written(by_offset(leads))
    begun = await first(adapter, 2)
    leads[:] = [number for number in leads if number not in gone]
    rest = [page async for page in on(adapter, begun)]
    assert ids(rest) == []
    assert rest[-1].complete is not bool(gone)


async def test_a_refused_offset_begins_anew():
    """Once; a list that refuses it again in the middle fails as ever."""
    refused: list[str] = []
    adapter, _ = written(by_offset([1, 2, 3, 4, 5], refused=refused))
    begun = await first(adapter, 1)
    refused.append("2")
    rest = on(adapter, begun)
    assert ids([await anext(rest)]) == ["L1", "L2"]
    with pytest.raises(Exception, match="400"):
        await anext(rest)


async def test_a_row_from_before_is_not_told_twice():
    """It moved behind the position; its mark tells."""

    def answers(asked: Asked) -> Answer:
        if "next" in asked.query:
            return 200, {"paging": {}, "leads": [row(2), row(3)]}
        return 200, {"paging": {"next": "n"}, "leads": [row(1), row(2)]}

    adapter, _ = written(answers)
    begun = await first(adapter, 1)
    rest = [page async for page in on(adapter, begun)]
    assert ids(rest) == ["L3"]
    assert rest[-1].complete


async def test_what_spoiled_the_first_part_spoils_the_whole():
    """A row without an id on page 1."""

    def answers(asked: Asked) -> Answer:
        if "next" in asked.query:
            return 200, {"paging": {}, "leads": [row(3)]}
        return 200, {"paging": {"next": "n"}, "leads": [row(1), {"info": {}}]}

    adapter, _ = written(answers)
    rest = [page async for page in on(adapter, await first(adapter, 1))]
    assert ids(rest) == ["L3"]
    assert not rest[-1].complete


def marked(pages: Sequence[Page]) -> str | None:
    """The mark that a walk ends with."""
    return orjson.loads(pages[-1].cursor or "{}").get("mark")  # type: ignore[no-any-return]


async def test_a_page_that_came_in_front_begins_the_walk_anew():
    """The page at the offset holds nothing but what was read: the list goes on behind it all the same."""
    leads = [4, 3, 2, 1]
    adapter, _ = written(by_offset(leads))
    begun = await first(adapter, 1)
    leads[:0] = [9, 8]
    rest = [page async for page in on(adapter, begun)]
    assert ids(rest) == ["L9", "L8", "L4", "L3", "L2", "L1"]
    assert rest[-1].complete
    assert marked(rest)


@pytest.mark.parametrize("came", [[9], [9, 8, 7], [9, 8, 7, 6], [9, 8, 7, 6, 5]])
async def test_what_came_in_front_hides_nothing_behind(came: list[int]):
    """Pages of rows that an earlier part has read are passed through; they are no list that repeats itself."""
    leads = [4, 3, 2, 1]
    adapter, _ = written(by_offset(leads))
    begun = await first(adapter, 1)
    leads[:0] = came
    rest = [page async for page in on(adapter, begun)]
    assert ids(rest)[-2:] == ["L2", "L1"]
    assert not {"L4", "L3"} & {*ids(rest)}
    assert not rest[-1].complete


async def test_a_walk_begun_anew_by_offset_can_be_broken_off_again():
    """Older marks say nothing of it: the rows that the first attempt read are shown again."""
    leads = [6, 5, 4, 3, 2, 1]
    adapter, _ = written(by_offset(leads))
    begun = await first(adapter, 1)
    leads[:0] = [8, 7]
    pages = list(begun)
    while pages[-1].position:
        async with aclosing(on(adapter, pages)) as walk:  # type: ignore[type-var]
            pages.append(await anext(walk))
    assert ids(pages)[2:] == ["L8", "L7", "L6", "L5", "L4", "L3", "L2", "L1"]
    assert pages[-1].complete


async def test_a_list_that_ignores_offset_begins_anew_once_and_leaves_the_mark():
    """Taken up or not, it ends, and what it never showed is not passed over."""
    leads = [1, 2, 3, 4]

    def answers(_: Asked) -> Answer:
        return 200, {"paging": {"limit": 2}, "leads": [row(number) for number in leads[:2]]}

    adapter, site = written(answers)
    begun = await first(adapter, 1)
    rest = [page async for page in on(adapter, begun)]
    assert ids(rest) == ["L1", "L2"]
    assert len(site.asked) < 8
    assert (rest[-1].complete, marked(rest)) == (False, None)


async def test_a_gap_before_a_walk_was_broken_off_is_a_gap_of_the_whole():
    """The later part is in order, and yet the mark stays."""
    leads = [1, 2, 3, 4, 5, 6, 7]
    adapter, _ = written(by_offset(leads))
    begun = []
    async with aclosing(adapter.leads(None, full=True)) as walk:  # type: ignore[type-var]
        async for page in walk:
            begun.append(page)
            if page.rows[0].external_id == "L1":
                leads.remove(1)
            else:
                break
    assert ids(begun) == ["L1", "L2", "L4", "L5"]
    rest = [page async for page in on(adapter, begun)]
    assert ids(rest) == ["L6", "L7"]
    assert (rest[-1].complete, marked(rest)) == (False, None)
