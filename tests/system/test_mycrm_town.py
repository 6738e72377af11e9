"""CINC and MyCRM in one town: sockets, a real database, the real engine (vendors/mycrm.md §5, §7, §10, §11)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import Ask, SandboxVendor
from syncd.sandbox.server import serve
from syncd.sandbox.world import populate
from syncd.store.database import Database
from tests.acceptance.world import World
from tests.vendors.clocks import SkippingClock

PEOPLE = 9
ODD = {
    "list_expanded": False, "count": False, "lists": "bare", "single": "bare", "write_answer": "empty",
    "filters": "refused", "dates": "offset", "notes_put": "replaces", "note_keys": "text", "put_clears": True,
    "patch_paths": "id", "preferences": "object", "user": "number", "page_size": 5,
}  # fmt: skip
ADA: dict[str, Any] = {
    "first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", "phones": [("+14155552671", "cell")],
}  # fmt: skip


class MyCrmTown(World):
    """The world of the acceptance tests with MyCRM in Chime's place."""

    @property
    def mycrm(self) -> Any:
        """The account."""
        return self.chime

    @property
    def sandboxes(self) -> Mapping[str, SandboxVendor]:
        """Both, by connection name."""
        return {"cinc": self.cinc, "mycrm": self.mycrm}

    @property
    def config(self) -> str:
        """The config as it stands now."""
        secret = self.folder / "token"
        secret.write_text(SandboxVendor.token)
        return f'{self.served.config(secret)}\n{self.chime_options}\n[database]\nurl = "{self.database_url}"\n'

    async def once(self) -> None:
        """One plain `syncd sync`, in a process of its own; it need not get to the end of anything."""
        assert not (await self.sync(until_quiet=False)).failed

    def everybody(self, name: str) -> list[str]:
        """The first names one of them shows."""
        sandbox = self.sandboxes[name]
        return sorted(str(sandbox.shows(lead).get("first_name")) for lead in sandbox.ids())


@asynccontextmanager
async def standing(folder: Path, url: str, **switches: Any) -> AsyncIterator[MyCrmTown]:
    """Both vendors, empty. Nobody may ever have called what deletes or changes a whole collection."""
    clock = SkippingClock()
    cinc, mycrm = SANDBOXES["cinc"](clock), SANDBOXES["mycrm"](clock, **switches)
    async with serve({"cinc": cinc, "mycrm": mycrm}) as served:
        yield MyCrmTown(folder, url, clock, served, cinc, mycrm)
        assert mycrm.bulk_calls == 0  # type: ignore[attr-defined]


@pytest.fixture
async def mycrm_town(tmp_path: Path, database: Database) -> AsyncIterator[MyCrmTown]:
    """Both vendors with their default behaviour."""
    async with standing(tmp_path, database.url) as found:
        yield found


@pytest.mark.parametrize("switches", [{}, ODD], ids=["plain", "odd"])
async def test_quiet_and_then_not_one_write(tmp_path: Path, database: Database, switches: dict[str, Any]):
    """After `syncd sync --until-quiet` everybody is where they can be, nobody twice; another sync writes nothing."""
    async with standing(tmp_path, database.url, **switches) as town:
        made = populate(town.sandboxes, PEOPLE, seed=21)
        report = await town.quiet()
        assert report.pending == 0
        assert town.writes > PEOPLE / 2
        people = {placed.person.email for placed in made.placed if placed.kind != "namesake"}
        for sandbox in town.sandboxes.values():
            shown = [sandbox.shows(lead).get("email") for lead in sandbox.ids()]
            assert people <= set(shown)
            assert len(shown) == len(set(shown))
        for full in (False, True):
            town.forget()
            await town.sync(until_quiet=False, full=full)
            assert town.written() == []
        assert (await town.plan()).operations == []


async def test_edits_notes_and_stages_travel_both_ways(mycrm_town: MyCrmTown):
    """What a person changes in one shows in the other; what only MyCRM knows survives our updates."""
    town = mycrm_town
    here = town.cinc.add_person(**ADA)
    town.cinc.add_note(here, "From CINC.")
    await town.quiet()
    there = town.find("mycrm", first_name="Ada")
    town.mycrm.edit(there, "passport", "RDR7800")
    town.mycrm.edit(there, "fields.1", "2 pets")
    town.mycrm.edit(there, "last_name", "Lovelace")
    town.mycrm.edit(there, "stage", "qualified")
    town.mycrm.add_note(there, "From MyCRM.")
    town.cinc.edit(here, "first_name", "Augusta")
    await town.in_step()
    shown = town.mycrm.shows(there)
    assert (shown["first_name"], shown["last_name"], shown["stage"]) == ("Augusta", "Lovelace", "qualified")
    assert (shown["passport"], shown["fields"]) == ("RDR7800", {"1": "2 pets"})
    assert town.cinc.shows(here)["last_name"] == "Lovelace"
    assert sorted(town.bodies("mycrm")) == sorted(town.bodies("cinc")) == ["From CINC.", "From MyCRM."]


async def test_who_lacks_a_phone_is_reported_and_not_called_for(mycrm_town: MyCrmTown):
    """A number has no default, ever: no call, one line that says what is missing; with a number they get there."""
    town = mycrm_town
    here = town.cinc.add_person(first_name="Ada", email="ada@example.com")
    report = await town.quiet()
    told = [(one.connection, one.reason) for one in report.not_carried if one.connection == "mycrm"]
    assert told == [("mycrm", "cannot create: missing mobile")]
    assert town.mycrm.writes == 0
    town.cinc.edit(here, "phones", [("+14155552671", "cell")])
    await town.in_step()
    assert town.everybody("mycrm") == ["Ada"]
    assert (await town.plan()).not_carried == []


FILLED = {"title", "country", "source", "roles", "price_min", "price_max", "areas", "property_types"}
"""What the defaults of the sandbox's config fill in."""
CINCS_OWN = {"source": "Agent"}
"""What CINC itself says of a lead that an agent typed in."""


async def told(town: MyCrmTown) -> dict[str, Any]:
    """What the graph knows of Ada, of the fields that defaults fill."""
    fields = (await town.shown("ada@example.com"))["fields"]
    return {name: value for name, value in fields.items() if name in FILLED and value != CINCS_OWN.get(name)}


async def test_defaults_travel_nowhere(mycrm_town: MyCrmTown):
    """Each sync in a process of its own: what was filled in reads as blank; a person's choice instead of it counts."""
    town = mycrm_town
    here = town.cinc.add_person(**ADA)
    before = town.cinc.shows(here)
    for _ in range(4):
        await town.once()
    there = town.find("mycrm", first_name="Ada")
    assert town.mycrm.shows(there)["price_min"] == 1
    assert await told(town) == {}
    assert town.cinc.shows(here) == before
    town.mycrm.edit(there, "city", "Macon")
    town.mycrm.edit(there, "price_max", 750_000)
    await town.in_step()
    assert await told(town) == {"price_max": 750_000}
    assert town.cinc.shows(here)["city"] == "Macon"


async def test_a_value_of_the_leads_own_takes_a_defaults_place(mycrm_town: MyCrmTown):
    """Also where it is the very default: written, and a value from then on."""
    town = mycrm_town
    here = town.cinc.add_person(**ADA)
    await town.quiet()
    town.cinc.edit(here, "roles", ["buyer"])
    await town.in_step()
    assert (await told(town))["roles"] == ["buyer"]
    there = town.find("mycrm", first_name="Ada")
    town.mycrm.edit(there, "roles", ["renter"])
    await town.in_step()
    assert "renter" in (await told(town))["roles"]


async def test_defaults_of_a_create_that_was_cut_short_travel_nowhere(mycrm_town: MyCrmTown):
    """Killed between MyCRM's carrying out and our hearing of it: found again, once, and its defaults are still none."""
    town = mycrm_town
    here = town.cinc.add_person(**ADA)
    before = town.cinc.shows(here)

    def created(ask: Ask, moment: str) -> bool:
        return moment == "after" and (ask.method, ask.path) == ("POST", "/leads")

    await town.crashing(created, at="mycrm")
    await town.in_step()
    assert town.everybody("mycrm") == ["Ada"]
    assert await told(town) == {}
    assert town.cinc.shows(here) == before


@pytest.mark.parametrize(("what", "killed"), [("field", False), ("field", True), ("note", True)])
async def test_defaults_of_an_update_travel_nowhere(mycrm_town: MyCrmTown, what: str, *, killed: bool):
    """An old lead gets defaults with its first update, or with its first note; also if we die before the answer."""
    town = mycrm_town
    there = town.mycrm.add_person(**ADA)
    await town.quiet()
    here = town.find("cinc", first_name="Ada")
    before = await told(town)
    if what == "field":
        town.cinc.edit(here, "first_name", "Augusta")
    else:
        town.cinc.add_note(here, "Likes numbers.")
    if killed:
        await town.crashing(lambda ask, moment: moment == "after" and ask.method == "PUT", at="mycrm")
    await town.once()
    assert town.mycrm.shows(there)["title"] == "mr"
    await town.in_step()
    await town.sync(full=True)
    assert await told(town) == before
    assert len(town.mycrm.shows(there)["notes"]) == (what == "note")


async def test_a_person_gone_from_mycrm_is_only_unlinked(mycrm_town: MyCrmTown):
    """A 404 on the single lead after a complete walk; nobody is created again and CINC keeps theirs."""
    town = mycrm_town
    town.cinc.add_person(**ADA)
    town.cinc.add_person(first_name="Grace", email="grace@example.com", phones=[("+14155552672", "cell")])
    await town.quiet()
    town.mycrm.delete(town.find("mycrm", first_name="Ada"))
    await town.quiet(full=True)
    assert town.everybody("mycrm") == ["Grace"]
    assert town.everybody("cinc") == ["Ada", "Grace"]
