"""Lead channels, their rules, routing groups: who gets a captured lead (vendors/rechat.md §9). Not synced yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from syncd.domain.errors import NotFoundError, UnreadableError
from syncd.vendors.rechat.client import (
    CHANNEL,
    CHANNELS,
    GROUP,
    GROUPS,
    RULE,
    RULES,
    RULES_SORT,
    Client,
    external_id,
    unwrap,
)
from syncd.vendors.rechat.values import identity, number, when

Target = Literal["User", "Group", "Brand"]
Distribution = Literal["RoundRobin", "FirstToClaim"]
SHOWN = ("lead_channel_rule.conditions", "lead_channel_rule.brand", "lead_channel_rule.user")
SHOWING = (("associations", ",".join(SHOWN)),)
LAST = 32767
"""Order of the default rule, which comes after all others."""


@dataclass(frozen=True, slots=True)
class Channel:
    """An endpoint through which leads are captured. ``mls``: codes of listing services searched for mentions."""

    id: str
    name: str = ""
    is_default: bool = False
    captured: int = 0
    rules: int = 0
    mls: tuple[str, ...] = ()
    last_capture: datetime | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a captured lead. ``operator``: eq, any, all, gte, lte."""

    field: str
    operator: str
    value: Any
    negated: bool = False
    order: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Who gets a lead that fits. ``kind``: whether all conditions (AND) or one (OR) must hold; ids are UUIDs or ""."""

    target: Target
    kind: Literal["AND", "OR"] = "AND"
    order: int = 0
    user: str = ""
    group: str = ""
    brand: str = ""
    flow: str = ""
    conditions: tuple[Condition, ...] = ()
    id: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """An agent of a routing group."""

    user: str
    brand: str
    order: int


@dataclass(frozen=True, slots=True)
class Group:
    """Agents who share leads. Rechat never tells the members."""

    id: str
    name: str
    distribution: str
    created_by: str = ""


class Routing:
    """The routing calls of one brand. All raise VendorError; deletes are done as well where nothing is left."""

    def __init__(self, client: Client) -> None:
        """``client`` knows the brand."""
        self._client = client
        self._brand = {"brand": client.brand}

    async def channels(self) -> list[Channel]:
        """Every live channel of the brand."""
        rows = (await self._client.listed(CHANNELS, self._brand)).rows
        return [read_channel(row) for row in rows if not _deleted(row)]

    async def create_channel(self) -> Channel:
        """A new channel for JSON captures. Doing it twice makes two."""
        return read_channel(await self._write("POST", CHANNELS, self._brand, {"protocol": "JSON"}))

    async def rename_channel(self, channel: str, name: str) -> Channel:
        """Give a channel another name."""
        where = {**self._brand, "channel": channel}
        return read_channel(await self._write("PUT", CHANNEL, where, {"name": name}, repeat=True))

    async def delete_channel(self, channel: str) -> None:
        """Delete a channel."""
        await self._delete(CHANNEL, {**self._brand, "channel": channel}, self._brand)

    async def rules(self, channel: str) -> list[Rule]:
        """A channel's rules in the order in which they are tried."""
        listed = await self._client.listed(RULES, {**self._brand, "channel": channel}, SHOWING)
        return sorted((read_rule(row) for row in listed.rows if not _deleted(row)), key=lambda rule: rule.order)

    async def create_rule(self, channel: str, rule: Rule) -> Rule:
        """A new rule. Doing it twice makes two."""
        where = {**self._brand, "channel": channel}
        return read_rule(await self._write("POST", RULES, where, rule_body(rule, self._client.brand), SHOWING))

    async def update_rule(self, channel: str, rule: Rule) -> Rule:
        """Replace a rule as a whole; its conditions get new ids."""
        where = {**self._brand, "channel": channel, "rule": rule.id}
        body = rule_body(rule, self._client.brand)
        return read_rule(await self._write("PUT", RULE, where, body, SHOWING, repeat=True))

    async def sort_rules(self, channel: str, order: Sequence[str]) -> None:
        """Have the rules tried in this order, the first as number 1."""
        body = [{"id": rule, "order": place} for place, rule in enumerate(order, start=1)]
        await self._client.write("PUT", RULES_SORT, {**self._brand, "channel": channel}, body, repeat=True)

    async def delete_rule(self, channel: str, rule: str) -> None:
        """Delete a rule; the default rule cannot be."""
        await self._delete(RULE, {**self._brand, "channel": channel, "rule": rule})

    async def groups(self) -> list[Group]:
        """Every routing group of the brand."""
        rows = (await self._client.listed(GROUPS, self._brand)).rows
        return [read_group(row) for row in rows if not _deleted(row)]

    async def create_group(
        self, name: str, distribution: Distribution, members: Sequence[Member], created_by: str
    ) -> Group:
        """A new group. Doing it twice makes two."""
        body = {
            "name": name,
            "brand": self._client.brand,
            "distribution": distribution,
            "created_by": created_by,
            "members": _members(members),
        }
        return read_group(await self._write("POST", GROUPS, self._brand, body))

    async def update_group(
        self,
        group: str,
        *,
        name: str | None = None,
        distribution: Distribution | None = None,
        members: Sequence[Member] | None = None,
    ) -> Group:
        """Change what is given; ``members`` replace all there were."""
        given = {
            "name": name,
            "distribution": distribution,
            "members": None if members is None else _members(members),
        }
        body = {key: value for key, value in given.items() if value is not None}
        return read_group(await self._write("PATCH", GROUP, {**self._brand, "group": group}, body, repeat=True))

    async def delete_group(self, group: str) -> None:
        """Delete a group."""
        await self._delete(GROUP, {**self._brand, "group": group})

    async def _write(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Any,
        query: Sequence[tuple[str, str]] = (),
        *,
        repeat: bool = False,
    ) -> Any:
        return unwrap((await self._client.write(method, path, params, body, query, repeat=repeat)).data)

    async def _delete(self, path: str, params: Mapping[str, str], body: Any = None) -> None:
        try:
            await self._client.write("DELETE", path, params, body, repeat=True)
        except NotFoundError:
            return


def read_channel(row: Any) -> Channel:
    """A channel as Rechat shows it; counts may be text, lists null. Raises UnreadableError."""
    found = _object(row, "lead channel")
    mls = found.get("mls")
    return Channel(
        id=external_id(found),
        name=str(found.get("name") or found.get("title") or ""),
        is_default=found.get("is_default") is True,
        captured=_whole(found.get("capture_number")),
        rules=_whole(found.get("rules_count")),
        mls=tuple(code for code in mls if isinstance(code, str)) if isinstance(mls, list) else (),
        last_capture=when(found.get("last_capture_date")),
    )


def read_rule(row: Any) -> Rule:
    """A rule as Rechat shows it; users and brands may be objects or ids. Raises UnreadableError."""
    found = _object(row, "rule")
    target, kind, conditions = found.get("target"), found.get("kind"), found.get("conditions")
    if target not in {"User", "Group", "Brand"}:
        message = "a lead channel's rule has no target we know"
        raise UnreadableError(message)
    tests = [_condition(test) for test in conditions or () if isinstance(test, Mapping)]
    return Rule(
        target=target,
        kind="OR" if kind == "OR" else "AND",
        order=_whole(found.get("order")),
        user=identity(found.get("user")),
        group=identity(found.get("group")),
        brand=identity(found.get("brand")),
        flow=identity(found.get("flow")),
        conditions=tuple(sorted(tests, key=lambda test: test.order)),
        id=external_id(found),
        is_default=found.get("is_default") is True,
    )


def read_group(row: Any) -> Group:
    """A group as Rechat shows it, without its members. Raises UnreadableError."""
    found = _object(row, "routing group")
    return Group(
        id=external_id(found),
        name=str(found.get("name") or ""),
        distribution=str(found.get("distribution") or ""),
        created_by=identity(found.get("created_by")),
    )


def rule_body(rule: Rule, brand: str) -> dict[str, Any]:
    """A rule as it is written, whole."""
    conditions = [
        {
            "field": test.field,
            "operator": test.operator,
            "value": test.value,
            **({"negated": True} if test.negated else {}),
            "order": test.order or place,
        }
        for place, test in enumerate(rule.conditions, start=1)
    ]
    return {
        "target": rule.target,
        "kind": rule.kind,
        "order": rule.order,
        "flow": rule.flow or None,
        "user": rule.user or None,
        "group": rule.group or None,
        "brand": rule.brand or brand,
        "conditions": conditions,
    }


def _condition(test: Mapping[str, Any]) -> Condition:
    return Condition(
        field=str(test.get("field") or ""),
        operator=str(test.get("operator") or ""),
        value=test.get("value"),
        negated=test.get("negated") is True,
        order=_whole(test.get("order")),
    )


def _members(members: Sequence[Member]) -> list[dict[str, Any]]:
    return [{"user": member.user, "brand": member.brand, "order": member.order} for member in members]


def _object(row: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(row, Mapping) or not external_id(row):
        message = f"expected a {what} with an id, found {type(row).__name__}"
        raise UnreadableError(message)
    return row


def _deleted(row: Any) -> bool:
    return isinstance(row, Mapping) and bool(row.get("deleted_at"))


def _whole(value: Any) -> int:
    found = number(value)
    return 0 if found is None else int(found)
