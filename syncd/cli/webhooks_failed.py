"""``syncd webhooks failed`` and ``retry``: deliveries that were given up, and how they are read after all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work
from syncd.domain.errors import UsageError

if TYPE_CHECKING:
    from syncd.ports.hooks import Hint
    from syncd.ports.inbox import GivenUp
    from syncd.settings import Settings

Json = Any
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Connections = Annotated[
    list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only deliveries of this connection.")
]
TAKEN_BY = "A daemon reads them within seconds; without one they wait until `syncd run`: `syncd sync` reads none."


def register(group: typer.Typer) -> None:
    """Add both commands to ``syncd webhooks``."""
    group.command("failed", epilog="Example: syncd webhooks failed --connection chime")(list_failed)
    group.command("retry", epilog="Example: syncd webhooks retry --all --dry-run")(retry)


def list_failed(ctx: typer.Context, *, connection: Connections = None, as_json: AsJson = False) -> None:
    """List deliveries that were given up: tried too often, or refused by the vendor; oldest first.

    What they hinted at is found by the next full comparison all the same. Housekeeping forgets them after
    web.inbox_kept.
    """
    found = work.run(_failed(ctx.obj.settings(), connection or []))
    if as_json:
        output.emit_json({"deliveries": [to_json(one) for one in found]})
        return
    if not found:
        output.emit_line("No delivery was given up.")
        return
    rows = [
        (one.id, one.connection, render.moment(one.received_at), hinted(one.left), one.attempts, one.error)
        for one in found
    ]
    output.emit_table(("id", "connection", "received", "hints at", "tries", "why"), rows)
    output.emit_line()
    output.emit_line("Mended there? `syncd webhooks retry --all` has them read again.")


def retry(
    ctx: typer.Context,
    deliveries: Annotated[list[int] | None, typer.Argument(metavar="ID", help="These deliveries.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    connection: Connections = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have deliveries that were given up read again, as if they had just come. Asks no vendor itself."""
    if sum((bool(deliveries), everything, bool(connection))) != 1:
        message = "name deliveries by their id, or a --connection, or --all; one of them"
        raise UsageError(message, hint="`syncd webhooks failed` shows the ids")
    counts = work.run(_retry(ctx.obj.settings(), deliveries, connection or [], dry_run=dry_run))
    if as_json:
        output.emit_json({"dry_run": dry_run, "retried": sum(counts.values()), "connections": counts})
        return
    if not counts:
        output.emit_line("No delivery was given up.")
        return
    for name, count in counts.items():
        told = render.count(count, "delivery", "deliveries")
        output.emit_line(f"{name}: {told} {'would wait' if dry_run else 'waiting'} again")
    output.emit_line(TAKEN_BY)


async def _failed(settings: Settings, only: Sequence[str]) -> Sequence[GivenUp]:
    from syncd.bootstrap import check_connections
    from syncd.store.deliveries import Deliveries

    check_connections(settings, only)
    async with work.opened_store(settings) as store:
        return await Deliveries(store).failed(connections=only or None)


async def _retry(
    settings: Settings, ids: Sequence[int] | None, only: Sequence[str], *, dry_run: bool
) -> Mapping[str, int]:
    """Connection → deliveries that wait again, or would. Raises UsageError for an id that none of them has."""
    from collections import Counter

    from syncd.bootstrap import check_connections
    from syncd.store.deliveries import Deliveries

    check_connections(settings, only)
    async with work.opened_store(settings) as store:
        deliveries = Deliveries(store)
        found = await deliveries.failed(ids=ids or None, connections=only or None)
        missing = sorted(set(ids or ()) - {one.id for one in found})
        if missing:
            message = f"there is no failed delivery {', '.join(map(str, missing))}"
            raise UsageError(message, hint="`syncd webhooks failed` shows the ids")
        if dry_run or not found:
            return Counter(one.connection for one in found)
        return await deliveries.again(ids=[one.id for one in found])


def to_json(one: GivenUp) -> dict[str, Json]:
    """The stable shape of one delivery in ``syncd webhooks failed --json``."""
    from syncd.store.views import iso

    return {
        "id": one.id,
        "connection": one.connection,
        "received_at": iso(one.received_at),
        "failed_at": iso(one.failed_at),
        "hints": [{"kind": hint.kind, "external_id": hint.external_id} for hint in one.left],
        "attempts": one.attempts,
        "error": one.error,
    }


def hinted(hints: Sequence[Hint]) -> str:
    """What a delivery hinted at, as a person reads it: ``lead 9007…, notes of 9008…, agents``."""
    words = {"lead": "lead", "notes": "notes of", "note": "note"}
    return ", ".join(f"{words.get(hint.kind, hint.kind)} {hint.external_id}".strip() for hint in hints)
