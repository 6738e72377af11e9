"""What MyCRM can and cannot do (vendors/mycrm.md §14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.ports.vendor import Capabilities

if TYPE_CHECKING:
    from syncd.settings.connections.mycrm import MyCrmConnection

ASSIGNMENTS = frozenset({"assignments", "assignment.primary"})
NOTE_CHARACTERS_MAX = 5000
TIME_PRECISION_S = 1.0
"""Times have whole seconds (vendors/mycrm.md §3)."""
_NO_FIELD = "MyCRM has no field for it"
_ONE_USER = "MyCRM knows one user a lead"

NOT_CARRIED: Mapping[str, str] = {
    "region": _NO_FIELD,
    "seller_timeline": _NO_FIELD,
    "birthday": _NO_FIELD,
    "household": _NO_FIELD,
    "labels": "MyCRM has no labels (a custom field may carry one)",
    "email_opt_out": _NO_FIELD + ": whoever opted out is not known there",
    "text_opt_out": _NO_FIELD + ": whoever opted out is not known there",
    "call_opt_out": _NO_FIELD + ": whoever opted out is not known there",
    "assignment.listing": _ONE_USER,
    "assignment.partner": _ONE_USER,
    "assignment.lender": _ONE_USER,
    "assignment.assistant": _ONE_USER,
    "unassign": "MyCRM has no documented way to take the user off a lead",
    "source update": "MyCRM takes a source when a lead is created, never afterwards",
    "note edit": "MyCRM has no documented way to change a note",
    "note delete": "MyCRM has no documented way to delete a note",
}


def capabilities(connection: MyCrmConnection) -> Capabilities:
    """The capabilities of a MyCRM connection. What a new lead needs beyond its phone is `LensTable.obstacle`'s."""
    read_only = {"note create": "notes_on_update is off"} if connection.notes_on_update == "off" else {}
    return Capabilities(
        roles=frozenset({"primary"}),
        create_carries=ASSIGNMENTS,
        update_carries=ASSIGNMENTS,
        note_max=NOTE_CHARACTERS_MAX,
        note_kinds=frozenset({"general"}),
        notes_sweep=False,
        incremental=True,
        # There are no labels that could move without it.
        incremental_covers=frozenset({"fields", "stage", "assignments", "labels"}),
        listing_proves=True,
        find_by=frozenset({"email", "phone"}),
        time_precision_s=TIME_PRECISION_S,
        time_covers=True,
        lead_delete=True,
        not_carried={**NOT_CARRIED, **read_only},
    )
