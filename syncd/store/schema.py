"""The schema's version: bring a database up to date, say where it stands, refuse one that is behind.

Alembic does the work, and is only imported when there is work; whether a database is current is one query.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import DatabaseError
from syncd.store.database import VERSION_MIN, Database, translated

if TYPE_CHECKING:
    import psycopg
    from alembic.config import Config

HEAD = "0001"
"""The newest migration (a test compares it with Alembic's)."""
LOCK_TIMEOUT_S = 10
"""How long a migration waits for a lock before it gives up, so that it never stops a running daemon for long."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a database stands. ``current`` is "" before the first migration."""

    schema: str
    current: str
    head: str
    server: str
    embedded: bool

    @property
    def behind(self) -> bool:
        """Whether `upgrade` has something to do."""
        return self.current != self.head

    def as_json(self) -> dict[str, Any]:
        """The stable shape of ``syncd db status --json``."""
        return asdict(self) | {"behind": self.behind}


def status(database: Database) -> Status:
    """Where the database stands. Raises DatabaseError if it cannot be reached or is too old a PostgreSQL."""
    with translated(), database.connect() as connection:
        return _status(connection, database)


def require_current(database: Database) -> None:
    """Raises DatabaseError unless the database is at the version this program was written for."""
    found = status(database)
    if not found.behind:
        return
    if found.current > HEAD:
        message = f"the database is ahead of this syncd ({found.current}, this version knows {HEAD})"
        raise DatabaseError(message, hint="install the newer syncd that made it")
    what = "is behind" if found.current else "has no tables yet"
    raise DatabaseError(f"the database {what}: run `syncd db upgrade`", hint="`syncd db upgrade`")


def upgrade(database: Database) -> Status:
    """Make the schema and run the migrations it lacks, one process at a time. Raises DatabaseError."""
    from alembic import command

    with translated(), database.connect(autocommit=True) as connection:
        # Held until this connection closes; whoever waited then finds nothing left to do.
        connection.execute("SELECT pg_advisory_lock(%s)", [database.lock_key("upgrade")])
        found = _status(connection, database)
        if not found.behind:
            return found
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database.schema}"'.encode())
        command.upgrade(alembic_config(database), "head")
        return _status(connection, database)


def alembic_config(database: Database | None = None) -> Config:
    """Alembic's config without a file; ``database`` is what env.py connects to."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database"] = database
    return config


def migrations() -> Path:
    """Where the migrations are: inside an installed wheel, beside the package in a checkout. Raises DatabaseError."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "migrations", package.parent / "migrations"):
        if (place / "env.py").exists():
            return place
    message = "the migrations are missing from this installation"
    raise DatabaseError(message, hint="install syncd again")


def _status(connection: psycopg.Connection, database: Database) -> Status:
    version = connection.info.server_version
    if version < VERSION_MIN * 10000:
        message = f"PostgreSQL {version // 10000} is too old: syncd needs {VERSION_MIN} or newer"
        raise DatabaseError(message, hint="upgrade the server, or leave [database].url out for the embedded one")
    there = connection.execute("SELECT to_regclass(%s)::text", [f"{database.schema}.alembic_version"]).fetchone()
    current = ""
    if there is not None and there[0] is not None:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        current = row[0] if row else ""
    server = f"{version // 10000}.{version % 10000}"
    return Status(database.schema, current, HEAD, server, embedded=database.server is not None)
