"""CINC and Rechat kept the same by the real engine on a real database, over loopback sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.bootstrap import open_syncd
from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.engine.run import Report
from syncd.sandbox import SANDBOXES
from syncd.sandbox.rechat.people import ATTRIBUTES
from syncd.sandbox.server import serve
from syncd.sandbox.world import populate
from syncd.settings.load import parse as parse_settings
from syncd.store.database import Database
from tests.vendors.clocks import SkippingClock

PEOPLE = 14
DEFINITIONS = tuple({"label": label, "data_type": "text"} for label in ATTRIBUTES.values())
OTHER_WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "captured by webhook, answers tell little": (
        'capture_path = "webhook"',
        {"capture_204": True, "total_zero": True, "capture_assigns_only": True, "late_commit_s": 0},
    ),
    "silent, other shapes": (
        'create_via = "contacts"\nattributes = { roles = "Roles", buyer_timeline = "Buying in" }',
        {"row_answer": "contact", "assignee_answer": "contact", "assignee_path": "leads", "agent_rows": "wrapped",
         "sparse_rows": True, "tags_null": False, "definitions": DEFINITIONS},
    ),
}  # fmt: skip


@dataclass(slots=True)
class Both:
    """Two CRMs and the config that connects them."""

    cinc: Any
    rechat: Any
    clock: SkippingClock
    config: str

    async def sync(self, *, until_quiet: bool = True, full: bool = False) -> Report:
        """One `syncd sync`, opened anew as each command is."""
        async with open_syncd(parse_settings(self.config), clock=self.clock) as syncd:
            return await syncd.engine.sync(until_quiet=until_quiet, full=full)

    async def quiet(self) -> Report:
        """A sync that gets to an end."""
        report = await self.sync()
        assert report.quiet, report
        assert not report.failed, report.connections
        return report

    async def written_by_another_sync(self, *, full: bool = False) -> list[tuple[str, str]]:
        """Method and endpoint of every write of one more cycle, as the vendors counted them."""
        for sandbox in (self.cinc, self.rechat):
            sandbox.forget_calls()
        report = await self.sync(until_quiet=False, full=full)
        assert report.pending == 0, report
        made = [(c.method, c.template) for there in (self.cinc, self.rechat) for c in there.calls if c.write]
        assert len(made) == self.cinc.writes + self.rechat.writes
        return made


@asynccontextmanager
async def standing(folder: Path, database: Database, options: str = "", **switches: Any) -> AsyncIterator[Both]:
    """Both on sockets; ``options`` are lines of TOML of the Rechat connection."""
    clock = SkippingClock()
    there = {"cinc": SANDBOXES["cinc"](clock), "rechat": SANDBOXES["rechat"](clock, **switches)}
    async with serve(there) as served:
        token = folder / "token"
        token.write_text(there["cinc"].token)
        config = f'{served.config(token)}{options}\n[database]\nurl = "{database.url}"\n'
        yield Both(there["cinc"], there["rechat"], clock, config)


def people(sandbox: Any) -> Mapping[str, Mapping[str, Any]]:
    """Everybody with an address, by it, in terms both CRMs have."""
    shown = [sandbox.shows(lead) for lead in sandbox.ids()]
    return {seen["email"]: comparable(seen) for seen in shown if seen.get("email")}


def comparable(seen: Mapping[str, Any]) -> Mapping[str, Any]:
    """A lead without what only one of the two can show."""
    plain = {name: seen.get(name) or "" for name in ("first_name", "last_name", "city", "region")}
    return {
        **plain,
        "labels": sorted(label.casefold() for label in seen["labels"] if label != "Lead"),
        "notes": sorted(parse(text, DEFAULT_TEMPLATE)[1] for _, text in seen["notes"]),
    }


@pytest.mark.parametrize("way", OTHER_WAYS)
async def test_both_get_everybody_and_then_nothing_is_written(way: str, tmp_path: Path, database: Database):
    """Sync to quiet; then a further cycle and a full comparison write not one request, counted by the vendors."""
    options, switches = OTHER_WAYS[way]
    async with standing(tmp_path, database, options, **switches) as both:
        populate({"cinc": both.cinc, "rechat": both.rechat}, PEOPLE, seed=21)
        await both.quiet()
        assert people(both.cinc) == people(both.rechat)
        assert len(people(both.rechat)) > PEOPLE / 2
        assert await both.written_by_another_sync() == []
        assert await both.written_by_another_sync(full=True) == []


async def test_what_people_do_in_one_is_seen_in_the_other(tmp_path: Path, database: Database):
    """Stage (as a tag), owner, assignee, labels, notes and fields cross over both ways; what is only Rechat's stays."""
    async with standing(tmp_path, database) as both:
        cinc, rechat = both.cinc, both.rechat
        at = {
            name: {who: there.add_agent(f"{who}@example.com", who.title(), "Gent") for who in ("ann", "bob", "cy")}
            for name, there in (("cinc", cinc), ("rechat", rechat))
        }
        source = cinc.add_person(first_name="Ada", last_name="Byron", email="ada@example.com", stage="Contacted",
                                 phones=[("212 555-0123", "cell")], street="12 Oak St", city="Rome", region="GA",
                                 labels=["VIP"])  # fmt: skip
        cinc.assign(source, "primary", at["cinc"]["ann"])
        cinc.assign(source, "partner", at["cinc"]["bob"])
        cinc.add_note(source, "Likes numbers.")
        await both.quiet()
        (lead,) = rechat.ids()
        seen = rechat.shows(lead)
        assert (seen["stage"], seen["street"], seen["phones"]) == ("Contacted", "12 Oak St", [("+12125550123", "cell")])
        assert seen["labels"] == ["Lead", "VIP"]
        assert seen["assignments"] == {"primary": at["rechat"]["ann"], "partner": at["rechat"]["bob"]}

        rechat.add_row(lead, attribute_type="website", text="https://example.com")
        rechat.edit(lead, "stage", "Showing")
        rechat.edit(lead, "last_name", "Lovelace")
        rechat.assign(lead, "primary", at["rechat"]["cy"])
        rechat.remove_label(lead, "VIP")
        rechat.add_label(lead, "Hot")
        rechat.add_note(lead, "Saw the house.")
        cinc.assign(source, "partner", at["cinc"]["ann"])
        await both.clock.sleep(60)
        await both.quiet()
        there, here = cinc.shows(source), rechat.shows(lead)
        assert (there["last_name"], there["stage"]) == ("Lovelace", "Showing")
        assert there["assignments"]["primary"] == at["cinc"]["cy"]
        assert sorted(there["labels"]) == ["Hot", "Lead"]
        assert here["assignments"]["partner"] == at["rechat"]["ann"]
        assert people(cinc) == people(rechat)
        assert [row["text"] for row in rechat.store.contacts[lead].rows.values() if row["attribute_type"] == "website"]
        assert await both.written_by_another_sync(full=True) == []
