"""Who gets a lead that nobody assigned: read, never written (vendors/chime.md §9)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import RejectedError, UnreadableError
from syncd.ports.vendor import Table
from syncd.vendors.chime.extras import extras
from syncd.vendors.chime.routing import AGENT, ASSISTANT, Fallback, Hours, Pond, Role, Rule, Taker
from tests.vendors.chime.harness import account, scripted

RULE: dict[str, Any] = {
    "id": 9007199254740995,
    "name": "Rich buyers",
    "ruleSwitch": True,
    "leadType": 2,
    "locationRule": {"city": "Atlanta", "state": "GA", "locationMatchType": 1},
    "sourceName": "Zillow",
    "tagNames": ["VIP"],
    "groupNames": [],
    "priceMin": "500000",
    "priceMax": -1,
    "phone": "With",
    "activeHours": {"activeDays": [1, 5], "hoursStart": 8, "hoursEnd": 20},
    "routingStrategy": {"strategyType": 1, "touchMinutes": 15, "memberWeights": [{"memberId": "7", "weight": 2}]},
    "updateTime": 1783000000000,
}


async def table(adapter: Any, name: str) -> Table:
    """One of the tables by its name."""
    return await extras(adapter)[name]()


@pytest.mark.parametrize("dialect", ["chime", "lofty"])
async def test_rules_fallbacks_takers_roles_and_ponds_are_read(dialect: str):
    """Every read of §9, as the simulated account answers it."""
    there = account(dialect)
    ann = there.sandbox.add_agent("ann@example.com", "Ann", "Gent")
    made = there.sandbox.add_rule("Buyers", takers=[ann], leadType=2)
    routing = there.adapter.routing
    first, last = await routing.rules(AGENT)
    assert (first.id, first.name, first.lead_type, first.takers) == (made, "Buyers", 2, ((ann, 1),))
    assert (last.name, last.strategy, last.takers) == ("All leads", 3, ((ann, 1),))
    assert await routing.fallback(AGENT) == Fallback(3, 0, "Team Owner")
    assert Taker(ann, "Ann Gent", 1) in await routing.takers(AGENT)
    assert (await routing.takers(AGENT))[-1] == Taker("77", "Shared pond", 3)
    assert await routing.roles() == [Role("1", "Assistant"), Role("2", "Transaction Coordinator")]
    assert [rule.name for rule in await routing.rules(ASSISTANT, "1")] == ["All leads"]
    assert await routing.ponds() == [Pond("77", "Shared pond", "", ())]
    assert {sent.headers["content-type"] for sent in there.wire.sent} == {"application/json"}
    assert {sent.method for sent in there.wire.sent} == {"GET"}


async def test_a_rule_is_read_whole_with_numbers_as_text():
    """Ids above 2⁵³, numbers that are text, −1 for unset."""
    adapter, wire = scripted(lambda *_: (200, {"rules": [RULE]}))
    [rule] = await adapter.routing.rules(AGENT)
    assert rule == Rule(
        id="9007199254740995", name="Rich buyers", on=True, strategy=1, minutes=15, takers=(("7", 2),), lead_type=2,
        place="Atlanta, GA", source="Zillow", tags=("VIP",), price_min=500_000, phone="With",
        hours=Hours((1, 5), 8, 20), updated_at=rule.updated_at,
    )  # fmt: skip
    assert rule.updated_at is not None
    assert rule.updated_at.year == 2026
    assert (wire.sent[0].path, wire.sent[0].query) == ("/v1.0/routing/rule/list/1", {"roleId": "-1"})


async def test_what_is_shown_of_rules_is_in_words():
    """One line a rule: which leads, to whom, when."""
    names = [{"id": 7, "name": "Ann Gent", "type": 1}]
    pond = {
        "id": 3,
        "name": "Sellers",
        "leadType": 1,
        "routingStrategy": {"strategyType": 4, "groupName": "Shared pond"},
    }
    adapter, _ = scripted(lambda _m, path, _q: (200, names if "member" in path else [RULE, pond]))
    found = await table(adapter, "routing rules of agents")
    assert found.columns == ("rule", "on", "leads", "go to", "hours")
    assert list(found.rows) == [
        (
            "Rich buyers", True, "buyers; Atlanta, GA; source Zillow; tags VIP; from 500000; with phone",
            "next up, 15 min each: Ann Gent ×2", "Mon, Fri 8-20 h",
        ),
        ("Sellers", False, "sellers", "pond: Shared pond", "always"),
    ]  # fmt: skip


async def test_the_tables_of_an_account():
    """All of them, from the simulated account; assistants' rules under the role's name."""
    there = account()
    there.sandbox.add_agent("ann@example.com", "Ann", "Gent")
    shown = {name: [list(row) for row in (await read()).rows] for name, read in extras(there.adapter).items()}
    assert shown["routing rules of agents"] == [["All leads", True, "all", "round robin: Ann Gent", "always"]]
    assert shown["routing rules of assistants"][0][0] == "Assistant: All leads"
    assert shown["where no rule fits"][0] == ["agents", "always Team Owner"]
    assert [row[:2] for row in shown["who takes leads"]][-1] == ["Shared pond", "pond"]
    assert [row[0] for row in shown["ponds"]] == ["Shared pond"]


async def test_without_the_permission_routing_is_refused_and_ponds_are_not():
    """Code 20017 is a refusal of that call; the rest goes on."""
    there = account(switches={"distribution": False})
    with pytest.raises(RejectedError, match="20017"):
        await table(there.adapter, "where no rule fits")
    assert len((await table(there.adapter, "ponds")).rows) == 1


@pytest.mark.parametrize("answer", ["nonsense", 7])
async def test_an_answer_without_rows_is_unreadable(answer: Any):
    """And never "there are none"."""
    adapter, _ = scripted(lambda *_: (200, answer))
    with pytest.raises(UnreadableError):
        await adapter.routing.ponds()


async def test_no_rows_are_no_rows():
    """Wrapped or not."""
    answers: list[Any] = [[], {"ponds": []}]
    for answer in answers:
        adapter, _ = scripted(lambda *_, given=answer: (200, given))
        assert await adapter.routing.ponds() == []
