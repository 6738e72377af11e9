"""``syncd status --watch``: the same table, alive on a terminal; elsewhere one plain line a look, made for grep."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Any

from syncd.cli import output, render, work
from syncd.cli.status import read, show

if TYPE_CHECKING:
    from rich.live import Live

    from syncd.settings import Settings

Json = Any
Shown = Callable[[Mapping[str, Json]], None]


async def follow(settings: Settings, every_s: float, *, as_json: bool) -> None:
    """Look, show, wait, until Ctrl-C or SIGTERM; that is the ordinary end. Raises DatabaseError."""
    live = _live() if sys.stdout.isatty() and not as_json else None
    present: AbstractContextManager[Any] = live if live is not None else nullcontext()
    try:
        async with work.opened_views(settings) as (store, views):
            with present:
                while True:
                    found = await read(store, views)
                    if as_json:
                        _emit_compact(found)
                    elif live is not None:
                        _update(live, found, list(settings.connections), every_s)
                    else:
                        output.emit_line(line(found))
                    sys.stdout.flush()
                    await asyncio.sleep(every_s)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has seen enough
    except BaseException:
        task = asyncio.current_task()
        if task is None or not task.cancelling():  # cut off in mid-query the database complains instead
            raise


def line(found: Mapping[str, Json]) -> str:
    """One look in one line: when, what waits in all, and how far each connection lags."""
    from syncd.ports.clock import SystemClock

    known: Mapping[str, Json] = found["connections"]
    inbox = sum(one["inbox"] for one in known.values())
    queued = sum(row["jobs"] for row in found["queue"] or ())
    people = {name: found[name] for name in ("conflicts", "reviews", "quarantined", "held")}
    words = [f"dirty={found['dirty']}", f"inbox={inbox}", f"queued={queued}"]
    words += [f"{name}={count}" for name, count in people.items() if count]
    for name, one in known.items():
        state = " paused" if one["paused"] else " failing" if one["last_error"] else ""
        words.append(f"{name}: lag={one['lag_s']:.0f}s{state}")
    return f"{render.moment(SystemClock().now())}  {'  '.join(words)}"


def _live() -> Live:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(file=sys.stdout, highlight=False), auto_refresh=False, redirect_stderr=False)


def _update(live: Live, found: Mapping[str, Json], configured: list[str], every_s: float) -> None:
    """Put what `syncd status` prints in the place of what was there."""
    from rich.text import Text

    from syncd.ports.clock import SystemClock

    with redirect_stdout(io.StringIO()) as page, output.tables_within(live.console.width):
        show(found, configured)
        output.emit_line(f"\n{render.moment(SystemClock().now())} UTC, every {every_s:g} s; Ctrl-C ends")
    live.update(Text(page.getvalue().rstrip()), refresh=True)


def _emit_compact(data: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(data, default=str).decode() + "\n")
