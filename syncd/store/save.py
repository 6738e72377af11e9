"""`save`: everything one transaction writes, a handful of statements however many leads there are.

What is certainly new (leads with fresh ids, their keys, the journal) is copied straight into its table. What may
be there already is copied into a temporary twin and upserted by one statement. Small key sets travel as arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from datetime import datetime

from syncd.domain.normalize import fold
from syncd.ports.rows import Batch, Change, Lead, Link
from syncd.store import rows
from syncd.store.copy import FEW, Raw, Row, merge, write
from syncd.store.jsonb import clean


async def save(raw: Raw, batch: Batch, now: datetime, run: int | None) -> None:
    """Write the batch, in an order that lets later rows refer to earlier ones."""
    parts: tuple[Sized, ...] = (
        batch.new_leads,
        batch.leads,
        batch.notes,
        batch.links,
        batch.changes,
        batch.conflicts,
        batch.quarantine,
    )
    if max(map(len, parts)) <= FEW:
        async with raw.pipeline():  # one turn to the server for all of it
            await _save(raw, batch, now, run)
    else:
        await _save(raw, batch, now, run)


async def _save(raw: Raw, batch: Batch, now: datetime, run: int | None) -> None:
    new = {lead.id: lead for lead in batch.new_leads}
    changed = {lead.id: lead for lead in batch.leads}
    # A lead made and changed in one batch is new, in its last form.
    new.update({ident: changed.pop(ident) for ident in list(changed) if ident in new})
    if batch.agents:
        await _agents(raw, batch)
    if new:
        await _new_leads(raw, list(new.values()), now)
    if changed:
        await _changed_leads(raw, list(changed.values()), now)
    if batch.notes:
        await _notes(raw, batch)
    if batch.links:
        await _links(raw, {(link.connection, link.kind, link.external_id): link for link in batch.links}.values())
    if batch.digests:
        await _digests(raw, batch)
    if batch.changes:
        await _changes(raw, batch.changes, run)
    if batch.conflicts:
        await _conflicts(raw, batch)
    if batch.quarantine or batch.unquarantine:
        await _quarantine(raw, batch)
    await _rest(raw, batch, now)
    if marked := batch.dirty - changed.keys():  # those that changed bear the mark already
        await raw.execute(_MARK_DIRTY, [list(marked)])


# ── agents ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_AGENTS = """
INSERT INTO agent (id, email, name) SELECT * FROM unnest(%s::int8[], %s::text[], %s::text[])
ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, name = EXCLUDED.name
"""


async def _agents(raw: Raw, batch: Batch) -> None:
    agents = {agent.id: agent for agent in batch.agents}.values()
    await raw.execute(
        _AGENTS, [[a.id for a in agents], [clean(a.email) for a in agents], [clean(a.name) for a in agents]]
    )


# ── leads ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _new_leads(raw: Raw, leads: list[Lead], now: datetime) -> None:
    await write(raw, rows.LEAD, (rows.lead_row(lead, now, dirty=lead.dirty) for lead in leads))
    await write(raw, rows.LEAD_EMAIL, ((email, lead.id) for lead in leads for email in rows.emails_of(lead)))
    await write(raw, rows.LEAD_PHONE, ((number, lead.id) for lead in leads for number in rows.phones_of(lead)))
    await write(raw, rows.ASSIGNMENT, _roles_of(leads))
    await _labels(raw, _labels_of(leads))


# Every column but the id and created_at; the version counts from the row itself.
_SET = ", ".join(
    f"{name} = i.{name}" for name in rows.LEAD.columns if name not in {"id", "version", "dirty", "created_at"}
)
_UPDATE_LEADS = f"""
UPDATE lead SET {_SET}, dirty = true, version = lead.version + 1 FROM in_lead i WHERE lead.id = i.id
"""  # noqa: S608 - column names of our own

# What belongs to changed leads: what is gone, what is new. The rest is not touched, so no part meets another's rows.
_BELONGINGS = """
WITH email AS (SELECT * FROM unnest(%(emails)s::text[], %(emails_of)s::int8[]) u (email, lead)),
     phone AS (SELECT * FROM unnest(%(phones)s::text[], %(phones_of)s::int8[]) u (number, lead)),
     role AS (SELECT * FROM unnest(%(roles_of)s::int8[], %(roles)s::text[], %(agents)s::int8[]) u (lead, role, agent)),
     tag AS (SELECT * FROM unnest(%(labels_of)s::int8[], %(labels)s::text[]) u (lead, key)),
     emails_gone AS (DELETE FROM lead_email t WHERE t.lead = ANY(%(leads)s) AND NOT EXISTS (
         SELECT FROM email u WHERE u.lead = t.lead AND u.email = t.email)),
     emails_new AS (INSERT INTO lead_email (email, lead) SELECT * FROM email ON CONFLICT DO NOTHING),
     phones_gone AS (DELETE FROM lead_phone t WHERE t.lead = ANY(%(leads)s) AND NOT EXISTS (
         SELECT FROM phone u WHERE u.lead = t.lead AND u.number = t.number)),
     phones_new AS (INSERT INTO lead_phone (number, lead) SELECT * FROM phone ON CONFLICT DO NOTHING),
     roles_gone AS (DELETE FROM assignment t WHERE t.lead = ANY(%(leads)s) AND NOT EXISTS (
         SELECT FROM role u WHERE u.lead = t.lead AND u.role = t.role)),
     roles_new AS (INSERT INTO assignment (lead, role, agent) SELECT * FROM role
         ON CONFLICT (lead, role) DO UPDATE SET agent = EXCLUDED.agent WHERE assignment.agent <> EXCLUDED.agent)
DELETE FROM lead_label t USING label l WHERE l.id = t.label AND t.lead = ANY(%(leads)s) AND NOT EXISTS (
    SELECT FROM tag u WHERE u.lead = t.lead AND u.key = l.key)
"""


async def _changed_leads(raw: Raw, leads: list[Lead], now: datetime) -> None:
    await merge(raw, rows.LEAD, (rows.lead_row(lead, now, dirty=True) for lead in leads), _UPDATE_LEADS)
    labels = _labels_of(leads)
    belongings = {
        "leads": [lead.id for lead in leads],
        **_named(("emails", "emails_of"), ((email, lead.id) for lead in leads for email in rows.emails_of(lead))),
        **_named(("phones", "phones_of"), ((number, lead.id) for lead in leads for number in rows.phones_of(lead))),
        **_named(("roles_of", "roles", "agents"), _roles_of(leads)),
        **_named(("labels_of", "labels"), labels),
    }
    await raw.execute(_BELONGINGS, belongings)
    await _labels(raw, labels)


# Labels nobody had so far. In the order of their keys, so that two pages cannot wait for each other.
_NEW_LABELS = """
INSERT INTO label (key, name)
SELECT DISTINCT ON (u.key) u.key, u.name FROM unnest(%s::text[], %s::text[]) u (key, name)
WHERE NOT EXISTS (SELECT FROM label l WHERE l.key = u.key) ORDER BY u.key, u.name
ON CONFLICT (key) DO NOTHING
"""
_ADD_LABELS = """
INSERT INTO lead_label (lead, label, name)
SELECT u.lead, l.id, u.name FROM unnest(%s::int8[], %s::text[], %s::text[]) u (lead, key, name) JOIN label l USING (key)
ON CONFLICT (lead, label) DO UPDATE SET name = EXCLUDED.name WHERE lead_label.name <> EXCLUDED.name
"""


def _roles_of(leads: Iterable[Lead]) -> Iterable[tuple[int, str, int]]:
    return ((lead.id, role, agent) for lead in leads for role, agent in rows.roles_of(lead))


def _labels_of(leads: Iterable[Lead]) -> dict[tuple[int, str], str]:
    """(lead, folded name) → the name."""
    on: dict[tuple[int, str], str] = {}
    for lead in leads:
        labels: Iterable[str] = lead.fields.get("labels", ())  # type: ignore[assignment]
        # One spelling per folded name: the first in order, so that the outcome does not depend on a set's order.
        for name in sorted(labels, reverse=True):
            on[lead.id, fold(name)] = name
    return on


async def _labels(raw: Raw, on: Mapping[tuple[int, str], str]) -> None:
    if on:
        distinct = {key: name for (_, key), name in on.items()}
        await raw.execute(_NEW_LABELS, [list(distinct), list(distinct.values())])
        await raw.execute(_ADD_LABELS, [*_columns(on, 2), list(on.values())])


# Marking counts as a change: whoever cleans up after an older version must not clear this mark.
_MARK_DIRTY = """
WITH marked AS (SELECT id FROM lead WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE)
UPDATE lead SET dirty = true, version = version + 1 FROM marked WHERE lead.id = marked.id
"""


# ── notes and links ─────────────────────────────────────────────────────────────────────────────────────────────────

_UPSERT_NOTES = f"""
INSERT INTO note ({rows.NOTE.names}) SELECT {rows.NOTE.names} FROM in_note
ON CONFLICT (id) DO UPDATE SET {rows.NOTE.sets("id")}
"""  # noqa: S608 - column names of our own


async def _notes(raw: Raw, batch: Batch) -> None:
    notes = {note.id: note for note in batch.notes}
    await merge(raw, rows.NOTE, map(rows.note_row, notes.values()), _UPSERT_NOTES)


# Links that leave a node make room first: uniqueness per live node is checked row by row.
_LEAVE_NODES = """
UPDATE link SET state = 'tombstone'
FROM unnest(%s::text[], %s::text[], %s::text[], %s::int8[], %s::int4[], %s::text[])
     i (connection, kind, external_id, node, part, state)
WHERE link.connection = i.connection AND link.kind = i.kind AND link.external_id = i.external_id
  AND link.state = 'live' AND (link.node, link.part, i.state) IS DISTINCT FROM (i.node, i.part, 'live')
"""
_UPSERT_LINKS = f"""
INSERT INTO link ({rows.LINK.names}) SELECT {rows.LINK.names} FROM in_link
ON CONFLICT (connection, kind, external_id) DO UPDATE SET {rows.LINK.sets("connection", "kind", "external_id")}
"""  # noqa: S608 - column names of our own


async def _links(raw: Raw, links: Iterable[Link]) -> None:
    # In the order of the key, so that two pages cannot wait for each other.
    ordered = sorted(map(rows.link_row, links), key=lambda row: tuple(row[:3]))
    await raw.execute(_LEAVE_NODES, _columns((row[:6] for row in ordered), 6))
    await merge(raw, rows.LINK, ordered, _UPSERT_LINKS)


_DIGESTS = """
UPDATE link SET digest = u.digest
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[]) u (connection, kind, external_id, digest)
WHERE link.connection = u.connection AND link.kind = u.kind AND link.external_id = u.external_id
"""


async def _digests(raw: Raw, batch: Batch) -> None:
    parts = ((connection, kind, clean(ident), digest) for (connection, kind, ident), digest in batch.digests.items())
    await raw.execute(_DIGESTS, _columns(parts, 4))


# ── journal, conflicts, quarantine ──────────────────────────────────────────────────────────────────────────────────


async def _changes(raw: Raw, changes: Iterable[Change], run: int | None) -> None:
    await write(raw, rows.CHANGE, (_change_row(change, run) for change in changes))


def _change_row(change: Change, run: int | None) -> Row:
    return (
        change.lead, change.field, change.old, change.new, change.who, change.at, change.why,
        clean(change.external_id), change.origin, run,
    )  # fmt: skip


_CONFLICT_NAMES = rows.CONFLICT.names.removeprefix('"id", ')
_OPEN_CONFLICTS = f"""
INSERT INTO conflict ({_CONFLICT_NAMES}) SELECT {_CONFLICT_NAMES} FROM in_conflict WHERE id = 0 AND state = 'open'
ON CONFLICT (lead, field, connection) WHERE state = 'open'
DO UPDATE SET {rows.CONFLICT.sets("id", "lead", "field", "connection")}
"""  # noqa: S608 - column names of our own
_PAST_CONFLICTS = f"""
INSERT INTO conflict ({_CONFLICT_NAMES}) SELECT {_CONFLICT_NAMES} FROM in_conflict WHERE id = 0 AND state <> 'open'
"""  # noqa: S608 - column names of our own
_KNOWN_CONFLICTS = """
UPDATE conflict SET (base, ours, theirs, rule, outcome, state, evidence, resolved_at, resolution)
    = (i.base, i.ours, i.theirs, i.rule, i.outcome, i.state, i.evidence, i.resolved_at, i.resolution)
FROM in_conflict i WHERE i.id <> 0 AND conflict.id = i.id
"""


async def _conflicts(raw: Raw, batch: Batch) -> None:
    open_ones = {(c.lead, c.field, c.connection): c for c in batch.conflicts if c.state == "open" and not c.id}
    others = [c for c in batch.conflicts if c.state != "open" or c.id]
    conflicts = [*open_ones.values(), *others]
    conflict_rows = map(rows.conflict_row, conflicts)
    await merge(raw, rows.CONFLICT, conflict_rows, _KNOWN_CONFLICTS, _PAST_CONFLICTS, _OPEN_CONFLICTS)


_UNQUARANTINE = """
DELETE FROM quarantine q USING unnest(%s::text[], %s::text[], %s::text[]) u (connection, kind, external_id)
WHERE q.connection = u.connection AND q.kind = u.kind AND q.external_id = u.external_id
"""
_UPSERT_QUARANTINE = f"""
INSERT INTO quarantine ({rows.QUARANTINE.names}) SELECT {rows.QUARANTINE.names} FROM in_quarantine
ON CONFLICT (connection, kind, external_id) DO UPDATE
SET error = EXCLUDED.error, payload = EXCLUDED.payload, at = EXCLUDED.at, parent = EXCLUDED.parent,
    attempts = quarantine.attempts + 1
"""  # noqa: S608 - column names of our own


async def _quarantine(raw: Raw, batch: Batch) -> None:
    if batch.unquarantine:
        keys = ((connection, kind, clean(ident)) for connection, kind, ident in batch.unquarantine)
        await raw.execute(_UNQUARANTINE, _columns(keys, 3))
    if batch.quarantine:
        bad = {row[:3]: row for row in map(rows.quarantine_row, batch.quarantine)}
        await merge(raw, rows.QUARANTINE, bad.values(), _UPSERT_QUARANTINE)


# ── the small ones ──────────────────────────────────────────────────────────────────────────────────────────────────

_CURSORS = """
INSERT INTO cursor (connection, stream, cursor, saved_at)
SELECT *, %s::timestamptz FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (connection, stream) DO UPDATE SET cursor = EXCLUDED.cursor, saved_at = EXCLUDED.saved_at
"""
_CONNECTION = """
INSERT INTO connection (name, vendor, memory, paused, last_pull, last_full, last_error, paused_with, last_walk)
VALUES (%s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET vendor = EXCLUDED.vendor, memory = EXCLUDED.memory, paused = EXCLUDED.paused,
    last_pull = EXCLUDED.last_pull, last_full = EXCLUDED.last_full, last_error = EXCLUDED.last_error,
    paused_with = EXCLUDED.paused_with, last_walk = EXCLUDED.last_walk
"""
_INTENTS = """
UPDATE operation SET state = %s, reason = u.reason, settled_at = %s FROM unnest(%s::int8[], %s::text[]) u (id, reason)
WHERE operation.type = 'intent' AND operation.id = u.id AND operation.state = 'waiting'
"""
_NOTES_READ = """
UPDATE link SET notes_read_at = u.at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) u (connection, external_id, at)
WHERE link.connection = u.connection AND link.kind = 'lead' AND link.external_id = u.external_id
"""


async def _rest(raw: Raw, batch: Batch, now: datetime) -> None:
    if batch.cursors:
        streams = ((name, stream, cursor) for (name, stream), cursor in batch.cursors.items())
        await raw.execute(_CURSORS, [now, *_columns(streams, 3)])
    if batch.connection is not None:
        state = batch.connection
        memory = rows.jsonb(state.memory)
        await raw.execute(
            _CONNECTION,
            [state.name, state.vendor, memory, clean(state.paused), state.last_pull, state.last_full,
             clean(state.last_error), state.paused_with, state.last_walk],
        )  # fmt: skip
    settled = {
        "done": dict.fromkeys(batch.intents_done, ""),
        "dropped": dict.fromkeys(batch.intents_dropped, ""),
        "refused": {ident: clean(reason) for ident, reason in batch.intents_refused.items()},
    }
    for outcome, intents in settled.items():
        if intents:
            await raw.execute(_INTENTS, [outcome, now, list(intents), list(intents.values())])
    if batch.notes_read:
        read = ((name, clean(ident), at) for (name, ident), at in batch.notes_read.items())
        await raw.execute(_NOTES_READ, _columns(read, 3))


def _named(names: Sequence[str], records: Iterable[Collection[object]]) -> dict[str, list[object]]:
    """`_columns` by name."""
    return dict(zip(names, _columns(records, len(names)), strict=True))


def _columns(records: Iterable[Collection[object]], width: int) -> list[list[object]]:
    """Rows turned into one list per column; empty lists where there are no rows."""
    turned = [list(column) for column in zip(*records, strict=True)]
    return turned or [[] for _ in range(width)]
