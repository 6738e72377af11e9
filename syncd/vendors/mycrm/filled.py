"""Whether a lead shows exactly the default that went out for it (vendors/mycrm.md §5, `create_defaults`). Pure.

MyCRM demands a title, a country, a budget. What the config fills in there is no statement about the person: as long as
MyCRM shows exactly it, it reads as blank and travels nowhere. A default is an ordinary value elsewhere ("Mr", "AE"), so
which leads show one is remembered on their links (domain/filled.py); here is only how the two are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload
from syncd.domain.normalize import fold, text
from syncd.vendors.mycrm.countries import country
from syncd.vendors.mycrm.values import entries, ids_of, number, offering, preference, title_code

_LISTS: Mapping[str, str] = {"areas": "locations", "property_types": "types"}
_LIMITS: Mapping[str, str] = {"price_min": "from_price", "price_max": "to_price"}


def stands(payload: Payload, name: str, default: Any) -> bool:
    """Whether the lead shows exactly this default in canonical field ``name``. An unreadable value is not it."""
    try:
        return bool(_shown(payload, name) == (_ids(default) if isinstance(default, list) else default))
    except UnreadableError:
        return False


def _shown(payload: Payload, name: str) -> Any:
    """What the lead shows of a field, in the form of its default."""
    if name in _LISTS:
        return _ids(ids_of(entries(preference(payload).get(_LISTS[name]), name)))
    if name in _LIMITS:
        return number(preference(payload).get(_LIMITS[name]), name)
    match name:
        case "title":
            return title_code(text(payload.get("title")))
        case "country":
            return country(payload.get("country"))
        case "stage":
            return text(payload.get("status"))
        case "source":
            return "/".join(filter(None, (text(payload.get("source")), text(payload.get("channel")))))
        case "roles":
            return fold(offering(payload))
        case _:  # a custom field that maps ``financial``
            return text(payload.get("financial"))


def _ids(ids: list[Any]) -> list[str]:
    return sorted(map(str, ids))
