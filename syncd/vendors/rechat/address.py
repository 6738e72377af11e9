"""The address: rows of one index, the street in five of them (vendors/rechat.md §5). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.domain.lead import ADDRESS, Fields, Value
from syncd.domain.lens import Got, Lens, Payload, Unmapped
from syncd.domain.normalize import text
from syncd.vendors.rechat.countries import code as country_code
from syncd.vendors.rechat.rows import Fragment, Row, View, add, change, drop, joined

STREET = ("street_number", "street_prefix", "street_name", "street_suffix", "unit_number")
PARTS: Mapping[str, str] = {"city": "city", "region": "state", "postal_code": "postal_code", "country": "country"}
NEW_LABEL = "Home"
_NUMBERED = re.compile(r"(\d+)\s+(\S.*)", re.DOTALL)


def address(view: View) -> Lens:
    """The row of street, city, region, postal code and country: the primary address, else the one of lowest index."""

    def get(payload: Payload) -> Got:
        ours = _ours(view, payload)
        country = _one(ours, "country")
        iso = country_code(country)
        return {
            "street": _street(ours) or None,
            **{name: _one(ours, kind) or None for name, kind in PARTS.items() if name != "country"},
            "country": (iso or Unmapped(country)) if country else None,
        }

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        plain = {name: text(canonical.get(name)) for name in ADDRESS}
        plain["street"] = " ".join(_split(plain["street"]).values())
        plain["country"] = country_code(plain["country"])
        return {name: value or None for name, value in plain.items()}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        ours = _ours(view, present)
        goal = squeeze(wanted, {})
        shape = _shape(ours)
        parts = [_put_street(ours, str(goal["street"] or ""), shape)]
        for name, kind in PARTS.items():
            value = str(goal[name] or "")
            if name == "country" and not value and country_code(_one(ours, kind)) == "":
                continue  # a country nobody can translate is not taken away
            if value != (country_code(_one(ours, kind)) if name == "country" else _one(ours, kind)):
                parts.append(_put(ours.get(kind, []), kind, value, shape))
        return _still_primary(joined(*parts), ours)

    return Lens(
        ADDRESS,
        get,
        squeeze,
        put,
        halfway=_halfway,
        loss="of several addresses the primary one; countries of ISO 3166 only",
    )


def _halfway(name: str, wanted: Value | None, before: Value | None, shown: Value | None) -> bool:
    """Whether a street has its new number and name, and still a prefix, suffix or unit of the old one (§5, §11).

    They go by calls of their own after the one that sets the new ones.
    """
    if name != "street" or not all(isinstance(street, str) for street in (wanted, before, shown)):
        return False
    new, old, now = (str(street).split() for street in (wanted, before, shown))
    left = list(now)
    for word in new:
        if word not in left:
            return False
        left.remove(word)
    return bool(left) and all(left.count(word) <= old.count(word) for word in left)


def _ours(view: View, payload: Payload) -> dict[str, list[Row]]:
    """Type → rows of the address that is ours, oldest first; {} where there is no address."""
    groups: dict[int, list[Row]] = {}
    for row in view.own(payload, *STREET, *PARTS.values()):
        if text(row.value):
            groups.setdefault(row.index, []).append(row)
    if not groups:
        return {}
    index = min(groups, key=lambda number: (not any(row.primary for row in groups[number]), number))
    rows: dict[str, list[Row]] = {}
    for row in groups[index]:
        rows.setdefault(row.type, []).append(row)
    return rows


def _one(ours: Mapping[str, list[Row]], kind: str) -> str:
    return text(ours[kind][0].value) if kind in ours else ""


def _street(ours: Mapping[str, list[Row]]) -> str:
    return " ".join(part for part in (_one(ours, kind) for kind in STREET) if part)


def _split(street: str) -> dict[str, str]:
    """A street as it is written: a leading number apart, the rest as the name."""
    found = _NUMBERED.fullmatch(street)
    if found:
        return {"street_number": found[1], "street_name": found[2]}
    return {"street_name": street} if street else {}


def _shape(ours: Mapping[str, list[Row]]) -> dict[str, Any]:
    """What a new row of this address carries so that it belongs to it."""
    row = next((row for rows in ours.values() for row in rows), None)
    if row is None:
        return {"index": 0, "label": NEW_LABEL}
    label = row.raw.get("label")
    return {"index": row.index, **({"label": label} if isinstance(label, str) and label else {})}


def _put_street(ours: Mapping[str, list[Row]], street: str, shape: Mapping[str, Any]) -> Fragment:
    """A changed street: leading number and name are set, the other three go."""
    if street == _street(ours):
        return {}
    written = _split(street)
    return joined(*(_put(ours.get(kind, []), kind, written.get(kind, ""), shape) for kind in STREET))


def _put(rows: list[Row], kind: str, value: str, shape: Mapping[str, Any]) -> Fragment:
    if not value:
        return drop(rows)
    if not rows:
        return add(f"address:{kind}", {"attribute_type": kind, "text": value, **shape})
    return {} if text(rows[0].value) == value else change(rows[0], "text", value)


def _still_primary(body: Fragment, ours: Mapping[str, list[Row]]) -> Fragment:
    """Where only rows that go made this address the primary one, a row that stays does so now."""
    gone = body.get("drop", {})
    every = [row for rows in ours.values() for row in rows]
    flagged = [row for row in every if row.primary]
    if not flagged or not all(row.id in gone for row in flagged):
        return body
    stays = next((row for row in every if row.id not in gone), None)
    if stays is not None:
        entry = body.setdefault("change", {}).setdefault(stays.id, {**stays.key(), "text": text(stays.value)})
        entry["is_primary"] = True
    elif body.get("add"):
        next(iter(body["add"].values()))["is_primary"] = True
    return body
