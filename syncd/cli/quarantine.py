"""``syncd quarantine``: the records that could not be read, and why; try them again, or forget them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work
from syncd.domain.errors import UsageError

if TYPE_CHECKING:
    from syncd.engine.looking import Look
    from syncd.ports.rows import Quarantined
    from syncd.settings import Settings

Json = Any
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Connections = Annotated[
    list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only records of this connection.")
]
COMES_BACK = "A record comes back when it is read again and still cannot be understood."


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list", epilog="Example: syncd quarantine list --connection chime")(list_records)
    group.command("show", epilog="Example: syncd quarantine show 12 --payload")(show_record)
    group.command("retry", epilog="Example: syncd quarantine retry --all --dry-run")(retry)
    group.command("drop", epilog="Example: syncd quarantine drop 12 13")(drop)
    app.add_typer(group, name="quarantine", help="See records that cannot be read; try them again or forget them.")


def list_records(ctx: typer.Context, *, connection: Connections = None, as_json: AsJson = False) -> None:
    """List the records that cannot be read, with the reason; oldest first."""
    rows = work.run(_list(ctx.obj.settings(), connection or []))
    if as_json:
        output.emit_json({"records": rows})
        return
    if not rows:
        output.emit_line("Nothing is in quarantine.")
        return
    table = [
        (row["id"], row["connection"], row["kind"], row["external_id"], row["error"], row["attempts"],
         render.moment(row["first_at"]), render.moment(row["at"]))
        for row in rows
    ]  # fmt: skip
    output.emit_table(("id", "connection", "kind", "record", "why", "tries", "first", "last"), table)
    output.emit_line()
    output.emit_line("Mended there? `syncd quarantine retry --all` reads them again, and so does every sync.")


def show_record(
    ctx: typer.Context,
    record: Annotated[int, typer.Argument(metavar="ID")],
    *,
    payload: Annotated[bool, typer.Option("--payload", help="Also the record as the vendor sent it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one record: why it cannot be read, since when, how often it was tried."""
    found = work.run(_show(ctx.obj.settings(), record))
    if not payload:
        del found["payload"]
    if as_json:
        output.emit_json(found)
    else:
        show(found)


def retry(
    ctx: typer.Context,
    records: Annotated[list[int] | None, typer.Argument(metavar="ID", help="These records.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All records.")] = False,
    connection: Connections = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Read records again from their vendor and take in those that can be understood now. Writes to no vendor.

    Ends with 3 when some still cannot be read, with 1 when a vendor could not be asked. --dry-run asks, too, but takes
    nothing in.
    """
    if sum((bool(records), everything, bool(connection))) != 1:
        message = "name records by their id, or a --connection, or --all; one of them"
        raise UsageError(message, hint="`syncd quarantine list` shows the ids")
    looks, hints = work.run(_retry(ctx.obj.settings(), records, connection or [], dry_run=dry_run))
    if as_json:
        output.emit_json(retried_json(looks, dry_run=dry_run))
    else:
        show_retried(looks, dry_run=dry_run)
    for name, hint in hints.items():
        output.emit_note(f"hint: {name}: {hint}")
    raise typer.Exit(_code(looks))


def drop(
    ctx: typer.Context,
    records: Annotated[list[int], typer.Argument(metavar="ID", help="These records.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Forget records in quarantine. One comes back when it is read again and still cannot be understood."""
    dropped = work.run(_drop(ctx.obj.settings(), records, dry_run=dry_run))
    if as_json:
        output.emit_json({"dry_run": dry_run, "dropped": [_named(entry) for entry in dropped]})
        return
    for entry in dropped:
        verb = "would be forgotten" if dry_run else "forgotten"
        output.emit_line(f"{entry.id}: {entry.kind} {entry.external_id} of {entry.connection}: {verb}")
    output.emit_line(COMES_BACK)


async def _list(settings: Settings, only: Sequence[str]) -> list[dict[str, Json]]:
    from syncd.bootstrap import check_connections

    check_connections(settings, only)
    async with work.opened_views(settings) as (_, views):
        return [row for row in await views.quarantine_list() if not only or row["connection"] in only]


async def _show(settings: Settings, record: int) -> dict[str, Json]:
    async with work.opened_views(settings) as (_, views):
        return await views.quarantine_show(record)


async def _drop(settings: Settings, records: Sequence[int], *, dry_run: bool) -> Sequence[Quarantined]:
    from syncd.store.admin import Admin

    async with work.opened_store(settings) as store:
        admin = Admin(store)
        found = _all_there(await admin.quarantined(ids=records), records)
        if not dry_run:
            await admin.forget(records)
        return found


async def _retry(
    settings: Settings, records: list[int] | None, only: list[str], *, dry_run: bool
) -> tuple[list[Look], dict[str, str]]:
    """What became of the records, and what a person does about connections that refuse us."""
    import asyncio

    from syncd.bootstrap import open_syncd
    from syncd.engine.looking import Look, Outcome
    from syncd.engine.retry import Retry
    from syncd.ports.clock import SystemClock
    from syncd.store.admin import Admin

    with output.Progress() as progress:
        async with open_syncd(settings, only=only) as syncd:
            admin, clock = Admin(syncd.store), SystemClock()
            entries = await admin.quarantined(ids=records or None, connections=only or None)
            _all_there(entries, records or [])
            tries = [Retry(syncd.store, admin, clock, c, asked=c.name in only) for c in syncd.connections]
            parts = [[entry for entry in entries if entry.connection == c.name] for c in syncd.connections]
            done = await asyncio.gather(
                *(
                    one.run(part, dry=dry_run, progress=work.shown(progress))
                    for one, part in zip(tries, parts, strict=True)
                    if part
                )
            )
            hints = {c.name: one.hint for c, one in zip(syncd.connections, tries, strict=True) if one.hint}
    looks = [look for part in done for look in part]
    why = "its connection is no longer configured"
    looks += [Look(entry, Outcome.LEFT, why) for entry in entries if entry.connection not in settings.connections]
    return sorted(looks, key=lambda look: look.entry.id), hints


def _all_there(entries: Sequence[Quarantined], records: Sequence[int]) -> Sequence[Quarantined]:
    """Raises UsageError for an id that nothing in quarantine has."""
    missing = sorted(set(records) - {entry.id for entry in entries})
    if missing:
        message = f"there is no quarantined record {', '.join(map(str, missing))}"
        raise UsageError(message, hint="`syncd quarantine list` shows the ids")
    return entries


def show(found: Mapping[str, Json]) -> None:
    """One record as a person reads it."""
    import orjson

    output.emit_line(f"{found['id']}: {found['kind']} {found['external_id']} of {found['connection']}")
    output.emit_line(f"cannot be read: {found['error']}")
    tried = render.count(found["attempts"], "time")
    output.emit_line(f"tried {tried}, first {render.moment(found['first_at'])}, last {render.moment(found['at'])} UTC")
    if "payload" in found:
        output.emit_line()
        text = orjson.dumps(found["payload"], option=orjson.OPT_INDENT_2, default=str)
        output.emit_line(text.decode())
    else:
        output.emit_line(f"`syncd quarantine show {found['id']} --payload` shows the record itself")


def retried_json(looks: Sequence[Look], *, dry_run: bool) -> dict[str, Json]:
    """What became of the records, in the stable shape of ``--json``."""
    counted = Counter(str(look.outcome) for look in looks)
    rows = [_named(look.entry) | {"outcome": str(look.outcome), "detail": look.detail} for look in looks]
    return {"dry_run": dry_run, "records": rows, **{word: counted[word] for word in _WORDS}}


_WORDS: Mapping[str, tuple[str, str]] = {
    "read": ("read and taken in", "can be read now"),
    "broken": ("still cannot be read", "still cannot be read"),
    "gone": ("gone there; forgotten here", "gone there; would be forgotten"),
    "left": ("not tried", "cannot be tried"),
    "failed": ("could not be asked for", "could not be asked for"),
}
"""Outcome → how it is told, and how after a dry run."""


def show_retried(looks: Sequence[Look], *, dry_run: bool) -> None:
    """What became of the records, as a person reads it."""
    if not looks:
        output.emit_line("Nothing is in quarantine.")
        return
    rows = [
        (look.entry.id, look.entry.connection, look.entry.kind, look.entry.external_id,
         _WORDS[look.outcome][dry_run], look.detail)
        for look in looks
    ]  # fmt: skip
    output.emit_table(("id", "connection", "kind", "record", "is", "why"), rows)
    counted = Counter(str(look.outcome) for look in looks)
    output.emit_line()
    output.emit_line(
        "; ".join(f"{counted[word]:,} {words[dry_run]}" for word, words in _WORDS.items() if counted[word])
    )
    if counted["left"]:
        output.emit_line(f"`syncd quarantine drop ID` forgets what cannot be tried. {COMES_BACK}")
    if counted["read"] and not dry_run:
        output.emit_line("`syncd sync` brings what was taken in to the other CRMs.")


def _named(entry: Quarantined) -> dict[str, Json]:
    return {"id": entry.id, "connection": entry.connection, "kind": entry.kind, "external_id": entry.external_id}


def _code(looks: Sequence[Look]) -> int:
    outcomes = {str(look.outcome) for look in looks}
    if "failed" in outcomes:
        return output.FAILED
    return output.PERSON if outcomes & {"broken", "left"} else output.DONE
