"""What people type: names too long for some vendors, numbers in every spelling, notes twice the same, and so on.

Every value is somebody's own, so that a value in the wrong place is recognised as such.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, TypeVar

from syncd.sandbox.base import SandboxVendor
from tests.simulation.traits.base import FRAMES, Traits

LABELS = (
    "Hot", "hot  lead", "Buyer", "VIP", "vip", "Öffentlich", "Open House", "Past Client", "Investor 🏠",
    "A label that somebody made far longer than anything Chime would ever keep: east side",
    "A label that somebody made far longer than anything Chime would ever keep: west side",
)  # fmt: skip
PHRASES = (
    "Called, no answer.", "Called, no answer.", "Wants a garden", "Budget up to 450k, see\r\nattached list\r\n",
    "  Trimmed on both sides  ", "Bitte zurückrufen – nach 18 Uhr", "🏡 loves the porch 😀", "Line one\n\n\nLine four",
    "<b>bold</b> & co", "[not a header]\nbut looks like one",
)  # fmt: skip
T = TypeVar("T")
SYLLABLES = ("ba", "co", "di", "fu", "ge", "ha", "jo", "ka", "li", "mo", "né", "pu", "ru", "sa", "to", "vi", "wé", "zo")
AREAS = ("404", "512", "206", "312", "617", "213", "305")
CALL_LIST = "Visited 12 Oak Street, liked the kitchen 🍳 but not the noise; asked about schools, taxes and the roof. "
ROLES = (["buyer"], ["seller"], ["buyer", "seller"], ["renter"])
SHORT_NOTE = 500
"""A vendor of shorter notes than this has people who write shorter ones."""


class NothingToDo(Exception):  # noqa: N818 -- not an error: the person looks and leaves it
    """There is nothing to act on."""


def word(rng: random.Random, syllables: int = 3) -> str:
    """A word nobody else uses."""
    return "".join(rng.choice(SYLLABLES) for _ in range(syllables)).capitalize()


def name(rng: random.Random) -> str:
    """A name; one in eight is longer than Chime keeps, one in eight is spelled with combining marks."""
    drawn = rng.random()
    if drawn < 0.12:
        return " ".join(word(rng, 4) for _ in range(5))
    if drawn < 0.24:
        return f"{word(rng)}e\u0301{word(rng, 1).lower()}"
    return word(rng, rng.randint(2, 4))


def number(rng: random.Random) -> str:
    """A telephone number in one of the spellings people use."""
    area, middle, last = rng.choice(AREAS), rng.randint(200, 999), rng.randint(0, 9999)
    if middle % 100 == 11:
        middle += 1  # x11 is no exchange
    forms = ("+1{a}{b}{c:04d}", "({a}) {b}-{c:04d}", "{a}-{b}-{c:04d}", "{a}{b}{c:04d}", "1 {a} {b} {c:04d}")
    return rng.choice(forms).format(a=area, b=middle, c=last)


def email(rng: random.Random, whose: str) -> str:
    """An address, sometimes shouted."""
    made = f"{word(rng)}.{whose}@example.com".replace("é", "e")
    return made.upper() if rng.random() < 0.1 else made


def note(rng: random.Random, traits: Traits, *, fresh: bool = False) -> str:
    """A note: often one of a few phrases, so that the same words are typed twice; sometimes very long."""
    drawn = rng.uniform(0.5 if fresh else 0, 1)
    if drawn < 0.5:
        return rng.choice(PHRASES)
    if drawn < 0.65 and traits.note_max >= 5000:
        return f"{word(rng)}. " + CALL_LIST * rng.randint(19, 44)
    if drawn < 0.75 and traits.note_max > SHORT_NOTE:
        return f"{word(rng)} " + CALL_LIST * rng.randint(16, 18)
    return f"{word(rng)} {word(rng)} {rng.choice(PHRASES)}"


def somebody(tag: str, rng: random.Random) -> dict[str, Any]:
    """One new person, before any vendor shows them."""
    return {
        "first_name": name(rng),
        "last_name": name(rng),
        "email": email(rng, f"p{tag}"),
        "phones": [(number(rng), "cell"), *([(number(rng), "home")] if rng.random() < 0.3 else [])],
        "street": f"{rng.randint(1, 999)} {word(rng)} St",
        "city": word(rng),
        "region": rng.choice(("GA", "TX", "Georgia")),
        "postal_code": f"{rng.randint(10000, 99999)}",
        **({"middle_name": name(rng)} if rng.random() < 0.3 else {}),
        **({"roles": rng.choice(ROLES)} if rng.random() < 0.4 else {}),
        **({"labels": rng.sample(LABELS, rng.randint(1, 3))} if rng.random() < 0.6 else {}),
        **({"buyer_timeline": rng.choice(FRAMES)} if rng.random() < 0.4 else {}),
        **(dict(zip(("price_min", "price_max"), _prices(rng), strict=True)) if rng.random() < 0.3 else {}),
    }


def contradiction(rng: random.Random) -> dict[str, Any]:
    """Other values for some of the fields."""
    other: dict[str, Any] = {
        "first_name": name(rng), "last_name": name(rng), "street": f"{rng.randint(1, 999)} {word(rng)} Ave",
        "buyer_timeline": rng.choice(FRAMES), "middle_name": name(rng),
    }  # fmt: skip
    return {key: other[key] for key in rng.sample(sorted(other), 2)}


def typed(traits: Traits, fields: Mapping[str, Any], rng: random.Random, agents: Mapping[str, str]) -> dict[str, Any]:
    """The fields as this account's people type them, with a stage and an agent of its own."""
    plain = traits.plain(fields)
    words = (*traits.stages, *traits.odd_stages)
    if rng.random() < 0.7:
        plain["stage"] = rng.choice(words)
    if rng.random() < 0.6:
        plain["assignments"] = {"primary": rng.choice(sorted(agents))}
    if traits.titles and rng.random() < 0.4:
        plain["title"] = rng.choice(traits.titles)
    if traits.countries and rng.random() < 0.4:
        plain["country"] = rng.choice(traits.countries)
    return plain


FIELD_OF = {
    "move": "city", "timeline": "buyer_timeline", "label_add": "labels", "label_remove": "labels", "assign": "primary",
    "price": "price_min", "email_add": "emails", "phone_add": "phones", "phone_change": "phones",
    "phone_remove": "phones",
}  # fmt: skip
"""Kind of change → the field it is about, where the names differ."""


def change(
    sandbox: SandboxVendor, traits: Traits, lead: str, kind: str, pick: float, rng: random.Random,
    agents: Mapping[str, str],
) -> None:  # fmt: skip
    """Change one thing of a record. Raises NothingToDo, CannotError."""
    if kind == "email_add" and "emails" in traits.single:
        raise NothingToDo
    if kind != "blank" and FIELD_OF.get(kind, kind) not in traits.fields:
        raise NothingToDo
    match kind:
        case "move":
            town = {"city": word(rng), "region": "FL", "postal_code": f"{rng.randint(10000, 99999)}"}
            for field in [field for field in town if field in traits.fields]:
                sandbox.edit(lead, field, town[field])
        case "email" | "email_add":
            _address(sandbox, traits, lead, rng, more=kind == "email_add")
        case "price":
            for field, value in zip(("price_min", "price_max"), _prices(rng), strict=True):
                sandbox.edit(lead, field, value)
        case "label_add":
            sandbox.add_label(lead, LABELS[int(pick * len(LABELS))])
        case "label_remove":
            sandbox.remove_label(lead, _one(sorted(sandbox.shows(lead)["labels"]), pick))
        case "assign":
            sandbox.assign(lead, "primary", _one(sorted(agents), pick))
        case "phone_add" | "phone_change" | "phone_remove":
            sandbox.edit(lead, "phones", _phones(list(sandbox.shows(lead)["phones"]), kind, pick, rng, traits))
        case _:
            sandbox.edit(lead, *_value(traits, kind, pick, rng))


def _value(traits: Traits, kind: str, pick: float, rng: random.Random) -> tuple[str, Any]:
    """One field and what somebody types there."""
    match kind:
        case "street":
            return kind, f"{rng.randint(1, 999)} {word(rng)} Rd"
        case "stage":
            return kind, _one([*traits.stages, *traits.odd_stages], pick)
        case "title":
            return kind, _one(list(traits.titles), pick)
        case "country":
            return kind, _one(list(traits.countries), pick)
        case "roles":
            return kind, _one([roles for roles in ROLES if all(traits.hold("roles", role) for role in roles)], pick)
        case "timeline":
            return "buyer_timeline", traits.frame(*rng.choice(traits.frames))
        case "blank":
            return _one([field for field in ("first_name", "last_name", "street") if field in traits.fields], pick), ""
    return kind, name(rng)


def _address(sandbox: SandboxVendor, traits: Traits, lead: str, rng: random.Random, *, more: bool) -> None:
    """Another primary address, or one more."""
    fresh = email(rng, f"e{rng.randrange(10**6)}").lower()
    if "emails" in traits.single:
        sandbox.edit(lead, "email", fresh)
        return
    there = list(sandbox.shows(lead)["emails"])
    sandbox.edit(lead, "emails", [*there, fresh] if more else [fresh, *there[1:]])


def _phones(held: list[Any], kind: str, pick: float, rng: random.Random, traits: Traits) -> list[Any]:
    if kind == "phone_add":
        if "phones" in traits.single:
            raise NothingToDo
        slots = ["cell", "home", "work"]
        free = [slot for slot in slots if traits.account.vendor != "cinc" or slot not in {k for _, k in held}]
        return [*held, (number(rng), "" if traits.account.vendor == "chime" else _one(free, pick))]
    at = int(pick * len(held))
    if not held or (kind == "phone_remove" and len(held) < 2):
        raise NothingToDo
    if kind == "phone_remove":
        return held[:at] + held[at + 1 :]
    return [*held[:at], (number(rng), held[at][1]), *held[at + 1 :]]


def _prices(rng: random.Random) -> tuple[int, int]:
    return rng.randint(1, 40) * 10_000, rng.randint(50, 900) * 10_000


def _one(choices: list[T], pick: float) -> T:
    if not choices:
        raise NothingToDo
    return choices[int(pick * len(choices))]
