"""The lead list: which days to ask for, what to keep, what may be promised (vendors/mycrm.md §3, §10).

MyCRM filters by whole days, in a zone nobody tells. So each incremental pull asks from the day before the cursor on,
and leaves out rows that are older than the cursor and look as they did when they were last listed. The cursor is a
mark: the highest ``updated_at`` a finished walk has seen, but never past the moment that walk began, because a row may
change behind a walk's back. A filter that is ignored costs time and nothing else; one that is refused is remembered.
A walk of everything that was broken off is taken up again behind any of its pages, with the beginning it had.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import AwareDatetime, TypeAdapter

from syncd.domain.errors import RejectedError, UnreadableError
from syncd.domain.normalize import moment
from syncd.ports.clock import Clock
from syncd.ports.vendor import Page, Remote, Walked
from syncd.vendors.http import digest
from syncd.vendors.mycrm.client import LEADS, Client
from syncd.vendors.mycrm.listing import Chunk, Row, Standing, chunks
from syncd.vendors.mycrm.refusals import INVALID
from syncd.vendors.walked import decoded, encoded

DAY = timedelta(days=1)
SPELLING_SLACK = timedelta(seconds=1)
"""Times have lost their decimals."""
AHEAD_MAX = timedelta(seconds=60)
"""How far a row's time may lie before the vendor's present."""
HASHES_MAX = 50_000
VOLATILE = frozenset({"matching"})
"""Counts that change without anybody touching the lead."""
_TOLD = frozenset({"first_name", "last_name", "email", "mobile", "status"})
Terms = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the engine stores for us."""

    mark: datetime | None = None

    def encode(self) -> str:
        """As JSON text."""
        return orjson.dumps({"mark": self.mark} if self.mark else {}).decode()

    @classmethod
    def decode(cls, cursor: str | None) -> Cursor:
        """The inverse; what is not a cursor of ours means "from the beginning"."""
        try:
            return cls(moment(orjson.loads(cursor or "{}").get("mark")))
        except (ValueError, AttributeError, UnreadableError):
            return cls()


@dataclass(frozen=True, slots=True)
class Halfway:
    """A walk of everything that was broken off: when it began, by the vendor's clock, and the highest time so far."""

    began: AwareDatetime
    high: AwareDatetime | None
    standing: Standing


HALFWAY = TypeAdapter(Halfway)


class LeadRows:
    """Makes `Remote` objects of lead payloads, and remembers how rows looked when they were listed."""

    def __init__(self, volatile: frozenset[str] = VOLATILE) -> None:
        """``volatile``: top-level keys that make no difference."""
        self._volatile = volatile
        self._hashes: dict[str, bytes] = {}

    def listed(self, external_id: str, row: Row) -> Remote:
        """One row of the list. One that shows nothing of the person is no whole lead."""
        complete = not _TOLD.isdisjoint(row)
        return Remote("lead", external_id, row, digest(row, self._volatile), updated(row), complete, listed=True)

    def single(self, external_id: str, payload: Mapping[str, Any]) -> Remote:
        """One lead read by itself, or shown by the answer to a write."""
        return Remote("lead", external_id, payload, digest(payload, self._volatile), updated(payload), listed=False)

    def known(self, remote: Remote) -> bool:
        """Whether the row was listed before and looked the same. Remembers it."""
        before = self._hashes.pop(remote.external_id, b"")
        self._hashes[remote.external_id] = remote.digest
        while len(self._hashes) > HASHES_MAX:
            del self._hashes[next(iter(self._hashes))]
        return before == remote.digest

    def forget(self, external_id: str) -> None:
        """The lead was written: its next row is news whatever it looks like."""
        self._hashes.pop(external_id, None)


def updated(payload: Mapping[str, Any]) -> datetime | None:
    """The record's own time; None where it is missing or makes no sense."""
    return _time(payload, "updated_at")


class Walk:
    """Walks of one connection's leads."""

    def __init__(self, client: Client, clock: Clock, rows: LeadRows, overlap: timedelta, refused: set[str]) -> None:
        """``refused``: filters this account answered with a 400; shared with the adapter's memory."""
        self._client, self._clock, self._rows = client, clock, rows
        self._overlap, self._refused = overlap, refused

    async def pages(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """As `Adapter.leads`."""
        stood = Cursor.decode(cursor)
        since = None if full or stood.mark is None else stood.mark
        floor = None if since is None else since - self._overlap - SPELLING_SLACK
        half = decoded(walked.position, HALFWAY) if walked else None
        high = half.high if half else None
        started = self._clock.now()

        def began() -> datetime:
            """When the walk began, as far as the vendor's clock is known by now."""
            return half.began if half else started + timedelta(seconds=self._client.http.clock_reading.offset_s)

        walk = self._all(began, walked, half) if since is None else self._asked("updated", self._days(since))
        async for chunk in walk:
            remotes = [self._rows.listed(found, row) for found, row in chunk.rows]
            high = max((time for time in (high, *(r.time for r in remotes)) if time is not None), default=None)
            news = []
            for remote in remotes:
                known = self._rows.known(remote)
                if floor is None or not known or remote.time is None or remote.time >= floor:
                    news.append(remote)
            onward = "" if chunk.last or not full else encoded(Halfway(began(), high, chunk.standing))
            yield Page(
                rows=news,
                cursor=Cursor(self._mark(stood.mark, high, began(), chunk.proved)).encode() if chunk.last else None,
                complete=chunk.proved and since is None,
                total=chunk.total if since is None else None,
                broken=[(digest(row).hex(), row) for row in chunk.broken],
                position=onward,
            )

    async def search(self, name: str, value: str, fits: Callable[[Row], bool]) -> list[Remote]:
        """Every lead that ``fits``, asked for by a filter; where it is ignored or refused, out of all leads."""
        return await self._found(name, [(f"filters[{name}]", value)], fits)

    async def since(self, moment_: datetime, fits: Callable[[Row], bool] = lambda _row: True) -> list[Remote]:
        """Every lead created at or after a moment."""
        floor = moment_ - SPELLING_SLACK

        def young(row: Row) -> bool:
            created = _time(row, "created_at")
            return (created is None or created >= floor) and fits(row)

        return await self._found("created", self._days(moment_, "created"), young)

    async def _found(self, name: str, terms: Terms, fits: Callable[[Row], bool]) -> list[Remote]:
        found: dict[str, Remote] = {}
        async for chunk in self._asked(name, terms):
            found |= {lead: self._rows.listed(lead, row) for lead, row in chunk.rows if fits(row)}
        return list(found.values())

    async def _all(
        self, began: Callable[[], datetime], walked: Walked | None, half: Halfway | None
    ) -> AsyncIterator[Chunk]:
        """Every lead; behind the pages of ``half``, where there is one."""

        def young(row: Row) -> bool:
            created = _time(row, "created_at")
            # Dated ahead of the vendor's own clock: that tells nothing of when the row came, ever.
            ahead = self._clock.now() + timedelta(seconds=self._client.http.clock_reading.offset_s) + AHEAD_MAX
            return created is not None and began() < created <= ahead

        standing, earlier = (half.standing, walked.seen) if half and walked else (None, frozenset[int]())
        pages = chunks(self._client, LEADS, "leads", prove=True, young=young, standing=standing, earlier=earlier)
        async for chunk in pages:
            anew = chunk.standing.anew or (walked is not None and half is None)
            yield replace(chunk, standing=replace(chunk.standing, anew=anew))

    async def _asked(self, name: str, terms: Terms) -> AsyncIterator[Chunk]:
        """A filtered walk; the whole list where this account refuses the filter."""
        if name not in self._refused:
            first = True
            try:
                async for chunk in chunks(self._client, LEADS, "leads", terms):
                    first = False
                    yield chunk
            except RejectedError as error:
                if error.status not in INVALID or not first:
                    raise
                self._refused.add(name)
            else:
                return
        async for chunk in chunks(self._client, LEADS, "leads"):
            yield chunk

    def _days(self, since: datetime, name: str = "updated") -> Terms:
        """The days to ask for: one more at the beginning and two at the end, whatever zone the account is in."""
        first, last = since.astimezone(UTC).date() - DAY, self._clock.now().astimezone(UTC).date() + 2 * DAY
        return [(f"filters[{name}][from]", first.isoformat()), (f"filters[{name}][to]", last.isoformat())]

    def _mark(self, old: datetime | None, high: datetime | None, there: datetime, proved: bool) -> datetime | None:  # noqa: FBT001
        """The next mark; it never goes back. A walk has seen everything until it began; a day less, for times may lie.

        One that may have missed a row (not ``proved``) leaves a further day to be asked for again.
        """
        began = there - timedelta(seconds=self._client.http.clock_reading.uncertainty_s)
        fresh = (began if high is None else min(max(high, began - DAY), began)) - (timedelta() if proved else DAY)
        return fresh if old is None else max(old, fresh)


def _time(payload: Mapping[str, Any], key: str) -> datetime | None:
    try:
        return moment(payload.get(key))
    except UnreadableError:
        return None
