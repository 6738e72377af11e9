"""Walks of everything that are broken off and taken up again: refused hashes, offsets, proofs (vendors/cinc.md §3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

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
