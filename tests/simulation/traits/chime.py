"""Chime in both dialects: names and tags are cut, any number of addresses and numbers (vendors/chime.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.message import Ask
from tests.simulation.traits.base import FRAMES, Account, Sent, Traits, json_of
from tests.simulation.views import View, months_of

NAME_MAX, LABEL_MAX = 30, 64
PLACEHOLDER = "-"
"""What Chime is given where it insists on a first name; it says nothing."""
_LEAD = re.compile(r"/v1\.0/leads/(?P<lead>[^/]+)")
_LISTS = frozenset({"updateTime", "createTime"})
_NEVER = frozenset({"leadTransaction", "property", "groups", "segments", "isPrivate", "isHidden"})


class Chime(Traits):
    """One team."""

    scalars = (
        "first_name", "last_name", "email", "phone", "street", "city", "region", "postal_code", "stage",
        "buyer_timeline", "price_min", "price_max", "primary",
    )  # fmt: skip
    sets = ("labels", "phones", "emails", "roles")
    stages: Mapping[str, str] = {
        "New Lead": "new", "Attempting Contact": "attempted", "Contacted": "contacted", "Nurture": "nurturing",
        "Qualified": "qualified", "Appointment Set": "appointment", "Showing": "showing",
        "Under Contract": "under_contract", "Closed": "closed", "Not Ready": "not_ready", "Lost": "lost",
    }  # fmt: skip
    odd_stages = ("DNC",)
    note_max = 2000
    note_edit = True

    def __init__(self, account: Account) -> None:
        """Lofty has one time frame more."""
        super().__init__(account)
        self.lofty = account.sandbox == "lofty"
        self.frames = (*FRAMES, (0, 3)) if self.lofty else FRAMES

    def agents(self, sandbox: SandboxVendor) -> dict[str, str]:
        """The owner of the key is a member like others."""
        return {str(member.user): member.email for member in sandbox.members.values()}  # type: ignore[attr-defined]

    def read(self, name: str, shown: Mapping[str, Any], agents: Mapping[str, str]) -> Any:
        """A placeholder is a blank."""
        found = super().read(name, shown, agents)
        return "" if name == "first_name" and found == PLACEHOLDER else found

    def hold(self, name: str, value: str) -> str | None:
        """Names and tags as far as they fit, time frames as the nearest it has."""
        if name in {"first_name", "last_name"}:
            return value[:NAME_MAX].rstrip()
        if name == "labels":
            return value[:LABEL_MAX].rstrip()
        if name == "buyer_timeline" and value:
            return self._nearest(value)
        return super().hold(name, value)

    def fits(self, name: str, canon: View, seen: View) -> bool:
        """The older dialect holds one type: with buyer or seller the renter is lost."""
        if name == "roles" and not self.lofty and canon["roles"] & {"buyer", "seller"}:
            return bool(seen["roles"] == canon["roles"] - {"renter"})
        return super().fits(name, canon, seen)

    def vendors_own(self, seen: View) -> View:
        """Its routing picks an agent."""
        return {"primary": seen["primary"], "stage": "new"}

    def _nearest(self, value: str) -> str:
        low, high = months_of(value)
        if (low, high) in self.frames:
            return value
        limit = low + 1 if high is None else high
        return "1-3" if limit <= 3 else "3-6" if limit <= 6 else "6-12" if limit <= 12 else "12+"

    def understand(self, ask: Ask) -> Sent:
        """Leads and notes have calls of their own; a note's body names its lead."""
        name, path = self.account.name, ask.path
        found = _LEAD.search(path)
        lead = found["lead"] if found and found["lead"] not in _LISTS else ""
        if ask.method == "GET":
            return Sent(name, write=False, lead=lead, single=bool(lead) and path.endswith(f"/{lead}"))
        body = json_of(ask)
        create = "lead" if path.endswith("/v1.0/leads") else "note" if path.endswith("/v1.0/notes") else ""
        if "/notes" in path:
            lead = str(body.get("leadId", ""))
        return Sent(name, write=True, create=create, lead=lead, forbidden=_wrong(ask, body, create, lead))

    def framed(self) -> bool:
        """Half of a number is a number."""
        answers = {self.account.switches.get(name, "object") for name in ("create_answer", "note_answer")}
        return answers <= {"object", "wrapped", "empty"}


def _wrong(ask: Ask, body: Mapping[str, Any], create: str, lead: str) -> str:
    if ask.method == "DELETE" and lead and "/notes" not in ask.path:
        return "a lead is deleted"
    if create == "lead" and (body.get("welcomeEmail") is not False or body.get("leadAlert") is not False):
        return "a create that sends mail"
    if sent := sorted(_NEVER & body.keys()):
        return f"{', '.join(sent)} is never sent"
    if "tags" in body and (not body.keys() <= {"tags"} and create != "lead"):
        return "tags are replaced along with other changes"
    if not all(isinstance(tag, str) for tag in (*body.get("tags", ()), *body.get("tagsAdd", ()))):
        return "a tag by number makes another one"
    if "/notes" in ask.path and body and not isinstance(body.get("leadId"), int):
        return "leadId is a number"
    return ""
