"""The numbers a service is watched by, read from a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from syncd.domain.errors import DatabaseError
from syncd.ports.rows import REVIEW, TOMBSTONE, Batch, ConnectionState, HeldPlan, Intent, Quarantined
from syncd.store.database import Database
from syncd.store.measures import Measures, Quota, measure
from syncd.store.postgres import PostgresStore
from tests.store.shapes import link, page
from tests.vendors.clocks import VirtualClock

LATER = datetime(2126, 1, 1, 12, 0, tzinfo=UTC)
"""After any ``created_at`` of the database's own clock."""


@pytest.fixture
def clock() -> VirtualClock:
    """Time that stands still until a test lets it pass."""
    return VirtualClock(LATER)


@pytest.fixture
async def timed(database: Database, clock: VirtualClock) -> AsyncIterator[PostgresStore]:
    """A store with two connections, on that clock."""
    store = PostgresStore(database, clock=clock)
    for name in ("chime", "cinc"):
        await store.connection(name, name)
    yield store
    await store.aclose()


async def changed(store: PostgresStore, ids: list[int]) -> None:
    """Leads are new, so they are dirty now; each has a record at CINC."""
    async with store.transaction() as tx:
        await tx.save(page(ids))


def lags(found: Measures) -> dict[str, float]:
    """Connection → seconds."""
    return {name: one.lag_s for name, one in found.connections.items()}


async def test_nothing_left_is_no_lag_however_long_ago_it_was_looked_at(timed: PostgresStore, clock: VirtualClock):
    """Without a dirty lead nothing is left to write, and no time that passes changes that."""
    clock.elapsed_s += 86400
    assert lags(measure(timed.database, clock.now())) == {"chime": 0, "cinc": 0}


async def test_lag_counts_from_the_oldest_change_that_waits(timed: PostgresStore, clock: VirtualClock):
    """From the change of the lead that waits longest, for every connection that no plan found in step since."""
    await changed(timed, [1])
    clock.elapsed_s += 50
    await changed(timed, [2])
    clock.elapsed_s += 10
    assert lags(measure(timed.database, clock.now())) == {"chime": 60, "cinc": 60}
    await timed.clean({1: 1})
    assert lags(measure(timed.database, clock.now())) == {"chime": 10, "cinc": 10}
    await timed.clean({2: 1})
    assert lags(measure(timed.database, clock.now())) == {"chime": 0, "cinc": 0}


async def test_one_that_is_down_lags_alone(timed: PostgresStore, clock: VirtualClock):
    """A lead that stays dirty because one vendor is down does not count where plans have nothing left to write."""
    await changed(timed, [1])
    for _ in range(60):
        clock.elapsed_s += 60
        await timed.in_step(["cinc"], clock.now())
    clock.elapsed_s += 5
    assert lags(measure(timed.database, clock.now())) == {"chime": 3605, "cinc": 5}


async def test_an_older_plan_does_not_take_back_what_a_later_one_found(timed: PostgresStore, clock: VirtualClock):
    """Two processes may report in any order: the latest moment stands."""
    await changed(timed, [1])
    clock.elapsed_s += 100
    await timed.in_step(["cinc"], clock.now())
    await timed.in_step(["cinc"], clock.now() - timedelta(seconds=90))
    assert lags(measure(timed.database, clock.now())) == {"chime": 100, "cinc": 0}


async def test_a_create_whose_answer_was_lost_is_left_to_write(timed: PostgresStore, clock: VirtualClock):
    """It counts from when it was sent, whatever plans say meanwhile, and ends with the intent."""
    await changed(timed, [1])
    intent = await timed.open_intent(Intent(0, "cinc", "lead", 1, {}, clock.now()))
    clock.elapsed_s += 30
    await timed.in_step(["chime", "cinc"], clock.now())
    assert lags(measure(timed.database, clock.now())) == {"chime": 0, "cinc": 30}
    async with timed.transaction() as tx:
        await tx.save(Batch(intents_done=[intent.id]))
    assert lags(measure(timed.database, clock.now())) == {"chime": 0, "cinc": 0}


async def test_everything_that_waits_is_counted_where_it_waits(timed: PostgresStore, clock: VirtualClock):
    """Links, quarantine, inbox, pauses and times by connection; leads to plan, reviews and held plans in all."""
    batch = page([1, 2])
    batch.links += [
        link("x1", 1, "chime"),
        link("x2", 2, "chime", state=TOMBSTONE),
        link("r1", None, "chime", state=REVIEW, review={"reason": "two", "candidates": [1, 2]}),
    ]
    batch.quarantine = [Quarantined("cinc", "lead", "q1", "no id", {}, clock.now())]
    batch.connection = ConnectionState("chime", "chime", paused="refused", last_pull=LATER, last_full=LATER)
    async with timed.transaction() as tx:
        await tx.save(batch)
    await timed.hold(HeldPlan("p", "cinc", "f", ["too many"], [], "held", clock.now()))
    await timed.fetch(
        "INSERT INTO inbox (connection, event, received_at, headers, body, state) "
        "SELECT 'cinc', n::text, now(), '{}', '', CASE WHEN n < 4 THEN 'waiting' ELSE 'done' END "
        "FROM generate_series(1, 9) n RETURNING id"
    )
    found = measure(timed.database, clock.now())
    cinc, chime = found.connections["cinc"], found.connections["chime"]
    assert (found.dirty, found.conflicts, found.reviews, found.held) == (2, 0, 1, 1)
    assert (cinc.linked, cinc.quarantined, cinc.inbox, cinc.paused, cinc.last_pull) == (2, 1, 3, False, None)
    assert (chime.linked, chime.quarantined, chime.inbox, chime.paused) == (1, 0, 0, True)
    assert (chime.last_pull, chime.last_full) == (LATER, LATER)
    assert measure(timed.database, clock.now(), linked=False).connections["cinc"].linked is None


async def test_without_a_queue_there_are_no_numbers_of_one(timed: PostgresStore, clock: VirtualClock):
    """A database whose queue is missing is no error; one that is empty has no numbers either."""
    assert measure(timed.database, clock.now()).queue == {}
    with timed.database.connect() as session:
        session.execute("ALTER TABLE procrastinate_jobs RENAME TO elsewhere")
    assert measure(timed.database, clock.now()).queue is None


async def test_the_queue_is_counted_by_kind_and_state(timed: PostgresStore, clock: VirtualClock):
    """What waits, what is not due yet, what runs; nothing that is over. The kind is the task without its module."""
    with timed.database.connect() as session:
        session.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at) VALUES "
            "('q', 'pull', 'todo', NULL), ('q', 'syncd.daemon.jobs.pull', 'todo', now() - interval '1 minute'), "
            "('q', 'pull', 'todo', now() + interval '1 hour'), ('q', 'push', 'doing', NULL), "
            "('q', 'push', 'succeeded', NULL), ('q', 'push', 'failed', NULL)"
        )
    expected = {("pull", "todo"): 2, ("pull", "scheduled"): 1, ("push", "doing"): 1}
    assert measure(timed.database, clock.now()).queue == expected


async def test_what_is_left_of_a_quota(timed: PostgresStore, clock: VirtualClock):
    """Of a window that runs what nobody has taken; of one that is over all of it; none while a 429 asks to wait. A
    connection whose circuit is open tells until when.
    """
    soon, past = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)
    windows = [
        ("cinc", "GET /leads", 1, 256, 41, soon, None),
        ("cinc", "GET /notes", 1, 256, 41, past, None),
        ("cinc", "POST /leads", 1, 256, 0, past, soon),
        ("chime", "", 1, 100, 99, soon, None),
        ("chime", "new", 0, 0, 0, None, None),
    ]
    with timed.database.connect() as session:
        for row in windows:
            session.execute(
                'INSERT INTO quota (connection, "group", version, "limit", "left", ends_at, paused_until) '
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                row,
            )
        session.execute("UPDATE quota SET held_until = %s WHERE connection = 'chime' AND \"group\" = ''", [soon])
    found = measure(timed.database, clock.now()).connections
    assert found["cinc"].quota == (
        Quota("GET /leads", 256, 41),
        Quota("GET /notes", 256, 256),
        Quota("POST /leads", 256, 0),
    )
    assert found["chime"].quota == (Quota("", 100, 99),)
    assert (found["cinc"].held_until, found["chime"].held_until) == (None, soon)


def test_a_database_that_is_away_is_an_error_of_ours(clock: VirtualClock):
    """Nobody listens there: DatabaseError, at once."""
    with pytest.raises(DatabaseError):
        measure(Database("postgresql://nobody@127.0.0.1:1/none"), clock.now())


def test_a_database_that_is_stuck_is_given_up(database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch):
    """A query that waits for a lock for longer than the limit ends as an error and waits no longer."""
    monkeypatch.setattr("syncd.store.measures.QUERY_TIMEOUT_S", 0.2)
    with psycopg.connect(database.libpq_url, **database.options) as other:
        other.execute("LOCK TABLE lead IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseError, match="busy"):
            measure(database, clock.now())


def test_no_query_reads_the_tables_of_leads_and_links(database: Database):
    """Among many leads each of the queries finds its rows through an index."""
    from syncd.store import measures

    with database.connect() as session:
        session.execute("SET enable_seqscan = off")
        for query in (measures._WAITING, measures._LINKED):
            plan = "\n".join(row[0] for row in session.execute(f"EXPLAIN {query}".encode()))
            for table in ("lead", "link", "inbox", "operation", "conflict"):
                assert f"Seq Scan on {table}" not in plan, plan
