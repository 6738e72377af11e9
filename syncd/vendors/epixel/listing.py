"""The lists: page by page to their end, and what a walk proves (vendors/epixel.md §3).

Paging is undocumented and may be ignored. A walk ends where the answer says so, at an empty page, at
"Invalid page.", and at a page that shows nothing new. It is *proved* when every row had an id and as many
distinct ones came as any page counted: a lead deleted meanwhile moves others to a page that was read already.

A walk that was broken off first looks whether page 1 and the page before still hold the same rows. Nothing is known of
the order of a list, and a count that is the same again tells nothing where as many leads came as went.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from pydantic import PositiveInt

from syncd.domain.errors import NotFoundError, RejectedError
from syncd.ports.vendor import mark
from syncd.vendors.epixel.answers import LIST_KEYS, listed, slug_of
from syncd.vendors.epixel.client import Client
from syncd.vendors.http import digest
from syncd.vendors.walked import Seen

PAGE_SIZE = 100
PAGES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A walk after a page, so that it can be taken up again.

    page      the page that was read last; ``following``: the one to ask for next
    number    answers so far
    first     which rows page 1 held, as a hash; ``shown``: those of ``page``, ``last``: `mark` of its last row
    count     the vendor's highest count; ``counted``: it told one
    unshown   rows with an id that were seen and not handed on, so that nobody has their marks
    sound     every row had an id, and nothing moved while nobody walked
    anew      marks of older parts say nothing of this walk
    """

    page: PositiveInt = 1
    following: PositiveInt = 1
    number: int = 0
    first: str = ""
    shown: str = ""
    last: int = 0
    count: int = 0
    counted: bool = False
    unshown: int = 0
    sound: bool = True
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """One answer of a walk. ``rows`` are new to it; ``proved`` speaks for the whole walk once ``last``."""

    rows: Sequence[tuple[str, Mapping[str, Any]]]
    broken: Sequence[Any]
    last: bool
    proved: bool
    total: int | None
    standing: Standing

    @property
    def number(self) -> int:
        """Which answer of the walk it is, from 1."""
        return self.standing.number


async def chunks(
    client: Client,
    call: str,
    keys: Sequence[str] = LIST_KEYS,
    id_of: Callable[[Any], str] = slug_of,
    *,
    standing: Standing | None = None,
    earlier: AbstractSet[int] = frozenset(),
    shows: Callable[[Mapping[str, Any]], bool] = lambda _row: True,
) -> AsyncIterator[Chunk]:
    """Walk a list to its end.

    standing  take up a walk that stood there, or begin anew if its pages are refused by now
    earlier   the marks of what that walk has handed on
    shows     whether a row is handed on, so that its mark will be among those
    Raises VendorError; UnreadableError for an answer that is no list.
    """
    now, seen = Standing(), Seen()
    if standing is not None:
        try:
            stands = await _stands(client, call, keys, id_of, standing)  # always: page 1 tells a 404 later from no list
            now = replace(standing, sound=standing.sound and stands)
            seen = Seen(frozenset() if standing.anew else earlier)
        except RejectedError:
            now = Standing(anew=True)
    unmarked, overlap = now.unshown, now.last  # of the part before: rows that count here, and the last of them
    for number in range(now.number + 1, PAGES_MAX + 1):
        page = now.following
        try:
            data = await client.get(call, _query(page))
        except NotFoundError:
            if page == 1:
                raise
            proved = now.sound and now.counted and len(seen) + unmarked >= now.count
            yield Chunk((), (), last=True, proved=proved, total=None, standing=replace(now, number=number))
            return
        content = listed(data, keys)
        fresh, broken = _sift(content.rows, seen, id_of)
        names = [id_of(row) for row in content.rows]
        # What was seen and not handed on could be counted twice, if rows from before the gap come again.
        again = bool(unmarked) and any(mark(name) == overlap for name in names)
        following = content.after(page, len(seen) + unmarked)
        now = Standing(
            page=page,
            following=following or page,
            number=number,
            first=now.first or _hash(names),
            shown=_hash(names),
            last=mark(names[-1]) if names else 0,
            count=max(now.count, content.count or 0),
            counted=now.counted or content.count is not None,
            unshown=now.unshown + sum(not shows(row) for _, row in fresh),
            sound=now.sound and not broken and not again,
            anew=now.anew,
        )
        # Asked on, but nothing new came: the list ignores `page`, or has ended without saying so.
        stuck = following is not None and (not content.rows or (page > 1 and not fresh))
        last = following is None or stuck
        enough = len(seen) + unmarked >= now.count if now.counted else not stuck
        yield Chunk(fresh, broken, last=last, proved=now.sound and enough, total=content.count, standing=now)
        if last:
            return


def _query(page: int) -> list[tuple[str, str]]:
    return [("page", str(page)), ("page_size", str(PAGE_SIZE))]


async def _stands(
    client: Client, call: str, keys: Sequence[str], id_of: Callable[[Any], str], standing: Standing
) -> bool:
    """Whether page 1 and the page that was read last still hold the same rows."""
    for page, held in {1: standing.first, standing.page: standing.shown}.items():
        try:
            rows = listed(await client.get(call, _query(page)), keys).rows
        except NotFoundError:
            return False
        if _hash([id_of(row) for row in rows]) != held:
            return False
    return True


def _hash(names: Sequence[str]) -> str:
    return digest(list(names)).hex()


def _sift(
    rows: Sequence[Any], seen: Seen, id_of: Callable[[Any], str]
) -> tuple[list[tuple[str, Mapping[str, Any]]], list[Any]]:
    """Rows with an id that is new to the walk, and rows without a usable one."""
    fresh: list[tuple[str, Mapping[str, Any]]] = []
    broken: list[Any] = []
    for row in rows:
        found = id_of(row)
        if not found:
            broken.append(row)
        elif seen.add(found):
            fresh.append((found, row))
    return fresh, broken
