"""The smallest vendor there can be, for tests of what all vendors share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from syncd.sandbox.base import Ask, Reply, Route, Rows, SandboxVendor

PLAIN = ("first_name", "last_name", "email", "emails", "phones", "street", "city", "region", "postal_code",
         "stage", "source", "roles", "buyer_timeline", "seller_timeline", "price_min", "price_max", "beds_min",
         "baths_min", "areas", "property_types", "birthday", "household", "email_opt_out")  # fmt: skip


class ToyVendor(SandboxVendor):
    """Things with a name: list, read, create, rename."""

    name = "toy"
    prefix = "/api"
    switch_defaults: ClassVar = {"limit": 100, "per_s": 10.0, "per_endpoint": True, "styles": ("Bearer {}", "{}")}

    def __init__(self, clock: Any, **switches: Any) -> None:
        super().__init__(clock, **switches)
        self.leads: dict[str, dict[str, Any]] = {}
        self.agents: dict[str, str] = {}
        self.rows = Rows(lambda lead: {"id": lead, **{k: v for k, v in self.leads[lead].items() if k in PLAIN}})

    def routes(self) -> Sequence[Route]:
        """See `SandboxVendor.routes`."""
        return (
            Route("GET", "/things", self._list),
            Route("GET", "/things/{id}", self._read),
            Route("POST", "/things", self._create),
            Route("PUT", "/things/{id}", self._rename),
            Route("POST", "/search", self._list, write=False),
        )

    def rate(self, ask: Ask) -> tuple[str, int, float] | None:
        """See `SandboxVendor.rate`."""
        key = f"{ask.method} {ask.template}" if self.switches["per_endpoint"] else ""
        return key, self.switches["limit"], self.switches["per_s"]

    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:
        """See `SandboxVendor.rate_headers`."""
        return {"x-limit": str(limit), "x-remaining": str(remaining), "x-reset": f"{reset_in_s:.3f}"}

    def refuse_rate(self) -> Reply:
        """See `SandboxVendor.refuse_rate`."""
        return Reply({"message": "Too Many Requests"}, 429)

    def admit(self, ask: Ask) -> Reply | None:
        """See `SandboxVendor.admit`."""
        known = [style.replace("{}", self.token) for style in self.switches["styles"]]
        return None if ask.headers.get("authorization") in known else Reply({"code": "E401"}, 401)

    def _list(self, ask: Ask) -> Reply:
        start, size = int(ask.one("offset", "0")), int(ask.one("limit", "500"))
        ids = list(self.leads)[start : start + size]
        return Reply({"total": len(self.leads), "things": [self.rows(lead) for lead in ids]})

    def _read(self, ask: Ask) -> Reply:
        lead = ask.params["id"]
        return Reply(self.rows(lead)) if lead in self.leads else Reply({"code": "E404"}, 404)

    def _create(self, ask: Ask) -> Reply:
        return Reply({"id": self.add_person(**ask.json())}, 201)

    def _rename(self, ask: Ask) -> Reply:
        self.edit(ask.params["id"], "first_name", ask.json()["first_name"])
        return Reply(None, 204)

    def add_person(self, **plain: Any) -> str:
        """See `SandboxVendor.add_person`."""
        lead = f"t{len(self.leads) + 1}"
        self.leads[lead] = {**plain, "labels": [], "notes": [], "assignments": {}}
        return lead

    def edit(self, lead: str, field_name: str, value: Any) -> None:
        """See `SandboxVendor.edit`."""
        self.leads[lead][field_name] = value
        self.rows.touch(lead)

    def add_note(self, lead: str, text: str, author: str = "") -> str:
        """See `SandboxVendor.add_note`."""
        self.leads[lead]["notes"].append((f"n{len(self.leads[lead]['notes'])}", text))
        return str(self.leads[lead]["notes"][-1][0])

    def add_label(self, lead: str, name: str) -> None:
        """See `SandboxVendor.add_label`."""
        self.leads[lead]["labels"].append(name)

    def remove_label(self, lead: str, name: str) -> None:
        """See `SandboxVendor.remove_label`."""
        self.leads[lead]["labels"].remove(name)

    def assign(self, lead: str, role: str, agent: str | None) -> None:
        """See `SandboxVendor.assign`."""
        self.leads[lead]["assignments"][role] = agent

    def delete(self, lead: str) -> None:
        """See `SandboxVendor.delete`."""
        del self.leads[lead]

    def add_agent(self, email: str, first: str, last: str) -> str:
        """See `SandboxVendor.add_agent`."""
        self.agents[f"{self.token[:1]}{len(self.agents)}"] = email
        return list(self.agents)[-1]

    def shows(self, lead: str) -> dict[str, Any]:
        """See `SandboxVendor.shows`."""
        return dict(self.leads[lead])

    def ids(self) -> list[str]:
        """See `SandboxVendor.ids`."""
        return list(self.leads)
