"""``syncd leads``: find a lead, see all of it, and learn why it is as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work
from syncd.cli.explain import UNOPPOSED

if TYPE_CHECKING:
    from syncd.settings import Settings

Json = Any
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LeadName = Annotated[
    str, typer.Argument(metavar="LEAD", help="An id, an e-mail address, a phone number or CONNECTION:EXTERNAL_ID.")
]


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_leads)
    group.command("show")(show_lead)
    group.command("explain")(explain_lead)
    group.command("history")(history_of_lead)
    app.add_typer(group, name="leads", help="Find leads, see them, and learn why they are as they are.")


def list_leads(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="A part of a name, e-mail, phone, city or stage.")] = "",
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List leads, all or those that contain QUERY."""
    found = work.run(_list(ctx.obj.settings(), query, limit))
    if as_json:
        output.emit_json(found)
        return
    rows = [
        (one["id"], one["name"], one["email"], one["phone"], one["stage"], ", ".join(one["connections"]))
        for one in found["leads"]
    ]
    output.emit_table(("id", "name", "email", "phone", "stage", "connections"), rows)
    if found["total"] > len(rows):
        output.emit_line(f"… {len(rows):,} of {found['total']:,}; --limit shows more")
    elif not rows:
        output.emit_line("No lead matches.")


def show_lead(ctx: typer.Context, lead: LeadName, *, as_json: AsJson = False) -> None:
    """Show everything known of one lead."""
    found, agents = work.run(_show(ctx.obj.settings(), lead))
    if as_json:
        output.emit_json(found)
    else:
        show(found, agents)


def explain_lead(
    ctx: typer.Context,
    lead: LeadName,
    field: Annotated[str, typer.Argument(metavar="[FIELD]", help="Only this field.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Tell for each field who said it, when, and by which rule it stands; and what each CRM shows of it, and why."""
    from syncd.cli import explain

    found, agents = work.run(_explain(ctx.obj.settings(), lead, field or None))
    if as_json:
        output.emit_json(found)
    else:
        explain.show(found, agents)


def history_of_lead(ctx: typer.Context, lead: LeadName, *, as_json: AsJson = False) -> None:
    """Show the journal of one lead: every change, who made it, when, and by which rule."""
    rows, agents = work.run(_history(ctx.obj.settings(), lead))
    if as_json:
        output.emit_json({"changes": rows})
    else:
        show_history(rows, agents)


async def _list(settings: Settings, query: str, limit: int) -> dict[str, Json]:
    async with work.opened_views(settings) as (_, views):
        return await views.lead_list(query, limit)


async def _show(settings: Settings, term: str) -> tuple[dict[str, Json], dict[int, str]]:
    async with work.opened_views(settings) as (store, views):
        return await views.lead_show(await views.find_lead(term)), await work.agent_names(store)


async def _explain(settings: Settings, term: str, field: str | None) -> tuple[dict[str, Json], dict[int, str]]:
    from syncd.bootstrap import open_syncd
    from syncd.cli.explain import explain

    async with open_syncd(settings) as syncd:
        lead = await work.views_of(settings, syncd.store).find_lead(term)
        return await explain(syncd, lead, field), await work.agent_names(syncd.store)


async def _history(settings: Settings, term: str) -> tuple[list[dict[str, Json]], dict[int, str]]:
    async with work.opened_views(settings) as (store, views):
        return await views.lead_history(await views.find_lead(term)), await work.agent_names(store)


def show(found: Mapping[str, Json], agents: render.Agents) -> None:
    """One lead as a person reads it."""
    output.emit_line(f"Lead {found['id']}: {render.title(found['fields'])}")
    output.emit_line()
    provenance = found["provenance"]
    fields = [
        (name, render.words(name, found["fields"][name], agents), render.origin(provenance.get(name)))
        for name in render.ordered(found["fields"])
    ]
    edges = {"labels": ", ".join(found["labels"])} if found["labels"] else {}
    edges |= {f"assignment.{role}": who.get("name") or str(who["agent"]) for role, who in found["assignments"].items()}
    fields += [(name, value, render.origin(provenance.get(name))) for name, value in edges.items()]
    output.emit_table(("field", "value", "from"), fields)
    output.emit_line()
    links = [
        (link["connection"], link["external_id"], link["state"], render.moment(link["time"]),
         render.moment(link["read_at"]), _odd(link))
        for link in found["links"]
    ]  # fmt: skip
    output.emit_table(("connection", "record", "state", "changed there", "last read", "fields that differ"), links)
    if found["notes"]:
        output.emit_line()
        notes = [
            (note["id"], render.moment(note["written_at"]), (note["author"] or {}).get("name") or render.NOTHING,
             note["origin"], render.clip(note["body"]))
            for note in found["notes"]
        ]  # fmt: skip
        output.emit_table(("note", "written", "author", "from", "text"), notes)


def show_history(
    rows: Sequence[Mapping[str, Json]], agents: render.Agents, called: Mapping[int, str] | None = None
) -> None:
    """The journal as a person reads it, oldest first; what was written to a CRM stands as ``→ chime``.

    called  for rows of several leads: journal row id → how its lead is called
    """
    table = []
    for row in reversed(rows):
        field, why = row["field"], row["why"] or UNOPPOSED
        who = f"{row['who']} {row['external_id']}".strip()
        if field == "*":
            fields = row["new"] or {}
            field, difference = "(new lead)", f"{render.title(fields)}, {len(fields)} fields"
        else:
            difference = render.change(field, row["old"], row["new"], agents)
        if field.startswith("@"):
            field, who = f"{render.ARROW} {field[1:]}", row["who"]
        line = (render.moment(row["at"]), field, render.clip(difference), who, why)
        table.append(line if called is None else (called[row["id"]], *line))
    columns = ("when", "field", "change", "who", "why")
    output.emit_table(columns if called is None else ("lead", *columns), table)


def _odd(link: Mapping[str, Json]) -> str:
    kinds = [f"{kind}: {', '.join(link[kind])}" for kind in ("pending", "settled", "unmapped") if link[kind]]
    return "; ".join(kinds)
