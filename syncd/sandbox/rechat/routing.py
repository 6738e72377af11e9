"""Lead channels, their rules and routing groups of the simulated brand (vendors/rechat.md §9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncd.sandbox.message import Ask, Reply, Route
from syncd.sandbox.rechat.ids import BRAND, CHANNEL, DEFAULT_CHANNEL, Refused, checked
from syncd.sandbox.rechat.store import Store

LAST = 32767
UNDER = "/brands/{brand}/leads"
Say = Callable[..., Reply]


class Routing:
    """Who gets what comes in, and the calls that say so."""

    def __init__(self, store: Store, listed: Say) -> None:
        """``listed`` makes an answer of a list."""
        self._store, self._listed = store, listed
        self.channels: dict[str, dict[str, Any]] = {}
        self.rules: dict[str, dict[str, dict[str, Any]]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.members: dict[str, list[dict[str, Any]]] = {}
        self._turn = 0

    def open(self) -> None:
        """The channels a brand has from the beginning."""
        self._add_channel(DEFAULT_CHANNEL, "Default Route", default=True)
        self._add_channel(CHANNEL, None)

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", f"{UNDER}/channels", lambda _ask: self._listed(list(self.channels.values()), "channels")),
            Route("POST", f"{UNDER}/channels", self._make_channel),
            Route("PUT", f"{UNDER}/channels/{{channel}}", self._rename_channel),
            Route("DELETE", f"{UNDER}/channels/{{channel}}", self._drop_channel),
            Route("PUT", f"{UNDER}/channels/{{channel}}/rules/sort", self._sort),
            Route("GET", f"{UNDER}/channels/{{channel}}/rules", self._rules),
            Route("POST", f"{UNDER}/channels/{{channel}}/rules", self._make_rule),
            Route("PUT", f"{UNDER}/channels/{{channel}}/rules/{{rule}}", self._put_rule),
            Route("DELETE", f"{UNDER}/channels/{{channel}}/rules/{{rule}}", self._drop_rule),
            Route("GET", f"{UNDER}/groups", lambda _ask: self._listed(list(self.groups.values()), "groups")),
            Route("POST", f"{UNDER}/groups", self._make_group),
            Route("PATCH", f"{UNDER}/groups/{{group}}", self._patch_group),
            Route("DELETE", f"{UNDER}/groups/{{group}}", self._drop_group),
        ]

    def channel(self, channel: str) -> dict[str, Any]:
        """A channel. Raises Refused."""
        found = self.channels.get(channel)
        if found is None:
            raise Refused(f"LeadChannel {channel} not found", 404, "ResourceNotFound")
        return found

    def route(self, channel: str, lead: Mapping[str, Any]) -> str:
        """The owner the first fitting rule of a channel decides on."""
        first = next(iter(self._store.users))
        for rule in sorted(self.rules[channel].values(), key=lambda rule: rule["order"]):
            if not _holds(rule, lead):
                continue
            if rule["target"] == "User" and rule["user"] in self._store.users:
                return str(rule["user"])
            people = self.members.get(rule["group"] or "", []) if rule["target"] == "Group" else []
            if people:
                self._turn += 1
                return str(people[(self._turn - 1) % len(people)]["user"])
            return first
        return first

    # Channels.

    def _add_channel(self, channel: str, name: str | None, *, default: bool = False) -> dict[str, Any]:
        now = self._store.moments.now()
        made: dict[str, Any] = {
            "id": channel,
            "name": name,
            "title": None,
            "brand": BRAND,
            "capture_number": 0,
            "last_capture_date": None,
            "mls": None,
            "is_default": default,
            "rules_count": "1",
            "created_at": now,
            "updated_at": now,
            "deleted_at": None,
            "type": "lead_channel",
        }
        self.channels[channel] = made
        self.rules[channel] = {}
        self._add_rule(channel, {"target": "User", "user": next(iter(self._store.users)), "order": LAST}, default=True)
        return made

    def _make_channel(self, ask: Ask) -> Reply:
        if _object(ask).get("protocol") != "JSON":
            raise Refused("Invalid protocol")
        return _ok(self._add_channel(self._store.ids(), None))

    def _rename_channel(self, ask: Ask) -> Reply:
        channel = self.channel(checked(ask.params["channel"]))
        channel["name"] = _object(ask).get("name")
        channel["updated_at"] = self._store.moments.now()
        return _ok(channel)

    def _drop_channel(self, ask: Ask) -> Reply:
        channel = self.channel(checked(ask.params["channel"]))
        del self.channels[channel["id"]], self.rules[channel["id"]]
        return Reply(None, 204)

    # Rules.

    def _rules(self, ask: Ask) -> Reply:
        channel = self.channel(checked(ask.params["channel"]))
        ordered = sorted(self.rules[channel["id"]].values(), key=lambda rule: rule["order"])
        return self._listed([self._shown(rule, ask) for rule in ordered], "rules")

    def _make_rule(self, ask: Ask) -> Reply:
        channel = self.channel(checked(ask.params["channel"]))
        return _ok(self._shown(self._add_rule(channel["id"], _object(ask)), ask))

    def _put_rule(self, ask: Ask) -> Reply:
        rule = self._rule(ask)
        self._lay(rule, _object(ask))
        rule["updated_at"] = self._store.moments.now()
        return _ok(self._shown(rule, ask))

    def _sort(self, ask: Ask) -> Reply:
        channel = self.channel(checked(ask.params["channel"]))
        rules = self.rules[channel["id"]]
        places = ask.json()
        if not isinstance(places, list) or not all(isinstance(p, Mapping) and p.get("id") in rules for p in places):
            raise Refused("Invalid order")
        for place in places:
            rules[place["id"]]["order"] = int(place["order"])
        return Reply(None, 200)

    def _drop_rule(self, ask: Ask) -> Reply:
        rule = self._rule(ask)
        if rule["is_default"]:
            raise Refused("The default rule cannot be deleted")
        del self.rules[rule["channel"]][rule["id"]]
        self._count(rule["channel"])
        return Reply(None, 204)

    def _rule(self, ask: Ask) -> dict[str, Any]:
        channel = self.channel(checked(ask.params["channel"]))
        found = self.rules[channel["id"]].get(checked(ask.params["rule"]))
        if found is None:
            raise Refused("LeadChannelRule not found", 404, "ResourceNotFound")
        return found

    def _add_rule(self, channel: str, body: Mapping[str, Any], *, default: bool = False) -> dict[str, Any]:
        now = self._store.moments.now()
        rule: dict[str, Any] = {
            "id": self._store.ids(),
            "created_at": now,
            "updated_at": now,
            "deleted_at": None,
            "created_by": None if default else next(iter(self._store.users)),
            "channel": channel,
            "is_default": default,
            "type": "lead_channel_rule",
        }
        self._lay(rule, body)
        self.rules[channel][rule["id"]] = rule
        self._count(channel)
        return rule

    def _lay(self, rule: dict[str, Any], body: Mapping[str, Any]) -> None:
        if body.get("target") not in {"User", "Group", "Brand"} or body.get("kind", "AND") not in {"AND", "OR"}:
            raise Refused("Invalid rule")
        rule |= {"target": body["target"], "kind": body.get("kind", "AND"), "order": int(body.get("order") or 0)}
        rule |= {key: body.get(key) for key in ("flow", "user", "group", "brand")}
        made = [self._condition(rule, row) for row in body.get("conditions") or []]
        rule["conditions"] = made or None

    def _condition(self, rule: Mapping[str, Any], row: Any) -> dict[str, Any]:
        if not isinstance(row, Mapping) or row.get("operator") not in {"eq", "any", "all", "gte", "lte"}:
            raise Refused("Invalid condition")
        now = self._store.moments.now()
        shape = {"id": self._store.ids(), "created_at": now, "rule": rule["id"], "type": "lead_channel_rule_condition"}
        return {
            **shape,
            **{k: row.get(k) for k in ("order", "field", "operator", "value")},
            "negated": bool(row.get("negated")),
        }

    def _count(self, channel: str) -> None:
        self.channels[channel]["rules_count"] = str(len(self.rules[channel]))

    def _shown(self, rule: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
        """A rule with what was asked for: conditions, user and brand are ids (or left out) otherwise."""
        asked = associations(ask)
        shown = dict(rule)
        if "lead_channel_rule.conditions" not in asked and rule["conditions"]:
            shown["conditions"] = [test["id"] for test in rule["conditions"]]
        if "lead_channel_rule.user" in asked and rule["user"]:
            shown["user"] = self._store.users.get(rule["user"])
        if "lead_channel_rule.brand" in asked and rule["brand"]:
            shown["brand"] = {"id": rule["brand"], "name": "Sandbox", "brand_type": "Team", "type": "brand"}
        return shown

    # Groups.

    def _make_group(self, ask: Ask) -> Reply:
        body, now = _object(ask), self._store.moments.now()
        if body.get("distribution") not in {"RoundRobin", "FirstToClaim"} or not body.get("name"):
            raise Refused("Invalid group")
        group = {
            "id": self._store.ids(),
            "created_at": now,
            "updated_at": now,
            "created_by": body.get("created_by"),
            "brand": BRAND,
            "name": body["name"],
            "description": None,
            "distribution": body["distribution"],
            "type": "lead_routing_group",
        }
        self.members[group["id"]] = self._checked_members(body.get("members") or [])
        self.groups[group["id"]] = group
        return _ok(group)

    def _patch_group(self, ask: Ask) -> Reply:
        group, body = self._group(ask), _object(ask)
        group |= {key: body[key] for key in ("name", "distribution") if key in body}
        if "members" in body:
            self.members[group["id"]] = self._checked_members(body["members"])
        group["updated_at"] = self._store.moments.now()
        return _ok(group)

    def _drop_group(self, ask: Ask) -> Reply:
        group = self._group(ask)
        del self.groups[group["id"]], self.members[group["id"]]
        return Reply(None, 204)

    def _group(self, ask: Ask) -> dict[str, Any]:
        found = self.groups.get(checked(ask.params["group"]))
        if found is None:
            raise Refused("LeadRoutingGroup not found", 404, "ResourceNotFound")
        return found

    def _checked_members(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        for row in rows:
            self._store.known_user(row.get("user") if isinstance(row, Mapping) else None)
        return sorted((dict(row) for row in rows), key=lambda row: row.get("order") or 0)


def associations(ask: Ask) -> frozenset[str]:
    """What a call asks to be shown, as a list of parameters or as one comma list."""
    told = (value for key, value in ask.query if key in {"associations[]", "associations"})
    return frozenset(name.strip() for value in told for name in value.split(",") if name.strip())


def _holds(rule: Mapping[str, Any], lead: Mapping[str, Any]) -> bool:
    tests = rule["conditions"] or []
    if not tests:
        return True
    held = [_met(test, lead.get(test["field"])) is not test["negated"] for test in tests]
    return all(held) if rule["kind"] == "AND" else any(held)


def _met(test: Mapping[str, Any], there: Any) -> bool:
    value = test["value"]
    try:
        match test["operator"]:
            case "eq":
                return bool(there == value)
            case "any":
                return there in value
            case "all":
                return all(there == one for one in value)
            case "gte":
                return bool(there >= value)
            case _:
                return bool(there <= value)
    except TypeError:
        return False


def _object(ask: Ask) -> Mapping[str, Any]:
    body = ask.json()
    if not isinstance(body, Mapping):
        raise Refused("Invalid body")
    return body


def _ok(data: Any) -> Reply:
    return Reply({"code": "OK", "data": data})
