"""A contact as a record, listed or read by itself (vendors/rechat.md §3). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.ports.vendor import Remote
from syncd.vendors.http import digest
from syncd.vendors.rechat.client import external_id
from syncd.vendors.rechat.mapping import assignees, owner
from syncd.vendors.rechat.values import when

CREATED, UPDATED = "created_at", "updated_at"
_ROW_KEYS = ("id", "attribute_def", "attribute_type", "text", "number", "date", "index", "label", "is_primary")
_ROW_KEYS_ALL = (*_ROW_KEYS, "is_partner", "created_at")


def contact(payload: Mapping[str, Any], *, listed: bool) -> Remote:
    """A contact as read. A row of a list without its attributes, or of a deleted contact, is to be read singly."""
    complete = not listed or (isinstance(payload.get("attributes"), list) and not payload.get("deleted_at"))
    return Remote(
        "lead",
        external_id(payload),
        payload,
        digest(_essence(payload)),
        when(payload.get(UPDATED)),
        complete=complete,
        listed=listed,
    )


def _essence(payload: Mapping[str, Any]) -> Any:
    """What of a payload is carried anywhere. The order of rows, touches and the summary mean nothing."""
    rows = payload.get("attributes")
    if not isinstance(rows, list):
        return {"deleted": payload.get("deleted_at"), "updated": payload.get(UPDATED)}
    live = [
        {key: value for key in _ROW_KEYS_ALL if (value := row.get(key)) is not None}
        for row in rows
        if isinstance(row, Mapping) and not row.get("deleted_at")
    ]
    odd = [row for row in rows if not isinstance(row, Mapping)]
    return {
        "rows": sorted(live, key=lambda row: str(row.get("id"))),
        "odd": odd,
        "owner": owner(payload),
        "assignees": [(who, mail) for who, mail, _ in assignees(payload)],
        "created": payload.get(CREATED),
        "deleted": payload.get("deleted_at"),
    }
