"""A server for the whole session and an empty database for every run, as fast as copying a template allows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import psycopg

from syncd.store import schema
from syncd.store.database import Database
from syncd.store.embedded import THROWAWAY, Embedded

TEMPLATE = "simulation_template"
Fresh = Callable[[], AbstractContextManager[Database]]


@contextmanager
def server() -> Iterator[Fresh]:
    """A throwaway PostgreSQL; yields what makes databases on it."""
    place = Path(tempfile.mkdtemp(prefix="syncd-sim-"))
    embedded = Embedded(place, settings={**THROWAWAY, "autovacuum": "off"}).start()
    try:
        with psycopg.connect(embedded.url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
            schema.upgrade(Database(_named(embedded.url, TEMPLATE)))
            numbers = count()

            @contextmanager
            def fresh() -> Iterator[Database]:
                name = f"s{os.getpid()}_{next(numbers)}"
                admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}".encode())
                yield Database(_named(embedded.url, name))
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

            yield fresh
    finally:
        embedded.stop(remove=True)


def _named(url: str, name: str) -> str:
    return url.replace("@/syncd?", f"@/{name}?")
