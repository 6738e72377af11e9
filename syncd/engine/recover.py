"""Recovery: creates that may or may not have reached the vendor.

An intent that still waits at the start of a cycle belongs to a call whose answer we never saw. The vendor
is asked: what it has is adopted; what it provably does not have, and would show by now, is forgotten and
planned again. Until then the lead is blocked there. Nothing is sent twice on a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.domain.errors import NotFoundError
from syncd.domain.lead import Fields
from syncd.domain.plan import UNCERTAIN
from syncd.engine.connection import Connection
from syncd.engine.ingest import Ingest
from syncd.engine.notes import NoteIngest
from syncd.ports.clock import Clock
from syncd.ports.rows import LIVE, Batch, Intent
from syncd.ports.store import Store
from syncd.ports.vendor import Remote

GRACE_S = 2.0
"""A request whose connection broke may still be running at the vendor for this long."""
SINCE_SLACK = timedelta(minutes=5)


@dataclass(slots=True)
class Recovered:
    """What became of the waiting intents. ``wait_s``: seconds until the next one can be decided."""

    adopted: int = 0
    forgotten: int = 0
    wait_s: float = 0.0


async def recover(store: Store, clock: Clock, connection: Connection) -> Recovered:
    """Decide every waiting intent of a connection that can be decided now."""
    result = Recovered()
    async with store.reads() as tx:
        intents = await tx.intents(connection.name)
    for intent in intents:
        try:
            found = await (_find_note if intent.kind == "note" else _find_lead)(store, clock, connection, intent)
        except _UncertainError:
            await _give_up(store, intent)
            continue
        if found is None:
            result.adopted += 1
            continue
        due = max(connection.adapter.capabilities.create_lag_s, GRACE_S)
        left = due - (clock.now() - intent.at).total_seconds()
        if left > 0 or not found:
            result.wait_s = max(result.wait_s, left, GRACE_S)
            continue
        async with store.transaction() as tx:
            await tx.save(Batch(intents_dropped=[intent.id], dirty={intent.lead}))
        result.forgotten += 1
    return result


class _UncertainError(Exception):
    """There is nothing to look at: nobody can know whether this call arrived."""


async def _give_up(store: Store, intent: Intent) -> None:
    """Sent at most once: what cannot be looked for is not sent again, and is told to a person."""
    async with store.transaction() as tx:
        await tx.save(Batch(intents_refused={intent.id: UNCERTAIN}, dirty={intent.lead}))


async def _find_lead(store: Store, clock: Clock, connection: Connection, intent: Intent) -> bool | None:
    """None when the lead is there now (linked); else whether the vendor's "not there" is conclusive."""
    name = connection.name
    async with store.reads() as tx:
        links = await tx.links_of("lead", [intent.lead], name)
    if any(link.state == LIVE for link in links):
        async with store.transaction() as tx:
            await tx.save(Batch(intents_done=[intent.id], dirty={intent.lead}))
        return None
    sent = intent.fingerprint.get("fields", {})
    found = await connection.adapter.find_leads(
        email=str(sent.get("email") or ""), phone=str(sent.get("phone") or ""), since=intent.at - SINCE_SLACK
    )
    async with store.reads() as tx:
        taken = await tx.links(name, "lead", [row.external_id for row in found.rows])
    rows = [row for row in found.rows if row.external_id not in taken and _ours(connection, row, intent)]
    if not rows:
        return found.conclusive
    pinned = {rows[0].external_id: intent.lead}
    await Ingest(store, clock, connection).records(rows[:1], pinned)
    async with store.transaction() as tx:
        await tx.save(Batch(intents_done=[intent.id], dirty={intent.lead}))
    return None


def _ours(connection: Connection, row: Remote, intent: Intent) -> bool:
    """Whether a found record is the one we sent: same email, or else same phone and names.

    Somebody may have corrected the name meanwhile: with the same phone, a record made since the call is ours as well.
    """
    sent, fields = intent.fingerprint.get("fields", {}), connection.adapter.read_lead(row).fields

    def shows(*names: str) -> bool:
        return all(not sent.get(name) or fields.get(name) == sent[name] for name in names)

    if sent.get("email"):
        return shows("email")
    return shows("phone") and (shows("first_name", "last_name") or _made_since(connection, fields, intent.at))


def _made_since(connection: Connection, fields: Fields, moment: datetime) -> bool:
    """Whether the vendor dates a record after a moment of ours, as far as its clock can be trusted."""
    made, clock = fields.get("registered_at"), connection.adapter.clock
    precision_s = connection.adapter.capabilities.time_precision_s or 0.0
    blur = timedelta(seconds=clock.uncertainty_s + precision_s)
    return isinstance(made, datetime) and made - timedelta(seconds=clock.offset_s) >= moment - blur


async def _find_note(store: Store, clock: Clock, connection: Connection, intent: Intent) -> bool | None:
    """Reading the lead's notes settles the intent if the note is there: its text is unique by its header."""
    parent = str(intent.fingerprint.get("parent", ""))
    try:
        done = await NoteIngest(store, clock, connection).leads([parent])
    except NotFoundError:
        return True
    if not done.readable:
        raise _UncertainError
    async with store.reads() as tx:
        waiting = {waiting.id for waiting in await tx.intents(connection.name)}
    return None if intent.id not in waiting else True
