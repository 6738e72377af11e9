"""How a lead is shown: ``preferences`` for what was written as ``preference``, ``channel`` for ``source_channel``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from syncd.sandbox.mycrm import catalog
from syncd.sandbox.mycrm.records import LIMITS, TEXTS, Records

_NOTE_KEYS: Mapping[str, tuple[str, str, str]] = {
    "body": ("body", "created_at", "user"),
    "note": ("note", "created", "author"),
    "text": ("text", "date", "created_by"),
}


def shown(records: Records, lead: int, *, expanded: bool) -> dict[str, Any]:
    """A lead as the API shows it."""
    kept, switches = records.leads[lead], records.switches
    row: dict[str, Any] = {"id": kept["id"], "title": kept["title"]}
    row |= {key: kept[key] for key in TEXTS}
    if kept["country"] == "AE" and switches["country_words"]:
        row["country"] = "UAE"
    row |= {key: kept[key] for key in ("status", "quality", "financial", "mortgage_status", "source", "channel")}
    row["time_frame"] = kept["time_frame"]
    row["user"] = _user(records, kept["user"], expanded=expanded)
    preferences = _preferences(kept["preference"], lead)
    if switches["preferences"] == "object" and preferences:
        row["preferences"] = preferences[0]
    elif switches["preferences"] != "absent" or preferences:
        row["preferences"] = preferences
    row["amenities"] = [
        {"id": found, "name": catalog.AMENITIES[found]} for found in (kept["preference"] or {}).get("amenities", ())
    ]
    row |= {"fields": kept["fields"], "properties": [{"id": found} for found in kept["properties"]]}
    row |= {"passport": kept["passport"], "matching": {"count": 0, "inventory_count": 0, "mls_count": 0}}
    row |= {key: _time(records, kept[key]) for key in ("created_at", "updated_at")}
    if expanded:
        row["notes"] = [_note(records, note) for note in kept["notes"]]
    return row


def user(row: Mapping[str, Any]) -> dict[str, Any]:
    """A user as the API shows them."""
    return dict(row)


def _user(records: Records, found: int | None, *, expanded: bool) -> Any:
    if found is None:
        return None
    if expanded:
        return user(records.users[found])
    return found if records.switches["user"] == "number" else {"id": found}


def _preferences(kept: Mapping[str, Any] | None, lead: int) -> list[dict[str, Any]]:
    if not kept:
        return []
    inner: dict[str, Any] = {"id": str(lead)}
    inner["locations"] = [{"id": found, **catalog.LOCATIONS[found]} for found in kept.get("locations", ())]
    inner |= {key: kept.get(key) for key in LIMITS}
    inner["offering_type"] = kept.get("offering_type")
    inner["types"] = [
        {"id": found, "name": catalog.TYPES[found][0], "category": catalog.TYPES[found][1]}
        for found in kept.get("types", ())
    ]
    return [inner]


def _note(records: Records, note: Mapping[str, Any]) -> dict[str, Any]:
    body, created, author = _NOTE_KEYS[records.switches["note_keys"]]
    found = note["user"]
    who = records.users.get(found) if author == "user" else found
    return {"id": note["id"], body: note["body"], created: _time(records, note["created_at"]), author: who}


def _time(records: Records, moment: datetime) -> str:
    if records.switches["dates"] == "offset":
        zone = timezone(timedelta(hours=records.switches["zone_hours"]))
        return moment.astimezone(zone).isoformat(timespec="seconds")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
