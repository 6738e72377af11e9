"""Which lead a record belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.match import Candidates, Create, Facts, Link, Match, Review, compatible, match

BOB = Facts("Bob", "Smith")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({}, Create()),
        ({"intent": 1, "pinned": 2, "by_email": [3], "by_phone": [(4, "Bob", "Smith")]}, Link(1, "intent")),
        ({"pinned": 2, "by_email": [3]}, Link(2, "pinned")),
        ({"by_email": [3], "by_phone": [(4, "Bob", "Smith")]}, Link(3, "email")),
        ({"by_email": [3, 3]}, Link(3, "email")),
        ({"by_phone": [(4, "Robert", "Smith")]}, Link(4, "phone")),
        ({"by_phone": [(4, "Alice", "Jones")]}, Create()),
        ({"by_phone": [(4, "Alice", "Jones"), (5, "Bob", "Smith")]}, Link(5, "phone")),
        ({"by_phone": [(4, "Bob", "Smith"), (4, "Bob", "Smith")]}, Link(4, "phone")),
    ],
)
def test_the_strongest_evidence_decides(found: dict[str, Any], verdict: Match):
    """Intent, then pin, then email, then phone with a compatible name; one candidate links, none creates."""
    assert match(BOB, Candidates(**found)) == verdict


@pytest.mark.parametrize(
    ("found", "candidates"),
    [
        ({"by_email": [4, 3]}, (3, 4)),
        ({"by_phone": [(4, "Bob", "Smith"), (5, "B", "")]}, (4, 5)),
        ({"by_email": [3], "linked": frozenset({3})}, (3,)),
        ({"by_phone": [(3, "", "")], "linked": frozenset({3})}, (3,)),
    ],
)
def test_ambiguity_is_for_a_person(found: dict[str, Any], candidates: tuple[int, ...]):
    """Several candidates, or one that has a record here already: review, or a lead of its own if so configured."""
    verdict = match(BOB, Candidates(**found))
    assert isinstance(verdict, Review)
    assert verdict.candidates == candidates
    assert match(BOB, Candidates(**found), on_duplicate="separate") == Create(separate_from=candidates)


@pytest.mark.parametrize("kind", ["intent", "pinned"])
def test_a_second_record_for_a_pinned_or_created_lead_is_always_reviewed(kind: str):
    """`separate` is for look-alikes, not for a duplicate of what we know to be this very lead."""
    known: dict[str, Any] = {kind: 7}
    verdict = match(BOB, Candidates(**known, linked=frozenset({7})), on_duplicate="separate")
    assert isinstance(verdict, Review)
    assert verdict.candidates == (7,)


def test_a_link_elsewhere_does_not_matter():
    """Only the candidate's own link in this connection makes it a duplicate."""
    assert match(BOB, Candidates(by_email=[3], linked=frozenset({9}))) == Link(3, "email")


def test_reasons_hold_no_names():
    """Nothing a lead contains gets into a reason."""
    verdict = match(BOB, Candidates(by_phone=[(4, "Bob", "Smith"), (5, "Bob", "Smith")]))
    assert isinstance(verdict, Review)
    assert "Bob" not in verdict.reason


COMPATIBLE = [
    ("Bob Smith", "Bob Smith"), ("Bob Smith", "BOB  smith"), ("Bob Smith", "Robert Smith"), ("Rob Smith", "Bob Smith"),
    ("B Smith", "Bob Smith"), ("B. Smith", "Bob Smith"), ("Bob S", "Bob Smith"), ("Bob ", "Bob Smith"),
    (" ", "Bob Smith"), (" Smith", "Bob Smith"), ("Christoph Maier", "Christopher Maier"), ("José Díaz", "Jose Diaz"),
    ("Catherine Lee", "Katherine Lee"), ("Liz Taylor", "Elizabeth Taylor"), ("Ann O'Brien", "Anne OBrien"),
    ("Mary-Ann Jones", "Mary Jones"), ("Ann Smith-Jones", "Ann Jones"), ("Smith Bob", "Bob Smith"),
    ("Bob Andersen", "Bob Anderson"), ("Jonathan Roy", "Johnathan Roy"), ("Chris Roy", "Christine Roy"),
]  # fmt: skip
DIFFERENT = [
    ("Bob Smith", "Alice Jones"), ("Bob Smith", "Alice Smith"), ("Bob Smith", "Bob Jones"),
    ("Daniel Roy", "Danielle Roy"),
    ("Carl Roy", "Carla Roy"), ("Alexander Roy", "Alexandra Roy"), ("Jo Roy", "Joan Roy"), ("Mark Roy", "Mary Roy"),
    ("B Smith", "Alice Smith"), ("Bob S", "Bob Jones"), ("Paul Roy", "Paula Roy"), ("Bob ", "Alice Smith"),
]  # fmt: skip


def _split(name: str) -> tuple[str, str]:
    first, _, last = name.partition(" ")
    return first, last


@pytest.mark.parametrize(("one", "other"), COMPATIBLE)
def test_names_one_person_can_have(one: str, other: str):
    """Blank, equal, initial, nickname, beginning, a typing slip, swapped: whichever way round."""
    assert compatible(*_split(one), *_split(other))
    assert compatible(*_split(other), *_split(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_of_two_people(one: str, other: str):
    """People who share a phone, a family or most of a name."""
    assert not compatible(*_split(one), *_split(other))
    assert not compatible(*_split(other), *_split(one))


NAMES = st.text(max_size=12)


@given(NAMES, NAMES, NAMES, NAMES)
def test_compatible_is_symmetric_and_reflexive(a: str, b: str, c: str, d: str):
    """Whatever the names, nobody contradicts themselves and order does not matter."""
    assert compatible(a, b, a, b)
    assert compatible(a, b, c, d) == compatible(c, d, a, b)
