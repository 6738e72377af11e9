"""The queue: which slices wait, on Procrastinate in syncd's own schema. Any process of the business may do the next.

Two locks keep order. The *lock* of a slice is its connection: no two slices of one connection run at a time, and of
those that wait the more urgent kind goes first. The *queueing lock* is kind and connection: a slice that waits already
is not enqueued again, so any number of timers and hooks cost one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from procrastinate import App, PsycopgConnector, exceptions
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.worker import Worker

from syncd.domain.errors import DatabaseError
from syncd.store.database import Database, explain

URGENCY: Mapping[str, int] = {"live": 40, "pull": 20, "housekeeping": 0}
"""Kinds of slices, the more urgent ones with the higher numbers."""
HEARTBEAT_S, DEAD_AFTER_S = 1.0, 5.0
"""How often a worker says that it lives, and after how long a silence its slices are given to others. Too early does no
harm: the connection's own lock keeps the two apart.
"""
POLL_S = 2.0
"""How often a worker looks by itself; a slice that may start at once announces itself."""

_BUSY = """
SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE queue_name = %(queue)s
    AND (status = 'doing' OR (status = 'todo' AND coalesce(scheduled_at <= now(), true)))) AS busy
"""
_WANTED = """
SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE queue_name = %(queue)s AND lock = %(lock)s AND status = 'todo'
    AND task_name = ANY(%(kinds)s) AND coalesce(scheduled_at <= now(), true)) AS wanted
"""

Slice = Callable[[str, str], Awaitable[None]]
"""(kind, connection) → the work. Must not raise."""


class Queue:
    """The slices that wait. Open it before use."""

    def __init__(self, database: Database, *, sessions_max: int = 6) -> None:
        """``sessions_max``: database sessions of this process for the queue alone."""
        logging.getLogger("procrastinate").setLevel(logging.ERROR)  # slices tell themselves how they ended
        connector = PsycopgConnector(
            conninfo=database.libpq_url, kwargs=database.brisk_options, min_size=1, max_size=sessions_max
        )
        self._app = App(connector=connector)
        # Announcements go to a whole database: by its name each schema hears its own.
        self._name = f"syncd.{database.schema}"
        self._own: Worker | None = None

    async def open(self) -> None:
        """Connect. Raises DatabaseError."""
        try:
            await self._app.open_async()
        except exceptions.ConnectorException as error:
            raise _translated(error) from None

    async def close(self) -> None:
        """Let go of the database."""
        await self._app.close_async()

    async def put(self, kind: str, connection: str = "", *, after_s: float = 0, last: bool = False) -> bool:
        """Enqueue a slice; False if one like it waits already. Raises DatabaseError.

        after_s  not before so many seconds; until then it also holds back less urgent slices of its connection
        last     behind all that waits for its connection, however urgent it is
        """
        job = self._app.configure_task(
            kind,
            lock=connection or kind,
            queueing_lock=f"{kind} {connection}",
            queue=self._name,
            priority=min(URGENCY.values()) if last else URGENCY[kind],
            task_kwargs={"connection": connection},
            schedule_in={"seconds": after_s} if after_s else None,
        )
        try:
            await job.defer_async()
        except exceptions.AlreadyEnqueued:
            return False
        except exceptions.ConnectorException as error:
            raise _translated(error) from None
        return True

    async def rescue(self) -> int:
        """Enqueue anew what workers had in hand that have died. Returns how many. Raises DatabaseError.

        A machine that stood still for a while finds its own heartbeat old; what it has in hand itself is not dead.
        """
        try:
            stalled = await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_S)
            own = self._own.worker_id if self._own is not None else None
            dead = [job for job in stalled if own is None or job.worker_id != own]
            for job in dead:
                with suppress(exceptions.ConnectorException):  # another process was faster
                    await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
                await self.put(job.task_name, str(job.task_kwargs.get("connection", "")))
        except exceptions.ConnectorException as error:
            raise _translated(error) from None
        return len(dead)

    async def wanted(self, kinds: Collection[str], connection: str) -> bool:
        """Whether a slice of one of these kinds could begin if the connection were free. Raises DatabaseError."""
        row = await self._one(_WANTED, queue=self._name, lock=connection, kinds=list(kinds))
        return bool(row["wanted"])

    async def idle(self) -> bool:
        """Whether no slice waits that could be begun, and none is in hand. Raises DatabaseError."""
        return not (await self._one(_BUSY, queue=self._name))["busy"]

    async def _one(self, query: str, **parameters: Any) -> dict[str, Any]:
        try:
            return await self._app.connector.execute_query_one_async(query, **parameters)
        except exceptions.ConnectorException as error:
            raise _translated(error) from None

    def worker(self, work: Slice, *, at_once: int, patience_s: float) -> Worker:
        """Who takes slices and does them.

        at_once     so many at a time
        patience_s  how long slices in hand may take once it is told to stop; then they are cancelled
        """
        for kind in URGENCY:
            self._app.task(name=kind, pass_context=False)(_bound(work, kind))
        self._own = _Eager(
            self._app,
            queues=[self._name],
            concurrency=at_once,
            fetch_job_polling_interval=POLL_S,
            abort_job_polling_interval=3600.0,  # nobody is ever asked to abort
            shutdown_graceful_timeout=patience_s,
            delete_jobs=DeleteJobCondition.ALWAYS,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=DEAD_AFTER_S,
        )
        return self._own


class _Eager(Worker):
    """Looks for the next slice as soon as one has ended: another may have waited for the same connection."""

    async def _persist_job_status(self, *args: Any, **options: Any) -> None:
        await super()._persist_job_status(*args, **options)
        self._new_job_event.set()


def _bound(work: Slice, kind: str) -> Callable[..., Awaitable[None]]:
    async def run(*, connection: str) -> None:
        await work(kind, connection)

    return run


def _translated(error: exceptions.ConnectorException) -> DatabaseError:
    import psycopg

    cause = error.__cause__
    return explain(cause) if isinstance(cause, psycopg.Error) else DatabaseError("the queue cannot be reached")
