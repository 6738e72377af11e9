"""Slices: the daemon's work at one connection, cut small, each with the connection's lock to itself.

    pull    what people did there, as deep as it is time for; a walk goes on where the last slice left it
    live    what the vendor's webhooks hint at, and what is to be written there, both as they come

Nothing is carried from one slice to the next but what the database holds (and, to save work, which leads this process
found in step): any process may do the next one, and one that is killed loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from syncd.domain.errors import VendorError
from syncd.engine.agents import learn_agents, recall_agents
from syncd.engine.connection import Connection, Enough
from syncd.engine.live import Live, Standing, Terms
from syncd.engine.news import News
from syncd.engine.pause import stays_paused
from syncd.engine.plan import in_step
from syncd.engine.pull import depth_of
from syncd.engine.turn import Turn
from syncd.ports.clock import Clock
from syncd.ports.inbox import Inbox
from syncd.ports.rows import ConnectionState
from syncd.ports.store import Store
from syncd.ports.urgency import Urgency, urgently

LOOKED_AT_ONCE = 500
"""How many dirty leads are looked at for all connections when it is quiet."""
LOCK_WAIT_S = 1.0
_at: ContextVar[str] = ContextVar("at", default="")
"""The connection that the present task is working at."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a slice.

    more     it was cut off: there is more of the same to do
    undone   leads wait to be planned
    wrote    the vendor was written to, and does not tell: what it made of it is worth a look soon
    busy     somebody else holds the connection; nothing was done
    heard    the vendor answered: a slice that asks nothing ends well wherever the vendor is
    error    why the connection was left alone
    counts   in numbers, for the log
    """

    more: bool = False
    undone: bool = False
    wrote: bool = False
    busy: bool = False
    heard: bool = False
    error: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class Slices:
    """The slices of all connections of one process."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        clock: Clock,
        connections: Sequence[Connection],
        *,
        call: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """``call``: told the name of a connection that has news nobody attends to; a live slice should come."""
        self._store, self._inbox, self._clock, self._call = store, inbox, clock, call
        self._connections = {connection.name: connection for connection in connections}
        self._news = {name: News() for name in self._connections}
        self._standing = {name: Standing() for name in self._connections}
        self._tidying = asyncio.Lock()
        self._memory: dict[str, Mapping[str, object]] = {c.name: dict(c.adapter.memory) for c in connections}
        """Connection → what its adapter had learned when this process last let go of it."""
        store.on_dirty(self._dirtied)

    @property
    def names(self) -> Sequence[str]:
        """Every connection."""
        return list(self._connections)

    def hooked(self, name: str) -> None:
        """A delivery of a connection is in the inbox."""
        if name in self._news and not self._news[name].deliveries():
            self._call(name)

    def stir(self, name: str = "") -> None:
        """Have the live slice of a connection, or of all, ask at once whether it should go on."""
        for news in [self._news[name]] if name else self._news.values():
            news.stir()

    async def pull(self, name: str, enough: Enough, *, full: bool = False) -> Done:
        """Read a connection. Raises DatabaseError."""

        async def read(connection: Connection, turn: Turn) -> Done:
            state = await turn.state()
            depth = depth_of(connection, state, self._clock, full=full, first=True)
            deep = depth.all_notes or await self._store.open_walk(name) is not None
            with urgently(Urgency.BACKFILL if deep else Urgency.POLL):
                await learn_agents(self._store, self._clock, connection)
                pulled = await turn.read(full=full, poll=True, enough=enough)
            counts = {"pulled": pulled.pulled, "changed": pulled.changed}
            undone = bool(await self._store.dirty(limit=1))
            return Done(more=pulled.unfinished, undone=undone, heard=True, counts=counts)

        return await self._turn(name, read)

    async def live(
        self,
        name: str,
        enough: Enough,
        patience_s: Callable[[], float] = lambda: 0.0,
        planned: Callable[[float], None] = lambda _seconds: None,
    ) -> Done:
        """Take in what webhooks hint at and write what is lacking, as it comes. Raises DatabaseError.

        patience_s  how long to wait for more once there is nothing to do
        planned     told how many seconds a plan of everything took
        """

        async def work(connection: Connection, turn: Turn) -> Done:
            live = Live(
                self._store, self._inbox, self._clock, connection, turn, self._news[name], self._standing[name],
                Terms(enough, planned, patience_s, self._tidy),
            )  # fmt: skip
            more = await live.run()
            taken, pushed = live.taken, live.pushed
            counts = {
                "deliveries": taken.done + taken.ignored,
                "readings": taken.leads + taken.notes,
                "pushed": pushed.done,
                "failed": pushed.failed,
            }
            wrote = bool(pushed.done)
            return Done(more=more, wrote=wrote and not taken.done, heard=wrote or bool(taken.made), counts=counts)

        return await self._turn(name, work)

    def _dirtied(self, leads: Collection[int]) -> None:
        """Leads were marked in this process: whom it concerns hears of it."""
        here = _at.get()
        for name, news in self._news.items():
            if not news.dirty(leads, soon=name != here):
                self._call(name)

    # -- what slices have in common --------------------------------------------------------------

    async def _turn(self, name: str, work: Callable[[Connection, Turn], Awaitable[Done]]) -> Done:
        """Do something while the connection is ours. A vendor's error is kept with the connection and told."""
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
            token = _at.set(name)
            try:
                done = await work(connection, turn)
            except VendorError as error:
                await turn.keep_error(error)
                done = Done(error=str(error))
            finally:
                _at.reset(token)
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

    async def _tidy(self) -> None:
        """Leads that lack nothing anywhere need not be looked at any more."""
        async with self._tidying:
            dirty = await self._store.dirty()
            known = [one.in_step for one in self._standing.values()]
            unknown = [lead for lead, version in dirty.items() if any(one.get(lead) != version for one in known)]
            found = {lead: dirty[lead] for lead in dirty.keys() - set(unknown)}
            if unknown:
                for connection in self._connections.values():
                    await recall_agents(self._store, connection)
                found |= await in_step(self._store, list(self._connections.values()), unknown[:LOOKED_AT_ONCE])
            await self._store.clean(found)
