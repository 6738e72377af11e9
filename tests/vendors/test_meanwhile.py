"""What somebody typed between the engine's look and the adapter's own reading is not written over."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import TransientError
from syncd.domain.lens import Lens, LensTable, Unmapped, as_is
from syncd.vendors.meanwhile import look_again


def row(name: str, **more: Any) -> Lens:
    """A field as it stands in the payload."""
    return Lens((name,), lambda payload: {name: payload.get(name)}, as_is(name), lambda _w, _p: {}, **more)


TABLE = LensTable((row("first_name"), row("labels"), row("street", halfway=lambda _name, *texts: texts[2] == "half")))
WANTED: dict[str, Any] = {"first_name": "Anna", "labels": frozenset({"Hot", "VIP"}), "street": "2 Oak"}
BEFORE: dict[str, Any] = {"first_name": "Ada", "labels": frozenset({"Hot", "Cold"}), "street": "1 Main", "city": "Waco"}


@pytest.mark.parametrize(
    "now",
    [
        BEFORE,
        {**BEFORE, "first_name": "Anna"},
        {**BEFORE, "first_name": None},
        {**BEFORE, "city": "Typed"},
        {**BEFORE, "labels": frozenset({"VIP"})},
        {**BEFORE, "street": "half"},
    ],
)
def test_what_was_shown_what_is_wanted_and_blanks_are_known(now: dict[str, Any]):
    """Another field may say what it likes, and a write of ours that was cut off is ours."""
    look_again(TABLE, BEFORE, now, WANTED, WANTED, "PUT /x")


@pytest.mark.parametrize("typed", [{"first_name": "Typed"}, {"labels": frozenset({"Typed"})}, {"street": "3 Elm"}])
def test_what_somebody_typed_is_merged_first(typed: dict[str, Any]):
    """Nothing was sent, and nothing of the record is in the message."""
    with pytest.raises(TransientError) as caught:
        look_again(TABLE, BEFORE, {**BEFORE, **typed}, WANTED, WANTED, "PUT /x")
    assert (caught.value.sent, str(caught.value)) == (False, "PUT /x: somebody changed the record meanwhile")


def test_a_word_without_a_translation_is_not_written_over_either():
    """It is no canonical value, and somebody typed it all the same."""
    words = {"Anna": "Anna", "Ada": "Ada"}
    row = Lens(
        ("first_name",),
        lambda shown: {"first_name": words.get(shown["first_name"]) or Unmapped(shown["first_name"])},
        as_is("first_name"),
        lambda _w, _p: {},
    )
    look_again(LensTable((row,)), BEFORE, {"first_name": "Anna"}, WANTED, ["first_name"], "PUT /x")
    with pytest.raises(TransientError):
        look_again(LensTable((row,)), BEFORE, {"first_name": "Unheard"}, WANTED, ["first_name"], "PUT /x")


def test_where_there_was_no_reading_there_is_nothing_to_compare():
    """A caller without a reading takes the record as it is."""
    look_again(TABLE, {}, BEFORE, WANTED, WANTED, "PUT /x")
