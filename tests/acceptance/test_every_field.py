"""An edit in any CRM reaches each of the other four that can hold it, within one `sync --until-quiet`.

The expectations stand in `fields` and `losses`, by hand, in the words of each vendor's own app. One person per row and
source, all in one town, so that a whole table costs three syncs: what is known already, the edits, and a last one in
which nothing may be written.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from syncd.domain.lead import FIELDS as CANONICAL
from syncd.store.database import Database
from tests.acceptance.fields import FIELDS, NEW, SHOWN_AS, Row, many
from tests.acceptance.five import FILLED, VENDORS, Town, changes, standing
from tests.acceptance.losses import LOSSES, SWAPS, Loss

PLAIN = {name: name for name in VENDORS}
OTHER = {**PLAIN, "chime": "lofty", "rechat": "attributes"}
EPIXEL_PAGE = 100
OPT_OUT = "_opt_out"
"""Whoever opted out must not be forgotten where a vendor cannot hold it: each of these is reported."""


@dataclass(slots=True)
class Case:
    """One person, and what happens to them at ``source``. ``seen`` is what each vendor is to go on showing."""

    number: int
    name: str
    what: str
    source: str
    ids: Mapping[str, str]
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, value: Any) -> dict[str, Any]:
        """A value of the tables by field, as it is for this person: addresses are nobody else's."""
        found: dict[str, Any] = _for(value if isinstance(value, dict) else {self.what: value}, str(self.number))
        return found

    def typed(self, town: Town, value: Any) -> None:
        """Somebody types it at the source."""
        for what, one in self.of(value).items():
            town.types(self.source, self.ids[self.source], what, one)

    def look(self, town: Town) -> None:
        """Remember what everybody shows now."""
        self.seen = {vendor: town.sees(vendor, lead) for vendor, lead in self.ids.items()}

    def wrong(self, town: Town, expected: Mapping[str, Any]) -> Iterator[str]:
        """What vendors show otherwise than they did and than is ``expected``: too little, too much, or invented."""
        for vendor in VENDORS:
            wanted = self.of(expected[vendor]) if vendor in expected else {}
            before = self.seen[vendor]
            changed = changes(before, town.sees(vendor, self.ids[vendor]))
            if vendor == "mycrm":  # demanded with every write, and read as blank
                filled = {name for name in changed if name not in before and changed[name] == FILLED.get(name)}
                changed = {name: value for name, value in changed.items() if name in wanted or name not in filled}
            if changed != wanted:
                yield f"{self.name}, typed at {self.source}: {vendor} shows {changed}, not {wanted}"


def _for(value: Any, number: str) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", number)
    if isinstance(value, list):
        return [_for(one, number) for one in value]
    return {name: _for(one, number) for name, one in value.items()} if isinstance(value, dict) else value


def nothing(lines: Iterator[str] | list[str]) -> None:
    """Every wrong cell at once, a line each."""
    found = list(lines)
    assert not found, "\n".join(found)


async def silence(town: Town) -> None:
    """One more cycle writes nothing anywhere; of Epixel it takes exactly one full listing, and nothing else."""
    report = await town.sync(until_quiet=False)
    assert town.writes() == []
    assert report.pending == 0
    pages = math.ceil(len(town.sandboxes["epixel"].ids()) / EPIXEL_PAGE)
    assert Counter(town.reads("epixel")) == {"/leads/list/": pages}


def test_the_table_is_whole():
    """Every canonical field has a row, every row a cell for every vendor; what is not carried has a reason."""
    shown = {SHOWN_AS.get(name, name) for row in FIELDS for name in (row.field, *_fields_shown(row))}
    assert {SHOWN_AS.get(name, name) for name in CANONICAL} - shown == {"registered_at"}
    for row in FIELDS:
        assert {row.cell(face).typed is None for face in VENDORS} >= {False}, f"{row.name}: nobody can type it"
        for face in (*VENDORS, "lofty", "attributes"):
            cell = row.cell(face)
            assert cell.shown is not None or cell.why, f"{row.name}: {face} gives no reason"


def _fields_shown(row: Row) -> set[str]:
    return {name for cell in row.cells.values() if isinstance(cell.typed, dict) for name in cell.typed}


@pytest.mark.parametrize(("dialect", "faces"), [("chime", PLAIN), ("lofty", OTHER)], ids=["chime", "lofty"])
async def test_an_edit_reaches_all_who_can_hold_it(
    tmp_path: Path, database: Database, dialect: str, faces: Mapping[str, str]
):
    """Fields × vendors × vendors; nothing else of the lead changes anywhere, and the next cycle is silent.

    The second face is Chime as Lofty and a Rechat account with custom attributes: the rows in which they differ.
    """
    rows = FIELDS if faces is PLAIN else [row for row in FIELDS if {"lofty", "attributes"} & row.cells.keys()]
    async with standing(tmp_path, database.url, dialect=dialect, attributes=faces is OTHER) as town:
        cases: list[tuple[Case, Row]] = []
        for row in rows:
            for source in [vendor for vendor in VENDORS if row.cell(faces[vendor]).typed is not None]:
                case = Case(len(cases), row.name, row.field, source, town.person(len(cases)))
                if row.before is not None:
                    case.typed(town, row.before)
                cases.append((case, row))
        await town.quiet()
        for case, row in cases:
            case.typed(town, row.cell(faces[case.source]).typed)
            case.look(town)
        report = await town.quiet()
        nothing(line for case, row in cases for line in case.wrong(town, row.shown(faces, but=case.source)))
        assert (report.conflicts, report.reviews, report.quarantined, report.held) == (0, 0, 0, [])
        unheld = Counter((one.connection, one.field) for one in report.not_carried if one.field.endswith(OPT_OUT))
        assert unheld == Counter(
            (vendor, row.field)
            for case, row in cases
            for vendor in VENDORS
            if row.field.endswith(OPT_OUT) and vendor != case.source and row.cell(faces[vendor]).shown is None
        )
        await silence(town)


async def test_a_new_lead_brings_along_what_the_others_can_hold(tmp_path: Path, database: Database):
    """A lead that one vendor alone knows is made at the other four, with all of it that they can show."""
    async with standing(tmp_path, database.url) as town:
        cases: list[tuple[Case, Row]] = []
        for row in NEW:
            [source] = [vendor for vendor in VENDORS if row.cell(vendor).typed is not None]
            typed = dict(row.cell(source).typed)
            note = typed.pop("note")
            case = Case(len(cases), row.name, row.field, source, town.person(len(cases), only=source, **typed))
            case.typed(town, many(note=note))
            cases.append((case, row))
        await town.quiet()
        nothing(line for case, row in cases for line in _missing(town, case, row.shown(PLAIN, but=case.source)))
        await silence(town)


def _missing(town: Town, case: Case, expected: Mapping[str, Any]) -> Iterator[str]:
    """What leads that syncd made do not show as they should; a None is shown by nobody."""
    for vendor, wanted in expected.items():
        seen = town.sees(vendor, town.find(vendor, f"pat{case.number}@example.com"))
        found = {name: seen.get(name) for name in wanted}
        if found != wanted:
            yield f"{case.name}: {vendor} shows {changes(wanted, found)}"


async def test_what_a_vendor_cannot_hold_never_comes_back_as_a_loss(tmp_path: Path, database: Database):
    """Cut, re-cased, coerced, defaulted or single at one vendor, whole at the others: at first, and ever after.

    Afterwards somebody changes something else at each narrow vendor: that arrives everywhere, and nothing with it.
    """
    async with standing(tmp_path, database.url, attributes=True) as town:
        cases: list[tuple[Case, Loss, str]] = []
        for loss in LOSSES:
            for narrow in loss.narrow:
                number = len(cases)
                known = {"only": loss.source, loss.field: loss.typed} if loss.new else {}
                case = Case(number, loss.name, loss.field, loss.source, town.person(number, **known))
                cases.append((case, loss, narrow))
        await town.quiet()
        for case, loss, _ in cases:
            if not loss.new:
                case.typed(town, loss.typed)
                case.look(town)
        await town.quiet()
        nothing(
            line
            for case, loss, _ in cases
            for line in (_missing(town, case, loss.made) if loss.new else case.wrong(town, loss.shown))
        )
        for case, loss, narrow in cases:
            case.ids = {vendor: town.find_again(vendor, case.number, case.ids) for vendor in VENDORS}
            case.name = f"{loss.name}, and then something else edited at {narrow}"
            case.look(town)
            elsewhere = "last_name" if loss.field == "city" else "city"
            town.types(narrow, case.ids[narrow], elsewhere, "Elsewhere")
            for shown in case.seen.values():
                shown[elsewhere] = "Elsewhere"
        await town.quiet()
        nothing(line for case, _, _ in cases for line in case.wrong(town, {}))
        await silence(town)


async def test_an_edit_of_the_one_value_a_vendor_holds_leaves_the_others(tmp_path: Path, database: Database):
    """Where others hold several, the one that was shown is replaced, and the rest stays."""
    async with standing(tmp_path, database.url) as town:
        cases = [
            (Case(number, swap.name, swap.field, swap.source, town.person(number)), swap)
            for number, swap in enumerate(SWAPS)
        ]
        await town.quiet()
        for case, swap in cases:
            case.typed(town, swap.typed)
        await town.quiet()
        for case, swap in cases:
            case.source = swap.narrow
            case.typed(town, swap.then)
            case.look(town)
        await town.quiet()
        nothing(line for case, swap in cases for line in case.wrong(town, swap.shown))
        await silence(town)


async def test_a_note_alone_at_epixel_comes_with_the_next_full_comparison(tmp_path: Path, database: Database):
    """It moves nothing that a listing shows, and a view per lead and poll is more than the vendor's limit bears."""
    async with standing(tmp_path, database.url) as town:
        case = Case(0, "a note alone", "notes", "epixel", town.person(0))
        await town.quiet()
        case.typed(town, many(note="Has two dogs."))
        case.look(town)
        await town.quiet()
        nothing(case.wrong(town, {}))
        await town.sync(full=True)
        nothing(case.wrong(town, {vendor: ["Has two dogs."] for vendor in VENDORS if vendor != "epixel"}))
        await silence(town)
