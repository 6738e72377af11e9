"""How far the vendor's clock is ahead of ours, learned from the ``Date`` header of its answers.

The header tells whole seconds, cut off: the vendor's moment lies in [Date, Date + 1 s), and somewhere
between our sending and our receiving. So one answer gives a midpoint and an honest half-width.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from syncd.ports.vendor import VendorClock

HEADER_PRECISION_S = 1.0
READING_AGE_MAX_S = 900.0


class Skew:
    """Keeps the best recent reading: the narrowest one not older than 15 minutes."""

    def __init__(self) -> None:
        """Nothing is known before the first answer."""
        self._best: VendorClock | None = None
        self._read_at = 0.0

    @property
    def reading(self) -> VendorClock:
        """The vendor's clock against ours; the default `VendorClock` before any answer told."""
        return self._best or VendorClock()

    def learn(self, header: str | None, sent: datetime, received: datetime) -> None:
        """Take one answer's ``Date`` in; ``sent`` and ``received`` are moments of our clock. Nonsense is ignored."""
        theirs = _parse(header)
        if theirs is None:
            return
        trip_s = max(0.0, (received - sent).total_seconds())
        midpoint = sent.timestamp() + trip_s / 2
        fresh = VendorClock(
            offset_s=theirs.timestamp() + HEADER_PRECISION_S / 2 - midpoint,
            uncertainty_s=(HEADER_PRECISION_S + trip_s) / 2,
        )
        now = received.timestamp()
        best = self._best
        # A reading that contradicts the best one means that a clock was set: the new one is right.
        if (
            best is None
            or fresh.uncertainty_s <= best.uncertainty_s
            or now - self._read_at > READING_AGE_MAX_S
            or abs(fresh.offset_s - best.offset_s) > fresh.uncertainty_s + best.uncertainty_s
        ):
            self._best, self._read_at = fresh, now


def _parse(header: str | None) -> datetime | None:
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
