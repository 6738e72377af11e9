"""MyCRM's lens table: every form that is accepted, every form that is written (vendors/mycrm.md §5, §6)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import UnreadableError
from syncd.domain.lead import Phone
from syncd.domain.lens import LensTable, Unmapped
from syncd.vendors.mycrm import mapping
from syncd.vendors.mycrm.countries import country
from syncd.vendors.mycrm.mapping import Options
from syncd.vendors.mycrm.needs import Defaults


def table(**options: Any) -> LensTable:
    """A table of a connection with these options."""
    return mapping.build(Options(**options))


def read(name: str, payload: dict[str, Any], **options: Any) -> Any:
    """What one row reads."""
    return table(**options).by_field[name].get(payload)[name]


@pytest.mark.parametrize("shown", ["mr", "MR", "Mr.", " mr "])
def test_titles_fold(shown: str):
    """vendors/mycrm.md §5: case and dot folded; another word is kept and reported."""
    assert read("title", {"title": shown}) == "Mr"
    assert read("title", {"title": "dr"}) == Unmapped("dr")
    assert table().show({"title": "Dr"}, {}) == {}
    assert table().write({"title": "Miss"}, ["title"], {}) == {"title": "miss"}


@pytest.mark.parametrize("shown", ["AE", "ae", "ARE", "UAE", "United Arab Emirates", "united  arab emirates"])
def test_countries_in_every_spelling(shown: str):
    """vendors/mycrm.md §5: alpha-2, alpha-3, "UAE", English name; written alpha-2; unknown text verbatim."""
    assert read("country", {"country": shown}) == "AE"
    assert table().write({"country": shown}, ["country"], {})["country"] == "AE"
    assert (country("Atlantis"), country("Deutschland"), country("Germany")) == ("Atlantis", "Deutschland", "DE")


def test_the_table_of_countries_is_whole_and_unambiguous():
    """ISO 3166-1: 249 countries, each code once."""
    assert len({country(code) for code in ("GB", "GBR", "UK", "United Kingdom", "Great Britain")}) == 1
    from syncd.vendors.countries import _ROWS

    rows = [row.split(" ", 2) for row in _ROWS.splitlines()]
    assert len(rows) == len({row[0] for row in rows}) == len({row[1] for row in rows}) == 249


def test_the_number_keeps_its_spelling_while_it_is_the_same():
    """vendors/mycrm.md §5: read with the region, written as +E.164, the same number is not rewritten."""
    there = {"mobile": "0478524147"}
    number = table(region="AU").by_field["phone"].get(there)["phone"]
    assert number == "+61478524147"
    again = table(region="AU").write({"phone": number}, ["phone"], there)
    assert again == {"mobile": "0478524147"}
    assert table().write({"phone": "+971501234567"}, ["phone"], {}) == {"mobile": "+971501234567"}
    assert read("phone", {"mobile": "call reception"}) == "call reception"


def test_one_number_whatever_its_kind():
    """vendors/mycrm.md §5: capacity 1, the primary; a number that stands there stays if there is no primary."""
    several = frozenset({Phone("+971501234567", "home"), Phone("+971501234568", "work")})
    shown = table().show({"phone": "+971501234568", "phones": several}, {})
    assert shown == {"phone": "+971501234568", "phones": frozenset({Phone("+971501234568", "cell")})}
    standing = {"phone": "+971501234568"}
    assert table().show({"phones": several}, standing)["phone"] == "+971501234568"


def test_statuses_equal_each_of_their_stages():
    """vendors/mycrm.md §6: the first in the table is read; appointment does not turn into showing."""
    rows = table()
    assert read("stage", {"status": "viewingsInProgress"}) == "showing"
    assert read("stage", {"status": "prospect"}) == "contacted"
    assert read("stage", {"status": "other"}) == Unmapped("other")
    assert read("stage", {"status": None}) is None
    assert rows.show({"stage": "appointment"}, {"stage": "showing"}) == {"stage": "showing"}
    assert rows.show({"stage": "nurturing"}, {}) == {"stage": "contacted"}
    assert rows.write({"stage": "closed"}, ["stage"], {}) == {"status": "contractSigned"}
    own = table(stages={"nurturing": ["notReady"], "not_ready": []})
    assert own.write({"stage": "nurturing"}, ["stage"], {}) == {"status": "notReady"}
    assert own.show({"stage": "not_ready"}, {}) == {}


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Facebook", "socialMedia/facebook"),
        ("FACEBOOK", "socialMedia/facebook"),
        ("portal/bayut", "portal/bayut"),
        ("bayut", "portal/bayut"),
        ("other/a friend", "other/a friend"),
        ("portal/facebook", None),
        ("Open House", None),
    ],
)
def test_sources_translate_or_do_not(text: str, pair: str | None):
    """vendors/mycrm.md §5: the config's table, a known pair, a known channel; nothing is guessed, nothing updated."""
    rows = table(sources={"facebook": "socialMedia/facebook"})
    assert rows.show({"source": text}, {}).get("source") == pair
    body = rows.write({"source": pair}, ["source"], {}) if pair else {}
    assert list(body.values()) == (pair.split("/") if pair else [])
    assert rows.writable("source", creating=True)
    assert not rows.writable("source")


def test_sources_are_read_as_pairs():
    """vendors/mycrm.md §5: "source/channel", or the source alone."""
    assert read("source", {"source": "portal", "channel": "bayut"}) == "portal/bayut"
    assert read("source", {"source": "portal", "channel": None}) == "portal"
    assert read("source", {"source": None, "channel": None}) is None
    assert table().show({"source": "portal"}, {"source": "portal"}) == {"source": "portal"}


@pytest.mark.parametrize(
    "payload",
    [
        {"preferences": [{"offering_type": "rent"}]},
        {"preferences": {"offering_type": "rent"}},
        {"preferences": [{"offering_type": "rent"}, {"offering_type": "sale"}]},
        {"preferences": [], "offering_type": "rent"},
    ],
)
def test_the_offering_is_the_role(payload: dict[str, Any]):
    """vendors/mycrm.md §5, §13: in the preference (a list, an object; only the first) or beside it."""
    assert read("roles", payload) == frozenset({"renter"})
    assert read("roles", {"preferences": [{"offering_type": "residential"}]}) == Unmapped("residential")
    nothings: list[Any] = [None, [], {}]
    assert [read("roles", {"preferences": nothing}) for nothing in nothings] == [None] * 3
    assert read("roles", {}) is None


def test_of_both_roles_the_present_one_stays():
    """vendors/mycrm.md §5: both roles: the present one, else sale; seller is not carried."""
    both = frozenset({"buyer", "renter", "seller"})
    assert table().show({"roles": both}, {"roles": frozenset({"renter"})}) == {"roles": frozenset({"renter"})}
    assert table().show({"roles": both}, {}) == {"roles": frozenset({"buyer"})}
    assert table().show({"roles": frozenset({"seller"})}, {}) == {}
    assert table().write({"roles": frozenset({"renter"})}, ["roles"], {}) == {
        "offering_type": "rent",
        "preference": {"offering_type": "rent"},
    }


@pytest.mark.parametrize(
    ("word", "months"),
    [("0", (0, 0)), ("3", (3, 3)), ("1-3", (1, 3)), ("3-6", (3, 6)), ("6-9", (6, 9)), ("9-12", (9, 12))],
)
def test_time_frames_are_exact_or_not_written(word: str, months: tuple[int, int]):
    """vendors/mycrm.md §5: only exact matches are written."""
    assert read("buyer_timeline", {"time_frame": word}) == months
    assert table().write({"buyer_timeline": months}, ["buyer_timeline"], {}) == {"time_frame": word}
    assert table().show({"buyer_timeline": (6, 12)}, {}) == {}
    assert read("buyer_timeline", {"time_frame": "someday"}) == Unmapped("someday")


def test_numbers_are_floored_and_ceiled():
    """vendors/mycrm.md §5: integers, min floored, max ceiled; null is blank, text of a number is one."""
    wanted = {"price_min": 99.5, "price_max": 100.5, "baths_min": 2.5, "size_max": 10.1}
    assert table().show(wanted, {}) == {"price_min": 99, "price_max": 101, "baths_min": 2, "size_max": 11}
    body = table().write(wanted, list(wanted), {})
    assert body == {"preference": {"from_price": 99, "to_price": 101, "from_bathroom": 2, "to_size": 11}}
    payload = {"preferences": [{"from_price": "120000", "to_price": None, "to_bedroom": 3.0}]}
    assert [read(name, payload) for name in ("price_min", "price_max", "beds_max")] == [120000, None, 3]
    with pytest.raises(UnreadableError):
        read("price_min", {"preferences": [{"from_price": "lots"}]})


TABLES = {"areas": {"Dubai Marina": "are.2.15"}, "types": {"Apartment": 2, "Flat": 2}}
WISH = {
    "preferences": [
        {
            "locations": [
                {"id": "are.2.15", "city": "Dubai", "community": "Marina"},
                {
                    "id": "are.3.1200",
                    "tower": "Wind Tower 1",
                    "sub_community": "LAW",
                    "community": "JLT",
                    "city": "Dubai",
                },
                {"id": "are.9.9"},
            ],
            "types": [{"id": 2, "name": "Wohnung"}, {"id": 7, "name": "Land"}],
        }
    ]
}


def test_areas_and_types_are_ids_with_texts():
    """vendors/mycrm.md §5: the text of an id by the config's table, else what MyCRM calls it."""
    assert read("areas", WISH, **TABLES) == frozenset({"Dubai Marina", "Wind Tower 1, LAW, JLT, Dubai"})
    assert read("property_types", WISH, **TABLES) == frozenset({"Apartment", "Land"})


def test_ids_are_written_for_known_texts_and_for_those_shown():
    """vendors/mycrm.md §5: ids from the table, ids the lead shows for texts that stay; what has no text stays too."""
    rows = table(**TABLES)
    shown = dict(rows.read(WISH).fields)
    wanted = rows.show({**shown, "areas": frozenset({"wind tower 1, law, jlt, dubai", "Nowhere"})}, shown)
    assert wanted["areas"] == frozenset({"Wind Tower 1, LAW, JLT, Dubai"})
    assert rows.write(wanted, ["areas"], WISH) == {"preference": {"locations": ["are.3.1200", "are.9.9"]}}
    new = rows.show({"areas": frozenset({"dubai marina"}), "property_types": frozenset({"flat"})}, {})
    assert new == {"areas": frozenset({"Dubai Marina"}), "property_types": frozenset({"Apartment"})}
    body = rows.write(new, list(new), {})
    assert body == {"preference": {"locations": ["are.2.15"], "types": [2]}}


@pytest.mark.parametrize(
    ("shown", "agent"), [(7, "7"), ("7", "7"), ({"id": 7}, "7"), ({"id": 7, "email": "x"}, "7"), (None, None)]
)
def test_the_user_is_an_id_an_object_or_nobody(shown: Any, agent: str | None):
    """vendors/mycrm.md §9: and what is not shown is not told."""
    assert read("assignment.primary", {"user": shown}) == agent
    assert table().by_field["assignment.primary"].get({}) == {}
    assert table().write({"assignment.primary": "7"}, ["assignment.primary"], {}) == {"user": 7}


def test_placeholders_read_as_blank():
    """vendors/mycrm.md §5: a name that stands for none is none, and is not written as one."""
    rows = table(defaults=Defaults({"first_name": "-", "last_name": "Unknown"}))
    assert dict(rows.read({"first_name": "-", "last_name": "Unknown"}).fields) == {}
    assert rows.show({"first_name": "-", "last_name": "Hopper"}, {}) == {"last_name": "Hopper"}


def test_custom_fields_in_every_place():
    """vendors/mycrm.md §5: fields.N, the three fixed lists, and any other path to read."""
    rows = table(custom={"pets": "fields.1", "rank": "quality", "hits": "matching.count", "money": "financial"})
    payload = {"fields": {"1": "2 pets"}, "quality": "hot", "matching": {"count": 3}, "financial": "cash"}
    assert dict(rows.read(payload).fields) == {
        "custom.pets": "2 pets", "custom.rank": "hot", "custom.hits": 3, "custom.money": "cash",
    }  # fmt: skip
    wanted = rows.show({"custom.pets": True, "custom.rank": "HOT", "custom.money": "gold"}, {})
    assert wanted == {"custom.pets": True, "custom.rank": "hot"}
    assert rows.write(wanted, list(wanted), {}) == {"fields": {"1": True}, "quality": "hot"}
    assert not rows.writable("custom.hits")
    assert dict(rows.read({"fields": []}).fields) == {}


def test_what_is_missing_is_named_in_order():
    """vendors/mycrm.md §5: names of the table and ``mobile``; a budget that is upside down is none."""
    obstacle = table().obstacle
    assert obstacle({"title": "Mr", "first_name": "A", "stage": "new"}) == (
        "missing last_name, mobile, country, category, source, source_channel, financial, offering_type, "
        "preference.types, preference.locations, preference.from_price, preference.to_price"
    )
    filled = Defaults(
        {
            "title": "mr", "last_name": "-", "category": "commercial", "status": "qualified", "source": "portal",
            "source_channel": "bayut", "financial": "cash", "offering_type": "sale", "preference.types": [2],
            "preference.locations": ["are.1.1"], "preference.from_price": 10, "preference.to_price": 20,
            "preference.amenities": [],
        }
    )  # fmt: skip
    rows = table(defaults=filled)
    person = {"first_name": "A", "phone": "+971501234567"}
    assert rows.obstacle(person) == "missing country"
    assert rows.obstacle({**person, "country": "AE"}) == ""
    assert rows.obstacle({**person, "country": "AE", "price_min": 21}) == "from_price > to_price"
