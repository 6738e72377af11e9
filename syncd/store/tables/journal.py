"""What happened, how it was decided, and what waits for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from syncd.store.tables.base import CHANGE_ID, EMPTY, NONE, ONE, Base, Json


class Change(Base):
    """The journal, partitioned by month of ``at`` (see partitions.py)."""

    __tablename__ = "change"
    __table_args__ = (
        PrimaryKeyConstraint("id", "at"),
        Index(None, "lead", "id"),
        Index("ix_change_run", "run", postgresql_where=text("run IS NOT NULL")),
        {"postgresql_partition_by": "RANGE (at)"},
    )
    id: Mapped[int] = mapped_column(CHANGE_ID, server_default=CHANGE_ID.next_value())
    at: Mapped[datetime]
    lead: Mapped[int]
    field: Mapped[str]
    old: Mapped[Json | None] = mapped_column(JSONB)
    new: Mapped[Json | None] = mapped_column(JSONB)
    who: Mapped[str]
    why: Mapped[str] = mapped_column(server_default=NONE)
    external_id: Mapped[str] = mapped_column(server_default=NONE)
    origin: Mapped[Json | None] = mapped_column(JSONB)
    run: Mapped[int | None]


class Conflict(Base):
    """A field that changed on both sides. state: open | decided | resolved."""

    __tablename__ = "conflict"
    __table_args__ = (
        Index(
            "uq_conflict_open", "lead", "field", "connection", unique=True, postgresql_where=text("state = 'open'")
        ),
        Index(None, "lead"),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    lead: Mapped[int]
    field: Mapped[str]
    connection: Mapped[str]
    base: Mapped[Json | None] = mapped_column(JSONB)
    ours: Mapped[Json | None] = mapped_column(JSONB)
    theirs: Mapped[Json | None] = mapped_column(JSONB)
    rule: Mapped[str]
    outcome: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime]
    ours_origin: Mapped[Json | None] = mapped_column(JSONB)
    theirs_origin: Mapped[Json | None] = mapped_column(JSONB)
    evidence: Mapped[Json | None] = mapped_column(JSONB)
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str] = mapped_column(server_default=NONE)
    resolution: Mapped[Json | None] = mapped_column(JSONB)


class Quarantine(Base):
    """Records that cannot be read, with their error. ``payload`` is ``json``, so NUL escapes survive."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("connection", "kind", "external_id"),)
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    connection: Mapped[str]
    kind: Mapped[str]
    external_id: Mapped[str]
    error: Mapped[str]
    payload: Mapped[Json | None] = mapped_column(JSON)
    first_at: Mapped[datetime]
    at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, server_default=ONE)
    parent: Mapped[str] = mapped_column(server_default=NONE)


class Run(Base):
    """One execution of a job."""

    __tablename__ = "run"
    __table_args__ = (Index(None, "connection", "id"),)
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    connection: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    error: Mapped[str] = mapped_column(server_default=NONE)
