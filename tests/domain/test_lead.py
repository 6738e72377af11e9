"""The canonical fields and their JSON form."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.lead import (
    ADDRESS,
    FIELDS,
    ROLES,
    Phone,
    Value,
    blank,
    compact,
    decode,
    decode_fields,
    encode,
    encode_fields,
    spec,
)
from tests.domain.toy import values

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


VALUES = values(WORDS)


@st.composite
def named_values(draw: st.DrawFn) -> tuple[str, Any]:
    """A field and a value of its type."""
    name = draw(st.sampled_from(sorted(FIELDS)))
    return name, draw(VALUES[FIELDS[name].type])


@given(named_values())
def test_values_survive_json(pair: tuple[str, Any]):
    """decode(encode(value)) is the value, through real JSON, for every field."""
    name, value = pair
    assert decode(name, json.loads(json.dumps(encode(value)))) == value


@given(st.frozensets(WORDS, max_size=5))
def test_equal_sets_encode_equally(value: frozenset[str]):
    """The JSON form has one order, so digests and comparisons of it are stable."""
    assert encode(value) == encode(frozenset(sorted(value, reverse=True)))


@pytest.mark.parametrize(
    ("value", "is_blank"),
    [(None, True), ("", True), (frozenset(), True), (False, False), (0, False), ("x", False), (frozenset("x"), False)],
)
def test_what_is_blank(value: object, is_blank: bool):  # noqa: FBT001
    """False and 0 are values; nothing, empty text and an empty set are not."""
    assert blank(value) is is_blank


def test_fields_without_their_blanks():
    """A blank field is absent from a lead."""
    fields: dict[str, Value | None] = {"first_name": "Bob", "last_name": "", "price_min": 0, "email": None}
    fields["labels"] = frozenset()
    assert compact(fields.items()) == {"first_name": "Bob", "price_min": 0}
    assert decode_fields({"first_name": "Bob", "email": None}) == {"first_name": "Bob"}
    assert list(encode_fields({"b": "1", "a": "2"})) == ["b", "a"]


def test_custom_fields_are_fields_and_others_do_not_exist():
    """custom.NAME is a scalar of its own; a typing mistake is a KeyError."""
    assert spec("custom.score").type == "custom"
    assert not spec("custom.score").is_set
    with pytest.raises(KeyError):
        spec("fist_name")


def test_the_specs_say_what_merging_needs():
    """Sets have identities, the address is one group, every role is a field."""
    assert {n for n, s in FIELDS.items() if s.group == "address"} == set(ADDRESS)
    assert {f"assignment.{role}" for role in ROLES} <= FIELDS.keys()
    assert spec("phones").key(Phone("+14155550100", "cell")) == spec("phones").key(Phone("+14155550100", "home"))
    assert spec("labels").key("Hot  Lead") == spec("labels").key("hot lead")
    assert {n for n, s in FIELDS.items() if s.is_set} == {
        "emails", "phones", "roles", "areas", "property_types", "household", "labels",
    }  # fmt: skip


def test_times_encode_in_utc_with_a_z():
    """One moment has one JSON form."""
    assert encode(datetime(2026, 4, 22, 10, tzinfo=UTC)) == "2026-04-22T10:00:00Z"
    assert encode(date(2026, 4, 22)) == "2026-04-22"
    assert encode((3, None)) == [3, None]
