"""Find and mend what no sync leaves behind: links that point nowhere, and differences that nobody plans.

Such things come from rows changed by hand or from a restored backup. What is mended is as little as lets the engine
decide again: a link is taken off what is no more and its record read anew, a lead is marked to be planned. Nothing is
written to a vendor, and nothing is deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.domain.plan import LeadPlan, Target, plan_lead
from syncd.engine.agents import recall_agents
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.push import subject_of
from syncd.ports.admin import TOLD_ONLY, Fault, FaultKind, Repairs
from syncd.ports.clock import Clock
from syncd.ports.store import Store

BATCH = 500
KEPT_MAX = 1000
"""Faults of a kind that are kept to be shown; all of them are counted."""


@dataclass(slots=True)
class Repaired:
    """What was found and, unless it was a dry run or a kind that is only told, mended."""

    found: Counter[FaultKind] = field(default_factory=Counter)
    mended: Counter[FaultKind] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    """The first `KEPT_MAX` of each kind."""

    def take(self, kind: FaultKind, faults: Sequence[Fault]) -> None:
        """Count faults, and keep the first ones."""
        self.faults += faults[: max(0, KEPT_MAX - self.found[kind])]
        self.found[kind] += len(faults)


class Repair:
    """Goes through all links, kind by kind, and then through all leads. Safe beside a running sync."""

    def __init__(
        self,
        store: Store,
        repairs: Repairs,
        clock: Clock,
        connections: Sequence[Connection],
        *,
        only: Collection[str] = (),
    ) -> None:
        """``only``: look at these connections' links; then leads that no CRM shows are not looked for."""
        self._store, self._repairs, self._clock = store, repairs, clock
        self._connections = [connection for connection in connections if not only or connection.name in only]
        self._only = list(only) or None

    async def run(self, *, dry: bool = False, progress: Progress = silent) -> Repaired:
        """Everything that is wrong, mended unless ``dry``."""
        result = Repaired()
        for kind in FaultKind:
            if kind is FaultKind.UNPLANNED:
                await self._unplanned(result, progress, dry=dry)
            elif kind is not FaultKind.UNLINKED or self._only is None:
                await self._links(kind, result, dry=dry)
        return result

    async def _links(self, kind: FaultKind, result: Repaired, *, dry: bool) -> None:
        after: Fault | None = None
        while faults := await self._repairs.faults(kind, connections=self._only, after=after, limit=BATCH):
            result.take(kind, faults)
            if not dry and kind not in TOLD_ONLY:
                result.mended[kind] += len(await self._repairs.mend(faults, self._clock.now()))
            after = faults[-1]

    async def _unplanned(self, result: Repaired, progress: Progress, *, dry: bool) -> None:
        """Leads that no cycle would plan, although there is something to write or to wait for."""
        for connection in self._connections:
            await recall_agents(self._store, connection)
        targets = [connection.target for connection in self._connections]
        after, done = 0, 0
        while ids := await self._repairs.clean_leads(after, BATCH):
            found = await self._differing(ids, targets)
            faults = [
                Fault(FaultKind.UNPLANNED, name, record, lead, lead, why)
                for lead, (name, record, why) in sorted(found.items())
            ]
            if faults:
                result.take(FaultKind.UNPLANNED, faults)
            if faults and not dry:
                await self._repairs.mark({fault.lead: fault.detail for fault in faults}, self._clock.now())
                result.mended[FaultKind.UNPLANNED] += len(faults)
            after, done = ids[-1], done + len(ids)
            progress("compare", "leads", done, None)

    async def _differing(self, ids: Sequence[int], targets: Sequence[Target]) -> Mapping[int, tuple[str, str, str]]:
        """Lead → the first connection that would be written to, the record there, and what differs in all."""
        found = {}
        async for snapshots in self._store.snapshots(leads=ids):
            for snapshot in snapshots:
                planned = plan_lead(subject_of(snapshot), targets)
                if snapshot.lead.dirty or not (planned.operations or planned.blocked):
                    continue  # a sync marked it meanwhile, or all is well
                first = planned.operations[0] if planned.operations else None
                name, record = (first.connection, first.external_id or "") if first is not None else ("", "")
                found[snapshot.lead.id] = name, record, _why(planned)
        return found


def _why(planned: LeadPlan) -> str:
    """What a plan would do, in names alone: ``chime: city, stage; mycrm: create``."""
    there: dict[str, dict[str, None]] = {}
    for operation in planned.operations:
        names = there.setdefault(operation.connection, {})
        if operation.action == "create" and operation.kind == "lead":
            names["create"] = None
        elif operation.kind == "note":
            names["notes"] = None
        elif "create" not in names:
            names.update(dict.fromkeys(operation.fields))
    told = "; ".join(f"{name}: {', '.join(fields)}" for name, fields in there.items())
    return told or "an answer is awaited"
