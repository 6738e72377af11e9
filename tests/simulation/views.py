"""The words in which records of different vendors are compared, and how to come by them.

With `traits` this is a second, independent statement of what the mappings have to achieve. It shares no code with
them: it looks at what a vendor's own app shows, and knows of each vendor only what people can see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

ADDRESS = ("street", "city", "region", "postal_code", "country")
SCALARS = (
    "title", "first_name", "middle_name", "last_name", "email", "phone", *ADDRESS, "stage", "buyer_timeline",
    "price_min", "price_max", "primary",
)  # fmt: skip
SETS = ("labels", "phones", "emails", "roles")
_HEADER = re.compile(r"\[[^\n]* · #(?P<ref>[0-9a-z]+)(?: · (?P<part>\d+)/(?P<parts>\d+))?\]")

View = dict[str, Any]
"""Field → text ("" where it is blank), or frozenset of texts. What a vendor has no field for is missing."""


def text_of(text: object) -> str:
    """A text, composed and trimmed."""
    return unicodedata.normalize("NFC", str(text or "")).strip()


def label_of(text: str) -> str:
    """A label without case and inner spaces."""
    return " ".join(text_of(text).casefold().split())


def digits_of(number: str) -> str:
    """The last ten digits of a number, or the text where it has fewer."""
    digits = re.sub(r"\D", "", number)
    return digits[-10:] if len(digits) >= 10 else number.strip()


def timeline_of(text: object) -> str:
    """The months of a time frame, however it is spelled: "3-6", "12+"."""
    found = re.findall(r"\d+", str(text or ""))
    return f"{found[0]}+" if len(found) == 1 else "-".join(found)


def months_of(timeline: str) -> tuple[int, int | None]:
    """The inverse of `timeline_of`: (from, to), to nothing where it is open."""
    low, _, high = timeline.removesuffix("+").partition("-")
    return int(low), int(high) if high else None


def number_of(value: object) -> str:
    """A whole number as text."""
    return "" if value is None or value == "" else str(round(float(str(value))))


def folded_lookup(table: Mapping[str, str], word: str) -> str | None:
    """What a word stands for, case aside."""
    return {key.casefold(): value for key, value in table.items()}.get(word.strip().casefold())


def body_of(text: str) -> str:
    """A note's words: line ends and spaces aside, which splitting and trimming may change."""
    return "".join(unicodedata.normalize("NFC", text).split())


def header_of(text: str) -> tuple[str, int, int, str] | None:
    """(reference, part, parts, the rest) of a note we carried over; None for one a person typed."""
    line, _, rest = text.partition("\n")
    found = _HEADER.fullmatch(line.strip())
    if found is None:
        return None
    return found["ref"], int(found["part"] or 0), int(found["parts"] or 0), rest
