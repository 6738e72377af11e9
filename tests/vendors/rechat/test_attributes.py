"""Custom attributes and the fields kept in them (vendors/rechat.md §3, §5)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import ConfigError
from tests.vendors.rechat.support import attribute, contact, mapped, uuid

DEFINITIONS: list[dict[str, Any]] = [
    {"id": uuid(61), "label": "Roles", "data_type": "text"},
    {"id": uuid(62), "label": "Budget", "data_type": "number"},
    {"id": uuid(63), "label": "Buying in", "data_type": "text", "enum_values": ["0-3", "3-6", "12+", "Just looking"]},
    {"id": uuid(64), "label": "Areas", "data_type": "text"},
    {"id": uuid(65), "label": "Since", "data_type": "date"},
]
NAMED = {
    "attributes": {"roles": "Roles", "price_max": uuid(62), "buyer_timeline": "buying IN", "areas": "Areas"},
    "custom": {"since": "Since", "site": "website"},
}


def test_custom_attributes_keep_fields_rechat_has_no_place_for():
    """By label or UUID; sets joined by ", ", timelines as 3-6, 12+ or the word, dates as days (§5)."""
    table = mapped(DEFINITIONS, **NAMED).table
    lead: dict[str, Any] = {
        "roles": frozenset({"seller", "buyer"}),
        "price_max": 450000,
        "buyer_timeline": (12, None),
        "areas": frozenset({"Macon", "Rome"}),
        "custom.since": "2020-01-02",
        "custom.site": "https://example.com",
    }
    added = table.write(lead, lead.keys(), {})["add"]
    assert added["roles"] == {"attribute_def": uuid(61), "text": "buyer, seller"}
    assert added["price_max"] == {"attribute_def": uuid(62), "number": 450000}
    assert added["buyer_timeline"] == {"attribute_def": uuid(63), "text": "12+"}
    assert added["areas"] == {"attribute_def": uuid(64), "text": "Macon, Rome"}
    assert added["custom.since"] == {"attribute_def": uuid(65), "date": 1577923200}
    assert added["custom.site"] == {"attribute_type": "website", "text": "https://example.com"}
    rows = [{**attribute(n, row.get("attribute_type")), **row} for n, row in enumerate(added.values())]
    fields = table.read(contact(1, *rows)).fields
    assert {name: fields[name] for name in lead} == lead
    assert table.write(lead, lead.keys(), contact(1, *rows)) == {}


def test_choices_limit_what_is_read_and_written():
    """`enum_values`: an unknown choice is unmapped, one that is not there is not written (§5)."""
    table = mapped(DEFINITIONS, **NAMED).table
    odd = contact(1, attribute(1, None, "Some day", attribute_def=uuid(63)))
    assert table.read(odd).unmapped == {"buyer_timeline": "Some day"}
    assert table.show({"buyer_timeline": (3, 6)}, {}) == {"buyer_timeline": (3, 6)}
    assert table.show({"buyer_timeline": (24, 36)}, {}) == {}
    assert table.show({"buyer_timeline": "just LOOKING"}, {}) == {"buyer_timeline": "Just looking"}
    assert table.write({"buyer_timeline": (24, 36)}, ["buyer_timeline"], odd) == {}
    assert table.write({}, ["buyer_timeline"], odd) != {}


def test_a_comma_inside_an_element_does_not_split_it():
    """An area "Atlanta, GA" stays one: without the space, and taken for the same by the merge."""
    table = mapped(DEFINITIONS, **NAMED).table
    shown = table.show({"areas": frozenset({"Atlanta, GA", "Macon"})}, {})
    assert shown["areas"] == frozenset({"Atlanta,GA", "Macon"})
    key = table.by_field["areas"].key("areas")
    assert key("Atlanta, GA") == key("Atlanta,GA")


def test_an_attribute_the_account_lacks_tells_nothing_and_is_named_when_written():
    """Before the definitions are read, or where a label is wrong."""
    table = mapped([], **NAMED).table
    assert "price_max" not in table.read(contact(1)).told
    assert table.write({"price_max": 1}, ["price_max"], {}) == {"missing": {uuid(62): True}}


@pytest.mark.parametrize(
    "options",
    [{"custom": {"x": "tag"}}, {"custom": {"x": "email"}}, {"custom": {"a": "Dogs", "b": "dogs"}}],
)
def test_attributes_that_are_carried_already_cannot_be_named(options: dict[str, Any]):
    """Two fields on one attribute would overwrite each other for ever."""
    with pytest.raises(ConfigError):
        mapped([], **options)
