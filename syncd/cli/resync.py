"""``syncd resync``: read records again that look unchanged, by connection, by lead, or since a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import output, render, work
from syncd.domain.errors import UsageError

if TYPE_CHECKING:
    from syncd.bootstrap import Syncd
    from syncd.engine.connection import Connection
    from syncd.engine.resync import Reread
    from syncd.settings import Settings

_AGO = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("resync", epilog="Example: syncd resync --lead ada@example.com")(resync)


def resync(
    ctx: typer.Context,
    *,
    connection: Annotated[
        list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only this connection; repeat.")
    ] = None,
    lead: Annotated[
        list[str] | None,
        typer.Option("--lead", metavar="L", help="This lead: id, e-mail, phone or CONNECTION:EXTERNAL_ID; repeat."),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="What changed or was read since: 2h, 3d, 2026-03-02T09:00Z.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much would be read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read records and their notes again, whether or not they look changed.

    What syncd and each vendor last agreed on is kept, so what changed is merged like any other edit. Nothing is
    written to a vendor: that is for the next sync, or for the daemon at once. Ends with 1 if something failed.
    """
    if not (connection or lead or since):
        message = "say what to read again: --connection NAME, --lead L or --since TIME"
        raise UsageError(message, hint="`syncd sync --full` compares everything")
    settings = ctx.obj.settings()
    moment = moment_of(since, datetime.now(UTC)) if since else None
    found = work.run(_resync(settings, connection or [], lead or [], moment, dry_run=dry_run))
    if as_json:
        numbers = {name: asdict(one) for name, one in found.items()}
        output.emit_json({"dry_run": dry_run, "connections": numbers})
    else:
        _show(found, dry_run=dry_run)
    raise typer.Exit(output.FAILED if any(one.error or one.failed for one in found.values()) else output.DONE)


def moment_of(text: str, now: datetime) -> datetime:
    """A time as people give it: how long ago, or ISO 8601 (without a zone: UTC). Raises UsageError."""
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        message = f"{text!r} is no time"
        raise UsageError(message, hint="write 2h, 3d or 2026-03-02T09:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _resync(
    settings: Settings, only: list[str], leads: Sequence[str], since: datetime | None, *, dry_run: bool
) -> dict[str, Reread]:
    from syncd.bootstrap import open_syncd
    from syncd.domain.errors import SyncdError, VendorError
    from syncd.engine.resync import Reread, reread, reread_all
    from syncd.ports.clock import SystemClock

    done: dict[str, Reread] = {}
    with output.Progress() as progress:
        async with open_syncd(settings, only=only) as syncd:
            chosen = [one for one in syncd.connections if not only or one.name in only]
            records = await _records(syncd, chosen, leads, since) if leads or since else {}
            for one in chosen:
                ids = records.get(one.name, [])
                if dry_run:
                    count = len(ids) if leads or since else (await syncd.store.live_counts()).get(one.name, 0)
                    done[one.name] = Reread(read=count)
                    continue
                async with syncd.store.exclusively(one.name, wait_s=work.LOCK_WAIT_S) as ours:
                    if not ours:
                        message = f"another syncd is working on {one.name}"
                        raise SyncdError(message, hint="wait for it to finish, or stop it")
                    shown, clock = work.shown(progress), SystemClock()
                    try:
                        done[one.name] = (
                            await reread(syncd.store, clock, one, ids, shown)
                            if leads or since
                            else await reread_all(syncd.store, clock, one, shown)
                        )
                    except VendorError as error:
                        done[one.name] = Reread(error=str(error))
    return done


async def _records(
    syncd: Syncd, chosen: Sequence[Connection], leads: Sequence[str], since: datetime | None
) -> Mapping[str, list[str]]:
    """Connection → external ids of these leads' records, of those that moved since, or of both. Raises UsageError."""
    found: dict[str, dict[str, None]] = {one.name: {} for one in chosen}
    views = work.views_of(syncd.settings, syncd.store)
    nodes = [await views.find_lead(text) for text in leads]
    for one in chosen:
        if nodes:
            async with syncd.store.transaction() as tx:
                links = await tx.links_of("lead", nodes, one.name)
            found[one.name].update(dict.fromkeys(link.external_id for link in links))
        if since is not None:
            found[one.name].update(dict.fromkeys(await syncd.store.touched_since(one.name, since)))
    return {name: list(ids) for name, ids in found.items()}


def _show(found: Mapping[str, Reread], *, dry_run: bool) -> None:
    if dry_run:
        output.emit_table(("connection", "would be read"), [(name, one.read) for name, one in found.items()])
        return
    rows = [(name, one.read, one.changed, one.gone, one.failed, one.error) for name, one in found.items()]
    output.emit_table(("connection", "read", "changed", "gone", "failed", ""), rows)
    changed = sum(one.changed + one.gone for one in found.values())
    if changed:
        output.emit_line()
        changes = render.count(changed, "record")
        output.emit_line(f"{changes} had changed; `syncd sync` writes what the others lack, a daemon by itself.")
    for name, one in found.items():
        if one.withheld:
            output.emit_line(
                f"{name}: {render.count(one.withheld, 'record')} look deleted, too many to believe: "
                f"`syncd sync --full --connection {name}` asks again and holds them for you"
            )
