"""Labels: tags added and deleted one by one, so that people's own are never touched (vendors/rechat.md §8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from syncd.domain.errors import ConflictError, TransientError
from syncd.domain.lead import Fields
from syncd.domain.lens import Payload
from syncd.domain.normalize import fold
from syncd.ports.clock import Clock
from syncd.vendors.rechat.client import ROWS, Client
from syncd.vendors.rechat.mapping import Mapped
from syncd.vendors.rechat.tags import label_rows
from syncd.vendors.rechat.writes import PAUSE_S, TRIES_MAX, Read, Writer


class Labels:
    """Adding and removing."""

    def __init__(self, client: Client, clock: Clock, mapping: Mapped, writer: Writer, read: Read) -> None:
        """``read``: one contact, fresh."""
        self._client, self._clock, self._mapping = client, clock, mapping
        self._writer, self._read = writer, read

    async def add(self, contact: str, names: Collection[str], payload: Payload) -> None:
        """Add what is missing. Raises VendorError.

        A call whose answer is lost, or that is refused because a tag exists (vendors/rechat.md §12), is repeated only
        after reading.
        """
        wanted = {"labels": frozenset(names)}
        for attempt in range(1, TRIES_MAX + 1):
            rows = self._missing(wanted, payload)
            if not rows:
                return
            try:
                await self._client.write("POST", ROWS, {"id": contact}, {"attributes": rows})
            except TransientError as error:
                if not error.sent or attempt == TRIES_MAX:
                    raise
                await self._clock.sleep(PAUSE_S * 2**attempt)
                payload = (await self._read(contact)).payload
            except ConflictError:
                before, payload = rows, (await self._read(contact)).payload
                if attempt == TRIES_MAX or self._missing(wanted, payload) == before:
                    raise
            else:
                return

    def _missing(self, wanted: Fields, payload: Payload) -> list[Mapping[str, Any]]:
        return list(self._mapping.table.write(wanted, ("labels",), payload).get("add", {}).values())

    async def remove(self, contact: str, names: Collection[str], payload: Payload) -> None:
        """Delete every row of these names; done as well where somebody else did. Raises VendorError."""
        folded = {fold(name) for name in names}
        for name, row in label_rows(self._mapping.view, self._mapping.stages, payload):
            if fold(name) in folded:
                await self._writer.delete_row(contact, row.id)
