"""The only wiring: settings → store, adapters, engine. Nothing else knows how the parts are put together."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.domain.errors import ConfigError, DatabaseError, UsageError
from syncd.engine.connection import Connection, Progress, silent
from syncd.ports.clock import Clock, SystemClock

if TYPE_CHECKING:
    import httpx

    from syncd.domain.lens import LensTable
    from syncd.domain.merge import Policy
    from syncd.domain.rules import RuleBook
    from syncd.engine.run import Engine
    from syncd.ports.credentials import HookSecrets
    from syncd.ports.quota import Quota
    from syncd.ports.vendor import Adapter, Capabilities
    from syncd.settings import BaseConnection, Settings
    from syncd.store.credentials import PostgresCredentials
    from syncd.store.database import Database
    from syncd.store.postgres import PostgresStore
    from syncd.store.quota import PostgresQuota
    from syncd.vendors.login import Login
    from syncd.vendors.observed import Observe
    from syncd.vendors.renewing import TokenSource


COLLECT_AFTER = (100_000, 20, 20)
"""Allocations before a garbage collection. A page of 500 leads is 50,000 new objects and no cycles among them: with the
interpreter's 700 a third of the time goes into walking them again and again.
"""


@dataclass(frozen=True, slots=True)
class Syncd:
    """Everything a command needs, open and ready."""

    settings: Settings
    database: Database
    store: PostgresStore
    credentials: PostgresCredentials
    connections: Sequence[Connection]
    engine: Engine


@asynccontextmanager
async def open_store(settings: Settings, *, commanded: bool = False) -> AsyncIterator[tuple[Database, PostgresStore]]:
    """The database (started if it is ours) and the store on it. Raises DatabaseError if it is behind.

    commanded  by a person, whose word is on the disk once it is taken
    """
    from syncd.store.database import open_database
    from syncd.store.postgres import PostgresStore
    from syncd.store.schema import require_current

    config = settings.database
    database = await asyncio.to_thread(open_database, config.url, config.schema_name, config.data_dir)
    try:
        await asyncio.to_thread(require_current, database)
        store = PostgresStore(database, brisk=not commanded)
        try:
            yield database, store
        finally:
            await store.aclose()
    finally:
        await asyncio.to_thread(database.close)


@asynccontextmanager
async def open_syncd(
    settings: Settings,
    *,
    clock: Clock | None = None,
    progress: Progress = silent,
    only: Sequence[str] = (),
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    observe: Callable[[str], Observe] | None = None,
    lock_wait_s: float = 0.0,
) -> AsyncIterator[Syncd]:
    """Store, adapters and engine for the configured connections.

    lock_wait_s  how long the engine stands in line for a connection another process is working on
    transports  connection → transport, for sandboxes in the same process.
    observe     connection → who is told of its vendor calls; None: nobody
    Raises ConfigError, UsageError, DatabaseError.
    """
    from syncd.engine.run import Engine

    check_connections(settings, only)
    gc.set_threshold(*COLLECT_AFTER)
    clock = clock or SystemClock()
    async with open_store(settings) as (database, store), AsyncExitStack() as stack:
        await asyncio.to_thread(_make_room, database, clock)
        credentials = open_credentials(settings, database, clock)
        quota = await stack.enter_async_context(open_quota(database, clock))
        connections: list[Connection] = []
        tables: dict[str, LensTable] = {}
        for config in settings.connections.values():
            connection = await open_connection(
                settings,
                config,
                store,
                clock,
                tables=tables,
                transport=(transports or {}).get(config.name),
                credentials=credentials,
                quota=quota,
                observe=observe(config.name) if observe is not None else None,
            )
            stack.push_async_callback(_closed, connection)
            connections.append(connection)
        engine = Engine(store, clock, connections, progress, lock_wait_s=lock_wait_s)
        yield Syncd(settings, database, store, credentials, connections, engine)


@dataclass(frozen=True, slots=True)
class Keeping:
    """The store and its tokens, for commands about logging in. Adapters are made one at a time, as they are needed."""

    settings: Settings
    store: PostgresStore
    credentials: PostgresCredentials
    clock: Clock
    quota: Quota | None = None

    def source(self, config: BaseConnection, login: Login) -> TokenSource:
        """The tokens of a connection."""
        from syncd.vendors.registry import Deps
        from syncd.vendors.renewing import source_of

        return source_of(config.name, login, Deps(self.clock, credentials=self.credentials))

    @asynccontextmanager
    async def adapter(self, config: BaseConnection) -> AsyncIterator[Adapter]:
        """The adapter of a connection, while the block lasts. Raises ConfigError."""
        from syncd.vendors.registry import Deps, make

        state = await self.store.connection(config.name, config.vendor)
        adapter = make(config, Deps(self.clock, None, state.memory, credentials=self.credentials, quota=self.quota))
        try:
            yield adapter
        finally:
            await adapter.aclose()

    async def who(self, config: BaseConnection) -> str:
        """Whom the vendor says we are. Raises VendorError."""
        async with self.adapter(config) as adapter:
            return await adapter.check()

    @staticmethod
    def kind(config: BaseConnection) -> str:
        """How the config says to log in."""
        return str(getattr(getattr(config, "auth", None), "kind", ""))


@asynccontextmanager
async def open_keeping(settings: Settings) -> AsyncIterator[Keeping]:
    """What `syncd auth` needs. Raises DatabaseError."""
    clock = SystemClock()
    async with open_store(settings, commanded=True) as (database, store), open_quota(database, clock) as quota:
        yield Keeping(settings, store, open_credentials(settings, database, clock), clock, quota)


@asynccontextmanager
async def open_quota(database: Database, clock: Clock) -> AsyncIterator[PostgresQuota | None]:
    """The limits that all processes on this database share; None on virtual time, which nobody else lives in."""
    from syncd.store.quota import PostgresQuota

    if not isinstance(clock, SystemClock):
        yield None
        return
    quota = PostgresQuota(database)
    try:
        yield quota
    finally:
        await quota.aclose()


def open_credentials(settings: Settings, database: Database, clock: Clock) -> PostgresCredentials:
    """Where tokens are kept, encrypted. No key is read or made before it is needed."""
    from syncd.store.credentials import PostgresCredentials
    from syncd.store.keys import KeyRing

    return PostgresCredentials(database, KeyRing(settings.database.credential_key, settings.database.key_dir), clock)


async def webhook_secret(config: BaseConnection, secrets: HookSecrets) -> str:
    """What a connection's vendor shows when it calls us: the config's secret, else the generated one; "" if none is.

    Raises ConfigError for one of the config that cannot be used, AuthError for a kept one that cannot be decrypted.
    """
    from syncd.ports.hooks import secret_problem

    if config.webhook_secret is None:
        return await secrets.webhook_secret(config.name)
    secret = config.webhook_secret.reveal()
    if problem := secret_problem(secret):
        where = f"connections.{config.name}.webhook_secret"
        raise ConfigError([f"{where}: {problem}"], hint="leave it out to have one made")
    return secret


def _make_room(database: Database, clock: Clock) -> None:
    """The journal's coming months. A journal too busy for it keeps its rows in the default partition meanwhile."""
    from syncd.store import partitions

    with suppress(DatabaseError):
        partitions.ensure(database, clock.now())


def check_connections(settings: Settings, only: Sequence[str] = ()) -> None:
    """Raises ConfigError without any connection, UsageError for names the config does not have."""
    if not settings.connections:
        raise ConfigError(["no connections are configured"], hint="`syncd config example` shows how")
    for name in only:
        if name not in settings.connections:
            known = ", ".join(settings.connections)
            message = f"there is no connection {name!r}"
            raise UsageError(message, hint=f"configured: {known}")


async def open_connection(
    settings: Settings,
    config: BaseConnection,
    store: PostgresStore,
    clock: Clock,
    *,
    tables: dict[str, LensTable],
    transport: httpx.AsyncBaseTransport | None = None,
    credentials: PostgresCredentials | None = None,
    quota: Quota | None = None,
    observe: Observe | None = None,
) -> Connection:
    """One connection with its adapter. Raises ConfigError.

    credentials  where renewed tokens are kept; None: nowhere, they end with the process
    quota  the limits that all processes share; None: only this process's calls are counted
    observe  told of every vendor call; None: nobody
    tables  connection → lens table, shared by all connections of one engine; this one's is added
    """
    from syncd import __version__
    from syncd.domain.guard import Limits
    from syncd.settings.mapping import mapping_of
    from syncd.vendors.observed import silent as unobserved
    from syncd.vendors.registry import Deps, make

    state = await store.connection(config.name, config.vendor)
    deps = Deps(clock, transport, state.memory, credentials=credentials, observe=observe or unobserved, quota=quota)

    def remade(memory: Mapping[str, object]) -> Adapter:
        adapter = make(config, replace(deps, memory=memory))
        tables[config.name] = adapter.lenses
        return adapter

    adapter = remade(state.memory)
    policy = policy_of(settings, config, adapter.capabilities, tables)
    fold = _fold_labels(config.filter.labels)
    return Connection(
        name=config.name,
        adapter=adapter,
        policy=policy,
        limits=Limits(**config.guard.model_dump()),
        write_guard=config.write_guard,
        on_delete=config.on_delete,
        archive=config.archive.model_dump(exclude_none=True) if config.archive is not None else {},
        on_duplicate=config.on_duplicate,
        clears=policy.blank_clears,
        labels_only=fold,
        stages_only=frozenset(config.filter.stages),
        note_header=settings.sync.note_header,
        notes_sweep=settings.sync.notes_sweep,
        full_compare=settings.sync.full_compare,
        pins={ids[config.name]: email for email, ids in settings.agents.items() if config.name in ids},
        mend=mend(config),
        fingerprint=lambda earlier: _fingerprint(config, earlier, credentials),
        mapping=mapping_of(settings, config, __version__),
        remade=remade,
    )


async def _closed(connection: Connection) -> None:
    """Close the adapter that it has now, which need not be the first."""
    await connection.adapter.aclose()


def mend(config: BaseConnection) -> str:
    """What a person does when the credentials of this connection are refused, with the command to type."""
    if asks_a_person(config):
        return f"run `syncd auth login {config.name}`"
    return f"mend connections.{config.name}.auth, then `syncd sync --connection {config.name}`"


def asks_a_person(config: BaseConnection) -> bool:
    """Whether this connection is logged in to by a person's consent in a browser. Raises ConfigError."""
    from syncd.vendors.registry import login

    found = login(config)
    return found is not None and found.consent is not None


def _fingerprint(config: BaseConnection, earlier: str, credentials: PostgresCredentials | None) -> str:
    """Of the credentials and of the keys without which kept tokens are of no use."""
    from syncd.settings.fingerprint import fingerprint

    keys: Sequence[str] = ()
    if credentials is not None and asks_a_person(config):
        with suppress(ConfigError):
            keys = credentials.keys.texts(make=False)
    return fingerprint(config, earlier, *keys)


def policy_of(settings: Settings, config: BaseConnection, can: Capabilities, tables: Mapping[str, LensTable]) -> Policy:
    """What the merge needs to know of one connection."""
    from syncd.domain.lead import FIELDS
    from syncd.domain.merge import Policy

    names = [*FIELDS, "notes", *(f"custom.{name}" for name in config.custom)]
    return Policy(
        connection=config.name,
        directions={n: d for n in names if (d := config.direction(n)) != "both"},
        blank_clears=frozenset(name for name in names if settings.clears(config.name, name)),
        order=settings.order,
        rules=rules_of(settings),
        tables=tables,
        untimed=frozenset(name for name in names if not can.time_covers and _group(name) not in can.incremental_covers),
    )


def _group(name: str) -> str:
    """The word by which capabilities speak of a field: stage, labels, notes, assignments, or plain fields."""
    if name.startswith("assignment."):
        return "assignments"
    return name if name in {"stage", "labels", "notes"} else "fields"


def rules_of(settings: Settings) -> RuleBook:
    """The rule book of the config, with the user's own functions loaded. Raises ConfigError."""
    from syncd.domain.rules import RuleBook
    from syncd.settings.load import resolve

    return RuleBook.parse(settings.rules, resolve=resolve)


def _fold_labels(labels: Sequence[str]) -> frozenset[str]:
    from syncd.domain.normalize import fold

    return frozenset(fold(label) for label in labels)
