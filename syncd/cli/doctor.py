"""``syncd doctor``: look at everything that may be wrong, and name for each finding what mends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import output, work
from syncd.domain.errors import ConfigError, DatabaseError, SyncdError

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.cli.checks.finding import Check, Finding, Place
    from syncd.settings import Settings

_INDENT = " " * 9


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("doctor", epilog="Example: syncd doctor --connection chime")(doctor)


def doctor(
    ctx: typer.Context,
    *,
    connection: Annotated[
        list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only this connection.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no vendor.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check config, database, credentials, clocks and all that waits, and name the command that mends each finding.

    Ends with 1 when something does not work, with 3 when a person should decide something, with 0 when all is well.
    Changes nothing at any vendor. A paused connection is asked only if --connection names it.
    """
    found = work.run(examine(ctx.obj.config, connection or [], offline=offline))
    if as_json:
        counted = Counter(finding.state for finding in found)
        states = {"ok": counted["ok"], "warning": counted["warning"], "problem": counted["problem"]}
        output.emit_json({"findings": [finding.to_json() for finding in found], **states})
    else:
        show(found)
    raise typer.Exit(code_of(found))


async def examine(file: Path | None, only: Sequence[str], *, offline: bool) -> list[Finding]:
    """Everything that was found, as far as one could look. Raises UsageError for a connection nobody configured."""
    from syncd.bootstrap import check_connections
    from syncd.cli.checks.config import config
    from syncd.cli.checks.finding import Finding

    found, settings = config(file)
    if settings is None:
        return found
    try:
        check_connections(settings, only)
    except ConfigError as error:
        return [*found, Finding("config", "problem", str(error), error.hint)]
    return [*found, *await _with_database(settings, only, offline=offline)]


async def _with_database(settings: Settings, only: Sequence[str], *, offline: bool) -> list[Finding]:
    """What is found once the config loads: the database, then whatever needs it."""
    from syncd.bootstrap import open_syncd
    from syncd.cli.checks import CHECKS, Place
    from syncd.cli.checks.database import room, schema
    from syncd.cli.checks.finding import Finding
    from syncd.ports.clock import SystemClock
    from syncd.store.database import open_database

    place = settings.database
    try:
        database = await asyncio.to_thread(open_database, place.url, place.schema_name, place.data_dir)
    except DatabaseError as error:
        return [Finding("database", "problem", str(error), error.hint), _unseen("the database cannot be used")]
    try:
        found = [await asyncio.to_thread(schema, database)]
        if database.server is not None:
            found.append(room(database.server.data_dir))
        if found[0].state == "problem":
            return [*found, _unseen("the database cannot be used")]
        clock = SystemClock()
        try:
            async with open_syncd(settings, clock=clock, only=only) as syncd:
                looked_at = Place(settings, syncd, clock, tuple(only), offline)
                for check in CHECKS:
                    found += await _checked(check, looked_at)
        except SyncdError as error:
            found += [Finding("doctor", "problem", str(error), error.hint), _unseen("not everything could be opened")]
        return found
    finally:
        await asyncio.to_thread(database.close)


async def _checked(check: Check, place: Place) -> list[Finding]:
    """One check; where it fails, that is what it found."""
    from syncd.cli.checks.finding import Finding

    try:
        return await check(place)
    except SyncdError as error:
        return [Finding(check.__name__, "problem", f"could not be checked: {error}", error.hint)]


def _unseen(why: str) -> Finding:
    from syncd.cli.checks.finding import Finding

    return Finding("doctor", "problem", f"nothing else was checked: {why}", "mend that, then `syncd doctor` again")


def code_of(found: Sequence[Finding]) -> int:
    """1 if something does not work, 3 if a person should decide something, 0 if all is well."""
    states = {finding.state for finding in found}
    if "problem" in states:
        return output.FAILED
    return output.PERSON if "warning" in states else output.DONE


def show(found: Sequence[Finding]) -> None:
    """Findings as a person reads them: one line each, and below it what mends it."""
    for finding in found:
        about = f"{finding.check} {finding.connection}".strip()
        output.emit_line(f"{finding.state:<9}{about}: {finding.line}")
        if finding.mend:
            output.emit_line(f"{_INDENT}→ {finding.mend}")
    counted = Counter[str](finding.state for finding in found)
    told = [
        f"{counted[state]} {state}{'s' if counted[state] > 1 else ''}"
        for state in ("problem", "warning")
        if counted[state]
    ]
    output.emit_line()
    output.emit_line(f"{', '.join(told)}." if told else "All is well.")
