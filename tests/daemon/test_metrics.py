"""What Prometheus is told, to the letter."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import syncd
from syncd.daemon.metrics import LINKED_EVERY_S, Metrics, render
from syncd.domain.errors import VendorError
from syncd.ports.rows import Batch, ConnectionState
from syncd.store.database import Database
from syncd.store.postgres import PostgresStore
from tests.daemon.contract import CONTRACT
from tests.store.shapes import NOW, page
from tests.vendors.clocks import VirtualClock
from tests.vendors.toy import toy_http


def told(registry: CollectorRegistry) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Sample name → labels → value, as a scraper parses the body."""
    kind, body = render(registry)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def of(**labels: str) -> tuple[tuple[str, str], ...]:
    """Labels as `told` has them."""
    return tuple(sorted(labels.items()))


@pytest.fixture
async def full(store: PostgresStore) -> Metrics:
    """Metrics in which every name has a sample."""
    async with store.transaction() as tx:
        await tx.save(page([1, 2]))
        await tx.save(Batch(connection=ConnectionState("cinc", "cinc", last_pull=NOW, last_full=NOW)))
    await store.connection("gone", "chime")
    metrics = Metrics()
    metrics.watch(store.database, VirtualClock(NOW), lambda: ["cinc"])
    metrics.webhook("cinc", "stored")
    metrics.job("pull", "cinc", "ok", 1.5)
    return metrics


async def test_names_and_labels_are_the_contract(full: Metrics):
    """Every metric of ours that is told is in the contract with exactly its labels, and the other way round: each of
    the contract is there from the start, before anything has happened.
    """
    names = {metric.name: metric for metric in full.registry.collect() if metric.name.startswith("syncd_")}
    counters = {name for name, metric in names.items() if metric.type == "counter"}
    assert {f"{name}_total" if name in counters else name for name in names} == set(CONTRACT)
    for metric in names.values():
        labels = CONTRACT.get(metric.name) if metric.type != "counter" else CONTRACT[f"{metric.name}_total"]
        assert metric.documentation.endswith(".")
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == labels, sample.name


async def test_the_database_is_told_of_as_it_is_at_the_scrape(full: Metrics, store: PostgresStore):
    """Numbers of configured connections, fresh at every scrape; one that left the config is not told of."""
    first = told(full.registry)
    assert first["syncd_dirty_leads"] == {(): 2}
    assert first["syncd_leads_linked"] == {of(connection="cinc"): 2}
    assert first["syncd_last_pull_timestamp_seconds"] == {of(connection="cinc"): NOW.timestamp()}
    assert first["syncd_connection_paused"] == {of(connection="cinc"): 0}
    await store.clean({1: 1})
    assert told(full.registry)["syncd_dirty_leads"] == {(): 1}
    assert first["syncd_build_info"] == {of(version=syncd.__version__): 1}


async def test_linked_leads_are_counted_once_a_minute(store: PostgresStore):
    """That count walks a whole index; between two of them the last one is told."""
    clock, metrics = VirtualClock(NOW), Metrics()
    await store.connection("cinc", "cinc")
    metrics.watch(store.database, clock, lambda: ["cinc"])
    assert told(metrics.registry)["syncd_leads_linked"] == {of(connection="cinc"): 0}
    async with store.transaction() as tx:
        await tx.save(page([1]))
    clock.elapsed_s += LINKED_EVERY_S - 1
    assert told(metrics.registry)["syncd_leads_linked"] == {of(connection="cinc"): 0}
    clock.elapsed_s += 1
    assert told(metrics.registry)["syncd_leads_linked"] == {of(connection="cinc"): 1}


def test_without_the_database_everything_else_is_told():
    """A database that is away costs its own numbers, not the scrape."""
    metrics = Metrics()
    metrics.watch(Database("postgresql://nobody@127.0.0.1:1/none"), VirtualClock(), lambda: ["cinc"])
    metrics.job("pull", "cinc", "database", 0.1)
    found = told(metrics.registry)
    assert found["syncd_jobs_total"] == {of(job="pull", connection="cinc", outcome="database"): 1}
    assert "syncd_dirty_leads" not in found


async def test_a_scrape_may_run_in_a_thread(full: Metrics):
    """As the web layer does it, several at once."""
    bodies = await asyncio.gather(*(asyncio.to_thread(render, full.registry) for _ in range(3)))
    assert all(b"syncd_dirty_leads 2.0" in body for _, body in bodies)


def test_the_registry_is_our_own_and_lacks_nothing_of_the_default():
    """Process, platform and garbage collector are told as by default; the process-wide registry has nothing of ours;
    and two of ours do not meet.
    """
    one, other = Metrics(), Metrics()
    one.webhook("cinc", "stored")
    assert not told(other.registry).get("syncd_webhooks_total")
    default = {metric.name for metric in REGISTRY.collect()}
    assert default <= {metric.name for metric in one.registry.collect()}
    assert not any(name.startswith("syncd_") for name in default)
    assert {"process_resident_memory_bytes", "process_open_fds", "python_info", "python_gc_collections_total"} <= set(
        told(one.registry)
    )


async def test_calls_are_counted_by_template_and_outcome():
    """Each try on the wire counts, by method, path template and class of error; never what filled the template."""
    clock, metrics = VirtualClock(), Metrics()
    answers = [(503, b""), (200, b"{}"), (404, b""), (418, b"{}"), (429, b""), (429, b"")]

    class Vendor(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await clock.sleep(2)
            status, body = answers.pop(0)
            return httpx.Response(status, stream=httpx.ByteStream(body))

    http = toy_http(clock, transport=Vendor(), observe=metrics.calls_of("toy"), retries=1)
    await http.send("GET", "/leads/{id}", params={"id": "ann@example.com"})
    for method in ("GET", "POST", "DELETE"):
        with pytest.raises(VendorError):
            await http.send(method, "/leads/{id}", params={"id": "ann@example.com"})
    found = told(metrics.registry)
    calls = {
        f"{(where := dict(labels))['endpoint']} {where['outcome']}": count
        for labels, count in found["syncd_vendor_calls_total"].items()
    }
    assert calls == {
        "GET /leads/{id} transient": 1,
        "GET /leads/{id} ok": 1,
        "GET /leads/{id} not_found": 1,
        "POST /leads/{id} rejected": 1,
        "DELETE /leads/{id} rate_limited": 2,
    }
    assert found["syncd_vendor_call_seconds_count"] == {of(connection="toy"): 6}
    assert found["syncd_vendor_call_seconds_sum"] == {of(connection="toy"): 12}
    assert b"ann" not in render(metrics.registry)[1]
