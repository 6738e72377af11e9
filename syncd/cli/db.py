"""``syncd db``: make the tables, and say where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import output

if TYPE_CHECKING:
    from syncd.store.database import Database
    from syncd.store.schema import Status

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("upgrade")(upgrade)
    group.command("status")(status)
    app.add_typer(group, name="db", help="The database: make its tables, see where they stand.")


def upgrade(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Bring the database up to date: make the schema and its tables, or run the migrations it lacks."""
    from syncd.store import schema

    with _database(ctx) as database:
        before = schema.status(database)
        after = schema.upgrade(database)
    if as_json:
        output.emit_json(after.as_json() | {"was": before.current})
    elif before.behind:
        output.emit_line(f"{_place(after)}: upgraded from {before.current or 'nothing'} to {after.current}")
    else:
        output.emit_line(f"{_place(after)}: up to date ({after.current})")


def status(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Say which version the database has and whether it is behind. Exit code 1 if it is."""
    from syncd.store import schema

    with _database(ctx) as database:
        found = schema.status(database)
    if as_json:
        output.emit_json(found.as_json())
    elif found.behind:
        output.emit_line(f"{_place(found)}: {found.current or 'no tables yet'}, this syncd needs {found.head}")
        output.emit_note("hint: run `syncd db upgrade`")
    else:
        output.emit_line(f"{_place(found)}: up to date ({found.current})")
    if found.behind:
        raise typer.Exit(output.FAILED)


def _place(found: Status) -> str:
    server = "embedded PostgreSQL" if found.embedded else "PostgreSQL"
    return f"{server} {found.server}, schema {found.schema}"


@contextmanager
def _database(ctx: typer.Context) -> Iterator[Database]:
    from syncd.store.database import open_database

    config = ctx.obj.settings().database
    database = open_database(config.url, config.schema_name, config.data_dir)
    try:
        yield database
    finally:
        database.close()
