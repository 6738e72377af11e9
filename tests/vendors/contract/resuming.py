"""Promises about walks of all leads that are broken off after a page and continued by another adapter."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from syncd.ports.vendor import Adapter, Page, Walked, mark
from tests.vendors.clocks import VirtualClock
from tests.vendors.contract.account import Account, Variant, open_in_process, rows

PAGES, DAY_S = 4, 86_400
POSITION_MAX = 1000
GARBAGE = ("", "garbage", "{", "{}", "[]", "null", "true", '"x"', '{"page":"2"}', '{"at":{}}', "\ud800", "[" * 10_000)


@dataclass
class Walk:
    """A walk by one adapter or by several, each of which knows of the others only what the engine hands on."""

    account: Account
    pages: list[Page] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    async def on(self, pages: int = 0, adapter: Adapter | None = None, *, position: str | None = None) -> bool:
        """Go on for so many pages (0: to the end) with a new adapter; whether the walk has ended."""
        adapter = adapter or self.account.another()
        walked = None
        if self.pages or position is not None:
            text = self.pages[-1].position if position is None else position
            walked = Walked(text, frozenset(self.seen))
        before = len(self.pages)
        ended = True
        async with contextlib.aclosing(adapter.leads(None, full=True, walked=walked)) as found:  # type: ignore[type-var]
            async for page in found:
                self.pages.append(page)
                self.seen |= {mark(row.external_id) for row in page.rows}
                if len(self.pages) - before == pages:
                    ended = not page.position
                    break
        await adapter.aclose()
        return ended

    @property
    def ids(self) -> list[str]:
        """Every id that came, as often as it came."""
        return [row.external_id for row in rows(self.pages)]

    @property
    def end(self) -> tuple[bool, str | None, str]:
        """What the last page says."""
        return self.pages[-1].complete, self.pages[-1].cursor, self.pages[-1].position


async def fill(account: Account, pages: int = PAGES) -> list[str]:
    """Leads for so many pages and a bit, older than any walk, and calls for as many walks as it takes."""
    account.sandbox.rate_override = (100_000, 60.0)
    made = [_added(account, f"p{n}") for n in range(account.variant.few_rows * (pages - 1) + 3)]
    await account.clock.sleep(7200)
    return made


def _added(account: Account, name: str) -> str:
    return str(account.sandbox.add_person(first_name="P", last_name=name, email=f"{name}@example.com"))


class Meddler:
    """People who change an account between two halves of a walk. Each method takes what was read, and what was not."""

    def __init__(self, account: Account, seed: int = 0) -> None:
        self._account, self._count = account, 0
        self._random = random.Random(seed)  # noqa: S311 -- nothing secret

    def delete(self, leads: Sequence[str], number: int) -> None:
        """Some of these are gone."""
        there = set(self._account.sandbox.ids())
        for lead in self._random.sample(sorted(there & set(leads)), min(number, len(there & set(leads)))):
            self._account.sandbox.delete(lead)

    def add(self, number: int) -> None:
        """Somebody new."""
        for _ in range(number):
            self._count += 1
            _added(self._account, f"late{self._count}")

    def exchange(self, leads: Sequence[str], number: int) -> None:
        """Some of these are gone, and as many others there."""
        self.delete(leads, number)
        self.add(number)

    def edit(self, leads: Sequence[str], number: int) -> None:
        """Another city."""
        there = [lead for lead in leads if lead in self._account.sandbox.ids()]
        for lead in self._random.sample(there, min(number, len(there))):
            self._account.sandbox.edit(lead, "city", f"Town{self._random.randrange(99)}")

    def anything(self, read: Sequence[str], unread: Sequence[str]) -> None:
        """A bit of everything."""
        self.delete(read, self._random.randrange(3))
        self.delete(unread, self._random.randrange(3))
        self.add(self._random.randrange(5))
        self.edit([*read, *unread], 3)


Meddling = Callable[[Meddler, list[str], list[str]], None]
MEDDLING: Mapping[str, Meddling] = {
    "edited": lambda m, read, unread: m.edit([*read, *unread], 5),
    "added": lambda m, _read, _unread: m.add(3),
    "read ones deleted": lambda m, read, _unread: m.delete(read, 3),
    "unread ones deleted": lambda m, _read, unread: m.delete(unread, 3),
    "first deleted": lambda m, read, _unread: m.delete(read[:1], 1),
    "last read deleted": lambda m, read, _unread: m.delete(read[-1:], 1),
    "next deleted": lambda m, _read, unread: m.delete(unread[:1], 1),
    "first exchanged": lambda m, read, _unread: m.exchange(read[:1], 1),
    "read ones exchanged": lambda m, read, _unread: m.exchange(read, 3),
    "unread ones exchanged": lambda m, _read, unread: m.exchange(unread, 3),
    "a page deleted": lambda m, read, _unread: m.delete(read, len(read) // 2),
    "all read ones deleted": lambda m, read, _unread: m.delete(read, len(read)),
    "all unread ones deleted": lambda m, _read, unread: m.delete(unread, len(unread)),
    "all exchanged": lambda m, read, unread: m.exchange([*read, *unread], len(read) + len(unread)),
}


class ResumingContract:
    """`Walked`: what was read stays read, what was promised stays true."""

    async def test_a_walk_is_continued_behind_any_page(self, variant: Variant):
        """Broken off after each page in turn: both halves show every lead once and end like the undisturbed walk."""
        async with open_in_process(variant.small(), VirtualClock()) as account:
            made = await fill(account)
            whole = await account.walk()
            assert whole[-1].position == ""
            assert len(whole) >= PAGES
            for number, page in enumerate(whole[:-1], start=1):
                assert page.position, "every page but the last can be gone on from"
                assert len(page.position) < POSITION_MAX
                json.loads(page.position)
                walk = Walk(account)
                assert not await walk.on(number)
                await walk.on()
                assert sorted(walk.ids) == sorted(made)
                assert walk.end == (whole[-1].complete, whole[-1].cursor, "")

    async def test_a_walk_is_continued_again_and_again(self, variant: Variant):
        """A new adapter for every single page, each starting with what the one before it learned of the account."""
        async with open_in_process(variant.small(), VirtualClock()) as account:
            made = await fill(account)
            whole = await account.walk()
            walk, ended = Walk(account), False
            memory: Mapping[str, Any] = {}
            while not ended:
                adapter = account.another(memory=memory)
                ended = await walk.on(1, adapter)
                memory = orjson.loads(orjson.dumps(adapter.memory))
            assert sorted(walk.ids) == sorted(made)
            assert walk.end == (whole[-1].complete, whole[-1].cursor, "")

    async def test_only_walks_of_everything_have_positions(self, variant: Variant):
        """An incremental read has its cursor and nothing else."""
        async with open_in_process(variant.small(), VirtualClock()) as account:
            await fill(account)
            cursor = (await account.walk())[-1].cursor
            for start in (None, cursor):
                assert not [page for page in await account.walk(start, full=False) if page.position]

    @pytest.mark.parametrize("meddling", MEDDLING)
    async def test_nothing_is_missed_that_is_called_complete(self, variant: Variant, meddling: str):
        """Whatever people do between two halves: a walk that calls itself complete has shown every lead there is."""
        for number in (1, PAGES - 1):
            async with open_in_process(variant.small(), VirtualClock()) as account:
                made = await fill(account)
                walk = Walk(account)
                assert not await walk.on(number)
                MEDDLING[meddling](Meddler(account), list(walk.ids), [lead for lead in made if lead not in walk.ids])
                await account.clock.sleep(3600)
                await walk.on()
                complete, _, _ = walk.end
                if complete:
                    assert set(account.sandbox.ids()) <= set(walk.ids)
                if meddling == "edited":
                    assert complete is account.adapter.capabilities.listing_proves
                    assert set(made) <= set(walk.ids)

    async def test_a_walk_disturbed_at_every_page_claims_nothing_false(self, variant: Variant):
        """Random deeds between all pages, a new adapter for each: still never complete wrongly, and it ends."""
        for seed in range(4):
            async with open_in_process(variant.small(), VirtualClock()) as account:
                made, walk, meddler, ended = await fill(account), Walk(account), Meddler(account, seed), False
                while not ended:
                    ended = await walk.on(1)
                    assert len(walk.pages) < 10 * PAGES
                    if not ended:
                        meddler.anything(walk.ids, [lead for lead in made if lead not in walk.ids])
                        await account.clock.sleep(60)
                if walk.end[0]:
                    assert set(account.sandbox.ids()) <= set(walk.ids)

    async def test_what_changed_behind_a_broken_off_walk_is_seen_afterwards(self, variant: Variant):
        """The cursor reaches back to when the walk began, not to when it was taken up again."""
        async with open_in_process(variant.small(), VirtualClock()) as account:
            capabilities = account.adapter.capabilities
            if not capabilities.incremental or "fields" not in capabilities.incremental_covers:
                pytest.skip("no incremental stream")
            made = await fill(account)
            walk = Walk(account)
            await walk.on(2)
            early, late = walk.ids[0], next(lead for lead in made if lead not in walk.ids)
            for lead in (early, late):
                await account.clock.sleep(3 * DAY_S)
                account.sandbox.edit(lead, "first_name", "Edited")
            await account.clock.sleep(3 * DAY_S)
            await walk.on()
            found = {row.external_id for row in rows(await account.walk(walk.end[1], full=False))}
            assert {early, late} <= found

    async def test_what_is_no_position_begins_anew(self, variant: Variant):
        """Garbage, broken texts, other formats: the whole walk, with its own proof and cursor, and no error."""
        async with open_in_process(variant.small(), VirtualClock()) as account:
            made = await fill(account)
            whole = await account.walk()
            for text in (*GARBAGE, *_mutants(whole[1].position)):
                walk = Walk(account, seen={mark(lead) for lead in made[3:]})
                await walk.on(position=text)
                assert sorted(walk.ids) == sorted(made), text
                assert walk.end == (whole[-1].complete, whole[-1].cursor, "")

    async def test_a_walk_that_began_anew_shows_everything_again(self, variant: Variant):
        """Also what the first attempt had shown, and also if it is broken off behind every page."""
        async with open_in_process(variant.small(), VirtualClock()) as account:
            made = await fill(account)
            walk = Walk(account, seen={mark(lead) for lead in made})
            ended = await walk.on(1, position="garbage")
            while not ended:
                ended = await walk.on(1)
                assert len(walk.pages) < 10 * PAGES
            assert set(walk.ids) == set(made)

    async def test_a_walk_that_began_anew_counts_nothing_from_before(self, variant: Variant):
        """What the first attempt saw is among the marks for good; the second one claims nothing on its strength."""
        for number in (1, 2, 3):
            async with open_in_process(variant.small(), VirtualClock()) as account:
                made = await fill(account)
                walk = Walk(account, seen={mark(lead) for lead in (*made, "ghost", "phantom", "spectre", "spook")})
                assert not await walk.on(number, position="garbage")
                meddler = Meddler(account)
                meddler.delete(walk.ids, 3)
                meddler.add(2)
                await account.clock.sleep(3600)
                while not await walk.on(2):
                    assert len(walk.pages) < 10 * PAGES
                if walk.end[0]:
                    assert set(account.sandbox.ids()) <= set(walk.ids)


def _mutants(position: str) -> list[str]:
    """The position with one value left out, or in its place one of another kind; and cut off."""
    whole = json.loads(position)
    if not isinstance(whole, dict):
        return []
    texts = [position[:-1]]
    for path in _paths(whole):
        texts += [_with(whole, path, []), _with(whole, path, {"x": 1}), _with(whole, path, None, drop=True)]
    texts.append(json.dumps({**whole, "later": 1}))
    return texts


def _paths(value: Any, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [prefix]
    return [path for key in value for path in _paths(value[key], (*prefix, key))]


def _with(whole: Any, path: tuple[str, ...], value: Any, *, drop: bool = False) -> str:
    copy = json.loads(json.dumps(whole))
    here = copy
    for step in path[:-1]:
        here = here[step]
    if drop:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return json.dumps(copy)
