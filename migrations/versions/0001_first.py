"""The first schema; its statements are in 0001_first.sql beside this file.

Beside them the job queue: Procrastinate's own tables, types and functions, as the release in uv.lock brings them.
Whoever raises Procrastinate looks whether it brings migrations (``procrastinate/sql/migrations``), and adds one here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy import text

from syncd.store.tables import Base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    for statement in Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            op.execute(text(statement.replace(":", "\\:")))
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(SchemaManager.get_schema().encode())


def downgrade() -> None:
    """Remove every table, and with them everything syncd knows."""
    for table in reversed(Base.metadata.sorted_tables):
        op.execute(text(f'DROP TABLE IF EXISTS "{table.name}" CASCADE'))
    op.execute(text("DROP SEQUENCE IF EXISTS change_id_seq"))
    op.execute(text(_DROP_QUEUE))


_DROP_QUEUE = """
DO $$ DECLARE one record; BEGIN
    DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers CASCADE;
    FOR one IN SELECT oid\\:\\:regprocedure AS name FROM pg_proc
               WHERE proname LIKE 'procrastinate%' AND pronamespace = current_schema()\\:\\:regnamespace LOOP
        EXECUTE 'DROP FUNCTION ' || one.name || ' CASCADE';
    END LOOP;
    DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type;
END $$
"""
