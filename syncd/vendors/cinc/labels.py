"""Labels: a site-wide catalogue whose names are not unique, and their use on leads (vendors/cinc.md §8)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError, UnreadableError
from syncd.domain.normalize import fold, moment, text
from syncd.vendors.cinc.client import APPLY, LABELS, REMOVE, Client, id_told
from syncd.vendors.cinc.listing import REFUSALS, whole

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Labels:
    """The catalogue, read once and again when it turns out to be out of date."""

    def __init__(self, client: Client) -> None:
        """Nothing is read before a label is needed."""
        self._client = client
        self._ids: dict[str, str] | None = None
        self._lock = asyncio.Lock()

    async def apply(self, lead: str, names: Collection[str]) -> None:
        """Put labels on a lead; those the site does not know are made first. Raises VendorError."""
        try:
            await self._send(APPLY, lead, await self.ids(names))
        except (RejectedError, NotFoundError) as error:
            if error.status not in REFUSALS:
                raise
            # A label may have been deleted from the site since the catalogue was read; or the lead is gone.
            self._ids = None
            await self._send(APPLY, lead, await self.ids(names))

    async def remove(self, lead: str, ids: Collection[str]) -> None:
        """Take labels off a lead. Raises RejectedError or NotFoundError where one is not on it, or does not exist."""
        await self._send(REMOVE, lead, ids)

    async def ids(self, names: Collection[str]) -> list[str]:
        """The ids to apply for these names, one per name."""
        async with self._lock:  # two leads that need the same new label make it once
            known = self._ids if self._ids is not None else await self._read()
            missing = {fold(name): name for name in names if fold(name) not in known}
            if missing:
                known = await self._read()
            for folded, name in missing.items():
                if folded not in known:
                    known[folded] = await self._create(name)
            return [known[folded] for folded in dict.fromkeys(map(fold, names))]

    async def _read(self) -> dict[str, str]:
        """Folded name → id of the newest label of that name."""
        rows, _ = await whole(self._client, LABELS, "labels")
        named = sorted(((_created(row), label_id, _name(row)) for label_id, row in rows), key=lambda found: found[:2])
        self._ids = {fold(name): label_id for _, label_id, name in named if name}
        return self._ids

    async def _create(self, name: str) -> str:
        answer = await self._client.post(LABELS, {"name": name}, query=[("is_name_distinct", "true")])
        label = id_told(answer.data, "label")
        if not label:
            message = f"POST {LABELS}: the answer tells no id"
            raise UnreadableError(message)
        return label

    async def _send(self, path: str, lead: str, ids: Collection[str]) -> None:
        await self._client.post(path, {"labels": [{"id": label} for label in ids]}, {"id": lead})


def _name(row: Mapping[str, Any]) -> str:
    try:
        return text(row.get("name"))
    except UnreadableError:
        return ""


def _created(row: Mapping[str, Any]) -> datetime:
    try:
        return moment(row.get("created_date")) or _EARLIEST
    except UnreadableError:
        return _EARLIEST
