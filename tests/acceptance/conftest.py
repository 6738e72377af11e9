"""Fixtures of the acceptance tests: a world per test, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.store.database import Database
from tests.acceptance.world import World, standing
from tests.pg import database, empty_database, pg_template, pg_url

__all__ = ["database", "empty_database", "pg_template", "pg_url"]


@pytest.fixture(params=["chime", "lofty"])
async def both_dialects(request: pytest.FixtureRequest, tmp_path: Path, database: Database) -> AsyncIterator[World]:
    """Both vendors, empty; the test runs with either dialect of Chime."""
    async with standing(tmp_path, database.url, dialect=request.param) as found:
        yield found


@pytest.fixture
async def world(tmp_path: Path, database: Database) -> AsyncIterator[World]:
    """Both vendors, empty."""
    async with standing(tmp_path, database.url) as found:
        yield found
