"""One walk of a paged list, with every way it may end (vendors/mycrm.md §3, Paging).

    an empty page, or a 404 beyond page 1           → the end
    ``count`` told: as many distinct rows as that   → the end
    no ``count``: a page shorter than page 1        → the end (a page 1 of fewer than 2 rows ends at once)
    a page that brought nothing new                 → the end, and a server that does not know ``page``
                                                      (page 2 is page 1: the list has no pages, all of it was shown)

The page size is never computed with. Pages are counted by number, so a row deleted behind the walk's back moves all
later ones up and hides one of them. Such a walk must not prove anything: where the total is told, all rows that were
there at the beginning must have been seen; where it is not, each page is followed by a look whether the one before it
still stands. A walk that was broken off takes that look whenever it is taken up again, even if nothing follows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from pydantic import PositiveInt

from syncd.domain.errors import NotFoundError, RejectedError, UnreadableError
from syncd.vendors.http import digest
from syncd.vendors.mycrm.client import LEADS, Client
from syncd.vendors.mycrm.values import identity
from syncd.vendors.walked import Seen

PER_PAGE = 100
PAGES_MAX = 100_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """A walk after a page, so that it can be taken up again.

    page         its number; ``shown``: which rows it held, as a hash; ``first_rows``: how many page 1 held
    first_total  the vendor's count on page 1, None if it tells none; ``total_max``: the highest so far
    young        rows that came to be after the walk began
    sound        nothing was odd so far
    anew         marks of older parts say nothing of this walk
    """

    page: PositiveInt = 1
    shown: str = ""
    first_rows: int = 0
    first_total: int | None = None
    total_max: int = 0
    young: int = 0
    sound: bool = True
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """One page: rows with ids that are new to this walk, rows without a usable one.

    last      the walk ends here;  ``proved``: and it missed nothing
    total     how many rows the vendor claims, None if it does not
    standing  where the walk can be taken up again
    """

    rows: Sequence[tuple[str, Row]]
    broken: Sequence[Any]
    last: bool
    proved: bool
    total: int | None
    standing: Standing


async def chunks(
    client: Client,
    path: str,
    key: str,
    terms: Sequence[tuple[str, str]] = (),
    *,
    prove: bool = False,
    young: Callable[[Row], bool] = lambda _row: False,
    standing: Standing | None = None,
    earlier: AbstractSet[int] = frozenset(),
) -> AsyncIterator[Chunk]:
    """Walk the list ``key`` at ``path``.

    terms     filters
    prove     somebody will ask whether the walk missed nothing
    young     whether a row came to be after the walk began
    standing  take up a walk that stood there, or begin anew if that page is refused by now
    earlier   the marks of what that walk has seen
    Raises VendorError, UnreadableError for an answer that is no such list.
    """
    now, seen, after = Standing(), Seen(), 0
    if standing is not None:
        try:
            sound = standing.sound and await _stands(client, path, key, terms, standing)
            now, after = replace(standing, sound=sound), standing.page
            seen = Seen(frozenset() if standing.anew else earlier)
        except RejectedError:
            now = Standing(anew=True)
    for number in range(after + 1, PAGES_MAX + 1):
        try:
            rows, total = rows_of(await client.page(path, _query(path, number, terms)), path, key)
        except NotFoundError:
            if number == 1:
                raise
            rows, total = [], now.first_total
        sound = now.sound
        if prove and sound and number > 1 and total is None and rows:
            sound = await _stands(client, path, key, terms, now)
        fresh, broken = _sift(rows, seen)
        now = replace(
            now,
            page=number,
            shown=_ids(rows),
            first_rows=len(rows) if number == 1 else now.first_rows,
            first_total=total if number == 1 else now.first_total,
            total_max=max(now.total_max, total or 0),
            young=now.young + sum(young(row) for _, row in fresh),
            sound=sound and not broken,
        )
        last, odd = _ends(now, len(seen), len(rows), total, new=bool(fresh or broken))
        now = replace(now, sound=now.sound and not odd)
        yield Chunk(fresh, broken, last, last and _complete(now, len(seen), total), total, now)
        if last:
            return


async def whole(client: Client, path: str, key: str) -> list[tuple[str, Row]]:
    """All rows of a list that fits in memory."""
    return [row async for chunk in chunks(client, path, key) for row in chunk.rows]


def rows_of(data: Any, path: str, key: str) -> tuple[list[Any], int | None]:
    """The rows of a page and the total it tells. Raises UnreadableError for an answer that is no such list."""
    if isinstance(data, list):
        return data, None
    if isinstance(data, Mapping):
        total = data.get("count")
        told = total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None
        for name in (key, "data"):
            rows = data.get(name)
            if isinstance(rows, list):
                return rows, told
            if isinstance(rows, Mapping) and name == "data":
                return rows_of(rows, path, key)
            if rows is None and name in data:
                return [], told
    # Anything else taken for an empty list would read as "all of them are gone".
    raise UnreadableError(f"GET {path}: the answer is not a list of {key}")


def _query(path: str, number: int, terms: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    query = [("page", str(number))]
    if path == LEADS:
        query += [("per_page", str(PER_PAGE)), ("sort", "id"), ("sort_order", "ASC")]
    return [*query, *terms]


async def _stands(client: Client, path: str, key: str, terms: Sequence[tuple[str, str]], standing: Standing) -> bool:
    """Whether the page that was read last still holds the same rows."""
    try:
        rows, _ = rows_of(await client.page(path, _query(path, standing.page, terms)), path, key)
    except NotFoundError:
        return False
    return _ids(rows) == standing.shown


def _ids(rows: Sequence[Any]) -> str:
    return digest([identity(row) if isinstance(row, Mapping) else "" for row in rows]).hex()


def _sift(rows: Sequence[Any], seen: Seen) -> tuple[list[tuple[str, Row]], list[Any]]:
    """Rows with an id that is new to the walk, and new rows without a usable one."""
    fresh: list[tuple[str, Row]] = []
    broken: list[Any] = []
    for row in rows:
        found = identity(row) if isinstance(row, Mapping) else ""
        if not seen.add(found or digest(row).hex()):
            continue
        if found:
            fresh.append((found, row))
        else:
            broken.append(row)
    return fresh, broken


def _ends(now: Standing, seen: int, rows: int, total: int | None, *, new: bool) -> tuple[bool, bool]:
    """Whether the walk ends with this page, and whether that is an odd end: a list that repeats itself."""
    if not rows:
        return True, False
    if total is not None and seen >= total:
        return True, False
    if not new:
        unpaged = now.page == 2 and total is None and rows == now.first_rows
        return True, not unpaged
    if total is not None:
        return False, False
    return (rows < 2 if now.page == 1 else rows < now.first_rows), False


def _complete(now: Standing, seen: int, total: int | None) -> bool:
    if not now.sound:
        return False
    if now.first_total is None:
        return total is None
    return seen >= now.total_max and seen - now.young >= now.first_total
