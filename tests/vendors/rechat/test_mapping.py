"""Rows as canonical values and back (vendors/rechat.md §3, §5, §6, §8)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from syncd.domain.errors import UnreadableError
from syncd.domain.lead import Member, Phone
from syncd.vendors.rechat.countries import code
from tests.vendors.rechat.support import attribute, contact, mapped, uuid


def read(*rows: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The fields of a contact with these rows."""
    return dict(mapped(**options).table.read(contact(1, *rows)).fields)


def put(present: dict[str, Any], wanted: dict[str, Any], *names: str, **options: Any) -> dict[str, Any]:
    """The fragment that makes ``names`` show what is wanted."""
    return mapped(**options).table.write(wanted, names or wanted.keys(), present)


def test_the_rows_are_the_truth_not_the_summary():
    """Summary fields beside the rows are never read (§3)."""
    table = mapped().table
    shown = table.read(
        contact(1, attribute(1, "first_name", "Ada"), first_name="Bob", email="x@example.com", tags=["T"])
    )
    assert shown.fields.get("first_name") == "Ada"
    assert not {"email", "labels"} & set(shown.fields)


def test_deleted_and_partners_rows_are_not_the_contacts():
    """`deleted_at` and `is_partner` (§3, §5)."""
    fields = read(
        attribute(1, "first_name", "Gone", deleted_at=5.5),
        attribute(2, "first_name", "Kim", is_partner=True),
        attribute(3, "email", "kim@example.com", is_partner=True),
    )
    assert fields["household"] == frozenset({Member("partner", "Kim", "", "kim@example.com", "")})
    assert not {"first_name", "email"} & set(fields)


def test_definitions_come_as_names_uuids_and_objects():
    """A row names its definition by name, by UUID, or embeds it; the value is where `data_type` says (§3)."""
    definitions = [
        {"id": uuid(50), "name": "first_name", "data_type": "text"},
        {"id": uuid(51), "label": "Dogs", "data_type": "number"},
    ]
    table = mapped(definitions, custom={"dogs": "Dogs", "job": "job_title"}).table
    rows = [
        attribute(1, None, "Ada", attribute_def=uuid(50)),
        {**attribute(2, None, None, attribute_def=uuid(51)), "number": "2.0"},
        attribute(3, None, "Lovelace", attribute_def={"id": uuid(52), "name": "last_name", "data_type": "text"}),
        attribute(4, "job_title", "Countess"),
    ]
    fields = table.read(contact(1, *rows)).fields
    assert dict(fields) | {"registered_at": 0} == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "custom.dogs": 2,
        "custom.job": "Countess",
        "assignment.primary": uuid(900),
        "registered_at": 0,
    }


def test_the_primary_is_flagged_else_the_oldest_then_the_lowest_id():
    """§5, and row order means nothing (§3)."""
    old, new = attribute(1, "email", "a@example.com"), attribute(2, "email", "b@example.com")
    assert read(new, old)["email"] == "a@example.com"
    assert read(old, {**new, "is_primary": True})["email"] == "b@example.com"
    twins = [{**old, "id": uuid(5)}, {**new, "id": uuid(4), "created_at": old["created_at"]}]
    assert read(*twins)["email"] == "b@example.com"


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Mobile", "cell"),
        ("home", "home"),
        ("Work", "work"),
        ("Other", "other"),
        ("Fax", "other"),
        (None, ""),
        ("", ""),
    ],
)
def test_labels_of_numbers_are_kinds(label: str | None, kind: str):
    """Mobile cell, Home home, Work work, Other other; other labels are other (§5)."""
    assert read(attribute(1, "phone_number", "212 555-0123", label=label))["phones"] == frozenset(
        {Phone("+12125550123", kind)}
    )


def test_a_label_of_somebodys_own_is_left_alone():
    """A number whose kind is "other" already keeps its label; a changed kind is written (§5)."""
    present = contact(1, attribute(1, "phone_number", "212 555-0123", label="Fax"))
    wanted = {"phone": "+12125550123", "phones": frozenset({Phone("+12125550123", "other")})}
    assert put(present, wanted) == {}
    wanted["phones"] = frozenset({Phone("+12125550123", "home")})
    row = {"id": uuid(1001), "attribute_type": "phone_number", "text": "212 555-0123", "label": "Home"}
    assert put(present, wanted) == {"change": {uuid(1001): row}}
    wanted["phones"] = frozenset({Phone("+12125550123", "")})
    assert put(present, wanted) == {}


def test_changing_an_address_keeps_its_row():
    """A row that is no longer wanted takes over the new value; the rest is added or deleted (§5, §11)."""
    present = contact(1, attribute(1, "email", "old@example.com"), attribute(2, "email", "two@example.com"))
    new = {"email": "new@example.com", "emails": frozenset({"new@example.com", "two@example.com"})}
    changed = {"id": uuid(1001), "attribute_type": "email", "text": "new@example.com"}
    assert put(present, new) == {"change": {uuid(1001): changed}}
    fewer = {"email": "old@example.com", "emails": frozenset({"old@example.com"})}
    assert put(present, fewer) == {"drop": {uuid(1002): True}}
    more = {"email": "old@example.com", "emails": frozenset({"old@example.com", "two@example.com", "x@example.com"})}
    assert put(present, more) == {"add": {"email:x@example.com": {"attribute_type": "email", "text": "x@example.com"}}}


def test_another_primary_is_flagged():
    """Only where the row would not be read as the primary by itself (§5, §11)."""
    one, two = attribute(1, "email", "a@example.com"), attribute(2, "email", "b@example.com")
    both = frozenset({"a@example.com", "b@example.com"})
    body = put(contact(1, one, two), {"email": "b@example.com", "emails": both})
    assert body == {
        "change": {two["id"]: {"id": two["id"], "attribute_type": "email", "text": "b@example.com", "is_primary": True}}
    }
    body = put(contact(1, {**one, "is_primary": True}, two), {"email": "b@example.com", "emails": both})
    assert {row: change["is_primary"] for row, change in body["change"].items()} == {one["id"]: False, two["id"]: True}
    assert put(contact(1, one, two), {"email": "a@example.com", "emails": both}) == {}
    created = put({}, {"email": "b@example.com", "emails": both})["add"]
    assert [row.get("is_primary") for row in created.values()] == [True, None]


def test_a_street_is_read_from_five_rows_and_written_into_two():
    """Leading digits to the number, the rest to the name, the other three go (§5)."""
    rows = [
        attribute(1, "street_number", "12"),
        attribute(2, "street_prefix", "N"),
        attribute(3, "street_name", "Main"),
        attribute(4, "street_suffix", "St"),
        attribute(5, "unit_number", "#3"),
        attribute(6, "city", "Rome"),
    ]
    present = contact(1, *rows)
    assert read(*rows)["street"] == "12 N Main St #3"
    assert put(present, {"street": "12 N Main St #3", "city": "Rome"}) == {}
    body = put(present, {"street": "7 Oak Ave", "city": "Rome"})
    assert {row: change["text"] for row, change in body["change"].items()} == {uuid(1001): "7", uuid(1003): "Oak Ave"}
    assert set(body["drop"]) == {uuid(1002), uuid(1004), uuid(1005)}
    assert "add" not in body
    body = put(present, {"street": "The Old Mill", "city": "Rome"})
    assert set(body["drop"]) == {uuid(1001), uuid(1002), uuid(1004), uuid(1005)}


def test_the_address_is_the_primary_group_else_the_lowest_index():
    """One address = rows of one `index`, absent = 0 (§5); new rows join it."""
    first, second = attribute(1, "city", "Rome"), attribute(2, "city", "Oslo", index=2, label="Work")
    assert read(first, second)["city"] == "Rome"
    primary = {**second, "is_primary": True}
    assert read(first, primary)["city"] == "Oslo"
    body = put(contact(1, first, primary), {"city": "Oslo", "region": "XY"})
    assert body == {"add": {"address:state": {"attribute_type": "state", "text": "XY", "index": 2, "label": "Work"}}}
    assert put({}, {"city": "Oslo"})["add"]["address:city"] == {
        "attribute_type": "city", "text": "Oslo", "index": 0, "label": "Home",
    }  # fmt: skip


def test_an_address_stays_the_primary_one_when_the_flagged_row_goes():
    """Otherwise another address would take its place."""
    flagged = attribute(1, "street_suffix", "St", index=1, is_primary=True)
    rows = [flagged, attribute(2, "street_name", "Main", index=1), attribute(3, "city", "Oslo", index=0)]
    body = put(contact(1, *rows), {"street": "Oak"})
    assert set(body["drop"]) == {flagged["id"]}
    assert body["change"][uuid(1002)] == {
        "id": uuid(1002), "attribute_type": "street_name", "text": "Oak", "is_primary": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("country", "iso"),
    [
        ("us", "US"),
        ("United States", "US"),
        ("U.S.A.", "US"),
        ("Canada", "CA"),
        ("Côte d'Ivoire", "CI"),
        ("Atlantis", ""),
    ],
)
def test_countries_are_names_or_codes(country: str, iso: str):
    """Read as either, written as ISO alpha-2 (§5)."""
    assert code(country) == iso


def test_a_country_nobody_knows_is_unmapped_and_left_alone():
    """Kept, reported, never guessed or overwritten."""
    present = contact(1, attribute(1, "country", "Atlantis"), attribute(2, "city", "Rome"))
    reading = mapped().table.read(present)
    assert reading.unmapped["country"] == "Atlantis"
    assert put(present, {"city": "Oslo"}, "city", "country").keys() == {"change"}


@pytest.mark.parametrize(
    ("seconds", "day"), [(0, date(1970, 1, 1)), (-2208988800, date(1900, 1, 1)), ("446860800.0", date(1984, 2, 29))]
)
def test_birthdays_are_seconds_of_midnight(seconds: Any, day: date):
    """Epoch of 00:00 UTC, negative before 1970 (§5)."""
    assert read({**attribute(1, "birthday"), "date": seconds})["birthday"] == day
    assert put({}, {"birthday": day})["add"]["birthday"] == {"attribute_type": "birthday", "date": int(float(seconds))}


def test_a_birthday_without_a_year_is_not_read_and_not_overwritten():
    """A year before 1900 means that nobody knows it (§5)."""
    present = contact(1, {**attribute(1, "birthday"), "date": -5_000_000_000})
    reading = mapped().table.read(present)
    assert "birthday" not in reading.fields
    assert "birthday" in reading.unmapped
    assert put(present, {"birthday": date(1984, 2, 29)}) == {}


def test_clearing_is_deleting_rows():
    """A blank text is never a row (§5)."""
    rows = [
        attribute(1, "title", "Dr"),
        {**attribute(2, "birthday"), "date": 0},
        attribute(3, "email", "a@example.com"),
    ]
    body = put(contact(1, *rows), {}, "title", "birthday", "email", "emails")
    assert body == {"drop": {uuid(1001): True, uuid(1002): True, uuid(1003): True}}


@pytest.mark.parametrize("tag", ["Stage: Showing", "stage:  SHOWING", "  Stage:   showing "])
def test_a_stage_is_a_tag_with_the_prefix(tag: str):
    """Compared without case and extra spaces; never a label (§6)."""
    fields = read(attribute(1, "tag", tag), attribute(2, "tag", "Stageless"))
    assert fields["stage"] == "showing"
    assert fields["labels"] == frozenset({"Stageless"})


def test_an_unknown_stage_word_is_unmapped():
    """Reported with the word as spelled (§6)."""
    reading = mapped().table.read(contact(1, attribute(1, "tag", "Stage: In Limbo")))
    assert reading.unmapped == {"stage": "In Limbo"}
    assert "labels" not in reading.fields


def test_of_several_stage_tags_the_newest_counts():
    """Newest `created_at`, then the greater id; the new tag goes in before the others go out (§6)."""
    rows = [
        attribute(3, "tag", "Stage: Showing"),
        attribute(1, "tag", "Stage: New"),
        attribute(2, "tag", "Stage: Lost"),
    ]
    assert read(*rows)["stage"] == "showing"
    present = contact(1, *rows)
    body = put(present, {"stage": "closed"})
    assert body["add"] == {"stage": {"attribute_type": "tag", "text": "Stage: Closed"}}
    assert set(body["drop"]) == {uuid(1001), uuid(1002), uuid(1003)}
    assert put(present, {"stage": "new"}) == {"drop": {uuid(1003): True, uuid(1002): True}}, "one that is there stays"
    same = [{**rows[0], "created_at": 7, "id": uuid(8)}, {**rows[1], "created_at": 7, "id": uuid(9)}]
    assert read(*same)["stage"] == "new"


def test_an_equal_stage_tag_keeps_its_case():
    """A stage already there is not added again (§6)."""
    assert put(contact(1, attribute(1, "tag", "STAGE: showing")), {"stage": "showing"}) == {}


def test_without_a_prefix_the_words_are_the_stage_tags():
    """An empty prefix: a tag that equals one of the words (§6)."""
    fields = read(attribute(1, "tag", "showing"), attribute(2, "tag", "Showing soon"), stage_tag_prefix="")
    assert (fields["stage"], fields["labels"]) == ("showing", frozenset({"Showing soon"}))


def test_words_of_the_config_are_all_read_and_the_first_is_written():
    """One word or a list (§6)."""
    stages = {"closed": ["Sold", "Done"], "lost": []}
    assert read(attribute(1, "tag", "Stage: done"), stages=stages)["stage"] == "closed"
    assert put({}, {"stage": "closed"}, stages=stages)["add"]["stage"]["text"] == "Stage: Sold"
    assert mapped(stages=stages).table.show({"stage": "lost"}, {}) == {}


def test_labels_that_read_like_stages_are_not_written():
    """A canonical label that would be a stage tag stays away (§6)."""
    table = mapped().table
    assert table.show({"labels": frozenset({"Hot", "stage: x"})}, {})["labels"] == frozenset({"Hot"})
    assert put({}, {"labels": frozenset({"stage: x"})}) == {}


def test_rows_of_one_name_are_one_label():
    """Compared without case and extra spaces (§8); adding writes only what is missing."""
    rows = [attribute(1, "tag", "Hot  Lead"), attribute(2, "tag", "hot lead"), attribute(3, "tag", "VIP")]
    assert read(*rows)["labels"] == frozenset({"Hot  Lead", "VIP"})
    body = put(contact(1, *rows), {"labels": frozenset({"HOT LEAD", "vip", "New"})})
    assert body == {"add": {"tag:new": {"attribute_type": "tag", "text": "New"}}}


def test_one_member_of_a_household_is_the_partner():
    """A spouse counts as the partner, whatever the relation is called elsewhere (§5)."""
    table = mapped().table
    kim, child = Member("spouse", "Kim", "Hopper"), Member("child", "Abe", "Hopper")
    shown = table.show({"household": frozenset({child, kim})}, {})
    assert shown["household"] == frozenset({Member("partner", "Kim", "Hopper")})
    lens = table.by_field["household"]
    assert lens.key("household")(kim) == lens.key("household")(Member("partner", "Kim", "Hopper"))
    rows = put({}, {"household": frozenset({kim})})["add"].values()
    assert all(row["is_partner"] is True for row in rows)


def test_owner_and_assignee():
    """The owner in three forms; the assignee who is not the owner, lowest email first (§9)."""

    def role(number: int, email: str) -> dict[str, Any]:
        return {"id": uuid(700 + number), "type": "contact_role", "user": {"id": uuid(number), "email": email}}

    table = mapped().table
    assignees = [role(3, "z@example.com"), role(2, "B@example.com"), role(1, "a@example.com")]
    for owner in ({"user": {"id": uuid(1)}}, {"user": uuid(1)}, {"user": None, "user_id": uuid(1)}):
        fields = table.read(contact(1, **owner, assignees=assignees)).fields
        assert (fields["assignment.primary"], fields["assignment.partner"]) == (uuid(1), uuid(2))
    untold = {key: value for key, value in contact(1).items() if key != "assignees"}
    assert "assignment.partner" not in table.read(untold).told
    assert "assignment.partner" not in mapped(assignee_role="").table.by_field


@pytest.mark.parametrize("attributes", [None, "x", {}, [1], [{"id": None, "attribute_type": "tag"}]])
def test_rows_that_are_none_make_a_contact_unreadable(attributes: Any):
    """Never "no attributes" (§3)."""
    with pytest.raises(UnreadableError):
        mapped().table.read({**contact(1), "attributes": attributes})


def test_a_lead_without_any_value_cannot_be_created():
    """`POST /contacts` without attributes is a 400 (§11); the plan says so instead of trying."""
    table = mapped().table
    assert table.obstacle({})
    assert table.obstacle({"assignment.primary": "x"})
    assert not table.obstacle({"first_name": "Ada"})


@pytest.mark.parametrize(
    ("shown", "half"),
    [
        ("83 N Likasa St", True),
        ("83 Likasa St", True),
        ("83 Likasa", False),
        ("83 Likasa Ave", False),
        ("12 N Main St", False),
        ("84 Likasa St", False),
    ],
)
def test_a_street_cut_off_between_its_calls_is_known_as_ours(shown: str, half: bool):  # noqa: FBT001
    """The old prefix, suffix and unit go after the new number and name are set (§5, §11): what is left is no edit."""
    lens = mapped().table.by_field["street"]
    assert lens.halfway("street", "83 Likasa", "12 N Main St", shown) is half
    assert not lens.halfway("city", "83 Likasa", "12 N Main St", shown)
