"""Rate windows as the vendors count them: fixed, each beginning with the first call after the last one's end."""

from __future__ import annotations

from syncd.ports.clock import Clock


class Windows:
    """One window per key."""

    def __init__(self, clock: Clock) -> None:
        """Nothing is counted yet."""
        self._clock = clock
        self._open: dict[str, tuple[float, int]] = {}

    def take(self, key: str, limit: int, per_s: float) -> tuple[bool, int, float]:
        """Count one call: (allowed, calls remaining, seconds until the window ends)."""
        now = self._clock.monotonic()
        ends_at, used = self._open.get(key, (float("-inf"), 0))
        if now >= ends_at:
            ends_at, used = now + per_s, 0
        allowed = used < limit
        used += allowed
        self._open[key] = (ends_at, used)
        return allowed, limit - used, ends_at - now

    def clear(self) -> None:
        """Forget every window."""
        self._open.clear()
