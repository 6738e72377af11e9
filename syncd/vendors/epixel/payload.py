"""The names under which a lead may show its fields, and how they are read (vendors/epixel.md §5, §9). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload
from syncd.domain.normalize import email, fold, moment, text
from syncd.vendors.epixel.stages import DELETED

KEYS: Mapping[str, tuple[str, ...]] = {
    "first_name": ("first_name",),
    "last_name": ("last_name",),
    "email": ("email",),
    "phone": ("phone", "phone_number", "mobile"),
    "city": ("location",),
    "stage": ("status", "lead_status"),
    "source": ("source",),
    "registered_at": ("created_at", "created", "created_on", "date_created", "created_date", "date"),
    "assignment.primary": ("assignee", "assigned_to", "owner"),
}
"""Canonical field → keys, the first present one counts. Those of the write form come first."""
UPDATED = ("updated_at", "updated", "modified", "modified_at", "updated_on", "last_updated")
TOGETHER: Mapping[str, tuple[str, ...]] = {"email": ("email", "emails"), "phone": ("phone", "phones")}
"""Keys of `KEYS` that tell of more than one canonical field."""


class Agent(NamedTuple):
    """Whom a lead is assigned to."""

    username: str
    email: str = ""
    name: str = ""


def first(payload: Payload, keys: tuple[str, ...]) -> Any:
    """The value under the first key that is there and holds anything."""
    found = (payload[key] for key in keys if key in payload)
    return next((value for value in found if value is not None and value != ""), None)


def word_of(value: Any, *keys: str) -> str:
    """Text, or the text under the first of ``keys`` of an object. Raises UnreadableError."""
    if isinstance(value, Mapping):
        return next((found for key in keys if (found := text(value.get(key)))), "")
    return text(value)


def status_words(payload: Payload) -> tuple[str, ...]:
    """Everything a lead says of its status: the choice, then what people see of it. Raises UnreadableError."""
    value = first(payload, KEYS["stage"])
    if not isinstance(value, Mapping):
        return (text(value),)
    keys = ("status", "name", "value", "Description", "description")
    return tuple(dict.fromkeys(found for key in keys if (found := text(value.get(key))))) or ("",)


def source_word(payload: Payload) -> str:
    """What a lead says of its source. Raises UnreadableError."""
    return word_of(first(payload, KEYS["source"]), "source", "status", "name", "value")


def city_word(payload: Payload) -> str:
    """What a lead says of its location. Raises UnreadableError."""
    return word_of(first(payload, KEYS["city"]), "name", "city")


def assignee(payload: Payload) -> Agent | None:
    """Whom a lead is assigned to, None if to nobody. Raises UnreadableError."""
    value = first(payload, KEYS["assignment.primary"])
    if not isinstance(value, Mapping):
        username = text(value)
        return Agent(username, email(username) if "@" in username else "") if username else None
    address = email(value.get("email"))
    username = word_of(value, "username", "user_name", "email", "name")
    if not username:
        return None
    return Agent(username, address or (email(username) if "@" in username else ""), text(value.get("name")))


def is_deleted(payload: Payload) -> bool:
    """Whether the vendor says that this lead is deleted (§5)."""
    flag = payload.get("is_deleted")
    if flag is True or (isinstance(flag, int) and flag == 1):
        return True
    if isinstance(flag, str) and fold(flag) in {"true", "1", "yes"}:
        return True
    try:
        return any(fold(word) == DELETED for word in status_words(payload))
    except UnreadableError:
        return False


def time_under(payload: Payload, keys: tuple[str, ...], zone: tzinfo) -> datetime | None:
    """A time of the record; None where there is none, or none that makes sense: no JSON of times is documented."""
    try:
        return moment(first(payload, keys), zone)
    except UnreadableError:
        return None


def fields_shown(payload: Payload, keys: Mapping[str, tuple[str, ...]] = KEYS) -> set[str]:
    """The canonical fields that a payload has any key for, blank or not."""
    return {name for name, names in keys.items() if any(key in payload for key in names)}


def keys_of(custom: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """`KEYS` and the keys of the user's own fields."""
    return {**KEYS, **{f"custom.{name}": (path.split(".", 1)[0],) for name, path in custom.items()}}
