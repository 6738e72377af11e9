"""What Prometheus is told: a registry of our own, counters of this process, and numbers read from the database.

Names and labels are a contract: the dashboard, the alert rules and other people's build on them
(docs/grafana/syncd.json, docs/alerts.yml). No label ever holds contents of a record: a connection's name, a vendor's
path template, a class of error, a kind of job, nothing else.

What lies in the database is the same for every process that is scraped; take the ``max`` of it, not the ``sum``. What a
process counted itself is summed. While the database is away its numbers are missing and everything else is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from syncd import __version__
from syncd.domain.errors import DatabaseError
from syncd.logs import Spells
from syncd.ports.clock import Clock
from syncd.store.measures import ConnectionMeasures, Measures, measure

if TYPE_CHECKING:
    from syncd.store.database import Database
    from syncd.vendors.observed import Call, Observe

CALL_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Vendors answer in some hundred milliseconds, on bad days in seconds; 30 s is the time limit of a call."""
JOB_BUCKETS_S = (0.1, 0.5, 1, 5, 10, 20, 30, 60, 120)
"""Slices are bounded to some ten seconds."""
LINKED_EVERY_S = 60.0
"""Counting the linked leads walks a whole index; that number may be a minute old."""


class Metrics:
    """The counters of this process, and the registry with everything in it."""

    def __init__(self) -> None:
        """A registry of our own, with what prometheus-client tells by default of process, platform and garbage."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Gauge("syncd_build_info", "The version that runs.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)
        self._calls = Counter(
            "syncd_vendor_calls_total",
            "Calls to vendors on the wire, repeats included, by method and path template and by how they ended.",
            ["connection", "endpoint", "outcome"],
            registry=self.registry,
        )
        self._call_s = Histogram(
            "syncd_vendor_call_seconds",
            "How long vendors take, from sending to the answer read.",
            ["connection"],
            buckets=CALL_BUCKETS_S,
            registry=self.registry,
        )
        self._webhooks = Counter(
            "syncd_webhooks_total",
            "Deliveries by what became of them.",
            ["connection", "outcome"],
            registry=self.registry,
        )
        self._jobs = Counter(
            "syncd_jobs_total",
            "Slices carried out, by how they ended.",
            ["job", "connection", "outcome"],
            registry=self.registry,
        )
        self._job_s = Histogram(
            "syncd_job_duration_seconds",
            "How long slices take.",
            ["job", "connection"],
            buckets=JOB_BUCKETS_S,
            registry=self.registry,
        )

    def calls_of(self, connection: str) -> Observe:
        """Who counts the vendor calls of a connection (`bootstrap.open_syncd` hands it to the adapter)."""
        seconds = self._call_s.labels(connection)

        def observe(call: Call) -> None:
            self._calls.labels(connection, f"{call.method} {call.path}", call.outcome).inc()
            seconds.observe(call.seconds)

        return observe

    def webhook(self, connection: str, outcome: str) -> None:
        """A delivery came. ``connection`` a configured name, "" where it is nobody's; ``outcome`` one word."""
        self._webhooks.labels(connection, outcome).inc()

    def job(self, job: str, connection: str, outcome: str, seconds: float) -> None:
        """A slice ended. ``connection`` "" where it is about none; ``outcome`` one word: ok, or the class of error."""
        self._jobs.labels(job, connection, outcome).inc()
        self._job_s.labels(job, connection).observe(max(0.0, seconds))

    def watch(self, database: Database, clock: Clock, connections: Callable[[], Collection[str]]) -> None:
        """Also tell what the database knows, asked anew at every scrape.

        connections  the names in force: one that left the config is no longer told of
        """
        self.registry.register(InDatabase(database, clock, connections))


class InDatabase:
    """The numbers that lie in the database, as a collector."""

    def __init__(self, database: Database, clock: Clock, connections: Callable[[], Collection[str]]) -> None:
        self._database, self._clock, self._connections = database, clock, connections
        self._spells = Spells(clock)
        self._linked: dict[str, int] = {}
        self._linked_at = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Every name there may be, without asking the database."""
        return families()

    def collect(self) -> Iterable[Metric]:
        """The numbers as of now; nothing while the database is away. Blocks for the queries."""
        now_s = self._clock.monotonic()
        stale = now_s - self._linked_at >= LINKED_EVERY_S
        try:
            found = measure(self._database, self._clock.now(), linked=stale)
        except DatabaseError:
            self._spells.begin("database", "metrics.database_away")
            return []
        self._spells.end("database", "metrics.database_back")
        if stale:
            self._linked = {name: one.linked or 0 for name, one in found.connections.items()}
            self._linked_at = now_s
        return families(found, self._linked, self._connections())


def families(
    found: Measures | None = None, linked: dict[str, int] | None = None, connections: Collection[str] = ()
) -> Iterable[Metric]:
    """The metrics of the database, with the numbers of the connections that are named; None: the names alone."""
    lag = _gauge("convergence_lag_seconds", "Since when something is left to write there; 0: nothing is.", "connection")
    paused = _gauge("connection_paused", "1 while credentials are refused and a person has to act.", "connection")
    pulled = _gauge("last_pull_timestamp_seconds", "When changes were last read to the end.", "connection")
    full = _gauge("last_full_timestamp_seconds", "When everything was last compared.", "connection")
    leads = _gauge("leads_linked", "Leads linked with a live record there.", "connection")
    limit = _gauge("quota_limit", "Calls the vendor allows in a window.", "connection", "group")
    remaining = _gauge("quota_remaining", "Calls left in the present window.", "connection", "group")
    quarantined = _gauge("quarantined", "Records that cannot be read.", "connection")
    inbox = _gauge("inbox_waiting", "Webhook deliveries not taken yet.", "connection")
    jobs = _gauge("queue_jobs", "Slices that wait (todo), wait for their time (scheduled) or run.", "kind", "state")
    dirty = _gauge("dirty_leads", "Leads that have to be planned.")
    conflicts = _gauge("conflicts_open", "Conflicts that wait for a person.")
    reviews = _gauge("reviews_open", "Records that fit several leads and wait for a person.")
    held = _gauge("plans_held", "Plans over a limit that wait for a person.")
    if found is not None:
        for name, one in _known(found, connections):
            lag.add_metric([name], one.lag_s)
            paused.add_metric([name], float(one.paused))
            for family, moment in ((pulled, one.last_pull), (full, one.last_full)):
                if moment is not None:
                    family.add_metric([name], _epoch_s(moment))
            leads.add_metric([name], (linked or {}).get(name, 0))
            quarantined.add_metric([name], one.quarantined)
            inbox.add_metric([name], one.inbox)
            for quota in one.quota:
                limit.add_metric([name, quota.group], quota.limit)
                remaining.add_metric([name, quota.group], quota.remaining)
        for (kind, state), count in (found.queue or {}).items():
            jobs.add_metric([kind, state], count)
        dirty.add_metric([], found.dirty)
        conflicts.add_metric([], found.conflicts)
        reviews.add_metric([], found.reviews)
        held.add_metric([], found.held)
    return [
        lag, paused, pulled, full, leads, dirty, jobs, limit, remaining, conflicts, reviews, held, quarantined, inbox,
    ]  # fmt: skip


def render(registry: CollectorRegistry) -> tuple[str, bytes]:
    """Content type and body of ``/metrics``.

    Asks the database and blocks meanwhile, some milliseconds as a rule, some seconds where it is stuck: call it in a
    thread (``anyio.to_thread.run_sync``), never on the event loop.
    """
    return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(_Told(registry))


class _Told:
    """A registry without the birth times of counters: twice the lines for nothing anybody asks for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _known(found: Measures, connections: Collection[str]) -> Iterator[tuple[str, ConnectionMeasures]]:
    return ((name, one) for name, one in found.connections.items() if name in connections)


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"syncd_{name}", words, labels=labels)


def _epoch_s(moment: datetime) -> float:
    return moment.timestamp()
