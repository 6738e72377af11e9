"""What a Chime (Lofty) account can do (vendors/chime.md §14)."""

from __future__ import annotations

from syncd.ports.vendor import Capabilities
from syncd.settings import ChimeConnection
from syncd.vendors.chime.mapping import LABEL_MAX

NOTE_MAX = 2000
CREATE_LAG_S = 60.0
LOG_KINDS = frozenset({"call", "email", "text"})
CARRIED_ALONG = frozenset({"labels", "labels_add", "assignment.primary"})
"""What travels in the body of a lead; other roles have a call of their own (vendors/chime.md §9)."""
_NEVER = "Chime has no such field"


def capabilities(connection: ChimeConnection) -> Capabilities:
    """The capabilities of one connection, as data."""
    lofty = connection.dialect == "lofty"
    not_carried = dict.fromkeys(("title", "middle_name", "country"), _NEVER)
    not_carried["phones.kind"] = "Chime keeps numbers without kinds"
    not_carried |= {f"assignment.{role}": _role_loss(connection, role) for role in ("partner", "listing")}
    if lofty:
        not_carried |= dict.fromkeys(("size_min", "size_max"), "Lofty no longer takes sizes")
    else:
        not_carried |= {"text_opt_out": _NEVER, "call_opt_out": "read only: Chime sets it with the number's status"}
    if connection.logs != "both":
        not_carried["notes.kind"] = "calls, e-mails and texts are written as plain notes, the kind in their header"
    roles = frozenset({"primary", "lender"} | ({"assistant"} if connection.role_names.get("assistant") else set()))
    return Capabilities(
        roles=roles,
        unassign=roles - {"primary"},
        create_carries=CARRIED_ALONG,
        update_carries=CARRIED_ALONG,
        create_lag_s=CREATE_LAG_S,
        note_max=NOTE_MAX,
        note_edit=True,
        note_delete=True,
        note_pin=True,
        note_kinds=frozenset({"general"}) | (LOG_KINDS if connection.logs == "both" else frozenset()),
        label_max=LABEL_MAX,
        incremental=not lofty,
        incremental_covers=frozenset() if lofty else frozenset({"fields", "stage", "labels", "assignments"}),
        walk_every_s=connection.scan.total_seconds() if lofty else 0.0,
        listing_proves=True,
        find_by=frozenset({"email", "phone"}),
        time_precision_s=1.0,
        time_covers=True,
        lead_delete=True,
        webhooks=True,
        not_carried=not_carried,
    )


def _role_loss(connection: ChimeConnection, role: str) -> str:
    named = connection.role_names.get(role)  # type: ignore[call-overload]
    return "read only" if named else "not carried; name the team's role in role_names to read it"
