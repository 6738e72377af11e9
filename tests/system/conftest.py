"""Fixtures of the system tests: a town per test, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.store import schema
from syncd.store.database import Database
from tests.pg import database, empty_database, pg_template, pg_url
from tests.system.town import Town, standing

__all__ = ["database", "empty_database", "pg_template", "pg_url"]


@pytest.fixture
def town(tmp_path: Path, database: Database) -> Iterator[Town]:
    """Both vendors, empty, and a database that is up to date."""
    with standing(tmp_path, database.url) as found:
        yield found


@pytest.fixture
def bare_town(tmp_path: Path, empty_database: Database) -> Iterator[Town]:
    """Both vendors, empty, and a database without any table."""
    with standing(tmp_path, empty_database.url) as found:
        yield found


@pytest.fixture
def second_town(tmp_path: Path, database: Database) -> Iterator[Town]:
    """Another such pair of vendors, in a schema of its own beside the first."""
    schema.upgrade(Database(database.url, "second"))
    folder = tmp_path / "second"
    folder.mkdir()
    with standing(folder, database.url, schema="second") as found:
        yield found
