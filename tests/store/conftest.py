"""Every test of the store runs on real PostgreSQL."""

from __future__ import annotations

from tests.pg import database, empty_database, pg_template, pg_url, store

__all__ = ["database", "empty_database", "pg_template", "pg_url", "store"]
