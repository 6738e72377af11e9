"""The site's webhook: one registration, events in the shapes the vendor prints (vendors/cinc.md §10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from syncd.ports.clock import Clock
from syncd.sandbox.courier import SWITCHES as HOW
from syncd.sandbox.courier import Courier
from syncd.sandbox.message import Ask

WEBHOOK, ENABLE, DISABLE = "/site/webhook", "/site/webhook/enable", "/site/webhook/disable"
ENDPOINTS = (("GET", WEBHOOK), ("POST", WEBHOOK), ("POST", ENABLE), ("POST", DISABLE))
TEMPLATES = frozenset(template for _, template in ENDPOINTS)
SITE, USER, CLIENT = "D1234567", "AGENT1", "a1b2c3d4-0000-4000-8000-000000000001"
SWITCHES: Mapping[str, Any] = {
    **HOW,
    "hook_none": "404",  # 404 | empty: what GET says where nothing is registered
    "hook_shows_url": True,  # False: GET leaves the address out, as the documented sample does
    "hook_lists": False,  # True: each event comes in a list with the one before it
    "hook_stage": False,  # True: an undocumented event tells of stages
}


class SiteHooks:
    """The registration of one site, its three endpoints, and what is posted."""

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """Nothing is registered."""
        self._clock, self._switches = clock, switches
        self.courier = Courier(clock, switches)
        self.registered: dict[str, Any] | None = None
        self._count = 0
        self._before: list[dict[str, Any]] = []

    def asked(self, ask: Ask) -> tuple[Any, int]:
        """A call to one of the endpoints: the answer's body and status."""
        if ask.method == "GET":
            return self._show()
        return self._upsert(ask.json()) if ask.template == WEBHOOK else self._turn(on=ask.template == ENABLE)

    def said(self, kind: str, lead: str, **more: Any) -> None:
        """Something happened to a lead ("" for events of agents): post it if somebody asked for it."""
        there = self.registered
        if there is None or not there["is_enabled"] or not any(_fits(one, kind) for one in there["event_filters"]):
            return
        if kind == "lead.pipeline.updated" and not self._switches["hook_stage"]:
            return
        self._count += 1
        number = f"{self._count:08x}-0000-4000-8000-{self._count:012x}"
        published = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event: dict[str, Any] = {
            "meta": {
                "webhook": {"user_id": USER, "client_id": CLIENT},
                "site_id": SITE,
                "event_id": number,
                "published_date": published if self._count % 2 else f"{published[:19].replace('T', ' ')}Z",
            },
            "type": kind,
            **({"lead": {"id": lead}} if lead else {}),
            **more,
        }
        headers = {"x-cinc-event-id": number, "x-cinc-event-type": kind, "x-cinc-site-id": SITE, "x-cinc-user-id": USER}
        body = orjson.dumps([*self._before, event] if self._switches["hook_lists"] else event)
        self._before = [event]
        self.courier.post(there["url"], {**headers, **there["headers"]}, body)

    def _show(self) -> tuple[Any, int]:
        if self.registered is None:
            return ({"message": "Not Found"}, 404) if self._switches["hook_none"] == "404" else ({}, 200)
        hidden = set() if self._switches["hook_shows_url"] else {"url"}
        return {key: value for key, value in self.registered.items() if key not in hidden}, 200

    def _upsert(self, body: Any) -> tuple[Any, int]:
        fresh = self.registered is None
        problem = "Bad Request" if not isinstance(body, dict) else _problem(body)
        if problem:
            return {"message": problem}, 400
        self.registered = {
            "url": body["url"],
            "event_filters": body["event_filters"],
            "headers": body.get("headers") or {},
            "is_enabled": body.get("is_enabled", True),
        }
        word = "Created" if fresh else "Updated"
        return {"message": f"{word} webhook successfully."}, 201 if fresh else 200

    def _turn(self, *, on: bool) -> tuple[Any, int]:
        if self.registered is None:
            return {"message": "Not Found"}, 404
        self.registered["is_enabled"] = on
        return {"message": f"{'Enabled' if on else 'Disabled'} webhook successfully."}, 200


def _problem(body: Mapping[str, Any]) -> str:
    """What is wrong with a registration, "" if nothing is."""
    url, filters, headers = body.get("url"), body.get("event_filters"), body.get("headers") or {}
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return "Invalid url"
    if not isinstance(filters, list) or not filters or not all(isinstance(f, str) and f for f in filters):
        return "Invalid event_filters"
    if any(one.count("*") > 1 for one in filters):
        return "Invalid event filter"
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        return "Invalid headers"
    return "" if isinstance(body.get("is_enabled", True), bool) else "Invalid is_enabled"


def _fits(wanted: str, kind: str) -> bool:
    """Whether a filter lets an event through: equal, or with one ``*`` that spans dots. Expressions fit nothing."""
    before, star, after = wanted.partition("*")
    if not star:
        return wanted == kind
    return len(kind) >= len(before) + len(after) and kind.startswith(before) and kind.endswith(after)
