"""What all tables share: the names of their constraints, and how Python's types are kept.

Two kinds of JSON. ``jsonb`` where SQL or a person looks inside (bases, provenance, journal). ``json`` where
the text is kept for its own sake (raw payloads): it keeps what a vendor sent to the letter, NUL escapes
included, which ``jsonb`` cannot hold, and is cheaper to write.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    MetaData,
    Sequence,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, DATE, JSONB, NUMERIC, TEXT, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase

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
