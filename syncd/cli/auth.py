"""``syncd auth``: log in to vendors, see where every login stands, rotate the key that encrypts tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import callback, output, render, work
from syncd.domain.errors import AuthError, UsageError, VendorError

if TYPE_CHECKING:
    from syncd.bootstrap import Keeping
    from syncd.settings import BaseConnection, Settings
    from syncd.vendors.login import Consent

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("login")(login)
    group.command("status")(status)
    group.command("rotate-key")(rotate_key)
    group.command("make-key")(make_key)
    app.add_typer(group, name="auth", help="Log in to vendors, and see where every login stands.")


def login(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connection.")],
    *,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address; open no browser.")] = False,
    paste: Annotated[
        bool, typer.Option("--paste", help="Paste the address you are sent to instead of waiting for the browser.")
    ] = False,
) -> None:
    """Log in to a connection, say who that is, and end its pause.

    OAuth2 opens a page where you consent; the other kinds log in with what the config holds, or check the token.
    """
    settings = ctx.obj.settings()
    work.run(
        _login(settings, name, browser=not no_browser, paste=paste),
        stopped="stopped; `syncd auth status` says where that login stands",
    )


async def _login(settings: Settings, name: str, *, browser: bool, paste: bool) -> None:
    from syncd.bootstrap import check_connections, open_keeping
    from syncd.vendors.registry import login as login_of

    check_connections(settings, [name])
    config = settings.connections[name]
    described = login_of(config)
    async with open_keeping(settings) as keeping:
        if described is not None:
            source = keeping.source(config, described)
            if described.consent is not None:
                returned = await _consented(name, described.consent, browser=browser, paste=paste)
                await source.exchange(returned.code)
                _propose(config, described.consent, returned.more)
            else:
                await source.renew(source.access, anew=True)
        try:
            who = await keeping.who(config)
        except AuthError as error:
            hint = f"the vendor does not take these credentials; look at connections.{name}"
            raise AuthError(str(error), status=error.status, code=error.code, hint=error.hint or hint) from None
        if described is not None:
            await source.belongs_to(who)
        await keeping.credentials.resume(name)
    output.emit_line(f"{name}: logged in as {who}")


async def _consented(name: str, consent: Consent, *, browser: bool, paste: bool) -> callback.Returned:
    """Send a person to the vendor and wait for what they come back with."""
    import secrets

    if consent.needs_redirect and not consent.redirect:
        raise UsageError(
            f"connections.{name}.auth.redirect_uri is not set",
            hint='register an address with the vendor and set it, "http://127.0.0.1:8643/callback" for one',
        )
    state = secrets.token_urlsafe(24)
    url = consent.url(state)
    waiting: asyncio.Task[callback.Returned] | None = None
    if callback.is_loopback(consent.redirect) and not paste:
        waiting = await _listening(consent, state)
    output.emit_line(f"Open this address and consent:\n\n  {url}\n")
    _flush()
    if browser:
        await _open(url)
    if waiting is not None:
        output.emit_note("waiting for the browser to come back; Ctrl-C gives up")
        return await waiting
    output.emit_note("then paste the whole address that the browser was sent to, and press Enter:")
    return callback.pasted(await _line(), state, echoes=consent.echoes)


async def _listening(consent: Consent, state: str) -> asyncio.Task[callback.Returned] | None:
    """The listener at work, None if its port cannot be had."""
    ready = asyncio.Event()
    listener = asyncio.create_task(
        callback.listen(consent.redirect, state, echoes=consent.echoes, ready=ready), name="callback"
    )
    started = asyncio.create_task(ready.wait())
    await asyncio.wait({listener, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if listener.done() and isinstance(error := listener.exception(), OSError):
        output.emit_note(f"cannot listen where redirect_uri points ({error.strerror or 'refused'})")
        return None
    return listener


async def _line() -> str:
    """A line from standard input. The thread that waits for it does not hold up Ctrl-C."""
    import sys
    import threading

    loop = asyncio.get_running_loop()
    read: asyncio.Future[str] = loop.create_future()

    def work() -> None:
        text = sys.stdin.readline()
        loop.call_soon_threadsafe(lambda: None if read.done() else read.set_result(text))

    threading.Thread(target=work, daemon=True).start()
    return await read


async def _open(url: str) -> None:
    import webbrowser
    from contextlib import suppress

    with suppress(webbrowser.Error):
        await asyncio.to_thread(webbrowser.open, url)


def _flush() -> None:
    import sys

    sys.stdout.flush()


def _propose(config: BaseConnection, consent: Consent, told: Mapping[str, str]) -> None:
    """What the vendor told along with the code and the config should say."""
    for key in consent.proposes:
        if told.get(key) and told[key] != getattr(config, key, None):
            output.emit_line(f'the vendor says {key} = "{told[key]}": set it in [connections.{config.name}]')


def status(
    ctx: typer.Context,
    *,
    check: Annotated[bool, typer.Option("--check", help="Ask each vendor who we are, paused or not.")] = False,
    as_json: Json = False,
) -> None:
    """Show per connection how it logs in, as whom, until when, and the command that mends what is wrong."""
    settings = ctx.obj.settings()
    rows = work.run(_status(settings, check=check))
    if as_json:
        output.emit_json({"connections": rows})
    else:
        _show(rows)
    if check and any(row["error"] for row in rows.values()):
        raise typer.Exit(output.FAILED)


async def _status(settings: Settings, *, check: bool) -> dict[str, dict[str, Any]]:
    from syncd.bootstrap import open_keeping

    async with open_keeping(settings) as keeping:
        pauses = await keeping.credentials.pauses()
        return {
            name: await _row(keeping, config, pauses.get(name, ""), check=check)
            for name, config in settings.connections.items()
        }


async def _row(keeping: Keeping, config: BaseConnection, paused: str, *, check: bool) -> dict[str, Any]:
    """One connection's login; never a token."""
    from syncd.bootstrap import mend
    from syncd.store.views import iso
    from syncd.vendors.registry import login as login_of

    described = login_of(config)
    row: dict[str, Any] = {
        "vendor": config.vendor,
        "kind": keeping.kind(config),
        "logged_in": True,
        "who": None,
        "scopes": [],
        "expires_at": None,
        "renewable": described is not None,
        "paused": paused,
        "mend": mend(config) if paused else "",
        "error": "",
    }
    try:
        if described is not None:
            source = keeping.source(config, described)
            if check:
                await source.token()
            held = await source.held()
            usable = bool(held.access or held.refresh or described.fresh is not None)
            row |= {"logged_in": usable, "who": held.who or None, "scopes": held.scope.split()}
            row["expires_at"] = iso(held.expires_at)
        if check:
            row["who"] = await keeping.who(config)
    except VendorError as error:
        row["error"] = f"{error}{f'; {error.hint}' if error.hint else ''}"
    if (row["error"] and not paused) or not row["logged_in"]:
        row["mend"] = mend(config)
    return row


def _show(rows: Mapping[str, Mapping[str, Any]]) -> None:
    table = [
        (
            name,
            row["vendor"],
            row["kind"],
            row["who"] or render.NOTHING,
            " ".join(row["scopes"]) or render.NOTHING,
            render.moment(row["expires_at"]) if row["expires_at"] else render.NOTHING,
            "paused" if row["paused"] else "fails" if row["error"] else "fine" if row["logged_in"] else "not logged in",
        )
        for name, row in rows.items()
    ]
    output.emit_table(("connection", "vendor", "kind", "as", "scopes", "token ends", "state"), table)
    for name, row in rows.items():
        reason = row["error"] or row["paused"] or ("" if row["logged_in"] else f"not logged in; {row['mend']}")
        if reason:
            output.emit_line(f"{name}: {reason}")


def rotate_key(ctx: typer.Context) -> None:
    """Encrypt every token with a new key: a fresh one in syncd's key file, or the config's first one."""
    settings = ctx.obj.settings()
    line = work.run(_rotate(settings))
    output.emit_line(line)


async def _rotate(settings: Settings) -> str:
    from syncd.bootstrap import open_keeping

    async with open_keeping(settings) as keeping:
        done = await keeping.credentials.rotate(list(settings.connections))
        keys = keeping.credentials.keys
    what = render.count(done.secrets, "secret")
    if keys.in_file:
        return f"{what} encrypted with a new key in {keys.file}; the old one is gone"
    return f"{what} encrypted with the first key of [database].credential_key; the others are not needed any more"


def make_key() -> None:
    """Print a new key, for [database].credential_key."""
    from syncd.store.keys import new_key

    output.emit_line(new_key())
