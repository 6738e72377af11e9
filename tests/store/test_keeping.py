"""What is kept besides the graph: connections, cursors, intents, held plans, runs, locks; errors without contents."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg.types.json import Jsonb

from syncd.domain.errors import DatabaseError
from syncd.ports.rows import REVIEW, Batch, Conflict, ConnectionState, HeldPlan, Intent, Note, Quarantined
from syncd.store.database import Database
from syncd.store.postgres import PostgresStore
from syncd.store.tx import fetch
from tests.store.shapes import NOW, change, lead, link


async def _save(store: PostgresStore, **batch: object) -> None:
    async with store.transaction() as tx:
        await tx.save(Batch(**batch))  # type: ignore[arg-type]


async def test_the_state_of_a_connection_is_made_and_kept(store: PostgresStore):
    """An unknown connection starts blank; what is saved is there for the next process."""
    assert await store.connection("cinc", "cinc") == ConnectionState("cinc", "cinc")
    state = ConnectionState("cinc", "cinc", {"style": "bearer"}, "log in", NOW, NOW, "refused")
    await _save(store, connection=state)
    assert await store.connection("cinc", "cinc") == state


async def test_cursors_belong_to_a_connection_and_a_stream(store: PostgresStore):
    """A cursor is what was saved last for that stream, None before."""
    assert await store.cursor("cinc", "leads") is None
    await _save(store, cursors={("cinc", "leads"): "1", ("cinc", "notes"): "2", ("chime", "leads"): "3"})
    await _save(store, cursors={("cinc", "leads"): "4"})
    keys = (("cinc", "leads"), ("cinc", "notes"), ("chime", "leads"))
    assert [await store.cursor(*key) for key in keys] == ["4", "2", "3"]


async def test_an_intent_waits_until_it_is_settled(store: PostgresStore):
    """Intents are committed at once, listed oldest first, and gone from the list when done, dropped or refused."""
    intents = [Intent(0, "cinc", "lead", n, {"email": "a@example.com"}, NOW, wanted="w") for n in range(4)]
    made = [await store.open_intent(intent) for intent in intents]
    assert len({intent.id for intent in made}) == 4
    async with store.transaction() as tx:
        assert await tx.intents("cinc") == made
        assert await tx.intents("chime") == []
    done, dropped, refused, left = made
    await _save(store, intents_done=[done.id], intents_dropped=[dropped.id], intents_refused={refused.id: "no"})
    async with store.transaction() as tx:
        assert await tx.intents("cinc") == [left]


async def test_a_held_plan_keeps_its_state_when_it_is_held_again(store: PostgresStore):
    """The same plan is the same row: approved stays approved; once done, the same plan may be held anew."""
    plan = HeldPlan("ab12", "cinc", "f1", ("too many creates",), [{"id": "1"}], "held", NOW)
    assert await store.hold(plan) == plan
    approved = await store.settle_hold("ab12", "approved")
    assert approved == replace(plan, state="approved")
    assert await store.hold(replace(plan, id="zz99")) == approved
    assert await store.held("cinc") == [approved]
    assert await store.held("chime") == []
    await store.settle_hold("ab12", "done")
    assert await store.held() == []
    again = await store.hold(plan)
    assert (again.state, again.id) == ("held", "ab12-2")
    assert await store.settle_hold("nope", "approved") is None


async def test_a_rejected_plan_is_not_held_again(store: PostgresStore):
    """Rejecting is remembered: the very same plan comes back as rejected."""
    plan = HeldPlan("ab12", "cinc", "f1", (), [], "held", NOW)
    await store.hold(plan)
    await store.settle_hold("ab12", "rejected")
    assert (await store.hold(replace(plan, id="cd34"))).state == "rejected"
    assert await store.held() == []


async def test_runs_are_recorded_and_stamp_the_journal(store: PostgresStore):
    """A run has its counts and error; changes saved by it name it."""
    run = await store.start_run("pull", "cinc")
    async with store.transaction() as tx:
        await tx.save(Batch(changes=[change(1)]), run=run)
    await store.end_run(run, {"pulled": 3}, "timeout")
    found = await store.fetch("SELECT counts, error, ended_at IS NOT NULL FROM run")
    assert found == [({"pulled": 3}, "timeout", True)]
    assert await store.fetch("SELECT run FROM change") == [(run,)]


async def test_counts_tell_what_needs_a_person(store: PostgresStore):
    """Open conflicts, reviews, quarantine, held plans, dirty leads and waiting intents, nothing else."""
    zero = dict.fromkeys(("conflicts", "reviews", "quarantined", "held", "dirty", "waiting"), 0)
    assert await store.counts() == zero
    await _save(
        store, new_leads=[lead(1), replace(lead(2), dirty=False)], links=[link("r", None, state=REVIEW), link("l", 1)],
        conflicts=[Conflict(1, "city", "cinc", 1, 2, 3, "manual", "parked", s, NOW) for s in ("open", "decided")],
        quarantine=[Quarantined("cinc", "lead", "q", "bad", {}, NOW)],
    )  # fmt: skip
    await store.open_intent(Intent(0, "cinc", "lead", 1, {}, NOW))
    await store.hold(HeldPlan("a", "cinc", "f", (), [], "held", NOW))
    assert await store.counts() == dict.fromkeys(zero, 1)


async def test_a_connection_is_worked_on_by_one_at_a_time(store: PostgresStore, database: Database):
    """The second asker is told no, another connection or schema is free, and leaving lets the next one in."""
    other = PostgresStore(database)
    elsewhere = PostgresStore(replace(database, schema="other"))
    async with store.exclusively("cinc") as mine, other.exclusively("cinc") as second:
        assert (mine, second) == (True, False)
        async with other.exclusively("chime") as free, elsewhere.exclusively("cinc") as foreign:
            assert (free, foreign) == (True, True)
    async with other.exclusively("cinc") as now:
        assert now
    await other.aclose()
    await elsewhere.aclose()


async def test_serialized_transactions_follow_one_another(store: PostgresStore):
    """Two pages that make leads of unknown records do so one after the other: the second sees the first one's lead."""
    first_in = asyncio.Event()

    async def page(*, first: bool) -> int:
        if not first:
            await first_in.wait()
        async with store.transaction() as tx:
            await tx.serialize()
            first_in.set()
            if not await tx.leads_by_email(["a@example.com"]):
                await tx.save(Batch(new_leads=[lead(*await tx.new_ids("lead", 1), email="a@example.com")]))
                return 1
            return 0

    assert sorted(await asyncio.gather(page(first=True), page(first=False))) == [0, 1]


async def test_database_errors_hold_no_contents(store: PostgresStore):
    """A refused row is reported by class, table and constraint; its values stay in the database."""
    with pytest.raises(DatabaseError) as refused:
        await _save(store, new_leads=[lead(1, email="secret@example.com")], notes=[_note_of_nobody()])
    text = repr(refused.value) + str(refused.value.__cause__) + refused.value.hint
    assert "fk_note_lead" in text
    assert "secret" not in text
    assert "777" not in text
    assert refused.value.__suppress_context__


def _note_of_nobody() -> Note:
    return Note(1, 777, "secret note", None, NOW, "general", pinned=False, origin="cinc")


async def test_an_unreachable_database_says_so(database: Database):
    """A wrong address is one line with what to check, not a traceback of the driver."""
    store = PostgresStore(replace(database, url="postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(DatabaseError, match="cannot be reached"):
        await store.counts()
    await store.aclose()


async def test_a_restarted_server_costs_no_page(store: PostgresStore, database: Database):
    """Connections that died while they were idle are replaced before they are used."""
    await store.counts()
    with psycopg.connect(database.url, autocommit=True) as admin:
        # Of this database only: other workers' tests share the server.
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        admin.execute(f"SELECT pg_terminate_backend(pid) {others}".encode())
        while admin.execute(f"SELECT count(*) {others}".encode()).fetchone() != (0,):
            pass
    assert (await store.counts())["dirty"] == 0


async def test_what_is_known_before_a_call_is_on_the_disk(store: PostgresStore):
    """Sessions do not wait for the disk, but announced values and intents are committed as if they did: the setting is
    in force when their transaction ends.
    """
    await store.connection("cinc", "cinc")
    async with store._raw() as raw:
        await raw.execute(
            b"INSERT INTO link (connection, kind, external_id, state) VALUES ('cinc', 'lead', 'A', 'review')"
        )
        assert await fetch(raw, "SHOW synchronous_commit") == [("off",)]
        await raw.execute(store._ANNOUNCE.encode(), [Jsonb({}), "cinc", "A"])
        assert await fetch(raw, "SHOW synchronous_commit") == [("on",)]
    async with store._raw() as raw:
        values = ["cinc", "lead", 1, Jsonb({}), NOW, None, 0, "waiting", ""]
        assert await fetch(raw, store._OPEN_INTENT, *values)
        assert await fetch(raw, "SHOW synchronous_commit") == [("on",)]
