"""Walks that are broken off and taken up again: pages, what they may still count, agents (vendors/epixel.md §3, §9)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from syncd.ports.vendor import Page, Walked, mark
from tests.vendors.epixel.support import Answer, Asked, enveloped, lead, sandboxed, written


def slugs(pages: Sequence[Page]) -> list[str]:
    """External ids in the order of the pages."""
    return [row.external_id for page in pages for row in page.rows]


async def part(adapter: Any, walked: Walked | None = None, pages: int = 0) -> list[Page]:
    """So many pages of a walk (0: all that are left)."""
    found: list[Page] = []
    async with aclosing(adapter.leads(None, full=True, walked=walked)) as walk:
        async for page in walk:
            found.append(page)
            if len(found) == pages:
                break
    return found


def behind(pages: Sequence[Page], *more: str) -> Walked:
    """Where to go on behind these pages; ``more`` slugs were seen too."""
    return Walked(pages[-1].position, {mark(slug) for slug in (*slugs(pages), *more)})


def paged(rows: list[Any], *, size: int = 2, count: int | None = None) -> Any:
    """A list of shape e."""

    def answers(asked: Asked) -> Answer:
        if asked.path != "/leads/list/":
            return 404, None
        at = (int(asked.query["page"]) - 1) * size
        return enveloped({"leads": rows[at : at + size], "count": len(rows) if count is None else count})

    return answers


async def test_leads_that_are_listed_as_deleted_count_in_both_parts():
    """Nobody has their marks, for they were not handed on."""
    async with sandboxed({"deleted": "listed", "list": "e", "page_max": 2}) as there:
        made = [there.person(email=f"p{n}@example.com") for n in range(7)]
        for slug in (made[0], made[5]):
            there.sandbox.delete(slug)
        undisturbed = await there.pages()
        for cut in range(1, len(undisturbed)):
            begun = await part(there.adapter, pages=cut)
            rest = await part(there.another(), behind(begun))
            assert slugs([*begun, *rest]) == slugs(undisturbed)
            assert rest[-1].complete


async def test_a_deleted_one_that_comes_again_is_not_counted_twice():
    """Somebody comes in front while the second part is read: one was missed, although as many came as told."""
    rows = [lead("x"), lead("d", status="deleted"), lead("y"), lead("z")]
    asked_for: list[str] = []

    def answers(asked: Asked) -> Answer:
        if asked.query.get("page") == "2" and asked.path == "/leads/list/":
            asked_for.append("2")
            if rows[0]["slug"] == "x":
                rows.insert(0, lead("n"))
        return paged(rows)(asked)  # type: ignore[no-any-return]

    adapter, _ = written(answers)
    begun = await part(adapter, pages=1)
    rest = await part(adapter, behind(begun))
    assert slugs([*begun, *rest]) == ["x", "y", "z"]
    assert not rest[-1].complete


async def test_a_first_page_that_changed_costs_the_proof():
    """Newest first, one gone and one come: the page before the position is as it was, and one was missed."""
    rows = [lead(slug) for slug in "fedcba"]
    adapter, _ = written(paged(rows))
    begun = await part(adapter, pages=2)
    rows[0] = lead("g")
    rest = await part(adapter, behind(begun))
    assert slugs(rest) == ["b", "a"]
    assert not rest[-1].complete


async def test_a_walk_begun_anew_does_not_count_what_the_first_attempt_saw():
    """Five told, four shown; the first attempt had seen the fifth, and leads that are gone by now."""
    adapter, _ = written(paged([lead(f"p{n}") for n in range(4)], count=5))
    before = [f"p{n}" for n in range(7)]
    begun = await part(adapter, Walked("garbage", {mark(slug) for slug in before}), pages=1)
    rest = await part(adapter, behind(begun, *before))
    assert slugs([*begun, *rest]) == ["p0", "p1", "p2", "p3"]
    assert not rest[-1].complete


async def test_an_answer_cut_into_pages_is_gone_on_from_behind_its_last():
    """150 rows at once: in their middle the walk has no position."""
    adapter, _ = written(paged([lead(f"p{n}") for n in range(310)], size=150))
    pages = await part(adapter)
    assert [len(page.rows) for page in pages] == [100, 50, 100, 50, 10]
    assert [bool(page.position) for page in pages] == [False, True, False, True, False]
    rest = await part(adapter, behind(pages[:2]))
    assert slugs([*pages[:2], *rest]) == [f"p{n}" for n in range(310)]
    assert rest[-1].complete


async def test_a_refused_page_begins_anew():
    """The installation takes that page no more: everything is shown again, and nothing counted twice."""
    refused: set[str] = set()
    rows = [lead(f"p{n}") for n in range(5)]
    listed = paged(rows, count=5)
    adapter, _ = written(lambda asked: (400, {}) if asked.query.get("page") in refused else listed(asked))
    begun = await part(adapter, pages=2)
    refused.add("2")
    again = await part(adapter, behind(begun), pages=1)
    assert slugs(again) == ["p0", "p1"]
    refused.clear()
    del rows[4]
    rest = await part(adapter, behind([*begun, *again]))
    assert slugs(rest) == ["p2", "p3"]
    assert not rest[-1].complete


async def test_what_spoiled_the_first_part_spoils_the_whole():
    """A row without a slug on page 1."""
    adapter, _ = written(paged([lead("a"), {"first_name": "X"}, lead("b")], count=2))
    rest = await part(adapter, behind(await part(adapter, pages=1)))
    assert slugs(rest) == ["b"]
    assert not rest[-1].complete


async def test_the_agents_of_the_first_part_are_not_forgotten():
    """A process that saw only the second part, and was told nothing of the first, looks through all leads for them."""
    rows = [lead("a", assignee="jean"), lead("b", assignee="jean"), lead("c", assignee="kim")]
    adapter, _ = written(paged(rows))
    begun = await part(adapter, pages=1)
    successor, _ = written(paged(rows))
    await part(successor, behind(begun))
    assert {agent.external_id for agent in await successor.agents()} == {"jean", "kim"}
