"""What commands print, and the codes they end with.

Results go to standard output, everything about the run (progress, warnings, errors) to standard error,
so that ``--json`` can be piped. The JSON shapes are stable and tested.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from syncd.domain.errors import SyncdError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
PERSON: Final = 3
"""Done, but a person is needed: a conflict, a review, a held plan, a quarantined record."""

_PLAIN_EVERY_S = 10.0
_PLAIN_WIDTH = 160
_COLUMNS_MAX: ContextVar[int | None] = ContextVar("columns_max", default=None)


def emit_json(data: Any) -> None:
    """Print ``data`` as indented JSON and nothing else."""
    import orjson

    text = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str)
    sys.stdout.write(text.decode())


def emit_line(text: str = "") -> None:
    """Print one line of a result."""
    sys.stdout.write(f"{text}\n")


def emit_note(text: str) -> None:
    """Print one line about the run, to standard error."""
    sys.stderr.write(f"{text}\n")


def emit_error(error: SyncdError) -> None:
    """Print ``error: …`` (one line for each problem) and ``hint: …``, to standard error."""
    for line in getattr(error, "problems", None) or [str(error)]:
        emit_note(f"error: {' '.join(line.split())}")
    if error.hint:
        emit_note(f"hint: {error.hint}")


@contextmanager
def tables_within(columns_max: int) -> Iterator[None]:
    """Inside, no table is wider than so many characters, whatever it is printed on."""
    token = _COLUMNS_MAX.set(columns_max)
    try:
        yield
    finally:
        _COLUMNS_MAX.reset(token)


def emit_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", apart: bool = False
) -> None:
    """Print a table; a column whose values are all numbers is set right. Without a terminal, lines are not cut.

    apart  with an empty line between rows, for cells of several lines
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    body = [list(row) for row in rows]
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.leading = int(apart)
    for number, name in enumerate(columns):
        numeric = bool(body) and all(isinstance(row[number], int | float) for row in body)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    console.width = min(console.width, _COLUMNS_MAX.get() or console.width)
    console.print(table)


class Progress:
    """Long work, shown: a bar on a terminal, elsewhere a plain line now and then. Use as a context manager.

    Several tasks may run at once; each is named by its description (``cinc: pull``).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> Self:
        """Start showing."""
        if not self._quiet and sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""
        if self._bar is not None:
            self._bar.stop()

    def update(self, description: str, done: int, total: int | None = None) -> None:
        """``done`` of ``total`` (None: unknown) of the task named ``description``."""
        if self._quiet:
            return
        if self._bar is not None:
            if description not in self._tasks:
                self._tasks[description] = self._bar.add_task(description, total=total)
            self._bar.update(self._tasks[description], completed=done, total=total)
            return
        now = time.monotonic()
        last, said = self._said.get(description, (float("-inf"), -1))
        finished = total is not None and done >= total
        if (now - last >= _PLAIN_EVERY_S or finished) and done != said:
            self._said[description] = (now, done)
            emit_note(f"{description}: {done}" + ("" if total is None else f" of {total}"))
