"""``syncd conflicts``: what met on its way, how it was decided, and the decisions that wait for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work
from syncd.domain.errors import UsageError

if TYPE_CHECKING:
    from syncd.settings import Settings

Json = Any
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LIMIT = 200
CHOICES = ("ours", "theirs")


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_conflicts)
    group.command("show")(show_conflict)
    group.command("resolve")(resolve)
    app.add_typer(group, name="conflicts", help="See what met on its way and how it was decided; decide what is open.")


def list_conflicts(
    ctx: typer.Context,
    *,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that wait for a person.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="However many; otherwise the newest 200.")] = False,
    as_json: AsJson = False,
) -> None:
    """List conflicts, newest first: the ones a rule decided and the ones that wait."""
    limit = 2**31 - 1 if everything else LIMIT
    rows, names, agents = work.run(_list(ctx.obj.settings(), "open" if only_open else None, limit))
    if as_json:
        output.emit_json({"conflicts": rows})
        return
    show_list(rows, names, agents)
    if len(rows) == limit:
        output.emit_line(f"… the newest {limit}; --all shows all")


def show_conflict(
    ctx: typer.Context, conflict: Annotated[int, typer.Argument(metavar="ID")], *, as_json: AsJson = False
) -> None:
    """Show one conflict: what had been agreed on, both values, who said them and when, the rule and its reason."""
    found, names, agents = work.run(_show(ctx.obj.settings(), conflict))
    if as_json:
        output.emit_json(found)
    else:
        show(found, names, agents)


def resolve(
    ctx: typer.Context,
    conflict: Annotated[int, typer.Argument(metavar="ID")],
    choice: Annotated[str, typer.Argument(metavar="ours|theirs", help="Whose value it shall be.")] = "",
    *,
    value: Annotated[
        str | None, typer.Option("--value", help="Another value: text, or JSON where it is not text.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide an open conflict; the next sync writes the decision everywhere.

    ``ours`` is what syncd holds, ``theirs`` what the conflict's connection shows.
    """
    if (value is None) == (choice == "") or choice not in {"", *CHOICES}:
        message = "decide with ours, theirs or --value, one of them"
        raise UsageError(message, hint=f"`syncd conflicts show {conflict}` shows both values")
    found = work.run(_resolve(ctx.obj.settings(), conflict, choice or "value", value))
    if as_json:
        output.emit_json(found)
        return
    told = ", ".join(f"{name} is {render.words(name, item)}" for name, item in found["fields"].items())
    output.emit_line(f"decided: {told}. `syncd sync` writes it everywhere.")


async def _list(
    settings: Settings, state: str | None, limit: int
) -> tuple[list[dict[str, Json]], dict[int, str], dict[int, str]]:
    async with work.opened_views(settings) as (store, views):
        rows = await views.conflicts_list(state, limit=limit)
        return rows, await work.lead_titles(store, {row["lead"] for row in rows}), await work.agent_names(store)


async def _show(settings: Settings, conflict: int) -> tuple[dict[str, Json], dict[int, str], dict[int, str]]:
    async with work.opened_views(settings) as (store, views):
        found = await views.conflict_show(conflict)
        return found, await work.lead_titles(store, {found["lead"]}), await work.agent_names(store)


async def _resolve(settings: Settings, conflict: int, choice: str, value: str | None) -> dict[str, Json]:
    from syncd.ports.clock import SystemClock
    from syncd.store.resolve import ADMIN, resolve_conflict

    async with work.opened_views(settings) as (store, views):
        given = None if value is None else typed((await views.conflict_show(conflict))["field"], value)
        return await resolve_conflict(store, conflict, choice, who=ADMIN, at=SystemClock().now(), value=given)


def typed(field: str, text: str) -> Json:
    """What a person typed, in the JSON form of a field: text as it is, everything else as JSON. Raises UsageError."""
    import orjson

    from syncd.domain.lead import spec

    kind = "address" if field == "address" else spec(field).type
    if kind in {"text", "custom", "day", "moment"} or (kind == "timeline" and text[:1] not in {"[", '"'}):
        return text
    if kind == "texts" and text[:1] != "[":
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        message = f"a value of {field} is given as JSON"
        raise UsageError(
            message, hint='a number as 3, yes and no as true and false, an address as {"city": …}'
        ) from None


def show_list(rows: Sequence[Mapping[str, Json]], names: Mapping[int, str], agents: render.Agents) -> None:
    """Conflicts as a person reads them."""
    if not rows:
        output.emit_line("No conflicts.")
        return
    table = [
        (
            row["id"],
            row["state"],
            f"{row['lead']} {names.get(row['lead'], '')}".strip(),
            row["field"],
            render.clip(render.words(row["field"], row["ours"], agents), 40),
            f"{render.clip(render.words(row['field'], row['theirs'], agents), 40)} ({row['connection']})",
            row["rule"],
            _outcome(row),
        )
        for row in rows
    ]
    output.emit_table(("id", "state", "lead", "field", "ours", "theirs", "rule", "outcome"), table)


def show(found: Mapping[str, Json], names: Mapping[int, str], agents: render.Agents) -> None:
    """One conflict as a person reads it."""
    field = found["field"]
    lead = f"lead {found['lead']} {names.get(found['lead'], '')}".strip()
    output.emit_line(f"Conflict {found['id']}: {field} of {lead}, {found['state']}")
    output.emit_line()
    ours, theirs = found["ours_origin"], found["theirs_origin"]
    rows = [
        ("agreed on before", render.words(field, found["base"], agents), "", ""),
        ("ours", render.words(field, found["ours"], agents), render.origin(ours), render.said_at(ours)),
        ("theirs", render.words(field, found["theirs"], agents), render.origin(theirs), render.said_at(theirs)),
    ]
    output.emit_table(("", "value", "said by", "at"), rows)
    output.emit_line()
    why = (found["evidence"] or {}).get("why", "")
    output.emit_line(f"rule: {found['rule']}; outcome: {_outcome(found)}{f' ({why})' if why else ''}")
    if found["state"] == "open":
        output.emit_line(f"decide: `syncd conflicts resolve {found['id']} ours`, `… theirs` or `… --value VALUE`")
    elif found["resolved_at"]:
        output.emit_line(f"resolved {render.moment(found['resolved_at'])} by {found['resolved_by']}")


def _outcome(row: Mapping[str, Json]) -> str:
    """Who won, in words."""
    words = {"ours": "ours stays", "theirs": "theirs taken", "merged": "both, merged", "parked": "waits for you"}
    return "decided by a person" if row["state"] == "resolved" else words.get(row["outcome"], str(row["outcome"]))
