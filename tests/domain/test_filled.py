"""Defaults of ours read as blank while the vendor shows exactly them, and for no longer (domain/filled.py)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain import filled
from syncd.domain.lens import Lens, LensTable, Reading, as_is, nothing

ENTRY = {"title": {"filled": "mr"}}


def table() -> LensTable:
    """A vendor that demands a title and shows it lower-cased."""
    return LensTable(
        (Lens(("title",), lambda p: {"title": p.get("title")}, as_is("title"), nothing),),
        fills=lambda wanted: {} if wanted.get("title") else {"title": "mr"},
        stands=lambda payload, name, default: name == "title" and payload.get("title") == default,
    )


def seen(payload: dict[str, Any], settled: Any = (), pending: Any = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a read shows, and which defaults stand after it."""
    reading, standing = filled.blanked(table(), payload, table().read(payload), dict(settled), dict(pending))
    assert "title" in reading.told
    return dict(reading.fields), standing


def test_what_a_write_fills_is_remembered():
    """Only where the lead has no value; a vendor that demands nothing fills nothing."""
    assert filled.entries(table(), {}) == ENTRY
    assert filled.entries(table(), {"title": "Ms"}) == {}
    assert filled.entries(LensTable(()), {}) == {}


@pytest.mark.parametrize("where", ["settled", "pending"])
def test_a_default_that_stands_is_a_blank(where: str):
    """Whether it is sure that it was sent, or only that it was about to be."""
    assert seen({"title": "mr"}, **{where: ENTRY}) == ({}, {"title": "mr"})
    assert seen({"title": "ms"}, **{where: ENTRY}) == ({"title": "ms"}, {})


def test_nothing_shown_is_no_edit_but_settles_what_was_only_announced():
    """A default that was sent is waited for; one that may never have been sent is not."""
    assert seen({}, settled=ENTRY) == ({}, {"title": "mr"})
    assert seen({}, pending=ENTRY) == ({}, {})


def test_nobodys_default_is_a_value():
    """The same word where we never filled anything in."""
    assert seen({"title": "mr"}) == ({"title": "mr"}, {})
    assert seen({"title": "mr"}, settled={"title": {"wanted": "Dr"}}) == ({"title": "mr"}, {})


def test_a_word_without_translation_is_blank_too():
    """A default the config maps nothing to is neither read nor reported."""
    untold = Reading({}, frozenset(), {"title": "mr"})
    reading, _ = filled.blanked(table(), {"title": "mr"}, untold, ENTRY, {})
    assert (reading.unmapped, reading.told) == ({}, frozenset({"title"}))


def test_entries_of_a_link_are_taken_apart_and_put_together():
    """Nothing else that a link keeps of a field is lost on the way."""
    refused = {"title": {"wanted": "Dr", "refused": "no"}}
    both = filled.within({**refused, "stage": {"wanted": "x"}}, {"title": "mr"})
    assert both == {"title": {**refused["title"], "filled": "mr"}, "stage": {"wanted": "x"}}
    assert filled.without(both) == {**refused, "stage": {"wanted": "x"}}
    assert filled.without(ENTRY) == {}
    assert filled.kept(refused, ENTRY) == {"title": {**refused["title"], "filled": "mr"}}
    assert filled.kept(refused, {}) == refused
    assert filled.beside({}, ENTRY) == ENTRY
