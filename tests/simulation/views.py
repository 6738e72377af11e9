"""What a vendor's record says, in words that can be compared across vendors.

This is a second, independent statement of what the mappings have to achieve. It shares no code with them: it looks
at what the vendor's own app shows, and knows of each vendor only what people can see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

NAME_MAX, LABEL_MAX = 30, 64
"""Characters Chime keeps of a name and of a tag (vendors/chime.md §5, §8)."""
SCALARS = (
    "first_name", "last_name", "email", "street", "city", "region", "postal_code", "stage", "buyer_timeline", "primary",
)  # fmt: skip
SETS = ("labels", "phones")
ADDRESS = ("street", "city", "region", "postal_code")
CINC_STAGES = {
    "New Lead": "new", "Attempted Contact": "attempted", "Contacted": "contacted", "Appointment Set": "appointment",
    "Showing": "showing", "Under Contract": "under_contract", "Sold": "closed",
}  # fmt: skip
CHIME_STAGES = {
    "New Lead": "new", "Attempting Contact": "attempted", "Contacted": "contacted", "Nurture": "nurturing",
    "Qualified": "qualified", "Appointment Set": "appointment", "Showing": "showing",
    "Under Contract": "under_contract", "Closed": "closed", "Not Ready": "not_ready", "Lost": "lost",
}  # fmt: skip
STAGES = {"cinc": CINC_STAGES, "chime": CHIME_STAGES}
BLANK_FIRST_NAME = "-"
"""What Chime is given where it insists on a first name; it says nothing."""
_HEADER = re.compile(r"\[[^\n]* · #(?P<ref>[0-9a-z]+)(?: · (?P<part>\d+)/(?P<parts>\d+))?\]")

View = dict[str, Any]


def view(vendor: str, shown: Mapping[str, Any], agents: Mapping[str, str]) -> View:
    """A record's fields, comparable. ``agents``: the vendor's agent id → the agent's email."""
    seen: View = {name: name_of(shown.get(name)) for name in ("first_name", "last_name")}
    if vendor == "chime" and seen["first_name"] == BLANK_FIRST_NAME:
        seen["first_name"] = ""
    seen |= {name: text_of(shown.get(name)) for name in ADDRESS}
    seen["email"] = str(shown.get("email") or "").strip().lower()
    word = str(shown.get("stage") or "")
    seen["stage"] = STAGES[vendor].get(word, f"? {word}" if word else "")
    seen["buyer_timeline"] = timeline_of(shown.get("buyer_timeline"))
    seen["primary"] = agents.get(str(shown.get("assignments", {}).get("primary", "")), "")
    seen["labels"] = frozenset(label_of(name) for name in shown.get("labels", ()))
    seen["phones"] = frozenset(digits_of(number) for number, _ in shown.get("phones", ()))
    return seen


def text_of(text: object) -> str:
    """A text, composed and trimmed."""
    return unicodedata.normalize("NFC", str(text or "")).strip()


def name_of(text: object) -> str:
    """As much of a name as every vendor can hold."""
    return text_of(text)[:NAME_MAX].rstrip()


def label_of(text: str) -> str:
    """A label without case and inner spaces, as much of it as every vendor can hold."""
    return " ".join(text_of(text)[:LABEL_MAX].casefold().split())


def digits_of(number: str) -> str:
    """The last ten digits of a number, or the text where it has fewer."""
    digits = re.sub(r"\D", "", number)
    return digits[-10:] if len(digits) >= 10 else number.strip()


def timeline_of(text: object) -> str:
    """The months of a time frame, however it is spelled: "3-6", "12+"."""
    found = re.findall(r"\d+", str(text or ""))
    return f"{found[0]}+" if len(found) == 1 else "-".join(found)


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
