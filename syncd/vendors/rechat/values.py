"""Rechat's times and numbers (vendors/rechat.md §3): floats, integers or text; read as decimals, sent as received."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import moment, text

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,12})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_DAY_S = 86_400
_SECONDS_MAX = Decimal(10) ** 12
NUMBER_MAX = 10**15
YEAR_MIN = 1900
"""A birthday before this year is one whose year nobody knows (vendors/rechat.md §5)."""


def stamp(value: object) -> Decimal | None:
    """A time as seconds since 1970, exactly as told; None where there is none, or none that makes sense.

    The shortest text of a float is what was received: between 1970 and 2100 floats lie closer together than
    microseconds, so no two received times of six decimals share one.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _bounded(Decimal(value))
    if isinstance(value, float):
        return _bounded(Decimal(repr(value)))
    if not isinstance(value, str):
        return None
    if _NUMBER.fullmatch(value.strip()):
        return _bounded(Decimal(value.strip()))
    try:
        found = moment(value)
    except UnreadableError:
        return None
    return None if found is None else Decimal((found - _EPOCH) // timedelta(microseconds=1)).scaleb(-6)


def spelled(seconds: Decimal) -> str:
    """The digits of a time, as they go back into a query."""
    return f"{seconds:f}"


def when(value: object) -> datetime | None:
    """A time as an aware UTC datetime; None where there is none."""
    seconds = stamp(value)
    try:
        return None if seconds is None else _EPOCH + timedelta(microseconds=int(seconds.scaleb(6)))
    except OverflowError:
        return None


def seconds_of(moment_: datetime) -> Decimal:
    """The inverse of `when`."""
    return Decimal((moment_ - _EPOCH) // timedelta(microseconds=1)).scaleb(-6)


def day(value: object) -> date | None:
    """The day of a ``date`` value (00:00 UTC of it); None for a blank. Raises UnreadableError."""
    if value is None or value == "":
        return None
    found = when(value)
    if found is None:
        message = f"expected a date, found {type(value).__name__}"
        raise UnreadableError(message)
    return found.date()


def day_seconds(value: date) -> int:
    """A day as Rechat keeps it: seconds since 1970 of 00:00 UTC, negative before that."""
    return (value - _EPOCH_DAY).days * _DAY_S


def number(value: object) -> int | float | None:
    """A number that may be text, whole ones as int; None where it is none."""
    if isinstance(value, str):
        plain = value.replace(",", "").strip()
        if not _NUMBER.fullmatch(plain):
            return None
        value = float(plain)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not -NUMBER_MAX <= value <= NUMBER_MAX:  # also not a number at all
        return None
    return int(value) if float(value).is_integer() else value


def identity(value: object) -> str:
    """The id of something that is an object, or its mere id; "" if neither."""
    found: Any = value.get("id") if isinstance(value, dict) else value
    try:
        return text(found) if isinstance(found, str) else ""
    except UnreadableError:
        return ""


def _bounded(seconds: Decimal) -> Decimal | None:
    return seconds if seconds.is_finite() and abs(seconds) < _SECONDS_MAX else None
