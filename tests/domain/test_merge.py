"""The three-way merge, by example: scalars, first contact, losses, sets, blanks, directions."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.lead import Fields, Phone
from syncd.domain.merge import Origin, Pending, born, merge
from tests.domain.toy import LOSSLESS, LOSSY, minutes, outcomes, policy, read, said, seen

# the table of DESIGN §6


def test_an_unchanged_record_changes_nothing_and_copies_nothing():
    """Theirs == base: the very mappings come back, and ours still waits to be written."""
    lead, by = {"first_name": "Bob"}, said("alpha", 0, "first_name")
    record = seen("beta", {"first_name": "Rob"})
    merged = merge(lead, by, LOSSLESS, {"first_name": "Rob"}, {}, {}, record, policy("beta"))
    assert merged.fields is lead
    assert merged.provenance is by
    assert (merged.changes, merged.conflicts) == ((), ())


def test_a_changed_value_is_taken():
    """Only theirs changed: theirs, with its origin, and no conflict."""
    merged = read({"first_name": "Bob"}, {"first_name": "Bob"}, {"first_name": "Rob"})
    assert merged.fields == {"first_name": "Rob"}
    assert merged.base == {"first_name": "Rob"}
    (change,) = merged.changes
    assert (change.field, change.old, change.new, change.rule) == ("first_name", "Bob", "Rob", "")
    assert merged.provenance["first_name"] == change.origin == Origin("beta", "beta-1", minutes(10), 1.0, minutes(5))
    assert merged.conflicts == ()


def test_both_typed_the_same():
    """Theirs == ours: agreed, the base follows, the later word counts as the origin."""
    merged = read({"first_name": "Rob"}, {"first_name": "Bob"}, {"first_name": "Rob"})
    assert (merged.changes, merged.conflicts) == ((), ())
    assert merged.base == {"first_name": "Rob"}
    assert merged.provenance["first_name"].connection == "beta"
    earlier = read({"first_name": "Rob"}, {}, {"first_name": "Rob"}, by=said("alpha", 99, "first_name"))
    assert earlier.provenance["first_name"].connection == "alpha"


@pytest.mark.parametrize(("alpha_at", "outcome", "value"), [(1, "theirs", "Rob"), (20, "ours", "Bert")])
def test_both_changed_is_a_conflict_with_its_evidence(alpha_at: float, outcome: str, value: str):
    """The rule decides; the row names base, both values, both origins, the rule and why."""
    lead = {"first_name": "Bert"}
    merged = read(lead, {"first_name": "Bob"}, {"first_name": "Rob"}, by=said("alpha", alpha_at, "first_name"))
    assert merged.fields == {"first_name": value}
    (found,) = merged.conflicts
    assert (found.base, found.ours, found.theirs, found.rule, found.outcome) == (
        "Bob",
        "Bert",
        "Rob",
        "newest",
        outcome,
    )
    assert found.ours_origin is not None
    assert (found.ours_origin.connection, found.theirs_origin.connection) == ("alpha", "beta")
    assert found.evidence["theirs"] == {
        "connection": "beta", "external_id": "beta-1", "at": "2026-03-01T09:10:00Z", "uncertainty_s": 1.0,
        "since": "2026-03-01T09:05:00Z", "certain": True,
    }  # fmt: skip
    assert found.evidence["ours"]["uncertainty_s"] == 1.0
    assert "later by" in found.evidence["why"]
    assert [c.rule for c in merged.changes] == (["newest"] if outcome == "theirs" else [])


def test_a_moment_is_certain_only_for_the_one_field_that_changed():
    """Two fields changed since the last read: the record's time can be that of either."""
    lead = {"first_name": "Bert", "last_name": "S"}
    merged = read(lead, {"first_name": "Bob", "last_name": "S"}, {"first_name": "Rob", "last_name": "T"})
    assert merged.conflicts[0].evidence["theirs"]["certain"] is False


@pytest.mark.parametrize(("ours_at", "stays"), [(4, False), (7, True)])
def test_a_field_that_does_not_move_the_records_time_is_dated_by_the_previous_read(ours_at: float, stays: bool):  # noqa: FBT001
    """Its change is known to be after minute 5 and no more: a known time after that beats it."""
    merged = read(
        {"stage": "new"}, {"stage": "lost"}, {"stage": "closed"}, by=said("alpha", ours_at, "stage"),
        untimed=frozenset({"stage"}),
    )  # fmt: skip
    assert (merged.fields["stage"] == "new") is stays
    assert merged.conflicts[0].theirs_origin.at is None


# first contact


def test_first_contact_fills_blank_sides_and_unites_sets():
    """What one side lacks comes from the other; elements add up."""
    lead = {"first_name": "Bob", "labels": frozenset({"Hot"}), "last_name": "Smith"}
    merged = read(lead, None, {"first_name": "Bob", "stage": "new", "labels": frozenset({"hot", "VIP"})})
    assert merged.fields == {**lead, "stage": "new", "labels": frozenset({"Hot", "VIP"})}
    assert merged.conflicts == ()
    assert merged.base == {"first_name": "Bob", "stage": "new", "labels": frozenset({"hot", "VIP"})}


def test_two_different_values_at_first_contact_are_a_conflict():
    """Neither is an edit of the other; the rule decides and the row has no base."""
    merged = read({"first_name": "Bob"}, None, {"first_name": "Rob"})
    assert outcomes(merged) == [("first_name", "newest", "theirs")]
    assert merged.conflicts[0].base is None


def test_first_contact_is_compared_with_what_the_vendor_shows():
    """Its own spelling, and its primary where ours has a set only, are what it should show."""
    merged = read({"labels": frozenset({"hot"})}, None, {"labels": frozenset({"HOT"})}, table=LOSSY)
    assert merged.changes == ()
    phones = frozenset({Phone("+1", "cell"), Phone("+2", "home")})
    merged = read({"phones": phones}, None, {"phone": "+2", "phones": frozenset({Phone("+2")})}, table=LOSSY)
    assert merged.fields == {"phones": phones, "phone": "+2"}
    assert merged.conflicts == ()


def test_a_primary_derived_from_a_set_becomes_ours_when_it_is_said():
    """The vendor should show the only number as its primary, and now somebody says that it is."""
    lead = {"phones": frozenset({Phone("+1", "cell")})}
    merged = read(lead, {}, {"phone": "+1", "phones": frozenset({Phone("+1")})}, table=LOSSY)
    assert merged.fields == {**lead, "phone": "+1"}
    merged = read(lead, {"phone": "+9"}, {"phone": "+1", "phones": frozenset({Phone("+1")})}, table=LOSSY)
    assert merged.fields == {**lead, "phone": "+1"}


def test_what_a_vendor_cannot_show_is_not_filled_over():
    """Ours has a stage this vendor has no word for; its own word is a conflict, not a blank to fill."""
    merged = read({"stage": "lost"}, None, {"stage": "new"}, table=LOSSY, by=said("alpha", 50, "stage"))
    assert merged.fields["stage"] == "lost"
    assert outcomes(merged) == [("stage", "newest", "ours")]


def test_a_new_lead_is_born_without_comparisons():
    """Born gives what merging into nothing gives, primaries included, without a journal row per field."""
    fields = {
        "first_name": "Bob",
        "email": "a@x.org",
        "phone": "+14155550100",
        "phones": frozenset({Phone("+1", "cell")}),
    }
    record = seen("beta", fields, at=10, unmapped={"stage": "Weird"})
    config = policy("beta", untimed=frozenset({"first_name", "title"}), directions={"source": "off"})
    new, merged = born(record, config), merge({}, {}, LOSSLESS, None, {}, {}, record, config)
    assert new.fields == merged.fields
    assert new.fields["emails"] == frozenset({"a@x.org"})
    assert new.fields["phones"] == frozenset({Phone("+1", "cell"), Phone("+14155550100", "other")})
    assert {n: (o.connection, o.point) for n, o in new.provenance.items()} == {
        n: (o.connection, o.point) for n, o in merged.provenance.items()
    }
    assert new.provenance["first_name"].at is None
    assert new.base == merged.base == record.reading.fields
    assert new.unmapped == {"stage": "Weird"}
    assert new.changes == ()


def test_born_respects_directions():
    """A field that is never read from a connection is not born from it either."""
    record = seen("beta", {"first_name": "Bob", "source": "Web"})
    new = born(record, policy("beta", directions={"source": "write"}))
    assert new.fields == {"first_name": "Bob"}
    assert new.base == record.reading.fields


# losses


def test_a_declared_loss_is_no_edit():
    """The first 8 characters of ours are ours; a real edit of them is taken."""
    lead: Fields = {"first_name": "Bartholomew", "labels": frozenset({"Hot lead"})}
    shown = LOSSY.show(lead, {})
    assert shown == {"first_name": "Bartholo", "labels": frozenset({"Hot le"})}
    first = read(lead, None, shown, table=LOSSY)
    assert (first.fields, first.changes, first.conflicts) == (lead, (), ())
    edited = read(lead, shown, {**shown, "first_name": "Bart"}, table=LOSSY)
    assert edited.fields == {**lead, "first_name": "Bart"}
    assert outcomes(edited) == []


def test_elements_a_vendor_never_showed_are_none_of_its_business():
    """Capacity 1: swapping the one number there leaves the others alone."""
    lead = {"phones": frozenset({Phone("+1", "cell"), Phone("+2", "home"), Phone("+3", "work")})}
    merged = read(lead, {"phones": frozenset({Phone("+1")})}, {"phones": frozenset({Phone("+9")})}, table=LOSSY)
    assert merged.fields["phones"] == frozenset({Phone("+9"), Phone("+2", "home"), Phone("+3", "work")})


def test_a_kind_a_vendor_does_not_carry_changes_no_kind():
    """The same number without its kind is the same element."""
    lead = {"phones": frozenset({Phone("+1", "cell")})}
    assert read(lead, None, {"phones": frozenset({Phone("+1")})}, table=LOSSY).changes == ()
    assert read(lead, {"phones": frozenset({Phone("+1", "home")})}, {"phones": frozenset({Phone("+1")})}).changes == ()


def test_a_removed_label_takes_all_that_looked_like_it():
    """Two long labels cut alike are one there: taking it off takes both."""
    lead = {"labels": frozenset({"Hot lead 1", "Hot lead 2", "VIP"})}
    shown = LOSSY.show(lead, {})
    merged = read(lead, shown, {"labels": frozenset({"VIP"})}, table=LOSSY)
    assert merged.fields == {"labels": frozenset({"VIP"})}


# sets


@pytest.mark.parametrize(
    ("mine", "base", "theirs", "result"),
    [
        ("ab", "ab", "abc", "abc"),
        ("ab", "ab", "a", "a"),
        ("abx", "ab", "a", "ax"),
        ("b", "ab", "abc", "bc"),
        ("abc", "ab", "abc", "abc"),
        ("a", "ab", "a", "a"),
        ("abx", "ab", "cd", "xcd"),
    ],
)
def test_sets_merge_element_by_element(mine: str, base: str, theirs: str, result: str):
    """Added is added, removed is removed, the rest stays; never a conflict."""
    merged = read({"labels": frozenset(mine)}, {"labels": frozenset(base)}, {"labels": frozenset(theirs)})
    assert merged.fields["labels"] == frozenset(result)
    assert merged.conflicts == ()


def test_the_last_label_can_be_taken_off_but_the_last_email_cannot():
    """A label set that becomes empty is a removal; any other set that does is a blank."""
    lead = {"labels": frozenset({"Hot"}), "areas": frozenset({"Austin"})}
    merged = read(lead, lead, {})
    assert merged.fields == {"areas": frozenset({"Austin"})}
    assert outcomes(merged) == [("areas", "blank", "ours")]
    assert merged.base == {}


@pytest.mark.parametrize(
    ("mine", "base", "theirs", "result", "conflicts"),
    [
        ("cell", "cell", "home", "home", []),
        ("cell", "cell", "", "cell", []),
        ("", None, "home", "home", []),
        ("work", "cell", "work", "work", []),
        ("home", "cell", "work", "home", [("phones", "union", "ours")]),
        ("work", "cell", "home", "home", [("phones", "union", "theirs")]),
        ("home", None, "cell", "cell", [("phones", "union", "theirs")]),
        (None, "cell", "home", "home", [("phones", "union", "theirs")]),
        ("home", "cell", None, "home", [("phones", "union", "ours")]),
    ],
)
def test_the_kind_of_a_phone(
    mine: str | None, base: str | None, theirs: str | None, result: str, conflicts: list[tuple[str, str, str]]
):
    """A changed kind is taken; both changed: the more specific; an edit beats a removal."""
    keep = Phone("+9", "cell")
    sides = [
        {"phones": frozenset({keep} | ({Phone("+1", kind)} if kind is not None else set()))}
        for kind in (mine, base, theirs)
    ]
    merged = read(sides[0], sides[1], sides[2])
    assert merged.fields["phones"] == frozenset({keep, Phone("+1", result)})
    assert outcomes(merged) == conflicts


def test_a_label_spelled_anew_is_spelled_anew():
    """A new spelling of what we had is taken; it is no second label and no conflict."""
    merged = read({"labels": frozenset({"hot"})}, {"labels": frozenset({"hot"})}, {"labels": frozenset({"HOT"})})
    assert merged.fields["labels"] == frozenset({"HOT"})
    cut = read(
        {"labels": frozenset({"Hot lead"})},
        {"labels": frozenset({"Hot le"})},
        {"labels": frozenset({"HOT LE"})},
        table=LOSSY,
    )
    assert cut.fields["labels"] == frozenset({"Hot lead"})


# blanks


@pytest.mark.parametrize("ours", ["Bob", "Bert"])
def test_a_blank_overwrites_nothing(ours: str):
    """Canonical stays, the base becomes blank so that it is written back, and the row says why."""
    merged = read({"first_name": ours}, {"first_name": "Bob"}, {})
    assert merged.fields == {"first_name": ours}
    assert merged.base == {}
    assert outcomes(merged) == [("first_name", "blank", "ours")]


def test_a_blank_that_clears_is_a_value():
    """With blank = "clears" it is taken like any edit, and its origin stays for the next conflict."""
    merged = read({"first_name": "Bob"}, {"first_name": "Bob"}, {}, blank_clears=frozenset({"first_name"}))
    assert merged.fields == {}
    assert merged.changes[0].new is None
    assert merged.provenance["first_name"].connection == "beta"
    late = read(
        {"first_name": "Bert"}, {"first_name": "Bob"}, {}, blank_clears=frozenset({"first_name"}),
        by=said("alpha", 50, "first_name"),
    )  # fmt: skip
    assert late.fields == {"first_name": "Bert"}
    assert outcomes(late) == [("first_name", "newest", "ours")]


def test_a_set_that_clears_loses_what_was_shown_and_keeps_the_rest():
    """Elements the vendor never showed are not cleared by it."""
    lead = {"areas": frozenset({"Austin", "Waco"})}
    merged = read(lead, {"areas": frozenset({"Austin"})}, {}, blank_clears=frozenset({"areas"}))
    assert merged.fields == {"areas": frozenset({"Waco"})}


def test_a_blank_where_nothing_of_ours_was_shown_is_nothing():
    """No conflict about a value this vendor could not show anyway."""
    merged = read({"stage": "lost"}, {"stage": "new"}, {}, table=LOSSY)
    assert merged.fields == {"stage": "lost"}
    assert merged.conflicts == ()
    assert merged.provenance["stage"].connection == "alpha"


# told, unmapped, directions


def test_what_is_not_told_is_untouched():
    """A partial record says nothing about the other fields; their base stays."""
    lead = {"first_name": "Bob", "last_name": "Smith"}
    merged = read(lead, lead, {"first_name": "Rob"}, told=frozenset({"first_name"}))
    assert merged.fields == {"first_name": "Rob", "last_name": "Smith"}
    assert merged.base == {"first_name": "Rob", "last_name": "Smith"}


def test_an_unmapped_value_is_reported_and_loses_its_base():
    """It is not taken, and nothing that was known of the field is believed any longer."""
    lead = {"stage": "new", "first_name": "Bob"}
    merged = read(
        lead, lead, {"first_name": "Bob"}, unmapped={"stage": "Weird"}, settled={"stage": {"wanted": "new"}},
        pending={"stage": Pending("new", None)},
    )  # fmt: skip
    assert merged.fields == lead
    assert merged.base == {"first_name": "Bob"}
    assert merged.unmapped == {"stage": "Weird"}
    assert (dict(merged.settled), dict(merged.pending)) == ({}, {})


@pytest.mark.parametrize(
    ("direction", "taken", "conflicts"),
    [("both", True, []), ("read", True, []), ("write", False, [("source", "direction", "ours")]), ("off", False, [])],
)
def test_directions(direction: str, taken: bool, conflicts: list[Any]):  # noqa: FBT001
    """Read and both are taken; what will be overwritten by "write" leaves a row; "off" is left alone."""
    merged = read(
        {"source": "Web"},
        {"source": "Web"},
        {"source": "Ad"},
        directions={"source": direction},
        rules={"source": "newest"},
    )
    assert (merged.fields["source"] == "Ad") is taken
    assert outcomes(merged) == conflicts
    assert merged.base == {"source": "Ad"}
