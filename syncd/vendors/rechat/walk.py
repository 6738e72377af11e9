"""The contact list: paging by key, cursor, what a walk proves (vendors/rechat.md §3).

Rows move to the end of the list while people edit, so an offset would skip some. A page therefore begins at
the time of the last row seen, exactly as told, and `start` counts only the rows seen with that very time. Behind a full
page it counts one less, so that the last row comes again: if it does not, somebody moved it, what followed it stands
one place earlier, and the page is asked for anew from that time on. Otherwise a contact would be skipped.

    a page without rows, or the total reached   → the end
    rows older than asked, out of order,        → the filter is ignored: plain offsets from then on, no proof
    or nothing but the same rows again
    a short page                                → nothing

The cursor is the highest `updated_at` of a finished walk; the next one begins `overlap` before it, because
rows appear late with the time their writing began. A walk of everything is ordered by creation and takes no
later mark than its own beginning: a contact seen early may have changed behind its back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import structlog

from syncd.ports.clock import Clock
from syncd.ports.vendor import Page, Remote
from syncd.vendors.http import digest
from syncd.vendors.rechat.client import CONTACTS, FILTER, SHOWING, Client, Listed, external_id
from syncd.vendors.rechat.definitions import Definitions
from syncd.vendors.rechat.mapping import assignees, owner
from syncd.vendors.rechat.values import seconds_of, spelled, stamp, when

CREATED, UPDATED = "created_at", "updated_at"
_SINCE: Mapping[str, str] = {CREATED: "created_gte", UPDATED: "updated_gte"}
BEGINNING = Decimal(0)
MEMORY = "ignored_filters"
_ROW_KEYS = ("id", "attribute_def", "attribute_type", "text", "number", "date", "index", "label", "is_primary")
_ROW_KEYS_ALL = (*_ROW_KEYS, "is_partner", "created_at")


def contact(payload: Mapping[str, Any], *, listed: bool) -> Remote:
    """A contact as read. A row of a list without its attributes, or of a deleted contact, is to be read singly."""
    complete = not listed or (isinstance(payload.get("attributes"), list) and not payload.get("deleted_at"))
    return Remote(
        "lead",
        external_id(payload),
        payload,
        digest(_essence(payload)),
        when(payload.get(UPDATED)),
        complete=complete,
        listed=listed,
    )


def _essence(payload: Mapping[str, Any]) -> Any:
    """What of a payload is carried anywhere. The order of rows, touches and the summary mean nothing."""
    rows = payload.get("attributes")
    if not isinstance(rows, list):
        return {"deleted": payload.get("deleted_at"), "updated": payload.get(UPDATED)}
    live = [
        {key: value for key in _ROW_KEYS_ALL if (value := row.get(key)) is not None}
        for row in rows
        if isinstance(row, Mapping) and not row.get("deleted_at")
    ]
    odd = [row for row in rows if not isinstance(row, Mapping)]
    return {
        "rows": sorted(live, key=lambda row: str(row.get("id"))),
        "odd": odd,
        "owner": owner(payload),
        "assignees": [(who, mail) for who, mail, _ in assignees(payload)],
        "created": payload.get(CREATED),
        "deleted": payload.get("deleted_at"),
    }


@dataclass(frozen=True, slots=True)
class _Chunk:
    rows: Sequence[Remote]
    broken: Sequence[Any]
    last: bool
    total: int | None = None


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
        self._page_size, self._channels = page_size, list(channels)
        self._ignored = {name for name in ignored if name in _SINCE}

    @property
    def memory(self) -> Mapping[str, Any]:
        """The filters found to be ignored."""
        return {MEMORY: sorted(self._ignored)} if self._ignored else {}

    async def pages(self, cursor: str | None, *, full: bool) -> AsyncIterator[Page]:
        """As `Adapter.leads`."""
        await self._definitions.ready()
        mark = _decode(cursor)
        since = None if full or mark is None else max(BEGINNING, mark - self._overlap)
        started = self._clock.now()
        high = mark
        found = self._chunks(CREATED, BEGINNING) if since is None else self._since(since)
        async for chunk in found:
            payloads = [row.payload for row in chunk.rows]
            await self._definitions.noticed(payloads)
            times = [time for row in payloads if (time := stamp(row.get(UPDATED))) is not None]
            high = max([*times, *([high] if high is not None else [])], default=None)
            if chunk.last and since is None and high is not None:
                # Never past the walk's own beginning, and never back.
                high = max(min(high, self._vendor_time(started)), mark if mark is not None else BEGINNING)
            yield Page(
                rows=chunk.rows,
                cursor=_encode(high) if chunk.last and high is not None else None,
                complete=chunk.last and since is None and CREATED not in self._ignored,
                total=chunk.total if since is None else None,
                broken=[(digest(row).hex(), row) for row in chunk.broken],
            )

    async def created_since(self, moment: datetime) -> list[Remote]:
        """Contacts created at or after a moment of the vendor's clock, newest first; of whatever channel.

        Those of ours that nobody captured are in no channel (vendors/rechat.md §11).
        """
        at = max(BEGINNING, seconds_of(moment))
        found: list[tuple[Decimal, Remote]] = []
        async for chunk in self._chunks(CREATED, at, channels=()):
            for row in chunk.rows:
                time = stamp(row.payload.get(CREATED))
                if time is None or time >= at:
                    found.append((time or at, row))
        return [remote for _, remote in sorted(found, key=lambda pair: pair[0], reverse=True)]

    async def _since(self, since: Decimal) -> AsyncIterator[_Chunk]:
        """Contacts that changed; out of all of them where the account ignores the filter."""
        if UPDATED not in self._ignored:
            async for chunk in self._chunks(UPDATED, since):
                yield chunk
            if UPDATED not in self._ignored:
                return
        async for chunk in self._chunks(CREATED, BEGINNING):
            rows = [row for row in chunk.rows if (stamp(row.payload.get(UPDATED)) or since) >= since]
            yield _Chunk(rows, chunk.broken, chunk.last)

    async def _chunks(self, order: str, asked: Decimal, channels: Sequence[str] | None = None) -> AsyncIterator[_Chunk]:
        """Pages of a list from ``asked`` to its end. Ends without a last page where ``updated_gte`` is ignored.

        channels  None: those of the config; none: all contacts
        """
        channels = self._channels if channels is None else channels
        at, start = asked, 0
        same: set[str] = set()
        before: list[str] = []
        seen: dict[str, bytes] = {}
        widest = 0
        while True:
            plain = order in self._ignored
            page = await self._page(order, BEGINNING if plain else at, start, channels)
            rows, broken = _with_ids(page.rows)
            if 0 < start < len(same) and not plain and not (rows and external_id(rows[0]) in same):
                start, same = 0, set()  # the row that was to come again has moved
                continue
            # Behind the rows of one moment there are only others: the same ones again mean that the moment is ignored.
            again = (
                bool(rows)
                and start == len(same)
                and all(external_id(row) in same and stamp(row.get(order)) == at for row in rows)
            )
            if not plain and (again or not self._honoured(rows, order, at)):
                self._ignore(order)
                if order == UPDATED:
                    return
                at, start = BEGINNING, 0
                continue
            fresh = _fresh(rows, seen)
            over = not page.rows or (page.total is not None and start + len(page.rows) >= page.total)
            position = (at, start)
            if plain or not rows:
                start += len(page.rows)
                shown = [external_id(row) for row in rows]
                over, before = over or (plain and shown == before), shown  # `start` is ignored as well
            else:
                last = stamp(rows[-1].get(order)) or at
                same = (same if last == at else set()) | {
                    external_id(row) for row in rows if stamp(row.get(order)) == last
                }
                # A server may have smaller pages than asked for: then its total, or its other pages, tell.
                full = page.total is not None or len(page.rows) >= min(widest or self._page_size, self._page_size)
                overlaps = full and len(page.rows) > 1 and position != (last, len(same) - 1)
                at, start, widest = last, len(same) - overlaps, max(widest, len(page.rows))
            yield _Chunk(fresh, broken, over, page.total if position == (asked, 0) else None)
            if over:
                return

    async def _page(self, order: str, at: Decimal, start: int, channels: Sequence[str]) -> Listed:
        query = [
            ("limit", str(self._page_size)),
            ("start", str(start)),
            ("order", order),
            (_SINCE[order], spelled(at)),
            *SHOWING,
        ]
        if channels:
            return await self._client.listed(FILTER, query=query, body={"lead_channels": list(channels)})
        return await self._client.listed(CONTACTS, query=query)

    def _honoured(self, rows: Sequence[Mapping[str, Any]], order: str, at: Decimal) -> bool:
        """Whether the rows are what was asked for: none older, none out of order, each with a time."""
        before = at
        for row in rows:
            time = stamp(row.get(order))
            if time is None or time < before:
                return False
            before = time
        return True

    def _ignore(self, order: str) -> None:
        """Remember that a filter is ignored; said once, however many walks follow."""
        self._ignored.add(order)
        structlog.get_logger("syncd.vendors.rechat").warning("pull.filter_ignored", filter=_SINCE[order])

    def _vendor_time(self, started: datetime) -> Decimal:
        """The earliest the vendor's clock may have said at ``started``."""
        reading = self._client.http.clock_reading
        return seconds_of(started + timedelta(seconds=reading.offset_s - reading.uncertainty_s))


def _with_ids(rows: Sequence[Any]) -> tuple[list[Mapping[str, Any]], list[Any]]:
    usable = [row for row in rows if external_id(row)]
    return usable, [row for row in rows if not external_id(row)]


def _fresh(rows: Sequence[Mapping[str, Any]], seen: dict[str, bytes]) -> list[Remote]:
    """Rows this walk has not had, or not like this: a contact edited meanwhile comes again at the end."""
    fresh = []
    for row in rows:
        remote = contact(row, listed=True)
        if seen.get(remote.external_id) != remote.digest:
            seen[remote.external_id] = remote.digest
            fresh.append(remote)
    return fresh


def _encode(mark: Decimal) -> str:
    return orjson.dumps({"updated_at": spelled(mark)}).decode()


def _decode(cursor: str | None) -> Decimal | None:
    """The mark; what is no cursor of ours means "from the beginning"."""
    try:
        data = orjson.loads(cursor or "{}")
    except orjson.JSONDecodeError:
        return None
    return stamp(data.get("updated_at")) if isinstance(data, Mapping) else None
