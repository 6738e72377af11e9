"""Which database and schema: the configured server, or the embedded one, and how to connect to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import DatabaseError

if TYPE_CHECKING:
    import psycopg

    from syncd.store.embedded import Embedded

SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
VERSION_MIN = 14
CONNECT_TIMEOUT_S = 10


LASTING = "(SELECT set_config('synchronous_commit', 'on', true)) AS lasting"
"""In the FROM of a statement: its transaction is on the disk once it is committed, whatever its session's habit."""


@dataclass(frozen=True, slots=True)
class Database:
    """A reachable database. ``server`` is the embedded server we hold a handle on, None for one of your own."""

    url: str
    schema: str = "syncd"
    server: Embedded | None = None

    def __post_init__(self) -> None:
        """Check the schema's name: it becomes part of a connection option. Raises DatabaseError."""
        if not SCHEMA.match(self.schema):
            message = "[database].schema must be lower-case letters, digits and _"
            raise DatabaseError(message, hint='for instance schema = "syncd"')

    @property
    def options(self) -> dict[str, Any]:
        """Connection parameters that make unqualified names mean our schema, times UTC, and logs quiet."""
        settings = {
            "search_path": self.schema,
            "TimeZone": "UTC",
            # CREATE … IF NOT EXISTS talks otherwise.
            "client_min_messages": "warning",
            "jit": "off",
            "idle_in_transaction_session_timeout": "300s",
        }
        return {
            "options": " ".join(f"-c{name}={value}" for name, value in settings.items()),
            "application_name": "syncd",
            "connect_timeout": CONNECT_TIMEOUT_S,
        }

    @property
    def brisk_options(self) -> dict[str, Any]:
        """`options` for sessions whose commits need not wait for the disk.

        A power cut may then take back the last second of commits, the latest first and never one without those after
        it. That is as if we had been killed a second earlier, which costs readings and nothing else, as long as what
        has to be known before a call goes out is committed with `LASTING`: that commit takes all before it to the disk.
        """
        options = self.options
        return options | {"options": f"{options['options']} -csynchronous_commit=off"}

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """A plain connection, for what is not asynchronous. Raises DatabaseError."""
        import psycopg

        with translated():
            return psycopg.connect(self.libpq_url, autocommit=autocommit, **self.options)

    @property
    def libpq_url(self) -> str:
        """The URL without a SQLAlchemy driver name."""
        return re.sub(r"\Apostgres(?:ql)?(?:\+\w+)?://", "postgresql://", self.url)

    @property
    def sqlalchemy_url(self) -> str:
        """The URL with SQLAlchemy's name for psycopg 3."""
        return re.sub(r"\Apostgres(?:ql)?(?:\+\w+)?://", "postgresql+psycopg://", self.url)

    def lock_key(self, *names: str) -> int:
        """A key for advisory locks; schemas on one server do not meet."""
        name = "\0".join((self.schema, *names)).encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)

    def close(self) -> None:
        """Let go of the embedded server, if there is one."""
        if self.server is not None:
            self.server.stop()


def open_database(url: str | None, schema: str, data_dir: Path) -> Database:
    """The database of the config; without a URL the embedded server is started or joined. Blocks for 1–2 s at most.

    Raises DatabaseError.
    """
    if url:
        return Database(url, schema)
    from syncd.store.embedded import Embedded

    server = Embedded(data_dir).start()
    return Database(server.url, schema, server)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into DatabaseError, without what PostgreSQL says about the contents of rows."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise explain(error) from None


def explain(error: psycopg.Error) -> DatabaseError:
    """One line about a database error: its class and the names of tables and constraints, never values."""
    import psycopg
    from psycopg import errors as pg

    where = " ".join(filter(None, (error.diag.table_name, error.diag.constraint_name, error.diag.column_name)))
    name = f"{type(error).__name__}{f' ({error.sqlstate})' if error.sqlstate else ''}{f' at {where}' if where else ''}"
    if isinstance(error, pg.UndefinedTable | pg.UndefinedColumn | pg.InvalidSchemaName):
        return DatabaseError("the database is behind", hint="run `syncd db upgrade`")
    if isinstance(error, pg.DeadlockDetected | pg.LockNotAvailable | pg.QueryCanceled | pg.SerializationFailure):
        return DatabaseError(f"the database is busy: {name}", hint="nothing was saved; try again")
    if isinstance(error, pg.InvalidPassword | pg.InvalidAuthorizationSpecification | pg.InsufficientPrivilege):
        return DatabaseError(f"the database refuses us: {name}", hint="check [database].url and the rights of its user")
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        # A failed or lost connection: libpq's message has host, port and reason, nothing of a row.
        reason = (str(error).strip().splitlines() or ["connection lost"])[-1]
        return DatabaseError(f"the database cannot be reached: {reason}", hint="is it running? check [database].url")
    return DatabaseError(f"the database refused a statement: {name}")
