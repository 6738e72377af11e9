"""Planning: desired minus base, in the fewest calls, with everything that cannot be carried named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.domain.lead import Fields, Value
from syncd.domain.lens import Lens, LensTable, as_is, nest, nothing
from syncd.domain.plan import NO_WORD, LeadPlan, Operation, Subject, Target, plan_lead
from syncd.ports.rows import LIVE, TOMBSTONE, Link, Note
from syncd.ports.vendor import Capabilities


def row(name: str, *, limit: int = 0, create: bool = True, update: bool = True) -> Lens:
    """A plain field, cut to ``limit`` characters if one is given."""

    def squeeze(canonical: Fields, _shown: Fields) -> dict[str, Value | None]:
        value = canonical.get(name)
        return {name: value[:limit] if limit and isinstance(value, str) else value}

    return Lens(
        (name,),
        lambda payload: {name: payload.get(name)},
        squeeze if limit else as_is(name),
        lambda wanted, _present: nest(name, wanted.get(name)),
        create=create,
        update=update,
    )


TABLE = LensTable(
    (
        row("first_name", limit=5),
        row("last_name"),
        row("email"),
        row("stage"),
        row("registered_at", create=False, update=False),
        Lens(("labels",), lambda p: {"labels": p.get("labels")}, as_is("labels"), nothing),
        row("assignment.primary"),
        row("assignment.lender"),
    )
)
CAN = Capabilities(
    roles=frozenset({"primary", "lender"}),
    unassign=frozenset({"lender"}),
    create_needs=(("email",),),
    create_carries=frozenset({"labels", "assignment.primary"}),
    update_carries=frozenset({"labels", "assignment.primary"}),
    note_max=120,
    note_edit=True,
)
HERE = Target("here", TABLE, CAN, agents={7: "A7"}, agent_names={7: "Rebecca Wood"})
ANN: dict[str, Value] = {"first_name": "Ann", "email": "ann@example.com", "stage": "new"}
NOTE = Note(3, 1, "Called her.", 7, datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "general", pinned=False, origin="there")


def link(base: Fields, connection: str = "here", **more: Any) -> Link:
    """A live link of lead 1."""
    return Link(connection, "lead", f"{connection}-1", 1, base=base, **more)


def subject(fields: Fields, *links: Link, **more: Any) -> Subject:
    """Lead 1 with these links."""
    return Subject(1, 1, fields, links, more.pop("notes", ()), more.pop("note_links", ()), **more)


def plan(fields: Fields, *links: Link, target: Target = HERE, **more: Any) -> LeadPlan:
    """The plan for lead 1 at one target."""
    return plan_lead(subject(fields, *links, **more), [target])


def moves(planned: LeadPlan) -> list[tuple[str, str, dict[str, Any]]]:
    """Operations in short: kind, action, field → wanted."""
    return [(op.kind, op.action, {n: to for n, (_, to) in op.fields.items()}) for op in planned.operations]


def test_what_is_shown_already_is_not_written() -> None:
    """Equal base and desired values plan nothing, a declared loss included."""
    assert moves(plan({**ANN, "first_name": "Annabelle"}, link({**ANN, "first_name": "Annab"}))) == []


def test_changes_labels_and_owner_travel_in_one_call_where_the_vendor_takes_them_along() -> None:
    """The fewest calls the API allows: one update with fields, new labels and the owner."""
    fields = {**ANN, "stage": "closed", "labels": frozenset({"Hot", "VIP"}), "assignment.primary": 7}
    planned = plan(fields, link({**ANN, "labels": frozenset({"Hot"})}))
    assert moves(planned) == [
        ("lead", "update", {"stage": "closed", "assignment.primary": 7, "labels": frozenset({"Hot", "VIP"})})
    ]


def test_labels_come_off_in_a_call_of_their_own_after_they_go_on() -> None:
    """Removing replaces at some vendors, so it never travels with anything; what is added first is kept."""
    planned = plan({**ANN, "labels": frozenset({"VIP"})}, link({**ANN, "labels": frozenset({"hot"})}))
    assert moves(planned) == [
        ("label", "add", {"labels": frozenset({"hot", "VIP"})}),
        ("label", "remove", {"labels": frozenset({"VIP"})}),
    ]


def test_the_same_label_in_another_spelling_is_no_difference() -> None:
    """Labels match folded; nobody's spelling is corrected over the wire."""
    assert (
        moves(plan({**ANN, "labels": frozenset({"Hot Lead"})}, link({**ANN, "labels": frozenset({"hot lead"})}))) == []
    )


def test_a_blank_is_not_written_unless_the_config_says_so() -> None:
    """A canonical blank leaves a vendor's value alone; with ``clears`` it empties it."""
    shown = link({**ANN, "last_name": "Lee"})
    assert moves(plan(ANN, shown)) == []
    clearing = replace(HERE, clears=frozenset({"last_name"}))
    assert moves(plan(ANN, shown, target=clearing)) == [("lead", "update", {"last_name": None})]


def test_an_address_that_moved_takes_its_blanks_along() -> None:
    """The old street does not stay in the new town; a lead without any address empties nothing."""
    target = replace(HERE, lenses=LensTable((row("street"), row("city"), row("email"))))
    shown = {**ANN, "street": "1 Main St", "city": "Rome"}
    moved = plan({**ANN, "city": "Savannah"}, link(shown), target=target)
    assert moves(moved) == [("lead", "update", {"street": None, "city": "Savannah"})]
    town = replace(HERE, lenses=LensTable((row("city"), row("email"))))  # has no place for a street
    moved = plan({**ANN, "street": "2 Oak St"}, link({**ANN, "city": "Rome"}), target=town)
    assert moves(moved) == [("lead", "update", {"city": None})]
    assert moves(plan(ANN, link(shown), target=target)) == []


@pytest.mark.parametrize("direction", ["read", "off"])
def test_a_field_that_only_flows_in_is_never_written(direction: str) -> None:
    """Directions hold for updates and for creates."""
    target = replace(HERE, directions={"stage": direction})
    assert moves(plan({**ANN, "stage": "closed"}, link(ANN), target=target)) == []
    created = plan(ANN, link(ANN, "there"), target=target).operations[0]
    assert "stage" not in created.fields


def test_a_settled_value_is_not_written_again_until_another_is_wanted() -> None:
    """What the vendor made of our value stands, and the plan says so, as long as we want the same."""
    shown = link({**ANN, "last_name": "LEE"}, settled={"last_name": {"wanted": "Lee"}})
    planned = plan({**ANN, "last_name": "Lee"}, shown)
    assert moves(planned) == []
    assert [missed.field for missed in planned.not_carried] == ["last_name"]
    assert moves(plan({**ANN, "last_name": "Leigh"}, shown)) == [("lead", "update", {"last_name": "Leigh"})]


def test_an_unmapped_word_is_reported_and_never_overwritten() -> None:
    """A stage without translation stays at the vendor whatever the lead's stage becomes."""
    base = {name: value for name, value in ANN.items() if name != "stage"}
    planned = plan({**ANN, "stage": "closed"}, link(base, unmapped={"stage": "DNC"}))
    assert moves(planned) == []
    assert "not mapped" in planned.not_carried[0].reason


def test_a_parked_conflict_is_pushed_nowhere() -> None:
    """While a person decides, neither value travels."""
    assert moves(plan({**ANN, "stage": "closed"}, link(ANN), parked=frozenset({"stage"}))) == []


def test_a_lead_without_a_link_is_created_with_all_that_travels() -> None:
    """Labels and the owner go along; a role that does not is assigned right after."""
    fields = {**ANN, "labels": frozenset({"Hot"}), "assignment.primary": 7, "assignment.lender": 7}
    planned = plan(fields, link(ANN, "there"))
    assert moves(planned) == [
        ("lead", "create", {**ANN, "labels": frozenset({"Hot"}), "assignment.primary": 7}),
        ("assignment", "assign", {"assignment.lender": 7}),
    ]


def test_a_lead_that_lacks_what_the_vendor_needs_is_reported() -> None:
    """A lead without an address is not sent: the plan says what is missing instead of a request that must fail."""
    planned = plan({"first_name": "Ann"}, link({}, "there"))
    assert moves(planned) == []
    assert planned.not_carried[0].reason == "cannot create: missing email"


def test_a_tombstone_keeps_a_lead_from_coming_back() -> None:
    """A lead deleted here is not created again; a lead that lives nowhere is created nowhere."""
    gone = replace(link(ANN), state=TOMBSTONE)
    assert moves(plan(ANN, gone, link(ANN, "there"))) == []
    assert moves(plan(ANN, replace(link(ANN, "there"), state=TOMBSTONE))) == []


def test_a_waiting_intent_blocks_and_a_refused_create_is_not_repeated() -> None:
    """No create is sent twice on a guess, and none again that the vendor refused, until it is another one."""
    key = ("here", "lead", 0, 0)
    there = link(ANN, "there")
    waiting = plan(ANN, there, waiting=frozenset({key}))
    assert (moves(waiting), waiting.blocked) == ([], True)
    create = plan(ANN, there).operations[0]
    refused = {key: (create.wanted_digest, "POST /leads: 400 rejected")}
    assert moves(plan(ANN, there, refused=refused)) == []
    assert moves(plan({**ANN, "last_name": "Lee"}, there, refused=refused)) != []


def test_filters_decide_who_is_created_and_not_who_is_updated() -> None:
    """Only leads that pass are created here; a linked lead is kept in step whatever the filter says."""
    target = replace(HERE, stages_only=frozenset({"closed"}), labels_only=frozenset({"hot"}))
    assert moves(plan(ANN, link(ANN, "there"), target=target)) == []
    passing = {**ANN, "stage": "closed", "labels": frozenset({"HOT"})}
    assert plan(passing, link(ANN, "there"), target=target).operations[0].action == "create"
    assert moves(plan({**ANN, "last_name": "Lee"}, link(ANN), target=target)) != []


def test_a_role_nobody_can_empty_is_left_and_an_agent_without_an_account_is_named() -> None:
    """Assignments speak of agents the vendor knows; everything else is reported."""
    shown = link({**ANN, "assignment.primary": 7, "assignment.lender": 7})
    assert moves(plan(ANN, shown)) == [("assignment", "assign", {"assignment.lender": None})]
    planned = plan({**ANN, "assignment.primary": 8}, link({**ANN, "assignment.primary": 7}))
    assert moves(planned) == []
    assert planned.not_carried[0].reason == "that agent has no account here"


def test_a_note_goes_everywhere_but_home_with_a_header_and_in_parts_where_it_is_long() -> None:
    """Notes follow the lead; each carries where it came from and its own reference."""
    there = link(ANN, "there")
    short = plan(ANN, link(ANN), there, notes=(NOTE,)).operations
    assert [op.text for op in short] == ["[there · Rebecca Wood · 2026-01-02 03:04 UTC · #3]\nCalled her."]
    long = plan(ANN, link(ANN), there, notes=(replace(NOTE, body="word " * 40),)).operations
    assert [op.part for op in long] == [1, 2, 3, 4]
    assert all(len(op.text) <= CAN.note_max for op in long)
    assert moves(plan(ANN, link(ANN), notes=(replace(NOTE, origin="here"),))) == []


def test_a_note_is_written_once_and_a_deleted_copy_stays_deleted() -> None:
    """A live or tombstoned note link plans no second create; only another text plans an edit."""
    text = plan(ANN, link(ANN), notes=(NOTE,)).operations[0].text
    written = Link("here", "note", "n1", NOTE.id, base={"text": text})
    assert moves(plan(ANN, link(ANN), notes=(NOTE,), note_links=(written,))) == []
    gone = replace(written, state=TOMBSTONE, base={})
    assert moves(plan(ANN, link(ANN), notes=(NOTE,), note_links=(gone,))) == []
    edited = plan(ANN, link(ANN), notes=(replace(NOTE, body="Called him."),), note_links=(written,)).operations
    assert [(op.action, op.external_id, op.text.split("\n")[1]) for op in edited] == [("update", "n1", "Called him.")]


def test_an_operation_has_the_same_id_as_long_as_it_is_the_same_work() -> None:
    """`plan` and `sync` speak of the same operations; another value is another operation."""

    def only(fields: Fields) -> Operation:
        return plan(fields, link(ANN)).operations[0]

    closed = {**ANN, "stage": "closed"}
    assert only(closed).id == only(dict(reversed(closed.items()))).id
    assert only(closed).id != only({**ANN, "stage": "lost"}).id
    assert link(ANN).state == LIVE


def test_an_opt_out_that_a_vendor_cannot_hold_is_told() -> None:
    """Whoever opted out did so everywhere; a vendor without a place for it is named, with its reason."""
    target = replace(HERE, can=replace(CAN, not_carried={"email_opt_out": "keeps no opt-outs"}))
    planned = plan({**ANN, "email_opt_out": True, "call_opt_out": False}, link(ANN), target=target)
    assert [(one.field, one.reason) for one in planned.not_carried] == [("email_opt_out", "keeps no opt-outs")]


def test_a_word_that_a_vendor_does_not_have_is_not_said_to_be_kept_in_another_form() -> None:
    """Nothing was written, so nothing came back."""
    table = LensTable((replace(row("stage"), squeeze=lambda _canonical, _shown: {"stage": None}),))
    target = replace(HERE, lenses=table)
    planned = plan({"stage": "qualified"}, link({"stage": "new"}, settled={"stage": {"wanted": None}}), target=target)
    assert [one.reason for one in planned.not_carried] == [NO_WORD]
