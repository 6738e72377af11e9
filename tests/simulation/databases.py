"""Empty databases for runs, as fast as copying a template allows: on a server of our own or on one that is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import make_conninfo

from syncd.store import schema
from syncd.store.database import Database
from syncd.store.embedded import THROWAWAY, Embedded

TEMPLATE = "simulation_template"
Fresh = Callable[[], AbstractContextManager[Database]]


@contextmanager
def server(template: str = "") -> Iterator[Fresh]:
    """Yields what makes databases: copies of ``template`` (a URL), or on a throwaway PostgreSQL of our own."""
    if template:
        with _copies(template) as fresh:
            yield fresh
        return
    place = Path(tempfile.mkdtemp(prefix="syncd-sim-"))
    embedded = Embedded(place, settings={**THROWAWAY, "autovacuum": "off"}).start()
    try:
        with psycopg.connect(embedded.url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
        made = embedded.url.replace("@/syncd?", f"@/{TEMPLATE}?")
        schema.upgrade(Database(made))
        with _copies(made) as fresh:
            yield fresh
    finally:
        embedded.stop(remove=True)


@contextmanager
def _copies(template: str) -> Iterator[Fresh]:
    original = urlsplit(template).path.strip("/")
    with psycopg.connect(make_conninfo(template, dbname="postgres"), autocommit=True) as admin:
        numbers = count()

        @contextmanager
        def fresh() -> Iterator[Database]:
            name = f"s{os.getpid()}_{next(numbers)}"
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {original} STRATEGY FILE_COPY".encode())
            yield Database(template.replace(f"/{original}?", f"/{name}?"))
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

        yield fresh
