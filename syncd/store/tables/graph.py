"""The graph: leads, their notes, labels and agents, and the links that connect them with records."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from syncd.store.tables.base import EMPTY, FALSE, NONE, ONE, ZERO, Base, Json


class Lead(Base):
    """A lead: one typed column per scalar field; labels and assignments are edges of their own.

    ``version`` grows with every change and every time the lead is marked dirty, so that the planner can clear
    the mark it has seen and no later one.
    """

    __tablename__ = "lead"
    __table_args__ = (
        # The planner's work list: as long as what is to be planned, however many leads there are.
        Index("ix_lead_dirty", "id", postgresql_where=text("dirty")),
        Index("ix_lead_name", func.lower(text("last_name")), func.lower(text("first_name"))),
        {"postgresql_with": {"fillfactor": 85}},
    )
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, server_default=ONE)
    dirty: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    title: Mapped[str | None]
    first_name: Mapped[str | None]
    middle_name: Mapped[str | None]
    last_name: Mapped[str | None]
    email: Mapped[str | None]
    emails: Mapped[list[str] | None]
    phone: Mapped[str | None]
    phones: Mapped[Json | None] = mapped_column(JSONB)
    street: Mapped[str | None]
    city: Mapped[str | None]
    region: Mapped[str | None]
    postal_code: Mapped[str | None]
    country: Mapped[str | None]
    stage: Mapped[str | None]
    source: Mapped[str | None]
    roles: Mapped[list[str] | None]
    buyer_timeline: Mapped[Json | None] = mapped_column(JSONB)
    seller_timeline: Mapped[Json | None] = mapped_column(JSONB)
    price_min: Mapped[Decimal | None]
    price_max: Mapped[Decimal | None]
    beds_min: Mapped[Decimal | None]
    beds_max: Mapped[Decimal | None]
    baths_min: Mapped[Decimal | None]
    baths_max: Mapped[Decimal | None]
    size_min: Mapped[Decimal | None]
    size_max: Mapped[Decimal | None]
    areas: Mapped[list[str] | None]
    property_types: Mapped[list[str] | None]
    birthday: Mapped[date | None]
    household: Mapped[Json | None] = mapped_column(JSONB)
    email_opt_out: Mapped[bool | None]
    text_opt_out: Mapped[bool | None]
    call_opt_out: Mapped[bool | None]
    registered_at: Mapped[datetime | None]
    custom: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    provenance: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)


class LeadEmail(Base):
    """Match key: every address of a lead, the primary one included."""

    __tablename__ = "lead_email"
    __table_args__ = (PrimaryKeyConstraint("email", "lead"), Index(None, "lead"))
    email: Mapped[str]
    lead: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))


class LeadPhone(Base):
    """Match key: every number of a lead, the primary one included."""

    __tablename__ = "lead_phone"
    __table_args__ = (PrimaryKeyConstraint("number", "lead"), Index(None, "lead"))
    number: Mapped[str]
    lead: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))


class Agent(Base):
    """A person who works with leads."""

    __tablename__ = "agent"
    __table_args__ = (Index("ix_agent_email", "email", postgresql_where=text("email <> ''")),)
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(server_default=NONE)
    name: Mapped[str] = mapped_column(server_default=NONE)


class Note(Base):
    """A note of a lead. ``origin`` is the connection it was typed in."""

    __tablename__ = "note"
    __table_args__ = (Index(None, "lead"),)
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    lead: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    body: Mapped[str]
    author: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))
    author_name: Mapped[str] = mapped_column(server_default=NONE)
    written_at: Mapped[datetime | None]
    kind: Mapped[str]
    pinned: Mapped[bool] = mapped_column(server_default=FALSE)
    origin: Mapped[str]
    deleted: Mapped[bool] = mapped_column(server_default=FALSE)


class Label(Base):
    """A label, one per folded name; ``name`` is how it was first spelt."""

    __tablename__ = "label"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class LeadLabel(Base):
    """A label on a lead, spelt as it was spelt there."""

    __tablename__ = "lead_label"
    __table_args__ = (PrimaryKeyConstraint("lead", "label"), Index(None, "label"))
    lead: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    label: Mapped[int] = mapped_column(ForeignKey("label.id"))
    name: Mapped[str]


class Assignment(Base):
    """Who works on a lead, per role."""

    __tablename__ = "assignment"
    __table_args__ = (PrimaryKeyConstraint("lead", "role"), Index(None, "agent"))
    lead: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    role: Mapped[str]
    agent: Mapped[int] = mapped_column(ForeignKey("agent.id"))


class Link(Base):
    """(connection, kind, external id) ↔ node, and what that vendor last showed. Tombstoned, never deleted.

    ``candidates`` repeats the lead ids named in ``review``, for the index.
    """

    __tablename__ = "link"
    __table_args__ = (
        PrimaryKeyConstraint("connection", "kind", "external_id"),
        # At most one live record per node, connection and part.
        Index(
            "uq_link_live", "connection", "kind", "node", "part", unique=True, postgresql_where=text("state = 'live'")
        ),
        Index("ix_link_node", "node", "kind"),
        # Whose notes were read longest ago, never first.
        Index(
            "ix_link_notes_due", "connection", text("notes_read_at NULLS FIRST"), "external_id",
            postgresql_where=text("kind = 'lead' AND state = 'live'"),
        ),
        Index("ix_link_review", "candidates", postgresql_using="gin", postgresql_where=text("state = 'review'")),
        Index("ix_link_gone", "connection", "kind", postgresql_where=text("state = 'tombstone'")),
        # Where a vendor's value could not be translated, or was made into something else: for `status`.
        Index(
            "ix_link_odd", "connection", "kind", "external_id",
            postgresql_where=text("unmapped <> '{}' OR settled <> '{}' OR pending <> '{}'"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )  # fmt: skip
    connection: Mapped[str]
    kind: Mapped[str]
    external_id: Mapped[str]
    node: Mapped[int | None]
    part: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    state: Mapped[str]
    base: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    unmapped: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    settled: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    pending: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    payload: Mapped[Json | None] = mapped_column(JSON)
    digest: Mapped[bytes | None]
    time: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    parent: Mapped[str] = mapped_column(server_default=NONE)
    review: Mapped[dict[str, Any] | None]
    candidates: Mapped[list[int] | None]
    mark: Mapped[str] = mapped_column(server_default=NONE)
    notes_read_at: Mapped[datetime | None]
