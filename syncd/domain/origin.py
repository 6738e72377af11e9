"""Where a value came from and when, and which of two origins is the later one.

No vendor says when a *field* changed. What is known: not before the previous read, and not after the
record's own time. So a moment is an interval with an uncertainty, and a comparison has three answers:
earlier, later, or *concurrent*. Concurrent moments fall back on the configured order of connections,
never on who was polled first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Interval:
    """When the fields of a record just read may have changed.

    at             the record's own time on our clock (vendor offset taken out); None if it tells none
    uncertainty_s  half-width of ``at``: precision of the vendor's times plus that of the offset
    since          when the record was read before; None if never
    certain        False when ``at`` may be the moment of something that is not a mapped field
    """

    at: datetime | None = None
    uncertainty_s: float = 0.0
    since: datetime | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said a canonical value, and when as far as anybody knows.

    connection, external_id   the record that showed it ("" for the operator)
    at, uncertainty_s, since  as in `Interval`
    rule                      the conflict rule that let it stand, "" for a plain take
    """

    connection: str
    external_id: str = ""
    at: datetime | None = None
    uncertainty_s: float = 0.0
    since: datetime | None = None
    rule: str = ""

    @property
    def point(self) -> datetime | None:
        """The moment to compare: the known time, else the previous read (the earliest possible), else None."""
        return self.at if self.at is not None else self.since

    def by(self, rule: str) -> Origin:
        """The same origin, standing by ``rule``."""
        return self if rule == self.rule else replace(self, rule=rule)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; what is unknown is left out."""
        data: dict[str, Any] = {"connection": self.connection}
        if self.external_id:
            data["external_id"] = self.external_id
        if self.at is not None:
            data["at"] = _iso(self.at)
        if self.uncertainty_s:
            data["uncertainty_s"] = self.uncertainty_s
        if self.since is not None:
            data["since"] = _iso(self.since)
        if self.rule:
            data["rule"] = self.rule
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Origin:
        """The inverse of `to_json`. Raises KeyError without a connection, ValueError on a broken time."""
        return cls(
            connection=data["connection"],
            external_id=data.get("external_id", ""),
            at=_time(data.get("at")),
            uncertainty_s=data.get("uncertainty_s", 0.0),
            since=_time(data.get("since")),
            rule=data.get("rule", ""),
        )


class Comparison(NamedTuple):
    """Whether the second origin is the later one, and whether that was only the tie-break.

    gap_s, blur_s  seconds between the moments, and their uncertainties together; None where one is unknown
    """

    theirs: bool
    concurrent: bool
    gap_s: float | None = None
    blur_s: float = 0.0

    @property
    def why(self) -> str:
        """The comparison in words."""
        if self.gap_s is None:
            return "no moment is known; order of connections" if self.concurrent else "the other moment is unknown"
        if self.concurrent:
            return f"concurrent ({abs(self.gap_s):.1f} s apart, uncertainty {self.blur_s:.1f} s); order of connections"
        return f"later by {abs(self.gap_s):.1f} s, uncertainty {self.blur_s:.1f} s"


def origin_of(connection: str, external_id: str, moment: Interval, *, timed: bool = True) -> Origin:
    """The origin of a field that changed in a record read with ``moment``.

    ``timed`` is False for fields whose edits do not move the record's time. A record time from before
    the previous read cannot be the moment of a change seen only now, so it is no time for it either.
    """
    at = moment.at
    if at is not None and (not timed or _stale(at, moment)):
        at = None
    return Origin(connection, external_id, at, moment.uncertainty_s, moment.since)


def later(ours: Origin | None, theirs: Origin | None, order: Sequence[str]) -> Comparison:
    """Which origin speaks last. Total and antisymmetric, so the outcome is the same whoever is read first.

    An unknown moment loses against a known one. Moments closer than both uncertainties together are
    concurrent: the connection that stands first in ``order`` wins, then the first by name; of two
    statements by one connection, theirs, because a connection's new word replaces its old one.
    """
    one = ours.point if ours is not None else None
    other = theirs.point if theirs is not None else None
    if one is None or other is None:
        if (one is None) != (other is None):
            return Comparison(one is None, concurrent=False)
        return Comparison(_first(ours, theirs, order), concurrent=True)
    gap_s = (other - one).total_seconds()
    blur_s = (ours.uncertainty_s if ours else 0.0) + (theirs.uncertainty_s if theirs else 0.0)
    if gap_s and abs(gap_s) > blur_s:
        return Comparison(gap_s > 0, concurrent=False, gap_s=gap_s, blur_s=blur_s)
    return Comparison(_first(ours, theirs, order), concurrent=True, gap_s=gap_s, blur_s=blur_s)


def position(connection: str, order: Sequence[str]) -> int:
    """The position of a connection in an order; those not listed come after all that are."""
    return order.index(connection) if connection in order else len(order)


def _first(ours: Origin | None, theirs: Origin | None, order: Sequence[str]) -> bool:
    """Whether theirs comes before ours in the order of connections."""
    if theirs is None or ours is None:
        return ours is None
    mine, other = ours.connection, theirs.connection
    return mine == other or (position(other, order), other) < (position(mine, order), mine)


def _stale(at: datetime, moment: Interval) -> bool:
    return moment.since is not None and (moment.since - at).total_seconds() > moment.uncertainty_s


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
