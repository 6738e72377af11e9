"""Timelines, times and labels as CINC spells them (vendors/cinc.md §3, §5, §8). Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from syncd.domain.lead import Timeline
from syncd.domain.normalize import fold, text

WEEKS_A_MONTH = 4
_RANGE = re.compile(r"(\d{1,4}) ?(?:to|[-–—]) ?(\d{1,4}) (month|week)s?")
_OPEN = re.compile(r"(\d{1,4}) ?\+ (month|week)s?")
_NAMED = {"just looking": "just_looking", "refinancing": "refinancing"}
_SPELLED = {"just_looking": "Just Looking", "refinancing": "Refinancing"}


def read_timeline(value: object) -> Timeline | None:
    """A timeline text as (months_min, months_max), as a known word, or verbatim. Raises UnreadableError."""
    verbatim = text(value)
    folded = fold(verbatim)
    if found := _RANGE.fullmatch(folded):
        low, high, unit = int(found[1]), int(found[2]), found[3]
        if low <= high:
            return (low, high) if unit == "month" else (low // WEEKS_A_MONTH, -(-high // WEEKS_A_MONTH))
    if found := _OPEN.fullmatch(folded):
        low = int(found[1])
        return (low if found[2] == "month" else low // WEEKS_A_MONTH, None)
    return _NAMED.get(folded, verbatim) or None


def spell_timeline(value: Timeline) -> str:
    """The text CINC gets for a timeline."""
    if isinstance(value, str):
        return _SPELLED.get(value, value)
    low, high = value
    return f"{low}+ months" if high is None else f"{low} to {high} months"


def spell_time(moment: datetime) -> str:
    """A time as CINC documents it: ``2023-04-15T21:39:16.123Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_milliseconds(moment: datetime) -> datetime:
    """The time without what `spell_time` cannot say."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
