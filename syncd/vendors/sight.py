"""What answers have told of a shared window since the last visit, as one statement on this process's own clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from syncd.domain.quota import NEVER, Seen


@dataclass(frozen=True, slots=True)
class Sight:
    """See `syncd.domain.quota.Seen`; ``end`` and ``pause_until`` are moments, NEVER where nothing was told."""

    number: int
    limit: int | None = None
    per_s: float | None = None
    end: float = NEVER
    inferred: bool = False
    remaining: int | None = None
    answered: int = 0
    pause_until: float = NEVER

    def seen(self, now: float) -> Seen:
        """The same, relative to now."""
        return Seen(
            number=self.number,
            limit=self.limit,
            per_s=self.per_s,
            ends_in_s=None if self.end == NEVER else self.end - now,
            inferred=self.inferred,
            remaining=self.remaining,
            answered=self.answered,
            pause_s=None if self.pause_until == NEVER else max(0.0, self.pause_until - now),
        )

    def merged(self, later: Sight, half_s: float) -> Sight:
        """Both as one, ``later`` having arrived later; windows are told apart by half of their length.

        Of one window the smaller remainder was true later, in whatever order the answers arrive.
        """
        rate = {
            "limit": self.limit if later.limit is None else later.limit,
            "per_s": self.per_s if later.per_s is None else later.per_s,
            "pause_until": max(self.pause_until, later.pause_until),
        }
        newer = self._newer(later, half_s)
        if newer < 0 or (later.end == NEVER and later.remaining is None):
            return replace(self, **rate)  # type: ignore[arg-type]
        if newer > 0:
            return replace(later, **rate)  # type: ignore[arg-type]
        chosen = later
        if self.remaining is not None and (later.remaining is None or self.remaining < later.remaining):
            chosen = self
        ends = [sight.end for sight in (self, later) if sight.end != NEVER]
        return replace(chosen, end=min(ends, default=NEVER), **rate)  # type: ignore[arg-type]

    def _newer(self, later: Sight, half_s: float) -> int:
        """Whether ``later`` speaks of a newer window (1), an older one (-1) or the same (0)."""
        if NEVER not in {self.end, later.end}:
            apart = later.end - self.end
            return (apart > half_s) - (apart < -half_s)
        return (later.number > self.number) - (later.number < self.number)
