"""What Rechat can and cannot do (vendors/rechat.md §14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.ports.vendor import Capabilities

if TYPE_CHECKING:
    from syncd.settings import RechatConnection

NOTE_CHARACTERS_MAX = 20_000
"""None is documented; assumed (vendors/rechat.md §7)."""
CREATE_LAG_S = 5.0
"""Rows become visible up to two seconds after their time (vendors/rechat.md §13); with room for slower days."""
TIME_PRECISION_S = 2.0
"""A record's time is when the writing transaction began, up to this much before it ended (vendors/rechat.md §13)."""

_ATTRIBUTE = "Rechat has no field for it; name a custom attribute under [connections.X.attributes]"
_BY_ATTRIBUTE = (
    "roles",
    "buyer_timeline",
    "seller_timeline",
    "areas",
    "property_types",
    *(f"{name}_{end}" for name in ("price", "beds", "baths", "size") for end in ("min", "max")),
)
_NEVER: Mapping[str, str] = {
    "email_opt_out": "Rechat's API tells nothing of subscriptions",
    "text_opt_out": "Rechat's API tells nothing of subscriptions",
    "call_opt_out": "Rechat's API tells nothing of subscriptions",
    "further household members": "Rechat knows one partner beside the contact",
    "note author": "Rechat puts down the user of the credentials; the header line names the author",
    "note time": "Rechat puts down the time of the call; the header line names the time",
    "note pin": "Rechat pins no notes",
    "label rename": "renaming a tag would rename it on every contact",
    "unassign primary": "a contact always has an owner",
}


def capabilities(connection: RechatConnection) -> Capabilities:
    """The capabilities of a Rechat connection."""
    role = connection.assignee_role
    no_attribute = {name: _ATTRIBUTE for name in _BY_ATTRIBUTE if name not in connection.attributes}
    no_role = {
        f"assignment.{other}": "a contact has an owner and assignees, one role for all of them (assignee_role)"
        for other in ("listing", "partner", "lender", "assistant")
        if other != role
    }
    return Capabilities(
        roles=frozenset({"primary", role} - {""}),
        unassign=frozenset({role} - {""}),
        create_carries=frozenset({"labels", "assignment.primary"}),
        update_carries=frozenset({"labels", "assignment.primary"}),
        create_lag_s=CREATE_LAG_S,
        note_max=NOTE_CHARACTERS_MAX,
        note_edit=True,
        note_delete=True,
        note_kinds=frozenset({"general"}),
        incremental=True,
        incremental_covers=frozenset({"fields", "stage", "labels", "notes"} | ({"assignments"} if not role else set())),
        listing_proves=True,
        find_by=frozenset({"email", "phone"}),
        time_precision_s=TIME_PRECISION_S,
        time_covers=not role,
        lead_delete=True,
        not_carried={**no_attribute, **no_role, **_NEVER},
    )
