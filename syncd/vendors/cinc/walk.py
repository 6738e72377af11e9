"""The lead list: what to ask for, what to keep, and what may be promised afterwards (vendors/cinc.md §3, §10).

The cursor is a mark: the highest `info.updated_date` a finished walk has seen, but never past the moment
that walk began (by the vendor's clock), because a row may change behind a walk's back. It moves only at
the end of a walk, and not where the walk may have passed over rows: nobody would ask for them again. (A row without an
id is quarantined, and a hash that gave way to ``from=id:`` is gone on with: neither is such a gap.) An incremental
walk that is broken off leaves its position behind in the cursor, which promises nothing: it only lets the next one go
on from there. A walk of everything leaves it on each page, with all that its proof and its mark need, and promises in
the end what it would have promised undisturbed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import AwareDatetime, TypeAdapter

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import moment
from syncd.ports.clock import Clock
from syncd.ports.vendor import Page, Remote, Walked
from syncd.vendors.cinc.client import LEADS, Client
from syncd.vendors.cinc.listing import Chunk, Position, Standing, chunks
from syncd.vendors.cinc.words import spell_time
from syncd.vendors.http import digest
from syncd.vendors.walked import decoded, encoded

UPDATED_SINCE = "info.updated_date:gte"
SPELLING_SLACK = timedelta(seconds=1)
"""Times without decimals have lost up to this much."""
VOLATILE = frozenset({"logged_in_date", "listings", "verification", "toupp", "regulations"})
"""Top-level keys that say what the lead did on the site, or that we carry nowhere: left out of the digest."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the engine stores for us. The others describe a walk that was broken off."""

    mark: datetime | None = None
    full: bool = False
    high: datetime | None = None
    began: datetime | None = None
    at: Position | None = None
    missed: bool = False

    def encode(self) -> str:
        """As JSON text."""
        return orjson.dumps({k: v for k, v in asdict(self).items() if v}).decode()

    @classmethod
    def decode(cls, cursor: str | None) -> Cursor:
        """The inverse; what is not a cursor of ours means "from the beginning"."""
        try:
            data = orjson.loads(cursor or "{}")
            times = {name: moment(data.get(name)) for name in ("mark", "high", "began")}
            at = data.get("at")
            full, missed = bool(data.get("full")), bool(data.get("missed"))
            return cls(**times, full=full, at=Position(**at) if at else None, missed=missed)
        except (ValueError, TypeError, AttributeError, UnreadableError):
            return cls()


@dataclass(frozen=True, slots=True)
class Halfway:
    """A walk of everything that was broken off; ``began`` by the vendor's clock, ``high``: the highest time so far."""

    standing: Standing
    began: AwareDatetime
    high: AwareDatetime | None


HALFWAY = TypeAdapter(Halfway)


class Sections:
    """Which sections this site's list rows have ever shown; absent ones of the others are *not told*."""

    def __init__(self, carried: Iterable[str], shown: Iterable[str] = ()) -> None:
        """``carried``: sections that some field is read from; ``shown``: what was learned before."""
        self._hidden = set(carried) - set(shown)
        self.shown = set(shown)

    def learn(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Note what these list rows show."""
        if not self._hidden:
            return
        for row in rows:
            found = {name for name in self._hidden if row.get(name) is not None}
            self._hidden -= found
            self.shown |= found

    def complete(self, row: Mapping[str, Any]) -> bool:
        """Whether what a list row lacks is blank, every bit of it."""
        return row.get("info") is not None and all(row.get(name) is not None for name in self._hidden)


@dataclass(slots=True)
class LeadRows:
    """Makes `Remote` objects of lead payloads."""

    sections: Sections
    volatile: frozenset[str] = VOLATILE

    def listed(self, external_id: str, row: Mapping[str, Any]) -> Remote:
        """One row of the list."""
        return Remote(
            "lead", external_id, row, digest(row, self.volatile), updated(row), self.sections.complete(row), listed=True
        )

    def single(self, external_id: str, payload: Mapping[str, Any]) -> Remote:
        """One lead read by itself: what it lacks is blank."""
        return Remote("lead", external_id, payload, digest(payload, self.volatile), updated(payload), listed=False)


def updated(payload: Mapping[str, Any]) -> datetime | None:
    """The record's own time, ``info.updated_date``; None where it is missing or makes no sense."""
    info = payload.get("info")
    try:
        return moment(info.get("updated_date")) if isinstance(info, Mapping) else None
    except UnreadableError:
        return None


class Walk:
    """Walks of one connection's leads."""

    def __init__(self, client: Client, clock: Clock, rows: LeadRows, overlap: timedelta, refused: set[str]) -> None:
        """``refused``: search terms this site answered with a 400; shared with the adapter's memory."""
        self._client, self._clock, self._rows = client, clock, rows
        self._overlap, self._refused = overlap, refused

    def pages(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """As `Adapter.leads`."""
        stood = Cursor.decode(cursor)
        return self._everything(stood, walked) if full else self._moved(stood)

    async def _moved(self, stood: Cursor) -> AsyncIterator[Page]:
        """What moved since the mark; everything where there is none, taken up again by the cursor alone."""
        resumed = stood.at is not None
        full = stood.full if resumed else stood.mark is None
        since = None if stood.mark is None else stood.mark - self._overlap
        began, high = (stood.began, stood.high) if resumed else (None, None)
        started = self._clock.now()
        async for chunk in self._chunks(since, stood.at):
            began = began or self._vendor_time(started)
            remotes = self._remotes(chunk)
            high = _highest(high, remotes)
            if since is not None:
                remotes = [r for r in remotes if r.time is None or r.time >= since - SPELLING_SLACK]
            missed = chunk.missed or (stood.missed and not chunk.anew)
            onward = replace(stood, full=full, high=high, began=began, at=chunk.after, missed=missed)
            if chunk.after is None:
                onward = Cursor(mark=stood.mark if missed else _mark(stood.mark, high, began))
            yield Page(
                rows=remotes,
                cursor=onward.encode(),
                complete=chunk.after is None and chunk.proved and full and not resumed,
                broken=_keyed(chunk.broken),
            )

    async def _everything(self, stood: Cursor, walked: Walked | None) -> AsyncIterator[Page]:
        """Every lead, from the beginning or from where a walk was broken off."""
        half = decoded(walked.position, HALFWAY) if walked else None
        began, high = (half.began, half.high) if half else (None, None)
        started = self._clock.now()
        async for chunk in chunks(
            self._client,
            LEADS,
            "leads",
            standing=half.standing if half else None,
            earlier=walked.seen if walked and half else frozenset(),
            resumable=True,
            prove=True,
        ):
            began = began or self._vendor_time(started)
            remotes = self._remotes(chunk)
            high = _highest(high, remotes)
            onward = chunk.standing
            if onward is not None and walked and not half:
                onward = replace(onward, anew=True)
            reached = stood.mark if chunk.missed else _mark(stood.mark, high, began)
            yield Page(
                rows=remotes,
                cursor=None if onward else Cursor(mark=reached).encode(),
                complete=onward is None and chunk.proved,
                broken=_keyed(chunk.broken),
                position=encoded(Halfway(onward, began, high)) if onward else "",
            )

    async def search(self, term: str, value: str, fits: Callable[[Mapping[str, Any]], bool]) -> list[Remote]:
        """Every lead that ``fits``, asked for by a search term; where it is ignored or refused, out of all leads."""
        found: list[Remote] = []
        async for chunk in self._asked(term, value, None):
            self._rows.sections.learn(row for _, row in chunk.rows)
            found += [self._rows.listed(lead, row) for lead, row in chunk.rows if fits(row)]
        return found

    async def since(self, moment_: datetime) -> list[Remote]:
        """Every lead whose ``info`` moved at or after a moment."""
        found: list[Remote] = []
        async for chunk in self._asked(UPDATED_SINCE, spell_time(moment_), None):
            rows = [self._rows.listed(lead, row) for lead, row in chunk.rows]
            found += [row for row in rows if row.time is None or row.time >= moment_ - SPELLING_SLACK]
        return found

    def _remotes(self, chunk: Chunk) -> list[Remote]:
        self._rows.sections.learn(row for _, row in chunk.rows)
        return [self._rows.listed(found, row) for found, row in chunk.rows]

    def _chunks(self, since: datetime | None, at: Position | None) -> AsyncIterator[Chunk]:
        if since is None:
            return chunks(self._client, LEADS, "leads", at=at, resumable=True, prove=True)
        return self._asked(UPDATED_SINCE, spell_time(since), at, prove=True)

    async def _asked(self, term: str, value: str, at: Position | None, *, prove: bool = False) -> AsyncIterator[Chunk]:
        terms = [] if term in self._refused else [(term, value)]
        async for chunk in chunks(self._client, LEADS, "leads", terms=terms, at=at, resumable=True, prove=prove):
            if chunk.bare and terms:
                self._refused.add(term)
            yield chunk

    def _vendor_time(self, started: datetime) -> datetime:
        """The earliest the vendor's clock may have said at ``started``; known from the first answer on."""
        reading = self._client.http.clock_reading
        return started + timedelta(seconds=reading.offset_s - reading.uncertainty_s)


def _highest(high: datetime | None, remotes: Iterable[Remote]) -> datetime | None:
    """The highest time seen so far."""
    return max((time for time in (high, *(r.time for r in remotes)) if time is not None), default=None)


def _keyed(broken: Iterable[Any]) -> list[tuple[str, Any]]:
    return [(digest(row).hex(), row) for row in broken]


def _mark(old: datetime | None, high: datetime | None, began: datetime) -> datetime | None:
    """The next mark; it never goes back, and a walk that saw no time leaves it where it was."""
    if high is None:
        return old
    fresh = min(high, began)
    return fresh if old is None else max(old, fresh)
