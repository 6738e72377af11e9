"""The whole lead as a PUT sends it back (vendors/mycrm.md §11). Pure.

A PUT replaces: everything writable that the lead shows goes back, objects as their ids, and the changes are laid over
it. What the lead does not show and MyCRM demands comes from the defaults; what is still missing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload, deep_merge
from syncd.domain.normalize import text
from syncd.vendors.mycrm.countries import country
from syncd.vendors.mycrm.needs import Defaults, Filled, fill
from syncd.vendors.mycrm.values import (
    amenities,
    category,
    entries,
    identity,
    ids_of,
    number,
    number_of,
    offered,
    preference,
    title_code,
)

_SAME = (
    "first_name", "middle_name", "last_name", "email", "mobile", "address", "pobox", "city", "status",
    "quality", "financial", "mortgage_status", "time_frame", "source",
)  # fmt: skip
"""Keys that are written as they are read."""
_LIMITS = tuple(f"{end}_{what}" for what in ("price", "size", "bathroom", "bedroom") for end in ("from", "to"))
_LISTS = ("types", "locations")
_TOLD = frozenset({"first_name", "last_name", "mobile", "status"})
"""An answer that shows these is a lead, and not only an id."""


def is_whole(payload: Payload) -> bool:
    """Whether the answer to a write shows the lead."""
    return payload.keys() >= _TOLD


def whole(payload: Payload, changes: Mapping[str, Any], defaults: Defaults) -> tuple[dict[str, Any], Filled]:
    """The body of a PUT: the lead as read, ``changes`` laid over it, defaults where it says nothing.

    A change to null empties a field; nulls the lead shows by itself are left out. Raises UnreadableError.
    """
    there, body = shown(payload), shown(payload)
    deep_merge(body, changes)
    body = {key: value for key, value in body.items() if value is not None or key in there}
    inner, inner_there = body.get("preference"), there.get("preference", {})
    if isinstance(inner, dict):
        kept = {key: value for key, value in inner.items() if not _blank(value) or key in inner_there}
        # A mandatory list that is empty says nothing: the default takes its place.
        body["preference"] = {key: value for key, value in kept.items() if value or key not in _LISTS}
    return body, fill(body, defaults)


def shown(payload: Payload) -> dict[str, Any]:
    """Everything writable that the lead shows, in the form in which it is written. Raises UnreadableError."""
    body: dict[str, Any] = {"id": number_of(identity(payload.get("id")))}
    body |= {key: payload[key] for key in _SAME if not _blank(payload.get(key))}
    parts = {
        "title": title_code(text(payload.get("title"))) or payload.get("title"),
        "country": country(payload.get("country")),
        "source_channel": text(payload.get("channel")),
        "category": category(payload),
        "offering_type": offered(payload),
        "user": int(user) if (user := identity(payload.get("user"))) else None,
        "properties": ids_of(_list(payload.get("properties"))),
        "fields": dict(fields) if isinstance(fields := payload.get("fields"), Mapping) else None,
        "preference": _preference(payload),
    }
    return body | {key: value for key, value in parts.items() if not _blank(value)}


def _preference(payload: Payload) -> dict[str, Any]:
    there = preference(payload)
    inner: dict[str, Any] = {key: number(there[key], key) for key in _LIMITS if not _blank(there.get(key))}
    inner |= {key: ids_of(entries(there.get(key), key)) for key in _LISTS}
    inner["offering_type"] = offered(payload)
    inner["amenities"] = amenities(payload)
    return {key: value for key, value in inner.items() if not _blank(value)}


def _list(value: object) -> list[Any]:
    try:
        return entries(value, "properties")
    except UnreadableError:
        return []


def _blank(value: object) -> bool:
    return value is None or value in ("", [], {})
