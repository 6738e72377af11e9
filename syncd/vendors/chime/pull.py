"""Which leads changed (vendors/chime.md §3, §10): the update-time list, or the whole listing compared.

The cursor is JSON of ours: the dialect, ``since`` (the vendor's newest update time that is safely read), and for
lofty ``scanned``, when the last whole walk began. A walk of everything that is asked for can be broken off after each
page but the last; its position is JSON of ours too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
from pydantic import AwareDatetime, TypeAdapter

from syncd.ports.clock import Clock
from syncd.ports.vendor import Page, Remote, VendorClock, Walked
from syncd.settings import ChimeConnection
from syncd.vendors.chime.answers import lead_remote
from syncd.vendors.chime.client import CHANGED, LEADS, Client
from syncd.vendors.chime.finding import PAGE, lead_id
from syncd.vendors.chime.walk import Standing, Walk
from syncd.vendors.http import digest
from syncd.vendors.walked import decoded, encoded

BEGINNING = "2000-01-01 00:00:00"
"""The vendor's own default of ``leadUpdateTime``."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a connection was read."""

    dialect: str
    since: datetime | None = None
    scanned: datetime | None = None

    def encode(self) -> str:
        """As JSON text."""
        times = {"since": self.since, "scanned": self.scanned}
        return orjson.dumps({"dialect": self.dialect, **{k: v.isoformat() for k, v in times.items() if v}}).decode()


def decode(cursor: str | None, dialect: str) -> Cursor | None:
    """The cursor of this dialect; None where there is none, or one that cannot be read: then all is read again."""
    try:
        data = orjson.loads(cursor) if cursor else None
        if not isinstance(data, dict) or data.get("dialect") != dialect:
            return None
        times = {key: _utc(data[key]) for key in ("since", "scanned") if data.get(key)}
    except (ValueError, TypeError):
        return None
    return Cursor(dialect, **times)


@dataclass(frozen=True, slots=True)
class Halfway:
    """A walk of everything that was broken off.

    started  when it began, by our clock; ``began``: the earliest that the vendor's may have said then
    newest   the highest update time on its pages
    """

    dialect: str
    started: AwareDatetime
    began: AwareDatetime
    newest: AwareDatetime | None
    standing: Standing


HALFWAY = TypeAdapter(Halfway)


class Puller:
    """The changed leads of one connection."""

    def __init__(
        self, client: Client, connection: ChimeConnection, clock: Clock, vendor_clock: Callable[[], VendorClock]
    ) -> None:
        """Times of the vendor are told by ``vendor_clock``."""
        self._client, self._connection, self._clock, self._vendor_clock = client, connection, clock, vendor_clock
        self._zone = zone(connection.time_zone)

    async def pages(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """Pages of leads; the last one carries the cursor, and the proof if all leads were walked."""
        dialect = self._connection.dialect
        known = decode(cursor, dialect)
        started = self._clock.now()
        if dialect == "lofty" and not full and known is not None and self._fresh(known, started):
            return
        every = full or dialect == "lofty" or known is None
        walk = self._walk(None if every else known)
        half = decoded(walked.position, HALFWAY) if walked else None
        half = half if half and half.dialect == dialect else None
        if walked is not None:
            await walk.take_up(half.standing if half else None, walked)
        started, newest = (half.started, half.newest) if half else (started, None)
        held: Page | None = None
        async for raw in walk.pages_of_rows():
            if held is not None:
                yield held
            held = _page(raw, walk.total)
            times = [row.time for row in held.rows if row.time]
            newest = max([newest, *times] if newest else times, default=None)
            if full:
                began = half.began if half else self._began(started)
                # As it is now: whoever goes on from a page gets what was read behind it and not handed on yet.
                held = replace(held, position=encoded(Halfway(dialect, started, began, newest, walk.standing)))
        began = half.began if half else self._began(started)
        # One page too: a lead dated ahead would hide all that is edited before that moment comes. And a lead edited
        # behind a walk of several pages must be found next time.
        since = min(newest, began) if newest else None
        if known is not None and known.since is not None:
            since = max(known.since, since) if since else known.since
        new = Cursor(dialect, since, started if dialect == "lofty" else None)
        proved = every and walk.proven
        yield replace(held or Page((), total=walk.total), cursor=new.encode(), complete=proved, position="")

    def _fresh(self, known: Cursor, now: datetime) -> bool:
        """Whether the last whole walk is recent enough."""
        return known.scanned is not None and known.scanned <= now < known.scanned + self._connection.scan

    def _walk(self, known: Cursor | None) -> Walk:
        if known is None:
            query = [("sort", "CreateTime"), ("desc", "false")]
            return Walk(self._client, LEADS, "leads", query=query, limit=PAGE, id_of=lead_id)
        query = [("leadUpdateTime", self._update_time(known.since))]
        return Walk(self._client, CHANGED, "leads", query=query, limit=PAGE, id_of=lead_id)

    def _update_time(self, since: datetime | None) -> str:
        """A moment as the filter reads it: a fixed zone without summer time (vendors/chime.md §3)."""
        if since is None:
            return BEGINNING
        return (since - self._connection.overlap).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def _began(self, started: datetime) -> datetime:
        """The earliest the vendor's clock may have said at ``started``; known from the first answer on."""
        reading = self._vendor_clock()
        return started + timedelta(seconds=reading.offset_s - reading.uncertainty_s)


def zone(text: str) -> timezone:
    """The fixed offset ``-07:00`` as a zone."""
    hours, minutes = text[1:].split(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if text[0] == "-" else offset)


def _page(raw_rows: list[Any], total: int | None) -> Page:
    found: list[Remote] = []
    broken: list[tuple[str, Any]] = []
    for raw in raw_rows:
        remote = lead_remote(raw, listed=True)
        if remote is None:
            broken.append((digest(raw).hex(), raw))
        else:
            found.append(remote)
    return Page(found, total=total, broken=broken)


def _utc(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
