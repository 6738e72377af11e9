"""Bulk writes: binary COPY, straight into a table or into a temporary twin of it.

A twin (``in_NAME``) has the columns that are written, and no constraint. It lives as long as its connection and is
emptied at every commit, so that a page costs no catalogue work; making it again is a no-op (and right behind
a pooler that hands out other sessions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

Row = Sequence[Any]
Raw = AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Target:
    """A table and the columns written to it, in order, with their types."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def names(self) -> str:
        """The columns as a list for SQL."""
        return ", ".join(f'"{name}"' for name in self.columns)

    @property
    def twin(self) -> str:
        """The name of the temporary twin."""
        return f"in_{self.table}"

    def sets(self, *keys: str) -> str:
        """``column = EXCLUDED.column`` for all columns but the keys."""
        return ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in self.columns if name not in keys)


def target(table: str, columns: str) -> Target:
    """A target from ``"name type, name type"``."""
    pairs = [column.split() for column in columns.split(",")]
    return Target(table, tuple(name for name, _ in pairs), tuple(kind for _, kind in pairs))


async def copy(raw: Raw, into: Target, rows: Iterable[Row], *, twin: bool = False) -> None:
    """COPY rows into a table, or into its (new or empty) twin."""
    name = into.table
    if twin:
        name = into.twin
        columns = f"SELECT {into.names} FROM {into.table} WITH NO DATA"  # noqa: S608 - names of our own
        make = f"CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS {columns}"
        await raw.execute(make.encode())
        # Twice in one transaction: what the first save left is not part of the second.
        await raw.execute(f"DELETE FROM {name}".encode())  # noqa: S608 - a table of our own
    statement = f"COPY {name} ({into.names}) FROM STDIN (FORMAT BINARY)".encode()
    async with raw.cursor() as cursor, cursor.copy(statement) as stream:
        stream.set_types(into.types)
        for row in rows:
            await stream.write_row(row)
