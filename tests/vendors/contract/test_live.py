"""The contract against a real account, where the environment names one (live.py); otherwise everything here is skipped.

Read-only unless told otherwise, and what was made is deleted again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from syncd.domain.errors import NotFoundError, NotYetError, UnreadableError
from syncd.ports.clock import SystemClock
from syncd.ports.vendor import Remote
from syncd.settings.connections import VENDORS
from tests.vendors.contract.live import SINGLES_MAX, Live, may_write, open_live, settings_of, somebody

pytestmark = pytest.mark.enable_socket


@pytest.fixture(params=sorted(VENDORS))
async def live(request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    """A real account of each vendor that the environment names one of."""
    settings = settings_of(request.param)
    if settings is None:
        pytest.skip(f"SYNCD_LIVE_{request.param.upper()}_CONFIG names no config")
    async with open_live(settings, request.param) as opened:
        yield opened


async def test_the_credentials_are_somebodys(live: Live):
    """DESIGN §5: `check` says who we are."""
    assert await live.adapter.check()


async def test_leads_are_listed_read_and_found_again(live: Live):
    """DESIGN §5: rows have ids, most can be read, a single read tells what the row told, look-ups find it."""
    await live.look()
    assert len({row.external_id for row in live.rows}) == len(live.rows)
    readable = live.readable()
    assert len(readable) * 10 >= len(live.rows) * 9, "more than a tenth of the rows cannot be read"
    for row, _ in readable[:SINGLES_MAX]:
        single = await live.adapter.lead(row.external_id)
        assert single.external_id == row.external_id
        assert live.adapter.read_lead(single).told
    for name in live.adapter.capabilities.find_by:
        held = next(((row, str(fields[name])) for row, fields in readable if fields.get(name)), None)
        if held is not None:
            row, value = held
            asked = live.adapter.find_leads(email=value) if name == "email" else live.adapter.find_leads(phone=value)
            found = await asked
            assert row.external_id in {remote.external_id for remote in found.rows} or not found.conclusive


async def test_agents_and_notes_can_be_read(live: Live):
    """DESIGN §5: agents have an address or a name; notes a body."""
    for agent in await live.adapter.agents():
        reading = live.adapter.read_agent(agent)
        assert reading.email or reading.name
    await live.look()
    for row in live.rows[:SINGLES_MAX]:
        for note in (await live.adapter.notes(row.external_id, {})).rows:
            try:
                assert live.adapter.read_note(note).text
            except UnreadableError:
                continue


async def test_the_vendors_clock_is_known(live: Live):
    """DESIGN §6: honest times need the offset of the vendor's clock; more than a day is no offset but a mistake."""
    await live.adapter.check()
    assert abs(live.adapter.clock.offset_s) < 86_400


async def test_a_lead_can_be_made_changed_and_deleted(live: Live):
    """DESIGN §5: what is created reads back, a change touches one field, a deleted lead is gone. Only on demand."""
    if not may_write(live.config.vendor):
        pytest.skip(f"SYNCD_LIVE_{live.config.vendor.upper()}_WRITE is not 1")
    if not live.adapter.capabilities.lead_delete:
        pytest.skip("nobody could take away again what would be made here")
    lenses = live.adapter.lenses
    wanted = {n: v for n, v in lenses.show(somebody(), {}).items() if lenses.writable(n, creating=True)}
    created = (await live.adapter.create_lead(wanted)).external_id
    live.made.append(created)
    present = await _visible(live, created)
    before = live.adapter.read_lead(present).fields
    assert {n: before.get(n) for n in wanted} == wanted
    changed = {**before, "last_name": "Suite changed"}
    await live.adapter.update_lead(created, changed, frozenset({"last_name"}), present)
    after = live.adapter.read_lead(await _visible(live, created)).fields
    assert after["last_name"] == "Suite changed"
    assert {n: after.get(n) for n in wanted if n != "last_name"} == {n: wanted[n] for n in wanted if n != "last_name"}
    await live.adapter.delete_lead(created, "made by the contract suite")
    with pytest.raises((NotFoundError, NotYetError)):  # to a vendor that shows new leads late it may still be one
        await live.adapter.lead(created)
    live.made.remove(created)


async def _visible(live: Live, lead: str) -> Remote:
    """The lead, once the vendor shows it."""
    waited_s = 0.0
    while True:
        try:
            return await live.adapter.lead(lead)
        except (NotFoundError, NotYetError):
            if waited_s > live.adapter.capabilities.create_lag_s + 5:
                raise
            await SystemClock().sleep(1)
            waited_s += 1
