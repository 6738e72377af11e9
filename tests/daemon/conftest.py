"""The service's tests run on real PostgreSQL where they need a database."""

from __future__ import annotations

from tests.pg import database, empty_database, pg_template, pg_url, store

__all__ = ["database", "empty_database", "pg_template", "pg_url", "store"]
