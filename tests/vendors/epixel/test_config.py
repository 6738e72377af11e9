"""The keys of a connection (vendors/epixel.md §1, §2, §5)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import ConfigError
from syncd.settings.load import parse
from syncd.vendors.epixel.capabilities import capabilities
from tests.vendors.epixel.support import connection

TOKEN = 'auth = { kind = "token", token = { env = "EPIXEL_TOKEN" } }'


def parsed(*lines: str) -> Any:
    """A connection as a person writes it."""
    text = "\n".join(("[connections.epixel]", 'vendor = "epixel"', *lines))
    return parse(f'{text}\n[database]\nurl = "postgresql://x@/y"\n', reveal=False).connections["epixel"]


def test_defaults():
    """§1–§4: multipart, UTC, sixty a minute; a trailing slash of the address is dropped."""
    found = parsed('base_url = "https://crm.example.com/api/v1/"', TOKEN)
    assert (found.base_url, found.body, found.time_zone) == ("https://crm.example.com/api/v1", "multipart", "UTC")
    assert (found.rate.limit, found.rate.per_s) == (60, 60.0)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((TOKEN,), "base_url"),
        (('base_url = "https://x.example"', TOKEN, 'body = "xml"'), "body"),
        (('base_url = "https://x.example"', TOKEN, 'time_zone = "Mars/Olympus"'), "time_zone"),
        (('base_url = "https://x.example"', 'auth = { kind = "password", username = "u" }'), "api_key"),
        (('base_url = "https://x.example"', TOKEN, "dialect = 1"), "dialect"),
    ],
)
def test_what_is_wrong_is_named(lines: tuple[str, ...], word: str):
    """§1: there is no default address; every problem names its key."""
    with pytest.raises(ConfigError) as caught:
        parsed(*lines)
    assert word in str(caught.value)


def test_capabilities_are_the_sheets():
    """§7–§11, §14: what cannot be carried is told, the opt-outs first of all."""
    can = capabilities(connection())
    assert (can.note_max, can.note_edit, can.note_delete, can.lead_delete) == (499, False, True, True)
    assert (can.incremental, can.webhooks, can.listing_proves, can.create_idempotent) == (False, False, True, False)
    assert (can.roles, can.unassign) == (frozenset({"primary"}), frozenset())
    assert can.create_needs == (("first_name",), ("last_name",), ("email",), ("phone",))
    assert can.label_max == 0
    missing = {
        "labels",
        "email_opt_out",
        "text_opt_out",
        "call_opt_out",
        "street",
        "household",
        "note edit",
        "unassign",
    }
    assert missing <= set(can.not_carried)
