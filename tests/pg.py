"""Real PostgreSQL for tests: one throwaway server per session, a fresh database per test.

    pg_url     session: URL of the server (embedded, fsync off; workers of pytest-xdist share it)
    database   a `syncd.store.database.Database` with all tables, cloned from a template (about 40 ms)
    empty_database   the same without any schema
    store      a `syncd.store.postgres.PostgresStore` on ``database``

Use them with ``from tests.pg import …`` in a conftest.py, or ``pytest_plugins = ["tests.pg"]`` in the topmost one.
Nothing is left behind: the last worker stops the server and removes its files; a server whose session was
killed is removed by the next session.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from syncd.store import schema
from syncd.store.database import Database
from syncd.store.embedded import THROWAWAY, Embedded, sweep
from syncd.store.postgres import PostgresStore

PREFIX = "syncd-pg-"
TEMPLATE = "syncd_template"
SPEED = {**THROWAWAY, "max_connections": "200", "autovacuum": "off"}
USED = pytest.StashKey[dict[str, list[str]]]()
"""By server: the databases no test needs any more."""


@pytest.fixture(scope="session")
def pg_url() -> Iterator[str]:
    """URL of this session's throwaway server."""
    temporary = Path(tempfile.gettempdir())
    sweep(temporary, f"{PREFIX}*")
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)[:12]
    server = Embedded(temporary / f"{PREFIX}{session}", settings=SPEED).start()
    try:
        yield server.url
    finally:
        server.stop(remove=True)


@pytest.fixture(scope="session")
def pg_template(pg_url: str) -> str:
    """Name of a database that has every table; one worker makes it, the others wait."""
    with psycopg.connect(pg_url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(1)")
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
            admin.execute(f"CREATE DATABASE {TEMPLATE}_making".encode())
            schema.upgrade(Database(_named(pg_url, f"{TEMPLATE}_making")))
            admin.execute(f"ALTER DATABASE {TEMPLATE}_making RENAME TO {TEMPLATE}".encode())
    return TEMPLATE


@pytest.fixture
def database(request: pytest.FixtureRequest, pg_url: str, pg_template: str) -> Iterator[Database]:
    """A database of its own for this test, with every table."""
    yield from _fresh(request, pg_url, f"TEMPLATE {pg_template} STRATEGY FILE_COPY")


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, pg_url: str) -> Iterator[Database]:
    """A database of its own for this test, with nothing in it."""
    yield from _fresh(request, pg_url, "")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[PostgresStore]:
    """A store on a database of its own."""
    opened = PostgresStore(database)
    yield opened
    await opened.aclose()


def _fresh(request: pytest.FixtureRequest, url: str, how: str) -> Iterator[Database]:
    """A new database. It is dropped when the next one is made: right after a test its connections are still ending,
    for which PostgreSQL would wait a tenth of a second.
    """
    used = request.config.stash.setdefault(USED, {}).setdefault(url, [])
    name = f"t_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(url, autocommit=True) as admin:
        while used:
            # FORCE: a test of crashes may leave connections open.
            admin.execute(f"DROP DATABASE {used.pop()} WITH (FORCE)".encode())
        admin.execute(f"CREATE DATABASE {name} {how}".encode())
    yield Database(_named(url, name))
    used.append(name)


def _named(url: str, name: str) -> str:
    return url.replace("@/syncd?", f"@/{name}?")
