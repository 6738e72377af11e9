"""Walking a list of Chime's to its end, and knowing what the walk proves (vendors/chime.md §3).

A page may be shorter than asked for (servers cap at 25), so only an empty page or the total ends a walk.
An offset walk over a list that shrinks or reorders meanwhile skips rows, and where one comes behind for each that goes
in front the total tells nothing. So behind a page of several rows the next one begins one row earlier, and the last row
has to come again: if it does not, somebody moved it, and what followed it may stand among the rows already passed.

    the last row does not come again,        → the list is walked once more
    the total fell, or fewer different
    records came than it promises
    only the last row comes again            → the next page begins behind it: this is not the end yet
    rows moved in the second pass too        → no proof

A walk that was broken off goes on by offset, whatever it went by before: a scroll shows the list as it was, and a page
that was fetched but not taken in has used it up. Much may have happened in between, so the first row is looked at as
well as the last one before the gap; if one of them has moved, the list is walked once more. What a second pass shows
cannot be told from what the first one did once it is broken off too; such a walk ends without a proof.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncd.domain.errors import RejectedError, TransientError
from syncd.ports.vendor import Walked, mark
from syncd.vendors.chime.answers import listed_rows, metadata
from syncd.vendors.chime.client import SCROLL_GONE, Client
from syncd.vendors.http import digest
from syncd.vendors.walked import Seen

RESTARTS_MAX = 3
STALE_PAGES_MAX = 20
"""Pages without one new record before a walk is given up: the vendor ignores how we ask for the next."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A pass after one of its pages, so that it can be taken up again.

    received, pages, stale  places passed and pages so far, and pages since the last new record
    first_total, total      the vendor's first and last count; ``fell``: one was less than the one before
    nameless                how many different rows without an id came
    moved                   rows changed places between two pages, or while nobody walked
    first, last             `mark` of the first row and of the last one so far
    again                   this is the second pass
    anew                    marks of older parts say nothing of this pass
    """

    received: int = 0
    pages: int = 0
    stale: int = 0
    first_total: int | None = None
    total: int | None = None
    fell: bool = False
    nameless: int = 0
    moved: bool = False
    first: int = 0
    last: int = 0
    again: bool = False
    anew: bool = False


class Walk:
    """One walk. After the last page its attributes tell what it proves.

    standing  where it stands; ``resumed``: it was broken off once
    proven    every record the vendor counts was seen, and the count stood still
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
        self.resumed = self.proven = False
        self._begin(Standing())

    @property
    def total(self) -> int | None:
        """The vendor's last count, None if it told none."""
        return self.standing.total

    async def take_up(self, standing: Standing | None, walked: Walked) -> None:
        """Go on where a walk was broken off, or begin anew where that is nowhere or refused. Raises VendorError."""
        self.resumed = True
        self._begin(Standing(anew=True))
        if standing is None:
            return
        try:
            first, last = [self._name(await self._row_at(offset)) for offset in (0, standing.received - 1)]
        except RejectedError:
            return
        stand = (mark(first), mark(last)) == (standing.first, standing.last)
        self._begin(replace(standing, moved=standing.moved or not stand))
        if not standing.anew:
            self._seen = Seen(walked.seen)

    async def pages_of_rows(self) -> AsyncGenerator[list[Any], None]:
        """The rows page by page; a second pass repeats them. Raises VendorError: then the walk proves nothing."""
        restarts = 0
        while True:
            try:
                async for rows in self._pass():
                    yield rows
            except RejectedError as error:
                if error.code != SCROLL_GONE or not self._scroll or restarts >= RESTARTS_MAX:
                    raise
                restarts += 1
                self._begin(Standing(again=self.standing.again, anew=True))
                continue
            if self.standing.again or self._steady():
                break
            self._begin(Standing(again=True, anew=True))
        now = self.standing
        counted = now.total is not None and self._distinct() >= now.total
        self.proven = counted and now.total == now.first_total and not now.nameless and not now.moved

    def _begin(self, standing: Standing) -> None:
        """A pass goes on from there, and has seen nothing yet."""
        self.standing = standing
        self._seen = Seen()
        self._unnamed = standing.nameless
        self._scroll = ""
        self._scrolled = self._alone = False

    def _steady(self) -> bool:
        """Whether nothing hints at rows that moved under an offset walk."""
        now = self.standing
        if now.moved:
            return False
        if not self.resumed and (now.pages <= 1 or self._scrolled):
            return True
        short = now.total is not None and self._distinct() < now.total
        return not now.fell and not short

    async def _pass(self) -> AsyncIterator[list[Any]]:
        while True:
            overlap = self._overlaps()
            answer = await self._client.read(self._path, query=self._page_query(overlap=overlap))
            rows = listed_rows(answer, self._key, f"GET {self._path}")
            self._learn(answer)
            self._alone = len(rows) == 1
            if overlap:
                rows = self._behind(rows)
            if rows:
                self._take(rows)
                yield rows
            elif not self._alone:
                return
            now = self.standing
            if now.total is not None and now.total > 0 and now.received >= now.total:
                return
            if now.stale >= STALE_PAGES_MAX:
                raise TransientError(f"GET {self._path}: the pages repeat themselves")

    def _overlaps(self) -> bool:
        """Whether the last row has to come again.

        Not behind an answer of one row: where no page has more, such a walk would never end. Nor once rows are known
        to have moved: it would tell nothing new.
        """
        now = self.standing
        return now.received > 0 and not (self._scrolled or self._alone or now.moved)

    def _behind(self, rows: list[Any]) -> list[Any]:
        """The rows behind the one that came again; all of them if another one stands there: then rows have moved."""
        now = self.standing
        if rows and mark(self._name(rows[0])) == now.last:
            return rows[1:]
        self.standing = replace(now, moved=True, received=now.received - 1)
        return rows

    def _page_query(self, *, overlap: bool) -> list[tuple[str, str]]:
        paged = [*self._query, ("limit", str(self._limit))]
        if self._scroll:
            return [*paged, ("scrollId", self._scroll)]
        return [*paged, ("offset", str(self.standing.received - overlap))]

    async def _row_at(self, offset: int) -> Any:
        """The row that stands there now, None if there is none."""
        query = [*self._query, ("limit", "1"), ("offset", str(offset))]
        rows = listed_rows(await self._client.read(self._path, query=query), self._key, f"GET {self._path}")
        return rows[0] if rows else None

    def _learn(self, answer: Any) -> None:
        """Take the total and the scroll of an answer."""
        facts, now = metadata(answer), self.standing
        total = _count(facts.get("total"))
        fell = now.fell or (total is not None and now.total is not None and total < now.total)
        first_total = total if now.pages == 0 and total is not None else now.first_total
        self.standing = replace(now, total=total, fell=fell, first_total=first_total)
        scroll = facts.get("scrollId")
        self._scroll = str(scroll) if isinstance(scroll, str | int) and scroll not in ("", 0, -1) else ""
        self._scrolled = self._scrolled or bool(self._scroll)

    def _take(self, rows: list[Any]) -> None:
        """Count a page."""
        now = self.standing
        names = [self._name(row) for row in rows]
        fresh = [row for row, name in zip(rows, names, strict=True) if self._seen.add(name)]
        self.standing = replace(
            now,
            received=now.received + len(rows),
            pages=now.pages + 1,
            stale=0 if fresh else now.stale + 1,
            nameless=now.nameless + sum(not self._id_of(row) for row in fresh),
            first=now.first if now.pages else mark(names[0]),
            last=mark(names[-1]),
        )

    def _distinct(self) -> int:
        """How many different rows came; those without an id before the walk was broken off left no marks."""
        return len(self._seen) + self._unnamed

    def _name(self, row: Any) -> str:
        """A row's id; a name of ours where it has none."""
        return self._id_of(row) or f"?{digest(row).hex()}"


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and value >= 0 else None
