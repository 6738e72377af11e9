"""Walking a list of Chime's to its end, and knowing what the walk proves (vendors/chime.md §3).

A page may be shorter than asked for (servers cap at 25), so only an empty page or the total ends a walk.
An offset walk over a list that shrinks or reorders meanwhile skips rows without a sign: when the total fell, or
fewer different records came than it promises, the list is walked once more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from syncd.domain.errors import RejectedError, TransientError
from syncd.vendors.chime.answers import listed_rows, metadata
from syncd.vendors.chime.client import SCROLL_GONE, Client
from syncd.vendors.http import digest

RESTARTS_MAX = 3
STALE_PAGES_MAX = 20
"""Pages without one new record before a walk is given up: the vendor ignores how we ask for the next."""


class Walk:
    """One walk. After the last page its attributes tell what it proves.

    total   the vendor's last count, None if it told none
    pages   pages received in the last pass
    proven  every record the vendor counts was seen, and the count stood still
    """

    def __init__(
        self,
        client: Client,
        path: str,
        key: str,
        *,
        query: Sequence[tuple[str, str]],
        limit: int,
        id_of: Callable[[Any], str],
    ) -> None:
        """A walk of ``path`` whose rows stand under ``key``; ``id_of`` is a row's id or ""."""
        self._client, self._path, self._key = client, path, key
        self._query, self._limit, self._id_of = list(query), limit, id_of
        self.total: int | None = None
        self.pages = 0
        self.proven = False
        self._forget()

    async def pages_of_rows(self) -> AsyncGenerator[list[Any], None]:
        """The rows page by page; a second pass repeats them. Raises VendorError: then the walk proves nothing."""
        restarts, again = 0, False
        while True:
            self._forget()
            try:
                async for rows in self._pass():
                    yield rows
            except RejectedError as error:
                if error.code != SCROLL_GONE or not self._scroll or restarts >= RESTARTS_MAX:
                    raise
                restarts += 1
                continue
            if again or self._steady():
                break
            again = True
        counted = self.total is not None and len(self._ids) >= self.total
        self.proven = counted and self.total == self._first_total and not self._nameless

    def _forget(self) -> None:
        self._ids: set[str] = set()
        self._received = 0
        self._nameless = False
        self._first_total: int | None = None
        self._fell = False
        self._scroll = ""
        self._scrolled = False
        self.total, self.pages, self.proven = None, 0, False

    def _steady(self) -> bool:
        """Whether nothing hints at rows that moved under an offset walk of several pages."""
        if self.pages <= 1 or self._scrolled:
            return True
        short = self.total is not None and len(self._ids) < self.total
        return not self._fell and not short

    async def _pass(self) -> AsyncIterator[list[Any]]:
        stale = 0
        while True:
            answer = await self._client.read(self._path, query=self._page_query())
            rows = listed_rows(answer, self._key, f"GET {self._path}")
            self._learn(answer)
            if not rows:
                return
            new = self._take(rows)
            yield rows
            if self.total is not None and self.total > 0 and self._received >= self.total:
                return
            stale = 0 if new else stale + 1
            if stale >= STALE_PAGES_MAX:
                raise TransientError(f"GET {self._path}: the pages repeat themselves")

    def _page_query(self) -> list[tuple[str, str]]:
        paged = [*self._query, ("limit", str(self._limit))]
        if self._scroll:
            return [*paged, ("scrollId", self._scroll)]
        return [*paged, ("offset", str(self._received))]

    def _learn(self, answer: Any) -> None:
        """Take the total and the scroll of an answer."""
        facts = metadata(answer)
        total = _count(facts.get("total"))
        if total is not None:
            if self.pages == 0:
                self._first_total = total
            self._fell = self._fell or (self.total is not None and total < self.total)
        self.total = total
        scroll = facts.get("scrollId")
        self._scroll = str(scroll) if isinstance(scroll, str | int) and scroll not in ("", 0, -1) else ""
        self._scrolled = self._scrolled or bool(self._scroll)

    def _take(self, rows: list[Any]) -> bool:
        """Count a page; whether it brought a record not seen before."""
        self.pages += 1
        self._received += len(rows)
        before = len(self._ids)
        for row in rows:
            name = self._id_of(row)
            if not name:
                self._nameless = True
                name = f"?{digest(row).hex()}"
            self._ids.add(name)
        return len(self._ids) > before


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and value >= 0 else None
