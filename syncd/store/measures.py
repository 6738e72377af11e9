"""The numbers a service is watched by, as the database knows them: for `/metrics` and `syncd status`.

Every query walks a partial index whose length is what waits, not what is there; only the count of linked leads walks
the index of live links, so whoever asks often leaves it out. Reading is synchronous, on a connection of its own with
short time limits: a scrape must neither wait for the pool nor hold anything up.

**Convergence lag** of a connection: now, less the last moment when nothing was left to write there. What the database
knows of that:

- no lead is dirty and no create's answer is awaited there: nothing is left now, the lag is 0;
- a lead became dirty at ``lead.updated_at``. Before the oldest of them did, nothing was left anywhere;
- ``connection.in_step_at`` is when the last plan was begun that had nothing for this connection. A lead that is dirty
  for another connection's sake (one that is down, say) thus counts for that one and not for this;
- a create whose answer was lost is left since ``operation.at``, whatever later plans say.

So the moment is the later of ``in_step_at`` (before the first plan: ``created_at``) and the oldest dirty lead's change,
or the oldest awaited create if that is earlier. What a person typed in a CRM and nobody has pulled yet is not known
here: that is the age of ``last_pull``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from syncd.store.database import Database, translated

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_S = 3
QUERY_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Quota:
    """What a vendor allows a connection for a group of endpoints in a window, and what of it nobody has taken yet.

    group  an endpoint, or "" where the vendor counts the whole connection
    """

    group: str
    limit: int
    remaining: int


@dataclass(frozen=True, slots=True)
class ConnectionMeasures:
    """One connection.

    inbox       webhook deliveries not taken yet
    linked      leads with a live record there; None where that was not asked for
    held_until  while its circuit is open: until when it is not called
    """

    lag_s: float
    paused: bool
    last_pull: datetime | None
    last_full: datetime | None
    quarantined: int
    inbox: int
    linked: int | None = None
    quota: Sequence[Quota] = ()
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """All of them as of one moment.

    queue  (kind, state) → jobs; state is todo, scheduled (not due yet) or doing. None: there is no queue yet
    """

    connections: Mapping[str, ConnectionMeasures] = field(default_factory=dict)
    dirty: int = 0
    conflicts: int = 0
    reviews: int = 0
    held: int = 0
    queue: Mapping[tuple[str, str], int] | None = None


_CONNECTIONS = """
SELECT name, paused <> '', last_pull, last_full, coalesce(in_step_at, created_at) FROM connection ORDER BY name
"""

# (what, connection, how many, since when)
_WAITING = """
SELECT 'dirty', '', count(*), min(updated_at) FROM lead WHERE dirty UNION ALL
SELECT 'awaited', connection, count(*), min(at) FROM operation
    WHERE type = 'intent' AND state = 'waiting' GROUP BY 2 UNION ALL
SELECT 'inbox', connection, count(*), min(received_at) FROM inbox WHERE state = 'waiting' GROUP BY 2 UNION ALL
SELECT 'quarantined', connection, count(*), NULL FROM quarantine GROUP BY 2 UNION ALL
SELECT 'conflicts', '', count(*), NULL FROM conflict WHERE state = 'open' UNION ALL
SELECT 'reviews', '', count(*), NULL FROM link WHERE state = 'review' UNION ALL
SELECT 'held', '', count(*), NULL FROM operation WHERE type = 'plan' AND state = 'held'
"""

# An index-only scan of uq_link_live.
_LINKED = "SELECT connection, count(*) FROM link WHERE kind = 'lead' AND state = 'live' GROUP BY 1"

# A handful of rows. A window that is over is whole again, unless a 429 still asks to wait.
_QUOTA = """
SELECT connection, "group", "limit",
       CASE WHEN greatest(ends_at, paused_until) <= clock_timestamp() THEN "limit" ELSE greatest("left", 0) END
FROM quota WHERE version > 0 ORDER BY 1, 2
"""
_CIRCUITS = "SELECT connection, held_until FROM quota WHERE \"group\" = '' AND held_until > clock_timestamp()"

# Procrastinate's partial index of unfinished jobs; a task's name without the module it lives in is the kind.
_QUEUE = r"""
SELECT regexp_replace(task_name, '^.*[.:]', ''),
       CASE WHEN status = 'todo' AND scheduled_at > now() THEN 'scheduled' ELSE status::text END, count(*)
FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY 1, 2 ORDER BY 1, 2
"""


def measure(database: Database, now: datetime, *, linked: bool = True) -> Measures:
    """Read them all as of one moment. Raises DatabaseError, at the latest after some seconds.

    now     by the clock that the engine uses
    linked  also count the linked leads of every connection
    """
    import psycopg

    options = database.options | {"connect_timeout": CONNECT_TIMEOUT_S}
    with translated(), psycopg.connect(database.libpq_url, **options) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session.execute(f"SET LOCAL statement_timeout = '{QUERY_TIMEOUT_S}s'".encode())
        return _read(session, now, linked=linked)


def _read(session: psycopg.Connection, now: datetime, *, linked: bool) -> Measures:
    waiting: defaultdict[str, dict[str, tuple[int, datetime | None]]] = defaultdict(dict)
    for what, name, count, since in session.execute(_WAITING):
        waiting[what][name] = (count, since)
    counts: dict[str, int] | None = dict(session.execute(_LINKED).fetchall()) if linked else None
    circuits: dict[str, datetime] = dict(session.execute(_CIRCUITS).fetchall())
    quota: defaultdict[str, list[Quota]] = defaultdict(list)
    for name, group, limit, remaining in session.execute(_QUOTA):
        quota[name].append(Quota(group, limit, remaining))

    def number(what: str, name: str = "") -> int:
        return waiting[what].get(name, (0, None))[0]

    connections = {}
    for name, paused, last_pull, last_full, in_step_at in session.execute(_CONNECTIONS).fetchall():
        connections[name] = ConnectionMeasures(
            lag_s=_lag_s(now, in_step_at, waiting["dirty"][""][1], waiting["awaited"].get(name, (0, None))[1]),
            paused=paused,
            last_pull=last_pull,
            last_full=last_full,
            quarantined=number("quarantined", name),
            inbox=number("inbox", name),
            linked=None if counts is None else counts.get(name, 0),
            quota=tuple(quota[name]),
            held_until=circuits.get(name),
        )
    return Measures(
        connections=connections,
        dirty=number("dirty"),
        conflicts=number("conflicts"),
        reviews=number("reviews"),
        held=number("held"),
        queue=_queue(session),
    )


def _lag_s(now: datetime, in_step_at: datetime, dirty: datetime | None, awaited: datetime | None) -> float:
    """See the module's docstring. ``dirty`` and ``awaited``: when the oldest of them began to wait."""
    since = [max(in_step_at, dirty)] if dirty is not None else []
    since += [awaited] if awaited is not None else []
    return max(0.0, (now - min(since)).total_seconds()) if since else 0.0


def _queue(session: psycopg.Connection) -> dict[tuple[str, str], int] | None:
    there = session.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
    if there is None or there[0] is None:
        return None
    return {(kind, state): count for kind, state, count in session.execute(_QUEUE)}
