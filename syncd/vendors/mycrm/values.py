"""How a lead of MyCRM is taken apart: ids, numbers, locations, the one preference (vendors/mycrm.md §5). Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lead import Timeline
from syncd.domain.lens import Payload, Unmapped
from syncd.domain.normalize import fold, text
from syncd.settings.connections.mycrm_words import OFFERING_TYPES, TITLES

ID = re.compile(r"[1-9][0-9]*", re.ASCII)
"""The only ids that may go into a path: anything else could address the whole collection (vendors/mycrm.md §11)."""
NUMBER_MAX = 10**15
TIMELINES: Mapping[str, Timeline] = {
    "0": (0, 0),
    "1": (1, 1),
    "2": (2, 2),
    "3": (3, 3),
    "1-3": (1, 3),
    "3-6": (3, 6),
    "6-9": (6, 9),
    "9-12": (9, 12),
}
_LOCATION = ("tower", "sub_community", "community", "city")


def identity(value: object) -> str:
    """An id as its decimal text, from an integer, digits, or an object that holds one; "" if there is none."""
    if isinstance(value, Mapping):
        value = value.get("id")
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    digits = str(value).strip()
    return digits if ID.fullmatch(digits) else ""


def number_of(value: str) -> int:
    """An agent's or type's id as MyCRM takes it. Raises UnreadableError for what is none."""
    if not ID.fullmatch(value):
        raise UnreadableError("expected the id of an object of MyCRM")
    return int(value)


def entries(value: object, name: str) -> list[Any]:
    """A list that may be null, or a single object. Raises UnreadableError for anything else."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return [value]
    raise UnreadableError(f"expected a list at {name}, found {type(value).__name__}")


def preference(payload: Payload) -> Mapping[str, Any]:
    """The one preference that is mapped: ``preferences`` as a list, an object or null. Raises UnreadableError."""
    found = entries(payload.get("preferences"), "preferences")
    first = found[0] if found else {}
    if first is None:
        return {}
    if not isinstance(first, Mapping):
        raise UnreadableError(f"expected an object in preferences, found {type(first).__name__}")
    return first


def number(value: object, name: str) -> int | float | None:
    """A number, also as text; None for a blank. Raises UnreadableError."""
    if isinstance(value, str):
        shown = text(value).replace(",", "")
        if not shown:
            return None
        try:
            value = float(shown) if "." in shown else int(shown)
        except ValueError:
            value = True
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= NUMBER_MAX:
        raise UnreadableError(f"expected a number at {name}")
    return int(value) if float(value).is_integer() else value


def whole(value: object, *, up: bool) -> int | None:
    """A number as MyCRM's integers hold it: floored, or ``up``. None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= NUMBER_MAX:
        return None
    return math.ceil(value) if up else math.floor(value)


def title(value: object) -> str | Unmapped | None:
    """Mr for mr, MR, "Mr." and so on; another word is unmapped. Raises UnreadableError."""
    shown = text(value)
    code = title_code(shown)
    return code.capitalize() if code else (Unmapped(shown) if shown else None)


def title_code(value: str) -> str:
    """MyCRM's code of a title, "" if it is none of the four."""
    code = fold(value).rstrip(".")
    return code if code in TITLES else ""


def timeline(value: object) -> Timeline | Unmapped | None:
    """A time frame as months. Raises UnreadableError."""
    shown = text(value)
    return None if not shown else TIMELINES.get(shown.replace(" ", ""), Unmapped(shown))


def frame(value: object) -> str:
    """The time frame that says exactly these months, "" if none does."""
    return next((word for word, months in TIMELINES.items() if months == value), "")


def offering(payload: Payload) -> str:
    """What the lead is offered, in the preference or beside it; verbatim. Raises UnreadableError."""
    inside = text(preference(payload).get("offering_type"))
    return inside or text(payload.get("offering_type"))


def offered(payload: Payload) -> str:
    """The same as MyCRM spells it; another word verbatim. Raises UnreadableError."""
    word = offering(payload)
    return fold(word) if role_of(word) else word


def role_of(word: str) -> str:
    """The role buyer or renter, "" for another word."""
    return dict(zip(OFFERING_TYPES, ("buyer", "renter"), strict=True)).get(fold(word), "")


def item_id(item: object) -> Any:
    """The id of a location, type or amenity as it is sent back: out of an object, or itself. None: it has none.

    Ids of types and amenities are integers, also where they are shown as text; those of locations are words.
    """
    found = item.get("id") if isinstance(item, Mapping) else item
    if isinstance(found, str) and ID.fullmatch(found):
        return int(found)
    return found if isinstance(found, int | str) and not isinstance(found, bool) and found != "" else None


def location_text(item: object) -> str:
    """A location in words: tower, part, community, city. Raises UnreadableError."""
    if not isinstance(item, Mapping):
        return ""
    return ", ".join(filter(None, (text(item.get(key)) for key in _LOCATION)))


def type_text(item: object) -> str:
    """A property type's name. Raises UnreadableError."""
    return text(item.get("name")) if isinstance(item, Mapping) else ""


def category(payload: Payload) -> str:
    """Residential or commercial, where a type that is shown tells it; else "". Raises UnreadableError."""
    for item in entries(preference(payload).get("types"), "types"):
        if isinstance(item, Mapping) and (found := text(item.get("category"))):
            return found
    return ""


def amenities(payload: Payload) -> list[Any]:
    """Ids of the amenities, beside or inside the preference. Raises UnreadableError."""
    found = entries(payload.get("amenities"), "amenities") or entries(preference(payload).get("amenities"), "amenities")
    return ids_of(found)


def ids_of(items: list[Any]) -> list[Any]:
    """The ids of some objects, in their order."""
    return [found for item in items if (found := item_id(item)) is not None]
