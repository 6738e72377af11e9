"""Settled values and edits after our own writes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from syncd.domain.lead import Phone, spec
from syncd.domain.merge import Interval, Pending, is_settled
from tests.domain.toy import minutes, read

# settled and pending


def test_what_a_vendor_made_of_our_value_is_settled():
    """It shows a beginning of what we wrote: base, a settled entry, no edit."""
    waiting = {"first_name": Pending("Bartholomew", "Bob", minutes(9))}
    merged = read(
        {"first_name": "Bartholomew"}, {"first_name": "Bartholomew"}, {"first_name": "Barth"}, at=9, pending=waiting
    )
    assert merged.fields == {"first_name": "Bartholomew"}
    assert merged.base == {"first_name": "Barth"}
    assert merged.settled == {"first_name": {"wanted": "Bartholomew"}}
    assert (merged.pending, merged.changes, merged.conflicts) == ({}, (), ())


def test_a_written_value_that_is_shown_is_confirmed():
    """Nothing waits any longer and nothing is settled."""
    merged = read(
        {"first_name": "Rob"},
        {"first_name": "Rob"},
        {"first_name": "Rob"},
        pending={"first_name": Pending("Rob", "Bob")},
    )
    assert (merged.pending, merged.settled, merged.changes) == ({}, {}, ())


def test_a_value_stored_after_all_is_settled_no_longer():
    """The vendor once made something else of it; now it shows it as it is."""
    lead = {"first_name": "Rob"}
    before = {"first_name": {"wanted": "Rob"}}
    merged = read(lead, lead, lead, settled=before, pending={"first_name": Pending("Rob", "Ro")})
    assert merged.settled == {}


def test_a_later_record_time_says_nothing_of_a_field_that_does_not_move_it():
    """Somebody edited something after our write; the name, which moves no time, is still a cut one."""
    lead = {"first_name": "Bartholomew"}
    asked = {"first_name": Pending("Bartholomew", "Bob", minutes(9))}
    merged = read(lead, lead, {"first_name": "Bart"}, pending=asked, untimed=frozenset({"first_name"}))
    assert merged.fields == lead
    assert merged.settled == {"first_name": {"wanted": "Bartholomew"}}


def test_an_edit_after_our_write_is_taken():
    """Something else altogether, or a time certainly after our write: a person was faster than our reading."""
    lead = {"first_name": "Robert"}
    other = read(lead, lead, {"first_name": "Alice"}, pending={"first_name": Pending("Robert", "Bob")})
    assert other.fields == {"first_name": "Alice"}
    later = read(lead, lead, {"first_name": "Rob"}, at=10, pending={"first_name": Pending("Robert", "Bob", minutes(9))})
    assert later.fields == {"first_name": "Rob"}
    assert later.conflicts == ()


def test_what_was_not_told_stays_pending():
    """A partial record answers nothing about a field it does not hold."""
    lead = {"first_name": "Rob", "last_name": "S"}
    waiting = {"first_name": Pending("Rob", "Bob")}
    merged = read(lead, lead, {"last_name": "T"}, told=frozenset({"last_name"}), pending=waiting)
    assert merged.pending == {"first_name": waiting["first_name"].to_json()}


def test_a_settled_value_counts_as_ours_until_ours_changes():
    """A person's edit of it is a plain take; once ours is another value the entry is over."""
    settled = {"first_name": {"wanted": "Bartholomew", "refused": "too long"}}
    lead, base = {"first_name": "Bartholomew"}, {"first_name": "Barth"}
    quiet = read(lead, base, base, settled=settled)
    assert (quiet.changes, quiet.conflicts, dict(quiet.settled)) == ((), (), settled)
    edited = read(lead, base, {"first_name": "Bart"}, settled=settled)
    assert edited.fields == {"first_name": "Bart"}
    assert (edited.conflicts, dict(edited.settled)) == ((), {})
    over = read({"first_name": "Bob"}, base, base, settled=settled)
    assert over.settled == {}


def test_a_label_taken_off_after_we_put_it_on_is_a_removal():
    """Vendors keep labels; people take them off."""
    lead = {"labels": frozenset({"Hot", "VIP"})}
    waiting = {"labels": Pending(frozenset({"Hot", "VIP"}), frozenset({"VIP"}))}
    merged = read(lead, lead, {"labels": frozenset({"VIP"})}, pending=waiting)
    assert merged.fields == {"labels": frozenset({"VIP"})}
    assert merged.settled == {}


def test_an_email_a_vendor_did_not_take_is_settled_and_a_persons_new_one_is_added():
    """Of a set, what is missing was not accepted and what is new was typed."""
    ours = {"emails": frozenset({"a@x.org", "b@x.org"})}
    waiting = {"emails": Pending(ours["emails"], frozenset({"a@x.org"}))}
    refused = read(ours, ours, {"emails": frozenset({"a@x.org"})}, pending=waiting)
    assert refused.fields == ours
    assert refused.settled == {"emails": {"wanted": ["a@x.org", "b@x.org"]}}
    typed = read(ours, ours, {"emails": frozenset({"a@x.org", "c@x.org"})}, pending=waiting)
    assert typed.fields == {"emails": frozenset({"a@x.org", "b@x.org", "c@x.org"})}


# is_settled itself


@pytest.mark.parametrize(
    ("name", "wanted", "before", "theirs", "settled"),
    [
        ("first_name", "Bartholomew", "Bob", "Bartholo", True),
        ("first_name", "Bartholomew", "Bob", "BARTHOLOMEW", True),
        ("first_name", "O'Brien  Jr.", "Bob", "Obrien Jr", True),
        ("first_name", "José", "Bob", "Jose", True),
        ("first_name", "Bartholomew", "Bob", "Bob", True),
        ("first_name", "Bartholomew", "Bob", None, True),
        ("first_name", None, "Bob", "Bob", True),
        ("stage", None, None, "new", True),
        ("first_name", "Bartholomew", "Bob", "Bert", False),
        ("first_name", "Bob", "Rob", "Bobby", False),
        ("first_name", None, "Bob", "Bert", False),
        ("price_max", 199999.99, 1, 199999, True),
        ("price_max", 200000, 1, 250000, False),
        ("text_opt_out", True, False, False, True),
        ("text_opt_out", True, None, False, False),
        ("assignment.primary", 7, 3, 3, True),
        ("assignment.primary", 7, 3, 9, False),
        ("registered_at", minutes(1.5), None, minutes(1), True),
        ("registered_at", minutes(1.5), None, minutes(2), False),
        ("birthday", date(2000, 1, 2), None, date(2000, 1, 1), False),
        ("emails", frozenset("ab"), frozenset("a"), frozenset("a"), True),
        ("emails", frozenset("ab"), None, None, True),
        ("emails", frozenset("a"), frozenset("ab"), frozenset("ab"), True),
        ("emails", frozenset("ab"), frozenset("a"), frozenset("ac"), False),
        ("phones", frozenset({Phone("+1", "work")}), None, frozenset({Phone("+1", "home")}), True),
        ("labels", frozenset({"Hot", "VIP"}), frozenset({"VIP"}), frozenset({"VIP"}), False),
        ("labels", frozenset({"Hot"}), None, frozenset({"HOT"}), True),
        ("labels", frozenset({"VIP"}), frozenset({"Hot", "VIP"}), frozenset({"Hot", "VIP"}), True),
        ("labels", frozenset({"VIP"}), frozenset({"VIP"}), frozenset({"New", "VIP"}), False),
    ],
)
def test_what_a_vendor_plausibly_makes_of_a_value(name: str, wanted: Any, before: Any, theirs: Any, settled: bool):  # noqa: FBT001
    """Cut, re-cased, refused, swallowed or rounded is the vendor's doing; anything else is a person's."""
    assert is_settled(spec(name), Pending(wanted, before), theirs, Interval()) is settled


@pytest.mark.parametrize(
    ("at", "uncertainty_s", "timed", "settled"),
    [
        (10, 1, True, False),
        (10, 61, True, True),
        (9, 1, True, True),
        (8, 1, True, True),
        (None, 1, True, True),
        (10, 1, False, True),
    ],
)
def test_a_record_time_certainly_after_our_write_means_an_edit(
    at: Any,
    uncertainty_s: float,
    timed: bool,  # noqa: FBT001
    settled: bool,  # noqa: FBT001
):
    """Unless the time is within its uncertainty, or does not move with this field."""
    moment = Interval(None if at is None else minutes(at), uncertainty_s)
    asked = Pending("Bartholomew", "Bob", minutes(9))
    assert is_settled(spec("first_name"), asked, "Bart", moment, timed=timed) is settled


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("first_name", Pending("Rob", "Bob", minutes(9))),
        ("first_name", Pending(None, "Bob")),
        ("phones", Pending(frozenset({Phone("+1", "cell")}), None, minutes(9))),
        ("registered_at", Pending(minutes(1), None)),
    ],
)
def test_pending_values_survive_json(name: str, asked: Pending):
    """As kept on the link, through real JSON."""
    assert Pending.from_json(name, json.loads(json.dumps(asked.to_json()))) == asked
