"""``syncd vendors show NAME``: who we are at a connection, what it carries, what was learned, what else it shows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output, work
from syncd.domain.errors import UsageError, VendorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syncd.cli.vendors import Described
    from syncd.ports.vendor import Adapter, Extras, Table
    from syncd.settings import Settings

WORD_MAX = 60
FEW = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """One table that was asked for, or why there is none."""

    table: Table | None = None
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """As in `syncd vendors show --json`."""
        columns, rows = (self.table.columns, self.table.rows) if self.table else ((), ())
        return {"columns": list(columns), "rows": [list(row) for row in rows], "error": self.error}


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found out about a connection. ``error``: why nobody could say who we are."""

    name: str
    vendor: str
    can: Described
    who: str = ""
    error: str = ""
    learned: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, Asked] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The shape of `syncd vendors show --json`."""
        return {
            "connection": self.name,
            "vendor": self.vendor,
            "who": self.who,
            "error": self.error,
            "capabilities": self.can.to_json(),
            "learned": dict(self.learned),
            "extras": {name: asked.to_json() for name, asked in self.extras.items()},
        }


def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connection.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask one connection who we are, and show what it carries, what was learned of it, and what else it has to show.

    Only reads. What the vendor refuses is named with its reason; the rest is shown all the same.
    """
    settings = ctx.obj.settings()
    known(settings, name)
    found = work.run(_asked(settings, name), stopped="stopped")
    if as_json:
        output.emit_json(found.to_json())
    else:
        emit(found)
    raise typer.Exit(output.FAILED if found.error else output.DONE)


def known(settings: Settings, name: str) -> None:
    """Raises UsageError for a name that is no connection; it says the nearest there is."""
    if name in settings.connections:
        return
    from difflib import get_close_matches

    near = get_close_matches(name, settings.connections, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    there = (
        f"configured: {', '.join(settings.connections)}" if settings.connections else "no connections are configured"
    )
    message = f"there is no connection {name!r}"
    raise UsageError(message, hint=f"{hint}{there}; `syncd vendors` shows every vendor")


async def _asked(settings: Settings, name: str) -> Looked:
    async with opened(settings, name) as adapter:
        return await look(adapter)


@asynccontextmanager
async def opened(settings: Settings, name: str) -> AsyncIterator[Adapter]:
    """The connection's adapter with its tokens and what was learned before. Raises ConfigError, DatabaseError."""
    from syncd.bootstrap import open_keeping

    async with open_keeping(settings) as keeping, keeping.adapter(settings.connections[name]) as adapter:
        yield adapter


async def look(adapter: Adapter) -> Looked:
    """Ask the vendor. Never raises VendorError: what is refused is part of what is found."""
    from syncd.cli.vendors import described
    from syncd.vendors.registry import extras

    who = error = ""
    try:
        who = await adapter.check()
    except VendorError as refused:
        error = _reason(refused)
    tables = await _extras(extras(adapter))
    return Looked(adapter.name, adapter.vendor, described(adapter), who, error, learned(adapter.memory), tables)


async def _extras(offered: Extras) -> dict[str, Asked]:
    """Each table, one after the other: a refusal of one is no refusal of the next."""
    found: dict[str, Asked] = {}
    for name, ask in offered.items():
        try:
            found[name] = Asked(await ask())
        except VendorError as refused:
            found[name] = Asked(error=_reason(refused))
    return found


def _reason(error: VendorError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)


def learned(memory: Mapping[str, Any]) -> dict[str, str]:
    """What the adapter learned of its account, in a word or two each; long lists are only counted."""
    return {name.replace("_", " "): _words(value) for name, value in sorted(memory.items())}


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        inner = [f"{name}: {_words(one)}" for name, one in value.items()]
        short = len(inner) <= FEW and not any(isinstance(one, Mapping) for one in value.values())
        return "; ".join(inner) if short else f"{len(inner)} entries"
    if isinstance(value, list | tuple):
        plain = all(isinstance(one, str | int) for one in value) and len(value) <= FEW
        return ", ".join(map(str, value)) or "none" if plain else f"{len(value)} entries"
    text = str(value)
    return text if len(text) <= WORD_MAX else f"{len(text)} characters"


def emit(found: Looked) -> None:
    """Print it for a person."""
    from syncd.cli.vendors import COLUMNS_MAX

    who = f"logged in as {found.who}" if found.who else f"refused: {found.error}"
    output.emit_line(f"{found.name} ({found.vendor}): {who}")
    with output.tables_within(COLUMNS_MAX):
        output.emit_line()
        output.emit_table(("carried", "fields"), _ways(found.can))
        output.emit_line()
        output.emit_table(("", ""), found.can.abilities().items())
        output.emit_line()
        output.emit_table(("", "limit, or why not"), found.can.reasons())
        if found.learned:
            output.emit_line()
            output.emit_table(("learned", ""), found.learned.items())
        for name, asked in found.extras.items():
            output.emit_line()
            if asked.table is None:
                output.emit_line(f"{name}: {asked.error}")
            elif not asked.table.rows:
                output.emit_line(f"{name}: none")
            else:
                rows = [[_cell(cell) for cell in row] for row in asked.table.rows]
                output.emit_table(asked.table.columns, rows, title=name)


def _ways(can: Described) -> list[tuple[str, str]]:
    words = {"both": "both ways", "create": "when a lead is created", "read": "read only", "no": "not"}
    rows = ((word, ", ".join(name for name, way in can.fields.items() if way == key)) for key, word in words.items())
    return [row for row in rows if row[1]]


def _cell(value: str | int | bool | datetime | None) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else value
