"""Walks of all leads that are under way: what is kept of them, so that another slice or process can go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OpenWalk:
    """A walk of all leads of a connection that has not come to its end.

    began     when it was begun, our clock
    notes     every lead's notes are read as well (a full comparison)
    position  `Page.position` of the last page taken in; "" before the first
    whole     every row so far was whole, so that what looks unchanged was unchanged when the walk began
    listed    the list has ended; what is left are notes
    found     what was counted on the way
    """

    connection: str
    began: datetime
    notes: bool
    position: str = ""
    whole: bool = True
    listed: bool = False
    found: Mapping[str, int] = field(default_factory=dict)


class Walks(Protocol):
    """Where open walks are kept: at most one per connection."""

    async def open_walk(self, connection: str) -> OpenWalk | None:
        """The walk under way."""
        ...

    async def begin_walk(self, walk: OpenWalk) -> None:
        """A new walk; one that was under way is forgotten."""
        ...

    async def step_walk(self, walk: OpenWalk, marks: Collection[int]) -> None:
        """Keep how far it has come, and the `mark` of every id shown since the last step."""
        ...

    async def seen_by_walk(self, connection: str) -> set[int]:
        """The marks of every id it has shown."""
        ...

    async def end_walk(self, connection: str) -> None:
        """It came to its end, or is given up."""
        ...

    async def notes_owed(self, connection: str, after: str, limit: int) -> Sequence[str]:
        """External ids, in their order and beyond ``after``, of live leads that changed since their notes were read.

        Those whose notes were never read are among them.
        """
        ...

    async def notes_before(self, connection: str, moment: datetime, after: str, limit: int) -> Sequence[str]:
        """External ids, in their order and beyond ``after``, of live leads whose notes were not read since."""
        ...
