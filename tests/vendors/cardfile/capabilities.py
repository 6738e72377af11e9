"""What a card file can and cannot do."""

from __future__ import annotations

from syncd.domain.lead import FIELDS
from syncd.ports.vendor import Capabilities
from tests.vendors.cardfile.mapping import CARRIED

NOT_CARRIED = {name: "a card has no line for it" for name in FIELDS if name not in CARRIED} | {
    "unassign": "a card always has somebody once it had somebody",
    **dict.fromkeys(("note edit", "note delete", "lead delete"), "what is written on a card stays"),
}


def capabilities(_connection: object) -> Capabilities:
    """The same for every card file."""
    return Capabilities(
        roles=frozenset({"primary"}),
        create_needs=(("email",),),
        note_max=2000,
        listing_proves=True,
        find_by=frozenset({"email"}),
        not_carried=NOT_CARRIED,
    )
