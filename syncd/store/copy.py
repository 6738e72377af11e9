"""Writing rows: binary COPY for many, straight into a table or into a temporary twin of it; one statement for a few.

A twin (``in_NAME``) has the columns that are written, and no constraint. It lives as long as its connection and is
emptied at every commit, so that a page costs no catalogue work; making it again is a no-op (and right behind
a pooler that hands out other sessions). A few rows do without it: an edit on its way to another CRM is one row, and
each step of a COPY is a turn to the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus
from psycopg.types.json import Json, Jsonb

FEW = 12
"""So many rows are written by one statement, which the server keeps prepared for each number of them."""
_JSON = {"json": Json, "jsonb": Jsonb}
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


async def write(raw: Raw, into: Target, rows: Iterable[Row]) -> None:
    """New rows of a table."""
    rows = list(rows)
    if len(rows) > FEW and not _in_pipeline(raw):
        await _copy(raw, into, into.table, rows)
    elif rows:
        statement = f"INSERT INTO {into.table} ({into.names}) {_values(into, len(rows))}"
        await raw.execute(statement.encode(), _parameters(into, rows))


async def merge(raw: Raw, into: Target, rows: Iterable[Row], *statements: str) -> None:
    """Run statements that read these rows from the table's twin."""
    rows = list(rows)
    if not rows:
        return
    if len(rows) <= FEW or _in_pipeline(raw):
        twin = f"WITH {into.twin} ({into.names}) AS ({_values(into, len(rows))})"
        for statement in statements:
            await raw.execute(f"{twin} {statement}".encode(), _parameters(into, rows))
        return
    columns = f"SELECT {into.names} FROM {into.table} WITH NO DATA"  # noqa: S608 - names of our own
    make = f"CREATE TEMP TABLE IF NOT EXISTS {into.twin} ON COMMIT DELETE ROWS AS {columns}"
    await raw.execute(make.encode())
    # Twice in one transaction: what the first save left is not part of the second.
    await raw.execute(f"DELETE FROM {into.twin}".encode())  # noqa: S608 - a table of our own
    await _copy(raw, into, into.twin, rows)
    for statement in statements:
        await raw.execute(statement.encode())


async def _copy(raw: Raw, into: Target, name: str, rows: Iterable[Row]) -> None:
    statement = f"COPY {name} ({into.names}) FROM STDIN (FORMAT BINARY)".encode()
    async with raw.cursor() as cursor, cursor.copy(statement) as stream:
        stream.set_types(into.types)
        for row in rows:
            await stream.write_row(row)


def _in_pipeline(raw: Raw) -> bool:
    """Statements go out together, which a COPY cannot."""
    return raw.pgconn.pipeline_status != PipelineStatus.OFF


def _values(into: Target, count: int) -> str:
    """``VALUES`` for so many rows."""
    row = ", ".join(f"%s::{kind}" for kind in into.types)
    return f"VALUES {', '.join([f'({row})'] * count)}"


def _parameters(into: Target, rows: Iterable[Row]) -> list[Any]:
    wrap = [_JSON.get(kind) for kind in into.types]
    return [
        value if value is None or json is None else json(value)
        for row in rows
        for json, value in zip(wrap, row, strict=True)
    ]
