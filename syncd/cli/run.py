"""``syncd run`` and ``syncd worker``: the service. The daemon has the timers and the listener; both take slices."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from syncd.cli import output
from syncd.domain.errors import ConfigError

if TYPE_CHECKING:
    from syncd.settings import Settings

FIRST_STEPS = (
    "There is no config yet. First:",
    "  syncd config example > syncd.toml   fill in your CRMs, then `syncd config check --config syncd.toml`",
    "  syncd db upgrade --config syncd.toml && syncd run --config syncd.toml",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command tree."""
    app.command("run", epilog="Example: syncd run --config /etc/syncd/syncd.toml")(run)
    app.command("worker", epilog="Example: syncd worker --config /etc/syncd/syncd.toml")(worker)


def run(ctx: typer.Context) -> None:
    """Keep everything in step until stopped: poll, listen for webhooks, write.

    SIGHUP takes a changed config; SIGTERM and Ctrl-C finish what is in hand, a second time end at once.
    """
    _serve(ctx, daemon=True)


def worker(ctx: typer.Context) -> None:
    """Help a daemon with its work, here or on another machine with the same config and database."""
    _serve(ctx, daemon=False)


def _serve(ctx: typer.Context, *, daemon: bool) -> None:
    from syncd.daemon.service import Service
    from syncd.settings.load import candidates

    if ctx.obj.config is None and not any(path.is_file() for path in candidates()):
        for line in FIRST_STEPS:
            output.emit_note(line)
        raise typer.Exit(output.FAILED)
    ctx.obj.log("info")

    def load() -> Settings:
        settings: Settings = ctx.obj.settings()
        if not settings.connections:
            raise ConfigError(["no connections are configured"], hint="`syncd config example` shows how")
        return settings

    def ready(port: int) -> None:
        if port:
            output.emit_note(f"listening on port {port}")

    asyncio.run(Service(load, daemon=daemon, ready=ready).run())
