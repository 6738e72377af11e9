"""``syncd plan``: what a sync would write, and the release of plans that are held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work
from syncd.domain.errors import UsageError

if TYPE_CHECKING:
    from syncd.domain.plan import Operation
    from syncd.engine.plan import Planned
    from syncd.ports.rows import HeldPlan, Lead
    from syncd.ports.store import Store
    from syncd.settings import Settings

LEADS_SHOWN_MAX = 200
_VERBS = {
    ("lead", "create"): "create the lead",
    ("lead", "update"): "change",
    ("label", "add"): "put labels on",
    ("label", "remove"): "take labels off",
    ("assignment", "assign"): "assign",
    ("note", "create"): "add a note",
    ("note", "update"): "change a note",
}


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(plan)
    group.command("approve")(approve)
    group.command("reject")(reject)
    app.add_typer(group, name="plan", help="Show what a sync would write; approve or reject a held plan.")


def plan(
    ctx: typer.Context,
    *,
    connection: Annotated[
        list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only this connection.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Plan from what is known; ask no vendor.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every connection and show the very operations that `syncd sync` would carry out. Writes to no vendor."""
    if ctx.invoked_subcommand is not None:
        return
    settings = ctx.obj.settings()
    planned, leads, agents, held = work.run(_preview(settings, connection or [], offline=offline))
    if as_json:
        operations = [operation.to_json() for operation in planned.operations]
        output.emit_json({"operations": operations, "held": [held_json(one) for one in held]})
    else:
        show(planned, leads, agents, held)
    raise typer.Exit(output.PERSON if any(one.state == "held" for one in held) else output.DONE)


def approve(ctx: typer.Context, plan_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Release a held plan. Exactly that plan: if the work changes meanwhile, it is held anew."""
    held = work.run(_settle(ctx.obj.settings(), plan_id, "approved"))
    output.emit_line(f"approved: the next sync carries out {_size(held)} at {held.connection}")


def reject(ctx: typer.Context, plan_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Drop a held plan: that very plan is not carried out, and nobody is asked about it again."""
    held = work.run(_settle(ctx.obj.settings(), plan_id, "rejected"))
    output.emit_line(f"rejected: {_size(held)} at {held.connection} will not be carried out")


async def _preview(
    settings: Settings, only: list[str], *, offline: bool
) -> tuple[Planned, Mapping[int, Lead], render.Agents, Sequence[HeldPlan]]:
    from syncd.bootstrap import open_syncd

    with output.Progress() as progress:
        async with open_syncd(
            settings, progress=work.shown(progress), only=only, lock_wait_s=work.LOCK_WAIT_S
        ) as syncd:
            planned = await syncd.engine.preview(only=only, pull_first=not offline)
            ids = sorted({op.lead for op in planned.operations} | {one.lead for one in planned.not_carried})
            async with syncd.store.transaction() as tx:
                leads = await tx.leads(ids[:LEADS_SHOWN_MAX], lock=False) if ids else {}
                agents = {agent.id: agent.name or agent.email for agent in await tx.agents()}
            return planned, leads, agents, planned.held


async def _settle(settings: Settings, plan_id: str, state: str) -> HeldPlan:
    async with work.opened_store(settings) as store:
        return await settle(store, plan_id, state)


async def settle(store: Store, plan_id: str, state: str) -> HeldPlan:
    """Approve or reject the plan a person named. Raises UsageError if there is none such or it is done."""
    waiting = {held.id: held for held in await store.held()}
    held = await store.settle_hold(plan_id, state) if plan_id in waiting else None
    if held is None:
        known = ", ".join(waiting) or "none"
        message = f"there is no held plan {plan_id!r}"
        raise UsageError(message, hint=f"held now: {known}; `syncd plan` shows them")
    return held


def held_json(held: HeldPlan) -> dict[str, Any]:
    """A held plan in the stable shape of ``syncd plan --json``."""
    return {
        "id": held.id,
        "connection": held.connection,
        "reasons": list(held.reasons),
        "operations": held.operations,
        "state": held.state,
        "at": held.at,
    }


def show(planned: Planned, leads: Mapping[int, Lead], agents: render.Agents, held: Sequence[HeldPlan]) -> None:
    """The plan as a person reads it: operations lead by lead, what cannot be carried, what is held."""
    operations = planned.operations
    if not operations and not held:
        output.emit_line("Nothing to write: every connection shows what it should.")
    if operations:
        by_lead: dict[int, list[Operation]] = {}
        for operation in operations:
            by_lead.setdefault(operation.lead, []).append(operation)
        rows = [row for lead in list(by_lead)[:LEADS_SHOWN_MAX] for row in _rows(lead, by_lead[lead], leads, agents)]
        output.emit_table(("lead", "connection", "does", "field", "difference"), rows)
        if len(by_lead) > LEADS_SHOWN_MAX:
            output.emit_line(f"… and {render.count(len(by_lead) - LEADS_SHOWN_MAX, 'more lead')}; --json has all")
        output.emit_line()
        output.emit_line(
            f"{render.count(len(operations), 'operation')} for {render.count(len(by_lead), 'lead')}; "
            "`syncd sync` carries them out."
        )
    if planned.not_carried:
        output.emit_line()
        output.emit_line("Cannot be carried:")
        missed = [
            (_called(one.lead, leads), one.connection, one.field, one.reason)
            for one in planned.not_carried[:LEADS_SHOWN_MAX]
        ]
        output.emit_table(("lead", "connection", "field", "why"), missed)
    for one in held:
        output.emit_line()
        output.emit_line(f"Held at {one.connection}: {'; '.join(one.reasons)} ({_size(one)})")
        output.emit_line(f"  release it: `syncd plan approve {one.id}`   drop it: `syncd plan reject {one.id}`")


def _rows(
    lead: int, operations: Sequence[Operation], leads: Mapping[int, Lead], agents: render.Agents
) -> Iterator[tuple[str, str, str, str, str]]:
    """Table rows of one lead; its name and each operation stand only where they begin."""
    called = _called(lead, leads)
    for operation in operations:
        data = operation.to_json()["fields"]
        verb = _VERBS.get((operation.kind, operation.action), f"{operation.action} {operation.kind}")
        where = operation.connection
        before = {name: pair["from"] for name, pair in data.items()}
        after = {name: pair["to"] for name, pair in data.items()}
        for name, text in render.differences(before, after, agents) or [("", "")]:
            plain = text.removeprefix(f"{render.NOTHING} {render.ARROW} ")
            yield called, where, verb, name, plain
            called = where = verb = ""


def _called(lead: int, leads: Mapping[int, Lead]) -> str:
    found = leads.get(lead)
    return f"{lead} {render.title(found.fields)}" if found is not None else str(lead)


def _size(held: HeldPlan) -> str:
    return render.count(len(held.operations), "operation")
