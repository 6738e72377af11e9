"""What `syncd demo` shows: tables a newcomer reads, out of the CRMs' own apps and out of syncd's own books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from syncd.cli import conflicts, explain, leads, output, render, work
from syncd.cli.story import CAST, EPIXEL

if TYPE_CHECKING:
    from syncd.bootstrap import Syncd
    from syncd.cli.story import Act, Person, Story
    from syncd.domain.plan import NotCarried
    from syncd.sandbox.base import SandboxVendor
    from syncd.store.views import Views

Json = Any

BEGINNING: Final = 28
"""How much of a note is shown where it stands with others."""


def census(sandbox: SandboxVendor) -> dict[str, int]:
    """What a CRM's app shows, counted."""
    seen = [sandbox.shows(lead) for lead in sandbox.ids()]
    return {
        "leads": len(seen),
        "with an agent": sum(bool(one["assignments"].get("primary")) for one in seen),
        "labels on leads": sum(len(one.get("labels") or ()) for one in seen),
        "notes": sum(len(one["notes"]) for one in seen),
    }


def show_census(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> None:
    """Two countings beside each other."""
    rows = [
        (what, *(f"{before[name][what]} {render.ARROW} {after[name][what]}" for name in before))
        for what in next(iter(before.values()))
    ]
    output.emit_table(("what the CRMs show", *(CAST[name] for name in before)), rows)


def show_losses(missed: Sequence[NotCarried]) -> None:
    """What vendors cannot hold: one line per field and reason, with the number of leads at each CRM."""
    counted: dict[tuple[str, str], dict[str, set[int]]] = {}
    for one in missed:
        counted.setdefault((one.field, one.reason), {}).setdefault(one.connection, set()).add(one.lead)
    rows = [
        (field, reason, ", ".join(f"{CAST[name]} {len(there[name])}" for name in CAST if name in there))
        for (field, reason), there in sorted(counted.items(), key=lambda item: -sum(map(len, item[1].values())))
    ]
    output.emit_table(("field", "what cannot be carried, and why", "leads"), rows)


class Telling:
    """Tells what became of what people did, while syncd is open."""

    def __init__(self, syncd: Syncd, views: Views, plot: Story, since: str) -> None:
        """``since``: when people began, in UTC; what the books say of earlier times is not told."""
        self._syncd, self._views, self._plot, self._since = syncd, views, plot, since
        self._limits = {one.name: one.adapter.capabilities.note_max for one in syncd.connections}

    async def outcomes(self, acts: Sequence[Act]) -> None:
        """Who did what, what every CRM shows of it now, and why."""
        together: dict[tuple[str, str], list[Act]] = {}
        for act in acts:
            together.setdefault((act.person.email, act.field), []).append(act)
        rows = []
        for done in together.values():
            act = done[0]
            shown = {name: self._plot.now(act, name) for name in CAST}
            what = "\n".join([*(one.told for one in done), f"({act.person.name})"])
            rows.append((what, _grouped(shown), "\n".join(await self._reasons(act))))
        output.emit_table(("somebody did this", "what the CRMs show now", "why"), rows, apart=True)

    async def history(self, person: Person) -> None:
        """The journal of one lead since people began, oldest first."""
        rows = [row for row in await self._views.lead_history(await self._lead(person)) if row["at"] >= self._since]
        leads.show_history(rows, await work.agent_names(self._syncd.store))

    async def conflict(self, person: Person) -> None:
        """The conflict over a lead, as `syncd conflicts show` shows it."""
        lead = await self._lead(person)
        agents, names = await work.agent_names(self._syncd.store), await work.lead_titles(self._syncd.store, [lead])
        for found in await self._conflicts(lead):
            conflicts.show(found, names, agents)

    async def explanation(self, person: Person, field: str) -> None:
        """One field of a lead, and where the lead is not, as `syncd leads explain` shows it."""
        found = await explain.explain(self._syncd, await self._lead(person), field)
        explain.show(found, await work.agent_names(self._syncd.store))

    def parts(self, person: Person) -> None:
        """The notes of somebody as Epixel's people see them: how long they are, and how they begin."""
        rows = []
        for text in self._plot.notes(person, EPIXEL):
            header, _, body = text.partition("\n")
            rows.append((len(text), header, render.clip(body, BEGINNING)))
        output.emit_table(("characters", "first line", "then"), rows)

    async def _reasons(self, act: Act) -> list[str]:
        if act.field == "notes":
            return self._noted(act)
        lead = await self._lead(act.person)
        found = await explain.explain(self._syncd, lead, act.field)
        one: Mapping[str, Json] = found["fields"][act.field]
        fought = [_decided(row) for row in await self._conflicts(lead) if row["field"] == act.field]
        reasons = fought or [f"only {CAST[act.connection]} said anything new: the others follow"]
        for record, there in one["connections"].items():
            if there.get("status", explain.SAME) != explain.SAME:
                reasons.append(_of(record.partition(":")[0], there["why"] or explain.WORDS[there["status"]]))
        return reasons + [_of(name, why) for name, why in found["missing"].items()]

    async def _conflicts(self, lead: int) -> list[Json]:
        """The conflicts over a lead since people began, whole."""
        rows = await self._views.conflicts_list(None, lead=lead)
        return [await self._views.conflict_show(row["id"]) for row in rows if row["at"] >= self._since]

    def _noted(self, act: Act) -> list[str]:
        """Notes are not merged: each has one home, and the others get it with a line that names it."""
        length = len(self._plot.notes(act.person, act.connection)[-1])
        told = [f"the others get it, with a first line that says where it is from: {CAST[act.connection]}"]
        for name, limit in self._limits.items():
            if limit < length:
                told.append(_of(name, f"a note has at most {limit} characters: numbered parts, read back as one"))
        return told

    async def _lead(self, person: Person) -> int:
        connection, lead = next(iter(person.ids.items()))
        return await self._views.find_lead(f"{connection}:{lead}")


def _grouped(shown: Mapping[str, str]) -> str:
    """One line per value, with the CRMs that show it."""
    names: dict[str, list[str]] = {}
    for connection, text in shown.items():
        names.setdefault(text, []).append(CAST[connection])
    if len(names) == 1:
        return f"all five: {next(iter(names))}"
    return "\n".join(f"{', '.join(who)}: {text}" for text, who in names.items())


def _decided(conflict: Mapping[str, Json]) -> str:
    """How a conflict was decided, in few words."""
    why = (conflict["evidence"] or {}).get("why", "")
    return f"two CRMs changed it; rule “{conflict['rule']}” decided{f': {why}' if why else ''}"


def _of(connection: str, why: str) -> str:
    """A reason with the CRM it is about, unless it names the CRM itself."""
    return why if CAST[connection] in why else f"{CAST[connection]}: {why}"
