"""Alembic's entry: which database, and how migrations run on it.

`syncd db upgrade` hands the database over; the `alembic` command on its own reads the syncd config.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

from syncd.store import schema
from syncd.store.database import Database, open_database
from syncd.store.partitions import ours
from syncd.store.tables import Base


def _database() -> Database:
    given = context.config.attributes.get("database")
    if isinstance(given, Database):
        return given
    from syncd.settings import load

    configured = load().database
    return open_database(configured.url, configured.schema_name, configured.data_dir)


def _run() -> None:
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    database = _database()
    engine = create_engine(database.sqlalchemy_url, poolclass=pool.NullPool, connect_args=database.options)
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{schema.LOCK_TIMEOUT_S}s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_name=ours,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


_run()
