"""The account's attribute definitions: read when a config names one, kept for an hour (vendors/rechat.md §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError
from syncd.domain.normalize import moment
from syncd.ports.clock import Clock
from syncd.vendors.rechat.client import DEFINITIONS, Client, external_id
from syncd.vendors.rechat.custom import OWN, Catalogue

KEPT = timedelta(hours=1)
KEYS = ("id", "name", "label", "data_type", "enum_values")
MEMORY = "definitions"


class Definitions:
    """Keeps a `Catalogue` current. What was read survives in the adapter's memory."""

    def __init__(
        self, client: Client, clock: Clock, catalogue: Catalogue, memory: Mapping[str, Any], *, needed: bool
    ) -> None:
        """``needed``: the config names definitions that only the account can tell."""
        self._client, self._clock, self._catalogue, self._needed = client, clock, catalogue, needed
        self._lock = asyncio.Lock()
        held = memory.get(MEMORY)
        self._memory: dict[str, Any] = dict(held) if isinstance(held, Mapping) else {}
        rows = self._memory.get("rows")
        if isinstance(rows, list):
            catalogue.replace(rows)

    @property
    def memory(self) -> Mapping[str, Any]:
        """The definitions and when they were read."""
        return {MEMORY: self._memory} if self._memory else {}

    async def ready(self) -> None:
        """Have definitions not older than an hour, where the config needs any. Raises VendorError."""
        if self._needed:
            await self._read()

    async def noticed(self, payloads: Iterable[Mapping[str, Any]]) -> None:
        """Rows that name their definition by UUID alone: look it up, it may be one of Rechat's own."""
        if self._needed or not any(self._unnamed(payload) for payload in payloads):
            return
        try:
            await self._read()
        except (RejectedError, NotFoundError):
            self._memory = {"at": self._clock.now().isoformat(), "rows": []}  # not asked again for an hour

    async def _read(self) -> None:
        async with self._lock:
            if self._fresh():
                return
            rows = (await self._client.listed(DEFINITIONS)).rows
            self._catalogue.replace(rows)
            kept = [{key: row.get(key) for key in KEYS} for row in rows if self._worth_keeping(row)]
            self._memory = {"at": self._clock.now().isoformat(), "rows": kept}

    def _fresh(self) -> bool:
        at = moment(self._memory.get("at"))
        return at is not None and timedelta(0) <= self._clock.now() - at < KEPT

    def _unnamed(self, payload: Mapping[str, Any]) -> bool:
        rows = payload.get("attributes")
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, Mapping) and not row.get("attribute_type"):
                definition = row.get("attribute_def")
                if isinstance(definition, str) and not self._catalogue.knows(definition.lower()):
                    return True
        return False

    @staticmethod
    def _worth_keeping(row: Any) -> bool:
        return bool(external_id(row)) and (not row.get("deleted_at") or row.get("name") in OWN)
