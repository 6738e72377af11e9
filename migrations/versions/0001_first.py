"""The first schema; its statements are in 0001_first.sql beside this file."""

from __future__ import annotations

from pathlib import Path

from alembic import op
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


def downgrade() -> None:
    """Remove every table, and with them everything syncd knows."""
    for table in reversed(Base.metadata.sorted_tables):
        op.execute(text(f'DROP TABLE IF EXISTS "{table.name}" CASCADE'))
    op.execute(text("DROP SEQUENCE IF EXISTS change_id_seq"))
