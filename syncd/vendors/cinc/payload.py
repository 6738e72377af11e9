"""How a payload of CINC is taken apart: paths, flags, sections (vendors/cinc.md §3, §5). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload
from syncd.domain.normalize import email, fold, text

AGENT_SLOTS: Mapping[str, str] = {"primary": "primary_agent", "listing": "listing_agent", "partner": "partner"}
"""Canonical role → key under ``assigned_agents`` (vendors/cinc.md §9)."""


def leaf(payload: Payload, path: str) -> Any:
    """The value at ``path``, None where a step is missing. Raises UnreadableError where a step is no object."""
    here: Any = payload
    for step in path.split("."):
        if here is None:
            return None
        if not isinstance(here, Mapping):
            message = f"expected an object on the way to {path}, found {type(here).__name__}"
            raise UnreadableError(message)
        here = here.get(step)
    return here


def branch(payload: Payload, path: str) -> Mapping[str, Any]:
    """The object at ``path``, empty where it is missing. Raises UnreadableError where something else stands there."""
    found = leaf(payload, path)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        message = f"expected an object at {path}, found {type(found).__name__}"
        raise UnreadableError(message)
    return found


def read_email(payload: Payload) -> str:
    """The lead's (or agent's) address: ``info.contact.email``, else ``username`` where that is one; "" if neither."""
    address = email(leaf(payload, "info.contact.email"))
    if address:
        return address
    username = text(payload.get("username"))
    return email(username) if "@" in username else ""


def flag(payload: Payload, path: str) -> bool | None:
    """A boolean, also spelled as text. Raises UnreadableError."""
    value = leaf(payload, path)
    if value is None or isinstance(value, bool):
        return value
    word = fold(text(value))
    if word in {"true", "false", ""}:
        return None if not word else word == "true"
    message = f"expected true or false at {path}, found {type(value).__name__}"
    raise UnreadableError(message)


def applied_labels(payload: Payload) -> list[tuple[str, str]]:
    """(id, name) of every label on a lead, "" for an id that is not told. Raises UnreadableError."""
    rows = payload.get("labels")
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        message = "expected a list of objects at labels"
        raise UnreadableError(message)
    named = ((text(row.get("id")), text(row.get("name"))) for row in rows)
    return [(label_id, name) for label_id, name in named if name]


def fields_of_sections(custom: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Top-level section → the fields read from it, for every section a list row may lack."""
    fields: dict[str, set[str]] = {
        "labels": {"labels"},
        "pipeline": {"stage"},
        "assigned_agents": {f"assignment.{role}" for role in AGENT_SLOTS},
        "subscriptions": {"email_opt_out", "text_opt_out"},
    }
    for name, path in custom.items():
        root = path.split(".", 1)[0]
        if root not in {"id", "username", "info", "registered_date"}:
            fields.setdefault(root, set()).add(f"custom.{name}")
    return {section: frozenset(names) for section, names in fields.items()}


def section_names(custom: Mapping[str, str], wanted: Collection[str]) -> tuple[str, ...]:
    """The sections that matter when only ``wanted`` fields are read from this connection."""
    return tuple(name for name, fields in fields_of_sections(custom).items() if fields & frozenset(wanted))
