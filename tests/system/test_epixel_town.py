"""CINC and Epixel in one town: sockets, a real database, the real engine (vendors/epixel.md §5, §7, §9–§11)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.faults import Fault
from syncd.sandbox.server import serve
from syncd.sandbox.world import populate
from syncd.store.database import Database
from tests.acceptance.world import World
from tests.vendors.clocks import SkippingClock

PEOPLE = 6
ODD = {
    "paths": "samples", "list": "c", "page_max": 3, "bare": True, "single": "details", "objects": True,
    "times": "naive", "list_hides": ("location", "assignee"), "notes_key": "leadnotes", "note_answer": "empty",
    "create_answer": "empty", "deleted": "listed", "refusals": "detail", "unauthorized": "bare", "limit": 60,
    "usernames": "plain",
}  # fmt: skip
ADA: dict[str, Any] = {
    "first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", "phones": [("+14155552671", "cell")],
}  # fmt: skip


class EpixelTown(World):
    """The world of the acceptance tests with Epixel in Chime's place."""

    @property
    def epixel(self) -> Any:
        """The installation."""
        return self.chime

    @property
    def sandboxes(self) -> Mapping[str, SandboxVendor]:
        """Both, by connection name."""
        return {"cinc": self.cinc, "epixel": self.epixel}

    @property
    def config(self) -> str:
        """The config as it stands now."""
        secret = self.folder / "token"
        secret.write_text(SandboxVendor.token)
        return f'{self.served.config(secret)}\n{self.chime_options}\n[database]\nurl = "{self.database_url}"\n'

    def listings(self) -> int:
        """How many listings of the leads Epixel was asked to begin since the last `forget`."""
        return sum(
            call.template.endswith("/list/") and "appointments" not in call.template for call in self.epixel.calls
        )


@asynccontextmanager
async def standing(folder: Path, url: str, **switches: Any) -> AsyncIterator[EpixelTown]:
    """Both vendors, empty."""
    clock = SkippingClock()
    cinc, epixel = SANDBOXES["cinc"](clock), SANDBOXES["epixel"](clock, **switches)
    async with serve({"cinc": cinc, "epixel": epixel}) as served:
        yield EpixelTown(folder, url, clock, served, cinc, epixel)


@pytest.fixture
async def town(tmp_path: Path, database: Database) -> AsyncIterator[EpixelTown]:
    """Both vendors with their default behaviour."""
    async with standing(tmp_path, database.url) as found:
        yield found


@pytest.mark.parametrize("switches", [{}, ODD], ids=["plain", "odd"])
async def test_quiet_and_then_one_listing_and_not_one_write(
    tmp_path: Path, database: Database, switches: dict[str, Any]
):
    """Everybody with a number gets there once; another sync reads the list exactly once, and writes nothing."""
    async with standing(tmp_path, database.url, **switches) as town:
        made = populate(town.sandboxes, PEOPLE, seed=21)
        report = await town.quiet()
        assert report.pending == 0
        assert town.epixel.writes > 0
        assert made.placed
        for sandbox in town.sandboxes.values():
            shown = [sandbox.shows(lead).get("email") for lead in sandbox.ids()]
            assert len(shown) == len(set(shown))
        town.forget()
        await town.sync(until_quiet=False)
        assert town.written() == []
        pages = -(-len(town.epixel.ids()) // switches.get("page_max", 100))
        assert town.listings() == pages
        others = {call.template.rpartition("leads")[2] for call in town.epixel.calls} - {"/list/"}
        assert others <= {"/view/lead/"}, "views for the sweep of notes, nothing else"
        assert town.epixel.reads - pages <= 2 * len(town.epixel.ids())
        await town.sync(until_quiet=False, full=True)
        assert town.written() == []
        assert (await town.plan()).operations == []


async def test_edits_notes_and_stages_travel_both_ways(tmp_path: Path, database: Database):
    """What a person changes in one shows in the other; what only Epixel knows survives our updates."""
    async with standing(tmp_path, database.url, **ODD) as town:
        here = town.cinc.add_person(**ADA)
        town.cinc.add_note(here, "From CINC.")
        town.cinc.add_note(here, "Long. " * 200)
        await town.sync(until_quiet=False)
        town.cinc.add_person(**{**ADA, "email": "b@example.com", "first_name": "Bo", "phones": [("+12129876543", "")]})
        town.forget()
        await town.quiet()
        assert not [call for call in town.epixel.calls if call.status == 404], "paths that work are known from then on"
        there = town.find("epixel", first_name="Ada")
        town.epixel.edit(there, "message", "Only here")
        town.epixel.edit(there, "last_name", "Lovelace")
        town.epixel.edit(there, "stage", "contacted")
        town.epixel.add_note(there, "From Epixel.")
        town.cinc.edit(here, "first_name", "Augusta")
        await town.in_step()
        shown = town.epixel.shows(there)
        assert (shown["first_name"], shown["last_name"], shown["message"]) == ("Augusta", "Lovelace", "Only here")
        assert (town.cinc.shows(here)["last_name"], town.cinc.shows(here)["stage"]) == ("Lovelace", "Contacted")
        assert all(len(text) <= 499 for _, text in shown["notes"])
        assert {"From CINC.", "From Epixel."} <= set(town.bodies("epixel", there)) & set(town.bodies("cinc", here))
        notes = [len(sandbox.shows(lead)["notes"]) for sandbox, lead in ((town.cinc, here), (town.epixel, there))]
        await town.sync(full=True)
        assert [len(s.shows(lead)["notes"]) for s, lead in ((town.cinc, here), (town.epixel, there))] == notes


async def test_agents_are_met_and_what_is_missing_is_told(town: EpixelTown):
    """§9, §11: once somebody has a lead there, leads can be given to them; a lead without a phone is no call."""
    agent = town.cinc.add_agent("reb@example.com", "Reb", "Ecca")
    same = town.epixel.add_agent("reb@example.com", "Reb", "Ecca")
    here = town.cinc.add_person(**{**ADA, "phones": []}, assignments={"primary": agent})
    town.epixel.add_person(
        first_name="Grace", last_name="Hopper", email="g@example.com", phones=[("12129876543", "")],
        assignments={"primary": same},
    )  # fmt: skip
    report = await town.quiet()
    reasons = [(one.connection, one.reason) for one in report.not_carried if "create" in one.reason]
    assert reasons == [("epixel", "cannot create: missing phone")]
    assert town.epixel.writes == 0
    town.cinc.edit(here, "phones", [("+14155552671", "cell")])
    await town.in_step()
    assert town.epixel.shows(town.find("epixel", first_name="Ada"))["assignments"] == {"primary": same}
    assert town.cinc.shows(town.find("cinc", first_name="Grace"))["assignments"] == {"primary": agent}


async def test_a_create_that_was_cut_short_is_found_again(tmp_path: Path, database: Database):
    """Killed before we heard that Epixel carried it out: once there, and its foreign number is still its own."""
    async with standing(tmp_path, database.url, create_answer="empty") as town:
        here = town.cinc.add_person(**{**ADA, "phones": [("+6581234567", "cell")]})
        before = town.cinc.shows(here)
        await town.crashing(lambda ask, moment: moment == "after" and ask.path.endswith("create/lead/"), at="epixel")
        await town.in_step()
        assert len(town.epixel.ids()) == 1
        assert town.only("epixel")["phones"] == [("6581234567", "cell")]
        assert town.cinc.shows(here)["phones"] == before["phones"]
        town.epixel.edit(town.epixel.ids()[0], "city", "Paris")
        await town.in_step()
        assert town.cinc.shows(here)["phones"] == before["phones"]


async def test_a_note_that_was_cut_short_is_never_sent_twice(tmp_path: Path, database: Database):
    """§7: where no view shows notes nobody can know whether it arrived: it is not sent again, and a person is told."""
    async with standing(tmp_path, database.url, notes="never") as town:
        here = town.cinc.add_person(**ADA)
        await town.quiet()
        town.cinc.add_note(here, "Likes numbers.")
        await town.crashing(
            lambda ask, moment: moment == "after" and ask.path.endswith("create/leadnote/"), at="epixel"
        )
        town.forget()
        report = await town.sync()
        await town.sync(full=True)
        assert [call.template for call in town.epixel.calls if call.write] == []
        assert town.bodies("epixel") == ["Likes numbers."]
        assert any("uncertain" in one.reason for one in report.not_carried)


async def test_gone_is_unlinked_and_hidden_is_neither(tmp_path: Path, database: Database):
    """§10: a lead handed to somebody else leaves the list and stays linked; a deleted one is only unlinked."""
    async with standing(tmp_path, database.url, own_only=True) as town:
        town.epixel.add_agent("other@example.com", "O", "Ther")
        for number, name in enumerate(("Ada", "Grace", "Edith")):
            more = {"email": f"{name}@example.com", "phones": [(f"+1415555267{number}", "cell")]}
            town.cinc.add_person(**{**ADA, "first_name": name, **more})
        await town.quiet()
        town.epixel.assign(town.find("epixel", first_name="Ada"), "primary", "other@example.com")
        town.epixel.delete(town.find("epixel", first_name="Grace"))
        await town.quiet(full=True)
        await town.in_step()
        names = {name: sorted(s.shows(lead)["first_name"] for lead in s.ids()) for name, s in town.sandboxes.items()}
        assert names == {"cinc": ["Ada", "Edith", "Grace"], "epixel": ["Ada", "Edith"]}
        links = (await town.shown("ada@example.com"))["links"]
        assert [link["state"] for link in links if link["connection"] == "epixel"] == ["live"]


async def test_a_lead_that_is_listed_and_hidden_stops_nobody(tmp_path: Path, database: Database):
    """§10, law 9: its row is all that is known of it; everybody else is read singly as ever."""
    async with standing(tmp_path, database.url, list_hides=("location",)) as town:
        for name in ("Ada", "Grace"):
            town.epixel.add_person(**{**ADA, "first_name": name, "email": f"{name}@example.com", "city": "London"})
        hidden = town.find("epixel", first_name="Ada")
        refusal = b'{"status_code":401,"errors":{"detail":"You are not owner of this lead."},"data":{}}'
        town.epixel.fault = lambda ask, _moment: (
            Fault("error", status=401, body=refusal) if ask.one("slug") == hidden else None
        )
        await town.quiet()
        assert town.cinc.shows(town.find("cinc", first_name="Grace"))["city"] == "London"
        assert "city" not in town.cinc.shows(town.find("cinc", first_name="Ada"))


async def test_an_edit_without_a_time_is_later_than_the_last_walk_that_did_not_show_it(
    tmp_path: Path, database: Database
):
    """Epixel tells no times. What a whole walk showed unchanged was not edited before it (DESIGN §6: honest times): a
    stage typed hours after CINC's wins, though its row was last parsed before CINC's was typed.
    """
    async with standing(tmp_path, database.url, times="none") as town:
        here = town.cinc.add_person(**ADA)
        await town.quiet()
        (there,) = town.epixel.ids()
        town.epixel.edit(there, "stage", "converted")
        await town.quiet()
        await town.clock.sleep(2)
        town.cinc.edit(here, "stage", "Under Contract")
        await town.quiet()
        await town.clock.sleep(7200)
        await town.quiet()
        await town.clock.sleep(60)
        town.epixel.edit(there, "stage", "contacted")
        await town.quiet()
        assert town.cinc.shows(here)["stage"] == "Contacted"


@pytest.mark.parametrize("refusal", ["unavailable", "hidden"])
async def test_a_lead_of_ours_that_cannot_be_looked_at_is_neither_gone_nor_in_the_way(
    tmp_path: Path, database: Database, refusal: str
):
    """We made a lead and somebody took it over before we saw it: no listing shows it, and the look at it is refused or
    fails. That is no evidence that it is gone, and all else at the vendor is read as ever.
    """
    async with standing(tmp_path, database.url, own_only=True) as town:
        town.epixel.add_agent("other@example.com", "O", "Ther")
        town.epixel.add_person(first_name="Zed", last_name="Zz", email="zed@example.com", phones=[("+14155552699", "")])
        await town.quiet()
        town.cinc.add_person(**ADA)
        await town.sync(until_quiet=False)
        slug = town.find("epixel", first_name="Ada")
        town.epixel.assign(slug, "primary", "other@example.com")
        if refusal == "unavailable":
            town.epixel.fault = lambda ask, moment: (
                Fault("error", status=503) if moment == "before" and ask.one("slug") == slug else None
            )
        report = await town.sync(until_quiet=False)
        assert report.connections["epixel"].error == ""
        assert report.connections["epixel"].pulled
        links = (await town.shown("ada@example.com"))["links"]
        assert {link["connection"]: link["state"] for link in links}["epixel"] == "live"
