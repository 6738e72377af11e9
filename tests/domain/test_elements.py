"""The three-way merge of sets, where vendors show elements in their own way."""

from __future__ import annotations

from syncd.domain.elements import merge_set
from syncd.domain.lead import Phone, spec


def phones(**kinds: str) -> frozenset[Phone]:
    """A set of numbers, each with the kind given."""
    return frozenset(Phone(number, kind) for number, kind in kinds.items())


def test_a_kind_shown_in_another_way_is_no_edit():
    """The vendor files "other" under "cell"; beside a new number that is neither taken nor a clash."""
    field = spec("phones")
    merged = merge_set(
        field,
        field.key,
        mine=phones(a="other"),
        base=frozenset(),
        ours=phones(a="cell"),
        theirs=phones(a="cell", b="home"),
    )
    assert merged.value == phones(a="other", b="home")
    assert merged.clashes == ()


def test_an_edit_of_a_kind_shown_in_another_way_is_taken():
    """It showed our "other" as "cell", and somebody made it "home": ours had not changed."""
    field = spec("phones")
    merged = merge_set(
        field, field.key, mine=phones(a="other"), base=phones(a="cell"), ours=phones(a="cell"), theirs=phones(a="home")
    )
    assert merged.value == phones(a="home")
    assert merged.clashes == ()


def test_two_elements_that_look_alike_there_are_not_respelled():
    """A new spelling of a label that stands for two of ours tells nothing about either."""
    mine = frozenset({"Hot lead 1", "Hot lead 2"})
    merged = merge_set(
        spec("labels"),
        lambda label: label[:6].lower(),
        mine=mine,
        base=frozenset({"Hot le"}),
        ours=frozenset({"Hot le"}),
        theirs=frozenset({"HOT LE"}),
    )
    assert merged.value == mine


def test_an_unknown_kind_counts_as_other():
    """A kind outside the list loses against every kind on it."""
    field = spec("phones")
    merged = merge_set(
        field, field.key, mine=phones(a="pager"), base=frozenset(), ours=phones(a="pager"), theirs=phones(a="work")
    )
    assert merged.value == phones(a="work")
    assert len(merged.clashes) == 1


def test_one_number_held_with_two_kinds_is_left_alone():
    """Which of the two a new kind would replace cannot be told."""
    field, mine = spec("phones"), frozenset({Phone("+1", "home"), Phone("+1", "work")})
    merged = merge_set(
        field,
        field.key,
        mine=mine,
        base=frozenset({Phone("+1", "home")}),
        ours=frozenset({Phone("+1", "home")}),
        theirs=frozenset({Phone("+1", "cell")}),
    )
    assert merged.value == mine
