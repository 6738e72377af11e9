"""Is the database there, ours to write, current, and is there room for more?"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from syncd.cli.checks.finding import Finding, Place
from syncd.domain.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.store.database import Database

MB = 1024 * 1024
ROOM_LOW_MB, ROOM_NONE_MB = 1024, 200
UPGRADE = "`syncd db upgrade`"


def schema(database: Database) -> Finding:
    """Whether the server can be used and the schema is the one this syncd was written for."""
    from syncd.store.schema import HEAD, status

    try:
        found = status(database)
    except DatabaseError as error:
        return Finding("database", "problem", str(error), error.hint)
    where = f"{'embedded ' if found.embedded else ''}PostgreSQL {found.server}, schema {found.schema}"
    if not found.behind:
        return Finding("database", "ok", f"{where}, up to date ({found.current})")
    if found.current > HEAD:
        line = f"{where} is ahead of this syncd ({found.current}, this one knows {HEAD})"
        return Finding("database", "problem", line, "install the newer syncd that made it")
    return Finding("database", "problem", f"{where} {'is behind' if found.current else 'has no tables yet'}", UPGRADE)


def room(data_dir: Path) -> Finding:
    """Whether the embedded server has room to grow."""
    free = shutil.disk_usage(data_dir).free // MB
    line = f"{free:,} MB free for {data_dir}"
    mend = "make room there, or move it: stop syncd, move the directory, set [database].data_dir"
    if free < ROOM_NONE_MB:
        return Finding("disk", "problem", line, mend)
    return Finding("disk", "warning", line, mend) if free < ROOM_LOW_MB else Finding("disk", "ok", line)


async def writable(place: Place) -> list[Finding]:
    """Whether the database takes writes, and how large it is."""
    from syncd.store.checkup import Checkup

    standby, size = await Checkup(place.syncd.store).server()
    if standby:
        line = "the database takes no writes: it is a standby"
        return [Finding("database", "problem", line, "set [database].url to the primary server")]
    return [Finding("database", "ok", f"takes writes, {size // MB:,} MB")]
