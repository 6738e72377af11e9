"""CINC: one address, one number of each kind, seven stages; notes are appended and never edited (vendors/cinc.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.message import Ask
from tests.simulation.traits.base import Sent, Traits, json_of
from tests.simulation.views import View

_LEAD = re.compile(r"/site/leads/(?P<lead>[^/]+)")
_SHARED = frozenset({"labels", "notes"})


class Cinc(Traits):
    """One site."""

    scalars = (
        "first_name", "last_name", "email", "phone", "street", "city", "region", "postal_code", "stage",
        "buyer_timeline", "primary",
    )  # fmt: skip
    sets = ("labels", "phones", "emails", "roles")
    single = frozenset({"emails"})
    stages: Mapping[str, str] = {
        "New Lead": "new", "Attempted Contact": "attempted", "Contacted": "contacted", "Appointment Set": "appointment",
        "Showing": "showing", "Under Contract": "under_contract", "Sold": "closed",
    }  # fmt: skip

    def agents(self, sandbox: SandboxVendor) -> dict[str, str]:
        """The site's broker."""
        agents = sandbox.site.agents  # type: ignore[attr-defined]
        return {str(agent): row["info"]["contact"]["email"] for agent, row in agents.items()}

    def hold(self, name: str, value: str) -> str | None:
        """No word for some stages, no renters; an agent only with an account of theirs."""
        if name == "stage":
            return value if not value or value in self.stages.values() else None
        if name == "roles":
            return value if value in {"buyer", "seller"} else None
        return super().hold(name, value)

    def fits(self, name: str, canon: View, seen: View) -> bool:
        """Some of the lead's numbers, the primary one among them: one for each kind."""
        if name == "phone":  # what people see first is the number in the first slot that is filled
            return seen["phone"] in canon["phones"] or not canon["phones"]
        if name != "phones":
            return super().fits(name, canon, seen)
        return bool(frozenset({canon["phone"]} - {""}) <= seen["phones"] <= canon["phones"])

    def lacks(self, person: View) -> bool:
        """The address is the key of the upsert."""
        return not person["email"]

    def frame(self, low: int, high: int | None) -> Any:
        """The sandbox takes a pair."""
        return [low, high]

    def understand(self, ask: Ask) -> Sent:
        """Everything is a POST; a body with an id is an update."""
        name, path = self.account.name, ask.path
        found = _LEAD.search(path)
        lead = found["lead"] if found and found["lead"] not in _SHARED else ""
        if ask.method == "GET":
            wrong = "fields= is never sent" if ask.one("fields") else ""
            return Sent(name, write=False, lead=lead, single=bool(lead) and path.endswith(f"/{lead}"), forbidden=wrong)
        body = json_of(ask)
        create = "note" if "notes" in body else ""
        if path.endswith("/site/leads"):
            lead, create = str(body.get("id", "")), create if "id" in body else "lead"
        return Sent(name, write=True, create=create, lead=lead, forbidden=_wrong(ask, body, create))


def _wrong(ask: Ask, body: Mapping[str, Any], create: str) -> str:
    if ask.method != "POST":
        return f"{ask.method} is never sent"
    if b"notified_agents" in ask.body:
        return "notified_agents alerts people"
    if create == "lead" and "notes" in body:
        return "notes in a create"
    if ask.path.endswith("/labels") and ask.one("is_name_distinct") != "true":
        return "a label without is_name_distinct"
    return "notes beside other changes" if create == "note" and not body.keys() <= {"id", "notes", "info"} else ""
