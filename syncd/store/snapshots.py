"""Snapshots: everything that planning a lead needs, for hundreds of leads in a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from syncd.domain.lead import ADDRESS
from syncd.ports.rows import Lead, Link, Note, Snapshot
from syncd.store import rows
from syncd.store.copy import Raw
from syncd.store.tx import fetch, fetch_all

# The work list, by its partial index: as long as what there is to plan.
_DIRTY = f"{rows.LEADS} WHERE l.dirty AND l.id > %s ORDER BY l.id LIMIT %s"
_THESE = f"{rows.LEADS} WHERE l.id = ANY(%s) ORDER BY l.id"
_LINKS = f"{rows.LIGHT_LINKS} WHERE kind = 'lead' AND node = ANY(%s) ORDER BY connection, part, external_id"
_NOTES = f"{rows.NOTES} WHERE lead = ANY(%s) ORDER BY id"
_NOTE_LINKS = f"""
{rows.LIGHT_LINKS} WHERE kind = 'note' AND node IN (SELECT id FROM note WHERE lead = ANY(%s))
ORDER BY connection, part, external_id
"""  # noqa: S608 - column names of our own
_PARKED = "SELECT lead, field FROM conflict WHERE state = 'open' AND lead = ANY(%s)"
_WAITING = """
SELECT lead, connection, kind, coalesce(note, 0), part FROM operation
WHERE type = 'intent' AND state = 'waiting' AND lead = ANY(%s)
"""
# The last word on each create: what was refused once and waits again is not refused any more.
_REFUSED = """
SELECT lead, connection, kind, note, part, wanted, reason FROM (
    SELECT DISTINCT ON (lead, connection, kind, coalesce(note, 0), part)
           lead, connection, kind, coalesce(note, 0) AS note, part, wanted, reason, state
    FROM operation WHERE type = 'intent' AND state IN ('waiting', 'refused') AND lead = ANY(%s)
    ORDER BY lead, connection, kind, coalesce(note, 0), part, id DESC
) latest WHERE state = 'refused'
"""
_IN_REVIEW = """
SELECT connection, candidates FROM link WHERE state = 'review' AND kind = 'lead' AND candidates && %s::int8[]
"""


async def dirty_leads(raw: Raw, after: int, limit: int) -> list[Lead]:
    """The next dirty leads in id order."""
    return [rows.lead_of(row) for row in await fetch(raw, _DIRTY, after, limit)]


async def these_leads(raw: Raw, ids: Sequence[int]) -> list[Lead]:
    """These leads, in id order."""
    return [rows.lead_of(row) for row in await fetch(raw, _THESE, list(ids))]


async def around(raw: Raw, leads: Sequence[Lead]) -> list[Snapshot]:
    """The snapshots of these leads. The transaction must be one that sees a single moment."""
    ids = [lead.id for lead in leads]
    queries = (_LINKS, _NOTES, _NOTE_LINKS, _PARKED, _WAITING, _REFUSED, _IN_REVIEW)
    told = iter(await fetch_all(raw, *((query, [ids]) for query in queries)))
    links: defaultdict[int, list[Link]] = defaultdict(list)
    for row in next(told):
        links[row[3]].append(rows.link_of(row))
    notes: defaultdict[int, list[Note]] = defaultdict(list)
    owner: dict[int, int] = {}
    for row in next(told):
        note = rows.note_of(row)
        notes[note.lead].append(note)
        owner[note.id] = note.lead
    note_links: defaultdict[int, list[Link]] = defaultdict(list)
    for row in next(told):
        note_links[owner[row[3]]].append(rows.link_of(row))
    # A conflict over an address parks each of its components.
    parked = _grouped(
        (lead, name) for lead, field in next(told) for name in ((field, *ADDRESS) if field == "address" else (field,))
    )
    waiting = _grouped((lead, tuple(what)) for lead, *what in next(told))
    refused: defaultdict[int, dict[tuple[str, str, int, int], tuple[str, str]]] = defaultdict(dict)
    for lead, connection, kind, note_id, part, digest, reason in next(told):
        refused[lead][connection, kind, note_id, part] = digest, reason
    wanted = set(ids)
    in_review = _grouped((lead, connection) for connection, named in next(told) for lead in named if lead in wanted)
    return [
        Snapshot(
            lead=lead,
            links=links[lead.id],
            notes=notes[lead.id],
            note_links=note_links[lead.id],
            parked=frozenset(parked[lead.id]),
            waiting=frozenset(waiting[lead.id]),
            refused=refused[lead.id],
            in_review=frozenset(in_review[lead.id]),
        )
        for lead in leads
    ]


def _grouped(pairs: Iterable[tuple[int, Any]]) -> defaultdict[int, set[Any]]:
    found: defaultdict[int, set[Any]] = defaultdict(set)
    for lead, what in pairs:
        found[lead].add(what)
    return found
