"""A turn at one connection: reading it, and writing to it. A cycle of `syncd sync` and a slice of the daemon alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from syncd.domain.errors import VendorError
from syncd.engine.connection import Connection, Enough, Progress, never, silent
from syncd.engine.pause import after
from syncd.engine.plan import Planned
from syncd.engine.pull import Pulled, depth_of, pull
from syncd.engine.push import Push, Pushed
from syncd.engine.recover import recover
from syncd.engine.remap import remap
from syncd.ports.clock import Clock
from syncd.ports.rows import Batch, ConnectionState
from syncd.ports.store import Store


class Turn:
    """One connection's. Whoever takes a turn holds the connection's lock."""

    def __init__(self, store: Store, clock: Clock, connection: Connection, progress: Progress = silent) -> None:
        self._store, self._clock, self._connection, self._progress = store, clock, connection, progress
        self._kept: Mapping[str, object] | None = None

    async def state(self) -> ConnectionState:
        """What is kept of the connection."""
        state = await self._store.connection(self._connection.name, self._connection.adapter.vendor)
        self._kept = state.memory
        return state

    async def read(
        self, *, full: bool = False, first: bool = True, poll: bool = False, enough: Enough = never
    ) -> Pulled:
        """Decide what may have been sent before, then pull as deep as it is time for. Raises VendorError.

        full   everything is compared, from the beginning
        first  look for what people did, and not only for echoes of what was just written
        poll   nobody waits for it
        """
        depth = depth_of(self._connection, await self.state(), self._clock, full=full, first=first, poll=poll)
        run = await self._store.start_run("pull", self._connection.name)
        await remap(self._store, self._clock, self._connection, self._progress)
        await recover(self._store, self._clock, self._connection)
        pulled = await pull(
            self._store, self._clock, self._connection, depth, self._progress, run, anew=full, enough=enough
        )
        await self._store.end_run(run, {"pulled": pulled.pulled, "changed": pulled.changed})
        return pulled

    async def write(self, planned: Planned, *, enough: Enough = never) -> Pushed:
        """Carry out what is planned here. What went wrong with the connection as a whole is in `Pushed.error`."""
        plans = planned.by_connection.get(self._connection.name, [])
        if not plans:
            return Pushed()
        # What planning taught the adapter is needed by whoever reads after a crash.
        await self.keep_memory()
        run = await self._store.start_run("push", self._connection.name)
        push = Push(self._store, self._clock, self._connection, run=run)
        pushed = await push.leads(plans, self._progress, enough=enough)
        await self._store.end_run(run, {"pushed": pushed.done, "failed": pushed.failed}, "; ".join(pushed.errors[:3]))
        await self.keep_memory()
        return pushed

    async def keep_memory(self) -> None:
        """Store what the adapter has learned since it was last stored. Nobody else does: the connection is ours."""
        memory = dict(self._connection.adapter.memory)
        if self._kept is not None and memory == dict(self._kept):
            return
        state = await self.state()
        if memory != dict(state.memory):
            async with self._store.transaction() as tx:
                await tx.save(Batch(connection=replace(state, memory=memory)))
        self._kept = memory

    async def keep_error(self, error: VendorError) -> None:
        """Remember why the connection stopped; refused credentials pause it until they are mended."""
        state = after(self._connection, await self.state(), error)
        async with self._store.transaction() as tx:
            await tx.save(Batch(connection=state))

    async def waiting_s(self) -> float:
        """Seconds until a waiting intent or an unseen record can be decided; 0 if there is none."""
        unseen = 1.0 if await self._store.unseen(self._connection.name) else 0.0
        async with self._store.reads() as tx:
            intents = await tx.intents(self._connection.name)
        if not intents:
            return unseen
        due = max(self._connection.adapter.capabilities.create_lag_s, 2.0)
        left = due - (self._clock.now() - min(intent.at for intent in intents)).total_seconds()
        return max(left, 1.0)
