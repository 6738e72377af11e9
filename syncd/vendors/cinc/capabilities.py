"""What CINC can and cannot do (vendors/cinc.md §14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.ports.vendor import Capabilities
from syncd.vendors.cinc.payload import AGENT_SLOTS

if TYPE_CHECKING:
    from syncd.settings import CincConnection
ASSIGNMENTS = frozenset({"assignments", *(f"assignment.{role}" for role in AGENT_SLOTS)})
NOTE_CHARACTERS_MAX = 5000
TIME_PRECISION_S = 1.0
"""One of the spellings of a time has whole seconds (vendors/cinc.md §3)."""

NOT_CARRIED: Mapping[str, str] = {
    "title": "CINC has no field for it",
    "middle_name": "CINC has no field for it (a last name may include it and is never split)",
    "country": "CINC addresses have no country",
    "price_min": "CINC keeps statistics of prices, not a range",
    "price_max": "CINC keeps statistics of prices, not a range",
    "beds_min": "CINC has no field for it",
    "beds_max": "CINC has no field for it",
    "baths_min": "CINC has no field for it",
    "baths_max": "CINC has no field for it",
    "size_min": "CINC has no field for it",
    "size_max": "CINC has no field for it",
    "property_types": "CINC has no field for it",
    "birthday": "CINC has no field for it",
    "email_opt_out": "can be read but not written: CINC has no call for subscriptions",
    "text_opt_out": "can be read but not written: CINC has no call for subscriptions",
    "call_opt_out": "CINC tells of automated calls only",
    "assignment.lender": "CINC has no such role",
    "assignment.assistant": "CINC has no such role",
    "unassign": "CINC has no documented way to take an agent off a lead",
    "note edit": "CINC has no call that changes a note",
    "note delete": "CINC has no call that deletes a note",
    "lead delete": "CINC has no call that deletes a lead",
}


def capabilities(_connection: CincConnection) -> Capabilities:
    """The capabilities of a CINC connection; its options change none of them."""
    return Capabilities(
        roles=frozenset(AGENT_SLOTS),
        create_needs=(("email",),),
        create_carries=ASSIGNMENTS,
        update_carries=ASSIGNMENTS,
        create_idempotent=True,
        note_max=NOTE_CHARACTERS_MAX,
        note_author=True,
        note_pin=True,
        note_kinds=frozenset({"general", "call", "email", "system"}),
        incremental=True,
        incremental_covers=frozenset({"fields"}),
        listing_proves=True,
        find_by=frozenset({"email", "phone"}),
        time_precision_s=TIME_PRECISION_S,
        webhooks=True,
        not_carried=NOT_CARRIED,
    )
