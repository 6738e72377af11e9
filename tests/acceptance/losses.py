"""Values that some vendor cannot hold as they are: what each app shows of them, written by hand from the sheets.

A value that is cut, re-cased, coerced, defaulted or reduced to one of several by a *narrow* vendor still stands whole
everywhere else, also after a person has changed something else at the narrow vendor, so that its record is read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.acceptance.fields import DISTANT, FAMILY, SPOUSE, YES, many

LONG = "Wolfeschlegelsteinhausenbergerdorff-Augusta Ada"
LABEL = "Wants a house by the lake, with a boat, a jetty, and room for two tall dogs"
CITY = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch by the sea " * 4 + "end"
REMARK = "Likes lakes. " * 30 + "End"
NOTE = "She will call about the house by the lake, and again about the boat. " * 20 + "Done"
ADDRESSES = ["one{n}@example.com", "three{n}@example.com", "two{n}@example.com"]
NUMBERS = [
    ("(404) 555-0101", "cell"),
    ("(404) 555-0102", "home"),
    ("(404) 555-0103", "work"),
    ("(404) 555-0104", "home"),
]
CHILD = {"relation": "Child", "first_name": "Zoe", "last_name": "King", "email": "zoe@example.net"}


@dataclass(frozen=True, slots=True)
class Loss:
    """``field`` typed as ``typed`` at ``source``; ``shown`` is seen elsewhere, and nothing at those it leaves out.

    narrow  who does not hold all of it, or shows it another way: there something else is edited afterwards
    new     the lead is known at the source alone, so that the others' are made with the value
    """

    name: str
    field: str
    source: str
    typed: Any
    shown: Mapping[str, Any]
    narrow: tuple[str, ...]
    new: bool = False

    @property
    def made(self) -> Mapping[str, Mapping[str, Any]]:
        """The same by field, for leads that are made with the value."""
        return {vendor: {self.field: value} for vendor, value in self.shown.items()}


def one_address(vendor: str) -> Mapping[str, Any]:
    """The first of several addresses, at a vendor that has room for one."""
    return {vendor: many(email=ADDRESSES[0], emails=ADDRESSES[:1])}


CUT: tuple[Loss, ...] = (
    Loss("a first name of 47 letters", "first_name", "cinc", LONG,
         {"chime": LONG[:30], "mycrm": LONG, "rechat": LONG, "epixel": LONG}, ("chime",)),
    Loss("a last name of 47 letters", "last_name", "epixel", LONG,
         {"cinc": LONG, "chime": LONG[:30], "mycrm": LONG, "rechat": LONG}, ("chime",)),
    Loss("a city of 283 letters", "city", "rechat", CITY,
         {"cinc": CITY, "chime": CITY, "mycrm": CITY, "epixel": CITY[:255]}, ("epixel",)),
    Loss("a label of 74 letters", "labels", "rechat", many(label=LABEL),
         {"cinc": [LABEL], "chime": [LABEL[:64]]}, ("chime",)),
    Loss("a remark of 393 letters", "remark", "rechat", many(company=REMARK),
         {"chime": many(custom={"Remark": REMARK}), "mycrm": many(fields={"1": REMARK}),
          "epixel": many(message=REMARK[:255])}, ("epixel",)),
    Loss("a note in three parts", "notes", "chime", many(note=NOTE),
         {"cinc": [NOTE], "mycrm": [NOTE], "rechat": [NOTE], "epixel": [NOTE]}, ("epixel",)),
)  # fmt: skip

RECASED: tuple[Loss, ...] = (
    Loss("a name in odd case", "first_name", "chime", "jOHN-pAUL",
         dict.fromkeys(("cinc", "mycrm", "rechat", "epixel"), "jOHN-pAUL"), ("cinc", "mycrm", "rechat", "epixel")),
    Loss("an address in odd case", "email", "mycrm", "Ada.BYRON{n}@Example.COM",
         {vendor: many(email="ada.byron{n}@example.com", emails=["ada.byron{n}@example.com"])
          for vendor in ("cinc", "chime", "rechat", "epixel")}, ("cinc", "chime", "rechat", "epixel")),
    Loss("a label in odd case", "labels", "chime", many(label="vIP Lead"),
         {"cinc": ["vIP Lead"], "rechat": ["vIP Lead"]}, ("cinc", "rechat")),
    Loss("a source in odd case", "source", "rechat", "OPEN-house",
         {"cinc": "OPEN-house", "chime": "OPEN-house", "mycrm": "other/syncd", "epixel": "Open House"},
         ("mycrm", "epixel"), new=True),
)  # fmt: skip

COERCED: tuple[Loss, ...] = (
    Loss("a title that is none of four", "title", "rechat", "Dr", {}, ("mycrm", "cinc")),
    Loss("months of their own", "buyer_timeline", "cinc", (4, 7),
         {"chime": "6-12", "rechat": "4-7"}, ("chime", "mycrm")),
    Loss("a price with cents", "price_min", "rechat", 200_000.5,
         {"chime": 200_001, "mycrm": 200_000}, ("chime", "mycrm")),
    Loss("half a bathroom", "baths_min", "chime", 2.5, {"mycrm": 2}, ("mycrm",)),
    Loss("a stage that shares its status", "stage", "chime", "Nurture", {"mycrm": "prospect", "rechat": "Nurturing"},
         ("mycrm", "cinc", "epixel")),
    Loss("another stage that shares its status", "stage", "cinc", "Appointment Set",
         {"chime": "Appointment Set", "mycrm": "viewingsInProgress", "rechat": "Appointment"}, ("mycrm", "epixel")),
    Loss("numbers as vendors spell them", "phones", "rechat", [("404.555.0101", "home")],
         {"cinc": [("4045550101", "home")], "chime": [("+14045550101", "")], "mycrm": [("+14045550101", "cell")],
          "epixel": [("14045550101", "cell")]}, ("cinc", "chime", "mycrm", "epixel")),
    Loss("a property type of their own", "property_types", "rechat", ["Castle"], {}, ("chime", "mycrm")),
    Loss("an opt-out", "email_opt_out", "chime", YES, {}, ("cinc", "mycrm", "rechat", "epixel")),
)  # fmt: skip

SINGLED: tuple[Loss, ...] = (
    Loss("three addresses", "emails", "rechat", ADDRESSES,
         {**one_address("cinc"), "chime": many(email=ADDRESSES[0], emails=ADDRESSES), **one_address("mycrm"),
          **one_address("epixel")}, ("cinc", "mycrm", "epixel")),
    Loss("four numbers", "phones", "rechat", NUMBERS,
         {"cinc": [("4045550101", "cell"), ("4045550102", "home"), ("4045550103", "work")],
          "chime": [(f"+1404555010{n}", "") for n in (1, 2, 3, 4)], "mycrm": [("+14045550101", "cell")],
          "epixel": [("14045550101", "cell")]}, ("cinc", "chime", "mycrm", "epixel")),
    Loss("three roles", "roles", "rechat", ["buyer", "seller", "renter"],
         {"cinc": ["buyer", "seller"], "chime": ["seller", "buyer"],
          "mycrm": many(roles=["buyer"], offering_type="sale")}, ("cinc", "chime", "mycrm")),
    Loss("a family of two", "household", "chime", [SPOUSE, CHILD],
         {"cinc": [CHILD], "rechat": [DISTANT]}, ("cinc", "rechat")),
    Loss("two areas", "areas", "chime", ["Springfield, IL", "Macon"],
         {"mycrm": ["are.4.7"], "rechat": ["Macon", "Springfield,IL"]}, ("mycrm", "rechat")),
)  # fmt: skip

LOSSES: tuple[Loss, ...] = (*CUT, *RECASED, *COERCED, *SINGLED)
"""Truncated, re-cased, coerced or defaulted, reduced to one."""


@dataclass(frozen=True, slots=True)
class Swap:
    """Several values typed at ``source``; at ``narrow``, which shows one of them, somebody then puts ``then`` there."""

    name: str
    field: str
    source: str
    typed: Any
    narrow: str
    then: Any
    shown: Mapping[str, Any]


FRESH = ["fresh{n}@example.com", *ADDRESSES[1:]]
SAM = {"relation": "Child", "first_name": "Sam", "last_name": "King", "email": "sam@example.net"}
SAM_ROW = {"relationship": "Child", "firstName": "Sam", "lastName": "King", "emails": ["sam@example.net"]}
SPOUSE_ROW = {**FAMILY, "birthday": None, "phones": []}
SWAPS: tuple[Swap, ...] = (
    Swap("another address at MyCRM", "emails", "rechat", ADDRESSES, "mycrm", many(email=FRESH[0]),
         {vendor: many(email=FRESH[0], emails=FRESH if vendor in {"chime", "rechat"} else FRESH[:1])
          for vendor in ("cinc", "chime", "rechat", "epixel")}),
    Swap("another number at Epixel", "phones", "rechat", NUMBERS[:3], "epixel", [("14045550199", "cell")],
         {"cinc": [("4045550199", "cell"), ("4045550102", "home"), ("4045550103", "work")],
          "chime": [(f"+1404555{n}", "") for n in ("0199", "0102", "0103")], "mycrm": [("+14045550199", "cell")],
          "rechat": [("+14045550199", "cell"), *NUMBERS[1:3]]}),
    Swap("another child at CINC", "household", "chime", [SPOUSE, CHILD], "cinc", [SAM],
         {"chime": [SPOUSE_ROW, SAM_ROW]}),
    Swap("another area at MyCRM", "areas", "chime", ["Springfield, IL", "Macon"], "mycrm", ["are.4.8"],
         {"chime": [{"description": "Macon"}, {"city": "Atlanta", "stateCode": "GA"}]}),
)  # fmt: skip
"""What the others show then: the rest is still there."""
