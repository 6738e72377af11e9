"""What simulators written from vendors/cinc.md alone, by somebody else, found wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.ports.vendor import Remote
from syncd.vendors.cinc.adapter import CincAdapter
from tests.vendors.cinc.support import Answer, Asked, row, written

AGENTS = {"primary_agent": {"id": "A1"}, "partner": {"id": "A3"}}
ASSIGNED = row(1, assigned_agents=AGENTS)


async def read_after_assigning(present: dict[str, Any], listed: Sequence[str], single: dict[str, Any]) -> CincAdapter:
    """Give the lead to A2, walk a list whose row shows only the ``listed`` keys, then read the lead by itself."""

    def answers(asked: Asked) -> Answer:
        if asked.method == "POST":
            return 200, {"id": "L1"}
        if asked.path == "/site/leads":
            rows = [{key: single[key] for key in listed}]
            return 200, {"paging": {"limit": 500}, "leads": rows if asked.query.get("offset", "0") == "0" else []}
        return 200, {"lead": single}

    adapter, _ = written(answers)
    await adapter.assign("L1", {"primary": "A2"}, Remote("lead", "L1", present, b"", listed=False))
    assert [page async for page in adapter.leads(None, full=True)]
    await adapter.lead("L1")
    return adapter


async def test_a_list_row_without_sections_does_not_tell_that_an_update_blanked_them():
    """Lists may lack sections: only a complete record shows whether what an update left out is gone."""
    after = row(1, assigned_agents={**AGENTS, "primary_agent": {"id": "A2"}})
    adapter = await read_after_assigning(ASSIGNED, ("id", "info"), after)
    assert "update_style" not in adapter.memory


async def test_a_list_row_without_sections_does_not_hide_that_an_update_blanked_them():
    """The complete record is still asked afterwards."""
    after = row(1, assigned_agents={"primary_agent": {"id": "A2"}})
    adapter = await read_after_assigning(ASSIGNED, ("id", "info"), after)
    assert adapter.memory["update_style"] == "whole"


async def test_the_agent_that_cinc_shows_by_itself_proves_nothing():
    """`assigned_agents.agent` may appear and go (vendors/cinc.md §13): it is not what an update left out."""
    present = row(1, assigned_agents={"primary_agent": {"id": "A1"}, "agent": {"id": "A9"}})
    after = row(1, assigned_agents={"primary_agent": {"id": "A2"}})
    adapter = await read_after_assigning(present, tuple(after), after)
    assert "update_style" not in adapter.memory


async def test_whole_sections_spell_times_and_addresses_as_cinc_wants_them():
    """Times go out in the documented form whatever form they were read in; an address always has its four parts."""
    contact = {"email": "a@example.com", "mailing_address": {"city": "Rome"}}
    lead = row(1, info={"contact": contact}, registered_date="2020-01-02 03:04:05Z")
    adapter, site = written(lambda _: (200, lead), update_style="whole")
    await adapter.update_lead("L1", {"first_name": "B"}, frozenset({"first_name"}), Remote("lead", "L1", {}, b""))
    body = site.asked[-1].body
    assert body["registered_date"] == "2020-01-02T03:04:05.000Z"
    assert body["info"]["contact"]["mailing_address"] == {
        "street": "",
        "city": "Rome",
        "state": "",
        "postal_or_zip": "",
    }


async def test_whole_sections_leave_out_a_time_that_makes_no_sense():
    """A date nobody can read is not sent back, and does not keep an assignment from going out."""
    lead = row(1, registered_date="some day")
    adapter, site = written(lambda _: (200, lead), update_style="whole")
    await adapter.assign("L1", {"primary": "A2"}, Remote("lead", "L1", {}, b""))
    assert "registered_date" not in site.asked[-1].body
    assert site.asked[-1].body["assigned_agents"] == {"primary_agent": {"id": "A2"}}
