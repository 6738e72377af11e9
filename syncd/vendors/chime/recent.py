"""What this adapter created a moment ago and the vendor may not show yet (vendors/chime.md §11)."""

from __future__ import annotations

from syncd.domain.errors import NotFoundError, NotYetError
from syncd.ports.clock import Clock

KEPT_MAX = 10_000


class Recent:
    """Ids of our own creates, each for ``lag_s`` seconds."""

    def __init__(self, clock: Clock, lag_s: float) -> None:
        """Nothing was created yet."""
        self._clock, self._lag_s = clock, lag_s
        self._born: dict[str, float] = {}

    def add(self, name: str) -> None:
        """Remember a create."""
        now = self._clock.monotonic()
        if len(self._born) >= KEPT_MAX:
            self._born = {key: at for key, at in self._born.items() if now - at < self._lag_s}
        self._born[name] = now

    def fresh(self, name: str) -> bool:
        """Whether a 404 may mean "not yet"."""
        at = self._born.get(name)
        return at is not None and self._clock.monotonic() - at < self._lag_s

    def verdict(self, name: str, error: NotFoundError) -> NotFoundError | NotYetError:
        """What a 404 on ``name`` means now."""
        if not self.fresh(name):
            return error
        return NotYetError(f"{error}; created a moment ago, not visible yet", status=error.status, code=error.code)
