"""What Epixel can and cannot do (vendors/epixel.md §14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.ports.vendor import Capabilities
from syncd.vendors.epixel.mapping import REQUIRED

if TYPE_CHECKING:
    from syncd.settings import EpixelConnection

ASSIGNMENTS = frozenset({"assignments", "assignment.primary"})
NOTE_CHARACTERS_MAX = 499
TIME_PRECISION_S = 60.0
"""Times may be spelled without seconds (vendors/epixel.md §3)."""
_NO_FIELD = "Epixel has no field for it"
_NO_OPT_OUT = "Epixel keeps no opt-outs: whoever writes to people from there must look elsewhere"

NOT_CARRIED: Mapping[str, str] = {
    **dict.fromkeys(("title", "middle_name", "street", "region", "postal_code", "country", "roles"), _NO_FIELD),
    **dict.fromkeys(
        ("buyer_timeline", "seller_timeline", "areas", "property_types", "birthday", "household"), _NO_FIELD
    ),
    **{f"{what}_{end}": _NO_FIELD for what in ("price", "beds", "baths", "size") for end in ("min", "max")},
    **dict.fromkeys(("email_opt_out", "text_opt_out", "call_opt_out"), _NO_OPT_OUT),
    "labels": "Epixel has no labels",
    "assignment.listing": "a lead has one assignee there",
    "assignment.partner": "a lead has one assignee there",
    "assignment.lender": "a lead has one assignee there",
    "assignment.assistant": "a lead has one assignee there",
    "unassign": "Epixel's assignee may not be blank",
    "agent list": "no call lists users: agents are known once a lead is assigned to them",
    "note edit": "Epixel has no call that changes a note",
    "note reading": "only where this installation shows notes with a lead: nothing documents it",
    "appointments": "the canonical lead has no place for them",
}


def capabilities(_connection: EpixelConnection) -> Capabilities:
    """The capabilities of an Epixel connection; its options change none of them."""
    return Capabilities(
        roles=frozenset({"primary"}),
        create_needs=tuple((name,) for name in REQUIRED),
        create_carries=ASSIGNMENTS,
        update_carries=ASSIGNMENTS,
        note_max=NOTE_CHARACTERS_MAX,
        note_delete=True,
        notes_sweep=False,
        listing_proves=True,
        find_by=frozenset({"email", "phone"}),
        time_precision_s=TIME_PRECISION_S,
        lead_delete=True,
        not_carried=NOT_CARRIED,
    )
