"""Plans too large to be plausible are held, with the numbers that made them so.

A broken mapping, a wiped CRM or a wrong config shows itself as *many* writes of one kind. The guard
counts what a plan would do to one connection in one run and compares it with limits from the config.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """The most one run may do to one connection; 0 allows none of that kind.

    creates, deletes   records
    blanks             non-blank values that would become blank
    reassignments      roles that would change from one agent to another or to nobody
    share              of the linked records, those that would have a non-blank value overwritten (0–1)
    share_floor        records; fewer overwritten ones never trip the share
    """

    creates: int = 500
    deletes: int = 10
    blanks: int = 50
    reassignments: int = 100
    share: float = 0.2
    share_floor: int = 100


@dataclass(frozen=True, slots=True)
class Counts:
    """What a plan would do; ``overwrites`` counts records, however many of their values change."""

    creates: int = 0
    deletes: int = 0
    blanks: int = 0
    reassignments: int = 0
    overwrites: int = 0


_WORDS = {
    "creates": "leads would be created",
    "deletes": "leads would be deleted",
    "blanks": "values would be blanked",
    "reassignments": "assignments would change hands",
}


def check(counts: Counts, linked: int, limits: Limits | None = None) -> list[str]:
    """Why the plan must wait for a person, one reason a line with its numbers; [] when it may run.

    ``linked`` is how many records of the connection are linked: what the share is a share of.
    """
    limits = limits or Limits()
    reasons = [
        f"{getattr(counts, name)} {words}, guard.{name} allows {getattr(limits, name)}"
        for name, words in _WORDS.items()
        if getattr(counts, name) > getattr(limits, name)
    ]
    if counts.overwrites >= limits.share_floor and counts.overwrites > limits.share * linked:
        percent = f"{counts.overwrites / linked:.0%}" if linked else "all"
        reasons.append(
            f"{counts.overwrites} of {linked} linked leads ({percent}) would have values overwritten, "
            f"guard.share allows {limits.share:.0%}"
        )
    return reasons


@dataclass(slots=True)
class Lately:
    """What was written to one connection in the last while, so that a flood cannot pass as many trickles.

    A service plans as it hears of things: a thousand hooks become hundreds of small plans. Each of them is judged
    together with what went out within ``within`` before it.
    """

    within: timedelta
    _parts: deque[_Part] = field(default_factory=deque)

    def add(self, at: datetime, counts: Counts, overwritten: Collection[int]) -> None:
        """This was written. ``overwritten``: the leads that `Counts.overwrites` counts."""
        if not self._parts or at - self._parts[-1].since > self.within / PARTS:
            self._parts.append(_Part(at))
        part = self._parts[-1]
        part.counts = _sum(part.counts, counts)
        part.overwritten.update(overwritten)

    def together(self, now: datetime, counts: Counts, overwritten: Collection[int]) -> Counts:
        """What was written lately and this. A lead overwritten several times counts once."""
        while self._parts and now - self._parts[0].since > self.within:
            self._parts.popleft()
        for part in self._parts:
            counts = _sum(counts, part.counts)
        leads = set(overwritten).union(*(part.overwritten for part in self._parts))
        return replace(counts, overwrites=len(leads))


PARTS = 20
"""What was written is forgotten so many parts of the time at a time."""


@dataclass(slots=True)
class _Part:
    since: datetime
    counts: Counts = Counts()
    overwritten: set[int] = field(default_factory=set)


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(**{name: getattr(one, name) + getattr(other, name) for name in _WORDS})
