"""``syncd verify``: compare every record of every vendor with what it should show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work

if TYPE_CHECKING:
    from syncd.engine.drift import Drift
    from syncd.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("verify", epilog="Example: syncd verify --connection chime --repair")(verify)


def verify(
    ctx: typer.Context,
    *,
    connection: Annotated[
        list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only this connection; repeat.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Merge what differs and plan it again; the next sync writes it.")
    ] = False,
    no_notes: Annotated[
        bool, typer.Option("--no-notes", help="Leave the notes out: they cost CINC, Chime and Epixel a call a lead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the graph with what every vendor shows, record by record and note by note, and report what differs.

    Changes nothing without --repair, and writes to no vendor. Where notes do not come along with the leads, each lead
    costs a call, which leaves a part of the vendor's limit to the daemon: 10,000 leads take CINC a quarter of an hour.
    Broken off, it goes on where it was. May run beside a daemon. Ends with 3 if something differs that was not
    repaired, with 1 if a vendor failed.
    """
    settings = ctx.obj.settings()
    found, errors = work.run(_verify(settings, connection or [], repair=repair, notes=not no_notes))
    for name, error in errors.items():
        output.emit_note(f"error: {name}: {error}")
        output.emit_note("hint: `syncd verify` goes on from where it was")
    if as_json:
        told = {name: to_json(one) for name, one in found.items()}
        output.emit_json({"repair": repair, "with_notes": not no_notes, "connections": told})
    else:
        _show(found, repair=repair)
    if errors:
        raise typer.Exit(output.FAILED)
    differs = not repair and any(drift.any for drift in found.values())
    raise typer.Exit(output.PERSON if differs else output.DONE)


def to_json(drift: Drift) -> dict[str, Any]:
    """The stable shape of one connection in ``syncd verify --json``."""
    from syncd.engine.drift import COUNTS

    examples = [{"external_id": record, "lead": lead, "what": what} for record, lead, what in drift.examples]
    counts = {name: drift.found[name] for name in COUNTS}
    proofs = {"complete": drift.complete, "resumed": drift.resumed}
    return {**counts, "fields": drift.fields, **proofs, "examples": examples}


async def _verify(
    settings: Settings, only: list[str], *, repair: bool, notes: bool
) -> tuple[dict[str, Drift], dict[str, str]]:
    from syncd.bootstrap import open_syncd
    from syncd.domain.errors import SyncdError
    from syncd.engine.pause import stays_paused
    from syncd.engine.verify import Verify
    from syncd.ports.clock import SystemClock

    found: dict[str, Drift] = {}
    errors: dict[str, str] = {}
    with output.Progress() as progress:
        async with open_syncd(settings, only=only) as syncd:
            for one in syncd.connections:
                if only and one.name not in only:
                    continue
                state = await syncd.store.connection(one.name, one.adapter.vendor)
                if stays_paused(one, state, asked=one.name in only):
                    errors[one.name] = f"paused: {state.paused}"
                    continue
                shown = work.shown(progress)
                comparing = Verify(syncd.store, SystemClock(), one, shown, lock_wait_s=work.LOCK_WAIT_S)
                try:
                    found[one.name] = await comparing.run(repair=repair, notes=notes)
                except SyncdError as error:
                    errors[one.name] = str(error)
    return found, errors


def _show(found: Mapping[str, Drift], *, repair: bool) -> None:
    from syncd.engine.drift import COUNTS

    columns = ("connection", *COUNTS[:2], "differing", *COUNTS[2:])
    output.emit_table(
        columns,
        [
            (
                name,
                *(one.found[count] for count in COUNTS[:2]),
                sum(one.fields.values()),
                *(one.found[count] for count in COUNTS[2:]),
            )
            for name, one in found.items()
        ],
    )
    fields = [(name, field, count) for name, one in found.items() for field, count in sorted(one.fields.items())]
    if fields:
        output.emit_line()
        output.emit_table(("connection", "field", "records that show something else"), fields)
    examples = [
        (name, record or "–", lead or "–", what) for name, one in found.items() for record, lead, what in one.examples
    ]
    if examples:
        output.emit_line()
        output.emit_table(("connection", "record", "lead", "what"), examples)
    output.emit_line()
    for name, one in found.items():
        if not one.complete:
            output.emit_line(
                f"{name}: its list did not prove complete, so nothing can be said of what it does not show"
            )
        if one.noteless:
            output.emit_line(f"{name}: shows no notes, so only those that ought to be there were looked for")
    drifted = sum(one.any for one in found.values())
    if not drifted:
        output.emit_line("Every record shows what it should.")
    elif repair:
        output.emit_line("What differed is planned again: `syncd sync` writes it, a daemon by itself.")
    else:
        names = render.count(drifted, "connection")
        output.emit_line(f"Something differs at {names}. `syncd verify --repair` merges it and has it planned again.")
