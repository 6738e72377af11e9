"""The lens table of Rechat: one row per canonical field, both ways, with its declared loss (vendors/rechat.md §5).

What a row puts is a fragment of rows to change, to add and to delete (rows.py); writes.py makes calls of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from syncd.domain.lead import Fields, Value, blank
from syncd.domain.lens import Got, Lens, LensTable, Payload, Unmapped, as_is, nothing
from syncd.domain.normalize import text
from syncd.vendors.rechat import custom, people, tags
from syncd.vendors.rechat.address import address
from syncd.vendors.rechat.custom import Catalogue
from syncd.vendors.rechat.rows import View, add, change, drop, single
from syncd.vendors.rechat.tags import Stages
from syncd.vendors.rechat.values import YEAR_MIN, day, day_seconds, identity, when

TEXTS = ("title", "first_name", "middle_name", "last_name", "source")
BIRTHDAY = "birthday"
PRIMARY = "assignment.primary"


@dataclass(frozen=True, slots=True)
class Options:
    """What of a connection's config the table depends on.

    assignee_role  canonical role of the assignee who is not the owner; "" leaves assignees alone
    custom         name → attribute (label, UUID, or the name of one of Rechat's own)
    attributes     canonical field → custom attribute that keeps it
    """

    region: str = "US"
    stage_tag_prefix: str = "Stage: "
    assignee_role: str = "partner"
    stages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mapped:
    """The table of one connection with what else is known of its rows."""

    table: LensTable
    view: View
    stages: Stages


def build(options: Options, catalogue: Catalogue) -> Mapped:
    """The table of one connection. Raises ConfigError for attributes that are named wrongly."""
    view, stages = View(catalogue.name_of), Stages(options.stage_tag_prefix, options.stages)
    rows = (
        *(_text(view, name) for name in TEXTS),
        people.emails(view),
        people.phones(view, options.region),
        address(view),
        tags.stage(view, stages),
        _birthday(view),
        people.household(view, options.region),
        _registered_at(),
        tags.labels(view, stages),
        _owner(),
        *([_assignee(options.assignee_role)] if options.assignee_role else []),
        *custom.lenses(view, catalogue, options.custom, options.attributes),
    )
    return Mapped(LensTable(rows, obstacle=_obstacle), view, stages)


def owner(payload: Payload) -> str:
    """The id of the contact's owner, "" if none is told."""
    return identity(payload.get("user")) or identity(payload.get("user_id"))


def assignees(payload: Payload) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(user id, email, row) of every assignee, lowest email first."""
    found = payload.get("assignees")
    rows = []
    for row in found if isinstance(found, list) else ():
        if not isinstance(row, Mapping):
            continue
        user = row.get("user")
        mail = user.get("email") if isinstance(user, Mapping) else None
        if who := identity(user) or identity(row.get("user_id")):
            rows.append((who, mail.lower() if isinstance(mail, str) else "", row))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def assignee(payload: Payload) -> str:
    """The assignee who is not the owner, "" if there is none (vendors/rechat.md §9)."""
    owned_by = owner(payload)
    return next((who for who, _, _ in assignees(payload) if who != owned_by), "")


def _text(view: View, name: str) -> Lens:
    def get(payload: Payload) -> Got:
        rows = view.own(payload, name)
        return {name: (text(rows[0].value) or None) if rows else None}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        return {name: text(canonical.get(name)) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        value = text(wanted.get(name))
        return single(view.own(present, name), name, value, text, {"attribute_type": name, "text": value})

    return Lens((name,), get, squeeze, put)


def _birthday(view: View) -> Lens:
    def get(payload: Payload) -> Got:
        rows = view.own(payload, BIRTHDAY)
        found = day(rows[0].value) if rows else None
        if found is not None and found.year < YEAR_MIN:
            return {BIRTHDAY: Unmapped(f"{found.month:02d}-{found.day:02d} of an unknown year")}
        return {BIRTHDAY: found}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        value = canonical.get(BIRTHDAY)
        return {BIRTHDAY: value if isinstance(value, date) and value.year >= YEAR_MIN else None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        rows = view.own(present, BIRTHDAY)
        there = day(rows[0].value) if rows else None
        value = squeeze(wanted, {})[BIRTHDAY]
        if there is not None and there.year < YEAR_MIN:
            return {}  # a day whose year nobody knows is not overwritten
        if not isinstance(value, date):
            return drop(rows)
        if there == value:
            return {}
        if rows:
            return change(rows[0], "date", day_seconds(value))
        return add(BIRTHDAY, {"attribute_type": BIRTHDAY, "date": day_seconds(value)})

    return Lens((BIRTHDAY,), get, squeeze, put, loss="a year before 1900 means that the year is unknown")


def _registered_at() -> Lens:
    def get(payload: Payload) -> Got:
        return {"registered_at": when(payload.get("created_at"))}

    return Lens(("registered_at",), get, as_is("registered_at"), nothing, create=False, update=False, loss="read only")


def _owner() -> Lens:
    def get(payload: Payload) -> Got:
        return {PRIMARY: owner(payload) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        user = wanted.get(PRIMARY)
        return {"user": user} if user and user != owner(present) else {}

    return Lens((PRIMARY,), get, as_is(PRIMARY), put, loss="cannot be emptied")


def _assignee(role: str) -> Lens:
    """Written by a call of its own (assignees.py). A payload without the key does not tell."""
    name = f"assignment.{role}"

    def get(payload: Payload) -> Got:
        return {name: assignee(payload) or None} if "assignees" in payload else {}

    return Lens((name,), get, as_is(name), nothing, create=False, loss="one assignee besides the owner")


def _obstacle(wanted: Fields) -> str:
    """A contact needs at least one row (vendors/rechat.md §11)."""
    unseen = {"registered_at"}
    told = (
        not blank(value) and name not in unseen and not name.startswith("assignment.") for name, value in wanted.items()
    )
    return "" if any(told) else "there is no value to create it with"
