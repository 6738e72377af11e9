"""Kept payloads on PostgreSQL, to be read by another mapping."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime

from syncd.ports.rows import Link
from syncd.store import rows
from syncd.store.fetching import Fetching

BATCH = 500


class MappedRows(Fetching):
    """The `Mapped` of a store."""

    async def mapped_with(self, connection: str) -> str:
        """Fingerprint of the mapping that this connection's records were read by; "" before the first."""
        found = await self.fetch("SELECT mapped_with FROM connection WHERE name = %s", connection)
        return str(found[0][0]) if found else ""

    _KEEP = """
    WITH planned AS (UPDATE lead SET dirty = true, version = version + 1 WHERE %s RETURNING 1)
    UPDATE connection SET mapped_with = %s WHERE name = %s RETURNING (SELECT count(*) FROM planned)
    """

    async def keep_mapping(self, connection: str, fingerprint: str) -> None:
        """From now on they are read by this one; every lead is to be planned again."""
        first = not await self.mapped_with(connection)
        await self.fetch(self._KEEP, not first, fingerprint, connection)

    _UNCERTAIN = """
    UPDATE link SET digest = NULL WHERE connection = %s AND kind = 'lead' AND state = 'live' AND digest IS NOT NULL
      AND (pending <> '{}' OR payload IS NULL) RETURNING 1
    """
    _PAYLOADS = f"""{rows.LINKS} WHERE connection = %s AND kind = 'lead' AND state = 'live' AND external_id > %s
      AND digest IS NOT NULL ORDER BY external_id LIMIT %s"""

    async def payloads(self, connection: str) -> AsyncGenerator[Sequence[Link]]:
        """Live links of leads whose payload is what the vendor showed last, in batches."""
        await self.fetch(self._UNCERTAIN, connection)
        after = ""
        while found := await self.fetch(self._PAYLOADS, connection, after, BATCH):
            links = [rows.link_of(row) for row in found]
            yield links
            after = links[-1].external_id

    _FORGET = """
    UPDATE link SET digest = NULL, mark = '' WHERE connection = %s AND state = 'live'
      AND (digest IS NOT NULL OR mark <> '') RETURNING 1
    """

    async def forget_digests(self, connection: str) -> None:
        """Every record and note is read again when it is listed next, whether or not it looks changed."""
        await self.fetch(self._FORGET, connection)

    _TOUCHED = """
    SELECT external_id FROM link WHERE connection = %s AND kind = 'lead' AND state = 'live'
      AND greatest(time, read_at) >= %s ORDER BY external_id
    """

    async def touched_since(self, connection: str, moment: datetime) -> Sequence[str]:
        """External ids of live leads that changed there, or were read, at this moment or later."""
        return [row[0] for row in await self.fetch(self._TOUCHED, connection, moment)]

    _WITHOUT = """
    SELECT id FROM lead l WHERE id > %s
      AND NOT EXISTS (SELECT FROM link x WHERE x.node = l.id AND x.kind = 'lead' AND x.connection = %s)
    ORDER BY id LIMIT %s
    """

    async def without_link(self, connection: str, after: int, limit: int) -> Sequence[int]:
        """Ids of leads beyond ``after``, in their order, that never had a record at this connection."""
        return [row[0] for row in await self.fetch(self._WITHOUT, after, connection, limit)]

    _RESTORE = """
    UPDATE link SET read_at = u.at FROM unnest(%s::text[], %s::timestamptz[]) u (id, at)
    WHERE connection = %s AND kind = 'lead' AND external_id = u.id RETURNING 1
    """

    async def restore_read_at(self, connection: str, read_at: Mapping[str, datetime]) -> None:
        """External id → when the record was really read."""
        await self.fetch(self._RESTORE, list(read_at), list(read_at.values()), connection)
