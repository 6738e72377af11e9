"""``syncd demo``: a whole, real run on this machine in less than a minute, with nothing to set up.

Five simulated CRMs answer HTTP on loopback ports, PostgreSQL runs in a temporary directory, about 300 made-up
people are spread over all of them. Everything else is the real thing: the engine, the adapters, the store. At
the end nothing is left of it.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from syncd.cli import output, story, sync, told, work
from syncd.cli.story import CAST
from syncd.domain.errors import SyncdError, UsageError

if TYPE_CHECKING:
    from syncd.engine.run import Report
    from syncd.sandbox.base import SandboxVendor
    from syncd.sandbox.server import Served
    from syncd.sandbox.world import Population
    from syncd.settings import Settings

GENEROUS: Final = 20
"""The demo's vendors allow so many times the requests that the real ones document; those that document no limit
have none, and the config says so (`syncd.sandbox.server.UNHURRIED`)."""
QUICK: Final[Mapping[str, Mapping[str, Any]]] = {story.CHIME: {"lag_s": 0.2}}
"""Chime shows a new lead after seconds (vendors/chime.md §11); in the demo nobody should have to wait for that."""
PEOPLE_MIN: Final = 40
APART_S: Final = 5.0
"""Between the two edits of one field: longer than the vendors' times are uncertain, so that one is the later."""
COLUMNS_MAX: Final = 100
OWN_WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    story.RECHAT: {"create_via": "contacts"},  # quietly: a captured lead is routed, tagged and announced to agents
    story.EPIXEL: {"stages": {"attempted": "new", "appointment": "contacted", "showing": "qualified",
                              "under_contract": "qualified", "closed": "converted"}},
}  # fmt: skip
"""What a business would say in its config: how leads are made, and which of its own stages is which of syncd's."""


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("demo")(demo)


def demo(
    *,
    people: Annotated[
        int, typer.Option("--people", min=PEOPLE_MIN, max=5000, help="How many people live in it.")
    ] = 300,
    seed: Annotated[int, typer.Option("--seed", help="Another number, other people.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running until Ctrl-C, to try commands on.")] = False,
) -> None:
    """See a whole synchronisation on this machine: five simulated CRMs, made-up people, a real database."""
    with output.tables_within(COLUMNS_MAX):
        work.run(_demo(people, seed, keep=keep), stopped="stopped; the demo has removed everything it made")


async def _demo(people: int, seed: int, *, keep: bool) -> None:
    async with _stage(people, seed) as stage:
        await _play(stage)
        if keep:
            _invite(stage)
            await asyncio.Event().wait()
    output.emit_line()
    output.emit_line("The demo has stopped its servers and removed its files. `syncd config example` is the way on.")


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs during a demo."""

    folder: Path
    config: Path
    settings: Settings
    served: Served
    population: Population

    @property
    def sandboxes(self) -> Mapping[str, SandboxVendor]:
        """The simulated vendors by connection."""
        return self.served.sandboxes

    @property
    def writes(self) -> dict[str, int]:
        """Requests to write that each vendor has counted."""
        return {name: sandbox.writes for name, sandbox in self.sandboxes.items()}

    @property
    def reads(self) -> dict[str, int]:
        """Requests to read that each vendor has counted."""
        return {name: sandbox.reads for name, sandbox in self.sandboxes.items()}


@asynccontextmanager
async def _stage(people: int, seed: int) -> AsyncIterator[Stage]:
    """Database, vendors and people; all gone afterwards, whatever happens."""
    from syncd.ports.clock import SystemClock
    from syncd.sandbox import SANDBOXES
    from syncd.sandbox.server import serve
    from syncd.sandbox.world import populate
    from syncd.settings import load
    from syncd.store.embedded import THROWAWAY, Embedded

    clock = SystemClock()
    sandboxes = {name: SANDBOXES[name](clock, **QUICK.get(name, {})) for name in CAST}
    for sandbox in sandboxes.values():
        if "limit" in sandbox.switches:
            sandbox.switches["limit"] *= GENEROUS
    population = populate(sandboxes, people, seed)
    folder = _folder()
    server = Embedded(folder / "pg", settings=THROWAWAY)
    try:
        async with serve(sandboxes) as served:
            starting = asyncio.to_thread(server.start)
            config = _write_config(folder, served, people)
            settings = load(config)
            await starting
            await asyncio.to_thread(_upgrade, settings)
            yield Stage(folder, config, settings, served, population)
    finally:
        server.stop(remove=True)
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    """A temporary directory that others may pass: as root the database runs as a user of its own."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    folder.chmod(0o711)
    return folder


def _write_config(folder: Path, served: Served, people: int) -> Path:
    """The config of the demo: that of the sandboxes, its own database, and room for a first synchronisation."""
    token = folder / "token"
    token.write_text(next(iter(served.sandboxes.values())).token)
    guard = {"creates": max(500, people), "reassignments": max(500, people), "share": 1.0}
    own = {name: {**OWN_WORDS.get(name, {}), "guard": guard} for name in served.sandboxes}
    config = folder / "syncd.toml"
    config.write_text(f'{served.config(token, own)}\n[database]\ndata_dir = "{folder / "pg"}"\n')
    return config


def _upgrade(settings: Settings) -> None:
    from syncd.store.database import open_database
    from syncd.store.schema import upgrade

    database = open_database(None, settings.database.schema_name, settings.database.data_dir)
    try:
        upgrade(database)
    finally:
        database.close()


async def _play(stage: Stage) -> None:
    """The story, in five scenes."""
    _heading("1. Five CRMs that know different things")
    for line in INTRODUCTION:
        output.emit_line(line.format(people=len(stage.population.placed)))
    before = {name: told.census(sandbox) for name, sandbox in stage.sandboxes.items()}
    _heading("2. The first synchronisation")
    for line in FIRST:
        output.emit_line(line)
    output.emit_line()
    report = await _sync(stage)
    output.emit_line()
    told.show_census(before, {name: told.census(sandbox) for name, sandbox in stage.sandboxes.items()})
    if report.not_carried:
        output.emit_line()
        output.emit_line("No CRM can hold everything. What one cannot is told, lead by lead; here it is counted:")
        output.emit_line()
        told.show_losses(report.not_carried)
    since = datetime.now(UTC)
    plot, acts = await _live(stage)
    await _sync_again(stage, plot, acts, since)
    await _proof(stage)


INTRODUCTION: Final = (
    "syncd keeps the leads of a business the same in every CRM it uses. This is a real run of it, here:",
    f"  · five simulated CRMs ({', '.join(CAST.values())}),",
    "    which answer HTTP the way their vendors' documents say, oddities included,",
    "  · {people} made-up people, most of them known to one CRM only, the rest to several and not always",
    "    the same way, and their agents, notes and labels,",
    "  · a PostgreSQL of its own in a temporary directory. Everything is removed at the end.",
    "Real CRMs allow few requests a minute; these allow many more, so that you need not wait.",
)
FIRST: Final = (
    "syncd reads all five, finds out who is who (by e-mail, else by phone and name), fills what one",
    "lacks from the others, and writes to each CRM exactly what that CRM is missing.",
)


async def _sync(stage: Stage) -> Report:
    """Synchronise to quiet, with progress, and show the report. Raises SyncdError if a connection fails."""
    from syncd.bootstrap import open_syncd

    with output.Progress() as progress:
        async with open_syncd(stage.settings, progress=_together(progress, len(stage.sandboxes))) as syncd:
            report = await syncd.engine.sync(until_quiet=True)
    sync.show_failures(report)
    if report.failed:
        message = "the demo could not reach its own CRMs"
        raise SyncdError(message, hint="run it again with --debug")
    sync.show(report, losses=False)
    return report


def _together(progress: output.Progress, connections: int) -> Callable[[str, str, int, int | None], None]:
    """The engine's progress with one bar for each kind of work, whichever CRM it is at."""
    done: dict[str, dict[str, tuple[int, int | None]]] = {}

    def shown(what: str, connection: str, number: int, total: int | None) -> None:
        if what not in WORK:  # the engine waits; here no answer is ever lost, so it waits for what it has just made
            output.emit_note(f"waiting {total} s until a CRM shows the lead that was just created there")
            return
        there = done.setdefault(what, {})
        there[connection] = (number, total)
        totals = [one for _, one in there.values() if one is not None]
        # Each CRM comes to its end at another time: told line by line, every one of those would be a line.
        known = sum(totals) if len(totals) == connections and sys.stderr.isatty() else None
        progress.update(WORK[what], sum(one for one, _ in there.values()), known)

    return shown


WORK: Final[Mapping[str, str]] = {"pull": "leads read", "notes": "leads whose notes are read", "push": "leads written"}
"""Kind of work → how its bar is called."""


async def _live(stage: Stage) -> tuple[story.Story, list[story.Act]]:
    """People work in their CRMs."""
    _heading("3. People work, each in their own CRM")
    try:
        plot = story.Story(stage.sandboxes, stage.population)
    except story.NotEnoughPeopleError:
        message = "too few people are in all the CRMs for the story"
        raise UsageError(message, hint="try another --seed, or more --people") from None
    acts = plot.first()
    for act in acts:
        _tell(act)
    output.emit_line("  … a few seconds later, somebody who has not seen that:")
    await asyncio.sleep(APART_S)
    later = plot.second()
    for act in later:
        _tell(act)
    return plot, acts + later


def _tell(act: story.Act) -> None:
    act.do()
    output.emit_line(f"  {act.person.name:<24} {act.told}")


async def _sync_again(stage: Stage, plot: story.Story, acts: list[story.Act], since: datetime) -> None:
    """What became of it, out of the CRMs and out of syncd's own books."""
    from syncd.bootstrap import open_syncd
    from syncd.store.views import iso

    _heading("4. syncd looks again")
    await _sync(stage)
    output.emit_line()
    async with open_syncd(stage.settings) as syncd:
        telling = told.Telling(syncd, work.views_of(stage.settings, syncd.store), plot, iso(since) or "")
        await telling.outcomes(acts)
        _lead_in("The last name was changed in two CRMs: a rule decided, both are kept (`syncd conflicts show`):")
        await telling.conflict(plot.rival)
        _lead_in("A lead without a phone: where it cannot be, syncd says so (`syncd leads explain … phone`):")
        await telling.explanation(plot.newcomer, "phone")
        _lead_in("The long note, in parts that syncd itself takes for one:")
        telling.parts(plot.visited)
        _lead_in(f"Everything is in a journal, here that of {plot.moved.name} (`syncd leads history`):")
        await telling.history(plot.moved)


async def _proof(stage: Stage) -> None:
    """A further cycle, and what the vendors themselves counted."""
    from syncd.bootstrap import open_syncd

    _heading("5. The proof: nothing is left to do, so nothing is written")
    reads, writes = stage.reads, stage.writes
    async with open_syncd(stage.settings) as syncd:
        await syncd.engine.sync()
    rows = [
        (f"{CAST[name]}: requests it counted", stage.reads[name] - reads[name], writes[name], stage.writes[name])
        for name in stage.sandboxes
    ]
    output.emit_table(("one more cycle", "reads", "writes before", "writes after"), rows)
    output.emit_line()
    if stage.writes == writes:
        output.emit_line("Not one write: syncd compares what each CRM shows with what it should show, and they agree.")
    else:
        message = "the further cycle wrote something: that is a defect of syncd"
        raise SyncdError(message, hint="`syncd demo --keep` keeps it running, to look closer")


def _invite(stage: Stage) -> None:
    """What to type while it goes on."""
    _heading("It goes on running until you press Ctrl-C")
    one = story.shared(stage.sandboxes)[0]
    output.emit_line(f"export SYNCD_CONFIG={stage.config}")
    output.emit_line()
    control = f"{stage.served.control_url}/_people"
    edit = f'{{"lead": "{one.ids[story.CHIME]}", "field": "city", "value": "Savannah"}}'
    output.emit_line("Look around:")
    for command in ("status", f"leads show {one.email}", f"leads explain {one.email}", "conflicts list", "plan"):
        output.emit_line(f"  syncd {command}")
    output.emit_line(f"Be somebody who edits in a CRM ({', '.join(CAST)}), and synchronise:")
    output.emit_line(f"  curl {control}/{story.CHIME}/edit -d '{edit}'")
    output.emit_line("  syncd plan && syncd sync --until-quiet")


def _lead_in(text: str) -> None:
    output.emit_line()
    output.emit_line(text)
    output.emit_line()


def _heading(text: str) -> None:
    from rich.console import Console

    output.emit_line()
    Console(highlight=False).print(text, style="bold")
    output.emit_line()
