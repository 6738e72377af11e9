"""Plan: every dirty lead against every connection, then the guard over each connection's whole plan.

`syncd plan` prints what comes out of here, and `syncd sync` pushes it: the same operations by the same
code. A connection whose plan is implausible is held whole; approving releases exactly that plan, because
its fingerprint is the digest of its operations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from syncd.domain.guard import Counts, Lately, check
from syncd.domain.lead import Value, blank, spec
from syncd.domain.plan import ASSIGNMENT, LeadPlan, NotCarried, Operation, digest, plan_lead
from syncd.engine.absent import LOSSES
from syncd.engine.connection import Connection
from syncd.engine.push import subject_of
from syncd.ports.clock import Clock
from syncd.ports.rows import HeldPlan
from syncd.ports.store import Store

ONE_WAY = frozenset({"earliest", "keep", "restrictive"})
"""Fields with these rules move one way and once; a first sync sets them everywhere, which is not implausible."""
NOTHING: Mapping[str, Lately] = MappingProxyType({})


@dataclass(slots=True)
class Planned:
    """Everything to be done, by connection; what is held; what cannot be carried; which leads are in step."""

    by_connection: dict[str, list[LeadPlan]] = field(default_factory=dict)
    held: list[HeldPlan] = field(default_factory=list)
    not_carried: list[NotCarried] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    """Leads of which something waits until a create is known to have arrived or not."""
    in_step: dict[int, int] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    """Ids of operations that somebody has approved."""

    @property
    def operations(self) -> list[Operation]:
        """All operations that may be pushed now."""
        return [op for plans in self.by_connection.values() for plan in plans for op in plan.operations]

    def nothing_left_at(self, connection: str) -> bool:
        """Whether there is nothing to write at a connection, held or not."""
        return connection not in self.by_connection and all(plan.connection != connection for plan in self.held)


async def plan(
    store: Store,
    clock: Clock,
    connections: Sequence[Connection],
    *,
    leads: Collection[int] | None = None,
    lately: Mapping[str, Lately] = NOTHING,
) -> Planned:
    """Plan all dirty leads for these connections, and hold what the guard refuses.

    leads   instead of all dirty ones: all those of which anything may have to be written
    lately  what was written to a connection before, and counts as one with this
    """
    planned = await _planned(store, connections, leads)
    linked = await store.live_counts()
    for connection in connections:
        await _guard(store, clock, connection, planned, linked, lately.get(connection.name))
    return planned


async def plan_some(
    store: Store,
    clock: Clock,
    connection: Connection,
    leads: Collection[int],
    linked: int,
    lately: Lately,
    waiting: Sequence[Operation] = (),
) -> Planned | None:
    """Plan some of the dirty leads for one connection of which nothing is held; None if the guard would hold it.

    Only a plan of all dirty leads can be held: that is what a person approves.

    waiting  operations planned before that nobody has approved and that are not sent yet: they count as well
    """
    planned = await _planned(store, [connection], leads)
    asked = [op for one in planned.by_connection.get(connection.name, []) for op in one.operations]
    asked = [*asked, *waiting] if asked else []
    counts = lately.together(clock.now(), count(asked), overwritten(asked))
    return None if asked and check(counts, linked, connection.limits) else planned


async def _planned(store: Store, connections: Sequence[Connection], leads: Collection[int] | None) -> Planned:
    """What these leads lack, unguarded."""
    planned = Planned()
    targets = [connection.target for connection in connections]
    async for snapshots in store.snapshots(leads=leads):
        for snapshot in snapshots:
            found = plan_lead(subject_of(snapshot), targets)
            planned.not_carried += found.not_carried
            planned.blocked |= {found.lead} if found.blocked else set()
            if not found.operations and not found.blocked:
                planned.in_step[found.lead] = found.version
            for name in dict.fromkeys(op.connection for op in found.operations):
                own = tuple(op for op in found.operations if op.connection == name)
                planned.by_connection.setdefault(name, []).append(replace(found, operations=own))
    return planned


async def in_step(store: Store, connections: Sequence[Connection], leads: Collection[int]) -> dict[int, int]:
    """Of these leads those that lack nothing at any of these connections, with the version that was looked at."""
    targets = [connection.target for connection in connections]
    found: dict[int, int] = {}
    async for snapshots in store.snapshots(leads=leads):
        for snapshot in snapshots:
            planned = plan_lead(subject_of(snapshot), targets)
            if not planned.operations and not planned.blocked:
                found[planned.lead] = planned.version
    return found


async def _guard(
    store: Store,
    clock: Clock,
    connection: Connection,
    planned: Planned,
    linked: Mapping[str, int],
    lately: Lately | None,
) -> None:
    """Hold this connection's plan if it is over a limit; what somebody approved goes out, now or in later turns."""
    plans = planned.by_connection.get(connection.name, [])
    held = [one for one in await store.held(connection.name) if not _losses(one)]
    approved = {op["id"] for one in held if one.state == "approved" for op in one.operations}
    asked = [op for one in plans for op in one.operations if op.id not in approved]
    counts = count(asked)
    if lately is not None:
        counts = lately.together(clock.now(), counts, overwritten(asked))
    reasons = check(counts, linked.get(connection.name, 0), connection.limits) if asked else []
    planned.approved |= approved
    fingerprint = digest(sorted(op.id for op in asked)) if reasons else ""
    left = {op.id for one in plans for op in one.operations}
    for old in held:
        if old.state == "approved" and not any(
            op["id"] in left or op["lead"] in planned.blocked for op in old.operations
        ):
            await store.settle_hold(old.id, "done")
        elif old.state == "held" and old.fingerprint != fingerprint:
            await store.settle_hold(old.id, "superseded")  # the leads moved on: nobody can approve what is no more
    if not reasons:
        return
    now_held = next((one for one in held if one.fingerprint == fingerprint), None) or await store.hold(
        HeldPlan(
            id=digest([connection.name, fingerprint])[:8],
            connection=connection.name,
            fingerprint=fingerprint,
            reasons=reasons,
            operations=[op.to_json() for op in asked],
            state="held",
            at=clock.now(),
        )
    )
    planned.by_connection[connection.name] = [
        replace(one, operations=allowed)
        for one in plans
        if (allowed := tuple(op for op in one.operations if op.id in approved))
    ]
    if not planned.by_connection[connection.name]:
        del planned.by_connection[connection.name]
    if now_held.state == "held":
        planned.held.append(now_held)


def _losses(held: HeldPlan) -> bool:
    """Whether it was held by a pull, for too many records that are gone."""
    return any(op["action"] in LOSSES for op in held.operations)


def count(operations: Sequence[Operation]) -> Counts:
    """What the guard looks at: creates, deletes, blanked values, reassignments, records overwritten."""
    changes = _overwrites(operations)
    return Counts(
        creates=sum(op.kind == "lead" and op.action == "create" for op in operations),
        deletes=sum(op.action == "delete" for op in operations),
        blanks=sum(blank(new) for _, _, new in changes),
        reassignments=sum(name.startswith(ASSIGNMENT) for _, name, _ in changes),
        overwrites=len({lead for lead, _, _ in changes}),
    )


def overwritten(operations: Sequence[Operation]) -> set[int]:
    """The leads of which a value would be overwritten."""
    return {lead for lead, _, _ in _overwrites(operations)}


def _overwrites(operations: Sequence[Operation]) -> list[tuple[int, str, Value | None]]:
    """(lead, field, new value) wherever another value stands now."""
    return [
        (op.lead, name, new)
        for op in operations
        if op.kind in {"lead", "assignment"} and op.action != "create"
        for name, (old, new) in op.fields.items()
        if not blank(old) and not isinstance(old, frozenset) and spec(name).rule not in ONE_WAY
    ]
