"""Labels that Chime cannot tell apart."""

from __future__ import annotations

from syncd.vendors.chime.mapping import LABEL_MAX, Options, build


def test_long_labels_that_are_cut_alike_are_one_tag():
    """What makes two labels the same here is what Chime keeps of them, so taking the tag off takes both off."""
    key = build(Options()).by_field["labels"].key("labels")
    stem = "x" * LABEL_MAX
    assert key(f"{stem} east") == key(f"{stem} west") == key(stem.upper())
    assert key(f"{stem[:-1]}y") != key(stem)
