"""What processes tell each other: how far each connection is, what came in, what may be called, who we are."""

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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from syncd.store.tables.base import EMPTY, FALSE, NONE, ZERO, Base, Json


class Connection(Base):
    """What is kept per connection besides its links."""

    __tablename__ = "connection"
    name: Mapped[str] = mapped_column(primary_key=True)
    vendor: Mapped[str]
    memory: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    paused: Mapped[str] = mapped_column(server_default=NONE)
    paused_with: Mapped[str] = mapped_column(server_default=NONE)
    last_pull: Mapped[datetime | None]
    last_full: Mapped[datetime | None]
    last_walk: Mapped[datetime | None]
    mapped_with: Mapped[str] = mapped_column(server_default=NONE)
    in_step_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(server_default=NONE)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Cursor(Base):
    """How far a stream of a connection has been read."""

    __tablename__ = "cursor"
    __table_args__ = (PrimaryKeyConstraint("connection", "stream"),)
    connection: Mapped[str]
    stream: Mapped[str]
    cursor: Mapped[str]
    saved_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Operation(Base):
    """What is written down before it happens: intents (``type`` intent) and held plans (``type`` plan).

    intent  kind, lead, note, part, ``fingerprint`` what to look for, ``wanted`` the digest of what was to be created,
            ``reason`` why it was refused; state waiting | done | dropped | refused
    plan    ``code`` what a person types, ``mark`` its fingerprint; state held | approved | rejected | done
    """

    __tablename__ = "operation"
    __table_args__ = (
        Index("ix_operation_waiting", "connection", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_operation_lead", "lead", postgresql_where=text("state IN ('waiting', 'refused')")),
        Index("uq_operation_code", "code", unique=True, postgresql_where=text("type = 'plan'")),
        Index(
            "uq_operation_plan", "connection", "mark", unique=True,
            postgresql_where=text("type = 'plan' AND state NOT IN ('done', 'superseded')"),
        ),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    type: Mapped[str]
    connection: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    kind: Mapped[str] = mapped_column(server_default=NONE)
    lead: Mapped[int | None]
    note: Mapped[int | None]
    part: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    fingerprint: Mapped[Json | None] = mapped_column(JSONB)
    wanted: Mapped[str] = mapped_column(server_default=NONE)
    reason: Mapped[str] = mapped_column(server_default=NONE)
    code: Mapped[str | None]
    mark: Mapped[str | None]
    reasons: Mapped[list[str] | None]
    operations: Mapped[Json | None] = mapped_column(JSON)


class Inbox(Base):
    """Raw webhook deliveries, unique by event. state: waiting | done | ignored | failed.

    ``hints`` is what is still to be read once an attempt failed (all that the body says until then), ``due_at`` when.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("connection", "event"),
        Index("ix_inbox_waiting", "connection", "id", postgresql_where=text("state = 'waiting'")),
    )
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    connection: Mapped[str]
    event: Mapped[str]
    received_at: Mapped[datetime]
    headers: Mapped[Json] = mapped_column(JSON)
    body: Mapped[bytes]
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    hints: Mapped[Json | None] = mapped_column(JSON)
    due_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(server_default=NONE)


class Quota(Base):
    """A vendor's window of calls as all processes count it (domain/quota.py); ``version`` 0: nothing is counted yet.

    ``held_until``, in the row of group '': until when the connection's circuit is open.
    """

    __tablename__ = "quota"
    __table_args__ = (
        PrimaryKeyConstraint("connection", "group"),
        # Rewritten several times a second: room for that in the same page.
        {"postgresql_with": {"fillfactor": 50}},
    )
    connection: Mapped[str]
    group: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=ZERO)
    limit: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    per_s: Mapped[float] = mapped_column(DOUBLE_PRECISION, server_default=ZERO)
    learned_until: Mapped[datetime | None]
    number: Mapped[int] = mapped_column(server_default=ZERO)
    left: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    given: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    answered: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    ends_at: Mapped[datetime | None]
    told: Mapped[bool] = mapped_column(server_default=FALSE)
    paused_until: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    holds: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)


class Walk(Base):
    """A walk of all leads of a connection that is under way."""

    __tablename__ = "walk"
    connection: Mapped[str] = mapped_column(primary_key=True)
    began: Mapped[datetime]
    notes: Mapped[bool]
    position: Mapped[str] = mapped_column(server_default=NONE)
    whole: Mapped[bool]
    listed: Mapped[bool]
    found: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)


class WalkSeen(Base):
    """What it has shown: 8 bytes an id, in the order of the machine."""

    __tablename__ = "walk_seen"
    __table_args__ = (Index(None, "connection"),)
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    connection: Mapped[str]
    marks: Mapped[bytes]


class Credential(Base):
    """Tokens at rest, encrypted before they get here."""

    __tablename__ = "credential"
    __table_args__ = (PrimaryKeyConstraint("connection", "kind"),)
    connection: Mapped[str]
    kind: Mapped[str]
    secret: Mapped[bytes]
    expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
