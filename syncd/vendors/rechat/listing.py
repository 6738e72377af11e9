"""The contact list: paging by key, and what ends it (vendors/rechat.md §3).

Rows move to the end of the list while people edit, so an offset would skip some. A page therefore begins at
the time of the last row seen, exactly as told, and `start` counts only the rows seen with that very time. Behind a full
page it counts one less, so that the last row comes again: if it does not, somebody moved it, what followed it stands
one place earlier, and the page is asked for anew from that time on. Otherwise a contact would be skipped.

    a page without rows, or the total reached   → the end
    rows older than asked, out of order,        → the filter is ignored: plain offsets from then on, no proof
    or nothing but the same rows again
    a short page                                → nothing

A list that was broken off is taken up again with its last row, whatever page that stood on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from pydantic import NonNegativeInt

from syncd.domain.errors import RejectedError
from syncd.ports.vendor import Remote, mark
from syncd.vendors.rechat.client import CONTACTS, FILTER, SHOWING, Client, Listed, external_id
from syncd.vendors.rechat.contact import CREATED, UPDATED, contact
from syncd.vendors.rechat.values import spelled, stamp
from syncd.vendors.walked import Seen

SINCE: Mapping[str, str] = {CREATED: "created_gte", UPDATED: "updated_gte"}
"""The filter of each order."""
BEGINNING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A list behind a page, so that it can be taken up again.

    at      the time at which the next page begins, spelled as it came
    start   rows to leave out there; ``tied``: how many rows of that very time were seen
    last    `mark` of the last row seen
    plain   by offset, because the filter is ignored; then ``shown`` is the `mark` of the page's ids
    widest  the longest page so far
    anew    marks of older parts say nothing of this walk
    """

    at: str
    start: NonNegativeInt
    tied: NonNegativeInt
    last: int
    plain: bool
    shown: int
    widest: int
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """One page: rows that are new to the walk or look new, and those without an id. ``last``: the list has ended."""

    rows: Sequence[Remote]
    broken: Sequence[Any]
    last: bool
    total: int | None = None
    standing: Standing | None = None


class _Moment:
    """The rows that were seen with the time at which the next page begins."""

    def __init__(self, at: Decimal, earlier: Seen, before: int = 0) -> None:
        """``before``: how many of them a part of the walk before this one has seen."""
        self.at = at
        self._earlier, self._before = earlier, before
        self._own: set[str] = set()

    def __len__(self) -> int:
        return self._before + len(self._own)

    def __contains__(self, row: Mapping[str, Any]) -> bool:
        found = external_id(row)
        return found in self._own or (bool(self._before) and self._earlier.before(found))

    def move(self, at: Decimal, rows: Sequence[Mapping[str, Any]]) -> None:
        """``rows`` were seen with the time ``at``."""
        if at != self.at:
            self.restart(at)
        self._own |= {external_id(row) for row in rows if row not in self}

    def restart(self, at: Decimal) -> None:
        """Nothing of this time was seen."""
        self.at, self._before, self._own = at, 0, set()


class Contacts:
    """The lists of one connection's contacts."""

    def __init__(self, client: Client, *, page_size: int, channels: Sequence[str], ignored: Sequence[str]) -> None:
        """``channels``: only contacts captured by these; ``ignored``: orders whose filter is known to be ignored."""
        self._client, self.page_size, self._channels = client, page_size, list(channels)
        self.ignored = {name for name in ignored if name in SINCE}

    async def chunks(
        self,
        order: str,
        asked: Decimal,
        channels: Sequence[str] | None = None,
        *,
        standing: Standing | None = None,
        earlier: AbstractSet[int] = frozenset(),
    ) -> AsyncIterator[Chunk]:
        """Pages of a list from ``asked`` to its end. Ends without a last page where ``updated_gte`` is ignored.

        channels  None: those of the config; none: all contacts
        standing  take up a list that stood there, or begin anew if that is refused by now
        earlier   the marks of what that list has shown
        """
        course = _Course(self, order, asked, self._channels if channels is None else channels)
        if standing is not None:
            course.take_up(standing, earlier)
        while not course.ended:
            chunk = await course.step()
            if chunk is not None:
                yield chunk

    async def page(self, order: str, at: Decimal, start: int, channels: Sequence[str]) -> Listed:
        """The rows from ``at`` on, less the first ``start``. Raises VendorError."""
        query = [
            ("limit", str(self.page_size)),
            ("start", str(start)),
            ("order", order),
            (SINCE[order], spelled(at)),
            *SHOWING,
        ]
        if channels:
            return await self._client.listed(FILTER, query=query, body={"lead_channels": list(channels)})
        return await self._client.listed(CONTACTS, query=query)

    def ignore(self, order: str) -> None:
        """Remember that a filter is ignored; said once, however many walks follow."""
        self.ignored.add(order)
        structlog.get_logger("syncd.vendors.rechat").warning("pull.filter_ignored", filter=SINCE[order])


class _Course:
    """One way through a list."""

    def __init__(self, contacts: Contacts, order: str, asked: Decimal, channels: Sequence[str]) -> None:
        self._contacts, self._order, self._asked, self._channels = contacts, order, asked, channels
        self.ended = False
        self._seen: dict[str, bytes] = {}
        self._begin(anew=False)

    def _begin(self, *, anew: bool) -> None:
        self._known = Seen()
        self._moment, self._start = _Moment(self._asked, self._known), 0
        self._shown, self._last, self._widest = mark(""), 0, 0
        self._anew, self._overlaps = anew, False

    def take_up(self, standing: Standing, earlier: AbstractSet[int]) -> None:
        """Go on where a list was broken off."""
        self._known = Seen({standing.last} if standing.anew else earlier)
        self._moment, self._start = _Moment(stamp(standing.at) or BEGINNING, self._known, standing.tied), standing.start
        self._shown, self._last, self._widest = standing.shown, standing.last, standing.widest
        self._anew, self._overlaps = standing.anew, True
        if standing.plain:
            self._contacts.ignored.add(self._order)
        elif self._order in self._contacts.ignored:
            self._moment, self._start = _Moment(BEGINNING, self._known), 0
        elif self._start == standing.tied:
            self._start = max(0, self._start - 1)  # much may have moved since: the last row has to come again

    async def step(self) -> Chunk | None:
        """The next page; None where the list has to be asked otherwise, or again. Raises VendorError."""
        at, start, plain = self._moment.at, self._start, self._order in self._contacts.ignored
        try:
            page = await self._contacts.page(self._order, BEGINNING if plain else at, start, self._channels)
        except RejectedError:
            if not self._overlaps:
                raise
            self._begin(anew=True)
            return None
        rows, broken = _with_ids(page.rows)
        if not plain and not self._as_asked(rows):
            return None
        fresh = _fresh(rows, self._seen, self._known)
        over = not page.rows or (page.total is not None and start + len(page.rows) >= page.total)
        if plain or not rows:
            shown = mark(",".join(external_id(row) for row in rows))
            over = over or (plain and shown == self._shown)  # `start` is ignored as well
            self._start, self._shown = start + len(page.rows), shown
        else:
            self._move(rows, page)
        alone, self._overlaps = self._overlaps and not (fresh or broken or over), False
        if alone:
            return None  # the last row came again and nothing with it: page by page, such a walk would never end
        self.ended = over
        total = page.total if (at, start) == (self._asked, 0) else None
        return Chunk(fresh, broken, over, total, None if over else self._standing(plain=plain))

    def _as_asked(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether these rows follow those before; if not, how to go on is settled."""
        order, moment, start = self._order, self._moment, self._start
        if 0 < start < len(moment) and not (rows and rows[0] in moment):
            self._start = 0
            moment.restart(moment.at)  # the row that was to come again has moved
            return False
        # Behind the rows of one moment there are only others: the same ones again mean that the moment is ignored.
        same = all(_at(row, order, moment.at) and row in moment for row in rows)
        if (rows and start == len(moment) and same) or not _honoured(rows, order, moment.at):
            self._contacts.ignore(order)
            self.ended = order == UPDATED
            self._moment, self._start = _Moment(BEGINNING, self._known), 0
            return False
        return True

    def _move(self, rows: Sequence[Mapping[str, Any]], page: Listed) -> None:
        """The next page begins with the last of these rows, or behind it."""
        order, asked, size = self._order, (self._moment.at, self._start), self._contacts.page_size
        last = stamp(rows[-1].get(order)) or self._moment.at
        self._moment.move(last, [row for row in rows if _at(row, order, last)])
        tied = len(self._moment)
        # A server may have smaller pages than asked for: then its total, or its other pages, tell.
        full = page.total is not None or len(page.rows) >= min(self._widest or size, size)
        overlaps = full and len(page.rows) > 1 and asked != (last, tied - 1)
        self._start, self._widest = tied - overlaps, max(self._widest, len(page.rows))
        self._last = mark(external_id(rows[-1]))

    def _standing(self, *, plain: bool) -> Standing:
        moment = self._moment
        return Standing(
            spelled(moment.at), self._start, len(moment), self._last, plain, self._shown, self._widest, self._anew
        )


def _at(row: Mapping[str, Any], order: str, at: Decimal) -> bool:
    return stamp(row.get(order)) == at


def _honoured(rows: Sequence[Mapping[str, Any]], order: str, at: Decimal) -> bool:
    """Whether the rows are what was asked for: none older, none out of order, each with a time."""
    before = at
    for row in rows:
        time = stamp(row.get(order))
        if time is None or time < before:
            return False
        before = time
    return True


def _with_ids(rows: Sequence[Any]) -> tuple[list[Mapping[str, Any]], list[Any]]:
    usable = [row for row in rows if external_id(row)]
    return usable, [row for row in rows if not external_id(row)]


def _fresh(rows: Sequence[Mapping[str, Any]], seen: dict[str, bytes], known: Seen) -> list[Remote]:
    """Rows this walk has not had, or not like this: a contact edited meanwhile comes again at the end."""
    fresh = []
    for row in rows:
        remote = contact(row, listed=True)
        if seen.get(remote.external_id) != remote.digest and not known.before(remote.external_id):
            seen[remote.external_id] = remote.digest
            fresh.append(remote)
    return fresh
