"""Slices: the daemon's work at one connection, cut small, each with the connection's lock to itself.

    pull    what people did there, as deep as it is time for; a walk goes on where the last slice left it
    inbox   what the vendor's webhooks hinted at
    push    what is planned there; leads that were found in step are not planned again until they change

Nothing is carried from one slice to the next but what the database holds (and, to save work, which leads this process
found in step): any process may do the next one, and one that is killed loses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.domain.errors import VendorError
from syncd.engine.agents import learn_agents, recall_agents
from syncd.engine.connection import Connection, Enough
from syncd.engine.inbox import take_inbox
from syncd.engine.pause import stays_paused
from syncd.engine.plan import Planned, in_step, plan
from syncd.engine.turn import Turn
from syncd.ports.clock import Clock
from syncd.ports.inbox import Inbox
from syncd.ports.store import ConnectionState, Store
from syncd.ports.urgency import Urgency, urgently

TIDIED_AT_ONCE = 500
"""How many dirty leads are looked at for all connections at the end of a push."""
LOCK_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a slice.

    more     it was cut off: there is more of the same to do
    moved    the graph changed: there may be something to write, here or elsewhere
    wrote    the vendor was written to: what it made of it is worth a look soon
    busy     somebody else holds the connection; nothing was done
    error    why the connection was left alone
    counts   in numbers, for the log
    """

    more: bool = False
    moved: bool = False
    wrote: bool = False
    busy: bool = False
    error: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class Slices:
    """The slices of all connections of one process."""

    def __init__(self, store: Store, inbox: Inbox, clock: Clock, connections: Sequence[Connection]) -> None:
        self._store, self._inbox, self._clock = store, inbox, clock
        self._connections = {connection.name: connection for connection in connections}
        self._in_step: defaultdict[str, dict[int, int]] = defaultdict(dict)
        """Connection → lead → the version at which it lacked nothing there."""
        self._memory: dict[str, Mapping[str, object]] = {c.name: dict(c.adapter.memory) for c in connections}
        """Connection → what its adapter had learned when this process last let go of it."""

    @property
    def names(self) -> Sequence[str]:
        """Every connection."""
        return list(self._connections)

    async def pull(self, name: str, enough: Enough, *, full: bool = False) -> Done:
        """Read a connection. Raises DatabaseError."""

        async def read(connection: Connection, turn: Turn) -> Done:
            state = await turn.state()
            deep = full or state.last_full is None or await self._store.open_walk(name) is not None
            with urgently(Urgency.BACKFILL if deep else Urgency.POLL):
                await learn_agents(self._store, self._clock, connection)
                pulled = await turn.read(full=full, enough=enough)
            counts = {"pulled": pulled.pulled, "changed": pulled.changed}
            return Done(more=pulled.unfinished, moved=bool(pulled.changed) or await self._undone(), counts=counts)

        return await self._turn(name, read, reads=True)

    async def inbox(self, name: str, limit_s: float) -> Done:
        """Look at what webhooks hinted at. Raises DatabaseError."""

        async def take(connection: Connection, _turn: Turn) -> Done:
            with urgently(Urgency.HINT):
                taken = await take_inbox(self._store, self._inbox, self._clock, connection, limit_s=limit_s)
            if taken.error is not None:
                raise taken.error
            counts = {"deliveries": taken.done + taken.ignored, "readings": taken.leads + taken.notes}
            return Done(more=taken.more, moved=bool(taken.touched or taken.gone or taken.notes), counts=counts)

        return await self._turn(name, take, reads=True)

    async def push(self, name: str, enough: Enough) -> Done:
        """Write to a connection what it lacks. Raises DatabaseError."""

        async def write(connection: Connection, turn: Turn) -> Done:
            began = self._clock.now()
            planned = await self._planned(connection)
            if planned.nothing_left_at(name):
                await self._store.in_step([name], began)
            with urgently(Urgency.PUSH):
                pushed = await turn.write(planned, enough=enough)
            for one in planned.by_connection.get(name, []):
                self._in_step[name].pop(one.lead, None)
            if pushed.error is not None:
                raise pushed.error
            if not pushed.left:
                await self._tidy()
            counts = {"pushed": pushed.done, "failed": pushed.failed, "left": pushed.left}
            return Done(more=bool(pushed.left), moved=bool(pushed.replanned), wrote=bool(pushed.done), counts=counts)

        return await self._turn(name, write)

    # -- what slices have in common --------------------------------------------------------------

    async def _turn(
        self, name: str, work: Callable[[Connection, Turn], Awaitable[Done]], *, reads: bool = False
    ) -> Done:
        """Do something while the connection is ours. A vendor's error is kept with the connection and told.

        reads  what was read before the error is there to be carried on; a write that failed waits for its timer
        """
        connection = self._connections.get(name)
        if connection is None:
            return Done(error="is not in the config of this process")
        async with self._store.exclusively(name, wait_s=LOCK_WAIT_S) as ours:
            if not ours:
                return Done(busy=True)
            turn = Turn(self._store, self._clock, connection)
            state = await turn.state()
            if stays_paused(connection, state, asked=False):
                return Done(error=f"paused: {state.paused}")
            await self._remember(connection, state)
            try:
                done = await work(connection, turn)
            except VendorError as error:
                await turn.keep_error(error)
                done = Done(error=str(error), moved=reads and await self._undone())
            await turn.keep_memory()
            self._memory[name] = dict((await turn.state()).memory)
        return done

    async def _remember(self, connection: Connection, state: ConnectionState) -> None:
        """An adapter that knows what other processes have learned of the account since, and the agents."""
        if connection.remade is not None and dict(state.memory) != self._memory[connection.name]:
            before = connection.adapter
            connection.adapter = connection.remade(state.memory)
            await before.aclose()
        await recall_agents(self._store, connection)

    async def _planned(self, connection: Connection) -> Planned:
        """What is to be written there; leads that were found in step and have not changed since are not looked at."""
        dirty = await self._store.dirty()
        known = self._in_step[connection.name]
        known = {lead: version for lead, version in known.items() if dirty.get(lead) == version}
        planned = await plan(self._store, self._clock, [connection], leads=dirty.keys() - known.keys())
        self._in_step[connection.name] = known | planned.in_step
        return planned

    async def _tidy(self) -> None:
        """Leads that lack nothing anywhere need not be looked at any more."""
        dirty = await self._store.dirty(limit=TIDIED_AT_ONCE)
        unknown = {
            lead
            for lead, version in dirty.items()
            if any(self._in_step[name].get(lead) != version for name in self._connections)
        }
        found = {lead: version for lead, version in dirty.items() if lead not in unknown}
        if unknown:
            for connection in self._connections.values():
                await recall_agents(self._store, connection)
            found |= await in_step(self._store, list(self._connections.values()), unknown)
        await self._store.clean(found)

    async def _undone(self) -> bool:
        """Whether any lead waits to be planned."""
        return bool(await self._store.dirty(limit=1))
