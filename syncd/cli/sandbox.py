"""``syncd sandbox serve``: simulated vendors on this machine, full of made-up people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import output
from syncd.domain.errors import SyncdError, UsageError

if TYPE_CHECKING:
    from syncd.sandbox.base import SandboxVendor
    from syncd.sandbox.server import Served

DEFAULT_VENDORS = ("cinc", "chime", "mycrm", "rechat", "epixel")
TOKEN_SUFFIX = ".token"  # noqa: S105 -- the end of a file name


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("serve")(serve)
    app.add_typer(group, name="sandbox", help="Simulated vendors to try syncd on.")


def _group() -> None:
    """Simulated vendors to try syncd on."""


def serve(
    *,
    people: Annotated[int, typer.Option(help="How many made-up people.", min=0, max=1_000_000)] = 300,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people.")] = 1,
    vendor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="cinc, chime, lofty (Chime's newer dialect), mycrm, rechat or epixel; repeat for several. "
            "Default: all but lofty.",
        ),
    ] = None,
    port: Annotated[
        list[int] | None,
        typer.Option(
            help="A port per vendor, then one for the people; repeat. Default: any free ones.", min=0, max=65535
        ),
    ] = None,
    write_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the config to FILE (its token beside it) instead of printing it."),
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            metavar="N/TIME",
            help='What every vendor allows, like "100/20s". Default: the limits that are documented.',
        ),
    ] = None,
) -> None:
    """Run simulated vendors on loopback ports until Ctrl-C, and print a config that connects to them."""
    import asyncio

    names = list(dict.fromkeys(vendor or DEFAULT_VENDORS))
    sandboxes = make_sandboxes(names, people=people, seed=seed, rate_limit=rate_limit)
    try:
        asyncio.run(_run(sandboxes, port or [], write_config))
    except OSError as error:
        raise SyncdError(str(error.strerror or error), hint="choose other ports with --port") from None


def make_sandboxes(
    names: list[str], *, people: int, seed: int, rate_limit: str | None = None
) -> dict[str, SandboxVendor]:
    """The named sandboxes, populated. Raises UsageError for an unknown name or a rate that is none."""
    from syncd.ports.clock import SystemClock
    from syncd.sandbox import SANDBOXES
    from syncd.sandbox.world import populate
    from syncd.settings.values import parse_rate

    unknown = [name for name in names if name not in SANDBOXES]
    if unknown:
        raise UsageError(f"no sandbox for {', '.join(unknown)}", hint=f"there are {', '.join(SANDBOXES)}")
    clock = SystemClock()
    made = {name: SANDBOXES[name](clock) for name in names}
    if rate_limit is not None:
        try:
            rate = parse_rate(rate_limit)
        except ValueError as error:
            raise UsageError(f"--rate-limit: {error}") from None
        for sandbox in made.values():
            sandbox.rate_override = (rate.limit, rate.per_s)
    populate(made, people, seed)
    return made


async def _run(sandboxes: dict[str, SandboxVendor], ports: list[int], config: Path | None) -> None:
    """Serve until a signal ends us."""
    import asyncio
    import signal

    from syncd.sandbox.server import serve as serving

    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    async with serving(sandboxes, ports) as served:
        _announce(served, config)
        await over.wait()
    output.emit_note("stopped")


def _announce(served: Served, config: Path | None) -> None:
    if config is None:
        output.emit_line(served.config().rstrip("\n"))
    else:
        token = config.with_name(config.name + TOKEN_SUFFIX)
        _write_private(token, next(iter(served.sandboxes.values())).token)
        config.write_text(served.config(token.resolve()), encoding="utf-8")
        output.emit_line(f"wrote {config}")
    _flush()
    rows: list[tuple[Any, ...]] = [(name, url, len(served.sandboxes[name].ids())) for name, url in served.urls.items()]
    for name, url, leads in rows:
        output.emit_note(f"{name}: {url} ({leads} leads)")
    output.emit_note(f"people: {served.control_url}/_people")
    output.emit_note("running; Ctrl-C ends it")


def _write_private(path: Path, text: str) -> None:
    import os

    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)  # also when the file was there before
        file.write(text)


def _flush() -> None:
    """Whoever started us reads the config from a pipe while we keep running."""
    import sys

    sys.stdout.flush()
