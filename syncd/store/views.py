"""What people look at: finding a lead by what they know of it, lists, and the state of things, JSON-ready.

Every method reads; none locks. Times leave as ISO text in UTC, values in their JSON form (domain/lead.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncd.domain import normalize
from syncd.domain.errors import UsageError
from syncd.domain.lead import encode_fields
from syncd.store import rows
from syncd.store.postgres import PostgresStore

Json = Any
SHOW_IDS_MAX = 5
PHONE_DIGITS_MIN = 7


class Views:
    """The read side. Raises UsageError for what does not exist, DatabaseError where the database fails."""

    def __init__(self, store: PostgresStore, *, regions: Sequence[str] = ("US",)) -> None:
        """``regions``: the default phone regions of the connections, for numbers typed without a country."""
        self._store = store
        self._regions = regions

    # ── one lead ────────────────────────────────────────────────────────────────────────────────────────────────

    async def find_lead(self, term: str) -> int:
        """The id of the lead that ``term`` names: an id (42, L42), an email, a phone or CONNECTION:EXTERNAL_ID.

        Raises UsageError if none or several match; the message does not repeat the term.
        """
        term = term.strip()
        digits = term[1:] if term[:1] in {"L", "l"} else term
        if digits.isdecimal() and len(digits) < 19:
            if await self._store.fetch("SELECT 1 FROM lead WHERE id = %s", int(digits)):
                return int(digits)
            if digits != term or len(digits) < PHONE_DIGITS_MIN:
                raise _none(f"there is no lead {int(digits)}")
        if ":" in term and (found := await self._by_link(*term.split(":", 1))) is not None:
            return found
        if "@" in term:
            return _one(await self._by_key("lead_email", "email", [term.lower()]), "this email address")
        if sum(map(str.isdigit, term)) >= PHONE_DIGITS_MIN:
            return _one(await self._by_phone(term), "this phone number")
        raise _none("no lead is called that")

    async def _by_link(self, connection: str, external_id: str) -> int | None:
        query = "SELECT node, state FROM link WHERE connection = %s AND kind = 'lead' AND external_id = %s"
        found = await self._store.fetch(query, connection, external_id)
        if found:
            node, state = found[0]
            if node is None:
                message = f"record {external_id} of {connection} is not linked to a lead: it is in {state}"
                raise UsageError(message, hint="`syncd status` counts what waits for review")
            return int(node)
        if await self._store.fetch("SELECT 1 FROM connection WHERE name = %s", connection):
            raise _none(f"connection {connection} has no record {external_id}")
        return None

    async def _by_phone(self, term: str) -> list[int]:
        numbers = {term, *(normalize.phone(term, region) for region in self._regions)}
        found = await self._by_key("lead_phone", "number", sorted(numbers))
        if found:
            return found
        ending = "".join(filter(str.isdigit, term))
        digits = r"regexp_replace(number, '\D', '', 'g')"
        query = f"SELECT DISTINCT lead FROM lead_phone WHERE {digits} LIKE %s ORDER BY lead"  # noqa: S608 - our own text
        return [row[0] for row in await self._store.fetch(query, f"%{ending}")]

    async def _by_key(self, table: str, column: str, values: list[str]) -> list[int]:
        query = f"SELECT DISTINCT lead FROM {table} WHERE {column} = ANY(%s) ORDER BY lead"  # noqa: S608 - our names
        return [row[0] for row in await self._store.fetch(query, values)]

    async def lead_show(self, lead: int) -> dict[str, Json]:
        """A lead with everything that hangs on it (DESIGN §13)."""
        async with self._store.transaction() as tx:
            found = (await tx.leads([lead], lock=False)).get(lead)
            if found is None:
                raise _none(f"there is no lead {lead}")
            links = await tx.links_of("lead", [lead])
            notes = [note for note in await tx.notes([lead]) if not note.deleted]
            agents = {agent.id: agent for agent in await tx.agents()}
        people = {i: {"agent": i, "name": a.name, "email": a.email} for i, a in agents.items()}
        edges = ("labels", "assignment.")
        return {
            "id": found.id,
            "fields": encode_fields({n: v for n, v in found.fields.items() if not n.startswith(edges)}),
            "provenance": {name: origin.to_json() for name, origin in found.provenance.items()},
            "links": [
                {
                    "connection": link.connection, "external_id": link.external_id, "state": link.state,
                    "time": iso(link.time), "read_at": iso(link.read_at), "pending": sorted(link.pending),
                    "settled": sorted(link.settled), "unmapped": sorted(link.unmapped),
                }
                for link in sorted(links, key=lambda link: (link.connection, link.external_id))
            ],
            "labels": sorted(found.fields.get("labels", ())),  # type: ignore[arg-type]
            "assignments": {role: people.get(agent, {"agent": agent}) for role, agent in rows.roles_of(found)},
            "notes": [
                {
                    "id": note.id, "body": note.body, "author": _author(note.author, note.author_name, people),
                    "written_at": iso(note.written_at), "kind": note.kind, "pinned": note.pinned, "origin": note.origin,
                }
                for note in notes
            ],
        }  # fmt: skip

    # One row per lead with where it is linked. The pattern is matched against what a person would search by.
    _LIST = """
    SELECT l.id, concat_ws(' ', l.first_name, l.last_name), l.email, l.phone, l.stage, l.dirty, l.updated_at,
           (SELECT array_agg(k.connection ORDER BY k.connection) FROM link k
            WHERE k.node = l.id AND k.kind = 'lead' AND k.state = 'live'),
           count(*) OVER ()
    FROM lead l
    WHERE %s::text = '%%' OR concat_ws(' ', l.first_name, l.last_name, l.email, l.phone, l.city, l.stage) ILIKE %s
       OR EXISTS (SELECT FROM lead_email e WHERE e.lead = l.id AND e.email ILIKE %s)
    ORDER BY l.id LIMIT %s OFFSET %s
    """

    async def lead_list(self, query: str = "", limit: int = 50, offset: int = 0) -> dict[str, Json]:
        """Leads whose name, email, phone, city or stage contains ``query``, in id order, and how many there are."""
        pattern = f"%{_literal(query.strip())}%" if query.strip() else "%"
        found = await self._store.fetch(self._LIST, pattern, pattern, pattern, limit, offset)
        names = ("id", "name", "email", "phone", "stage", "dirty", "updated_at", "connections")
        leads = [_plain(dict(zip(names, row, strict=False))) | {"connections": row[7] or []} for row in found]
        return {"total": found[0][8] if found else 0, "leads": leads}

    _HISTORY = """
    SELECT id, at, field, old, new, who, why, external_id, run FROM change WHERE lead = %s ORDER BY id DESC LIMIT %s
    """

    async def lead_history(self, lead: int, limit: int = 200) -> list[dict[str, Json]]:
        """The journal of a lead, newest first."""
        names = ("id", "at", "field", "old", "new", "who", "why", "external_id", "run")
        return _dicts(names, await self._store.fetch(self._HISTORY, lead, limit))

    # ── what needs a person ─────────────────────────────────────────────────────────────────────────────────────

    _CONFLICT_NAMES = (
        "id", "lead", "field", "connection", "state", "rule", "outcome", "at", "base", "ours", "theirs",
        "ours_origin", "theirs_origin", "evidence", "resolved_at", "resolved_by", "resolution",
    )  # fmt: skip

    async def conflicts_list(
        self, state: str | None = "open", *, lead: int | None = None, limit: int = 200
    ) -> list[dict[str, Json]]:
        """Conflicts, newest first; ``state`` open | decided | resolved, None for all."""
        names = self._CONFLICT_NAMES[:11]
        query = f"""SELECT {", ".join(names)} FROM conflict
            WHERE state = coalesce(%s::text, state) AND lead = coalesce(%s::int8, lead) ORDER BY id DESC LIMIT %s"""  # noqa: S608 - our names
        return _dicts(names, await self._store.fetch(query, state, lead, limit))

    async def conflict_show(self, conflict: int) -> dict[str, Json]:
        """One conflict with both origins and the evidence."""
        query = f"SELECT {', '.join(self._CONFLICT_NAMES)} FROM conflict WHERE id = %s"  # noqa: S608 - our names
        found = _dicts(self._CONFLICT_NAMES, await self._store.fetch(query, conflict))
        if not found:
            raise UsageError(f"there is no conflict {conflict}", hint="`syncd conflicts list`")
        return found[0]

    async def reviews_list(self) -> list[dict[str, Json]]:
        """Records that match several leads, or one that is linked already, each with its candidates."""
        query = """SELECT connection, external_id, coalesce(candidates, '{}'), review, base, read_at
                   FROM link WHERE state = 'review' ORDER BY connection, external_id"""
        names = ("connection", "external_id", "candidates", "review", "shows", "read_at")
        return _dicts(names, await self._store.fetch(query))

    _QUARANTINE = ("id", "connection", "kind", "external_id", "error", "attempts", "first_at", "at")

    async def quarantine_list(self) -> list[dict[str, Json]]:
        """Records that cannot be read, without their payloads."""
        query = f"SELECT {', '.join(self._QUARANTINE)} FROM quarantine ORDER BY id"  # noqa: S608 - our names
        return _dicts(self._QUARANTINE, await self._store.fetch(query))

    async def quarantine_show(self, record: int) -> dict[str, Json]:
        """One quarantined record with its payload."""
        names = (*self._QUARANTINE, "payload")
        query = f"SELECT {', '.join(names)} FROM quarantine WHERE id = %s"  # noqa: S608 - our names
        found = _dicts(names, await self._store.fetch(query, record))
        if not found:
            raise UsageError(
                f"there is no quarantined record {record}", hint="`syncd status` counts what is in quarantine"
            )
        return found[0]

    async def held(self) -> list[dict[str, Json]]:
        """Plans over a limit, with the reasons and how many operations each holds."""
        return [
            {
                "id": plan.id, "connection": plan.connection, "state": plan.state, "at": iso(plan.at),
                "reasons": list(plan.reasons), "operations": len(plan.operations or ()),
            }
            for plan in await self._store.held()
        ]  # fmt: skip

    # ── the state of things ─────────────────────────────────────────────────────────────────────────────────────

    # Counted on partial indexes, so that no link is read; the condition repeats ix_link_odd word for word.
    _LINK_COUNTS = """
    SELECT 'live', connection, count(*) FROM link WHERE state = 'live' AND kind = 'lead' GROUP BY 2 UNION ALL
    SELECT 'gone', connection, count(*) FROM link WHERE state = 'tombstone' AND kind = 'lead' GROUP BY 2 UNION ALL
    SELECT 'review', connection, count(*) FROM link WHERE state = 'review' GROUP BY 2 UNION ALL
    SELECT 'quarantined', connection, count(*) FROM quarantine GROUP BY 2 UNION ALL
    SELECT 'waiting', connection, count(*) FROM operation WHERE type = 'intent' AND state = 'waiting' GROUP BY 2
    """
    _ODD_COUNTS = """
    SELECT connection, count(*) FILTER (WHERE pending <> '{}'), count(*) FILTER (WHERE settled <> '{}'),
           count(*) FILTER (WHERE unmapped <> '{}')
    FROM link WHERE unmapped <> '{}' OR settled <> '{}' OR pending <> '{}' GROUP BY connection
    """
    _CONNECTIONS = """
    SELECT c.name, c.vendor, c.paused, c.last_pull, c.last_full, c.last_error, r.kind, r.started_at, r.ended_at, r.error
    FROM connection c LEFT JOIN LATERAL (
        SELECT kind, started_at, ended_at, error FROM run WHERE connection = c.name ORDER BY id DESC LIMIT 1) r ON true
    ORDER BY c.name
    """

    async def status(self) -> dict[str, Json]:
        """Per connection: links by state, what is pending, last pull, full comparison, error, pause. And totals."""
        counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for what, name, count in await self._store.fetch(self._LINK_COUNTS):
            counts[name][what] = count
        for name, pending, settled, unmapped in await self._store.fetch(self._ODD_COUNTS):
            counts[name].update(pending=pending, settled=settled, unmapped=unmapped)
        blank = dict.fromkeys(("live", "gone", "review", "quarantined", "waiting", "pending", "settled", "unmapped"), 0)
        connections = {}
        for name, vendor, paused, pull, full, error, *run in await self._store.fetch(self._CONNECTIONS):
            last = dict(zip(("kind", "started_at", "ended_at", "error"), run, strict=True)) if run[0] else None
            connections[name] = {
                "vendor": vendor, "paused": paused, "last_pull": iso(pull), "last_full": iso(full), "last_error": error,
                "links": blank | counts[name], "last_run": last and _plain(last),
            }  # fmt: skip
        leads = (await self._store.fetch("SELECT count(*) FROM lead"))[0][0]
        return {"connections": connections, "leads": leads, **await self._store.counts()}


def iso(moment: datetime | None) -> str | None:
    """A moment as ISO text in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(record: Mapping[str, Json]) -> dict[str, Json]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in record.items()}


def _dicts(names: Sequence[str], found: Sequence[Sequence[Json]]) -> list[dict[str, Json]]:
    return [_plain(dict(zip(names, row, strict=True))) for row in found]


def _author(agent: int | None, name: str, people: Mapping[int, Json]) -> Json:
    if agent is not None:
        return people.get(agent, {"agent": agent})
    return {"agent": None, "name": name, "email": ""} if name else None


def _literal(text: str) -> str:
    """Text for LIKE, with nothing special in it."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _one(found: list[int], what: str) -> int:
    if len(found) == 1:
        return found[0]
    if not found:
        raise _none(f"no lead has {what}")
    shown = ", ".join(f"L{ident}" for ident in found[:SHOW_IDS_MAX]) + (", …" if len(found) > SHOW_IDS_MAX else "")
    raise UsageError(f"{len(found)} leads have {what}: {shown}", hint="name one of them by its id")


def _none(message: str) -> UsageError:
    hint = "a lead is named by its id, an email, a phone or CONNECTION:EXTERNAL_ID; `syncd leads list` searches names"
    return UsageError(message, hint=hint)
