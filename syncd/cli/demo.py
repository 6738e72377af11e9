"""``syncd demo``: a whole, real run on this machine in less than a minute, with nothing to set up.

Two simulated CRMs answer HTTP on loopback ports, PostgreSQL runs in a temporary directory, about 300 made-up
people are spread over both. Everything else is the real thing: the engine, the adapters, the store. At the
end nothing is left of it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from syncd.cli import conflicts, explain, leads, output, render, story, sync, work
from syncd.domain.errors import SyncdError, UsageError

if TYPE_CHECKING:
    from syncd.sandbox.base import SandboxVendor
    from syncd.sandbox.server import Served
    from syncd.sandbox.world import Population
    from syncd.settings import Settings

GENEROUS: Final = 20
"""The demo's vendors allow so many times the requests that the real ones document."""
PEOPLE_MIN: Final = 40
APART_S: Final = 4.0
"""Between the two edits of one field: longer than the vendors' times are uncertain, so that one is the later."""


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
    """See a whole synchronisation on this machine: two simulated CRMs, made-up people, a real database."""
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
    sandboxes = {name: SANDBOXES[name](clock) for name in (story.CINC, story.CHIME)}
    for sandbox in sandboxes.values():
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
    lines = [served.config(token), "[database]", f'data_dir = "{folder / "pg"}"']
    for name in served.sandboxes:
        lines += ["", f"[connections.{name}.guard]", f"creates = {max(500, people)}", "share = 1.0"]
    config = folder / "syncd.toml"
    config.write_text("\n".join(lines) + "\n")
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
    _heading("1. Two CRMs that know different things")
    for line in INTRODUCTION:
        output.emit_line(line.format(people=len(stage.population.placed)))
    output.emit_line()
    before = {name: census(sandbox) for name, sandbox in stage.sandboxes.items()}
    _heading("2. The first synchronisation")
    output.emit_line(
        "syncd reads both, finds out who is who (by e-mail, else by phone and name), fills what one side lacks from\n"
        "the other, and writes to each CRM exactly what that CRM is missing."
    )
    output.emit_line()
    await _sync(stage)
    output.emit_line()
    _show_census(before, {name: census(sandbox) for name, sandbox in stage.sandboxes.items()})
    since = datetime.now(UTC)
    plot, acts = await _live(stage)
    await _explain(stage, plot, acts, since)
    await _proof(stage)


INTRODUCTION: Final = (
    "syncd keeps the leads of a business the same in every CRM it uses. This is a real run of it, on this machine:",
    "  · two simulated CRMs, CINC and Chime, which answer HTTP the way their vendors' documents say,",
    "  · {people} made-up people, most of them known to one CRM only, the rest to both and not always the same way,",
    "  · a PostgreSQL of its own in a temporary directory. Everything is removed at the end.",
    f"The real vendors allow few requests a minute; these allow {GENEROUS} times as many, so that you need not wait.",
)


async def _sync(stage: Stage) -> None:
    """Synchronise to quiet, with progress, and show the report. Raises SyncdError if a connection fails."""
    from syncd.bootstrap import open_syncd

    with output.Progress() as progress:
        async with open_syncd(stage.settings, progress=work.shown(progress)) as syncd:
            report = await syncd.engine.sync(until_quiet=True)
    sync.show_failures(report)
    if report.failed:
        message = "the demo could not reach its own CRMs"
        raise SyncdError(message, hint="run it again with --debug")
    sync.show(report)


def census(sandbox: SandboxVendor) -> dict[str, int]:
    """What a CRM's app shows, counted."""
    seen = [sandbox.shows(lead) for lead in sandbox.ids()]
    return {
        "leads": len(seen),
        "with a phone": sum(bool(one.get("phones")) for one in seen),
        "with an agent": sum(bool(one["assignments"].get("primary")) for one in seen),
        "labels on leads": sum(len(one["labels"]) for one in seen),
        "notes": sum(len(one["notes"]) for one in seen),
    }


def _show_census(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> None:
    columns = [
        f"{name.upper() if name == story.CINC else name.title()} {when}"
        for name in before
        for when in ("before", "after")
    ]
    rows = [
        (what, *(side[name][what] for name in before for side in (before, after)))
        for what in next(iter(before.values()))
    ]
    output.emit_table(("what the CRMs show", *columns), rows)


async def _live(stage: Stage) -> tuple[story.Story, list[story.Act]]:
    """People work in their CRMs, and then syncd looks again."""
    _heading("3. People work, each in their own CRM")
    try:
        plot = story.Story(stage.sandboxes, stage.population)
        acts = plot.first()
    except story.NotEnoughPeopleError:
        message = "too few people are in both CRMs for the story"
        raise UsageError(message, hint="try another --seed, or more --people") from None
    for act in acts:
        _tell(act)
    output.emit_line("  … a few seconds later, somebody who has not seen that:")
    await asyncio.sleep(APART_S)
    later = plot.second()
    for act in later:
        _tell(act)
    acts += later
    _heading("4. syncd looks again")
    await _sync(stage)
    output.emit_line()
    rows = [
        (act.told, act.person.name, *(render.clip(plot.now(act, name), 60) for name in stage.sandboxes)) for act in acts
    ]
    output.emit_table(("somebody did this", "to", "CINC shows now", "Chime shows now"), rows)
    return plot, acts


def _tell(act: story.Act) -> None:
    act.do()
    output.emit_line(f"  {act.person.name:<24} {act.told}")


async def _explain(stage: Stage, plot: story.Story, acts: Sequence[story.Act], since: datetime) -> None:
    """What happened, out of syncd's own books: the journal, the conflict, and why a name is shorter in one CRM."""
    from syncd.bootstrap import open_syncd
    from syncd.store.views import iso

    async with open_syncd(stage.settings) as syncd:
        views = work.views_of(stage.settings, syncd.store)
        agents = await work.agent_names(syncd.store)
        people = {act.person.email: act.person for act in acts}
        ids = {email: await views.find_lead(f"{story.CINC}:{one.ids[story.CINC]}") for email, one in people.items()}
        names = await work.lead_titles(syncd.store, ids.values())
        begun = iso(since) or ""
        journal: list[Any] = []
        called: dict[int, str] = {}
        for lead in ids.values():
            new = [row for row in await views.lead_history(lead) if row["at"] >= begun]
            journal += new
            called |= {row["id"]: names[lead] for row in new}
        output.emit_line()
        output.emit_line("Every change is in the journal, with who made it and why (`syncd leads history`):")
        output.emit_line()
        leads.show_history(journal, agents, called)
        output.emit_line()
        output.emit_line(
            "The last name was changed on both sides: a rule decided, both are kept (`syncd conflicts show`):"
        )
        output.emit_line()
        for row in (await views.conflicts_list(None, lead=ids[plot.rival.email]))[:1]:
            conflicts.show(await views.conflict_show(row["id"]), names, agents)
        output.emit_line()
        output.emit_line(
            "Chime cannot hold so long a first name. That is a loss, not an edit, so it does not come back "
            "(`syncd leads explain`):"
        )
        output.emit_line()
        explain.show(await explain.explain(syncd, ids[plot.renamed.email], "first_name"), agents)


async def _proof(stage: Stage) -> None:
    """A further cycle, and what the vendors themselves counted."""
    from syncd.bootstrap import open_syncd

    _heading("5. The proof: nothing is left to do, so nothing is written")
    reads, writes = stage.reads, stage.writes
    async with open_syncd(stage.settings) as syncd:
        await syncd.engine.sync()
    rows = [
        (f"{name}: requests counted by the vendor", stage.reads[name] - reads[name], writes[name], stage.writes[name])
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
    output.emit_line("Be somebody who edits in a CRM, and synchronise:")
    output.emit_line(f"  curl {control}/{story.CHIME}/edit -d '{edit}'")
    output.emit_line("  syncd plan && syncd sync --until-quiet")


def _heading(text: str) -> None:
    from rich.console import Console

    output.emit_line()
    Console(highlight=False).print(text, style="bold")
    output.emit_line()
