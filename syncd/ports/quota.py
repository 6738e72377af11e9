"""Windows of calls that all processes share, as adapters see them; the decisions are in domain/quota.py.

One window per connection and group of endpoints. And, per connection, whether its circuit is open: whoever finds that a
vendor does not answer holds the others back as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from syncd.domain.quota import NEVER, Visit, Window


@dataclass(frozen=True, slots=True)
class View:
    """A shared window right after a visit. Times are seconds from then, on nobody's clock.

    granted    calls the visitor was given
    held_in_s  how long the connection's circuit stays open; 0: it is closed
    """

    number: int
    granted: int
    left: int
    limit: int
    per_s: float
    given: int
    answered: int
    ends_in_s: float
    told: bool
    paused_in_s: float = 0.0
    held_in_s: float = 0.0


class Quota(Protocol):
    """The shared windows. Methods raise DatabaseError where they cannot be reached."""

    async def visit(self, connection: str, group: str, visit: Visit) -> View:
        """Settle up, learn, and take calls; at once, whoever else visits at the same time."""
        ...

    async def hold(self, connection: str, for_s: float) -> None:
        """Keep every process from calling this connection for so long; 0: no longer."""
        ...


def view_of(window: Window, granted: int, now: float, held_until: float = NEVER) -> View:
    """What a visitor is told. Times are on the clock of whoever keeps the window."""
    return View(
        number=window.number,
        granted=granted,
        left=window.left,
        limit=window.limit,
        per_s=window.per_s,
        given=window.given,
        answered=window.answered,
        ends_in_s=window.ends_at - now,
        told=window.told,
        paused_in_s=max(0.0, window.paused_until - now),
        held_in_s=max(0.0, held_until - now),
    )
