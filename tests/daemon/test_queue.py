"""The queue: one slice of a connection at a time, the urgent first, and none lost with who had it in hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from syncd.daemon.queue import Queue
from syncd.store.database import Database

PATIENCE_S = 20.0


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Queue]:
    """A queue of one process."""
    queue = Queue(database)
    await queue.open()
    try:
        yield queue
    finally:
        await queue.close()


@asynccontextmanager
async def worked(queue: Queue, work: Callable[[str, str], Awaitable[None]]) -> AsyncIterator[None]:
    """Slices are taken, two at a time."""
    worker = queue.worker(work, at_once=2, patience_s=1.0)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await asyncio.wait_for(task, PATIENCE_S)


async def test_the_urgent_go_first_and_who_makes_room_goes_last(database: Database):
    """Of the slices that wait for a connection a live one is next, unless it has just made room for another."""
    done: list[str] = []
    over = asyncio.Event()

    async def work(kind: str, connection: str) -> None:
        done.append(f"{kind} {connection}")
        if len(done) == 4:
            over.set()

    async with opened(database) as queue:
        assert await queue.put("pull", "cinc")
        assert await queue.put("live", "cinc")
        assert not await queue.put("live", "cinc")
        assert await queue.put("live", "chime", last=True)
        assert await queue.put("pull", "chime")
        assert await queue.wanted(("live",), "cinc")
        assert not await queue.wanted(("live",), "mycrm")
        async with worked(queue, work):
            await asyncio.wait_for(over.wait(), PATIENCE_S)
    assert [one for one in done if "cinc" in one] == ["live cinc", "pull cinc"]
    assert [one for one in done if "chime" in one] == ["pull chime", "live chime"]


async def test_a_machine_that_stood_still_does_not_take_its_own_slices_for_dead(database: Database):
    """Its own heartbeat is old when it wakes: others may take its slices for a dead one's, it does not."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def work(_kind: str, _connection: str) -> None:
        begun.set()
        await over.wait()

    async with opened(database) as queue, opened(database) as other:
        await queue.put("live", "cinc")
        async with worked(queue, work):
            await asyncio.wait_for(begun.wait(), PATIENCE_S)
            rescued = own = 0
            while not rescued:
                with database.connect(autocommit=True) as admin:
                    admin.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
                own += await queue.rescue()
                rescued = await other.rescue()
            over.set()
    assert own == 0
