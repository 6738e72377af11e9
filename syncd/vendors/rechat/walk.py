"""Walks of the contacts: what to ask for, the cursor, what is proved (vendors/rechat.md §3, §10).

The cursor is the highest `updated_at` of a finished walk; the next one begins `overlap` before it, because
rows appear late with the time their writing began. A walk of everything is ordered by creation and takes no
later mark than its own beginning: a contact seen early may have changed behind its back. Broken off, it goes on at the
time it had reached, and remembers when it began.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import orjson
from pydantic import TypeAdapter

from syncd.ports.clock import Clock
from syncd.ports.vendor import Page, Remote, Walked, mark
from syncd.vendors.http import digest
from syncd.vendors.rechat.client import Client
from syncd.vendors.rechat.contact import CREATED, UPDATED
from syncd.vendors.rechat.definitions import Definitions
from syncd.vendors.rechat.listing import BEGINNING, Chunk, Contacts, Standing
from syncd.vendors.rechat.values import seconds_of, spelled, stamp
from syncd.vendors.walked import decoded, encoded

MEMORY = "ignored_filters"


@dataclass(frozen=True, slots=True)
class Halfway:
    """A walk of everything that was broken off.

    began     the earliest the vendor's clock may have said at its beginning; ``high``: the highest `updated_at` so far
    channels  `mark` of what it was restricted to: with other channels it would be another walk
    """

    began: str
    high: str
    channels: int
    standing: Standing


HALFWAY = TypeAdapter(Halfway)


class Walk:
    """Walks of one connection's contacts."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        definitions: Definitions,
        *,
        overlap: timedelta,
        page_size: int,
        channels: Sequence[str],
        ignored: Sequence[str] = (),
    ) -> None:
        """``channels``: only contacts captured by these; ``ignored``: filters this account is known to ignore."""
        self._client, self._clock, self._definitions = client, clock, definitions
        self._overlap = Decimal(overlap // timedelta(microseconds=1)).scaleb(-6)
        self._contacts = Contacts(client, page_size=page_size, channels=channels, ignored=ignored)
        self._channels = mark(",".join(sorted(channels)))

    @property
    def memory(self) -> Mapping[str, Sequence[str]]:
        """The filters found to be ignored."""
        return {MEMORY: sorted(self._contacts.ignored)} if self._contacts.ignored else {}

    async def pages(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """As `Adapter.leads`."""
        await self._definitions.ready()
        old = _decode(cursor)
        since = None if full or old is None else max(BEGINNING, old - self._overlap)
        half = self._half(walked)
        began = stamp(half.began) if half else None
        high = max((time for time in (old, stamp(half.high) if half else None) if time is not None), default=None)
        started = self._clock.now()
        found = self._everything(half, walked) if since is None else self._since(since)
        async for chunk in found:
            began = self._vendor_time(started) if began is None else began
            payloads = [row.payload for row in chunk.rows]
            await self._definitions.noticed(payloads)
            times = [time for row in payloads if (time := stamp(row.get(UPDATED))) is not None]
            high = max([*times, *([high] if high is not None else [])], default=None)
            ordered = since is not None and UPDATED not in self._contacts.ignored
            if chunk.last and high is not None and not ordered:
                # Not in the order of changes: never past the walk's own beginning, and never back.
                high = max(min(high, began), old if old is not None else BEGINNING)
            yield Page(
                rows=chunk.rows,
                cursor=_encode(high) if chunk.last and high is not None else None,
                complete=chunk.last and since is None and CREATED not in self._contacts.ignored,
                total=chunk.total if since is None else None,
                broken=[(digest(row).hex(), row) for row in chunk.broken],
                position=self._position(began, high, chunk) if full else "",
            )

    async def created_since(self, moment: datetime) -> list[Remote]:
        """Contacts created at or after a moment of the vendor's clock, newest first; of whatever channel.

        Those of ours that nobody captured are in no channel (vendors/rechat.md §11).
        """
        at = max(BEGINNING, seconds_of(moment))
        found: list[tuple[Decimal, Remote]] = []
        async for chunk in self._contacts.chunks(CREATED, at, channels=()):
            for row in chunk.rows:
                time = stamp(row.payload.get(CREATED))
                if time is None or time >= at:
                    found.append((time or at, row))
        return [remote for _, remote in sorted(found, key=lambda pair: pair[0], reverse=True)]

    async def _since(self, since: Decimal) -> AsyncIterator[Chunk]:
        """Contacts that changed; out of all of them where the account ignores the filter."""
        if UPDATED not in self._contacts.ignored:
            async for chunk in self._contacts.chunks(UPDATED, since):
                yield chunk
            if UPDATED not in self._contacts.ignored:
                return
        async for chunk in self._contacts.chunks(CREATED, BEGINNING):
            rows = [row for row in chunk.rows if (stamp(row.payload.get(UPDATED)) or since) >= since]
            yield Chunk(rows, chunk.broken, chunk.last)

    async def _everything(self, half: Halfway | None, walked: Walked | None) -> AsyncIterator[Chunk]:
        """Every contact; behind the pages of ``half``, where there is one."""
        standing, earlier = (half.standing, walked.seen) if half and walked else (None, frozenset[int]())
        async for chunk in self._contacts.chunks(CREATED, BEGINNING, standing=standing, earlier=earlier):
            onward = chunk.standing
            if onward is not None and walked is not None and half is None:
                onward = replace(onward, anew=True)
            yield replace(chunk, standing=onward)

    def _half(self, walked: Walked | None) -> Halfway | None:
        """Where a walk was broken off; None if it cannot be taken up again."""
        half = decoded(walked.position, HALFWAY) if walked else None
        if half is None or half.channels != self._channels:
            return None
        told = stamp(half.began), stamp(half.standing.at), stamp(half.high) if half.high else BEGINNING
        return None if None in told else half

    def _position(self, began: Decimal, high: Decimal | None, chunk: Chunk) -> str:
        if chunk.standing is None:
            return ""
        highest = "" if high is None else spelled(high)
        return encoded(Halfway(spelled(began), highest, self._channels, chunk.standing))

    def _vendor_time(self, started: datetime) -> Decimal:
        """The earliest the vendor's clock may have said at ``started``."""
        reading = self._client.http.clock_reading
        return seconds_of(started + timedelta(seconds=reading.offset_s - reading.uncertainty_s))


def _encode(high: Decimal) -> str:
    return orjson.dumps({"updated_at": spelled(high)}).decode()


def _decode(cursor: str | None) -> Decimal | None:
    """The mark; what is no cursor of ours means "from the beginning"."""
    try:
        data = orjson.loads(cursor or "{}")
    except orjson.JSONDecodeError:
        return None
    return stamp(data.get("updated_at")) if isinstance(data, Mapping) else None
