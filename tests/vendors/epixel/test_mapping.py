"""Epixel's lens table: every form accepted, every form written, and the laws (vendors/epixel.md §5, §9)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.errors import UnreadableError
from syncd.domain.lead import STAGES, Phone
from syncd.domain.lens import LensTable, Unmapped
from syncd.vendors.epixel import choices as overview
from syncd.vendors.epixel import mapping
from syncd.vendors.epixel.choices import Choices
from syncd.vendors.epixel.mapping import Options
from syncd.vendors.epixel.numbers import Numbers, digits
from syncd.vendors.epixel.payload import Agent, assignee, is_deleted
from syncd.vendors.epixel.stages import Sources, Stages
from tests.vendors.epixel.support import OVERVIEW, WANTED, lead


def table(region: str = "US", *, stages: Any = None, sources: Any = None, **options: Any) -> LensTable:
    """A table of a connection with these options, the choices known."""
    known = Choices()
    known.take(*overview.read(OVERVIEW))
    return mapping.build(
        Options(
            stages=Stages(stages or {}, known),
            sources=Sources(sources or {}, known),
            numbers=Numbers(region),
            **options,
        )
    )


def read(name: str, payload: dict[str, Any], rows: LensTable | None = None) -> Any:
    """What one row reads of a payload."""
    return (rows or table()).by_field[name].get(payload)[name]


@pytest.mark.parametrize("key", ["phone", "phone_number", "mobile"])
def test_a_number_stands_under_any_of_its_names(key: str):
    """§5: the first that is present counts; its kind is cell; there is one."""
    rows = table().by_field["phone"].get({key: "(415) 555-2671"})
    assert rows == {"phone": "+14155552671", "phones": frozenset({Phone("+14155552671", "cell")})}
    assert read("phone", {"phone": "14155552671", "mobile": "12129876543"}) == "+14155552671"


@pytest.mark.parametrize(
    ("shown", "number"),
    [
        ("4155552671", "+14155552671"),
        ("14155552671", "+14155552671"),
        ("442079460958", "+442079460958"),
        ("44 20 7946 0958", "+442079460958"),
        ("+44 20 7946 0958", "+442079460958"),
        (442079460958, "+442079460958"),
        ("12345", "12345"),
        ("ask reception", "ask reception"),
        ("", None),
        (None, None),
    ],
)
def test_numbers_are_read_with_the_region_then_with_a_plus(shown: Any, number: str | None):
    """§5: parsed with the connection's region, else with "+" before it, else verbatim."""
    assert read("phone", {"phone": shown}) == number


def test_digits_mean_the_number_they_were_agreed_to_mean():
    """§5: 65 8123 4567 is Singapore's, though its digits are a plausible American number; also after a restart."""
    number = "+6581234567"
    fresh = table()
    assert read("phone", {"phone": "6581234567"}, fresh) == "+16581234567"
    assert fresh.show({"phone": number}, {})["phone"] == number
    assert read("phone", {"phone": "6581234567"}, fresh) == number, "what is meant to stand there is known beforehand"
    assert fresh.write({"phone": number}, ["phone"], {}) == {"phone": "6581234567"}
    before = Numbers("US")
    before.agree(number)
    before.agree("+14155552671")
    assert Numbers("US", before.memory).read("6581234567") == number
    assert len(before.memory) == 1, "only what would be read wrongly is remembered"
    assert "6581234567" not in str(before.memory), "and not as itself"


def test_only_digits_are_ever_sent():
    """§5: digits only, at most 15; a number that would need other characters is not carried."""
    assert digits("+442079460958") == "442079460958"
    for odd in ("+14155552671 x12", "call me", "+1234567890123456", ""):
        assert digits(odd) == ""
        assert table().show({"phone": odd, "phones": frozenset()}, {}) == {}
    spare = frozenset({Phone("+14155552671 x12", "work"), Phone("+12129876543", "home")})
    assert table().show({"phone": "+14155552671 x12", "phones": spare}, {})["phone"] == "+12129876543"


def test_a_number_that_stays_keeps_its_spelling():
    """§5: put of what was read changes nothing, up to the characters Epixel does not take."""
    assert table().write({"phone": "+14155552671"}, ["phone"], {"phone": "4155552671"}) == {"phone": "4155552671"}
    assert table().write({"phone": "+14155552671"}, ["phone"], {"phone": "(415) 555-2671"}) == {"phone": "4155552671"}
    assert table().write({"phone": "+12129876543"}, ["phone"], {"phone": "4155552671"}) == {"phone": "12129876543"}


@pytest.mark.parametrize(
    "location", ["London", {"name": "London"}, {"city": "London", "country": "UK"}, {"name": "", "city": "London"}]
)
def test_a_location_is_the_city(location: Any):
    """§5: text, or name or city of an object; the rest of the address is not told."""
    reading = table().read({"location": location})
    assert reading.fields["city"] == "London"
    assert not reading.told & {"street", "region", "postal_code", "country"}
    assert table().write({"city": "Paris", "street": "1 Rue"}, ["city"], {}) == {"location": "Paris"}


@pytest.mark.parametrize("key", ["status", "lead_status"])
@pytest.mark.parametrize("form", [str, lambda w: {"status": w}, lambda w: {"name": w}, lambda w: {"value": w}])
def test_a_status_in_every_form(key: str, form: Any):
    """§5: text, or status, name, value of an object, under either name."""
    assert read("stage", {key: form("contacted")}) == "contacted"
    assert read("stage", {key: form("Converted")}) == Unmapped("Converted")
    assert read("stage", {key: None}) is None


@pytest.mark.parametrize("form", [str, lambda w: {"source": w}, lambda w: {"name": w}])
def test_sources_translate(form: Any):
    """§5: text or object; the config's table first, then case, spaces, - and _ folded; else left out."""
    rows = table(sources={"Zillow": "Website"})
    assert read("source", {"source": form("Website")}, rows) == "Zillow"
    assert read("source", {"source": form("open_house")}, rows) == "open_house"
    assert rows.write({"source": "Open-House"}, ["source"], {}) == {"source": "open_house"}
    assert rows.show({"source": "OPEN HOUSE"}, {}) == {"source": "open_house"}
    assert rows.write({"source": "zillow"}, ["source"], {}) == {"source": "Website"}
    assert rows.show({"source": "Billboard"}, {}) == {}
    assert rows.writable("source", creating=True)
    assert not rows.writable("source"), "written when a lead is created only"
    assert table(write_source=True).writable("source")


@pytest.mark.parametrize("key", ["created_at", "created", "created_on", "date_created", "created_date", "date"])
@pytest.mark.parametrize(
    "time", ["2026-01-02T10:04:05Z", "2026-01-02 05:04:05", "2026-01-02T05:04:05", 1767348245, "1767348245"]
)
def test_the_day_of_registration(key: str, time: Any):
    """§3, §5: ISO, naive in the connection's zone, epoch seconds; never written."""
    rows = table(zone=ZoneInfo("America/New_York"))
    assert read("registered_at", {key: time}, rows) == datetime(2026, 1, 2, 10, 4, 5, tzinfo=UTC)
    assert read("registered_at", {key: "2026-01-02 05:04"}, rows) == datetime(2026, 1, 2, 10, 4, tzinfo=UTC)
    assert read("registered_at", {key: "soon"}, rows) is None, "no form of times is documented"
    assert not rows.writable("registered_at", creating=True)


@pytest.mark.parametrize(
    ("shown", "agent"),
    [
        ("rebecca", Agent("rebecca")),
        ("Rebecca@Example.com", Agent("Rebecca@Example.com", "rebecca@example.com")),
        ({"username": "reb", "email": "R@Example.com", "name": "Rebecca"}, Agent("reb", "r@example.com", "Rebecca")),
        ({"username": "", "name": ""}, None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("key", ["assignee", "assigned_to", "owner"])
def test_the_assignee_is_the_primary_agent(key: str, shown: Any, agent: Agent | None):
    """§5, §9: a username, or an object; the address is the object's, or the username itself."""
    assert assignee({key: shown}) == agent
    assert read("assignment.primary", {key: shown}) == (agent.username if agent else None)
    assert table().write({"assignment.primary": "reb"}, ["assignment.primary"], {}) == {"assignee": "reb"}
    assert table().write({}, ["assignment.primary"], {}) == {}, "an assignee is never blank"


@pytest.mark.parametrize(
    "more", [{"is_deleted": True}, {"is_deleted": 1}, {"status": "Deleted"}, {"status": {"status": "deleted"}}]
)
def test_what_says_that_a_lead_is_deleted(more: dict[str, Any]):
    """§5, §6: "deleted" is no stage."""
    assert is_deleted(lead(**more))
    assert not is_deleted(lead(is_deleted=False))


def test_a_lone_name_is_never_split():
    """§5: `name` and `full_name` are raw."""
    reading = table().read({"slug": "x", "name": "Ada Byron", "full_name": "Ada Byron"})
    assert not {"first_name", "last_name"} & set(reading.fields)


def test_texts_are_cut_but_names_are_not():
    """§5: a location and a message are cut at 255 code points; names, address and number never are: refused here."""
    rows = table(custom={"remark": "message", "color": "extra.color"})
    assert rows.show({"city": "é" * 300}, {})["city"] == "é" * 255
    assert rows.show({"custom.remark": "x" * 300}, {})["custom.remark"] == "x" * 255
    assert rows.show({"first_name": "x" * 300}, {})["first_name"] == "x" * 300
    assert rows.obstacle({**WANTED, "first_name": "x" * 300}) == "first_name longer than 255 characters"
    assert rows.obstacle({**WANTED, "email": f"{'x' * 250}@example.com"}) == "email longer than 255 characters"


def test_what_a_new_lead_needs():
    """§11: cannot create: missing X; nothing is invented."""
    assert table().obstacle(WANTED) == ""
    assert table().obstacle({"email": "a@example.com"}) == "missing first_name, last_name, phone"
    assert "phone" in table().obstacle({**WANTED, "phone": "+14155552671 x12"})


def test_fields_of_the_users_own():
    """§5: any path can be read, only the message is written."""
    rows = table(custom={"remark": "message", "color": "extra.color", "tags": "tags"})
    got = rows.read({"message": " Hi ", "extra": {"color": "red"}, "tags": ["b", "a"]})
    assert (got.fields["custom.remark"], got.fields["custom.color"]) == ("Hi", "red")
    assert got.fields["custom.tags"] == '["b", "a"]'
    assert rows.write({"custom.remark": "Ho"}, ["custom.remark"], {}) == {"message": "Ho"}
    assert (rows.writable("custom.remark"), rows.writable("custom.color")) == (True, False)


@pytest.mark.parametrize("payload", [{"first_name": ["Ada"]}, {"email": {"a": 1}}, {"phone": True}, {"status": [1]}])
def test_what_cannot_be_read_says_so_without_the_value(payload: dict[str, Any]):
    """A shape no sheet allows is an UnreadableError; its message holds nothing of the record."""
    with pytest.raises(UnreadableError) as caught:
        table().read(payload)
    assert "Ada" not in str(caught.value)


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300)
_numbers = st.sampled_from(
    ["+14155552671", "+6581234567", "+4930901820", "+442079460958", "+4512345678", "12345", "+14155552671 x9", "no"]
)
_leads = st.fixed_dictionaries(
    {},
    optional={
        "first_name": _texts,
        "last_name": _texts,
        "email": st.sampled_from(["a@example.com", "B@Example.com", "no address", ""]),
        "emails": st.frozensets(st.sampled_from(["a@example.com", "c@example.org"])),
        "phone": _numbers,
        "phones": st.frozensets(st.builds(Phone, _numbers, st.sampled_from(["home", "cell"]))),
        "city": _texts,
        "stage": st.sampled_from(STAGES),
        "source": st.sampled_from(["Website", "Open House", "open-house", "Billboard"]),
        "assignment.primary": st.sampled_from(["jean", "a@example.com"]),
        "custom.remark": _texts,
    },
)
_theirs = st.fixed_dictionaries(
    {},
    optional={
        "first_name": _texts,
        "last_name": _texts,
        "email": st.sampled_from(["a@example.com", "No address", "X@EXAMPLE.com"]),
        "phone": st.sampled_from(["4155552671", "(415) 555-2671", "6581234567", "4930901820", "12345", "x"]),
        "location": st.one_of(_texts, st.fixed_dictionaries({"name": _texts})),
        "status": st.sampled_from(["new", "Contacted", "lost", "limbo", "", {"status": "new", "Description": "New"}]),
        "source": st.sampled_from(["Website", "OPEN_HOUSE", "elsewhere", {"source": "Website"}]),
        "assignee": st.sampled_from(["jean", {"username": "jean", "email": "j@example.com", "name": "J"}]),
        "message": _texts,
    },
)
OWN: dict[str, Any] = {
    "custom": {"remark": "message"},
    "stages": {"attempted": ["new"], "closed": ["converted", "lost"]},
}


@settings(max_examples=150)
@given(canonical=_leads)
def test_what_is_written_is_what_is_read(canonical: dict[str, Any]):
    """Lens laws: get(put(c)) == squeeze(c), and a loss happens once."""
    rows = table(**OWN)
    shown = rows.show(canonical, {})
    assert rows.show(shown, {}) == shown
    assert rows.show(shown, shown) == shown
    body = rows.write(shown, list(shown), {})
    assert set(body) <= {
        "first_name",
        "last_name",
        "email",
        "phone",
        "location",
        "status",
        "source",
        "assignee",
        "message",
    }
    assert dict(rows.read({"slug": "x", **body}).fields) == shown


@settings(max_examples=150)
@given(payload=_theirs)
def test_writing_what_was_just_read_changes_nothing(payload: dict[str, Any]):
    """Lens law: put of what was just read reads the same again."""
    rows = table(**OWN)
    reading = rows.read(payload)
    shown = rows.show(reading.fields, reading.fields)
    body = rows.write(shown, list(shown), payload)
    again = rows.read({**payload, **body})
    assert {name: again.fields.get(name) for name in shown} == shown
