"""MyCRM: one address, one number, no region, no labels; demands much of a new lead (vendors/mycrm.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.message import Ask
from tests.simulation.traits.base import Sent, Traits, json_of
from tests.simulation.views import View

PLACEHOLDER = "-"
DEFAULTS = {
    "title": "Mr", "country": "AE", "stage": "new", "price_min": "1", "price_max": "900000000", "roles": "buyer",
}  # fmt: skip
"""What the config of the sandbox's connection has filled where a lead says nothing."""
TITLES = {"mr": "Mr", "ms": "Ms", "miss": "Miss", "mrs": "Mrs"}
COUNTRIES = {"uae": "AE", "ae": "AE", "us": "US", "usa": "US", "gb": "GB"}
FRAMES = ((0, 0), (1, 1), (2, 2), (3, 3), (1, 3), (3, 6), (6, 9), (9, 12))
SHARED = {"nurturing": "contacted", "appointment": "showing"}
"""Stages that share a status with another one."""
_LEAD = re.compile(r"/leads?/(?P<lead>[^/]*)\Z")
_ID = re.compile(r"[1-9][0-9]*\Z")
MANDATORY = frozenset(
    {"title", "first_name", "last_name", "mobile", "category", "country", "status", "source", "source_channel",
     "financial", "offering_type", "preference"}
)  # fmt: skip


class MyCrm(Traits):
    """One account."""

    scalars = (
        "title", "first_name", "middle_name", "last_name", "email", "phone", "street", "city", "postal_code",
        "country", "stage", "buyer_timeline", "price_min", "price_max", "primary",
    )  # fmt: skip
    sets = ("phones", "emails", "roles")
    single = frozenset({"emails", "phones"})
    stages: Mapping[str, str] = {
        "notYetContacted": "new", "calledNoReply": "attempted", "prospect": "contacted", "qualified": "qualified",
        "viewingsInProgress": "showing", "contractSent": "under_contract", "contractSigned": "closed",
        "notReady": "not_ready", "notInterested": "lost",
    }  # fmt: skip
    odd_stages = ("other",)
    frames = FRAMES
    notes_move = False  # a note leaves its lead as it was (§10)
    titles = ("mr", "ms", "mrs")
    countries = ("AE", "UAE", "US", "GB")

    def agents(self, sandbox: SandboxVendor) -> dict[str, str]:
        """The user of the credentials."""
        return {str(user): row["email"] for user, row in sandbox.records.users.items()}  # type: ignore[attr-defined]

    def read(self, name: str, shown: Mapping[str, Any], agents: Mapping[str, str]) -> Any:
        """Codes in common words; a placeholder is a blank."""
        found = super().read(name, shown, agents)
        match name:
            case "first_name" | "last_name":
                return "" if found == PLACEHOLDER else found
            case "title":
                return TITLES.get(found.casefold(), found)
            case "country":
                return COUNTRIES.get(found.casefold(), found)
            case "buyer_timeline" if found.endswith("+"):
                return f"{found[:-1]}-{found[:-1]}"
        return found

    def hold(self, name: str, value: str) -> str | None:
        """Four titles, a few time frames, no sellers; some stages share a status."""
        if name == "roles":
            return value if value in {"buyer", "renter"} else None
        if name == "stage":
            return SHARED.get(value, value)
        if name == "title" and value:
            return TITLES.get(value.casefold().rstrip("."))
        if name == "buyer_timeline" and value:
            exact = {f"{low}-{high}" for low, high in FRAMES}
            return value if value in exact and self.account.switches.get("time_frame_stored", True) else None
        return super().hold(name, value)

    def fits(self, name: str, canon: View, seen: View) -> bool:
        """One role; where the lead has none that fits, what it was, or the default."""
        if name == "roles":
            held = canon["roles"] & {"buyer", "renter"}
            return not held or (seen["roles"] <= held and len(seen["roles"]) == 1)
        return super().fits(name, canon, seen)

    def default(self, name: str) -> str:
        """See `DEFAULTS`."""
        return DEFAULTS.get(name, "")

    def vendors_own(self, seen: View) -> View:
        """Nothing: what it demands is filled by our config."""
        del seen
        return {}

    def lacks(self, person: View) -> bool:
        """A number has no default."""
        return not person["phone"]

    def stuck(self, canon: View, seen: View, name: str) -> bool:
        """Without a number nothing but status and user can be changed."""
        return not canon["phone"] and not seen["phone"] and name not in {"stage", "primary"}

    def frame(self, low: int, high: int | None) -> Any:
        """Picked from its own list."""
        return [low, high] if (low, high) in FRAMES else None

    def understand(self, ask: Ask) -> Sent:
        """PUT writes whole leads, and notes with them."""
        name = self.account.name
        found = _LEAD.search(ask.path)
        lead = found["lead"] if found else ""
        if ask.method == "GET":
            return Sent(name, write=False, lead=lead, single=bool(lead))
        if not ask.path.rstrip("/").endswith("/leads") and not lead:
            return Sent(name, write=False)
        inner = json_of(ask).get("lead")
        body: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {}
        noted = any("id" not in row for row in body.get("notes") or ())
        create = "lead" if ask.method == "POST" else "note" if noted else ""
        return Sent(name, write=True, create=create, lead=lead, forbidden=_wrong(ask, body, lead))


def _wrong(ask: Ask, body: Mapping[str, Any], lead: str) -> str:
    if ask.method == "DELETE":
        return "a lead is deleted" if lead else "everything is deleted"
    if ask.method != "POST" and not _ID.match(lead):
        return "an id that may address every lead"
    if ask.method == "PATCH" and "*" in ask.body.decode():
        return "the wildcard"
    if ask.method == "POST" and ("id" in body or "notes" in body):
        return "a create with an id or with notes"
    # A number has no default: an update of a lead without one goes out without it, and is MyCRM's to refuse (§5).
    missing = {"POST": MANDATORY, "PUT": MANDATORY - {"mobile"}}.get(ask.method, frozenset()) - body.keys()
    return f"a write without {', '.join(sorted(missing))}" if missing else ""
