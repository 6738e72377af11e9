"""Bodies of updates, and which of two kinds a site needs (vendors/cinc.md §11).

Updates are taken for a deep merge: only changed fields go out. If a site blanks what is left out instead,
that shows at the next read of the lead; from then on whole sections are sent, built from a fresh read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload, deep_merge, nest
from syncd.domain.normalize import moment
from syncd.vendors.cinc.words import spell_time

WATCHED_MAX = 1000
_UNWRITTEN = frozenset({"updated_date", "url", "is_partial", "is_validated_email", "valid_email", "status", "agent"})
"""What CINC keeps by itself: it proves nothing about what an update leaves alone."""
_INFO: Mapping[str, Any] = {
    "is_buyer": None,
    "is_seller": None,
    "source": None,
    "status": None,
    "buyer": dict.fromkeys(("median_price", "average_price", "favorite_city", "timeline")),
    "seller": {"timeline": None},
    "contact": {
        "first_name": None,
        "last_name": None,
        "email": None,
        "phone_numbers": dict.fromkeys(("cell_phone", "home_phone", "work_phone")),
        "mailing_address": dict.fromkeys(("street", "city", "state", "postal_or_zip")),
    },
    "secondary": None,
}
_WRITABLE: Mapping[str, Any] = {
    "registered_date": None,
    "info": _INFO,
    "pipeline": {"stage": None},
    "assigned_agents": {slot: {"id": None} for slot in ("primary_agent", "listing_agent", "partner")},
}
"""Everything an update may set; None marks a leaf (or an object that goes out as it is)."""
_BLANK_ADDRESS = dict.fromkeys(_INFO["contact"]["mailing_address"], "")


def addressed(external_id: str, email: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the lead's id and its present address, which CINC asks for on every update."""
    content: dict[str, Any] = {"id": external_id}
    deep_merge(content, body)
    if email:
        deep_merge(content, nest("info.contact.email", email))
    return content


def whole_sections(fresh: Payload, body: Mapping[str, Any]) -> dict[str, Any]:
    """Everything writable as the lead shows it now, with ``body`` laid over it."""
    sections = _only(fresh, _WRITABLE)
    try:
        registered = moment(sections.pop("registered_date", None))
    except UnreadableError:
        registered = None
    if registered:
        sections["registered_date"] = spell_time(registered)
    deep_merge(sections, body)
    address = sections.get("info", {}).get("contact", {}).get("mailing_address")
    if address:  # CINC takes it for the full address
        sections["info"]["contact"]["mailing_address"] = {**_BLANK_ADDRESS, **address}
    return sections


def _only(payload: Payload, shape: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, inner in shape.items():
        there = payload.get(key)
        if isinstance(inner, Mapping):
            there = _only(there, inner) if isinstance(there, Mapping) else None
        if there is not None and there not in ({}, ""):
            kept[key] = there
    return kept


class Watch:
    """Remembers what sparse updates left out, until the next read of the lead shows whether it is still there."""

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self._left_out: dict[str, list[list[tuple[str, ...]]]] = {}

    def __contains__(self, external_id: str) -> bool:
        """Whether a read of this lead would tell something."""
        return external_id in self._left_out

    def sent(self, external_id: str, present: Payload, body: Mapping[str, Any]) -> None:
        """A sparse body goes out for a lead that shows ``present``."""
        left_out = [paths for paths in _left_out(present, body) if paths]
        self._left_out.pop(external_id, None)
        if left_out:
            self._left_out[external_id] = left_out
        while len(self._left_out) > WATCHED_MAX:
            del self._left_out[next(iter(self._left_out))]

    def blanked(self, external_id: str, payload: Payload) -> bool:
        """Whether some object we wrote into lost everything we left out of it. Stops watching the lead."""
        return any(all(_blank(_at(payload, path)) for path in paths) for paths in self._left_out.pop(external_id, []))


def _left_out(present: Payload, body: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[list[tuple[str, ...]]]:
    """Per object that ``body`` writes into: paths of what ``present`` has in it and ``body`` does not say."""
    for key, inner in body.items():
        there = present.get(key)
        if isinstance(inner, Mapping) and isinstance(there, Mapping) and key != "secondary":
            here = (*at, key)
            yield [(*here, *path) for path in _leaves(there) if _at(inner, path) is None]
            yield from _left_out(there, inner, here)


def _leaves(payload: Payload) -> Iterator[tuple[str, ...]]:
    for key, value in payload.items():
        if key in _UNWRITTEN:
            continue
        if isinstance(value, Mapping):
            yield from ((key, *path) for path in _leaves(value))
        elif not _blank(value) and not isinstance(value, list):
            yield (key,)


def _at(payload: Payload, path: tuple[str, ...]) -> Any:
    here: Any = payload
    for step in path:
        here = here.get(step) if isinstance(here, Mapping) else None
    return here


def _blank(value: Any) -> bool:
    return value is None or value == ""
