"""The order of the whole, and nothing else: recover → pull → ingest → plan → push → settle.

A *cycle* does this once for every connection. Connections pull at the same time and push at the same
time; a connection that fails is left out for the rest of the cycle and stops nobody else. `until_quiet`
repeats until a cycle reads nothing new and has nothing to write.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from syncd.domain.errors import AuthError, SyncdError, VendorError
from syncd.domain.plan import NotCarried
from syncd.engine.agents import learn_agents, recall_agents
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.pause import mend, stays_paused
from syncd.engine.plan import Planned, plan
from syncd.engine.turn import Turn
from syncd.ports.clock import Clock
from syncd.ports.rows import HeldPlan
from syncd.ports.store import Store

CYCLES_MAX = 25
"""A sync that is not quiet after so many cycles is fighting somebody; it stops and says so."""

PATIENCE_FIRST_S, PATIENCE_MAX_S = 1.0, 16.0
"""How long to wait before looking again for what a vendor does not show yet; longer each time."""


@dataclass(slots=True)
class Tally:
    """What happened at one connection (the numbers of `syncd sync --json`)."""

    pulled: int = 0
    changed: int = 0
    pushed: int = 0
    failed: int = 0
    requests: int = 0
    error: str = ""
    hint: str = ""
    """What went wrong with the connection as a whole, in one line, and how to mend it."""
    resumed: bool = False
    """Its last pull went on with a walk begun earlier: the next one looks at everything once more."""

    def to_json(self) -> dict[str, Any]:
        """DESIGN §13; ``error`` is only there when something went wrong."""
        numbers: dict[str, Any] = {
            "pulled": self.pulled,
            "changed": self.changed,
            "pushed": self.pushed,
            "failed": self.failed,
            "requests": self.requests,
        }
        return numbers | ({"error": self.error} if self.error else {})


@dataclass(slots=True)
class Report:
    """The outcome of a sync. ``quiet``: the last cycle read nothing new and had nothing to write."""

    connections: dict[str, Tally] = field(default_factory=dict)
    pending: int = 0
    conflicts: int = 0
    reviews: int = 0
    quarantined: int = 0
    held: list[HeldPlan] = field(default_factory=list)
    not_carried: list[NotCarried] = field(default_factory=list)
    quiet: bool = False
    cycles: int = 0
    settled: bool = False
    """The last plan left nothing undone: it need not be made again to know what is pending."""

    @property
    def failed(self) -> bool:
        """Whether any connection could not be brought up to date."""
        return any(tally.error for tally in self.connections.values())

    @property
    def needs_person(self) -> bool:
        """Whether somebody has to decide something."""
        return bool(self.conflicts or self.reviews or self.quarantined or self.held)

    def to_json(self) -> dict[str, Any]:
        """The shape of `syncd sync --json` (DESIGN §13)."""
        return {
            "connections": {name: tally.to_json() for name, tally in self.connections.items()},
            "pending": self.pending,
            "conflicts": self.conflicts,
            "reviews": self.reviews,
            "quarantined": self.quarantined,
            "held": len(self.held),
            "quiet": self.quiet,
        }


class Engine:
    """The five stages over a set of connections."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        connections: Sequence[Connection],
        progress: Progress = silent,
        *,
        lock_wait_s: float = 0.0,
    ) -> None:
        """``lock_wait_s``: how long to stand in line for each connection; the slices of a daemon are short."""
        self._store = store
        self._lock_wait_s = lock_wait_s
        self._clock = clock
        self._connections = list(connections)
        self._progress = progress

    async def sync(self, *, only: Sequence[str] = (), full: bool = False, until_quiet: bool = False) -> Report:
        """Bring the connections (or ``only`` these) in step. Raises SyncdError if another syncd is at it."""
        chosen = [c for c in self._connections if not only or c.name in only]
        report = Report(connections={c.name: Tally() for c in chosen})
        patience_s = PATIENCE_FIRST_S
        async with self._alone(chosen):
            await self._leave_paused(chosen, report, asked=only)
            for cycle in range(CYCLES_MAX if until_quiet else 1):
                report.cycles = cycle + 1
                quiet, wait_s = await self._cycle(chosen, report, full=full and not cycle, first=not cycle)
                report.quiet = quiet and not wait_s and not report.failed
                if quiet and wait_s and until_quiet:
                    wait_s = max(wait_s, patience_s)
                    patience_s = min(2 * patience_s, PATIENCE_MAX_S)
                    self._progress("wait", "", 0, round(wait_s))
                    await self._clock.sleep(wait_s)
                elif quiet:
                    break
        await self._close(report, chosen)
        return report

    async def preview(self, *, only: Sequence[str] = (), pull_first: bool = True) -> Planned:
        """What a sync would write now: the same pull and plan, and no push."""
        chosen = [c for c in self._connections if not only or c.name in only]
        report = Report(connections={c.name: Tally() for c in chosen})
        if not pull_first:
            for connection in chosen:
                await recall_agents(self._store, connection)
            return await self._planned(chosen)
        async with self._alone(chosen):
            await self._leave_paused(chosen, report, asked=only)
            healthy = await self._pull_all(chosen, report, full=False, first=True)
        for name, tally in report.connections.items():
            if tally.error:
                message = f"{name}: {tally.error}"
                raise SyncdError(message, hint=tally.hint)
        return await self._planned(healthy)

    async def _planned(self, connections: Sequence[Connection]) -> Planned:
        """The plan, with everything that is held: too large a plan, or too many losses seen by a pull."""
        planned = await plan(self._store, self._clock, connections)
        planned.held = await held_plans(self._store, connections)
        return planned

    # -- one cycle -----------------------------------------------------------------------------

    async def _cycle(
        self, chosen: Sequence[Connection], report: Report, *, full: bool, first: bool
    ) -> tuple[bool, float]:
        """One cycle. Whether it was quiet, and for how many seconds a waiting intent asks us to wait."""
        before = {name: (t.changed, t.pushed, t.failed) for name, t in report.connections.items()}
        healthy = await self._pull_all(chosen, report, full=full, first=first)
        began = self._clock.now()
        planned = await plan(self._store, self._clock, healthy)
        await self._store.in_step([c.name for c in healthy if planned.nothing_left_at(c.name)], began)
        _tell(report, planned)
        await self._each(healthy, report, lambda c, t: self._push(c, t, planned))
        if len(healthy) == len(self._connections) and planned.in_step:
            await self._store.clean(planned.in_step)
        waits = [await self._turn(connection).waiting_s() for connection in healthy]
        after = {name: (t.changed, t.pushed, t.failed) for name, t in report.connections.items()}
        moved = any(after[n][:2] != before[n][:2] or report.connections[n].resumed for n in after)
        report.settled = not planned.operations and len(healthy) == len(chosen)
        return not moved, max(waits, default=0.0)

    async def _pull_all(
        self, chosen: Sequence[Connection], report: Report, *, full: bool, first: bool
    ) -> list[Connection]:
        """Recover, learn agents and pull everywhere at once. The connections that came through."""

        async def agents(connection: Connection, _tally: Tally) -> None:
            await learn_agents(self._store, self._clock, connection)

        async def read(connection: Connection, tally: Tally) -> None:
            pulled = await self._turn(connection).read(full=full, first=first or tally.resumed)
            tally.pulled += pulled.pulled
            tally.changed += pulled.changed
            tally.resumed = pulled.resumed

        usable = [c for c in chosen if not report.connections[c.name].error]
        usable = await self._each(usable, report, agents)
        async with self._store.transaction() as tx:
            names = {agent.id: agent.name for agent in await tx.agents()}
        for connection in usable:
            connection.agent_names.update(names)  # also of agents another connection has just brought
        return await self._each(usable, report, read)

    async def _push(self, connection: Connection, tally: Tally, planned: Planned) -> None:
        pushed = await self._turn(connection).write(planned)
        tally.pushed += pushed.done
        tally.changed += pushed.replanned
        tally.failed += pushed.failed
        if pushed.error is not None:
            raise pushed.error

    def _turn(self, connection: Connection) -> Turn:
        return Turn(self._store, self._clock, connection, self._progress)

    async def _each(
        self,
        connections: Sequence[Connection],
        report: Report,
        work: Callable[[Connection, Tally], Awaitable[None]],
    ) -> list[Connection]:
        """Do something at every connection at once; those that came through. A vendor's error stays its own."""
        came_through: list[Connection] = []

        async def one(connection: Connection) -> None:
            tally = report.connections[connection.name]
            try:
                await work(connection, tally)
            except VendorError as error:
                tally.error = str(error)
                tally.hint = mend(connection, error) if isinstance(error, AuthError) else error.hint
                await self._turn(connection).keep_error(error)
            else:
                came_through.append(connection)

        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(one(connection))
        return [c for c in connections if c in came_through]

    async def _leave_paused(self, chosen: Sequence[Connection], report: Report, *, asked: Sequence[str]) -> None:
        """Connections whose credentials were refused and have not changed are not called, unless asked for by name."""
        for connection in chosen:
            state = await self._turn(connection).state()
            if stays_paused(connection, state, asked=connection.name in asked):
                tally = report.connections[connection.name]
                tally.error, tally.hint = f"paused: {state.paused}", connection.mend

    async def _close(self, report: Report, chosen: Sequence[Connection]) -> None:
        """The numbers a person needs at the end."""
        for connection in chosen:
            report.connections[connection.name].requests = sum(connection.adapter.requests.values())
        counts = await self._store.counts()
        report.conflicts = counts.get("conflicts", 0)
        report.reviews = counts.get("reviews", 0)
        report.quarantined = counts.get("quarantined", 0)
        report.pending = counts.get("waiting", 0)
        if not report.settled:
            broken = {name for name, tally in report.connections.items() if tally.error}
            healthy = [connection for connection in chosen if connection.name not in broken]
            report.pending += len((await plan(self._store, self._clock, healthy)).operations)
        report.held = await held_plans(self._store, chosen)

    @asynccontextmanager
    async def _alone(self, connections: Sequence[Connection]) -> AsyncIterator[None]:
        """Hold the lock of every connection, in name order; another syncd at work on one for long is an error."""
        async with AsyncExitStack() as stack:
            for connection in sorted(connections, key=lambda c: c.name):
                lock = self._store.exclusively(connection.name, wait_s=self._lock_wait_s)
                if not await stack.enter_async_context(lock):
                    message = f"another syncd is working on {connection.name}"
                    raise SyncdError(message, hint="wait for it to finish, or stop it")
            yield


async def held_plans(store: Store, connections: Sequence[Connection]) -> list[HeldPlan]:
    """What waits for a person's approval at these connections, by plan or by loss."""
    names = {connection.name for connection in connections}
    return [plan for plan in await store.held() if plan.state == "held" and plan.connection in names]


def _tell(report: Report, planned: Planned) -> None:
    """What cannot be carried of the leads planned now, and of those that were in step before."""
    leads = {*planned.in_step, *(op.lead for op in planned.operations), *(one.lead for one in planned.not_carried)}
    report.not_carried = [*(one for one in report.not_carried if one.lead not in leads), *planned.not_carried]
