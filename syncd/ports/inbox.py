"""The inbox: raw deliveries between the receiver, which may not wait, and the engine, which may.

A row is one delivery, stored once. It is unique by its event, so a repetition is not stored again. The engine settles
it only after what it hints at has been read and committed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from syncd.ports.hooks import Delivery, Hint

WAITING, DONE, IGNORED, FAILED = "waiting", "done", "ignored", "failed"
"""States of a row. Ignored: it hinted at nothing. Failed: tried too often; a person may look."""


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery to store.

    event    unique within the connection
    headers  without the secret
    unique   False: the same words again, after the first were settled, are news
    """

    connection: str
    event: str
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    unique: bool = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that is to be taken.

    left  what of it is still to be read, once an attempt failed; None: all that it says
    """

    id: int
    received_at: datetime
    delivery: Delivery
    attempts: int = 0
    left: Sequence[Hint] | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """A row of which something could not be read. ``at`` None: not tried again, the row has failed."""

    id: int
    error: str
    left: Sequence[Hint]
    at: datetime | None
    counted: bool = True
    """Whether this was an attempt; a record that is only not visible yet is none."""


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """How the inbox of a connection stands. ``last_error`` of the row that failed last, without contents."""

    waiting: int = 0
    failed: int = 0
    last_received: datetime | None = None
    oldest_waiting: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A delivery that was tried too often, or of which the vendor will never show what it hints at.

    left   what of it could not be read;  error  why, without contents
    attempts  how often it was tried; 0 where the first answer was a refusal
    """

    id: int
    connection: str
    received_at: datetime
    failed_at: datetime
    attempts: int
    error: str
    left: Sequence[Hint]


class Arrivals(Protocol):
    """The receiver's side of the inbox."""

    async def put(self, received: Received) -> bool:
        """Store a delivery; it is safe when this returns. False if it was there. Raises DatabaseError."""
        ...


class Inbox(Protocol):
    """The engine's side of the inbox. Every call commits by itself."""

    async def waiting(self, connection: str, *, now: datetime, limit: int) -> Sequence[Waiting]:
        """Rows due at ``now``, oldest first; fewer than ``limit`` where they are large."""
        ...

    async def newest(self, connection: str) -> int:
        """The highest id that waits now, 0 if nothing does: what is read from now on serves all up to it."""
        ...

    async def settle(self, taken: Collection[Waiting], state: str, at: datetime) -> None:
        """These rows are done or ignored; one that was said again meanwhile stays waiting."""
        ...

    async def again(self, taken: Sequence[Retry], at: datetime) -> None:
        """These rows are tried again later, or have failed."""
        ...

    async def counts(self) -> Mapping[str, InboxCounts]:
        """How every connection's inbox stands; one without any row is missing."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete rows settled before a moment. Returns how many."""
        ...


class FailedDeliveries(Protocol):
    """The side of the inbox that is a person's: what was given up."""

    async def failed(
        self, *, ids: Collection[int] | None = None, connections: Collection[str] | None = None
    ) -> Sequence[GivenUp]:
        """Deliveries given up, oldest first; all of them, or only these."""
        ...

    async def again(
        self, *, ids: Collection[int] | None = None, connections: Collection[str] | None = None
    ) -> Mapping[str, int]:
        """Have them wait as if they had just come; connection → how many did."""
        ...

    async def counts(self) -> Mapping[str, tuple[int, str]]:
        """Connection → how many were given up, and why the last of them was."""
        ...
