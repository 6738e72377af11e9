"""Running what a command does: the event loop, a clean end on Ctrl-C, errors out of task groups.

Also the two things most commands open: the store alone, or everything with its adapters.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from syncd.cli import output, render
from syncd.domain.errors import SyncdError

if TYPE_CHECKING:
    from syncd.settings import Settings
    from syncd.store.postgres import PostgresStore
    from syncd.store.views import Views

T = TypeVar("T")

STOPPING = (signal.SIGINT, signal.SIGTERM)
LOCK_WAIT_S = 60.0
"""How long a command stands in line for a connection: the slices of a daemon beside it take a third of that."""
STOPPED = "stopped; nothing is lost, the next run goes on from here"


def run(work: Coroutine[Any, Any, T], *, stopped: str = STOPPED) -> T:
    """Run a command's work to its end. Ctrl-C and SIGTERM let it close what it opened, say so, and exit with 1.

    Raises the first SyncdError where several tasks failed at once.
    """
    signals: list[signal.Signals] = []
    try:
        return asyncio.run(_until_signal(work, signals))
    except BaseException as error:
        # Being cancelled in the middle of a query may end in an error of the database; it is a stop all the same.
        if signals or isinstance(error, KeyboardInterrupt):
            output.emit_note(stopped)
            raise typer.Exit(output.FAILED) from None
        found = next(errors_of(error, SyncdError), None) or next(errors_of(error, BaseException))
        if found is error:
            raise
        raise found from None


async def _until_signal(work: Coroutine[Any, Any, T], signals: list[signal.Signals]) -> T:
    """Cancel the work when a signal comes, and remember which; a second one ends the process the hard way."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop(which: signal.Signals) -> None:
        signals.append(which)
        logging.disable()  # what libraries say about connections that are being closed helps nobody
        for one in STOPPING:
            loop.remove_signal_handler(one)
        if task is not None:
            task.cancel()

    with suppress(NotImplementedError):  # no such thing on Windows
        for one in STOPPING:
            loop.add_signal_handler(one, stop, one)
    return await work


def errors_of(error: BaseException, kind: type[BaseException]) -> Any:
    """Every error of a kind inside nested groups, first one first."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from errors_of(one, kind)
    elif isinstance(error, kind):
        yield error


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[PostgresStore]:
    """The store of the config, without any adapter."""
    from syncd.bootstrap import open_store

    async with open_store(settings, commanded=True) as (_, store):
        yield store


@asynccontextmanager
async def opened_views(settings: Settings) -> AsyncIterator[tuple[PostgresStore, Views]]:
    """The store and its read side; numbers without a country belong to the connections' regions."""
    async with opened_store(settings) as store:
        yield store, views_of(settings, store)


def views_of(settings: Settings, store: PostgresStore) -> Views:
    """The read side of an open store."""
    from syncd.store.views import Views

    regions = dict.fromkeys(connection.region for connection in settings.connections.values())
    return Views(store, regions=tuple(regions) or ("US",))


async def agent_names(store: PostgresStore) -> dict[int, str]:
    """Canonical agent id → name, for printing."""
    async with store.transaction() as tx:
        return {agent.id: agent.name or agent.email for agent in await tx.agents()}


def shown(progress: output.Progress) -> Callable[[str, str, int, int | None], None]:
    """The engine's progress on this display."""

    def show(what: str, connection: str, done: int, total: int | None) -> None:
        if what == "wait":
            output.emit_note(f"waiting {total} s until a create whose answer was lost can be looked up")
        else:
            progress.update(f"{connection}: {what}", done, total)

    return show


async def lead_titles(store: PostgresStore, leads: Collection[int]) -> dict[int, str]:
    """Lead id → how the lead is called, for printing."""
    async with store.transaction() as tx:
        found = await tx.leads(sorted(leads), lock=False) if leads else {}
    return {lead.id: render.title(lead.fields) for lead in found.values()}
