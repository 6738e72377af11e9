"""Keeps the choices of status and source fresh: at start, hourly, and when one is refused (vendors/epixel.md §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError
from syncd.domain.normalize import moment
from syncd.ports.clock import Clock
from syncd.vendors.epixel import choices
from syncd.vendors.epixel.choices import Choices
from syncd.vendors.epixel.client import OVERVIEW, Client

FRESH = timedelta(hours=1)
CHOICES = "choices"


class Overview:
    """Reads the overview when it is due."""

    def __init__(self, client: Client, clock: Clock, kept: Choices, memory: Mapping[str, Any]) -> None:
        """``kept`` is filled here and read by the lens table."""
        self._client, self._clock, self._kept = client, clock, kept
        self._turn = asyncio.Lock()
        self._read_at: datetime | None = None
        remembered = memory.get(CHOICES)
        if isinstance(remembered, Mapping) and (found := choices.of_json(remembered)) is not None:
            kept.take(*found)
            try:
                self._read_at = moment(remembered.get("at"))
            except UnreadableError:
                self._read_at = None

    @property
    def memory(self) -> Mapping[str, Any]:
        """The choices, and when they were read."""
        if not self._kept.known or self._read_at is None:
            return {}
        return {CHOICES: {"at": self._read_at.isoformat(), **self._kept.to_json()}}

    async def ensure(self) -> None:
        """Read the overview if that was an hour ago. Raises AuthError; TransientError while none is known."""
        async with self._turn:
            now = self._clock.now()
            if self._read_at is not None and timedelta(0) <= now - self._read_at < FRESH:
                return
            try:
                await self._read()
            except (RejectedError, NotFoundError, UnreadableError):
                self._read_at = now  # none here: without choices nothing is written but what the config names
            except TransientError:
                if not self._kept.known:
                    raise

    async def refresh(self) -> None:
        """Read it now: a choice was refused. What cannot be read leaves the old ones."""
        async with self._turn:
            try:
                await self._read()
            except (RejectedError, NotFoundError, UnreadableError, TransientError):
                return

    async def look(self) -> None:
        """Read it now, come what may: whether the credentials work. Raises VendorError."""
        async with self._turn:
            await self._read()

    async def _read(self) -> None:
        data = await self._client.get(OVERVIEW)
        self._kept.take(*choices.read(data))
        self._read_at = self._clock.now()
