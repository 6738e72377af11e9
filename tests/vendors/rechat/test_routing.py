"""Channels, rules and groups as typed calls (vendors/rechat.md §9)."""

from __future__ import annotations

import pytest

from syncd.domain.errors import RejectedError
from syncd.sandbox.rechat.ids import BRAND
from syncd.vendors.rechat.routing import LAST, Condition, Member, Rule, read_channel, read_rule
from tests.vendors.rechat.support import sandboxed, uuid


async def test_channels_are_listed_made_renamed_and_deleted():
    """Counts are text, lists null (§13); deleting twice is deleting once."""
    async with sandboxed() as account:
        routing = account.adapter.routing
        default, other = await routing.channels()
        assert (default.name, default.is_default, default.rules, default.mls) == ("Default Route", True, 1, ())
        assert not other.is_default
        made = await routing.create_channel()
        assert (await routing.rename_channel(made.id, "Open houses")).name == "Open houses"
        await routing.delete_channel(made.id)
        await routing.delete_channel(made.id)
        assert {channel.id for channel in await routing.channels()} == {default.id, other.id}
        assert account.wire.of("POST", "/channels")[0].body == {"protocol": "JSON"}


async def test_rules_decide_who_gets_a_capture():
    """Tried by `order`; the first that holds decides; the default rule comes last and stays (§9)."""
    async with sandboxed() as account:
        routing = account.adapter.routing
        channel = next(channel for channel in await routing.channels() if not channel.is_default)
        rich, near = (account.sandbox.add_agent(f"{n}@example.com", n, "Gent") for n in "ab")
        tests = (Condition("price", "gte", 500000),)
        first = await routing.create_rule(channel.id, Rule("User", order=1, user=rich, conditions=tests))
        assert first.conditions == (Condition("price", "gte", 500000, order=1),)
        zips = (Condition("postal_code", "any", ["90210"], negated=True),)
        second = await routing.create_rule(channel.id, Rule("User", "OR", 2, user=near, conditions=zips))
        rules = await routing.rules(channel.id)
        assert [(rule.id, rule.is_default) for rule in rules[:2]] == [(first.id, False), (second.id, False)]
        assert (rules[-1].order, rules[-1].is_default, rules[-1].conditions) == (LAST, True, ())
        assert [rule.user for rule in rules[:2]] == [rich, near]
        assert account.sandbox.routing.route(channel.id, {"price": 600000, "postal_code": "90210"}) == rich
        assert account.sandbox.routing.route(channel.id, {"price": 1, "postal_code": "10001"}) == near
        await routing.sort_rules(channel.id, [second.id, first.id])
        assert [rule.id for rule in (await routing.rules(channel.id))[:2]] == [second.id, first.id]
        with pytest.raises(RejectedError):
            await routing.delete_rule(channel.id, rules[-1].id)


async def test_a_rule_is_updated_whole():
    """Its conditions are made anew with other ids (§9, §13)."""
    async with sandboxed() as account:
        routing = account.adapter.routing
        channel = (await routing.channels())[0]
        rule = await routing.create_rule(channel.id, Rule("Brand", conditions=(Condition("price", "gte", 1),)))
        stored = account.sandbox.routing.rules[channel.id][rule.id]
        before = [test["id"] for test in stored["conditions"]]
        changed = Rule("Brand", "OR", 2, brand=BRAND, conditions=(Condition("price", "lte", 5),), id=rule.id)
        after = await routing.update_rule(channel.id, changed)
        assert (after.kind, after.order, after.brand, after.conditions[0].operator) == ("OR", 2, BRAND, "lte")
        assert before != [test["id"] for test in stored["conditions"]]
        await routing.delete_rule(channel.id, rule.id)
        assert len(await routing.rules(channel.id)) == 1


async def test_groups_share_leads():
    """Members are replaced as a whole and never returned (§9)."""
    async with sandboxed() as account:
        routing = account.adapter.routing
        one, two = (account.sandbox.add_agent(f"{n}@example.com", n, "Gent") for n in "ab")
        group = await routing.create_group("Team", "RoundRobin", [Member(one, BRAND, 1)], one)
        assert [found.name for found in await routing.groups()] == ["Team"]
        changed = await routing.update_group(group.id, distribution="FirstToClaim", members=[Member(two, BRAND, 1)])
        assert (changed.name, changed.distribution) == ("Team", "FirstToClaim")
        [call] = account.wire.of("PATCH")
        assert call.body.keys() == {"distribution", "members"}
        channel = (await routing.channels())[0]
        await routing.create_rule(channel.id, Rule("Group", group=group.id))
        assert account.sandbox.routing.route(channel.id, {}) == two
        await routing.delete_group(group.id)
        await routing.delete_group(group.id)
        assert await routing.groups() == []


def test_shapes_of_the_documents_are_read():
    """Objects or ids for users and brands, `conditions: null`, text for numbers (§9, §13)."""
    rule = read_rule({"id": uuid(1), "target": "User", "kind": "AND", "order": "3", "conditions": None,
                      "user": {"id": uuid(2)}, "brand": uuid(3), "group": None, "flow": None})  # fmt: skip
    assert (rule.user, rule.brand, rule.order, rule.conditions) == (uuid(2), uuid(3), 3, ())
    channel = read_channel({"id": uuid(1), "name": None, "rules_count": "12", "mls": ["NTREIS"], "capture_number": 3})
    assert (channel.rules, channel.mls, channel.captured) == (12, ("NTREIS",), 3)
