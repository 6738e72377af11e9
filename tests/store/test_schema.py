"""Migrations: from nothing to the models, once, under a lock timeout; and a database that is behind is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

from syncd.domain.errors import DatabaseError
from syncd.store import partitions, schema
from syncd.store.database import Database
from syncd.store.tables import Base
from tests.store.shapes import NOW


def test_migrations_end_where_the_models_are(database: Database):
    """A database made by the migrations differs in nothing from the models, server defaults included."""
    partitions.ensure(database, NOW)
    engine = create_engine(database.sqlalchemy_url, poolclass=pool.NullPool, connect_args=database.options)
    with engine.connect() as connection:
        how = {"include_name": partitions.ours, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=how)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_known_head_is_the_newest_migration():
    """`schema.HEAD`, which saves a start of the program the import of Alembic, is Alembic's own head."""
    assert ScriptDirectory.from_config(schema.alembic_config()).get_current_head() == schema.HEAD


def test_upgrade_makes_everything_from_nothing_and_then_nothing(empty_database: Database):
    """An empty database has no version, then the newest; upgrading again changes nothing."""
    before = schema.status(empty_database)
    assert (before.current, before.behind) == ("", True)
    after = schema.upgrade(empty_database)
    assert (after.current, after.behind) == (schema.HEAD, False)
    assert schema.upgrade(empty_database) == after
    with empty_database.connect() as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'syncd'").fetchall()
        elsewhere = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    tables = {row[0] for row in found}
    queue = {name for name in tables if name.startswith(partitions.QUEUE)}
    assert "procrastinate_jobs" in queue
    assert tables - queue == {*Base.metadata.tables, "alembic_version", "change_default"}
    assert elsewhere == (0,)


def test_two_schemas_share_a_server_without_sharing_a_row(empty_database: Database):
    """Each business has its schema with its own version and tables."""
    other = replace(empty_database, schema="second_business")
    schema.upgrade(empty_database)
    assert schema.status(other).behind
    schema.upgrade(other)
    with other.connect() as connection:
        connection.execute("INSERT INTO agent (name) VALUES ('Ann')")
    with empty_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM agent").fetchone() == (0,)


def test_two_upgrades_at_once_both_succeed(empty_database: Database):
    """Several daemons may start on a new database: one migrates, the others wait for it."""
    code = "import sys; from syncd.store import database, schema; schema.upgrade(database.Database(sys.argv[1]))"
    started = [subprocess.Popen([sys.executable, "-c", code, empty_database.url]) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    assert not schema.status(empty_database).behind


def test_a_database_that_is_behind_is_refused_with_the_command_to_type(empty_database: Database):
    """Without tables, and at another version, nothing starts; the message says `syncd db upgrade`."""
    with pytest.raises(DatabaseError, match="run `syncd db upgrade`"):
        schema.require_current(empty_database)
    schema.upgrade(empty_database)
    schema.require_current(empty_database)
    with empty_database.connect() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="ahead of this syncd"):
        schema.require_current(empty_database)


def test_a_migration_gives_up_on_a_lock_instead_of_stopping_everybody(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    """Where somebody holds a table, a migration fails after its lock timeout and changes nothing."""
    monkeypatch.setattr(schema, "LOCK_TIMEOUT_S", 1)
    with database.connect() as holder:
        holder.execute("LOCK TABLE agent IN ACCESS SHARE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            command.downgrade(schema.alembic_config(database), "base")
    assert schema.status(database).current == schema.HEAD


def test_a_schema_name_cannot_smuggle_options(database: Database):
    """Only plain names are taken: a schema's name becomes part of a connection option."""
    for name in ("", "a b", "x -cwork_mem=1", "Ünïcode", "a" * 64):
        with pytest.raises(DatabaseError, match="lower-case"):
            replace(database, schema=name)


def test_a_month_is_made_ahead_and_takes_over_what_waited_for_it(database: Database):
    """Rows of a month without partition wait in the default one and move when their month is made; none is lost."""
    insert = "INSERT INTO change (at, lead, field, who) VALUES (%s, 1, 'city', 'cinc')"
    moments = [datetime(2027, month, 3, tzinfo=UTC) for month in (1, 2, 3)]
    with database.connect() as connection:
        for moment in moments:
            connection.execute(insert, [moment])
    assert partitions.ensure(database, moments[0], ahead=1) == ["change_2027_01", "change_2027_02"]
    assert partitions.ensure(database, moments[0], ahead=1) == []
    with database.connect() as connection:
        found = connection.execute("SELECT tableoid::regclass::text FROM change ORDER BY at").fetchall()
    assert [row[0] for row in found] == ["change_2027_01", "change_2027_02", "change_default"]


def test_months_go_over_the_end_of_a_year():
    """December is followed by January of the next year."""
    starts = [start for start, _ in partitions.months(datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 1)]
    assert starts == [datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
