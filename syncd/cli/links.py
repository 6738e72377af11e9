"""``syncd links``: how a lead is linked to its records, what each shows and should show; mend what cannot be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, render, work
from syncd.cli.explain import SAME, WORDS
from syncd.cli.leads import LeadName

if TYPE_CHECKING:
    from syncd.bootstrap import Syncd
    from syncd.engine.repair import Repaired
    from syncd.ports.rows import Link, Snapshot
    from syncd.settings import Settings

Json = Any
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EXAMPLES_MAX = 20


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("show", epilog="Example: syncd links show ada@example.com")(show_links)
    group.command("repair", epilog="Example: syncd links repair --dry-run")(repair)
    app.add_typer(group, name="links", help="See how a lead is linked to its records; mend links that cannot be right.")


def show_links(ctx: typer.Context, lead: LeadName, *, as_json: AsJson = False) -> None:
    """Show a lead's record at every connection: its state, when it was read, and what it shows but should not."""
    found, agents = work.run(_show(ctx.obj.settings(), lead))
    if as_json:
        output.emit_json(found)
    else:
        show(found, agents)


def repair(
    ctx: typer.Context,
    *,
    connection: Annotated[
        list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only this connection.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be mended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find and mend links that point nowhere and differences that nobody plans.

    Such things come from a restored backup or rows changed by hand. Asks no vendor, deletes nothing, and may run
    beside a sync.
    """
    done = work.run(_repair(ctx.obj.settings(), connection or [], dry_run=dry_run))
    if as_json:
        output.emit_json(repaired_json(done, dry_run=dry_run))
    else:
        show_repaired(done, dry_run=dry_run)


async def _show(settings: Settings, term: str) -> tuple[dict[str, Json], dict[int, str]]:
    from syncd.bootstrap import open_syncd

    async with open_syncd(settings) as syncd:
        lead = await work.views_of(settings, syncd.store).find_lead(term)
        return await links_of(syncd, lead), await work.agent_names(syncd.store)


async def links_of(syncd: Syncd, lead: int) -> dict[str, Json]:
    """A lead's links, JSON-ready: what `explain` tells field by field, told record by record.

    Raises UsageError if there is no such lead.
    """
    from syncd.cli.explain import explain

    explained = await explain(syncd, lead)
    (snapshot,) = [one async for batch in syncd.store.snapshots(leads=[lead]) for one in batch]
    lenses = {connection.name: connection.adapter.lenses for connection in syncd.connections}
    links = []
    for link in snapshot.links:
        table = lenses.get(link.connection)
        shown = {} if table is None else table.show(snapshot.lead.fields, link.base)
        links.append(_link(link, snapshot) | {"differs": _differs(link, explained["fields"], shown)})
    return {
        "lead": lead,
        "title": render.title(snapshot.lead.fields),
        "to_plan": snapshot.lead.dirty,
        "links": sorted(links, key=lambda row: (row["connection"], row["external_id"])),
        "missing": explained["missing"],
    }


def _link(link: Link, snapshot: Snapshot) -> dict[str, Json]:
    from syncd.store.views import iso

    hanging = [note for note in snapshot.note_links if note.connection == link.connection]
    return {
        "connection": link.connection,
        "external_id": link.external_id,
        "state": link.state,
        "read_at": iso(link.read_at),
        "changed_at": iso(link.time),
        "notes_read_at": iso(link.notes_read_at),
        "pending": dict(link.pending),
        "settled": dict(link.settled),
        "unmapped": dict(link.unmapped),
        "notes": [
            {"note": note.node, "external_id": note.external_id, "part": note.part, "state": note.state,
             "read_at": iso(note.read_at)}
            for note in sorted(hanging, key=lambda note: (note.node or 0, note.part, note.external_id))
            if not note.parent or note.parent == link.external_id
        ],
    }  # fmt: skip


def _differs(link: Link, fields: Mapping[str, Json], desired: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Fields that a live record shows differently from the lead, what it should show, and why it does not."""
    from syncd.domain.lead import encode, spec

    rows = []
    for name, one in fields.items():
        there = one["connections"].get(f"{link.connection}:{link.external_id}", {})
        shows, should = there.get("unmapped") or there.get("shows"), encode(desired.get(name))
        told = there.get("status", SAME) != SAME and shows != should
        if told and spec(name).rule != "earliest":  # when somebody registered differs everywhere and is never written
            why = {"status": there["status"], "why": there["why"]}
            rows.append({"field": name, "shows": shows, "should": should} | why)
    return rows


async def _repair(settings: Settings, only: list[str], *, dry_run: bool) -> Repaired:
    from syncd.bootstrap import open_syncd
    from syncd.engine.repair import Repair
    from syncd.ports.clock import SystemClock
    from syncd.store.admin import Admin

    with output.Progress() as progress:
        async with open_syncd(settings, only=only) as syncd:
            repairing = Repair(syncd.store, Admin(syncd.store), SystemClock(), syncd.connections, only=only)
            return await repairing.run(dry=dry_run, progress=work.shown(progress))


def show(found: Mapping[str, Json], agents: render.Agents) -> None:
    """A lead's links as a person reads them."""
    output.emit_line(f"Lead {found['lead']}: {found['title']}{', to be planned' if found['to_plan'] else ''}")
    output.emit_line()
    rows = [
        (link["connection"], link["external_id"], link["state"], render.moment(link["read_at"]),
         render.moment(link["notes_read_at"]), _notes(link["notes"]), _odd(link))
        for link in found["links"]
    ]  # fmt: skip
    columns = ("connection", "record", "state", "last read", "notes read", "notes", "values of their own")
    output.emit_table(columns, rows)
    differing = [
        (link["connection"], row["field"], render.words(row["field"], row["shows"], agents),
         render.words(row["field"], row["should"], agents), _told(row))
        for link in found["links"]
        for row in link["differs"]
    ]  # fmt: skip
    output.emit_line()
    if differing:
        output.emit_table(("connection", "field", "shows", "should show", "why"), differing)
    else:
        output.emit_line("Every record shows what it should.")
    for name, why in found["missing"].items():
        output.emit_line(f"{name} has no record of this lead: {why}")
    output.emit_line(f"`syncd leads explain {found['lead']}` tells why each value is as it is.")


def _notes(notes: Sequence[Mapping[str, Json]]) -> str:
    live = sum(note["state"] == "live" for note in notes)
    gone = len(notes) - live
    return f"{live}{f' and {gone} gone' if gone else ''}" if notes else render.NOTHING


def _odd(link: Mapping[str, Json]) -> str:
    """What a record shows that is not simply ours: words without translation, kept forms, what was just written."""
    told = {"not translated": list(link["unmapped"])}
    for name, entry in link["settled"].items():
        if "wanted" in entry:
            told.setdefault("refused" if entry.get("refused") else "kept in its own form", []).append(name)
        else:
            told.setdefault("filled with a default", []).append(name)
    told["not confirmed yet"] = [name for name, entry in link["pending"].items() if "wanted" in entry]
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in told.items() if names) or render.NOTHING


def _told(row: Mapping[str, Json]) -> str:
    word = WORDS.get(row["status"], str(row["status"]))
    return f"{word}: {row['why']}" if row["why"] else word


_WORDS: Mapping[str, tuple[str, str]] = {
    "lost_lead": ("link of a lead that is no more", "taken off; whose record it is is decided when it is read again"),
    "lost_agent": ("link of an agent that is no more", "taken off; the next sync finds the agent or makes one"),
    "second_record": ("second record of a lead", "the one read last stays; the others wait for a person"),
    "stray_note": ("note of a deleted record", "marked as gone, like its lead there"),
    "lost_note": ("link of a note that is no more", "left as it is; that note is not carried any more"),
    "stale_review": ("review whose candidates are gone", "decided again when the record is read again"),
    "unlinked_lead": ("lead without a record", "left as it is; no CRM shows it any more, its history is kept"),
    "unplanned": ("difference that is not planned", "marked; the next sync plans it"),
}
"""Kind of fault → what it is, and what is done about it."""


def repaired_json(done: Repaired, *, dry_run: bool) -> dict[str, Json]:
    """What was found and mended, in the stable shape of ``--json``; at most 1,000 faults of a kind are listed."""
    from syncd.ports.admin import FaultKind

    kinds = {str(kind): {"found": done.found[kind], "mended": done.mended[kind]} for kind in FaultKind}
    faults = [
        {"kind": str(fault.kind), "connection": fault.connection, "external_id": fault.external_id,
         "lead": fault.lead or None, "detail": fault.detail}
        for fault in done.faults
    ]  # fmt: skip
    return {"dry_run": dry_run, "kinds": kinds, "faults": faults}


def show_repaired(done: Repaired, *, dry_run: bool) -> None:
    """What was found and mended, as a person reads it."""
    from syncd.ports.admin import TOLD_ONLY

    if not done.found:
        output.emit_line("Nothing to mend: every link points somewhere, and what differs is planned.")
        return
    verb = "would be mended" if dry_run else "mended"
    rows = [
        (
            _WORDS[kind][0],
            number,
            "" if kind in TOLD_ONLY else number if dry_run else done.mended[kind],
            _WORDS[kind][1],
        )
        for kind, number in done.found.items()
    ]
    output.emit_table(("what", "found", verb, ""), rows)
    output.emit_line()
    table = [
        (_WORDS[fault.kind][0], fault.connection, fault.external_id, fault.lead or "", fault.detail)
        for fault in done.faults[:EXAMPLES_MAX]
    ]
    output.emit_table(("what", "connection", "record", "lead", ""), table)
    rest = sum(done.found.values()) - len(table)
    if rest:
        output.emit_line(f"… and {render.count(rest, 'more', 'more')}; --json lists up to 1,000 of a kind")
    if sum(done.mended.values()):
        output.emit_line("`syncd sync --full` reads and plans again what was mended.")
