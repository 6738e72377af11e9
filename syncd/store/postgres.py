"""The store on PostgreSQL: transactions, and what is read or written outside of a page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg

from syncd.domain.errors import DatabaseError
from syncd.ports.clock import Clock, SystemClock
from syncd.ports.rows import ConnectionState, HeldPlan, Intent, Snapshot
from syncd.store import rows, snapshots
from syncd.store.copy import Raw
from syncd.store.database import LASTING, Database, translated
from syncd.store.jsonb import clean
from syncd.store.mapped import MappedRows
from syncd.store.pool import Pool
from syncd.store.tx import Transaction, fetch
from syncd.store.walks import WalkRows

LIVE_IDS_BATCH = 5000


class PostgresStore(WalkRows, MappedRows):
    """The `Store` of PostgreSQL. Every method raises DatabaseError where the database fails."""

    def __init__(self, database: Database, *, clock: Clock | None = None, brisk: bool = True) -> None:
        """Nothing is connected yet. The database must be current (`schema.require_current`).

        brisk  commits need not wait for the disk; those that a person asks for do
        """
        self.database = database
        self._clock = clock or SystemClock()
        self._pool = Pool(database, brisk=brisk)
        self._dirtied: Callable[[Collection[int]], None] = lambda _leads: None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """A short transaction; no vendor call may happen inside it."""
        async with self._raw() as raw:
            tx = Transaction(raw, self._clock, self.database.lock_key("serialize"))
            yield tx
        if tx.dirtied:
            self._dirtied(tx.dirtied)

    @asynccontextmanager
    async def reads(self) -> AsyncGenerator[Transaction]:
        """For a look that needs no transaction, which costs two turns to the server; no vendor call inside it."""
        async with self._raw(single=True) as raw:
            yield Transaction(raw, self._clock, self.database.lock_key("serialize"))

    def on_dirty(self, told: Callable[[Collection[int]], None]) -> None:
        """From now on tell this one, and nobody else, of leads that have to be planned, as soon as it is committed."""
        self._dirtied = told

    _STATE = "name, vendor, memory, paused, last_pull, last_full, last_error, paused_with, last_walk"
    _CONNECTION = f"SELECT {_STATE} FROM connection WHERE name = %s AND vendor = %s"  # noqa: S608 - our own names
    _NEW_CONNECTION = f"""
    INSERT INTO connection (name, vendor) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET vendor = EXCLUDED.vendor
    RETURNING {_STATE}
    """  # noqa: S608 - our own names

    async def connection(self, name: str, vendor: str) -> ConnectionState:
        """The state kept for a connection; made if it is new."""
        found = await self.fetch(self._CONNECTION, name, vendor)
        return ConnectionState(*(found or await self.fetch(self._NEW_CONNECTION, name, vendor))[0])

    async def cursor(self, connection: str, stream: str) -> str | None:
        """How far a stream has been read."""
        query = "SELECT cursor FROM cursor WHERE connection = %s AND stream = %s"
        found = await self.fetch(query, connection, stream)
        return found[0][0] if found else None

    async def snapshots(
        self, *, batch: int = 500, leads: Collection[int] | None = None
    ) -> AsyncGenerator[Sequence[Snapshot]]:
        """Dirty leads (or these leads) in id order, in batches, each as of one moment."""
        wanted = None if leads is None else sorted(set(leads))
        after = 0
        while True:
            async with self._raw(snapshot=True) as raw:
                if wanted is None:
                    found = await snapshots.dirty_leads(raw, after, batch)
                else:
                    found = await snapshots.these_leads(raw, wanted[:batch])
                    wanted = wanted[batch:]
                shots = await snapshots.around(raw, found) if found else []
            # No connection is held while the caller works.
            if shots:
                yield shots
                after = shots[-1].lead.id
            if not (wanted if wanted is not None else found):
                return

    # The version also counts marks, so a mark made after the snapshot stays.
    _CLEAN = """
    WITH cleaned AS (
        SELECT l.id FROM lead l JOIN unnest(%s::int8[], %s::int4[]) u (id, version) USING (id, version)
        WHERE l.dirty ORDER BY l.id FOR NO KEY UPDATE OF l)
    UPDATE lead SET dirty = false FROM cleaned, unnest(%s::int8[], %s::int4[]) u (id, version)
    WHERE lead.id = cleaned.id AND u.id = lead.id AND u.version = lead.version
    """

    async def clean(self, versions: Mapping[int, int]) -> None:
        """Clear the dirty flag of leads that are still at this version (and not marked since)."""
        if versions:
            seen = [list(versions), list(versions.values())]
            await self.execute(self._CLEAN, *seen, *seen)

    _IN_STEP = "UPDATE connection SET in_step_at = greatest(in_step_at, %s) WHERE name = ANY(%s)"

    async def in_step(self, connections: Collection[str], at: datetime) -> None:
        """Remember that a plan begun at this moment found nothing left to write at these connections."""
        if connections:
            await self.execute(self._IN_STEP, at, sorted(connections))

    _LIVE_IDS = """
    SELECT external_id FROM link WHERE connection = %s AND kind = %s AND external_id > %s AND state = 'live'
    ORDER BY external_id LIMIT %s
    """

    async def live_ids(self, connection: str, kind: str) -> AsyncGenerator[Sequence[str]]:
        """External ids of all live links, in batches."""
        after = ""
        while found := await self.fetch(self._LIVE_IDS, connection, kind, after, LIVE_IDS_BATCH):
            yield [row[0] for row in found]
            after = found[-1][0]

    _NOTES_DUE = """
    SELECT external_id FROM link WHERE connection = %s AND kind = 'lead' AND state = 'live'
    ORDER BY notes_read_at NULLS FIRST, external_id LIMIT %s
    """

    async def notes_due(self, connection: str, limit: int) -> Sequence[str]:
        """External ids of live lead links whose notes were read longest ago (never first)."""
        return [row[0] for row in await self.fetch(self._NOTES_DUE, connection, limit)]

    _DIRTY = "SELECT id, version FROM lead WHERE dirty ORDER BY id LIMIT %s"

    async def dirty(self, limit: int | None = None) -> Mapping[int, int]:
        """Leads that wait to be planned, with their versions; the lowest ids first."""
        return dict(await self.fetch(self._DIRTY, limit))

    # A record we created and never read has no payload yet; there are only ever a few.
    _UNSEEN = """
    SELECT external_id, read_at FROM link
    WHERE connection = %s AND kind = 'lead' AND state = 'live' AND payload IS NULL ORDER BY external_id
    """

    async def unseen(self, connection: str) -> Mapping[str, datetime]:
        """External id → when we created it, of live lead links that were never read since."""
        return dict(await self.fetch(self._UNSEEN, connection))

    _OPEN_INTENT = f"""
    INSERT INTO operation (type, connection, kind, lead, fingerprint, at, note, part, state, wanted)
    SELECT 'intent', %s, %s, %s, %s, %s, %s, %s, %s, %s FROM {LASTING}
    RETURNING {rows.INTENT}
    """  # noqa: S608 - column names of our own

    async def open_intent(self, intent: Intent) -> Intent:
        """Commit an intent before its call; returns it with its id."""
        found = await self.fetch(
            self._OPEN_INTENT, intent.connection, intent.kind, intent.lead, rows.jsonb(intent.fingerprint), intent.at,
            intent.note, intent.part, intent.state, intent.wanted,
        )  # fmt: skip
        return rows.intent_of(found[0])

    _ANNOUNCE = f"""
    UPDATE link SET pending = pending || %s FROM {LASTING} WHERE connection = %s AND kind = 'lead' AND external_id = %s
    """  # noqa: S608 - a constant

    async def announce(self, connection: str, external_id: str, tried: Mapping[str, Any]) -> None:
        """Lay entries over the ``pending`` of a lead's link and commit, before a repeatable call goes out."""
        await self.execute(self._ANNOUNCE, rows.jsonb(dict(tried)), connection, clean(external_id))

    # One row per connection and fingerprint as long as the plan is not done; whoever comes second keeps the first.
    _HOLD = """
    INSERT INTO operation (type, code, connection, mark, reasons, operations, state, at)
    VALUES ('plan', %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
    """
    _HELD_ALREADY = f"{rows.PLANS} AND connection = %s AND mark = %s AND state NOT IN ('done', 'superseded')"

    async def hold(self, plan: HeldPlan) -> HeldPlan:
        """Keep a held plan; one that is held already with the same fingerprint stays as it is (its state too).

        An id that another plan bears already gets a number, so look at the id of what comes back.
        """
        for number in range(1, 1000):
            code = plan.id if number == 1 else f"{plan.id}-{number}"
            await self.execute(
                self._HOLD, code, plan.connection, plan.fingerprint, [clean(reason) for reason in plan.reasons],
                rows.json(plan.operations), plan.state, plan.at,
            )  # fmt: skip
            found = await self.fetch(self._HELD_ALREADY, plan.connection, plan.fingerprint)
            if found:
                return rows.plan_of(found[0])
        raise DatabaseError(f"no free id for the held plan {plan.id}", hint="reject or approve the older ones")

    async def held(self, connection: str | None = None) -> Sequence[HeldPlan]:
        """Plans held or approved and not yet done."""
        where = "AND state IN ('held', 'approved') AND connection = coalesce(%s::text, connection) ORDER BY id"
        return [rows.plan_of(row) for row in await self.fetch(f"{rows.PLANS} {where}", connection)]

    _SETTLE = """
    UPDATE operation SET state = %s, settled_at = %s WHERE type = 'plan' AND code = %s
    RETURNING code, connection, mark, reasons, operations, state, at
    """

    async def settle_hold(self, plan_id: str, state: str) -> HeldPlan | None:
        """Move a held plan to a state; None if there is no such plan."""
        found = await self.fetch(self._SETTLE, state, self._clock.now(), plan_id)
        return rows.plan_of(found[0]) if found else None

    async def start_run(self, kind: str, connection: str) -> int:
        """A new run row; its id."""
        query = "INSERT INTO run (kind, connection, started_at) VALUES (%s, %s, %s) RETURNING id"
        return int((await self.fetch(query, kind, connection, self._clock.now()))[0][0])

    async def end_run(self, run: int, counts: Mapping[str, int], error: str = "") -> None:
        """Close a run with its counts."""
        query = "UPDATE run SET ended_at = %s, counts = %s, error = %s WHERE id = %s"
        await self.execute(query, self._clock.now(), rows.jsonb(dict(counts)), clean(error), run)

    async def forget_runs(self, before: datetime) -> None:
        """Delete the rows of runs that ended before a moment; what they changed stays in the journal."""
        await self.execute("DELETE FROM run WHERE ended_at < %s", before)

    @asynccontextmanager
    async def exclusively(self, connection: str, *, wait_s: float = 0) -> AsyncGenerator[bool]:
        """Session-level advisory lock of a connection: yields whether we have it. Gone with the process.

        wait_s  how long to stand in line for it

        It has a database session of its own, outside of the pool, so it never waits for one.
        """
        with translated():
            session = await psycopg.AsyncConnection.connect(
                self.database.libpq_url, autocommit=True, **self.database.options
            )
        async with session:
            with translated():
                ours = await _locked(session, self.database.lock_key("connection", connection), wait_s)
            yield ours
            # The server takes a moment to notice a closed session; whoever comes right after us must not wait for it.
            with translated():
                await session.execute("SELECT pg_advisory_unlock_all()")

    # Every one of these reads a partial index.
    _COUNTS = """
    SELECT (SELECT count(*) FROM conflict WHERE state = 'open'),
           (SELECT count(*) FROM link WHERE state = 'review'),
           (SELECT count(*) FROM quarantine),
           (SELECT count(*) FROM operation WHERE type = 'plan' AND state = 'held'),
           (SELECT count(*) FROM lead WHERE dirty),
           (SELECT count(*) FROM operation WHERE type = 'intent' AND state = 'waiting')
    """

    async def counts(self) -> Mapping[str, int]:
        """Open ``conflicts``, ``reviews``, ``quarantined``, ``held``, ``dirty`` leads, ``waiting`` intents."""
        names = ("conflicts", "reviews", "quarantined", "held", "dirty", "waiting")
        return dict(zip(names, (await self.fetch(self._COUNTS))[0], strict=True))

    # An index-only scan of uq_link_live.
    _LIVE_COUNTS = "SELECT connection, count(*) FROM link WHERE kind = 'lead' AND state = 'live' GROUP BY 1"

    async def live_counts(self) -> Mapping[str, int]:
        """How many live lead links each connection has; one without any is missing."""
        return dict(await self.fetch(self._LIVE_COUNTS))

    async def aclose(self) -> None:
        """Close all database connections. The embedded server is the business of whoever opened the database."""
        await self._pool.aclose()

    @asynccontextmanager
    async def _raw(self, *, snapshot: bool = False, single: bool = False) -> AsyncGenerator[Raw]:
        """The driver's own connection in a transaction.

        snapshot  reads everything as of one moment
        single    for one statement, which is a transaction by itself
        """
        with translated():
            async with self._pool.session(single=single, snapshot=snapshot) as raw:
                yield raw

    async def fetch(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of one statement, committed at once; what views.py is made of."""
        async with self._raw(single=True) as raw:
            return await fetch(raw, query, *parameters)

    async def execute(self, query: str, *parameters: Any) -> None:
        """One statement, committed at once."""
        async with self._raw(single=True) as raw:
            await raw.execute(query.encode(), parameters)


async def _locked(session: psycopg.AsyncConnection, key: int, wait_s: float) -> bool:
    """Take an advisory lock. Whether we have it before the time is up."""
    row = await (await session.execute("SELECT pg_try_advisory_lock(%s)", [key])).fetchone()
    if (row and row[0]) or not wait_s:
        return bool(row and row[0])
    await session.execute("SELECT set_config('lock_timeout', %s, false)", [f"{round(wait_s * 1000)}ms"])
    try:
        await session.execute("SELECT pg_advisory_lock(%s)", [key])
    except psycopg.errors.LockNotAvailable:
        return False
    return True
