"""The tables, as SQLAlchemy models: what a person looks up first, and what migrations are checked against.

Names are never qualified: every connection has the configured schema as its ``search_path``, so the same
statements serve any number of schemas on one server. Statements stand beside the code they serve.

Two kinds of JSON. ``jsonb`` where SQL or a person looks inside (bases, provenance, journal). ``json`` where
the text is kept for its own sake (raw payloads): it keeps what a vendor sent to the letter, NUL escapes
included, which ``jsonb`` cannot hold, and is cheaper to write.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, DATE, DOUBLE_PRECISION, JSONB, NUMERIC, TEXT, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
Json = Any
EMPTY, FALSE, ZERO, ONE, NONE = text("'{}'"), text("false"), text("0"), text("1"), text("''")
CHANGE_ID = Sequence("change_id_seq")


class Base(DeclarativeBase):
    """All tables of syncd."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        str: TEXT,
        bytes: BYTEA,
        datetime: TIMESTAMP(timezone=True),
        date: DATE,
        Decimal: NUMERIC,
        list[str]: ARRAY(TEXT),
        list[int]: ARRAY(BigInteger),
        dict[str, Any]: JSONB,
    }


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


class Cursor(Base):
    """How far a stream of a connection has been read."""

    __tablename__ = "cursor"
    __table_args__ = (PrimaryKeyConstraint("connection", "stream"),)
    connection: Mapped[str]
    stream: Mapped[str]
    cursor: Mapped[str]
    saved_at: Mapped[datetime] = mapped_column(server_default=func.now())


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
