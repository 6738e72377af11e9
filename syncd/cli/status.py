"""``syncd status``: where every connection stands and what waits, from the database alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work
from syncd.domain.errors import UsageError

if TYPE_CHECKING:
    from syncd.settings import Settings
    from syncd.store.measures import ConnectionMeasures, Measures
    from syncd.store.postgres import PostgresStore
    from syncd.store.views import Views

Json = Any
EVERY_S = 2.0
EVERY_MIN_S = 0.2
COLUMNS = ("connection", "vendor", "leads", "gone", "last read", "last full comparison", "lag", "calls left", "state")


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("status", epilog="For instance: syncd status --watch 5")(status)


def status(
    ctx: typer.Context,
    every_s: Annotated[
        float | None, typer.Argument(metavar="SECONDS", help="With --watch: how often to look, 2 seconds by itself.")
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again until Ctrl-C; a line for each look in a pipe.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch a line for each look.")] = False,
) -> None:
    """Show per connection what is linked, when it was read, and what is wrong; and all that waits. Asks no vendor."""
    if every_s is not None and not (watch and every_s >= EVERY_MIN_S):
        message = f"SECONDS goes with --watch, and is {EVERY_MIN_S} at least" if watch else "SECONDS goes with --watch"
        raise UsageError(message, hint="`syncd status --watch 5`")
    settings = ctx.obj.settings()
    if watch:
        from syncd.cli.watch import follow

        work.run(follow(settings, every_s or EVERY_S, as_json=as_json))
        return
    found = work.run(_once(settings))
    if as_json:
        output.emit_json(found)
    else:
        show(found, list(settings.connections))


async def _once(settings: Settings) -> dict[str, Json]:
    async with work.opened_views(settings) as (store, views):
        return await read(store, views)


async def read(store: PostgresStore, views: Views) -> dict[str, Json]:
    """Everything `syncd status --json` tells."""
    from syncd.ports.clock import SystemClock
    from syncd.store.measures import measure

    measured, found, held = await asyncio.gather(
        asyncio.to_thread(measure, store.database, SystemClock().now(), linked=False), views.status(), views.held()
    )
    known = measured.connections
    connections = {name: one | _measured(known.get(name)) for name, one in found["connections"].items()}
    return {**found, "connections": connections, "queue": _queue(measured), "held_plans": held}


def _measured(one: ConnectionMeasures | None) -> dict[str, Json]:
    """What the measures say of a connection; None: it was made this very moment."""
    from syncd.store.views import iso

    if one is None:
        return {"lag_s": 0.0, "inbox": 0, "quota": [], "held_until": None}
    return {
        "lag_s": round(one.lag_s, 1),
        "inbox": one.inbox,
        "quota": [{"group": q.group, "limit": q.limit, "remaining": q.remaining} for q in one.quota],
        "held_until": iso(one.held_until),
    }


def _queue(measured: Measures) -> list[dict[str, Json]] | None:
    if measured.queue is None:
        return None
    return [{"kind": kind, "state": state, "jobs": jobs} for (kind, state), jobs in measured.queue.items()]


def show(found: Mapping[str, Json], configured: Sequence[str]) -> None:
    """The state as a person reads it: a table, what is wrong, what waits and the command that goes on from there."""
    known: Mapping[str, Json] = found["connections"]
    rows = [_row(name, known.get(name)) for name in configured]
    rows += [_row(name, one, "no longer configured") for name, one in known.items() if name not in configured]
    output.emit_table(COLUMNS, rows)
    output.emit_line()
    output.emit_line(f"{render.count(found['leads'], 'lead')} in all")
    for name, one in known.items():
        if one["paused"] or one["last_error"]:
            output.emit_line(f"{name}: {one['paused'] or one['last_error']}")
    for line in waiting(found):
        output.emit_line(line)
    for plan in found["held_plans"]:
        reasons = "; ".join(plan["reasons"])
        output.emit_line(f"{plan['connection']}: plan {plan['id']} is {plan['state']}: {reasons} (`syncd plan`)")


def waiting(found: Mapping[str, Json]) -> list[str]:
    """What waits, one line each, with the command to type; nothing waits: one line that says so."""
    counts = {
        **found,
        "inbox": sum(one["inbox"] for one in found["connections"].values()),
        "queued": sum(row["jobs"] for row in found["queue"] or () if row["state"] == "todo"),
    }
    lines = []
    for key, one, many, command in (
        ("inbox", "webhook delivery not taken yet", "webhook deliveries not taken yet", ""),
        ("queued", "slice of work queued", "slices of work queued", ""),
        ("dirty", "lead to plan", "leads to plan", "syncd sync"),
        ("waiting", "create whose answer is awaited", "creates whose answer is awaited", "syncd sync --until-quiet"),
        ("conflicts", "conflict to decide", "conflicts to decide", "syncd conflicts list --open"),
        ("reviews", "record that fits several leads", "records that fit several leads", ""),
        ("quarantined", "record that cannot be read", "records that cannot be read", "syncd quarantine list"),
    ):
        if counts.get(key):
            more = f": `{command}`" if command else ""
            lines.append(f"{render.count(counts[key], one, many)}{more}")
    return lines or ["Nothing waits."]


def span(seconds: float) -> str:
    """A length of time in its largest unit: ``40 s``, ``3 min``, ``2 h``, ``5 d``; a dash for none."""
    if not seconds:
        return render.NOTHING
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(1, round(seconds))} s"


def left(one: Mapping[str, Json]) -> str:
    """What is left of the tightest quota of a connection, ``41 of 256``."""
    known = [row for row in one["quota"] if row["limit"]]
    if not known:
        return render.NOTHING
    tightest = min(known, key=lambda row: row["remaining"] / row["limit"])
    return f"{tightest['remaining']} of {tightest['limit']}"


def _row(name: str, one: Mapping[str, Json] | None, remark: str = "") -> tuple[object, ...]:
    if one is None:
        return name, "", 0, 0, render.NOTHING, render.NOTHING, render.NOTHING, render.NOTHING, "never read"
    links = one["links"]
    return (
        name,
        one["vendor"],
        links["live"],
        links["gone"],
        render.moment(one["last_pull"]),
        render.moment(one["last_full"]),
        span(one["lag_s"]),
        left(one),
        remark or _state(one),
    )


def _state(one: Mapping[str, Json]) -> str:
    if one["paused"]:
        return "paused"
    if one["held_until"]:
        return f"does not answer, left alone until {render.moment(one['held_until'])}"
    if one["last_error"]:
        return "failing"
    if one["last_pull"] is None:
        return "never read"
    told = {
        "review": "in review",
        "quarantined": "quarantined",
        "pending": "written, not read again yet",
        "unmapped": "unmapped",
    }
    kept = [f"{one['links'][key]} {words}" for key, words in told.items() if one["links"][key]]
    return ", ".join(kept) or "fine"
