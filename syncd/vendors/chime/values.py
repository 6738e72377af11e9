"""Chime's blanks, numbers, words and days as values (vendors/chime.md §3, §5). Pure leaves of the lens table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lead import Fields, Timeline, encode
from syncd.domain.lens import Unmapped
from syncd.domain.normalize import fold, moment, text

_USUAL_TIME = "2026-04-22T10:15:30GMT"
NUMBER_MAX = 10**15
"""Beyond this a number is no price, count or size, whatever the vendor says."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WRITTEN_DAY = re.compile(r"([A-Za-z]{3})[A-Za-z]*\.? (\d{1,2}),? (\d{4})\Z")
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?\Z")
_SLASHED_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})\Z")

_FRAMES: Mapping[str, Timeline] = {
    "1-3": (1, 3),
    "3-6": (3, 6),
    "6-12": (6, 12),
    "12+": (12, None),
    "0-3": (0, 3),
    "just looking": "just_looking",
    "refinancing": "refinancing",
}
_FRAME_WORDS: Mapping[Timeline, str] = {
    (1, 3): "1-3",
    (3, 6): "3-6",
    (6, 12): "6-12",
    (12, None): "12+",
    "just_looking": "Just Looking",
    "refinancing": "Refinancing",
}
_FRAME_ENDS = ((3, "1-3"), (6, "3-6"), (12, "6-12"))
_YES = {"yes": True, "true": True, "y": True, "1": True, "no": False, "false": False, "n": False, "0": False}


def is_blank(value: object) -> bool:
    """Whether Chime says nothing: null, "", an empty list, or the −1 of unset numbers."""
    if isinstance(value, str):
        return not value
    if value is None or value == []:
        return True
    return not isinstance(value, bool) and isinstance(value, int | float) and value == -1


def texts(fields: Fields, name: str) -> frozenset[str]:
    """A set-of-text field, empty where blank."""
    value: Any = fields.get(name)
    return value if isinstance(value, frozenset) else frozenset()


def plain(value: object) -> str:
    """A scalar as text; "" for every kind of blank. Raises UnreadableError for lists and objects."""
    return "" if is_blank(value) else text(value)


def rows(value: object) -> list[Any]:
    """A list that may be null, −1, or a single value."""
    if is_blank(value):
        return []
    return value if isinstance(value, list) else [value]


def identity(value: object) -> str:
    """A 64-bit id as its decimal string; "" for 0, −1, null and what is no number (vendors/chime.md §3)."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int):
        return str(value) if value > 0 else ""
    if isinstance(value, float):
        return str(int(value)) if value > 0 and value.is_integer() else ""
    digits = value.strip() if isinstance(value, str) else ""
    return str(int(digits)) if digits.isascii() and digits.isdigit() and int(digits) > 0 else ""


def when(value: object) -> datetime | None:
    """A time in any of the sheet's forms, UTC where it names no zone; None where unset or no time at all."""
    if is_blank(value) or value in (0, "-1", "0"):
        return None
    try:
        if isinstance(value, str) and len(value) == len(_USUAL_TIME) and value.endswith("GMT"):
            return datetime.fromisoformat(f"{value[:-3]}+00:00")  # every row of a walk has one of these
    except ValueError:
        pass
    try:
        return moment(value)
    except UnreadableError:
        return None


def half_up(value: float) -> int:
    """Rounded to a whole number, halves up."""
    return math.floor(value + 0.5)


def number(value: object) -> float | int | Unmapped | None:
    """A number that may be text; None where blank, zero or less; Unmapped where it is no number."""
    if isinstance(value, bool) or is_blank(value):
        return None
    if not isinstance(value, int | float):
        raw = text(value).replace(",", "")
        if not raw:
            return None
        try:
            value = float(raw)
        except ValueError:
            return Unmapped(raw)
    if math.isnan(value) or value <= 0:
        return None
    if value > NUMBER_MAX:
        return Unmapped(str(value))
    return int(value) if float(value).is_integer() else value


def whole(value: object) -> int | Unmapped | None:
    """A whole number, rounded half up; blank as in `number`."""
    found = number(value)
    if found is None or isinstance(found, Unmapped):
        return found
    return half_up(found) if half_up(found) > 0 else None


def decimal_text(value: float) -> str:
    """A number as Chime writes bathrooms: ``"2"``, ``"2.5"``."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def flag(value: object) -> bool | Unmapped | None:
    """A boolean that may be ``"Yes"`` or ``"No"``; None where blank."""
    if isinstance(value, bool) or is_blank(value):
        return value if isinstance(value, bool) else None
    word = text(value)
    if not word:
        return None
    known = _YES.get(fold(word))
    return Unmapped(word) if known is None else known


def day(value: object) -> date | Unmapped | None:
    """A birthday: ``Jun 5, 2001``, ``2001-06-05`` (with or without a time) or ``06/05/2001``."""
    raw = plain(value)
    if not raw:
        return None
    try:
        if found := _WRITTEN_DAY.match(raw):
            return date(int(found[3]), MONTHS.index(found[1].capitalize()) + 1, int(found[2]))
        if found := _ISO_DAY.match(raw):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _SLASHED_DAY.match(raw):
            return date(int(found[3]), int(found[1]), int(found[2]))
    except ValueError:
        pass
    return Unmapped(raw)


def day_text(value: date) -> str:
    """A day as Chime writes it, with English months whatever the locale."""
    return f"{MONTHS[value.month - 1]} {value.day}, {value.year:04d}"


def timeline(value: object) -> Timeline | Unmapped | None:
    """A time frame word as (months_min, months_max) or a canonical word; ``N/A`` is blank."""
    word = plain(value)
    folded = fold(word)
    if folded in {"", "n/a"}:
        return None
    return _FRAMES.get(folded, Unmapped(word))


def timeline_word(value: object, *, lofty: bool) -> str | None:
    """The time frame nearest to a canonical timeline; None for words Chime does not have."""
    if isinstance(value, list):
        value = tuple(value)
    if value == (0, 3) and lofty:
        return "0-3"
    if isinstance(value, str):
        return _FRAME_WORDS.get(value)
    if not isinstance(value, tuple):
        return None
    if value in _FRAME_WORDS:
        return _FRAME_WORDS[value]
    low, high = value
    end = high if high is not None else low + 1
    return next((word for limit, word in _FRAME_ENDS if end <= limit), "12+")


def as_text(value: object) -> str:
    """A canonical scalar as the text a custom attribute holds; yes and no in Chime's own words."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    data = encode(value)  # type: ignore[arg-type]
    return text(data) if isinstance(data, str | int | float) else ""
