"""What records look like under another mapping: the raw payloads are kept, so nothing has to be fetched for that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from syncd.ports.rows import Link


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

    async def forget_digests(self, connection: str) -> None:
        """Every record and note is read again when it is listed next, whether or not it looks changed."""
        ...

    async def touched_since(self, connection: str, moment: datetime) -> Sequence[str]:
        """External ids of live leads that changed there, or were read, at this moment or later."""
        ...

    async def without_link(self, connection: str, after: int, limit: int) -> Sequence[int]:
        """Ids of leads beyond ``after``, in their order, that never had a record at this connection."""
        ...

    async def restore_read_at(self, connection: str, read_at: Mapping[str, datetime]) -> None:
        """External id → when the record was really read."""
        ...
