"""What simulators written from vendors/chime.md alone, by somebody else, found wrong."""

from __future__ import annotations

from syncd.vendors.chime.mapping import Options, build


def test_a_property_type_shown_as_a_word_is_sent_back_as_a_list():
    """`leadInquiry.propertyType` is read as a list or a string; `inquiry.propertyType` is written as a list."""
    present = {"leadInquiry": {"propertyType": "Condo", "priceMin": 1}}
    written = build(Options()).write({"price_min": 2, "property_types": frozenset({"Condo"})}, ["price_min"], present)
    assert written == {"inquiry": {"propertyType": ["Condo"], "priceMin": 2}}
