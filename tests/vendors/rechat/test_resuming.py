"""Walks of everything that are broken off and taken up again: rows of one moment, ignored filters (rechat.md §3)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import orjson
import pytest

from syncd.ports.vendor import Page, Walked, mark
from syncd.vendors.rechat.adapter import make
from syncd.vendors.rechat.values import stamp
from syncd.vendors.registry import Deps
from tests.vendors.rechat.support import Answer, Asked, connection, contact, ok, sandboxed, uuid, written

MOMENT = 1_780_000_000


def ids(pages: Sequence[Page]) -> list[str]:
    """Ids in the order in which they came."""
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


def behind(pages: Sequence[Page]) -> Walked:
    """Where to go on behind these pages."""
    return Walked(pages[-1].position, {mark(lead) for lead in ids(pages)})


def served(rows: list[dict[str, Any]], page: int = 2) -> Any:
    """A list that honours what is asked and tells no total; rows of one moment stand by their ids."""

    def answers(asked: Asked) -> Answer:
        since, start = Decimal(asked.one("created_gte") or 0), int(asked.one("start") or 0)
        found = [row for row in rows if (stamp(row["created_at"]) or 0) >= since]
        return 200, ok(sorted(found, key=lambda row: (row["created_at"], row["id"]))[start : start + page])

    return answers


def tied(*numbers: int) -> list[dict[str, Any]]:
    """Contacts of one moment."""
    return [contact(number, created_at=MOMENT) for number in numbers]


async def test_a_moment_with_more_rows_than_a_page_is_passed_one_page_at_a_time():
    """An import of one transaction: all of one time. Each part goes on, none begins that moment again."""
    rows = [*tied(*range(7)), contact(9)]
    pages: list[Page] = []
    while not pages or pages[-1].position:
        adapter, wire = written(served(rows), page_size=2)
        pages += await part(adapter, behind(pages) if pages else None, pages=1)
        assert len(wire.asked) <= 3, "the definitions, the last row again, the next page"
    assert ids(pages) == [uuid(n) for n in (*range(7), 9)]
    assert pages[-1].complete


@pytest.mark.parametrize("gone", [{0}, {0, 1}])
async def test_rows_of_one_moment_that_moved_up_are_not_skipped(gone: set[int]):
    """What was read of it is gone: what followed stands further in front, and a row that came late stands there too."""
    rows = tied(0, 1, 2)
    adapter, _ = written(served(rows, page=3), page_size=100)
    begun = await part(adapter, pages=1)
    rows[:] = [*tied(*({0, 1, 2} - gone)), *tied(*range(5, 5 + len(gone)))]
    rest = await part(adapter, behind(begun))
    assert ids(rest) == [uuid(n) for n in range(5, 5 + len(gone))]
    assert rest[-1].complete


async def test_the_row_behind_a_full_page_is_not_skipped_either():
    """The first rows of a moment were deleted while nobody walked."""
    rows = tied(0, 1, 2, 3, 4, 5)
    adapter, _ = written(served(rows, page=4), page_size=4)
    begun = await part(adapter, pages=1)
    rows[:] = tied(2, 3, 4, 5)
    rest = await part(adapter, behind(begun))
    assert ids(rest) == [uuid(4), uuid(5)]


async def test_an_ignored_filter_stays_ignored_in_the_next_part():
    """Told by the position alone; plain offsets go on, and prove nothing."""
    async with sandboxed({"ignored": ("updated_gte", "created_gte"), "late_commit_s": 0}, page_size=3) as account:
        made = []
        for n in range(11):
            made.append(account.sandbox.add_person(first_name=f"P{n}"))
            await account.clock.sleep(600)
        begun = await part(account.adapter, pages=3)
        account.wire.asked.clear()
        successor = make(connection(page_size=3), Deps(clock=account.clock, transport=account.wire))
        rest = await part(successor, behind(begun))
        assert sorted({*ids(begun), *ids(rest)}) == sorted(made)
        assert not rest[-1].complete
        assert "0" not in {call.one("start") for call in account.wire.asked}


async def test_a_filter_found_to_be_ignored_meanwhile_costs_what_was_reached():
    """A position by key is no offset: the list begins again, and shows what stands in front there."""
    rows = tied(1, 2, 3)
    adapter, _ = written(served(rows, page=3), page_size=3)
    begun = await part(adapter, pages=1)

    def unordered(asked: Asked) -> Answer:
        return 200, ok([contact(7), contact(8), *rows][int(asked.one("start") or 0) :][:3])

    successor, _ = written(unordered, page_size=3, memory={"ignored_filters": ["created_at"]})
    rest = await part(successor, behind(begun))
    assert ids(rest) == [uuid(7), uuid(8)]
    assert not rest[-1].complete


async def test_other_channels_are_another_walk():
    """The position of the walk of all contacts says nothing of those of one channel."""
    rows = [contact(n) for n in range(4)]
    adapter, _ = written(served(rows), page_size=2)
    begun = await part(adapter, pages=1)
    successor, _ = written(served(rows), page_size=2, only_channels=[uuid(77)])
    assert ids(await part(successor, behind(begun))) == [uuid(n) for n in range(4)]


async def test_a_refused_position_begins_anew():
    """A `start` the vendor takes no more: everything is shown again, also if that is broken off once more."""
    rows, refused = tied(0, 1, 2, 3, 4), set[str | None]()

    def answers(asked: Asked) -> Answer:
        return (400, {"message": "no"}) if asked.one("start") in refused else served(rows)(asked)

    adapter, _ = written(answers, page_size=2)
    begun = await part(adapter, pages=2)
    assert ids(begun) == [uuid(0), uuid(1), uuid(2)]
    refused.add("2")
    again = await part(adapter, behind(begun), pages=1)
    assert ids(again) == [uuid(0), uuid(1)]
    refused.clear()
    rest = await part(adapter, behind([*begun, *again]))
    assert ids(rest) == [uuid(2), uuid(3), uuid(4)]
    assert rest[-1].complete


@pytest.mark.parametrize("path", ["began", "high", "standing.at"])
async def test_a_time_that_is_none_begins_anew(path: str):
    """Text of the right kind that says nothing."""
    adapter, _ = written(served([contact(n) for n in range(4)]), page_size=2)
    begun = await part(adapter, pages=1)
    position = orjson.loads(begun[-1].position)
    *outer, key = path.split(".")
    (position[outer[0]] if outer else position)[key] = "yesterday"
    walked = Walked(orjson.dumps(position).decode(), {mark(lead) for lead in ids(begun)})
    rest = await part(adapter, walked)
    assert ids(rest) == [uuid(n) for n in range(4)]
    assert rest[-1].complete
