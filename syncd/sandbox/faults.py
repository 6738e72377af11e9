"""What can go wrong on the wire, on purpose.

A sandbox asks its `FaultPlan` twice per call: before the call is handled, when nothing has happened yet, and after
it was carried out, when only the answer is still to be lost. That is the difference between a write that
may be repeated and one that may not.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from syncd.sandbox.message import Ask

Moment = Literal["before", "after"]
Kind = Literal["drop", "error", "rate", "html", "half", "delay"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    kind    drop   the connection breaks: before, nothing was done; after, it was done and nobody is told
            error  an answer of ``status`` (500) instead of the right one
            rate   a 429 that asks for ``delay_s`` seconds (before only)
            html   a page of HTML with status 200
            half   the first half of the right answer's JSON (after; before, of an empty object)
            delay  the right answer, ``delay_s`` late
    """

    kind: Kind
    status: int = 500
    delay_s: float = 1.0
    body: bytes = b""


FaultPlan = Callable[["Ask", Moment], Fault | None]
"""(the call, the moment) → what goes wrong, or None."""


@dataclass(slots=True)
class Script:
    """Faults in a fixed order: each is used once, by the first call it fits.

    Steps are ``(moment, fault)``; ``template`` and ``method`` narrow all of them to one endpoint.
    """

    steps: Sequence[tuple[Moment, Fault]]
    template: str = ""
    method: str = ""
    done: int = 0

    def __call__(self, ask: Ask, moment: Moment) -> Fault | None:
        """The next fault, if it is this one's turn."""
        if (self.template and ask.template != self.template) or (self.method and ask.method != self.method):
            return None
        if self.done >= len(self.steps) or self.steps[self.done][0] != moment:
            return None
        self.done += 1
        return self.steps[self.done - 1][1]

    @property
    def over(self) -> bool:
        """Whether every fault happened."""
        return self.done >= len(self.steps)


@dataclass(slots=True)
class Storm:
    """Random faults out of one seed: every moment of every call fails with the given share (0 to 1)."""

    rng: random.Random
    before: Mapping[Kind, float] = field(default_factory=dict)
    after: Mapping[Kind, float] = field(default_factory=dict)
    delay_s: float = 1.0
    log: deque[tuple[str, Moment, Kind]] = field(default_factory=lambda: deque(maxlen=10_000))

    def __call__(self, ask: Ask, moment: Moment) -> Fault | None:
        """Draw once; the shares of a moment add up."""
        drawn = self.rng.random()
        for kind, share in (self.before if moment == "before" else self.after).items():
            drawn -= share
            if drawn < 0:
                self.log.append((f"{ask.method} {ask.template}", moment, kind))
                return Fault(kind, delay_s=self.delay_s)
        return None


def always(fault: Fault, moment: Moment = "before") -> FaultPlan:
    """A plan by which every call fails the same way."""

    def plan(_ask: Ask, asked: Moment) -> Fault | None:
        return fault if asked == moment else None

    return plan
