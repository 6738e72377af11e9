"""What there is to look at beside leads: routing (vendors/rechat.md §9), appointments (vendors/epixel.md §10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.domain.errors import VendorError
from syncd.sandbox.faults import Fault
from syncd.vendors.rechat.routing import Condition, Rule
from syncd.vendors.registry import VENDORS, extras
from tests.vendors.contract.account import Variant, open_in_process


async def rows(adapter: Any, name: str) -> list[list[Any]]:
    """One table's rows; each is as long as the table has columns."""
    table = await extras(adapter)[name]()
    assert {len(row) for row in table.rows} <= {len(table.columns)}
    return [list(row) for row in table.rows]


async def test_rechat_shows_channels_rules_and_groups():
    """Rules in the order in which they are tried, conditions and agents in words, the default rule last."""
    async with open_in_process(Variant("plain", "rechat")) as account:
        ann = account.sandbox.add_agent("ann@example.com", "Ann", "Gent")
        routing = account.adapter.routing  # type: ignore[attr-defined]
        channel = next(one for one in await routing.channels() if not one.is_default)
        group = await routing.create_group("Team", "RoundRobin", [], ann)
        tests = (Condition("price", "gte", 500_000), Condition("postal_code", "any", ["30301", "30302"], negated=True))
        await routing.create_rule(channel.id, Rule("User", order=1, user=ann, conditions=tests))
        await routing.create_rule(channel.id, Rule("Group", "OR", order=2, group=group.id))
        channels = await rows(account.adapter, "lead channels")
        assert {row[-1] for row in channels} == {one.id for one in await routing.channels()}
        found = [row for row in await rows(account.adapter, "routing rules") if row[0] == (channel.name or channel.id)]
        assert [row[1:4] for row in found] == [
            [1, "price ≥ 500000 and not postal_code is one of 30301, 30302", "user Ann Gent"],
            [2, "all", "group Team"],
            ["last", "all", found[-1][3]],
        ]
        assert [row[:2] for row in await rows(account.adapter, "routing groups")] == [["Team", "RoundRobin"]]


async def test_a_channel_whose_rules_are_refused_hides_no_other():
    """403 on one channel's rules is that row's reason."""
    async with open_in_process(Variant("plain", "rechat")) as account:
        routing = account.adapter.routing  # type: ignore[attr-defined]
        refused, other = await routing.channels()

        def fault(ask: Any, moment: str) -> Fault | None:
            rules = f"/channels/{refused.id}/rules" in ask.path and moment == "before"
            return Fault("error", status=403, body=b'{"http":403,"code":"Forbidden"}') if rules else None

        account.sandbox.fault = fault
        found = {row[0]: row for row in await rows(account.adapter, "routing rules")}
        assert "403" in found[refused.name or refused.id][-1]
        assert found[other.name or other.id][1] == "last"


async def test_epixel_shows_appointments_by_time():
    """Soonest first, times in UTC."""
    async with open_in_process(Variant("plain", "epixel")) as account:
        lead = account.sandbox.add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
        start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
        made = []
        for day, text in ((5, "Later"), (0, "Sooner")):
            at = start + timedelta(days=day)
            times = (f"{at:%Y-%m-%d %H:%M}", f"{at:%Y-%m-%d %H:59}")
            made.append(account.sandbox.add_appointment(lead, *times, text))  # type: ignore[attr-defined]
        found = await rows(account.adapter, "appointments")
        assert [(row[0], row[2], row[4], row[5]) for row in found] == [
            (start, lead, "Sooner", made[1]),
            (start + timedelta(days=5), lead, "Later", made[0]),
        ]


async def test_epixel_without_appointments_and_one_that_refuses():
    """An empty table is no refusal, and a refusal no empty table."""
    async with open_in_process(Variant("plain", "epixel")) as account:
        assert await rows(account.adapter, "appointments") == []
        account.sandbox.fault = lambda _ask, _moment: Fault("error", status=403)
        with pytest.raises(VendorError):
            await rows(account.adapter, "appointments")


@pytest.mark.parametrize("name", ["cinc", "mycrm"])
async def test_a_vendor_without_more_shows_nothing_more(name: str):
    """No file for it, no tables."""
    async with open_in_process(Variant("plain", name)) as account:
        assert extras(account.adapter) == {}
        assert VENDORS[name].extras(account.adapter) == {}
