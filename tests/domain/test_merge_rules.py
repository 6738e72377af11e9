"""The merge, by example: the address as one value, the rules at work, the primaries."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.lead import Fields, Phone
from syncd.domain.merge import merge
from syncd.domain.rules import RuleBook
from tests.domain.toy import LOSSLESS, LOSSY, minutes, outcomes, policy, read, said, seen

BOTH = {"emails": frozenset({"a@x.org", "b@x.org"}), "email": "a@x.org"}

# the address

HOME = {"street": "1 Main St", "city": "Austin", "region": "TX", "postal_code": "78701"}
AWAY = {"street": "2 Oak Ave", "city": "Waco"}


def test_an_address_is_taken_as_one():
    """A person moved: the old postal code does not stay beside the new street."""
    merged = read({**HOME, "country": "US"}, HOME, AWAY, told=frozenset(HOME))
    assert merged.fields == {**AWAY, "country": "US"}
    assert {c.field for c in merged.changes} == set(HOME)
    assert merged.conflicts == ()
    assert {merged.provenance[n].connection for n in AWAY} == {"beta"}


@pytest.mark.parametrize(("alpha_at", "outcome"), [(1, "theirs"), (20, "ours")])
def test_addresses_conflict_once_and_do_not_mix(alpha_at: float, outcome: str):
    """Street changed here, city there: one of the two addresses stands, whole."""
    ours, theirs = {**HOME, "city": "Dallas"}, {**HOME, "street": "2 Oak Ave"}
    merged = read(ours, HOME, theirs, by=said("alpha", alpha_at, *HOME))
    assert merged.fields == (theirs if outcome == "theirs" else ours)
    (found,) = merged.conflicts
    assert (found.field, found.base, found.ours, found.theirs) == ("address", HOME, ours, theirs)
    assert (found.rule, found.outcome) == ("newest", outcome)


def test_addresses_complete_each_other_at_first_contact():
    """Components that do not contradict fill each other; one that does makes it a conflict."""
    merged = read({"city": "Austin", "region": "TX"}, None, {"city": "Austin", "street": "1 Main St"})
    assert merged.fields == {"city": "Austin", "region": "TX", "street": "1 Main St"}
    assert merged.conflicts == ()
    assert merged.provenance["region"].connection == "alpha"
    against = read({"city": "Austin", "region": "TX"}, None, {"city": "Waco", "street": "2 Oak Ave"})
    assert against.fields == {"city": "Waco", "street": "2 Oak Ave"}
    assert outcomes(against) == [("address", "newest", "theirs")]


def test_an_owned_address_is_not_completed_by_others():
    """A standing rule guards the address as a whole, its blanks included."""
    owned = {"address": {"rule": "owner", "connection": "alpha"}}
    merged = read({"city": "Austin"}, None, {"city": "Austin", "street": "1 Main St"}, rules=owned)
    assert merged.fields == {"city": "Austin"}
    assert outcomes(merged) == [("address", "owner", "ours")]


def test_a_component_cut_by_the_vendor_stays_whole_when_another_changes():
    """The street looks like ours there; only the city moves."""
    lead = {"street": "1234 Long Avenue", "city": "Austin"}
    shown = {"street": "1234 Lon", "city": "Austin"}
    merged = read(lead, shown, {**shown, "city": "Waco"}, table=LOSSY)
    assert merged.fields == {"street": "1234 Long Avenue", "city": "Waco"}


def test_a_component_blanked_alone_stays():
    """Taking only the postal code away is a blank; with "clears" it is an edit."""
    theirs = {n: v for n, v in HOME.items() if n != "postal_code"}
    merged = read(HOME, HOME, theirs)
    assert merged.fields == HOME
    assert outcomes(merged) == [("address", "blank", "ours")]
    for clears in ("address", "postal_code"):
        assert read(HOME, HOME, theirs, blank_clears=frozenset({clears})).fields == theirs


def test_an_address_follows_its_rule_and_direction():
    """Rules are set for "address"; a direction may be too."""
    owned = read(HOME, HOME, AWAY, rules={"address": {"rule": "owner", "connection": "alpha"}})
    assert owned.fields == HOME
    assert outcomes(owned) == [("address", "owner", "ours")]
    written = read(HOME, HOME, {**HOME, "city": "Waco"}, directions={"address": "write"})
    assert written.fields == HOME
    assert outcomes(written) == [("city", "direction", "ours")]


# standing rules and the others, in the merge

STANDING = [
    ("stage", {"rule": "owner", "connection": "alpha"}, "new", "closed", "owner"),
    ("stage", {"rule": "forward", "order": ["new", "closed"]}, "closed", "new", "forward"),
    ("source", "keep", "Web", "Ad", "keep"),
    ("registered_at", "earliest", minutes(1), minutes(2), "earliest"),
    ("text_opt_out", "restrictive", True, False, "restrictive"),
    ("labels", {"rule": "owner", "connection": "alpha"}, frozenset({"a"}), frozenset({"a", "b"}), "owner"),
    ("areas", "keep", frozenset({"a"}), frozenset({"a", "b"}), "keep"),
]


@pytest.mark.parametrize(("name", "rule", "ours", "theirs", "called"), STANDING)
def test_a_standing_rule_reverts_an_edit_nobody_contradicts(name: str, rule: Any, ours: Any, theirs: Any, called: str):
    """Only theirs changed, yet the rule forbids it: canonical stays, the base moves, the row names the rule."""
    merged = read({name: ours}, {name: ours}, {name: theirs}, rules={name: rule})
    assert merged.fields == {name: ours}
    assert merged.base == {name: theirs}
    assert outcomes(merged) == [(name, called, "ours")]


@pytest.mark.parametrize(
    ("name", "rule", "ours", "theirs"),
    [
        ("stage", {"rule": "owner", "connection": "beta"}, "new", "closed"),
        ("stage", {"rule": "forward", "order": ["new", "closed"]}, "new", "closed"),
        ("registered_at", "earliest", minutes(2), minutes(1)),
        ("text_opt_out", "restrictive", False, True),
        ("labels", {"rule": "owner", "connection": "beta"}, frozenset({"a"}), frozenset({"a", "b"})),
    ],
)
def test_a_standing_rule_lets_pass_what_it_allows(name: str, rule: Any, ours: Any, theirs: Any):
    """What the rule allows is a plain take, without a conflict row."""
    merged = read({name: ours}, {name: ours}, {name: theirs}, rules={name: rule})
    assert merged.fields == {name: theirs}
    assert merged.conflicts == ()


@pytest.mark.parametrize(("name", "rule", "_ours", "theirs", "_called"), STANDING)
def test_anybody_fills_a_blank(name: str, rule: Any, _ours: Any, theirs: Any, _called: str):
    """Standing rules guard values, not blanks."""
    merged = read({}, {}, {name: theirs}, rules={name: rule})
    assert merged.fields == {name: theirs}
    assert merged.conflicts == ()


def test_an_owner_that_agrees_has_spoken():
    """The owner showing the same value makes it the owner's, however old its word is."""
    config: dict[str, Any] = {"rules": {"stage": {"rule": "owner", "connection": "beta"}}}
    merged = read({"stage": "new"}, None, {"stage": "new"}, by=said("alpha", 99, "stage"), **config)
    assert merged.provenance["stage"].connection == "beta"


def test_a_parked_conflict_leaves_both_values_where_they_are():
    """manual: canonical stays, the base is theirs, the row waits for a person."""
    merged = read({"stage": "new"}, {"stage": "lost"}, {"stage": "closed"}, rules={"stage": "manual"})
    assert merged.fields == {"stage": "new"}
    assert merged.base == {"stage": "closed"}
    assert outcomes(merged) == [("stage", "manual", "parked")]


def test_a_users_rule_may_make_a_third_value():
    """For a scalar, for a set and for an address."""

    def rule(clash: Any) -> Any:
        if isinstance(clash.ours, str):
            return f"{clash.ours} {clash.theirs}"
        if isinstance(clash.ours, frozenset):
            return clash.ours & clash.theirs
        return {**clash.ours, **clash.theirs}

    book = RuleBook.parse(
        dict.fromkeys(("custom.score", "areas", "address"), "python:m:f"), resolve=lambda _module, _name: rule
    )
    lead: Fields = {"custom.score": "A", "areas": frozenset("xy"), "street": "1 Main St", "city": "Austin"}
    theirs = {"custom.score": "B", "areas": frozenset("xz"), "street": "2 Oak Ave"}
    record = seen("beta", theirs, at=10)
    merged = merge(lead, said("alpha", 0, *lead), LOSSLESS, None, {}, {}, record, policy("beta", rules=book))
    assert merged.fields == {"custom.score": "A B", "areas": frozenset("x"), "street": "2 Oak Ave", "city": "Austin"}
    assert {o for _, _, o in outcomes(merged)} == {"merged"}
    assert {c.rule for c in merged.changes} == {"python:m:f"}


def test_pairs_of_connections_have_their_own_rule_in_the_merge():
    """Between alpha and beta alpha owns the stage; a value of gamma's is newest as ever."""
    pair = {"between": ["alpha", "beta"], "rule": "owner", "connection": "alpha"}
    config: dict[str, Any] = {"rules": {"stage": {"rule": "newest", "pairs": [pair]}}}
    merged = read({"stage": "new"}, {"stage": "new"}, {"stage": "closed"}, **config)
    assert merged.fields == {"stage": "new"}
    merged = read({"stage": "new"}, {"stage": "new"}, {"stage": "closed"}, by=said("gamma", 0, "stage"), **config)
    assert merged.fields == {"stage": "closed"}


# primaries


def test_a_new_primary_joins_its_set():
    """The primary email is one of the emails, the primary phone one of the phones, kind other when unknown."""
    lead = {"email": "a@x.org", "emails": frozenset({"a@x.org"})}
    merged = read(lead, {"email": "a@x.org"}, {"email": "b@x.org", "phone": "+1"}, told=frozenset({"email", "phone"}))
    assert merged.fields == {
        "email": "b@x.org",
        "emails": frozenset({"a@x.org", "b@x.org"}),
        "phone": "+1",
        "phones": frozenset({Phone("+1", "other")}),
    }
    assert {(c.field, c.rule) for c in merged.changes} >= {("emails", "primary"), ("phones", "primary")}


def test_replacing_the_only_email_of_a_vendor_replaces_it():
    """Capacity 1: the old address leaves the set with its primary."""
    merged = read(
        BOTH,
        {"email": "a@x.org", "emails": frozenset({"a@x.org"})},
        {"email": "c@x.org", "emails": frozenset({"c@x.org"})},
        table=LOSSY,
    )
    assert merged.fields == {"email": "c@x.org", "emails": frozenset({"b@x.org", "c@x.org"})}


def test_a_primary_taken_out_of_its_set_is_replaced_by_the_smallest_left():
    """Where the vendor names no primary of its own, the removal stands."""
    merged = read(BOTH, BOTH, {"emails": frozenset({"b@x.org"})}, told=frozenset({"emails"}))
    assert merged.fields == {"email": "b@x.org", "emails": frozenset({"b@x.org"})}


def test_a_derived_primary_gives_way_to_a_named_one():
    """Nobody chose it, so it has no moment: even an older word beats it."""
    derived = read(BOTH, BOTH, {"emails": frozenset({"b@x.org"})}, told=frozenset({"emails"}))
    assert derived.provenance["email"].point is None
    named = read(derived.fields, {"email": "a@x.org"}, {"email": "c@x.org"}, by=derived.provenance, at=1, since=None)
    assert named.fields["email"] == "c@x.org"


def test_a_primary_a_rule_has_just_confirmed_returns_to_its_set():
    """Ours is newer than the record that replaced it: the primary stays, and so it stays in the set."""
    base = {"emails": frozenset({"a@x.org"})}
    theirs = {"email": "c@x.org", "emails": frozenset({"c@x.org"})}
    merged = read({**base, "email": "a@x.org"}, base, theirs, by=said("alpha", 50, "email", "emails"))
    assert merged.fields == {"email": "a@x.org", "emails": frozenset({"a@x.org", "c@x.org"})}
    assert outcomes(merged) == [("email", "newest", "ours")]


def test_a_primary_still_shown_as_primary_returns_to_its_set():
    """A record that contradicts itself removes nothing."""
    merged = read(BOTH, BOTH, {"email": "a@x.org", "emails": frozenset({"b@x.org"})})
    assert merged.fields == BOTH
