"""``syncd config``: is the config right, what may be in it, and what is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output
from syncd.domain.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from syncd.settings.locate import Places

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("check")(check)
    group.command("example")(example)
    group.command("show")(show)
    app.add_typer(group, name="config", help="Check, explain and show the config file.")


def check(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Read the config and report everything that is wrong with it, each problem with its place."""
    from syncd.settings import advice, find, load

    file = find(ctx.obj.config)
    try:
        settings = load(file)
    except ConfigError as error:
        if not as_json:
            raise
        output.emit_json({"file": str(file), "ok": False, "problems": error.problems, "warnings": []})
        raise typer.Exit(output.FAILED) from None
    warnings = advice(settings)
    if as_json:
        output.emit_json({"file": str(file), "ok": True, "problems": [], "warnings": warnings})
        return
    for line in warnings:
        output.emit_note(f"warning: {line}")
    names = ", ".join(f"{name} ({row.vendor})" for name, row in settings.connections.items())
    output.emit_line(f"{file}: fine; connections: {names or 'none'}")


def example() -> None:
    """Print a config file with every key explained."""
    from syncd.settings import example as text

    output.emit_line(text().rstrip("\n"))


def show(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Show every setting in force and where it comes from. Secrets are named, not shown."""
    from syncd.settings import find, load
    from syncd.settings.load import read
    from syncd.settings.locate import Places

    file = find(ctx.obj.config)
    settings = load(file)
    rows = list(entries(settings, Places(read(file))))
    if as_json:
        shown = {row.key: {"value": row.value, "from": row.origin, "line": row.line} for row in rows}
        output.emit_json({"file": str(file), "settings": shown})
        return
    lines = [(row.key, plain(row.value), f"{file}:{row.line}" if row.line else row.origin) for row in rows]
    output.emit_table(("setting", "value", "from"), lines)


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting in force. ``origin`` is file or default; ``line`` where in the file, None for a default."""

    key: str
    value: Any
    line: int | None

    @property
    def origin(self) -> str:
        """Where the value comes from."""
        return "default" if self.line is None else "file"


def entries(model: BaseModel, places: Places, path: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Every setting of a model, in its order; tables are walked, secrets and passwords masked."""
    from pydantic import BaseModel

    from syncd.settings import Secret

    for name, field in type(model).model_fields.items():
        if field.exclude:
            continue
        here = (*path, field.alias or name)
        value = getattr(model, name)
        if isinstance(value, BaseModel) and not isinstance(value, Secret):
            yield from entries(value, places, here)
        elif isinstance(value, Mapping) and any(isinstance(item, BaseModel) for item in value.values()):
            for key, item in value.items():
                yield from entries(item, places, (*here, key))
        else:
            place = places.key(here)
            yield Entry(".".join(here), showable(value), place.line if place else None)


def showable(value: Any) -> Any:
    """A setting as JSON-ready data: durations and rates as the config spells them, no secrets."""
    from datetime import timedelta
    from pathlib import Path

    from syncd.settings import Rate, Secret
    from syncd.settings.values import show_duration

    if isinstance(value, Secret):
        return f"•••••• ({value.source})"
    if isinstance(value, timedelta):
        return show_duration(value)
    if isinstance(value, Rate | Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: showable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [showable(item) for item in value]
    return mask_password(value) if isinstance(value, str) else value


def mask_password(text: str) -> str:
    """An address without the password in it, whether before the host or as a parameter."""
    import re

    # a database's password may hold any character unescaped, so everything up to the last @ goes
    reach = r".*" if text.startswith("postgres") else r"[^/?#]*"
    text = re.sub(rf"(?<=://)([^/@:]*):{reach}(?=@)", r"\1:••••••", text)
    return re.sub(r"(?i)([?&](?:ssl)?password=)[^&\s]*", r"\1••••••", text)


def plain(value: Any) -> str:
    """A setting as a table cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value in ([], {}):
        return "–"
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} = {plain(item)}" for key, item in value.items())
    return str(value)
