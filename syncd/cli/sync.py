"""``syncd sync``: bring all connections in step once, or until there is nothing left to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import output, render, work

if TYPE_CHECKING:
    from syncd.engine.run import Report
    from syncd.settings import Settings

Connections = Annotated[
    list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only this connection; may be repeated.")
]
NOT_CARRIED_ROWS_MAX = 12


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("sync")(sync)


def sync(
    ctx: typer.Context,
    *,
    connection: Connections = None,
    until_quiet: Annotated[
        bool, typer.Option("--until-quiet", help="Repeat until a cycle finds nothing new and writes nothing.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Compare everything, not only what changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every connection, decide, and write to each exactly what it is missing.

    Ends with 3 when it worked but a person has to decide something, with 1 when a connection failed.
    """
    settings = ctx.obj.settings()
    report = work.run(_sync(settings, connection or [], full=full, until_quiet=until_quiet))
    show_failures(report)
    if as_json:
        output.emit_json(report.to_json())
    else:
        show(report)
    raise typer.Exit(code_of(report))


async def _sync(settings: Settings, only: list[str], *, full: bool, until_quiet: bool) -> Report:
    from syncd.bootstrap import open_syncd

    with output.Progress() as progress:
        async with open_syncd(
            settings, progress=work.shown(progress), only=only, lock_wait_s=work.LOCK_WAIT_S
        ) as syncd:
            return await syncd.engine.sync(only=only, full=full, until_quiet=until_quiet)


def code_of(report: Report) -> int:
    """The exit code a report asks for."""
    if report.failed:
        return output.FAILED
    return output.PERSON if report.needs_person else output.DONE


def show_failures(report: Report) -> None:
    """One line and one hint per connection that failed, to standard error."""
    for name, tally in report.connections.items():
        if tally.error:
            output.emit_note(f"error: {name}: {tally.error}")
            output.emit_note(f"hint: {tally.hint or f'try `syncd sync --connection {name}` again later'}")


def show(report: Report, *, losses: bool = True) -> None:
    """The report as a person reads it: numbers, the state, what a person has to do, and what is not carried."""
    rows = [
        (name, t.pulled, t.changed, t.pushed, t.failed, t.requests, "failed" if t.error else "")
        for name, t in report.connections.items()
    ]
    output.emit_table(("connection", "read", "changed", "written", "refused", "requests", ""), rows)
    output.emit_line()
    output.emit_line(_state(report))
    for line in _for_a_person(report):
        output.emit_line(line)
    if report.not_carried and losses:
        output.emit_line()
        _show_not_carried(report)


def _state(report: Report) -> str:
    cycles = render.count(report.cycles, "cycle")
    if report.failed:
        return f"Not finished after {cycles}: a connection failed, see above. The others are not held up by it."
    if report.quiet and not report.pending:
        return f"In step after {cycles}: nothing new anywhere, and nothing left to write."
    if report.quiet:
        return f"Nothing moves any more after {cycles}; {render.count(report.pending, 'operation')} cannot be done now."
    left = f"{render.count(report.pending, 'operation')} left to write" if report.pending else "nothing left to write"
    return f"{cycles} done, {left}. `syncd sync --until-quiet` goes on until nothing moves."


def _for_a_person(report: Report) -> list[str]:
    lines = []
    if report.conflicts:
        lines.append(f"{render.count(report.conflicts, 'conflict')} to decide: `syncd conflicts list --open`")
    if report.reviews:
        lines.append(f"{render.count(report.reviews, 'record')} that might be several leads: `syncd status`")
    if report.quarantined:
        lines.append(f"{render.count(report.quarantined, 'record')} that cannot be read: `syncd quarantine list`")
    for held in report.held:
        lines.append(f"{held.connection}: held, {'; '.join(held.reasons)}")
        lines.append(
            f"  look: `syncd plan`   release: `syncd plan approve {held.id}`   drop: `syncd plan reject {held.id}`"
        )
    return lines


def _show_not_carried(report: Report) -> None:
    """What vendors cannot hold, counted: a thousand leads without an address are one line."""
    counted = Counter((one.connection, one.field, one.reason) for one in report.not_carried)
    output.emit_line("Not carried (`syncd leads explain` tells it per lead):")
    rows = [
        (name, field, reason, number) for (name, field, reason), number in counted.most_common(NOT_CARRIED_ROWS_MAX)
    ]
    output.emit_table(("connection", "field", "why", "leads"), rows)
    if len(counted) > NOT_CARRIED_ROWS_MAX:
        output.emit_line(f"and {len(counted) - NOT_CARRIED_ROWS_MAX} more kinds")
