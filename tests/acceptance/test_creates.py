"""Creates whose answer was lost or is somebody else's: nobody is made twice, and no cycle goes on for ever."""

from __future__ import annotations

from pathlib import Path

from syncd.sandbox.faults import Fault
from syncd.sandbox.message import Ask
from syncd.store.database import Database
from tests.acceptance.five import standing

NUMBER = "(212) 555-0001"


async def test_a_name_corrected_before_anybody_looked_hides_no_create_of_ours(tmp_path: Path, database: Database):
    """Nothing but a number tells who it is; the answer to the create was lost, and a person corrected the name."""
    async with standing(tmp_path, database.url) as town:
        town.person(1, only="chime", email="")
        rechat = town.sandboxes["rechat"]

        def lost(ask: Ask, moment: str) -> Fault | None:
            if not (ask.write and moment == "after" and rechat.ids()):
                return None
            rechat.fault = None
            town.clock.skipped_s += 60
            rechat.edit(rechat.ids()[0], "first_name", "Corrected")
            return Fault("drop")

        rechat.fault = lost
        report = await town.sync()
        assert (rechat.fault, report.quiet) == (None, True)
        assert [town.sees("rechat", lead)["first_name"] for lead in rechat.ids()] == ["Corrected"]
        assert len(town.sandboxes["chime"].ids()) == 1


async def test_a_create_answered_with_another_leads_record_is_reported_and_not_tried_again(
    tmp_path: Path, database: Database
):
    """Two people share a number; a vendor that takes them for one keeps the first, and the sync comes to its end."""
    async with standing(tmp_path, database.url) as town:
        town.person(1, only="chime", email="", phones=[(NUMBER, "cell")])
        town.person(2, only="chime", email="", phones=[(NUMBER, "cell")], first_name="Zoe", last_name="Other")
        report = await town.sync()
        assert report.quiet
        again = await town.sync()
        assert (again.quiet, town.writes()) == (True, [])
        assert len(town.sandboxes["chime"].ids()) == 2
