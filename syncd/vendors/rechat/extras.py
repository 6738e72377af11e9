"""What `syncd vendors show` prints of a Rechat brand beside its contacts: routing (vendors/rechat.md §9)."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.domain.errors import VendorError
from syncd.ports.vendor import Extras, Table
from syncd.vendors.rechat.adapter import RechatAdapter
from syncd.vendors.rechat.routing import LAST, Condition, Rule

SIGNS = {"eq": "is", "any": "is one of", "all": "is all of", "gte": "≥", "lte": "≤"}
CHANNELS_MAX = 50
"""Channels whose rules are asked for, one call each."""


def extras(adapter: RechatAdapter) -> Extras:
    """The brand's routing, read only."""
    routing = adapter.routing

    async def channels() -> Table:
        rows = [
            (one.name, one.is_default, one.captured, one.rules, one.last_capture, one.id)
            for one in await routing.channels()
        ]
        return Table(("channel", "default", "captured", "rules", "last capture", "id"), rows)

    async def rules() -> Table:
        found: list[tuple[str, int | str, str, str, str]] = []
        names = await _names(adapter)
        for channel in (await routing.channels())[:CHANNELS_MAX]:
            label = channel.name or channel.id
            try:
                listed = await routing.rules(channel.id)
            except VendorError as error:  # one channel's refusal is no other's
                found.append((label, "", "", "", str(error)))
                continue
            found += [(label, _place(one), _asked(one), _whom(one, names), one.flow) for one in listed]
        return Table(("channel", "order", "leads", "go to", "flow"), found)

    async def groups() -> Table:
        rows = [(one.name, one.distribution, one.id) for one in await routing.groups()]
        return Table(("group", "distribution", "id"), rows)

    return {"lead channels": channels, "routing rules": rules, "routing groups": groups}


async def _names(adapter: RechatAdapter) -> Mapping[str, str]:
    """User or group id → name; those nobody tells go by their ids."""
    found: dict[str, str] = {}
    try:
        for remote in await adapter.agents():
            reading = adapter.read_agent(remote)
            found[remote.external_id] = reading.name or reading.email
        found |= {group.id: group.name for group in await adapter.routing.groups()}
    except VendorError:
        return found
    return found


def _place(rule: Rule) -> int | str:
    return "last" if rule.order >= LAST else rule.order


def _whom(rule: Rule, names: Mapping[str, str]) -> str:
    one = {"User": rule.user, "Group": rule.group}.get(rule.target, "")
    return f"{rule.target.lower()} {names.get(one, one)}".strip()


def _asked(rule: Rule) -> str:
    """The conditions in words."""
    word = " or " if rule.kind == "OR" else " and "
    return word.join(map(_condition, rule.conditions)) or "all"


def _condition(one: Condition) -> str:
    value = ", ".join(map(str, one.value)) if isinstance(one.value, list) else str(one.value)
    return f"{'not ' if one.negated else ''}{one.field} {SIGNS.get(one.operator, one.operator)} {value}"
