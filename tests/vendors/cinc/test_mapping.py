"""The lens table of CINC: its laws on the bare payload, and each rule of vendors/cinc.md §5 and §6."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.errors import UnreadableError
from syncd.domain.lead import STAGES, Member, Phone
from syncd.domain.lens import deep_merge
from syncd.vendors.cinc import mapping, slots
from syncd.vendors.cinc.stages import Stages
from syncd.vendors.cinc.words import read_timeline, spell_timeline

LAWS = settings(max_examples=150, deadline=None, derandomize=True, database=None)
SHARED = {"nurturing": ["Contacted"], "qualified": ["Hot", "Showing"], "lost": ["Lost", "Dead"]}
TABLE = mapping.build(stages=SHARED, custom={"average": "info.buyer.average_price"}, write_areas=True)
WRITABLE = frozenset(name for name in TABLE.by_field if TABLE.writable(name) and name != "labels")

_word = st.sampled_from(["Ann", "O'Brien", "李", "Zoë", "A. Doe"])
_mail = st.sampled_from(["a@example.com", "b@example.com", "c+d@example.org"])
_number = st.sampled_from(["+14155552671", "+12129876543", "+13105550188", "+442079460958", "ask for Ann", "555"])
_phones = st.frozensets(st.builds(Phone, _number, st.sampled_from(["cell", "home", "work", "other", ""])), max_size=5)
_timeline = st.one_of(
    st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(30, 60))),
    st.sampled_from(["just_looking", "refinancing", "Next spring", "3 - 6 months", "4 to 6 weeks"]),
)
_member = st.builds(Member, st.sampled_from(["wife", ""]), _word, _word, st.one_of(st.just(""), _mail), _number)
LEADS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "first_name": _word,
        "last_name": _word,
        "email": _mail,
        "emails": st.frozensets(_mail, min_size=1),
        "phone": _number,
        "phones": _phones,
        "street": _word,
        "city": _word,
        "region": _word,
        "postal_code": st.just("30301"),
        "stage": st.sampled_from(STAGES),
        "source": _word,
        "roles": st.frozensets(st.sampled_from(["buyer", "seller", "renter"])),
        "buyer_timeline": _timeline,
        "seller_timeline": _timeline,
        "areas": st.frozensets(st.sampled_from(["Dallas", "Macon", "Rome"])),
        "household": st.frozensets(_member, max_size=3),
        "registered_at": st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "assignment.primary": st.sampled_from(["AGENT1", "AGENT2"]),
        "custom.average": st.integers(1, 900_000),
    },
)


def applied(payload: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """What a merging vendor makes of a body: "" clears, ``username`` changes the address."""
    after = copy.deepcopy(payload)
    deep_merge(after, body)
    if "username" in body:
        deep_merge(after, {"info": {"contact": {"email": body["username"]}}})

    def without_blanks(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without_blanks(v) for k, v in value.items() if v != ""}
        return value

    return without_blanks(after)  # type: ignore[no-any-return]


def created(lead: dict[str, Any]) -> dict[str, Any]:
    """The payload of a lead created to show ``lead``."""
    wanted = TABLE.show(lead, {})
    return {"id": "LEAD1", **applied({}, TABLE.write(wanted, wanted.keys() & WRITABLE, {}))}


@LAWS
@given(LEADS)
def test_what_is_written_reads_as_squeezed(lead: dict[str, Any]):
    """get(put(c)) == squeeze(c) for every writable row at once."""
    wanted = TABLE.show(lead, {})
    shown = TABLE.read(created(lead)).fields
    assert {n: shown.get(n) for n in WRITABLE} == {n: wanted.get(n) for n in WRITABLE}


@LAWS
@given(LEADS, LEADS)
def test_a_loss_happens_once(lead: dict[str, Any], other: dict[str, Any]):
    """squeeze(squeeze(c)) == squeeze(c), whatever the vendor shows, and after writing nothing is left to write."""
    shown = TABLE.show(other, {})
    for present in ({}, shown):
        once = TABLE.show(lead, present)
        assert TABLE.show(once, present) == once
        assert TABLE.show(lead, once) == once


@LAWS
@given(LEADS, LEADS)
def test_updates_read_as_squeezed(lead: dict[str, Any], other: dict[str, Any]):
    """Writing a lead over another shows what it says, areas excepted: they only go into a blank."""
    payload = created(other)
    before = TABLE.read(payload).fields
    wanted = TABLE.show(lead, before)
    changed = {n for n in WRITABLE if wanted.get(n) != before.get(n) and n in wanted}
    full = {**before, **wanted}
    after = TABLE.read(applied(payload, TABLE.write(full, changed, payload))).fields
    names = changed - ({"areas"} if "areas" in before else set())
    assert {n: after.get(n) for n in names} == {n: wanted[n] for n in names}


@LAWS
@given(LEADS)
def test_putting_back_what_was_read_changes_nothing(lead: dict[str, Any]):
    """All fields written as they were read leave the payload's values as they are."""
    payload = created(lead)
    reading = TABLE.read(payload)
    wanted = TABLE.show(reading.fields, reading.fields)
    body = TABLE.write(wanted, reading.fields.keys() & WRITABLE, payload)
    after = applied(payload, body)
    for flag in ("is_buyer", "is_seller"):  # false and absent say the same
        payload["info"] = {flag: False, **payload.get("info", {})}
        after["info"] = {flag: False, **after.get("info", {})}
    assert after == payload


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4 to 6 weeks", (1, 2)),
        ("1 to 3 weeks", (0, 1)),
        ("3 to 6 months", (3, 6)),
        ("3-6 Months", (3, 6)),
        ("12+ months", (12, None)),
        ("6+ weeks", (1, None)),
        ("Just Looking", "just_looking"),
        ("REFINANCING", "refinancing"),
        ("6 to 3 months", "6 to 3 months"),
        ("When the kids are out", "When the kids are out"),
        ("", None),
    ],
)
def test_timelines_are_read(text: str, value: Any):
    """Every spelling of vendors/cinc.md §5; anything else is a word."""
    assert read_timeline(text) == value


def test_timelines_are_spelled():
    """Ranges in months, open ranges, words."""
    spelled = [spell_timeline(value) for value in ((3, 6), (12, None), "just_looking", "Soon")]
    assert spelled == ["3 to 6 months", "12+ months", "Just Looking", "Soon"]


def test_the_present_spelling_stays_while_it_means_the_value():
    """A text of "4 to 6 weeks" is not rewritten as "1 to 2 months"."""
    payload = {"info": {"buyer": {"timeline": "4 to 6 weeks"}}}
    assert TABLE.write({"buyer_timeline": (1, 2)}, ["buyer_timeline"], payload) == payload


def test_stages_that_share_a_word_never_flip():
    """Contacted and nurturing are both "Contacted": reading it keeps either, writing either writes it."""
    stages = Stages({"nurturing": ["Contacted"]})
    read = stages.read("  contacted ")
    assert read is not None
    assert stages.show("contacted", read) == stages.show("nurturing", read) == read
    assert stages.show("contacted", None) == stages.show("nurturing", None) == read
    assert stages.write(read, "") == "Contacted"


def test_a_word_read_by_a_stage_that_writes_another_equals_it():
    """With qualified = ["Hot", "Showing"], a lead that shows "Showing" shows qualified too; nothing is written."""
    stages = Stages({"qualified": ["Hot", "Showing"]})
    assert stages.read("Showing") == "showing"
    assert stages.show("qualified", "showing") == "showing"
    assert stages.show("qualified", "new") == "qualified"
    assert stages.write("qualified", "New Lead") == "Hot"


def test_an_ambiguous_word_is_not_equal_to_all():
    """New = ["New Lead", "Fresh"], attempted = ["Attempted Contact", "Fresh"]: reading new may mean "New Lead"."""
    stages = Stages({"new": ["New Lead", "Fresh"], "attempted": ["Attempted Contact", "Fresh"]})
    assert stages.show("attempted", "new") == "attempted"


def test_a_stage_without_a_name_is_neither_read_nor_written():
    """Lost has no default name; an unknown word is unmapped, with its text."""
    table = mapping.build()
    reading = table.read({"pipeline": {"stage": "Dead Lead"}})
    assert reading.unmapped == {"stage": "Dead Lead"}
    assert "stage" not in reading.told
    assert "stage" not in table.show({"stage": "lost"}, {"stage": "new"})
    assert table.write({"stage": "lost"}, ["stage"], {}) == {}


def test_an_address_goes_out_whole():
    """All four keys, also when one of them is blank."""
    body = TABLE.write({"street": "1 Main St", "city": "Rome"}, ["city"], {})
    address = {"street": "1 Main St", "city": "Rome", "state": "", "postal_or_zip": ""}
    assert body == {"info": {"contact": {"mailing_address": address}}}


def test_only_slots_that_change_go_out():
    """A new home number does not repeat the cell number; foreign numbers keep their country."""
    present = {"id": "1", "info": {"contact": {"phone_numbers": {"cell_phone": "(415) 555-2671"}}}}
    phones = frozenset({Phone("+14155552671", "cell"), Phone("+442079460958", "home")})
    body = TABLE.write({"phone": "+14155552671", "phones": phones}, ["phones"], present)
    assert body == {"info": {"contact": {"phone_numbers": {"home_phone": "+442079460958"}}}}


def test_the_primary_number_wins_its_slot_and_kind_other_counts_as_cell():
    """One number a slot: the primary, else the standing one, else the smallest."""
    phones = frozenset({Phone("+13105550188", "other"), Phone("+12129876543", "cell")})
    primary = slots.place({"phone": "+13105550188", "phones": phones}, {"cell": "+12129876543"}, "US")
    assert primary == {"cell": "+13105550188"}
    assert slots.place({"phones": phones}, {"cell": "+13105550188"}, "US") == {"cell": "+13105550188"}
    assert slots.place({"phones": phones}, {}, "US") == {"cell": "+12129876543"}


def test_a_number_stays_in_the_slot_where_it_stands():
    """Another CRM's kind does not move a number from slot to slot."""
    lead: dict[str, Any] = {"phone": "+12129876543", "phones": frozenset({Phone("+12129876543", "home")})}
    assert slots.place(lead, {"work": "+12129876543"}, "US") == {"work": "+12129876543"}


def test_what_cinc_knows_of_a_household_member_is_sent_back():
    """The whole object goes out: their address, which we do not carry, with it."""
    address = {"street": "1 Main St"}
    there = {"relation": "wife", "contact": {"first_name": "Mary", "mailing_address": address}, "since": 2020}
    member = Member("wife", "Mary", "Smith")
    body = TABLE.write({"household": frozenset({member})}, ["household"], {"info": {"secondary": there}})
    secondary = body["info"]["secondary"]
    assert secondary["contact"]["mailing_address"] == address
    assert (secondary["since"], secondary["contact"]["last_name"]) == (2020, "Smith")


def test_an_address_is_created_in_one_place_and_changed_in_another():
    """`info.contact.email` on create, `username` afterwards; never taken away."""
    assert TABLE.write({"email": "a@b.co"}, ["email"], {}) == {"info": {"contact": {"email": "a@b.co"}}}
    present = {"id": "1", "info": {"contact": {"email": "old@b.co"}}}
    assert TABLE.write({"email": "a@b.co"}, ["email"], present) == {"username": "a@b.co"}
    assert TABLE.write({}, ["email"], present) == {}


def test_a_username_that_is_an_address_stands_in():
    """Only if it holds an "@"."""
    assert TABLE.read({"username": "Jane@Example.com"}).fields["email"] == "jane@example.com"
    assert "email" not in TABLE.read({"username": "jane"}).fields


def test_opt_outs_are_read_and_never_written():
    """can_receive false is an opt-out; a missing flag is blank, not false."""
    payload = {"subscriptions": {"email": {"can_receive_emails": False}, "text": {}}}
    reading = TABLE.read(payload)
    assert reading.fields["email_opt_out"] is True
    assert "text_opt_out" in reading.told
    assert "text_opt_out" not in reading.fields
    assert not TABLE.writable("email_opt_out")
    assert TABLE.write({"email_opt_out": False}, ["email_opt_out"], payload) == {}


def test_areas_are_written_only_where_asked_and_only_into_a_blank():
    """Direction ``read`` is the default; with ``both`` a present city is never replaced."""
    assert not mapping.build().writable("areas")
    wanted = {"areas": frozenset({"Rome"})}
    assert TABLE.write(wanted, ["areas"], {"info": {"buyer": {"favorite_city": "Dallas"}}}) == {}
    assert TABLE.write(wanted, ["areas"], {}) == {"info": {"buyer": {"favorite_city": "Rome"}}}


def test_labels_of_one_folded_name_are_one():
    """The site may apply two labels of the same name."""
    payload = {"labels": [{"id": 1, "name": "Hot Lead"}, {"id": "b", "name": "hot  lead"}, {"id": "c", "name": ""}]}
    assert TABLE.read(payload).fields["labels"] == frozenset({"Hot Lead"})


def test_blanks_clear():
    """A field missing from wanted is written as ""."""
    assert TABLE.write({}, ["source", "first_name"], {}) == {"info": {"source": "", "contact": {"first_name": ""}}}


@pytest.mark.parametrize(
    "payload",
    [
        {"info": "text"},
        {"info": {"contact": []}},
        {"info": {"contact": {"first_name": {"x": 1}}}},
        {"labels": {"id": 1}},
        {"labels": ["Hot"]},
        {"info": {"is_buyer": "perhaps"}},
        {"registered_date": "yesterday"},
        {"pipeline": {"stage": ["New Lead"]}},
        {"assigned_agents": {"primary_agent": "AGENT1"}},
    ],
)
def test_shapes_the_sheet_does_not_know_are_unreadable(payload: dict[str, Any]):
    """Such a record goes to quarantine instead of being read as blank; the message does not repeat it."""
    with pytest.raises(UnreadableError) as caught:
        TABLE.read(payload)
    assert "perhaps" not in str(caught.value)
    assert "yesterday" not in str(caught.value)


def test_a_household_of_nobody_is_blank():
    """A member that says nothing is not shown, so there is nothing to write for ever."""
    assert TABLE.show({"household": frozenset({Member()})}, {}) == {}
    assert "household" not in TABLE.read({"info": {"secondary": {"relation": "", "contact": {}}}}).fields
