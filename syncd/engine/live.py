"""A live slice: at one connection, hints are taken in and edits written, both as they come.

    inbox ─► readings ─► ingest ─► the graph moves ─► everybody's news
    news  ─► plan of these leads ─► guard ─► push

It begins with all that waits and goes on as long as there are news, with a little patience between them: an edit needs
no database session, no queue and no plan of everything on its way to the other CRMs (DESIGN §16: 50 ms).

Nothing is written to a connection before it was read whole once: who is there already is not known until then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.domain.guard import Lately
from syncd.domain.plan import LeadPlan
from syncd.engine.connection import Connection, Enough
from syncd.engine.inbox import Taking
from syncd.engine.news import News
from syncd.engine.plan import Planned, count, overwritten, plan, plan_some
from syncd.engine.push import Push, Pushed
from syncd.engine.turn import Turn
from syncd.ports.clock import Clock
from syncd.ports.inbox import Inbox
from syncd.ports.store import Store
from syncd.ports.urgency import Urgency, urgently

GUARD_WITHIN = timedelta(minutes=10)
"""What is written within this time is judged by the guard as one plan."""
QUIET_S = 0.3
"""After so long without news there is time for what can wait."""
PART_S = 0.5
"""How long to write from a backlog before looking what is new."""


@dataclass(slots=True)
class Standing:
    """What a process knows of a connection from one live slice to the next.

    in_step  lead → the version at which it lacked nothing there
    lately   what was written there
    """

    in_step: dict[int, int] = field(default_factory=dict)
    lately: Lately = field(default_factory=lambda: Lately(GUARD_WITHIN))


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a live slice may go on.

    enough      its time is up: what is left is for the next one
    planned     told how many seconds a plan of everything took, which are not the time there is for work
    patience_s  how long to wait for further news
    tidy        clears the marks of leads that lack nothing anywhere
    """

    enough: Enough
    planned: Callable[[float], None]
    patience_s: Callable[[], float]
    tidy: Callable[[], Awaitable[None]]


class Live:
    """One live slice. Whoever runs it holds the connection."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        clock: Clock,
        connection: Connection,
        turn: Turn,
        news: News,
        standing: Standing,
        terms: Terms,
    ) -> None:
        """Nothing is read yet."""
        self._store, self._clock, self._connection = store, clock, connection
        self._news, self._standing, self._terms = news, standing, terms
        self._turn = turn
        self._taking = Taking(store, inbox, clock, connection)
        self._push: Push | None = None
        self._run = 0
        self._todo: dict[int, LeadPlan] = {}
        self._backlog: dict[int, LeadPlan] = {}
        self._approved: set[str] = set()
        self._linked = 0
        self._whole = False
        self._held = False
        self.taken = self._taking.taken
        self.pushed = Pushed()

    async def run(self) -> bool:
        """Whether it was cut off and there is more to do. Raises VendorError, DatabaseError."""
        state = await self._turn.state()
        self._connection.walked = state.last_walk
        self._news.attend()
        try:
            return await self._rounds(writing=state.last_full is not None)
        finally:
            self._news.leave()
            if self._run:
                counts = {"pushed": self.pushed.done, "failed": self.pushed.failed}
                await self._store.end_run(self._run, counts, "; ".join(self.pushed.errors[:3]))

    async def _rounds(self, *, writing: bool) -> bool:
        hints = self._connection.adapter.hooks is not None
        while True:
            if writing:
                await self._write()
            else:
                self._news.leads()
            if hints or self._news.hooks:
                hints = await self._hints()
            new = self._news.hooks or (self._news.has_leads and not self._held)
            if self._terms.enough():
                await self._terms.tidy()
                return hints or self._unwritten or self._news.left
            if hints or new or self._unwritten:
                continue
            if self._held:
                return self._news.left  # for the guard to see, with all that it holds
            if not await self._quiet():
                return False

    @property
    def _unwritten(self) -> bool:
        return bool(self._todo or self._backlog)

    async def _hints(self) -> bool:
        """Look at some of what webhooks hinted at. Whether more of it waits."""
        self._news.hooks = False
        if self._connection.adapter.hooks is None:
            return False
        with urgently(Urgency.HINT):
            more = await self._taking.batch(lambda: self._terms.enough() or self._news.has_leads)
        if self.taken.error is not None:
            raise self.taken.error
        return more

    async def _quiet(self) -> bool:
        """Nothing is left to do: wait a little, then see to what can wait. Whether there is something to do again."""
        if await self._news.wait(self._clock, lambda: min(QUIET_S, self._terms.patience_s())) or self._news.quiet():
            return True
        await self._terms.tidy()
        return await self._news.wait(self._clock, self._terms.patience_s)

    # -- writing -----------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write what is planned, for a while: what is new, in its order, before what waited when we began."""
        await self._plan()
        if not self._todo and not self._backlog:
            return
        await self._turn.keep_memory()  # what planning taught the adapter is needed by whoever reads after a crash
        plans, began = [*self._todo.values(), *self._backlog.values()], self._clock.monotonic()

        def pause() -> bool:
            return self._terms.enough() or bool(self._news) or self._clock.monotonic() - began >= PART_S

        with urgently(Urgency.PUSH):
            self.pushed = await (await self._pusher()).leads(plans, enough=pause)
        sent = plans[: len(plans) - self.pushed.left]
        for one in sent:
            self._todo.pop(one.lead, None)
            self._backlog.pop(one.lead, None)
        self._written(sent)
        if self.pushed.error is not None:
            raise self.pushed.error

    async def _pusher(self) -> Push:
        if self._push is None:
            self._run = await self._store.start_run("push", self._connection.name)
            self._push = Push(self._store, self._clock, self._connection, run=self._run)
        return self._push

    def _written(self, plans: list[LeadPlan]) -> None:
        """Remember what went out; whether its leads lack anything now is looked at when it is quiet."""
        sent = [op for op in self.pushed.sent if op.id not in self._approved]
        self.pushed.sent.clear()
        if sent:
            self._standing.lately.add(self._clock.now(), count(sent), overwritten(sent))
        for one in plans:
            self._standing.in_step.pop(one.lead, None)
        self._news.dirty([one.lead for one in plans], soon=False)

    async def _plan(self) -> None:
        """Plan what is new; everything at first, and where the guard has to see everything.

        While something is held, what is new waits for the next slice, and so do plans that it has made old.
        """
        if self._held:
            for lead in self._news.about(self._todo.keys() | self._backlog.keys()):
                self._todo.pop(lead, None)
                self._backlog.pop(lead, None)
            return
        leads = self._news.leads() | self._news.outdated(self._todo.keys() | self._backlog.keys())
        if self._whole and not leads:
            return
        planned = await self._some(leads) if self._whole else None
        if planned is not None:
            plans = self._of(planned)
            for lead in leads - plans.keys():
                self._todo.pop(lead, None)
            for lead in leads:
                self._backlog.pop(lead, None)
            self._todo |= plans  # a lead that waits already keeps its place
        else:
            planned = await self._all()
            plans = self._backlog = self._of(planned)
            self._todo.clear()
        self._approved |= planned.approved
        for lead in plans:
            self._standing.in_step.pop(lead, None)
        self._standing.in_step |= planned.in_step

    def _of(self, planned: Planned) -> dict[int, LeadPlan]:
        return {one.lead: one for one in planned.by_connection.get(self._connection.name, [])}

    async def _some(self, leads: set[int]) -> Planned | None:
        others = (one for lead, one in (self._backlog | self._todo).items() if lead not in leads)
        waiting = [op for one in others for op in one.operations if op.id not in self._approved]
        return await plan_some(
            self._store, self._clock, self._connection, leads, self._linked, self._standing.lately, waiting
        )

    async def _all(self) -> Planned:
        """The plan of all dirty leads; those found in step that have not changed since are not looked at."""
        name, began, started = self._connection.name, self._clock.now(), self._clock.monotonic()
        dirty = await self._store.dirty()
        known = {lead: at for lead, at in self._standing.in_step.items() if dirty.get(lead) == at}
        planned = await plan(
            self._store, self._clock, [self._connection],
            leads=dirty.keys() - known.keys(), lately={name: self._standing.lately},
        )  # fmt: skip
        self._standing.in_step = known
        if planned.nothing_left_at(name):
            await self._store.in_step([name], began)
        self._linked = (await self._store.live_counts()).get(name, 0)
        self._whole, self._held = True, bool(planned.held)
        self._terms.planned(self._clock.monotonic() - started)
        return planned
