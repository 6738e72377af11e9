"""Settle: what a vendor's answer means for our side, committed one operation at a time.

After a write the base of the link becomes what was written, and each written field is *pending* until a
read shows it. The next read then tells confirmed, settled (the vendor made something else of it) and
edited apart (domain/merge.py). A refused value is remembered with what was wanted, so it is not sent again
until it differs: no hot loop, and explain can say why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from syncd.domain import filled
from syncd.domain.lead import Value, compact, encode
from syncd.domain.merge import Origin
from syncd.domain.plan import Operation
from syncd.domain.settled import Pending, unsent
from syncd.engine.connection import Connection
from syncd.ports.clock import Clock
from syncd.ports.rows import LIVE, TOMBSTONE, Batch, Change, Intent, Link
from syncd.ports.store import Store, Tx
from syncd.ports.vendor import Remote


def pending_entries(operation: Operation, at: datetime) -> dict[str, Any]:
    """Field → what was written, what was shown before, when (our clock)."""
    return {name: Pending(wanted, before, at).to_json() for name, (before, wanted) in operation.fields.items()}


async def announce(store: Store, clock: Clock, connection: Connection, operation: Operation) -> None:
    """Note what is about to be written, before the call goes out.

    If the answer is never settled (a crash, a lost connection), the next read recognises these values as our own and
    not as a person's who said the same at that moment.
    """
    now = clock.now()
    tried = {
        name: Pending(wanted, before, now, tried=True).to_json() for name, (before, wanted) in operation.fields.items()
    }
    defaults = filled.entries(connection.adapter.lenses, operation.wanted)
    await store.announce(connection.name, operation.external_id or "", filled.beside(tried, defaults))


def _with(base: Mapping[str, Value], fields: Mapping[str, Value | None]) -> dict[str, Value]:
    return compact({**base, **fields}.items())


async def settle_created(
    store: Store, clock: Clock, connection: Connection, operation: Operation, external_id: str, intent: Intent
) -> bool:
    """Link the new record, with what was written as its base. False if that record belongs to another lead."""
    now = clock.now()
    async with store.transaction() as tx:
        there = (await tx.links(connection.name, "lead", [external_id])).get(external_id)
        if there is not None and there.node is not None and there.node != operation.lead:
            reason = f"the vendor answered with record {external_id}, which is linked to lead {there.node}"
            await tx.save(Batch(intents_refused={intent.id: reason}, dirty={operation.lead}))
            return False
        lead = (await tx.leads([operation.lead])).get(operation.lead)
        carried = connection.adapter.lenses.by_field
        missing = {} if lead is None else unsent(lead.fields, operation.fields, carried, now)
        sent = _with({}, {name: wanted for name, (_, wanted) in operation.fields.items()})
        link = Link(
            connection=connection.name,
            kind="lead",
            external_id=external_id,
            node=operation.lead,
            base=sent,
            pending={**pending_entries(operation, now), **missing},
            settled=filled.entries(connection.adapter.lenses, sent),
            read_at=now,
        )
        change = _journal(operation, external_id, now, "created here")
        await tx.save(Batch(links=[link], changes=[change], intents_done=[intent.id], dirty={operation.lead}))
    return True


async def settle_updated(
    store: Store, clock: Clock, connection: Connection, operation: Operation, fields: Iterable[str] | None = None
) -> None:
    """Make what was written the base of the link. ``fields``: only these of the operation (default all)."""
    now = clock.now()
    names = set(operation.fields if fields is None else fields)
    written = {name: pair for name, pair in operation.fields.items() if name in names}
    done = replace(operation, fields=written)
    async with store.transaction() as tx:
        link = await _locked(tx, connection, operation)
        if link is None:
            return
        settled = {name: entry for name, entry in link.settled.items() if name not in written}
        link = replace(
            link,
            base=_with(link.base, {name: wanted for name, (_, wanted) in written.items()}),
            pending={**link.pending, **filled.kept(pending_entries(done, now), link.pending)},
            settled=settled,
            # The next row is read even if it looks like the last one: somebody may have taken our write back.
            digest=None,
        )
        await tx.save(Batch(links=[link], changes=[_journal(done, link.external_id, now, "written here")]))


async def settle_refused(store: Store, connection: Connection, operation: Operation, reason: str) -> None:
    """Remember that the vendor refuses these values, until others are wanted."""
    async with store.transaction() as tx:
        link = await _locked(tx, connection, operation)
        if link is None:
            return
        refused = {
            name: {"wanted": encode(wanted), "refused": reason} for name, (_, wanted) in operation.fields.items()
        }
        refused = filled.kept(refused, link.settled)
        if operation.kind == "note":
            refused = {"text": {"wanted": operation.text, "refused": reason}}
        pending = {name: entry for name, entry in link.pending.items() if name not in refused}
        await tx.save(Batch(links=[replace(link, settled={**link.settled, **refused}, pending=pending)]))


async def settle_gone(
    store: Store, clock: Clock, connection: Connection, kind: str, external_ids: Iterable[str], evidence: str
) -> int:
    """Tombstone links whose records are gone, and apply the connection's delete policy. Returns how many."""
    now = clock.now()
    async with store.transaction() as tx:
        links = [x for x in (await tx.links(connection.name, kind, list(external_ids))).values() if x.state == LIVE]
        batch = Batch()
        for link in links:
            batch.links.append(replace(link, state=TOMBSTONE, digest=None))
            if link.node is None or kind != "lead":
                continue
            batch.dirty.add(link.node)
            batch.changes.append(
                Change(link.node, "link", link.external_id, None, connection.name, now, evidence, link.external_id)
            )
        if kind == "lead" and connection.on_delete == "archive":
            await _archive(tx, batch, connection, [x.node for x in links if x.node is not None], now)
        if links:
            await tx.save(batch)
    return len(links)


async def _archive(tx: Tx, batch: Batch, connection: Connection, leads: list[int], now: datetime) -> None:
    """The ``archive`` policy: a configured stage or label marks the lead everywhere else."""
    for lead in (await tx.leads(leads)).values():
        fields = dict(lead.fields)
        if stage := connection.archive.get("stage"):
            fields["stage"] = stage
        if label := connection.archive.get("label"):
            labels = fields.get("labels")
            there = {str(name) for name in labels} if isinstance(labels, frozenset) else set()
            fields["labels"] = frozenset({*there, label})
        origin = Origin(connection=connection.name, external_id="", at=now, rule="archive")
        provenance = dict(lead.provenance)
        for name in ("stage", "labels"):
            if fields.get(name) != lead.fields.get(name):
                provenance[name] = origin
                batch.changes.append(
                    Change(
                        lead.id,
                        name,
                        encode(lead.fields.get(name)),
                        encode(fields.get(name)),
                        "policy",
                        now,
                        f"archive: deleted in {connection.name}",
                    )
                )
        if fields != dict(lead.fields):
            batch.leads.append(replace(lead, fields=fields, provenance=provenance))


async def settle_note(
    store: Store, clock: Clock, connection: Connection, operation: Operation, remote_id: str, intent: Intent | None
) -> None:
    """Link a note (or part) just written, its text as the base; or renew the base of one just edited."""
    now = clock.now()
    async with store.transaction() as tx:
        there = (await tx.links(connection.name, "note", [remote_id])).get(remote_id)
        link = Link(
            connection=connection.name,
            kind="note",
            external_id=remote_id,
            node=operation.note,
            part=operation.part,
            base={"text": operation.text},
            read_at=now,
            parent=operation.parent or "",
        )
        if there is not None and intent is None:
            link = replace(there, base={"text": operation.text}, read_at=now, settled={}, pending={})
        batch = Batch(links=[link], changes=[_journal(operation, remote_id, now, "written here")])
        if intent is not None:
            batch.intents_done.append(intent.id)
        await tx.save(batch)


async def _locked(tx: Tx, connection: Connection, operation: Operation) -> Link | None:
    kind = "note" if operation.kind == "note" else "lead"
    return await tx.link(connection.name, kind, operation.external_id or "", lock=operation.lead)


def _journal(operation: Operation, external_id: str, now: datetime, why: str) -> Change:
    """One journal row per operation sent: which fields became what at which vendor."""
    return Change(
        lead=operation.lead,
        field=f"@{operation.connection}",
        old={name: encode(old) for name, (old, _) in operation.fields.items()},
        new={name: encode(new) for name, (_, new) in operation.fields.items()},
        who="syncd",
        at=now,
        why=f"{operation.kind} {operation.action}: {why}",
        external_id=external_id,
    )


def remote_of(link: Link) -> Remote:
    """The record as last read, for vendors that are written without looking (``write_guard = "trust"``)."""
    return Remote("lead", link.external_id, link.payload or {}, link.digest or b"", link.time, listed=False)
