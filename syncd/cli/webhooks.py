"""``syncd webhooks``: have the vendors that can call us do so, see whether they do, and make them stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from syncd.cli import callback, output, render, webhooks_failed, work
from syncd.domain.errors import ConfigError, SyncdError, UsageError

if TYPE_CHECKING:
    from syncd.bootstrap import Keeping
    from syncd.ports.hooks import Hooks, Registration
    from syncd.ports.inbox import InboxCounts
    from syncd.settings import BaseConnection, Settings

Json = Any
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Connections = Annotated[
    list[str] | None, typer.Option("--connection", "-C", metavar="NAME", help="Only this connection; repeat.")
]
Act = Callable[["Keeping", "BaseConnection", "Hooks"], Awaitable[dict[str, Json]]]
HIDDEN = "…"
NO_URL = (
    "set it to the address vendors reach this machine at, like https://sync.example.com, and hand that on to web.listen"
)


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(no_args_is_help=True)
    group.command("register", epilog="Example: syncd webhooks register --dry-run")(register_hooks)
    group.command("list", epilog="Example: syncd webhooks list --json")(list_hooks)
    group.command("remove", epilog="Example: syncd webhooks remove --connection chime")(remove_hooks)
    webhooks_failed.register(group)
    app.add_typer(group, name="webhooks", help="Have vendors call us when something changes, and see whether they do.")


def register_hooks(
    ctx: typer.Context, *, connection: Connections = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Register with every vendor that has webhooks, or renew: what is right already stays as it is.

    Needs web.public_url. The secret is the connection's webhook_secret; left out, one is made and kept encrypted.
    """
    settings = ctx.obj.settings()
    public_url = _public_url(settings)

    async def act(keeping: Keeping, config: BaseConnection, hooks: Hooks) -> dict[str, Json]:
        from syncd.bootstrap import webhook_secret
        from syncd.ports.hooks import address_of

        address = address_of(public_url, config.name)
        if dry_run:
            return await _shown(keeping, config, hooks, address)
        kept = await webhook_secret(config, keeping.credentials)
        secret = kept or await keeping.credentials.make_webhook_secret(config.name)
        return await _shown(keeping, config, hooks, address, await hooks.register(address, secret))

    rows = work.run(_each(settings, connection or [], act))
    _finish(rows, _registering(dry_run=dry_run), as_json=as_json)


def list_hooks(ctx: typer.Context, *, connection: Connections = None, as_json: AsJson = False) -> None:
    """Ask the vendors what is registered, and show how the deliveries stand that came."""
    settings = ctx.obj.settings()

    async def act(keeping: Keeping, config: BaseConnection, hooks: Hooks) -> dict[str, Json]:
        from syncd.ports.hooks import address_of

        url = settings.web.public_url
        return await _shown(keeping, config, hooks, address_of(url, config.name) if url else "")

    _finish(work.run(_each(settings, connection or [], act)), _show, as_json=as_json)


def remove_hooks(
    ctx: typer.Context,
    *,
    connection: Connections = None,
    public_url: Annotated[
        str, typer.Option("--public-url", metavar="URL", help="An address we had before, instead of web.public_url.")
    ] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Have the vendors stop calling us. Hooks of other programs stay."""
    settings = ctx.obj.settings()
    base = public_url or _public_url(settings)

    async def act(keeping: Keeping, config: BaseConnection, hooks: Hooks) -> dict[str, Json]:
        from syncd.ports.hooks import address_of

        address = address_of(base, config.name)
        if dry_run:
            return await _shown(keeping, config, hooks, address)
        left = await hooks.remove(address)
        if not public_url:
            await keeping.credentials.drop_webhook_secret(config.name)
        return await _shown(keeping, config, hooks, address, left)

    rows = work.run(_each(settings, connection or [], act))
    _finish(rows, _removing(dry_run=dry_run), as_json=as_json)


def _public_url(settings: Settings) -> str:
    """What vendors call. Raises ConfigError where they could not, or where everybody could listen."""
    url = settings.web.public_url
    if url is None:
        raise ConfigError(["web.public_url is not set"], hint=NO_URL)
    if urlsplit(url).scheme != "https" and not callback.is_loopback(url):
        raise ConfigError(["web.public_url must be https: vendors send secrets to it"], hint=NO_URL)
    return url


async def _each(settings: Settings, named: Sequence[str], act: Act) -> dict[str, dict[str, Json]]:
    """What ``act`` says of every connection with webhooks, or of these; one that fails stops no other one.

    Raises UsageError for a named connection without webhooks.
    """
    from syncd.bootstrap import check_connections, open_keeping
    from syncd.store.inbox import PostgresInbox

    check_connections(settings, named)
    rows: dict[str, dict[str, Json]] = {}
    async with open_keeping(settings) as keeping:
        counts = await PostgresInbox(keeping.store).counts()
        for name in named or settings.connections:
            config = settings.connections[name]
            async with keeping.adapter(config) as adapter:
                if adapter.hooks is None:
                    if named:
                        raise UsageError(f"{name}: {config.vendor} has no webhooks")
                    continue
                try:
                    row = await act(keeping, config, adapter.hooks)
                except SyncdError as error:
                    row = {"error": f"{error}{f'; {error.hint}' if error.hint else ''}"}
            rows[name] = {"vendor": config.vendor, **EMPTY, **row, **_inbox(counts.get(name))}
    return rows


EMPTY: Mapping[str, Json] = {"address": "", "secret": "", "problem": "", "registrations": [], "error": ""}


async def _shown(
    keeping: Keeping,
    config: BaseConnection,
    hooks: Hooks,
    address: str,
    registered: Sequence[Registration] | None = None,
) -> dict[str, Json]:
    """What is registered, without any secret. ``address`` "": nobody knows which are ours."""
    from syncd.bootstrap import webhook_secret
    from syncd.ports.hooks import ours, problem_of

    there = await hooks.registered() if registered is None else registered
    secret = await webhook_secret(config, keeping.credentials)
    source = "config" if config.webhook_secret is not None else "kept" if secret else "none"
    return {
        "address": address,
        "secret": source,
        "problem": problem_of(hooks, there, address, secret) if address else "web.public_url is not set",
        "registrations": [
            {
                "id": one.id,
                "url": hidden(one.url, address),
                "events": list(one.events),
                "enabled": one.enabled,
                "ours": bool(address) and (ours(one, address) or not one.url),
            }
            for one in there
        ],
    }


def hidden(url: str, address: str) -> str:
    """An address without its secret: ours up to the connection, other people's up to the host."""
    if not url or (address and url == address):
        return url
    if address and url.startswith(f"{address}/"):
        return f"{address}/{HIDDEN}"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{HIDDEN}"


def _inbox(counts: InboxCounts | None) -> dict[str, Json]:
    from syncd.ports.inbox import InboxCounts
    from syncd.store.views import iso

    found = counts or InboxCounts()
    return {
        "waiting": found.waiting,
        "failed": found.failed,
        "last_received": iso(found.last_received),
        "oldest_waiting": iso(found.oldest_waiting),
        "last_error": found.last_error,
    }


def _finish(
    rows: Mapping[str, Mapping[str, Json]],
    show: Callable[[Mapping[str, Mapping[str, Json]]], None],
    *,
    as_json: bool,
) -> None:
    """Print, and end with 1 if a vendor failed."""
    if as_json:
        output.emit_json({"connections": rows})
    elif rows:
        show(rows)
    else:
        output.emit_line("No connection has webhooks; the others are asked for changes.")
    for name, row in rows.items():
        if row["error"] and not as_json:
            output.emit_note(f"error: {name}: {row['error']}")
    if any(row["error"] for row in rows.values()):
        raise typer.Exit(output.FAILED)


def _registering(*, dry_run: bool) -> Callable[[Mapping[str, Mapping[str, Json]]], None]:
    def show(rows: Mapping[str, Mapping[str, Json]]) -> None:
        for name, row in rows.items():
            if row["error"]:
                continue
            if dry_run:
                output.emit_line(
                    f"{name}: would register {row['address']} ({row['problem'] or 'it is, and would be renewed'})"
                )
            elif row["problem"]:
                output.emit_line(f"{name}: {row['problem']}, although it was asked to call {row['address']}")
            else:
                events = sum(len(one["events"]) for one in row["registrations"] if one["ours"])
                output.emit_line(
                    f"{name}: calls {row['address']} ({render.count(events, 'kind of event', 'kinds of events')})"
                )

    return show


def _removing(*, dry_run: bool) -> Callable[[Mapping[str, Mapping[str, Json]]], None]:
    def show(rows: Mapping[str, Mapping[str, Json]]) -> None:
        for name, row in rows.items():
            if row["error"]:
                continue
            mine = sum(one["ours"] and one["enabled"] for one in row["registrations"])
            if dry_run:
                output.emit_line(f"{name}: would remove {render.count(mine, 'webhook')}")
            else:
                output.emit_line(f"{name}: " + ("still calls us" if mine else "does not call us any more"))

    return show


def _show(rows: Mapping[str, Mapping[str, Json]]) -> None:
    table = [
        (name, row["vendor"], one["url"] or "not told", ", ".join(one["events"]),
         "ours" if one["ours"] else "somebody's", "on" if one["enabled"] else "off")
        for name, row in rows.items()
        for one in row["registrations"]
    ]  # fmt: skip
    if table:
        output.emit_table(("connection", "vendor", "calls", "when", "whose", "is"), table, apart=True)
        output.emit_line()
    for name, row in rows.items():
        if not row["error"]:
            output.emit_line(f"{name}: {row['problem'] or 'registered'}; {_deliveries(row)}")
    if any(row["problem"] for row in rows.values()):
        output.emit_line("`syncd webhooks register` mends what is missing.")
    if any(row["failed"] for row in rows.values()):
        output.emit_line("`syncd webhooks failed` shows the deliveries that were given up.")


def _deliveries(row: Mapping[str, Json]) -> str:
    if not row["last_received"]:
        return "nothing has come yet"
    told = [f"last delivery {render.moment(row['last_received'])}"]
    if row["waiting"]:
        told.append(f"{row['waiting']} waiting")
    if row["failed"]:
        told.append(f"{row['failed']} failed ({row['last_error']})")
    return ", ".join(told)
