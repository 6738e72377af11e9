"""One walk of a paged list, with every way it may end (vendors/mycrm.md §3, Paging).

    an empty page, or a 404 beyond page 1           → the end
    ``count`` told: as many distinct rows as that   → the end
    no ``count``: a page shorter than page 1        → the end (a page 1 of fewer than 2 rows ends at once)
    a page that brought nothing new                 → the end, and a server that does not know ``page``
                                                      (page 2 is page 1: the list has no pages, all of it was shown)

The page size is never computed with. Pages are counted by number, so a row deleted behind the walk's back moves all
later ones up and hides one of them. Such a walk must not prove anything: where the total is told, all rows that were
there at the beginning must have been seen; where it is not, each page is followed by a look whether the one before it
still stands.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.domain.errors import NotFoundError, UnreadableError
from syncd.vendors.http import digest
from syncd.vendors.mycrm.client import LEADS, Client
from syncd.vendors.mycrm.values import identity

PER_PAGE = 100
PAGES_MAX = 100_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One page: rows with ids that are new to this walk, rows without a usable one.

    last    the walk ends here;  ``proved``: and it missed nothing
    total   how many rows the vendor claims, None if it does not
    """

    rows: Sequence[tuple[str, Row]]
    broken: Sequence[Any]
    last: bool
    proved: bool
    total: int | None


@dataclass(slots=True)
class _State:
    seen: set[str]
    young: int = 0
    first_rows: int = 0
    first_total: int | None = None
    total_max: int = 0
    sound: bool = True


async def chunks(
    client: Client,
    path: str,
    key: str,
    terms: Sequence[tuple[str, str]] = (),
    *,
    prove: bool = False,
    young: Callable[[Row], bool] = lambda _row: False,
) -> AsyncIterator[Chunk]:
    """Walk the list ``key`` at ``path``.

    terms   filters
    prove   somebody will ask whether the walk missed nothing
    young   whether a row came to be after the walk began
    Raises VendorError, UnreadableError for an answer that is no such list.
    """
    state = _State(set())
    before = b""
    for number in range(1, PAGES_MAX + 1):
        try:
            rows, total = rows_of(await client.page(path, _query(path, number, terms)), path, key)
        except NotFoundError:
            if number == 1:
                raise
            rows, total = [], state.first_total
        if prove and number > 1 and total is None and rows and state.sound:
            state.sound = await _stands(client, path, key, terms, number - 1, before)
        before = _ids(rows)
        fresh, broken = _sift(rows, state)
        state.young += sum(young(row) for _, row in fresh)
        if number == 1:
            state.first_rows, state.first_total = len(rows), total
        state.total_max = max(state.total_max, total or 0)
        last, odd = _ends(state, number, len(rows), total, new=bool(fresh or broken))
        state.sound = state.sound and not odd and not broken
        yield Chunk(fresh, broken, last, last and _complete(state, total), total)
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


async def _stands(
    client: Client, path: str, key: str, terms: Sequence[tuple[str, str]], number: int, before: bytes
) -> bool:
    """Whether a page that was read already still holds the same rows."""
    try:
        rows, _ = rows_of(await client.page(path, _query(path, number, terms)), path, key)
    except NotFoundError:
        return False
    return _ids(rows) == before


def _ids(rows: Sequence[Any]) -> bytes:
    return digest([identity(row) if isinstance(row, Mapping) else "" for row in rows])


def _sift(rows: Sequence[Any], state: _State) -> tuple[list[tuple[str, Row]], list[Any]]:
    """Rows with an id that is new to the walk, and new rows without a usable one."""
    fresh: list[tuple[str, Row]] = []
    broken: list[Any] = []
    for row in rows:
        found = identity(row) if isinstance(row, Mapping) else ""
        mark = found or digest(row).hex()
        if mark in state.seen:
            continue
        state.seen.add(mark)
        if found:
            fresh.append((found, row))
        else:
            broken.append(row)
    return fresh, broken


def _ends(state: _State, number: int, rows: int, total: int | None, *, new: bool) -> tuple[bool, bool]:
    """Whether the walk ends with this page, and whether that is an odd end: a list that repeats itself."""
    if not rows:
        return True, False
    if total is not None and len(state.seen) >= total:
        return True, False
    if not new:
        unpaged = number == 2 and total is None and rows == state.first_rows
        return True, not unpaged
    if total is not None:
        return False, False
    return (rows < 2 if number == 1 else rows < state.first_rows), False


def _complete(state: _State, total: int | None) -> bool:
    if not state.sound:
        return False
    if state.first_total is None:
        return total is None
    return len(state.seen) >= state.total_max and len(state.seen) - state.young >= state.first_total
