"""Telephone numbers that travel without their "+" (vendors/epixel.md §5).

Epixel takes digits only. The digits of +49 30 901820 read as a plausible American number, so what a number
*was* when it was agreed has to be remembered. Only numbers that would be read wrongly are, and only as
hashes: the memory of a connection is no place for what a lead contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from syncd.domain.normalize import phone, text

DIGITS_MAX = 15
REMEMBERED_MAX = 10_000
_SENDABLE = re.compile(r"\+?([0-9]{1,15})\Z", re.ASCII)
_OTHER = re.compile(r"[^0-9]+", re.ASCII)
_PUNCTUATED = re.compile(r"\+?[0-9 ()./-]+\Z", re.ASCII)


def digits(number: str) -> str:
    """The digits to send for a number; "" where it needs other characters, or more of them."""
    found = _SENDABLE.match(number)
    return found[1] if found else ""


def spelled(raw: str) -> str:
    """The digits of a number as it stands; "" where more than punctuation would be lost, or they are too many."""
    plain = _OTHER.sub("", raw)
    return plain if _PUNCTUATED.match(raw) and len(plain) <= DIGITS_MAX else ""


class Numbers:
    """How numbers are read on one connection."""

    def __init__(self, region: str, remembered: Iterable[str] = ()) -> None:
        """``region``: the country of numbers that name none; ``remembered``: what an earlier one agreed."""
        self._region = region
        self._agreed = dict.fromkeys(remembered)

    @property
    def memory(self) -> Sequence[str]:
        """Hashes of the digits that are read with a "+" before them."""
        return list(self._agreed)

    def read(self, value: object) -> str:
        """A number as shown, in E.164 if it can be. Raises UnreadableError."""
        raw = text(value)
        if not raw:
            return ""
        plain = _OTHER.sub("", raw)
        if self._agreed and plain and _hash(plain) in self._agreed:
            return f"+{plain}"
        return self._parsed(raw, plain)

    def agree(self, number: str) -> None:
        """This number is meant to stand there: from now on its digits mean it."""
        plain = digits(number)
        if not plain or not number.startswith("+") or self.read(plain) == number:
            return
        self._agreed[_hash(plain)] = None
        while len(self._agreed) > REMEMBERED_MAX:
            del self._agreed[next(iter(self._agreed))]

    def sendable(self, number: str) -> bool:
        """Whether Epixel can hold this number and show it again."""
        plain = digits(number)
        return bool(plain) and (number.startswith("+") or self._parsed(plain, plain) == number)

    def _parsed(self, raw: str, plain: str) -> str:
        found = phone(raw, self._region)
        if found.startswith("+") or not _PUNCTUATED.match(raw):
            return found
        marked = f"+ {plain}"  # parsed or not: what comes back unchanged is no number
        international = phone(marked, self._region)
        return found if international == marked else international


def _hash(plain: str) -> str:
    return blake2b(plain.encode(), digest_size=8).hexdigest()
