"""Walks under way, on PostgreSQL: one row each, and the marks of what they have shown, page by page."""

from __future__ import annotations

import array
from collections.abc import Collection, Sequence
from datetime import datetime

from syncd.ports.walks import OpenWalk
from syncd.store.fetching import Fetching
from syncd.store.rows import jsonb

_FIELDS = "connection, began, notes, position, whole, listed, found"


class WalkRows(Fetching):
    """The `Walks` of a store."""

    _OPEN = f"SELECT {_FIELDS} FROM walk WHERE connection = %s"  # noqa: S608 - column names of our own

    async def open_walk(self, connection: str) -> OpenWalk | None:
        """The walk under way."""
        found = await self.fetch(self._OPEN, connection)
        return OpenWalk(*found[0]) if found else None

    _BEGIN = f"""
    WITH forgotten AS (DELETE FROM walk_seen WHERE connection = %s)
    INSERT INTO walk ({_FIELDS}) VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (connection) DO UPDATE SET (began, notes, position, whole, listed, found)
        = (EXCLUDED.began, EXCLUDED.notes, EXCLUDED.position, EXCLUDED.whole, EXCLUDED.listed, EXCLUDED.found)
    RETURNING 1
    """  # noqa: S608 - column names of our own

    async def begin_walk(self, walk: OpenWalk) -> None:
        """A new walk; one that was under way is forgotten."""
        await self.fetch(
            self._BEGIN, walk.connection,
            walk.connection, walk.began, walk.notes, walk.position, walk.whole, walk.listed, jsonb(dict(walk.found)),
        )  # fmt: skip

    _STEP = """
    WITH shown AS (INSERT INTO walk_seen (connection, marks) SELECT %s, %s::bytea WHERE %s::bytea <> ''::bytea)
    UPDATE walk SET position = %s, whole = %s, listed = %s, found = %s WHERE connection = %s RETURNING 1
    """

    async def step_walk(self, walk: OpenWalk, marks: Collection[int]) -> None:
        """Keep how far it has come, and the `mark` of every id shown since the last step."""
        shown = array.array("q", marks).tobytes()
        await self.fetch(
            self._STEP,
            walk.connection,
            shown,
            shown,
            walk.position,
            walk.whole,
            walk.listed,
            jsonb(dict(walk.found)),
            walk.connection,
        )

    _SEEN = "SELECT marks FROM walk_seen WHERE connection = %s"

    async def seen_by_walk(self, connection: str) -> set[int]:
        """The marks of every id it has shown."""
        seen: set[int] = set()
        for (marks,) in await self.fetch(self._SEEN, connection):
            seen.update(array.array("q", marks))
        return seen

    _END = """
    WITH forgotten AS (DELETE FROM walk_seen WHERE connection = %s)
    DELETE FROM walk WHERE connection = %s RETURNING 1
    """

    async def end_walk(self, connection: str) -> None:
        """It came to its end, or is given up."""
        await self.fetch(self._END, connection, connection)

    # By ix_link_notes_due.
    _NOTES_OWED = """
    SELECT external_id FROM link
    WHERE connection = %s AND kind = 'lead' AND state = 'live' AND notes_read_at IS NULL AND external_id > %s
    ORDER BY external_id LIMIT %s
    """

    async def notes_owed(self, connection: str, after: str, limit: int) -> Sequence[str]:
        """External ids, in their order and beyond ``after``, of live leads that changed since their notes were read."""
        return [row[0] for row in await self.fetch(self._NOTES_OWED, connection, after, limit)]

    _NOTES_BEFORE = """
    SELECT external_id FROM link
    WHERE connection = %s AND kind = 'lead' AND state = 'live' AND external_id > %s
      AND (notes_read_at IS NULL OR notes_read_at < %s)
    ORDER BY external_id LIMIT %s
    """

    async def notes_before(self, connection: str, moment: datetime, after: str, limit: int) -> Sequence[str]:
        """External ids, in their order and beyond ``after``, of live leads whose notes were not read since."""
        return [row[0] for row in await self.fetch(self._NOTES_BEFORE, connection, after, moment, limit)]
