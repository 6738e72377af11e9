"""The `syncd` command: global options, the command groups, and the one place where errors become exit codes.

To add a command group, write ``syncd/cli/NAME.py`` with ``register(app)`` and name it in `GROUPS`.
Group files import heavy modules inside their functions, so that ``syncd --help`` stays fast.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from syncd import __version__
from syncd.cli import (
    auth,
    config,
    conflicts,
    db,
    demo,
    doctor,
    leads,
    links,
    output,
    plan,
    quarantine,
    resync,
    run,
    sandbox,
    status,
    sync,
    vendors,
    verify,
    webhooks,
)
from syncd.domain.errors import SyncdError, UsageError

if TYPE_CHECKING:
    from syncd.settings import Settings

GROUPS = (
    sync,
    plan,
    status,
    leads,
    conflicts,
    quarantine,
    links,
    resync,
    verify,
    doctor,
    run,
    demo,
    db,
    sandbox,
    config,
    auth,
    webhooks,
    vendors,
)

_GLOBAL_VALUES = ("--config", "--log-level", "--log-format")
_GLOBAL_FLAGS = ("--debug",)


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options, in ``ctx.obj``."""

    config: Path | None = None
    log_level: str | None = None
    log_format: str = "auto"
    debug: bool = False

    def log(self, usual: str) -> None:
        """Log from the level on that was asked for, else from the one that is usual for a command."""
        from syncd import logs

        logs.configure(self.log_level or usual, form=self.log_format)

    def settings(self) -> Settings:
        """The config file's settings. Raises ConfigError."""
        from syncd.settings import load

        return load(self.config)


def build() -> typer.Typer:
    """The whole command tree."""
    app = typer.Typer(
        name="syncd",
        help="Keep leads, notes, labels and assignments the same in every CRM.",
        epilog="--config, --log-level, --log-format and --debug may also stand behind a command.",
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help costs half the start-up time
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_globals)
    for group in GROUPS:
        group.register(app)
    return app


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code: 0 done, 1 failed, 2 usage, 3 a person is needed."""
    arguments = hoist(sys.argv[1:] if argv is None else argv)
    try:
        build()(arguments, prog_name="syncd")
    except SyncdError as error:
        if "--debug" in arguments:
            raise
        output.emit_error(error)
        sys.exit(output.USAGE if isinstance(error, UsageError) else output.FAILED)
    except Exception as error:
        if "--debug" in arguments:
            raise
        from syncd.logs import place_of

        output.emit_note(f"error: unexpected {type(error).__name__} at {place_of(error.__traceback__)}")
        output.emit_note("hint: this is a defect of syncd; --debug shows where it comes from")
        sys.exit(output.FAILED)
    sys.exit(output.DONE)


def hoist(argv: Sequence[str]) -> list[str]:
    """Global options moved to the front, so that they may stand anywhere before a ``--``."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(argv)
    for word in waiting:
        if word == "--":
            return [*front, *rest, word, *waiting]
        if word in _GLOBAL_VALUES:
            value = next(waiting, None)
            if value is None:
                return [word]  # so that what is said is that its value is missing
            front += [word, value]
        elif word in _GLOBAL_FLAGS or word.startswith(tuple(f"{name}=" for name in _GLOBAL_VALUES)):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _show_version(value: bool) -> None:
    if value:
        output.emit_line(f"syncd {__version__}")
        raise typer.Exit


def _globals(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The config file (or set SYNCD_CONFIG).")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
    ] = None,
    log_format: Annotated[
        str, typer.Option("--log-format", metavar="FORM", help="auto (readable on a terminal), json or pretty.")
    ] = "auto",
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    from syncd import logs

    if log_level not in (None, *logs.LEVELS):
        raise typer.BadParameter(f"choose one of {', '.join(logs.LEVELS)}", param_hint="--log-level")
    if log_format not in logs.FORMATS:
        raise typer.BadParameter(f"choose one of {', '.join(logs.FORMATS)}", param_hint="--log-format")
    ctx.obj = Globals(config, log_level, log_format, debug)
    ctx.obj.log("warning")


if __name__ == "__main__":
    main()
