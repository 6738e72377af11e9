"""What becomes of a value typed in any of the five CRMs, as each vendor's own app then shows it.

Written by hand from the vendors' sheets, not computed from any mapping. One row per thing a person may type, one cell
per vendor:

    both(X)           people can type X there, and X is what the app shows when it was typed elsewhere
    both(X, Y)        … and Y is what the app shows then
    read(X, why)      people can type X there, syncd never writes it
    shows(Y, why)     nobody types it there, but Y is shown
    no(why)           the app goes on showing what it showed

Where several fields are typed or shown at once they stand in `many`. ``lofty`` and ``attributes`` are the other faces
of Chime and Rechat; left out, they are like the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

Many = dict[str, Any]
"""Several fields at once, by plain name. (No field has a mapping for its value.)"""
SHOWN_AS = {"phone": "phones"} | {
    f"assignment.{role}": "assignments" for role in ("primary", "listing", "partner", "lender", "assistant")
}
"""Canonical fields that apps show under another name."""


def many(**fields: Any) -> Many:
    """Several fields at once."""
    return fields


@dataclass(frozen=True, slots=True)
class Cell:
    """One vendor's part of a row. ``typed`` None: nobody can type it there; ``shown`` None: nothing changes there."""

    typed: Any = None
    shown: Any = None
    why: str = ""


def both(typed: Any, shown: Any = None) -> Cell:
    """Carried both ways."""
    return Cell(typed, typed if shown is None else shown)


def read(typed: Any, why: str) -> Cell:
    """Carried from there, never to there."""
    return Cell(typed, None, why)


def shows(shown: Any, why: str) -> Cell:
    """Carried to there; nobody can type it."""
    return Cell(None, shown, why)


def arrives(shown: Many) -> Cell:
    """What a lead shows that syncd made."""
    return Cell(None, shown)


def no(why: str) -> Cell:
    """Not carried at all."""
    return Cell(None, None, why)


@dataclass(frozen=True, slots=True)
class Row:
    """``field``: the plain name typed and shown. ``before``: typed at the same vendor before all were first in step."""

    name: str
    field: str
    cells: Mapping[str, Cell]
    before: Any = None

    def cell(self, face: str) -> Cell:
        """The cell of a vendor under a face it wears: chime or lofty, rechat or attributes."""
        like = {"lofty": "chime", "attributes": "rechat"}
        return self.cells[face] if face in self.cells else self.cells[like[face]]

    def shown(self, faces: Mapping[str, str], *, but: str) -> dict[str, Any]:
        """What each vendor shows then, by vendor; ``but``: the one where it was typed."""
        found = {vendor: self.cell(face).shown for vendor, face in faces.items() if vendor != but}
        return {vendor: value for vendor, value in found.items() if value is not None}


def row(name: str, field: str = "", *, before: Any = None, **cells: Cell) -> Row:
    """A row of the table."""
    return Row(name, field or name, cells, before)


YES = True
NO_FIELD = "the app has no field for it"
NO_WORD = "this site's pipeline has no such stage, and the config names none"
NO_CHOICE = "the installation's list has no such status, and the config names none"
NO_ATTRIBUTE = "the account has no custom attribute for it"
ONE_ADDRESS = "one address a lead"
ONE_NUMBER = "one number a lead"
LOFTY_SIZES = "Lofty no longer takes sizes; those that are there are read"
OPT_OUTS = "the app keeps no opt-outs"
ONE_AGENT = "one agent a lead"
NO_LABELS = "the app has no labels"
UNLISTED = "takes a source from its list, when a lead is created and never again"
UPDATED_SOURCE = "takes a source when a lead is created, never again"
FRAMES = "only the frames of its own list"
NUMBER = "(404) 555-0199"
SECOND = [("(404) 555-0199", "cell"), ("(404) 555-0188", "home")]
DISTANT = {"relation": "partner", "first_name": "Kim", "last_name": "King", "email": "kim@example.net"}
SPOUSE = {**DISTANT, "relation": "Spouse"}
FAMILY = {"relationship": "Spouse", "firstName": "Kim", "lastName": "King", "emails": ["kim@example.net"]}


def everywhere(name: str, typed: Any, shown: Any = None, field: str = "") -> Row:
    """What all five keep as it is."""
    cell = both(typed, shown)
    return row(name, field, cinc=cell, chime=cell, mycrm=cell, rechat=cell, epixel=cell)


def stage(name: str, cinc: str, chime: str, mycrm: Cell, rechat: str, epixel: str) -> Row:
    """A stage; "" where a site or an installation has no such word."""
    return row(
        f"stage: {name}", "stage",
        cinc=both(cinc) if cinc else no(NO_WORD), chime=both(chime), mycrm=mycrm, rechat=both(rechat),
        epixel=both(epixel) if epixel else no(NO_CHOICE),
    )  # fmt: skip


def wish(name: str, low: Any, high: Any, *, rechat: Cell, lofty: Cell | None = None) -> Row:
    """A range of what people look for."""
    pair = many(**{f"{name}_min": low, f"{name}_max": high})
    written = many(**{f"{name}_min": f"{low:g}", f"{name}_max": f"{high:g}"}) if name == "baths" else pair
    chime = both(pair, written)
    return row(
        name, cinc=no(NO_FIELD), chime=chime, lofty=lofty or chime, mycrm=both(pair), rechat=no(NO_ATTRIBUTE),
        attributes=rechat, epixel=no(NO_FIELD),
    )  # fmt: skip


WHO = (
    row("title", cinc=no(NO_FIELD), chime=no(NO_FIELD), mycrm=both("mrs"), rechat=both("Mrs"), epixel=no(NO_FIELD)),
    everywhere("first_name", "Augusta"),
    row("middle_name", cinc=no(NO_FIELD), chime=no(NO_FIELD), mycrm=both("Ada"), rechat=both("Ada"),
        epixel=no(NO_FIELD)),
    everywhere("last_name", "O’Brien-Lovelace"),
    row("birthday", cinc=no(NO_FIELD), chime=both(date(2001, 6, 5), "Jun 5, 2001"), mycrm=no(NO_FIELD),
        rechat=both(date(2001, 6, 5)), epixel=no(NO_FIELD)),
    row("household", cinc=both([SPOUSE]), chime=both([SPOUSE], [FAMILY]), mycrm=no(NO_FIELD),
        rechat=shows([DISTANT], "Rechat calls whoever is beside a contact partner"), epixel=no(NO_FIELD)),
)  # fmt: skip

_NEW_ADDRESS = many(email="augusta{n}@example.com", emails=["augusta{n}@example.com"])
_TWO = ["augusta{n}@example.com", "work{n}@example.com"]
REACHED = (
    everywhere("email", "augusta{n}@example.com", _NEW_ADDRESS),
    row("emails", cinc=shows(many(email=_TWO[0], emails=_TWO[:1]), ONE_ADDRESS),
        chime=both(_TWO, many(email=_TWO[0], emails=_TWO)),
        mycrm=shows(many(email=_TWO[0], emails=_TWO[:1]), ONE_ADDRESS),
        rechat=both(_TWO, many(email=_TWO[0], emails=_TWO)),
        epixel=shows(many(email=_TWO[0], emails=_TWO[:1]), ONE_ADDRESS)),
    row("phone", "phones", cinc=both([(NUMBER, "cell")], [("4045550199", "cell")]),
        chime=both([(NUMBER, "cell")], [("+14045550199", "")]),
        mycrm=both([(NUMBER, "cell")], [("+14045550199", "cell")]),
        rechat=both([(NUMBER, "cell")], [("+14045550199", "cell")]),
        epixel=both([("1 404 555 0199", "cell")], [("14045550199", "cell")])),
    row("phones", cinc=both(SECOND, [("4045550199", "cell"), ("4045550188", "home")]),
        chime=shows([("+14045550199", ""), ("+14045550188", "")], "Chime keeps numbers without kinds"),
        mycrm=shows([("+14045550199", "cell")], ONE_NUMBER),
        rechat=both(SECOND, [("+14045550199", "cell"), ("+14045550188", "home")]),
        epixel=shows([("14045550199", "cell")], ONE_NUMBER)),
    row("street", before="1 Old Road", cinc=both("12 Oak Street"), chime=both("12 Oak Street"),
        mycrm=both("12 Oak Street"), rechat=both("12 Oak Street"), epixel=no(NO_FIELD)),
    everywhere("city", "Savannah"),
    row("region", cinc=both("GA"), chime=both("GA"), mycrm=no(NO_FIELD), rechat=both("GA"), epixel=no(NO_FIELD)),
    row("postal_code", cinc=both("31401"), chime=both("31401"), mycrm=both("31401"), rechat=both("31401"),
        epixel=no(NO_FIELD)),
    row("country", cinc=no(NO_FIELD), chime=no(NO_FIELD), mycrm=both("CA"), rechat=both("CA"), epixel=no(NO_FIELD)),
    row("email_opt_out", cinc=read(YES, "there is no call for subscriptions"), chime=both(YES), mycrm=no(OPT_OUTS),
        rechat=no(OPT_OUTS), epixel=no(OPT_OUTS)),
    row("text_opt_out", cinc=read(YES, "there is no call for subscriptions"), chime=no(NO_FIELD), lofty=both(YES),
        mycrm=no(OPT_OUTS), rechat=no(OPT_OUTS), epixel=no(OPT_OUTS)),
    row("call_opt_out", cinc=no("CINC knows of automated calls only"),
        chime=read(YES, "set with the number's status, which no call writes"), lofty=both(YES),
        mycrm=no(OPT_OUTS), rechat=no(OPT_OUTS), epixel=no(OPT_OUTS)),
)  # fmt: skip

_SHOWN_LATER = shows("prospect", "several of our stages share this status")
STAGES = (
    stage("attempted", "Attempted Contact", "Attempting Contact", both("calledNoReply"), "Attempted", ""),
    stage("contacted", "Contacted", "Contacted", both("prospect"), "Contacted", "contacted"),
    stage("nurturing", "", "Nurture", _SHOWN_LATER, "Nurturing", ""),
    stage("qualified", "", "Qualified", both("qualified"), "Qualified", "qualified"),
    stage("appointment", "Appointment Set", "Appointment Set",
          shows("viewingsInProgress", "several of our stages share this status"), "Appointment", ""),
    stage("showing", "Showing", "Showing", both("viewingsInProgress"), "Showing", ""),
    stage("under_contract", "Under Contract", "Under Contract", both("contractSent"), "Under Contract", ""),
    stage("closed", "Sold", "Closed", both("contractSigned"), "Closed", "converted"),
    stage("not_ready", "", "Not Ready", both("notReady"), "Not Ready", ""),
    stage("lost", "", "Lost", both("notInterested"), "Lost", "lost"),
)  # fmt: skip

WISHES = (
    row("source", cinc=both("Open House"), chime=both("Open House"), mycrm=no(UPDATED_SOURCE),
        rechat=both("Open House"), epixel=read("Open House", UPDATED_SOURCE)),
    row("source, as MyCRM files it", "source", cinc=shows("portal/bayut", "its own text"),
        chime=shows("portal/bayut", "its own text"), mycrm=read("portal/bayut", UPDATED_SOURCE),
        rechat=shows("portal/bayut", "its own text"), epixel=no(UPDATED_SOURCE)),
    row("roles: buyer", "roles", cinc=both(["buyer"]), chime=both(["buyer"]),
        mycrm=both(["buyer"], many(roles=["buyer"], offering_type="sale")),
        rechat=no(NO_ATTRIBUTE), attributes=both(["buyer"]), epixel=no(NO_FIELD)),
    row("roles: seller", "roles", cinc=both(["seller"]), chime=both(["seller"]), mycrm=no("MyCRM knows no sellers"),
        rechat=no(NO_ATTRIBUTE), attributes=both(["seller"]), epixel=no(NO_FIELD)),
    row("roles: renter", "roles", cinc=no("CINC knows buyers and sellers"), chime=both(["renter"]),
        mycrm=both(["renter"], many(roles=["renter"], offering_type="rent")),
        rechat=no(NO_ATTRIBUTE), attributes=both(["renter"]), epixel=no(NO_FIELD)),
    row("buyer_timeline", cinc=both((3, 6), "3 to 6 months"), chime=both((3, 6), "3-6"), mycrm=both((3, 6), "3-6"),
        rechat=no(NO_ATTRIBUTE), attributes=both((3, 6), "3-6"), epixel=no(NO_FIELD)),
    row("buyer_timeline: open", "buyer_timeline", cinc=both((12, None), "12+ months"), chime=both((12, None), "12+"),
        mycrm=no(FRAMES), rechat=no(NO_ATTRIBUTE), attributes=both((12, None), "12+"), epixel=no(NO_FIELD)),
    row("buyer_timeline: a word", "buyer_timeline", cinc=both("Just Looking"), chime=both("Just Looking"),
        mycrm=no(FRAMES), rechat=no(NO_ATTRIBUTE), attributes=both("just_looking"), epixel=no(NO_FIELD)),
    row("seller_timeline", cinc=both((1, 3), "1 to 3 months"), chime=both((1, 3), "1-3"), mycrm=no(NO_FIELD),
        rechat=no(NO_ATTRIBUTE), attributes=both((1, 3), "1-3"), epixel=no(NO_FIELD)),
    wish("price", 200_000, 350_000, rechat=both(many(price_min=200_000, price_max=350_000))),
    wish("beds", 2, 4, rechat=no(NO_ATTRIBUTE)),
    wish("baths", 2, 3, rechat=no(NO_ATTRIBUTE)),
    wish("size", 900, 1800, rechat=no(NO_ATTRIBUTE), lofty=read(many(size_min=900, size_max=1800), LOFTY_SIZES)),
    row("areas", cinc=read(["Springfield, IL"], "CINC keeps one favourite city, of the lead's own choosing"),
        chime=both(["Springfield, IL"], [{"city": "Springfield", "stateCode": "IL"}]),
        mycrm=both(["are.4.7"]), rechat=no(NO_ATTRIBUTE),
        attributes=shows(["Springfield,IL"], "one text for all areas: the space would part this one"),
        epixel=no(NO_FIELD)),
    row("areas: one word", "areas", cinc=read(["Macon"], "CINC keeps one favourite city, of the lead's own choosing"),
        chime=both(["Macon"], [{"description": "Macon"}]), mycrm=no("the config's table of areas has no such place"),
        rechat=no(NO_ATTRIBUTE), attributes=both(["Macon"]), epixel=no(NO_FIELD)),
    row("property_types", cinc=no(NO_FIELD), chime=both(["Condo"]), mycrm=both([5]), rechat=no(NO_ATTRIBUTE),
        attributes=both(["Condo"]), epixel=no(NO_FIELD)),
)  # fmt: skip

_SAYS = ["Has two dogs."]
_SAYS_MORE = many(notes=_SAYS, city="Savannah")
_NOTE = both(many(note="Has two dogs."), _SAYS)
_VIP = many(label="VIP")
_BOB = many(assignments={"primary": "bob"})
_PARTNER = many(assignments={"primary": "ann", "partner": "bob"})
WORK = (
    row("a label", "labels", cinc=both(_VIP, ["VIP"]), chime=both(_VIP, ["VIP"]), mycrm=no(NO_LABELS),
        rechat=both(_VIP, ["VIP"]), epixel=no(NO_LABELS)),
    row("a label less", "labels", before=many(label="Cold"), cinc=both(many(unlabel="Cold"), many(labels=None)),
        chime=both(many(unlabel="Cold"), many(labels=None)), mycrm=no(NO_LABELS),
        rechat=both(many(unlabel="Cold"), many(labels=None)), epixel=no(NO_LABELS)),
    row("a note", "notes", cinc=_NOTE, chime=_NOTE, mycrm=_NOTE, rechat=_NOTE,
        epixel=shows(_SAYS, "a note alone moves nothing there: the next full comparison finds it")),
    row("a note, and the city", cinc=arrives(_SAYS_MORE), chime=arrives(_SAYS_MORE), mycrm=arrives(_SAYS_MORE),
        rechat=arrives(_SAYS_MORE), epixel=both(many(note="Has two dogs.", city="Savannah"))),
    everywhere("the agent", many(**{"assign.primary": "bob"}), _BOB),
    row("the partner", "assignments", cinc=both(many(**{"assign.partner": "bob"}), _PARTNER),
        chime=no("the team has no such role"), mycrm=no(ONE_AGENT),
        rechat=both(many(**{"assign.partner": "bob"}), _PARTNER), epixel=no(ONE_AGENT)),
    row("the listing agent", "assignments", cinc=read(many(**{"assign.listing": "bob"}), "the only one who has it"),
        chime=no("the team has no such role"), mycrm=no(ONE_AGENT), rechat=no("one role for all assignees"),
        epixel=no(ONE_AGENT)),
    row("the lender", "assignments", cinc=no("CINC has no such role"),
        chime=read(many(**{"assign.lender": "bob"}), "the only one who has it"), mycrm=no(ONE_AGENT),
        rechat=no("one role for all assignees"), epixel=no(ONE_AGENT)),
    row("the assistant", "assignments", cinc=no("CINC has no such role"),
        chime=read(many(**{"assign.assistant": "bob"}), "the only one who has it"), mycrm=no(ONE_AGENT),
        rechat=no("one role for all assignees"), epixel=no(ONE_AGENT)),
    row("a field of one's own", "remark", cinc=no("this config maps none there"),
        chime=both(many(**{"custom.Remark": "Two dogs"}), many(custom={"Remark": "Two dogs"})),
        mycrm=both(many(**{"fields.1": "Two dogs"}), many(fields={"1": "Two dogs"})),
        rechat=both(many(company="Two dogs")), epixel=both(many(message="Two dogs"))),
)  # fmt: skip


OLD = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
_PLACE = many(street="12 Oak Street", city="Savannah", region="GA", postal_code="31401")
_MINE = {"primary": "ann"}
_DOGS = many(notes=["Has two dogs."], assignments=_MINE)


def beside(*parts: Many, **fields: Any) -> Many:
    """Several fields, gathered."""
    return {name: value for part in (*parts, fields) for name, value in part.items()}


def without(whole: Many, *names: str) -> Many:
    """Several fields without some."""
    return {name: value for name, value in whole.items() if name not in names}


NEW: tuple[Row, ...] = (
    row("a new lead at CINC",
        cinc=both(beside(_PLACE, source="Open House", roles=["seller"], buyer_timeline=(3, 6), labels=["VIP"],
                         household=[SPOUSE], registered_at=OLD, note="Has two dogs.")),
        chime=arrives(beside(_PLACE, _DOGS, source="Open House", roles=["seller"], buyer_timeline="3-6",
                             labels=["Lead", "VIP"], household=[FAMILY], stage="New Lead")),
        mycrm=arrives(beside(without(_PLACE, "region"), _DOGS, source="other/syncd", roles=["buyer"],
                             offering_type="sale", buyer_timeline="3-6", stage="notYetContacted")),
        rechat=arrives(beside(_PLACE, _DOGS, source="Open House", labels=["Lead", "VIP"], household=[DISTANT],
                              stage="New")),
        epixel=arrives(beside(_DOGS, city="Savannah", source="Open House", stage="new"))),
    row("a new lead at Chime",
        chime=both(beside(_PLACE, source="facebook", roles=["renter"], seller_timeline=(1, 3), price_min=200_000,
                          beds_max=4, areas=["Springfield, IL"], property_types=["Condo"], birthday=date(2001, 6, 5),
                          email_opt_out=True, registered_at=OLD, note="Has two dogs.")),
        cinc=arrives(beside(_PLACE, _DOGS, source="facebook", roles=None, seller_timeline="1 to 3 months",
                            email_opt_out=None, registered_at=OLD, stage="New Lead", labels=["Lead"])),
        mycrm=arrives(beside(without(_PLACE, "region"), _DOGS, source="socialMedia/facebook", roles=["renter"],
                             offering_type="rent", price_min=200_000, price_max=900_000_000, beds_max=4,
                             areas=["are.4.7"], property_types=[5], title="mr")),
        rechat=arrives(beside(_PLACE, _DOGS, source="facebook", birthday=date(2001, 6, 5), title=None)),
        epixel=arrives(beside(_DOGS, city="Savannah", source="Facebook", stage="new"))),
    row("a new lead at MyCRM",
        mycrm=both(beside(without(_PLACE, "region"), title="mrs", middle_name="Ada", country="CA",
                          source="portal/bayut", roles=["buyer"], price_max=350_000, areas=["are.4.7"],
                          note="Has two dogs.")),
        cinc=arrives(beside(without(_PLACE, "region"), _DOGS, source="portal/bayut", roles=["buyer"], region=None)),
        chime=arrives(beside(without(_PLACE, "region"), _DOGS, source="portal/bayut", roles=["buyer"],
                             price_max=350_000, price_min=None, areas=[{"city": "Springfield", "stateCode": "IL"}])),
        rechat=arrives(beside(without(_PLACE, "region"), _DOGS, title="Mrs", middle_name="Ada", country="CA",
                              source="portal/bayut")),
        epixel=arrives(beside(_DOGS, city="Savannah", source=None))),
    row("a new lead at Rechat",
        rechat=both(beside(_PLACE, title="Dr", middle_name="Ada", country="CA", birthday=date(2001, 6, 5),
                           source="referral", labels=["VIP"], household=[DISTANT], note="Has two dogs.")),
        cinc=arrives(beside(_PLACE, _DOGS, source="referral", labels=["VIP"], household=[DISTANT])),
        chime=arrives(beside(_PLACE, _DOGS, source="referral", labels=["VIP"], birthday="Jun 5, 2001")),
        mycrm=arrives(beside(without(_PLACE, "region"), _DOGS, title="mr", middle_name="Ada", country="CA",
                             source="offline/referral")),
        epixel=arrives(beside(_DOGS, city="Savannah", source="Referral"))),
    row("a new lead at Epixel",
        epixel=both(many(city="Savannah", source="Website", note="Has two dogs.")),
        cinc=arrives(beside(_DOGS, city="Savannah", source="Website", region=None, labels=["Lead"])),
        chime=arrives(beside(_DOGS, city="Savannah", source="Website", labels=["Lead"])),
        mycrm=arrives(beside(_DOGS, city="Savannah", source="other/syncd", country="AE")),
        rechat=arrives(beside(_DOGS, city="Savannah", source="Website", country=None, labels=["Lead"]))),
)  # fmt: skip
"""Leads that one vendor alone knows: what the others' new ones show of them, among other things; None: nothing."""

FIELDS: tuple[Row, ...] = (*WHO, *REACHED, *STAGES, *WISHES, *WORK)
"""Everything the canonical lead has, but for ``registered_at``, which nobody edits."""
