"""The people's port with every vendor behind it: one set of actions, whatever CRM they are done in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from syncd.cli.sandbox import DEFAULT_VENDORS
from syncd.sandbox import SANDBOXES
from syncd.sandbox.control import control_app
from tests.vendors.clocks import SkippingClock

LABELLED = ("cinc", "chime", "lofty", "rechat")
"""vendors/mycrm.md §8, vendors/epixel.md §8: no labels."""
ADA: Mapping[str, Any] = {
    "first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", "phones": [["404 555 1234", "cell"]],
    "street": "1 Oak St", "city": "Atlanta", "region": "GA", "source": "Website", "roles": ["buyer"],
}  # fmt: skip


class Office:
    """One vendor's people, through the port."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sandbox = SANDBOXES[name](SkippingClock())
        transport = httpx.ASGITransport(control_app({name: self.sandbox}, {name: "http://there"}))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://people/_people")

    async def do(self, action: str, **given: Any) -> Any:
        """Somebody does something; the id of what they made."""
        answer = await self.client.post(f"/{self.name}/{action}", json=given)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    async def sees(self, lead: str) -> dict[str, Any]:
        """A lead in the app."""
        answer = await self.client.get(f"/{self.name}/leads/{lead}")
        assert answer.status_code == 200
        return dict(answer.json())


@pytest.mark.parametrize("name", [*DEFAULT_VENDORS, "lofty"])
async def test_the_same_day_at_every_vendor(name: str):
    """Add, edit, note, label, assign, delete: what a CRM has no place for is not there; nothing is an API call."""
    office = Office(name)
    lead = await office.do("add", **ADA, stage=office.sandbox.stage_words["new"])
    agent = await office.do("agent", email="ann@example.com", first="Ann", last="Gent")
    await office.do("edit", lead=lead, field="first_name", value="Augusta")
    await office.do("edit", lead=lead, field="stage", value=office.sandbox.stage_words["closed"])
    await office.do("edit", lead=lead, field="phones", value=[["404 555 9876", "cell"]])
    await office.do("note", lead=lead, text="Likes numbers. 🏡", author=agent)
    await office.do("label", lead=lead, name="VIP")
    await office.do("assign", lead=lead, role="primary", agent=agent)
    seen = await office.sees(lead)
    assert (seen["first_name"], seen["email"]) == ("Augusta", "ada@example.com")
    assert seen["stage"] == office.sandbox.stage_words["closed"]
    assert "".join(filter(str.isdigit, seen["phones"][0][0])).endswith("4045559876")
    assert [text for _, text in seen["notes"]] == ["Likes numbers. 🏡"]
    assert seen.get("labels", []) == (["VIP"] if name in LABELLED else [])
    assert seen["assignments"]["primary"] == agent
    await office.do("unlabel", lead=lead, name="VIP")
    await office.do("delete_note", lead=lead, note=seen["notes"][0][0])
    seen = await office.sees(lead)
    assert (seen.get("labels", []), seen["notes"]) == ([], [])
    await office.do("delete", lead=lead)
    assert (await office.client.get(f"/{name}/leads")).json() == []
    assert (await office.client.get(f"/{name}/leads/{lead}")).status_code == 404
    assert (office.sandbox.reads, office.sandbox.writes) == (0, 0)


@pytest.mark.parametrize("name", DEFAULT_VENDORS)
async def test_every_vendor_can_be_broken_and_mended(name: str):
    """A fault, a switch and its refusal: the port knows each sandbox's own."""
    office = Office(name)
    faults = []
    for given in ({"kind": "error", "status": 503}, {}):
        await office.do("fault", **given)
        faults.append(office.sandbox.fault)
    assert faults[0] is not None
    assert faults[1] is None
    switch, value = next(iter(office.sandbox.switches.items()))
    await office.do("switch", name=switch, value=value)
    answer = await office.client.post(f"/{name}/switch", json={"name": "nothing of the kind", "value": 1})
    assert answer.status_code == 400
