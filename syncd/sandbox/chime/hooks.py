"""The team's webhooks: one subscription a list, deliveries as vendors/chime.md §10 tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from syncd.ports.clock import Clock
from syncd.sandbox.chime.state import TEAM_ID, Lead
from syncd.sandbox.courier import SWITCHES as HOW
from syncd.sandbox.courier import Courier
from syncd.sandbox.windows import Windows

LISTS = range(1, 13)
AGENTS, LEADS, NOTES, PIPELINE = 1, 2, 9, 12
LOGS = {"logCall": (6, "createdCall"), "logEmail": (7, "createdEmail"), "logText": (8, "createdText")}
LIMIT_MAX, LIMIT_DEFAULT = 5000, 100
HALF_HOUR_S = 1800.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SWITCHES: Mapping[str, Any] = {
    **HOW,
    "hook_group_s": 0.0,  # changes of one list that come within so many seconds go out together
    "hook_list_answer": "array",  # array | object | string: what GET /v1.0/webhooks looks like
    "hook_times": True,  # False: rows without updateTime, so that the same words may be said again
}


@dataclass(slots=True)
class Subscription:
    """One list that somebody wants to hear of."""

    id: int
    list_id: int
    url: str
    limit: int

    def show(self, team: int) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "subscribeId": self.id,
            "teamId": team,
            "listId": self.list_id,
            "callbackUrl": self.url,
            "limit": self.limit,
        }


class Subscriptions:
    """Who wants to hear of what, and what is posted to them."""

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """Nobody has subscribed."""
        self._clock, self._switches = clock, switches
        self.courier = Courier(clock, switches)
        self.held: dict[int, Subscription] = {}
        self.dropped = 0
        """Deliveries over a subscription's limit."""
        self._windows = Windows(clock)
        self._open: dict[tuple[int, str], list[dict[str, Any]]] = {}
        self._stages: dict[int, str] = {}
        self._made = 0

    def lead(self, bucket: str, lead: Lead) -> None:
        """Something happened to a lead; a stage that moved is told twice, once in its own list."""
        if not self.held:
            return
        self.said(LEADS, bucket, {"leadId": lead.id})
        stage, before = str(lead.held.get("stage") or ""), self._stages.get(lead.id)
        self._stages[lead.id] = stage
        if before is not None and stage != before:
            self.said(PIPELINE, "changePipeline", {"leadId": lead.id})

    def said(self, list_id: int, bucket: str, row: Mapping[str, Any]) -> None:
        """A row for everybody who has subscribed to a list."""
        for one in list(self.held.values()):
            if one.list_id == list_id:
                now = round(self._clock.now().timestamp() * 1000)
                self._add(one, bucket, {**row, "updateTime": now} if self._switches["hook_times"] else dict(row))

    def _add(self, one: Subscription, bucket: str, row: dict[str, Any]) -> None:
        """Into the delivery that is being put together, or a new one."""
        lofty = self._switches["dialect"] == "lofty"
        rows = self._open.get((one.id, bucket))
        if rows is not None and not (lofty and len(rows) >= one.limit):
            rows.append(row)
            return
        if not lofty and not self._windows.take(str(one.id), one.limit, HALF_HOUR_S)[0]:
            self.dropped += 1
            return
        together = [row]
        wait_s = self._switches["hook_group_s"]
        if wait_s:
            self._open[one.id, bucket] = together

        def close() -> bytes:
            if self._open.get((one.id, bucket)) is together:
                del self._open[one.id, bucket]
            return orjson.dumps({"listId": one.list_id, "teamId": TEAM_ID, bucket: together})

        self.courier.post(one.url, {}, close, wait_s=wait_s)

    # What the endpoints do.

    def subscribe(self, body: Any) -> dict[str, Any] | str:
        """``POST /v1.0/webhook``: always another subscription. The subscription, or what is wrong with it."""
        problem = self._problem(body) if isinstance(body, dict) else "a body is required"
        if problem:
            return problem
        self._made += 1
        one = Subscription(1000 + self._made, body["listId"], body["callbackUrl"], body.get("limit", LIMIT_DEFAULT))
        self.held[one.id] = one
        return one.show(TEAM_ID)

    def shown(self) -> Any:
        """``GET /v1.0/webhooks``, in the form of the switch."""
        rows = [one.show(TEAM_ID) for one in self.held.values()]
        answers = {"array": rows, "object": {"webhooks": rows}, "string": orjson.dumps(rows).decode()}
        return answers[self._switches["hook_list_answer"]]

    def end(self, number: str) -> bool:
        """``DELETE /v1.0/webhook/{subscribeId}``. Whether there was one."""
        return number.isdecimal() and self.held.pop(int(number), None) is not None

    def _problem(self, body: Mapping[str, Any]) -> str:
        """What is wrong with a subscription, "" if nothing is."""
        list_id, url, limit = body.get("listId"), body.get("callbackUrl"), body.get("limit", LIMIT_DEFAULT)
        if isinstance(list_id, bool) or not isinstance(list_id, int) or list_id not in LISTS:
            return "listId is not valid"
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return "callbackUrl is not valid"
        if self._switches["dialect"] == "lofty" and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            return "callbackUrl must be https"
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LIMIT_MAX:
            return "limit is not valid"
        return ""
