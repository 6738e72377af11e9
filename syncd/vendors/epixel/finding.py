"""Leads by address or number: there is no call for it, so the list is walked (vendors/epixel.md §11, §14).

A short list is read anew for every look-up. A long one would use up the whole rate when many leads are to be
created, so what a walk found is kept for a while, as hashes that lead to slugs; every hit is viewed again. The
next pull forgets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from syncd.domain.errors import NotFoundError, RejectedError, UnreadableError
from syncd.domain.lens import Payload
from syncd.domain.normalize import email as normal_email
from syncd.ports.clock import Clock
from syncd.ports.vendor import Found, Remote
from syncd.vendors.epixel.numbers import Numbers
from syncd.vendors.epixel.payload import KEYS, first, time_under
from syncd.vendors.epixel.walk import LeadRows, Walk

SHORT_ANSWERS_MAX = 2
"""A list that comes in so few answers is simply read again."""
KEPT_S = 60.0
KEPT_TIMES = 10
"""A walk's findings are kept for a minute, or for ten times as long as it took."""
SPELLING_SLACK = timedelta(seconds=60)
"""Times may be spelled without seconds."""


@dataclass(slots=True)
class _Index:
    """What one walk of a long list found."""

    until_s: float
    proved: bool
    slugs: dict[int, list[str]] = field(default_factory=dict)

    def add(self, slug: str, keys: list[tuple[str, str]]) -> None:
        for key in keys:
            self.slugs.setdefault(hash(key), []).append(slug)


class Finder:
    """Look-ups of one connection."""

    def __init__(self, walk: Walk, rows: LeadRows, numbers: Numbers, clock: Clock, zone: tzinfo) -> None:
        self._walk, self._rows, self._numbers, self._clock, self._zone = walk, rows, numbers, clock, zone
        self._turn = asyncio.Lock()
        self._index: _Index | None = None

    def forget(self) -> None:
        """What was found before is not to be used any more."""
        self._index = None

    def created(self, slug: str, email: str, phone: str) -> None:
        """A lead was created since."""
        if self._index is not None:
            self._index.add(slug, _keys(normal_email(email), phone))

    async def find(self, email: str, phone: str, since: datetime | None, *, fresh: bool = False) -> Found:
        """Leads with this address or number, else those created after ``since``; ``fresh``: as of now."""
        if not email and not phone:
            return await self._since(since) if since is not None else Found((), conclusive=False)
        wanted = _keys(normal_email(email), phone)
        async with self._turn:
            if self._index is not None and not fresh and since is None:
                if self._clock.monotonic() < self._index.until_s:
                    return await self._known(self._index, wanted)
                self._index = None
            return await self._walked(wanted)

    async def _walked(self, wanted: list[tuple[str, str]]) -> Found:
        started_s = self._clock.monotonic()
        index = _Index(until_s=0.0, proved=False)
        found: dict[str, Remote] = {}
        answers = 0
        async for chunk, live in self._walk.leads():
            answers, index.proved = chunk.number, chunk.proved
            for slug, row in live:
                keys = self._keys_of(row)
                index.add(slug, keys)
                if any(key in wanted for key in keys):
                    found[slug] = self._rows.listed(slug, row)
        ended_s = self._clock.monotonic()
        index.until_s = ended_s + max(KEPT_S, KEPT_TIMES * (ended_s - started_s))
        self._index = index if answers > SHORT_ANSWERS_MAX else None
        return Found(tuple(found.values()), conclusive=self._told(index, wanted))

    async def _known(self, index: _Index, wanted: list[tuple[str, str]]) -> Found:
        """Out of the index, each lead viewed again and verified."""
        found: dict[str, Remote] = {}
        for key in wanted:
            for slug in index.slugs.get(hash(key), ()):
                try:
                    payload = await self._walk.view(slug)
                except (NotFoundError, RejectedError):
                    continue
                if any(told in wanted for told in self._keys_of(payload)):
                    found[slug] = self._rows.single(slug, payload)
        return Found(tuple(found.values()), conclusive=self._told(index, wanted))

    async def _since(self, since: datetime) -> Found:
        found: dict[str, Remote] = {}
        told = False
        untimed = False
        async for chunk, live in self._walk.leads():
            told = chunk.proved
            for slug, row in live:
                born = time_under(row, KEYS["registered_at"], self._zone)
                untimed = untimed or born is None
                if born is not None and born >= since - SPELLING_SLACK:
                    found[slug] = self._rows.listed(slug, row)
        return Found(tuple(found.values()), conclusive=told and not untimed)

    def _told(self, index: _Index, wanted: list[tuple[str, str]]) -> bool:
        """Whether none found means that there is none: the walk was whole, and rows show what was looked for."""
        return index.proved and not {kind for kind, _ in wanted} & self._rows.hidden

    def _keys_of(self, row: Payload) -> list[tuple[str, str]]:
        address = _quietly(lambda: normal_email(first(row, KEYS["email"])))
        number = _quietly(lambda: self._numbers.read(first(row, KEYS["phone"])))
        return _keys(address, number)


def _keys(email: str, phone: str) -> list[tuple[str, str]]:
    return [(kind, value) for kind, value in (("email", email), ("phone", phone)) if value]


def _quietly(read: Callable[[], str]) -> str:
    try:
        return read()
    except UnreadableError:
        return ""
