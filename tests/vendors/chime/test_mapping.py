"""Chime's lens table, row by row (vendors/chime.md §5, §6, §8, §9)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.errors import ConfigError
from syncd.domain.lead import STAGES, Member, Phone
from syncd.vendors.chime.mapping import ChimeTable, Options, build
from syncd.vendors.chime.stages import Stages
from syncd.vendors.chime.values import day, day_text, timeline, timeline_word, when

CHIME, LOFTY = build(Options()), build(Options(lofty=True))
BOTH = pytest.mark.parametrize("table", [CHIME, LOFTY], ids=["chime", "lofty"])
_READ_AS = {"inquiry": "leadInquiry", "customAttributeList": "customAttributes", "tagsAdd": "tags"}


def shown_after(body: dict[str, Any], present: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the vendor shows after storing a body: read keys differ from written ones."""
    stored = {_READ_AS.get(key, key): value for key, value in body.items()}
    if "tagsAdd" in body:
        stored["tags"] = [*(present or {}).get("tags", ()), *body["tagsAdd"]]
    return {**(present or {}), **stored}


def read(table: ChimeTable, payload: dict[str, Any]) -> dict[str, Any]:
    """The canonical fields of a payload."""
    return dict(table.read({"leadId": 1, **payload}).fields)


@BOTH
@pytest.mark.parametrize(
    ("payload", "field", "value"),
    [
        ({"leadType": 3}, "roles", frozenset({"buyer", "seller"})),
        ({"leadType": 2, "leadTypes": [1, 5]}, "roles", frozenset({"seller", "renter"})),
        ({"leadTypes": ["2"]}, "roles", frozenset({"buyer"})),
        ({"buyingTimeFrame": "0-3"}, "buyer_timeline", (0, 3)),
        ({"sellingTimeFrame": "12+"}, "seller_timeline", (12, None)),
        ({"buyingTimeFrame": "just looking"}, "buyer_timeline", "just_looking"),
        ({"leadInquiry": {"priceMin": "250000"}}, "price_min", 250000),
        ({"leadInquiry": {"bathroomsMin": "2.5"}}, "baths_min", 2.5),
        ({"leadInquiry": {"bathroomsMax": 3.0}}, "baths_max", 3),
        ({"leadInquiry": {"sizeMin": 1200}}, "size_min", 1200),
        ({"leadInquiry": {"propertyType": "single family  home"}}, "property_types", frozenset({"Single Family Home"})),
        (
            {"leadInquiry": {"locations": [{"city": "Palm Desert", "stateCode": "CA", "zipCode": "92211"}]}},
            "areas",
            frozenset({"Palm Desert, CA"}),
        ),
        (
            {"leadInquiry": {"locations": [{"county": "Kern", "stateCode": "CA"}]}},
            "areas",
            frozenset({"Kern County, CA"}),
        ),
        ({"leadInquiry": {"locations": [{"zipCode": "92211"}]}}, "areas", frozenset({"92211"})),
        ({"leadInquiry": {"locations": [{"description": "by the lake"}]}}, "areas", frozenset({"by the lake"})),
        ({"birthday": "Jun 5, 2001"}, "birthday", date(2001, 6, 5)),
        ({"birthday": "2001-06-05"}, "birthday", date(2001, 6, 5)),
        ({"birthday": "06/05/2001"}, "birthday", date(2001, 6, 5)),
        ({"unsubscription": "Yes"}, "email_opt_out", True),
        ({"unsubscription": False, "cannotEmail": True}, "email_opt_out", True),
        ({"phoneStatuses": [2, 5]}, "call_opt_out", True),
        ({"createTime": "2026-04-22T10:15:30GMT"}, "registered_at", datetime(2026, 4, 22, 10, 15, 30, tzinfo=UTC)),
        ({"createTime": 1776852930000}, "registered_at", datetime(2026, 4, 22, 10, 15, 30, tzinfo=UTC)),
        ({"tags": ["a", {"tagId": 1, "tagName": "B"}]}, "labels", frozenset({"a", "B"})),
        ({"assignedUserId": 9007199254740993}, "assignment.primary", "9007199254740993"),
        ({"lenderUserId": "77"}, "assignment.lender", "77"),
        ({"customRoleList": [{"role": "assistant", "assigneeId": 5}]}, "assignment.assistant", "5"),
        ({"emails": ["Bob@X.com ", "b@y.org"]}, "email", "bob@x.com"),
        ({"phones": ["(212) 555-0123"]}, "phones", frozenset({Phone("+12125550123")})),
        (
            {
                "leadPropertyList": [
                    {"id": 9, "mailAddress": True, "city": "Nine"},
                    {"id": 3, "mailAddress": True, "city": "Three"},
                    {"id": 1, "mailAddress": False, "city": "One"},
                ]
            },
            "city",
            "Three",
        ),
    ],
)
def test_every_listed_form_is_read_in_both_dialects(table: ChimeTable, payload: dict[str, Any], field: str, value: Any):
    """The dialect decides what is sent; reading accepts every key and form of both."""
    assert read(table, payload)[field] == value


@BOTH
@pytest.mark.parametrize("blank", [None, "", -1])
def test_blanks_in_all_their_forms_are_told_as_blank(table: ChimeTable, blank: Any):
    """null, "" and −1 are statements of blankness, not values and not silence."""
    keys = ("firstName", "stage", "source", "birthday", "buyingTimeFrame", "city", "assignedUserId", "emails", "tags")
    reading = table.read(
        {"leadId": 1, **dict.fromkeys(keys, blank), "leadInquiry": {"priceMin": blank, "bathroomsMin": blank}}
    )
    assert not reading.fields
    assert not reading.unmapped
    assert {"first_name", "stage", "price_min", "baths_min", "labels", "assignment.primary", "emails"} <= reading.told


def test_words_without_translation_are_unmapped():
    """Unknown stages, types and time frames are reported with their word and make no statement."""
    reading = CHIME.read(
        {
            "leadId": 1,
            "stage": "DNC",
            "leadType": 7,
            "buyingTimeFrame": "someday",
            "leadInquiry": {"propertyType": ["Castle"]},
        }
    )
    assert dict(reading.unmapped) == {
        "stage": "DNC",
        "roles": "7",
        "buyer_timeline": "someday",
        "property_types": "Castle",
    }
    assert reading.told.isdisjoint(reading.unmapped)


def test_the_placeholder_reads_as_blank_only_where_shown_exactly():
    """A first name we invented for a required field is not a name; "- Bob" is."""
    assert "first_name" not in read(CHIME, {"firstName": "-"})
    assert read(CHIME, {"firstName": "- Bob"})["first_name"] == "- Bob"


def test_a_lead_in_a_pond_says_nothing_about_its_owner():
    """With pond = hold neither the reading nor a write mentions the owner; with ignore both do."""
    payload = {"leadId": 1, "assignedUserId": 5, "pondId": 77}
    ignoring = build(Options(hold_ponds=False))
    assert "assignment.primary" not in CHIME.read(payload).told
    assert ignoring.read(payload).fields["assignment.primary"] == "5"
    wanted = {"assignment.primary": "6"}
    assert CHIME.write(wanted, wanted, payload) == {}
    assert ignoring.write(wanted, wanted, payload) == {"assignedUserId": 6}


def test_the_inquiry_is_sent_whole_without_what_is_not_ours():
    """Other keys stay, ids, times and blanks go, the change is laid over; Lofty never gets sizes."""
    present = {
        "leadId": 1,
        "leadInquiry": {
            "id": 4,
            "leadUserId": 5,
            "createTime": "x",
            "updateTime": "y",
            "priceMin": 100,
            "priceMax": -1,
            "bathroomsMin": "2",
            "sizeMin": 900,
            "buyerRequest": ["pool"],
            "address": "",
            "locations": [{"city": "Rome", "stateCode": "GA", "k": 1}],
        },
    }
    kept = {
        "priceMin": 100,
        "bathroomsMin": "2",
        "buyerRequest": ["pool"],
        "locations": [{"city": "Rome", "stateCode": "GA", "k": 1}],
    }
    assert CHIME.write({"beds_min": 3}, ["beds_min"], present) == {
        "inquiry": {**kept, "sizeMin": 900, "bedroomsMin": 3}
    }
    assert LOFTY.write({"beds_min": 3}, ["beds_min"], present) == {"inquiry": {**kept, "bedroomsMin": 3}}
    areas = CHIME.write({"areas": frozenset({"rome, ga", "Kern County, CA", "30301", "Lake"})}, ["areas"], present)
    assert areas["inquiry"]["locations"] == [
        {"city": "Rome", "stateCode": "GA", "k": 1},
        {"zipCode": "30301"},
        {"county": "Kern", "stateCode": "CA"},
        {"description": "Lake"},
    ]


def test_several_inquiry_fields_do_not_undo_each_other():
    """Two changed fields of one object both arrive."""
    present = {"leadInquiry": {"priceMin": 1, "priceMax": 2}}
    body = CHIME.write({"price_min": 10, "price_max": 20}, ["price_min", "price_max"], present)
    assert body == {"inquiry": {"priceMin": 10, "priceMax": 20}}


def test_clearing_sends_the_vendors_blanks():
    """A changed field missing from the wanted lead goes out as "", [] or −1."""
    present = {"leadId": 1, "emails": ["a@b.co"], "leadInquiry": {"priceMin": 5, "locations": [{"city": "Rome"}]}}
    changed = ["last_name", "emails", "price_min", "areas", "stage", "birthday", "buyer_timeline", "roles", "household"]
    assert CHIME.write({}, changed, present) == {
        "lastName": "",
        "emails": [],
        "stage": "",
        "birthday": "",
        "buyingTimeFrame": "",
        "leadType": -1,
        "leadFamilyMemberList": [],
        "inquiry": {"priceMin": -1, "locations": []},
    }


def test_lists_keep_the_spelling_that_is_there():
    """Replaced lists carry all entries, the primary first, known ones as they were typed, unreadable ones untouched."""
    present = {"leadId": 1, "emails": ["Bob@X.com", "n/a"], "phones": ["(212) 555-0123"]}
    wanted: dict[str, Any] = {
        "email": "new@x.com",
        "emails": frozenset({"new@x.com", "bob@x.com"}),
        "phone": "+12125550123",
        "phones": frozenset({Phone("+12125550123", "cell"), Phone("+442079460958", "work")}),
    }
    assert CHIME.write(wanted, ["email", "phones"], present) == {
        "emails": ["new@x.com", "Bob@X.com", "n/a"],
        "phones": ["(212) 555-0123", "+442079460958"],
    }


def test_phones_over_twenty_characters_and_kinds_are_not_carried():
    """The loss is declared, and a shown number never carries a kind."""
    long = "+12125550123 x1234567"
    shown = CHIME.show({"phone": long, "phones": frozenset({Phone(long), Phone("+12125550123", "cell")})}, {})
    assert shown == {"phone": "+12125550123", "phones": frozenset({Phone("+12125550123")})}


def test_only_the_changed_part_of_an_address_is_sent():
    """One field of four; all of them where the address was shown from a property until now."""
    wanted = {"street": "1 Main", "city": "Rome", "region": "GA"}
    assert CHIME.write(wanted, ["city"], {"leadId": 1, "streetAddress": "1 Main"}) == {"city": "Rome"}
    mailed = {
        "leadId": 1,
        "leadPropertyList": [{"id": 1, "mailAddress": True, "streetAddress": "1 Main", "state": "GA"}],
    }
    assert CHIME.write(wanted, ["city"], mailed) == {"streetAddress": "1 Main", "city": "Rome", "state": "GA"}


def test_roles_in_the_dialects_own_key():
    """Chime holds one code and loses the renter beside a buyer; lofty holds a list and keeps codes it alone knows."""
    every = {"roles": frozenset({"buyer", "seller", "renter"})}
    assert CHIME.write(every, ["roles"], {"leadId": 1}) == {"leadType": 3}
    assert CHIME.show(every, {}) == {"roles": frozenset({"buyer", "seller"})}
    assert LOFTY.write(every, ["roles"], {"leadId": 1, "leadTypes": [7, 1]}) == {"leadTypes": [7, 1, 2, 5]}
    assert LOFTY.show(every, {}) == every


def test_household_keeps_rows_and_their_other_keys():
    """A known member's row stays as read, a changed one keeps its further keys, at most four go out."""
    kim = {
        "relationship": "Wife",
        "firstName": "Kim",
        "lastName": "Li",
        "birthday": "Jun 5, 2001",
        "emails": ["k@x.com", "k2@x.com"],
    }
    present = {"leadId": 1, "leadFamilyMemberList": [kim, {"firstName": "Al"}]}
    wanted = {"household": frozenset({Member("", "Al"), Member("Wife", "Kim", "Li", "kim@x.com"), Member("child")})}
    [al, new] = CHIME.write(wanted, ["household"], present)["leadFamilyMemberList"]
    assert al == {"firstName": "Al"}
    assert new == {**kim, "emails": ["kim@x.com", "k2@x.com"]}
    many = frozenset(Member("", f"M{n}") for n in range(9))
    assert len(CHIME.show({"household": many}, {})["household"]) == 4  # type: ignore[arg-type]


def test_custom_attributes_go_out_whole_and_flags_as_yes_and_no():
    """Every row as read with the change laid over; two changed names travel in one list."""
    table = build(Options(custom={"pool": "Pool", "pets": "Pets", "first": "field:fthb", "by": "field:referredBy"}))
    rows: list[dict[str, Any]] = [
        {"attributeName": "Pool", "attributeType": "text", "value": "no"},
        {"attributeName": "X", "attributeType": "date", "value": None},
    ]
    present = {"leadId": 1, "customAttributes": rows, "fthb": "No", "referredBy": "Jo"}
    reading = table.read(present)
    assert reading.fields["custom.pool"] == "no"
    assert reading.fields["custom.first"] is False
    assert reading.fields["custom.by"] == "Jo"
    wanted: dict[str, Any] = {"custom.pool": "yes", "custom.pets": 2, "custom.first": True}
    assert table.write(wanted, wanted, present) == {
        "fthb": "Yes",
        "customAttributeList": [
            {**rows[0], "value": "yes"},
            rows[1],
            {"attributeName": "Pets", "attributeType": "text", "value": "2"},
        ],
    }
    with pytest.raises(ConfigError):
        build(Options(custom={"x": "field:leadTransaction"}))


def test_labels_are_added_never_replaced():
    """An update sends new names only, a create sends all; 64 characters fit; case does not make a new tag."""
    wanted = {"labels": frozenset({"hot lead", "New", "x" * 70})}
    present = {"leadId": 1, "tags": [{"tagName": "Hot Lead"}]}
    assert CHIME.write(wanted, ["labels"], present) == {"tagsAdd": ["New", "x" * 64]}
    assert CHIME.write(wanted, ["labels"], {}) == {"tags": ["New", "hot lead", "x" * 64]}


@BOTH
def test_nothing_that_is_the_vendors_own_is_ever_sent(table: ChimeTable):
    """Transactions, properties, groups, segments and privacy stay out of every body."""
    wanted = {name: value for name, value in FULL.items() if table.carries(name)}
    body = table.write(
        wanted, wanted, {"leadId": 1, "groups": ["g"], "leadPropertyList": [{"id": 1}], "privateFlag": True}
    )
    assert {"leadTransaction", "property", "groups", "segments", "isPrivate", "isHidden"}.isdisjoint(body)
    assert ("leadTypes" in body) is (table is LOFTY)
    assert ("cannotCall" in body) is (table is LOFTY)


@pytest.mark.parametrize(
    ("value", "chime", "lofty"),
    [
        ((1, 3), "1-3", "1-3"),
        ((0, 3), "1-3", "0-3"),
        ((6, None), "6-12", "6-12"),
        ((24, 36), "12+", "12+"),
        ((0, 1), "1-3", "1-3"),
        ("refinancing", "Refinancing", "Refinancing"),
        ("one day", None, None),
        ((3, 6), "3-6", "3-6"),
    ],
)
def test_time_frames_are_written_by_their_end(value: Any, chime: str | None, lofty: str | None):
    """Exact words where there are some, else by the latest month; words of others are not guessed."""
    assert timeline_word(value, lofty=False) == chime
    assert timeline_word(value, lofty=True) == lofty


def test_config_stages_go_before_defaults_and_may_share_a_word():
    """A configured word wins over a default one; stages that share a word show as one of them and stay equal."""
    stages = Stages({"attempted": ("Working",), "contacted": ("Working", "Pending")})
    assert stages.read("pending") == "contacted"
    assert stages.squeeze("contacted") == stages.squeeze("attempted") == "attempted"
    assert stages.write("contacted", present="WORKING") == "WORKING"
    assert stages.write("new", known=["NEW", "Closed"]) == "NEW"
    assert stages.write("new", known=["Closed"]) is None
    assert Stages({"new": ("x" * 21, "Fits")}).write("new") == "Fits"


@pytest.mark.parametrize("value", [-1, "", None, 0, "nonsense", "\0"])
def test_times_that_say_nothing_are_blank(value: Any):
    """An unset or unreadable time never costs a record."""
    assert when(value) is None


@given(st.dates())
def test_a_day_reads_back(value: date):
    """day(day_text(d)) == d for every day there is."""
    assert day(day_text(value)) == value


_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co", "Zs", "Zl", "Zp", "M"]),
    min_size=1,
    max_size=50,
)
_leads = st.fixed_dictionaries(
    {},
    optional={
        "first_name": _text,
        "last_name": _text,
        "stage": st.sampled_from(STAGES),
        "buyer_timeline": st.one_of(
            st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(20, 30))), st.just("just_looking")
        ),
        "roles": st.frozensets(st.sampled_from(["buyer", "seller", "renter"]), min_size=1),
        "price_min": st.integers(1, 10**9),
        "beds_min": st.integers(1, 20),
        "baths_min": st.sampled_from([1, 1.5, 2.25]),
        "areas": st.frozensets(st.sampled_from(["Rome, GA", "Kern County, CA", "30301", "lake", "Lake"]), min_size=1),
        "birthday": st.dates(),
        "labels": st.frozensets(_text, min_size=1, max_size=3),
        "email_opt_out": st.booleans(),
    },
)


@BOTH
@settings(max_examples=60, deadline=None)
@given(first=_leads, second=_leads)
def test_the_lens_laws_hold(table: ChimeTable, first: dict[str, Any], second: dict[str, Any]):
    """What is written reads as squeezed over anything shown; squeezing twice is once; rewriting changes nothing."""
    created = shown_after(table.write(first, first, {}))
    before = read(table, created)
    assert before == table.show(first, {})
    desired = table.show({**before, **second}, before)
    assert table.show(desired, desired) == desired
    changed = [name for name in desired if name != "labels" and desired[name] != before.get(name)]
    after = read(table, shown_after(table.write(desired, changed, {"leadId": 1, **created}), created))
    assert {name: after.get(name) for name in changed} == {name: desired[name] for name in changed}
    shown = {"leadId": 1, **created}
    assert read(table, shown_after(table.write(before, set(before) - {"labels"}, shown), shown)) == before


FULL: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Li",
    "email": "a@x.com",
    "emails": frozenset({"a@x.com"}),
    "roles": frozenset({"buyer"}),
    "phone": "+12125550123",
    "phones": frozenset({Phone("+12125550123")}),
    "street": "1 Main",
    "city": "Rome",
    "stage": "new",
    "source": "Web",
    "buyer_timeline": (1, 3),
    "price_min": 1,
    "size_min": 100,
    "areas": frozenset({"Rome, GA"}),
    "email_opt_out": True,
    "text_opt_out": True,
    "call_opt_out": True,
    "registered_at": datetime(2020, 1, 1, tzinfo=UTC),
    "labels": frozenset({"x"}),
    "assignment.primary": "5",
    "assignment.lender": "6",
    "assignment.assistant": "7",
}


def test_timeline_words_read_back_exactly():
    """Every word Chime has survives the way there and back."""
    for word in ("1-3", "3-6", "6-12", "12+", "Just Looking", "Refinancing", "0-3"):
        assert timeline_word(timeline(word), lofty=True) == word
    assert timeline("N/A") is None
