"""CINC's webhook: whose secret is registered, and which deliveries are said once (vendors/cinc.md §10)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from syncd.ports.hooks import Delivery, Event, problem_of
from syncd.vendors.cinc.webhook import FILTERS
from tests.vendors.cinc.support import written

ADDRESS = "https://sync.test/hooks/cinc"
SECRET, ANOTHER = "s3cret-of-the-hooks", "an0ther-secret-of-ours"
LEAD = {"type": "lead.info.updated", "lead": {"id": "L1"}}


async def problem(headers: Any) -> str:
    """What is wrong with a webhook that shows these headers."""
    shown = {"url": ADDRESS, "event_filters": list(FILTERS), "is_enabled": True, "headers": headers}
    adapter, _ = written(lambda _: (200, {"webhook": shown}))
    hooks: Any = adapter.hooks
    there = await hooks.registered()
    assert ANOTHER not in repr(there)
    return problem_of(hooks, there, ADDRESS, SECRET)


@pytest.mark.parametrize("name", ["X-Syncd-Secret", "x-syncd-secret"])
async def test_another_secret_is_a_problem(name: str):
    """Every delivery would be refused with 401, and nobody would hear of it."""
    assert await problem({name: ANOTHER, "X-Other": "1"}) == "registered with another secret"
    assert await problem({name: SECRET, "X-Other": ANOTHER}) == ""


@pytest.mark.parametrize("headers", [None, {}, [], "text", {"X-Other": ANOTHER}])
async def test_a_secret_that_is_not_shown_is_no_problem(headers: Any):
    """Nobody knows whose it is, so nothing is told."""
    assert await problem(headers) == ""


@pytest.mark.parametrize("value", ["", None, "*" * 20, "x" * 20, "s3cr…", "hidden", 5, []])
async def test_a_secret_that_is_masked_is_no_problem(value: Any):
    """No secret of ours looks like that."""
    assert await problem({"X-Syncd-Secret": value}) == ""


def events(body: Any, **headers: str) -> list[Event]:
    """What a delivery tells."""
    adapter, _ = written(lambda _: (200, {}))
    assert adapter.hooks is not None
    return list(adapter.hooks.events(Delivery(headers, orjson.dumps(body))))


@pytest.mark.parametrize("meta", [{}, {"meta": None}, {"meta": {"event_id": 7}}, {"meta": {"published_date": ""}}])
def test_words_without_an_id_and_a_time_may_be_said_again(meta: dict[str, Any]):
    """Of a later change: such a repetition is no duplicate. In a list as well."""
    assert [event.unique for event in events({**LEAD, **meta})] == [False]
    assert [event.unique for event in events([{**LEAD, **meta}, LEAD, {"type": "lead.logged_in"}])] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("meta", [{"event_id": "e1"}, {"published_date": "2026-01-01T00:00:00.000Z"}])
def test_an_id_or_a_time_makes_an_event_unique(meta: dict[str, Any]):
    """So a repeated delivery is taken in once."""
    assert [event.unique for event in events({**LEAD, "meta": meta})] == [True]


def test_an_id_in_the_header_makes_an_event_unique():
    """The body has none."""
    (event,) = events(LEAD, **{"x-cinc-event-id": "e1"})
    assert (event.id, event.unique) == ("e1", True)
