"""What records look like under another mapping: the raw payloads are kept, so nothing has to be fetched for that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from syncd.ports.store import Link


class Mapped(Protocol):
    """The kept payloads, and by which mapping they were last read."""

    async def mapped_with(self, connection: str) -> str:
        """Fingerprint of the mapping that this connection's records were read by; "" before the first."""
        ...

    async def keep_mapping(self, connection: str, fingerprint: str) -> None:
        """From now on they are read by this one; every lead is to be planned again."""
        ...

    def payloads(self, connection: str) -> AsyncIterator[Sequence[Link]]:
        """Live links of leads whose payload is what the vendor showed last, in batches.

        What was written since and not read again is left out: its next listed row is read whatever it looks like.
        """
        ...

    async def restore_read_at(self, connection: str, read_at: Mapping[str, datetime]) -> None:
        """External id → when the record was really read."""
        ...
