"""Why a lead is as it is: each field's value and origin, and what each CRM shows of it and why it differs.

The answer is computed, not kept: the stored lead and its links go through the same lenses and the same planner
that a sync uses, so what is said here is what a sync would do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from syncd.cli import output, render
from syncd.domain.lead import blank, encode
from syncd.domain.plan import NO_WORD, plan_lead

if TYPE_CHECKING:
    from syncd.bootstrap import Syncd
    from syncd.domain.plan import LeadPlan, Target
    from syncd.ports.rows import Link, Snapshot

Json = Any

SAME: Final = "same"
UNOPPOSED: Final = "nobody else said anything"
WORDS: Final = {
    "truncated": "truncated",
    "settled": "the vendor keeps it this way",
    "refused": "refused by the vendor",
    "unmapped": "not translated",
    "pending": "still to be written",
    "parked": "waits for a decision: `syncd conflicts list --open`",
    "kept": "left as it is there",
    "not carried": "not carried",
    "off": "not synchronised there",
}
"""State of a field at a CRM → how it is told. `same` is not told."""


async def explain(syncd: Syncd, lead: int, field: str | None = None) -> dict[str, Json]:
    """The explanation of a lead's fields (or one), JSON-ready.

    What `syncd.store.explain.lead_explain` tells, and for each live record beside what it ``shows`` the ``status``
    (`SAME` or a word of `WORDS`) and ``why``; and ``missing``, connections without a live record → the reason.
    Raises UsageError for a lead or field that does not exist.
    """
    from syncd.engine.agents import recall_agents
    from syncd.engine.push import subject_of
    from syncd.store.explain import lead_explain

    found = await lead_explain(syncd.store, lead, field)
    for connection in syncd.connections:
        await recall_agents(syncd.store, connection)
    targets = [connection.target for connection in syncd.connections]
    missing: dict[str, str] = {}
    async for batch in syncd.store.snapshots(leads=[lead]):
        for snapshot in batch:
            planned = plan_lead(subject_of(snapshot), targets)
            live = {link.connection: link for link in snapshot.links if link.state == "live"}
            missing = {t.connection: _missing(snapshot, t, planned) for t in targets if t.connection not in live}
            for target in targets:
                if target.connection in live:
                    _judge(found["fields"], snapshot, target, live[target.connection], planned)
    return {**found, "missing": missing}


def _judge(fields: Mapping[str, Json], snapshot: Snapshot, target: Target, link: Link, planned: LeadPlan) -> None:
    """Put ``status`` and ``why`` to what one record shows."""
    for name, one in fields.items():
        status, why = _state(snapshot, name, target, link, planned)
        one["connections"][f"{link.connection}:{link.external_id}"] |= {"status": status, "why": why}


def _state(snapshot: Snapshot, name: str, target: Target, link: Link, planned: LeadPlan) -> tuple[str, str]:  # noqa: PLR0911 -- one line per reason is the table a person checks
    """What a CRM shows of a field against the canonical value: a word of `WORDS` and the reason in detail."""
    lens = target.lenses.by_field.get(name)
    if lens is None:
        return "not carried", target.can.not_carried.get(name, "this vendor has no field for it")
    if name in link.unmapped:
        return "unmapped", "this word has no translation; add it to the connection's config"
    wanted = snapshot.lead.fields.get(name)
    shown = link.base.get(name)
    desired = target.lenses.show(snapshot.lead.fields, link.base).get(name)
    if shown == wanted or (blank(shown) and blank(wanted)):
        return SAME, ""
    settled = link.settled.get(name)
    if settled is not None and settled.get("wanted") == encode(desired):
        refused = settled.get("refused")
        if blank(desired) and not refused:
            return "not carried", lens.loss or NO_WORD
        return ("refused", str(refused)) if refused else ("settled", "what we wrote came back like this")
    if shown == desired:
        return "truncated", lens.loss or "all that this vendor can hold of it"
    if name in snapshot.parked:
        return "parked", "a conflict is open"
    if not target.writes(name) and name not in target.directions:
        return "not carried", "this vendor lets nobody write it"
    if any(op.connection == target.connection and name in op.fields for op in planned.operations):
        return "pending", "the next sync writes it"
    missed = [one.reason for one in planned.not_carried if one.connection == target.connection and one.field == name]
    if missed:
        return "not carried", missed[0]
    direction = target.directions.get(name, "both")
    if direction in {"read", "off"}:
        return "off", f'the config says "{direction}" for this field here'
    return "kept", "a blank empties nothing unless the config says so" if blank(desired) else ""


def _missing(snapshot: Snapshot, target: Target, planned: LeadPlan) -> str:
    """Why a lead has no record at a connection."""
    own = [link for link in snapshot.links if link.connection == target.connection]
    if own:
        return "deleted there; syncd does not create it again"
    if target.connection in snapshot.in_review:
        return "a record there might be this lead: a person has to decide"
    if any(op.connection == target.connection and op.action == "create" for op in planned.operations):
        return "the next sync creates it"
    missed = [one.reason for one in planned.not_carried if one.connection == target.connection]
    return missed[0] if missed else "not created there (the connection's filter, or an answer is awaited)"


def show(found: Mapping[str, Json], agents: render.Agents) -> None:
    """The explanation as a person reads it."""
    fields: Mapping[str, Json] = found["fields"]
    rows = [_row(name, one, agents) for name, one in fields.items()]
    output.emit_table(("field", "value", "said by", "at", "rule", "before"), rows)
    differing = [
        (name, record.partition(":")[0], render.words(name, there["unmapped"] or there["shows"], agents), _told(there))
        for name, one in fields.items()
        for record, there in one["connections"].items()
        # Of a whole lead, what a vendor has no field for would be most of the table.
        if there.get("status", SAME) != SAME and (len(fields) == 1 or there["status"] != "not carried")
    ]
    output.emit_line()
    if differing:
        output.emit_line("Where a CRM shows something else:")
        output.emit_table(("field", "connection", "shows", "why"), differing)
    else:
        output.emit_line("Every CRM that has this lead shows the same.")
    for connection, why in found["missing"].items():
        output.emit_line(f"{connection} does not have this lead: {why}")


def _row(name: str, one: Mapping[str, Json], agents: render.Agents) -> tuple[str, ...]:
    value = render.words(name, one["value"], agents)
    said_at = render.said_at({"at": one["at"], "since": one["not_before"]})
    last = one["last_change"]
    rule = one["rule"] or (last["why"] if last else "") or UNOPPOSED
    before = render.words(name, last["previous"], agents) if last else render.NOTHING
    return name, value, render.origin(one["from"]), said_at, rule if one["from"] else render.NOTHING, before


def _told(there: Mapping[str, Json]) -> str:
    word = WORDS.get(there["status"], str(there["status"]))
    return f"{word}: {there['why']}" if there["why"] else word
