"""Plan: every dirty lead against every connection, then the guard over each connection's whole plan.

`syncd plan` prints what comes out of here, and `syncd sync` pushes it: the same operations by the same
code. A connection whose plan is implausible is held whole; approving releases exactly that plan, because
its fingerprint is the digest of its operations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.domain.guard import Counts, check
from syncd.domain.lead import blank, spec
from syncd.domain.plan import ASSIGNMENT, LeadPlan, NotCarried, Operation, digest, plan_lead
from syncd.engine.absent import LOSSES
from syncd.engine.connection import Connection
from syncd.engine.push import subject_of
from syncd.ports.clock import Clock
from syncd.ports.store import HeldPlan, Store

ONE_WAY = frozenset({"earliest", "keep", "restrictive"})
"""Fields with these rules move one way and once; a first sync sets them everywhere, which is not implausible."""


@dataclass(slots=True)
class Planned:
    """Everything to be done, by connection; what is held; what cannot be carried; which leads are in step."""

    by_connection: dict[str, list[LeadPlan]] = field(default_factory=dict)
    held: list[HeldPlan] = field(default_factory=list)
    not_carried: list[NotCarried] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    """Leads of which something waits until a create is known to have arrived or not."""
    in_step: dict[int, int] = field(default_factory=dict)

    @property
    def operations(self) -> list[Operation]:
        """All operations that may be pushed now."""
        return [op for plans in self.by_connection.values() for plan in plans for op in plan.operations]

    def nothing_left_at(self, connection: str) -> bool:
        """Whether there is nothing to write at a connection, held or not."""
        return connection not in self.by_connection and all(plan.connection != connection for plan in self.held)


async def plan(
    store: Store, clock: Clock, connections: Sequence[Connection], *, leads: Collection[int] | None = None
) -> Planned:
    """Plan all dirty leads (or these) for these connections, and hold what the guard refuses."""
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
    linked = await store.live_counts()
    for connection in connections:
        await _guard(store, clock, connection, planned, linked)
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
    store: Store, clock: Clock, connection: Connection, planned: Planned, linked: Mapping[str, int]
) -> None:
    """Hold this connection's plan if it is over a limit; what somebody approved goes out, now or in later turns."""
    plans = planned.by_connection.get(connection.name, [])
    held = [one for one in await store.held(connection.name) if not _losses(one)]
    approved = {op["id"] for one in held if one.state == "approved" for op in one.operations}
    asked = [op for one in plans for op in one.operations if op.id not in approved]
    reasons = check(count(asked), linked.get(connection.name, 0), connection.limits) if asked else []
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
    now_held = await store.hold(
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
    creates = sum(op.kind == "lead" and op.action == "create" for op in operations)
    deletes = sum(op.action == "delete" for op in operations)
    changes = [
        (op.lead, name, old, new)
        for op in operations
        if op.kind in {"lead", "assignment"} and op.action != "create"
        for name, (old, new) in op.fields.items()
        if not blank(old) and not isinstance(old, frozenset) and spec(name).rule not in ONE_WAY
    ]
    return Counts(
        creates=creates,
        deletes=deletes,
        blanks=sum(blank(new) for _, _, _, new in changes),
        reassignments=sum(name.startswith(ASSIGNMENT) for _, name, _, _ in changes),
        overwrites=len({lead for lead, _, _, _ in changes}),
    )
