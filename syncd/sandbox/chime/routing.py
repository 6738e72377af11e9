"""Routing over the wire: rules, fallbacks, who takes part (vendors/chime.md §9). Rules are made in the app."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any

from syncd.ports.clock import Clock
from syncd.sandbox.base import Ask, Reply, Route
from syncd.sandbox.chime.account import Account
from syncd.sandbox.chime.state import FIRST_ID

AGENT, ASSISTANT = "1", "4"
TYPES = frozenset({AGENT, "2", ASSISTANT})
ROUND_ROBIN, ALWAYS = 3, 3
POND = {"id": 77, "pondName": "Shared pond", "pondOwnerId": -1, "agentIds": []}


class RoutingApi(Account, ABC):
    """The endpoints under ``/v1.0/routing``, and the ponds. Refused without a permission (switch ``distribution``)."""

    def __init__(self, clock: Clock, **switches: Any) -> None:
        """Only the rule every team has: all leads in turn."""
        super().__init__(clock, **switches)
        self.rules: list[tuple[str, dict[str, Any]]] = []

    def routing_routes(self) -> Sequence[Route]:
        """What there is to read."""
        return (
            Route("GET", "/v1.0/routing/role/list", self._roles),
            Route("GET", "/v1.0/routing/rule/list/{type}", self._rules),
            Route("GET", "/v1.0/routing/rule/supplement/{type}", self._fallback),
            Route("GET", "/v1.0/routing/member/list/{type}", self._takers),
            Route("GET", "/v1.0/team-features/lead-ponds", self._ponds),
        )

    def add_rule(self, name: str, *, kind: str = AGENT, takers: Sequence[str] = (), **asks: Any) -> str:
        """Somebody makes a rule in the app, tried before all others; ``asks`` in the API's own keys. Its id."""
        number = FIRST_ID + self._next()
        weights = [{"memberId": int(one), "weight": 1} for one in takers]
        strategy = {"strategyType": ROUND_ROBIN, "groupId": -1, "touchMinutes": -1, "memberWeights": weights}
        row = {"id": number, "name": name, "ruleSwitch": True, "routingStrategy": strategy, **asks}
        self.rules.insert(0, (kind, row))
        return str(number)

    def _refusal(self, ask: Ask) -> Reply | None:
        """Why this caller may not ask, or not like this."""
        if not self.switches["distribution"]:
            return self.refuse(400, 20017, "no distribution permission")
        kind = ask.params.get("type", AGENT)
        if kind not in TYPES or (kind == ASSISTANT and ask.one("roleId", "-1") == "-1"):
            return self.refuse(400, 20012, "type or roleId is not valid")
        return None

    def _rules(self, ask: Ask) -> Reply:
        kind = ask.params["type"]
        return self._refusal(ask) or Reply([*(row for one, row in self.rules if one == kind), self._for_all()])

    def _for_all(self) -> dict[str, Any]:
        """The last rule: everybody but the owner in turn."""
        weights = [{"memberId": user, "weight": 1} for user in self.members if user != self.owner.user]
        return {
            "id": FIRST_ID, "name": "All leads", "ruleSwitch": True, "leadType": None, "locationRule": None,
            "sourceName": "", "sourceMatchType": 2, "tagNames": [], "tagMatchType": 2, "groupNames": [],
            "groupMatchType": 2, "priceMin": -1, "priceMax": -1, "phone": "", "activeHours": None,
            "routingStrategy": {
                "strategyType": ROUND_ROBIN, "groupId": -1, "groupName": None, "touchMinutes": -1,
                "memberWeights": weights,
            },
            "updateTime": int(self.owner.joined.timestamp() * 1000),
        }  # fmt: skip

    def _fallback(self, ask: Ask) -> Reply:
        row = {"roleId": int(ask.one("roleId", "-1")), "businessType": int(ask.params["type"]), "strategyType": ALWAYS,
               "touchMinutes": -1, "assigneeAgentId": str(self.owner.user), "assigneeAgentName": self.owner.name,
               "assigneeGroupId": "-1", "assigneeGroupName": None}  # fmt: skip
        return self._refusal(ask) or Reply(row)

    def _takers(self, ask: Ask) -> Reply:
        people = [{"id": one.user, "name": one.name, "type": 1} for one in self.members.values()]
        return self._refusal(ask) or Reply([*people, {"id": POND["id"], "name": POND["pondName"], "type": 3}])

    def _roles(self, ask: Ask) -> Reply:
        rows = [{"id": number, "name": name} for number, name in enumerate(self.switches["custom_roles"], start=1)]
        return self._refusal(ask) or Reply(rows)

    def _ponds(self, _ask: Ask) -> Reply:
        return Reply([POND])
