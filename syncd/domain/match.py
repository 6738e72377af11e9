"""Which lead a record without a link belongs to: link it, make a new lead, or ask a person.

The order of evidence (DESIGN §7): an intent of ours that waits for this very record; a match a person
pinned; the same email; the same phone *and* a compatible name, because families and offices share
numbers. Exactly one candidate links. Anything ambiguous is reviewed, since joining two people is far
harder to undo than joining one person late.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from syncd.domain.normalize import fold

LeadId = int
_SLIP_RATIO_MIN = 85.0
_SLIP_LENGTH_MIN = 4
_PREFIX_LENGTH_MIN = 3
_OTHER_NAME_ENDINGS = ("a", "e", "le", "elle", "ine", "ina", "ette", "etta")
"""Carl is not Carla and Daniel not Danielle: such an ending makes another name, not a longer one."""
_NICKNAMES = tuple(
    frozenset(row.split())
    for row in """
    alexander alex alec sandy sasha|alexandra alexis alex sandy sasha|albert al bert|alfred al fred
    andrew andy drew|ann anna anne annie|anthony antonio tony|barbara barb barbie babs|benjamin ben benny
    charles charlie chuck chas|christopher chris kit|christine christina chris tina chrissy|daniel dan danny
    david dave davy|deborah debra deb debbie|donald don donnie|dorothy dot dottie|edward ed eddie ted ned
    elizabeth elisabeth liz lizzie beth betsy betty eliza lisa|eugene gene|frances fran francie|francis frank
    francisco paco pancho frank|frederick fred freddie|gabriel gabe|gregory greg|harold hal harry|henry hank harry
    isabella isabel bella izzy|jacob jake|james jim jimmy jamie|jeffrey geoffrey jeff|jennifer jen jenny
    jessica jess jessie|john johnny jack jon|jonathan johnathan jon|jose pepe|joseph joe joey|joshua josh
    katherine catherine kathryn kate katie kathy cathy kat kay|kenneth ken kenny|kimberly kim|lawrence larry
    leonard leo len|margaret maggie meg peggy marge margie|marc mark marcus|matthew matt|melissa missy mel
    michael mike mick mickey|nancy nan|nathaniel nathan nate|nicholas nick nicky|pamela pam
    patricia pat patty trish tricia|patrick pat paddy|peter pete|philip phillip phil|raymond ray
    rebecca becky becca|richard rick ricky rich dick|robert rob robbie bob bobby|ronald ron ronnie|samantha sam
    samuel sam sammy|sara sarah sally|stephen steven steve|susan sue susie suzy|teresa theresa terry tess
    theodore ted teddy theo|thomas tom tommy|timothy tim|victoria vicky tori|vincent vince vinny|walter walt
    william will bill billy willy liam|zachary zach zack
    """.replace("\n", "|").split("|")
    if row.strip()
)
_NAME_PARTS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Facts:
    """What of the record is compared here; emails and phones have been looked up already."""

    first_name: str = ""
    last_name: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What was found for the record.

    intent    the lead whose create intent waits for this record
    pinned    the lead a person or the config pinned it to
    by_email  leads that have one of the record's emails
    by_phone  leads that have one of its phones: (lead, first name, last name)
    linked    those of all these leads that have a live link in the record's connection already
    """

    intent: LeadId | None = None
    pinned: LeadId | None = None
    by_email: Iterable[LeadId] = ()
    by_phone: Iterable[tuple[LeadId, str, str]] = ()
    linked: frozenset[LeadId] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """The record is this lead; ``by`` is intent, pinned, email or phone."""

    lead_id: LeadId
    by: str


@dataclass(frozen=True, slots=True)
class Create:
    """Nobody we know: a new lead. ``separate_from`` names look-alikes the config told to keep apart."""

    separate_from: tuple[LeadId, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """A person must say who this is; nothing is pushed for the record until then."""

    candidates: tuple[LeadId, ...]
    reason: str


Match = Link | Create | Review


def match(record: Facts, candidates: Candidates, on_duplicate: str = "review") -> Match:
    """Decide by the strongest evidence there is. ``on_duplicate``: ``review`` or ``separate`` (DESIGN §7).

    What a person pinned, or we ourselves created, is reviewed even with ``separate``: a second record for
    it is a mistake to look at, not another person.
    """
    for by, known in (("intent", candidates.intent), ("pinned", candidates.pinned)):
        if known is not None:
            return _one(known, by, candidates.linked)
    for by, found in (("email", _distinct(candidates.by_email)), ("phone", _by_phone(record, candidates.by_phone))):
        if not found:
            continue
        verdict: Match = (
            _one(found[0], by, candidates.linked)
            if len(found) == 1
            else Review(found, f"{len(found)} leads have the same {by}")
        )
        if isinstance(verdict, Review) and on_duplicate == "separate":
            return Create(separate_from=found)
        return verdict
    return Create()


def compatible(first: str, last: str, other_first: str, other_last: str) -> bool:
    """Whether two names can be one person's. A blank contradicts nothing.

    Given names agree when any part of one is equal to, the initial of, a nickname of, the beginning of
    (three letters at least) or a typing slip away from a part of the other; family names when any part is
    equal, an initial or a slip away. First and last swapped are the same name.
    """
    firsts, lasts = _parts(first), _parts(last)
    other_firsts, other_lasts = _parts(other_first), _parts(other_last)
    if firsts and lasts and firsts == other_lasts and lasts == other_firsts:
        return True
    return _any(_given, firsts, other_firsts) and _any(_family, lasts, other_lasts)


def _one(lead: LeadId, by: str, linked: frozenset[LeadId]) -> Link | Review:
    if lead in linked:
        return Review((lead,), f"the lead found by {by} has another record in this connection")
    return Link(lead, by)


def _distinct(leads: Iterable[LeadId]) -> tuple[LeadId, ...]:
    return tuple(sorted(set(leads)))


def _by_phone(record: Facts, found: Iterable[tuple[LeadId, str, str]]) -> tuple[LeadId, ...]:
    same = (lead for lead, first, last in found if compatible(record.first_name, record.last_name, first, last))
    return _distinct(same)


def _parts(name: str) -> tuple[str, ...]:
    """The words of a name, folded and without accents; an apostrophe joins (o'brien is obrien)."""
    plain = "".join(c for c in unicodedata.normalize("NFD", fold(name)) if not unicodedata.combining(c))
    return tuple(_NAME_PARTS.findall(plain.replace("'", "").replace("\u2019", "")))


def _any(agree: Callable[[str, str], bool], ones: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return not ones or not others or any(agree(one, other) for one in ones for other in others)


def _given(one: str, other: str) -> bool:
    if _same(one, other) or any(one in group and other in group for group in _NICKNAMES):
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= _PREFIX_LENGTH_MIN and long.startswith(short):
        return long[len(short) :] not in _OTHER_NAME_ENDINGS
    return one.endswith("a") == other.endswith("a") and _slip(one, other)


def _family(one: str, other: str) -> bool:
    return _same(one, other) or _slip(one, other)


def _same(one: str, other: str) -> bool:
    """Equal, or one the initial of the other."""
    return one == other or (1 in {len(one), len(other)} and one[0] == other[0])


def _slip(one: str, other: str) -> bool:
    """One typing mistake apart, in a name long enough to tell."""
    return min(len(one), len(other)) >= _SLIP_LENGTH_MIN and fuzz.ratio(one, other) >= _SLIP_RATIO_MIN
