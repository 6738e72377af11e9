"""Lens tables: the framework, and the lens laws on the toy vendors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.lead import FIELDS, Fields, Phone, compact
from syncd.domain.lens import Lens, LensTable, Payload, Unmapped, as_is, at, deep_merge, nest, nothing, told
from tests.domain.toy import LOSSLESS, LOSSY, PLAIN, values

VALUES = values(st.from_regex(r"\A[A-Za-z0-9é]([A-Za-z0-9é ]{0,10}[A-Za-z0-9é])?\Z"))
"""Words in normal form, as every canonical lead has them."""
TABLES = st.sampled_from([LOSSLESS, LOSSY])


@st.composite
def leads(draw: st.DrawFn) -> dict[str, Any]:
    """A canonical lead with some of the toy vendors' fields."""
    names = draw(st.sets(st.sampled_from([n for n in PLAIN if not n.startswith("custom.")])))
    return compact((n, draw(VALUES[FIELDS[n].type])) for n in sorted(names))


@given(TABLES, leads())
def test_what_is_written_is_what_is_read_up_to_the_declared_loss(table: LensTable, lead: Fields):
    """get(put(c)) == squeeze(c), for the whole table."""
    shown = table.show(lead, {})
    body = table.write(lead, table.by_field, {})
    assert dict(table.read(body).fields) == shown


@given(TABLES, leads())
def test_a_loss_happens_once(table: LensTable, lead: Fields):
    """squeeze(squeeze(c)) == squeeze(c)."""
    shown = table.show(lead, {})
    assert table.show(shown, {}) == shown
    assert table.show(lead, shown) == shown


@given(TABLES, leads())
def test_putting_what_was_just_read_changes_nothing(table: LensTable, lead: Fields):
    """Reading, then writing all of it back, leaves the payload as it reads."""
    payload = table.write(lead, table.by_field, {})
    again = dict(payload)
    deep_merge(again, table.write(table.read(payload).fields, table.by_field, payload))
    assert table.read(again) == table.read(payload)


def test_not_told_blank_and_unmapped_are_three_things():
    """A missing key says nothing, an empty one says blank, a strange word is kept as it is."""
    reading = LOSSY.read({"first_name": "", "status": "Weird"})
    assert "first_name" in reading.told
    assert "first_name" not in reading.fields
    assert "stage" not in reading.told
    assert reading.unmapped == {"stage": "Weird"}
    assert LOSSLESS.read({}).told == frozenset()


def test_write_asks_each_row_once_and_only_rows_that_changed():
    """A row of several fields writes one fragment, whichever of them changed."""
    asked: list[str] = []

    def row(*fields: str) -> Lens:
        def put(_wanted: Fields, _present: Payload) -> dict[str, Any]:
            asked.append(fields[0])
            return nest(f"info.{fields[0]}", 1)

        return Lens(fields, told_nothing, as_is(*fields), put)

    table = LensTable((row("email", "emails"), row("stage")))
    assert table.write({}, ["email", "emails", "street"], {}) == {"info": {"email": 1}}
    assert asked == ["email"]
    assert table.write({}, ["stage", "email"], {}) == {"info": {"email": 1, "stage": 1}}


def told_nothing(_payload: Any) -> dict[str, Any]:
    """A `get` that tells nothing."""
    return {}


def test_a_field_has_one_row():
    """Two rows that carry the same field are a mistake in the table."""
    row = Lens(("email",), told_nothing, as_is("email"), nothing)
    with pytest.raises(ValueError, match="two rows carry email"):
        LensTable((row, row))


def test_what_can_be_written_when():
    """Create and update are limits of a row; a field without a row cannot be written."""
    table = LensTable((Lens(("source",), told_nothing, as_is("source"), nothing, update=False),))
    assert table.writable("source", creating=True)
    assert not table.writable("source")
    assert table.carries("source")
    assert not table.carries("email")
    assert not table.writable("email", creating=True)


def test_identity_of_elements_is_the_vendors_where_it_has_one():
    """Two long labels cut alike are one label there, and two for us."""
    key = LOSSY.by_field["labels"].key("labels")
    assert key("Hot lead 1") == key("HOT LEAD 2")
    assert LOSSLESS.by_field["labels"].key("labels")("a") != LOSSLESS.by_field["labels"].key("labels")("b")
    assert LOSSLESS.by_field["phones"].key("phones")(Phone("1", "cell")) == "1"


def test_helpers_for_payloads():
    """At walks, nest builds, deep_merge lays over, told states."""
    assert at({"a": {"b": 1}}, "a.b") == 1
    assert at({"a": 2}, "a.b") is None
    assert at({}, "a.b") is None
    assert nest("a.b", 1) == {"a": {"b": 1}}
    body: dict[str, Any] = {"a": {"b": 1}, "c": [1]}
    fragment = {"a": {"d": 2}, "c": [2], "e": {"f": 3}}
    deep_merge(body, fragment)
    assert body == {"a": {"b": 1, "d": 2}, "c": [2], "e": {"f": 3}}
    body["e"]["f"] = 4
    assert fragment["e"] == {"f": 3}
    assert told(("a", "b"), {"a": "1", "c": "2"}) == {"a": "1", "b": None}
    assert Unmapped("x").text == "x"
