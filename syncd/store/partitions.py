"""The journal's monthly partitions, made ahead of time; what fits none waits in a default partition.

Making one never blocks the journal for long: the table is filled first, attached last, and a busy journal is
left for the next time (``lock_timeout``). Rows that waited in the default partition move into their month.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from syncd.store.database import Database, translated

if TYPE_CHECKING:
    import psycopg

AHEAD_MONTHS = 2
LOCK_TIMEOUT = "2s"
_PARTITION = re.compile(r"change_(default|\d{4}_\d{2})\Z")


QUEUE = "procrastinate_"
"""What the names of the job queue's tables begin with."""


def ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Alembic's filter: partitions follow from the data, the queue's tables from Procrastinate, not from the models."""
    return not (kind == "table" and name is not None and (_PARTITION.match(name) or name.startswith(QUEUE)))


def months(now: datetime, ahead: int = AHEAD_MONTHS) -> list[tuple[datetime, datetime]]:
    """First moments of this and the next months, each with the first moment after it."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    starts = [first]
    for _ in range(ahead + 1):
        last = starts[-1]
        starts.append(last.replace(year=last.year + last.month // 12, month=last.month % 12 + 1))
    return list(pairwise(starts))


def ensure(database: Database, now: datetime, ahead: int = AHEAD_MONTHS) -> list[str]:
    """Make the partitions of this and the next months that are missing; returns their names.

    Raises DatabaseError, also when the journal was too busy (nothing is lost: rows go to the default partition).
    """
    with translated(), database.connect() as connection:
        there = {row[0] for row in connection.execute(_PARTITIONS)}
        missing = [(f"change_{start:%Y_%m}", start, end) for start, end in months(now, ahead)]
        missing = [row for row in missing if row[0] not in there]
        for name, start, end in missing:
            _make(connection, name, start, end)
        return [name for name, _, _ in missing]


# The names of the journal's partitions.
_PARTITIONS = b"""
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'change'::regclass
"""


def _make(connection: psycopg.Connection, name: str, start: datetime, end: datetime) -> None:
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'".encode())
        # Serialises makers; a second one then finds the table and leaves.
        connection.execute(b"LOCK TABLE change IN SHARE UPDATE EXCLUSIVE MODE")
        if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
            return
        span = f"at >= '{start.isoformat()}' AND at < '{end.isoformat()}'"
        connection.execute(f"CREATE TABLE {name} (LIKE change INCLUDING DEFAULTS, CHECK ({span}))".encode())
        moved = f"DELETE FROM change_default WHERE {span} RETURNING *"  # noqa: S608 - our own names
        connection.execute(f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved".encode())  # noqa: S608
        values = f"FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        connection.execute(f"ALTER TABLE change ATTACH PARTITION {name} FOR VALUES {values}".encode())
