"""Running what a command does: the event loop, a clean end on Ctrl-C, errors out of task groups.

Also the two things most commands open: the store alone, or everything with its adapters.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from syncd.cli import output
from syncd.domain.errors import SyncdError

if TYPE_CHECKING:
    from syncd.settings import Settings
    from syncd.store.postgres import PostgresStore

T = TypeVar("T")

STOPPED = "stopped; nothing is lost, the next run goes on from here"


def run(work: Coroutine[Any, Any, T], *, stopped: str = STOPPED) -> T:
    """Run a command's work to its end. Ctrl-C and SIGTERM let it close what it opened, say so, and exit with 1.

    Raises the first SyncdError where several tasks failed at once.
    """
    try:
        return asyncio.run(_until_signal(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        output.emit_note(stopped)
        raise typer.Exit(output.FAILED) from None
    except BaseExceptionGroup as group:
        known = next(errors_of(group, SyncdError), None)
        if known is None:
            raise next(errors_of(group, BaseException)) from None
        raise known from None


async def _until_signal(work: Coroutine[Any, Any, T]) -> T:
    """asyncio.run turns SIGINT into a cancellation; SIGTERM becomes the same."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        with suppress(NotImplementedError):  # no such thing on Windows
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
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

    async with open_store(settings) as (_, store):
        yield store


def shown(progress: output.Progress) -> Callable[[str, str, int, int | None], None]:
    """The engine's progress on this display."""

    def show(what: str, connection: str, done: int, total: int | None) -> None:
        if what == "wait":
            output.emit_note(f"waiting {total} s until a create whose answer was lost can be looked up")
        else:
            progress.update(f"{connection}: {what}", done, total)

    return show


def quoted(names: Sequence[str]) -> str:
    """Names for a sentence."""
    return ", ".join(names)
