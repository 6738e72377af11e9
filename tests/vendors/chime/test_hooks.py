"""Chime's deliveries: those without a time may be said again of a later change (vendors/chime.md §10)."""

from __future__ import annotations

from typing import Any, cast

import orjson
import pytest

from syncd.ports.hooks import Delivery
from syncd.vendors.chime.client import Client
from syncd.vendors.chime.webhook import ChimeHooks

TIMED = {"listId": 2, "updatedLead": [{"leadId": 5, "updateTime": 1767225600000}]}
AGENTS = {"listId": 1, "teamId": 4}


@pytest.mark.parametrize(
    ("body", "unique"),
    [
        (TIMED, True),
        (AGENTS, False),
        ([TIMED, AGENTS], False),
        ([TIMED, {"listId": 2}], True),
        ({"listId": 1, "updatedAgent": [{"memberUserId": 4, "updateTime": 1767225600000}]}, True),
        ({"listId": 1, "updatedAgent": [{"memberUserId": 4}]}, False),
        ({"listId": 2, "data": {"leadId": 5}}, False),
        ({"listId": 2}, True),
        (None, True),
    ],
)
def test_words_that_hint_at_something_are_unique_only_with_a_time(body: Any, unique: bool):  # noqa: FBT001
    """A hint that comes from the number of the list alone has none."""
    (event,) = ChimeHooks(cast("Client", None), logs=True).events(Delivery({}, orjson.dumps(body)))
    assert event.unique is unique
