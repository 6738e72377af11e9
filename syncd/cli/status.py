"""``syncd status``: where every connection stands and what waits, from the database alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work

if TYPE_CHECKING:
    from syncd.settings import Settings

Json = Any


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("status")(status)


def status(ctx: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show per connection what is linked, when it was read, and what is wrong; and all that waits. Asks no vendor."""
    settings = ctx.obj.settings()
    found, held = work.run(_read(settings))
    if as_json:
        output.emit_json({**found, "held_plans": held})
    else:
        show(found, held, list(settings.connections))


async def _read(settings: Settings) -> tuple[dict[str, Json], list[dict[str, Json]]]:
    async with work.opened_views(settings) as (_, views):
        return await views.status(), await views.held()


def show(found: Mapping[str, Json], held: list[dict[str, Json]], configured: list[str]) -> None:
    """The state as a person reads it: a table, what is wrong, what waits and the command that goes on from there."""
    known: Mapping[str, Json] = found["connections"]
    rows = [_row(name, known.get(name)) for name in configured]
    rows += [_row(name, one, "no longer configured") for name, one in known.items() if name not in configured]
    columns = ("connection", "vendor", "leads", "gone", "last read", "last full comparison", "state")
    output.emit_table(columns, rows)
    output.emit_line()
    output.emit_line(f"{render.count(found['leads'], 'lead')} in all")
    for name, one in known.items():
        if one["paused"] or one["last_error"]:
            output.emit_line(f"{name}: {one['paused'] or one['last_error']}")
    for line in waiting(found):
        output.emit_line(line)
    for plan in held:
        reasons = "; ".join(plan["reasons"])
        output.emit_line(f"{plan['connection']}: plan {plan['id']} is {plan['state']}: {reasons} (`syncd plan`)")


def waiting(found: Mapping[str, Json]) -> list[str]:
    """What waits, one line each, with the command to type; nothing waits: one line that says so."""
    lines = []
    for key, one, many, command in (
        ("dirty", "lead to plan", "leads to plan", "syncd sync"),
        ("waiting", "create whose answer is awaited", "creates whose answer is awaited", "syncd sync --until-quiet"),
        ("conflicts", "conflict to decide", "conflicts to decide", "syncd conflicts list --open"),
        ("reviews", "record that fits several leads", "records that fit several leads", ""),
        ("quarantined", "record that cannot be read", "records that cannot be read", ""),
    ):
        if found.get(key):
            more = f": `{command}`" if command else ""
            lines.append(f"{render.count(found[key], one, many)}{more}")
    return lines or ["Nothing waits."]


def _row(name: str, one: Mapping[str, Json] | None, remark: str = "") -> tuple[object, ...]:
    if one is None:
        return name, "", 0, 0, render.NOTHING, render.NOTHING, "never read"
    links = one["links"]
    return (
        name,
        one["vendor"],
        links["live"],
        links["gone"],
        render.moment(one["last_pull"]),
        render.moment(one["last_full"]),
        remark or _state(one),
    )


def _state(one: Mapping[str, Json]) -> str:
    if one["paused"]:
        return "paused"
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
