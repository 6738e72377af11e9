"""What people type: names too long for one vendor, numbers in every spelling, notes twice the same, and so on.

Every value is somebody's own, so that a value in the wrong place is recognised as such.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from syncd.sandbox.base import SandboxVendor
from tests.simulation.views import CHIME_STAGES, CINC_STAGES

STAGE_WORDS = {"cinc": tuple(CINC_STAGES), "chime": (*CHIME_STAGES, "DNC")}
FRAMES = ((1, 3), (3, 6), (6, 12), (12, None))
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
SYLLABLES = ("ba", "co", "di", "fu", "ge", "ha", "jo", "ka", "li", "mo", "né", "pu", "ru", "sa", "to", "vi", "wé", "zo")
AREAS = ("404", "512", "206", "312", "617", "213", "305")
CALL_LIST = "Visited 12 Oak Street, liked the kitchen 🍳 but not the noise; asked about schools, taxes and the roof. "


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


def note(rng: random.Random, vendor: str, *, fresh: bool = False) -> str:
    """A note: often one of a few phrases, so that the same words are typed twice; sometimes very long."""
    drawn = rng.uniform(0.5 if fresh else 0, 1)
    if drawn < 0.5:
        return rng.choice(PHRASES)
    if drawn < 0.7 and vendor == "cinc":
        return f"{word(rng)}. " + CALL_LIST * rng.randint(19, 44)
    if drawn < 0.8:
        return f"{word(rng)} " + CALL_LIST * rng.randint(16, 18)
    return f"{word(rng)} {word(rng)} {rng.choice(PHRASES)}"


def somebody(
    tag: str, rng: random.Random, agents: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[dict[str, Any], str]]:
    """The records one new person has at the start: (plain fields, vendor)."""
    where = rng.choices(
        ("cinc", "chime", "both", "contradicting", "by phone", "chime without email", "twice in chime"),
        (3, 3, 3, 3, 2, 1, 0.4),
    )[0]
    base = _fields(tag, rng)
    vendors = ("cinc", "chime") if where in {"both", "contradicting", "by phone"} else (where.split()[-1],)
    if where == "chime without email":
        vendors = ("chime",)
        del base["email"]
    for n, vendor in enumerate(vendors):
        fields = dict(base)
        if n and where in {"contradicting", "by phone"}:
            fields |= _others(rng)
        if n and where == "by phone":
            fields["email"] = email(rng, f"p{tag}x")
            fields["first_name"] = base["first_name"]
            fields["last_name"] = base["last_name"]
        yield _for(vendor, fields, rng, agents[vendor]), vendor
    if where == "twice in chime":
        yield _for("chime", {**base, "first_name": name(rng)}, rng, agents["chime"]), "chime"


def _fields(tag: str, rng: random.Random) -> dict[str, Any]:
    return {
        "first_name": name(rng),
        "last_name": name(rng),
        "email": email(rng, f"p{tag}"),
        "phones": [(number(rng), "cell"), *([(number(rng), "home")] if rng.random() < 0.3 else [])],
        "street": f"{rng.randint(1, 999)} {word(rng)} St",
        "city": word(rng),
        "region": rng.choice(("GA", "TX", "Georgia")),
        "postal_code": f"{rng.randint(10000, 99999)}",
        **({"labels": rng.sample(LABELS, rng.randint(1, 3))} if rng.random() < 0.6 else {}),
        **({"buyer_timeline": rng.choice(FRAMES)} if rng.random() < 0.4 else {}),
    }


def _others(rng: random.Random) -> dict[str, Any]:
    """Other values for some of the fields."""
    other: dict[str, Any] = {
        "first_name": name(rng), "last_name": name(rng), "street": f"{rng.randint(1, 999)} {word(rng)} Ave",
        "buyer_timeline": rng.choice(FRAMES),
    }  # fmt: skip
    return {key: other[key] for key in rng.sample(sorted(other), 2)}


def _for(vendor: str, fields: dict[str, Any], rng: random.Random, agents: Mapping[str, str]) -> dict[str, Any]:
    """The fields as this vendor's app takes them, with a stage and an agent of its own."""
    plain = dict(fields)
    if rng.random() < 0.7:
        plain["stage"] = rng.choice(STAGE_WORDS[vendor])
    if rng.random() < 0.6:
        plain["assignments"] = {"primary": rng.choice(sorted(agents))}
    if vendor == "chime" and "buyer_timeline" in plain:
        low, high = plain["buyer_timeline"]
        plain["buyer_timeline"] = f"{low}+" if high is None else f"{low}-{high}"
    return plain


def change(
    sandbox: SandboxVendor, lead: str, kind: str, pick: float, rng: random.Random, agents: Mapping[str, str]
) -> None:
    """Change one thing of a record. Raises NothingToDo, CannotError."""
    vendor = sandbox.name
    match kind:
        case "first_name" | "last_name":
            sandbox.edit(lead, kind, name(rng))
        case "street":
            sandbox.edit(lead, "street", f"{rng.randint(1, 999)} {word(rng)} Rd")
        case "move":
            for field, value in (
                ("city", word(rng)),
                ("region", "FL"),
                ("postal_code", f"{rng.randint(10000, 99999)}"),
            ):
                sandbox.edit(lead, field, value)
        case "email":
            sandbox.edit(lead, "email", email(rng, f"e{rng.randrange(10**6)}").lower())
        case "stage":
            sandbox.edit(lead, "stage", STAGE_WORDS[vendor][int(pick * len(STAGE_WORDS[vendor]))])
        case "timeline":
            low, high = rng.choice(FRAMES)
            sandbox.edit(
                lead, "buyer_timeline", [low, high] if vendor == "cinc" else f"{low}+" if not high else f"{low}-{high}"
            )
        case "label_add":
            sandbox.add_label(lead, LABELS[int(pick * len(LABELS))])
        case "label_remove":
            sandbox.remove_label(lead, _one(sorted(sandbox.shows(lead)["labels"]), pick))
        case "assign":
            sandbox.assign(lead, "primary", _one(sorted(agents), pick))
        case "blank":
            sandbox.edit(lead, ("first_name", "last_name", "street")[int(pick * 3)], "")
        case _:
            sandbox.edit(lead, "phones", _phones(list(sandbox.shows(lead)["phones"]), kind, pick, rng, vendor))


def _phones(held: list[Any], kind: str, pick: float, rng: random.Random, vendor: str) -> list[Any]:
    if kind == "phone_add":
        free = [slot for slot in ("cell", "home", "work") if vendor == "chime" or slot not in {k for _, k in held}]
        return [*held, (number(rng), _one(free, pick) if vendor == "cinc" else "")]
    at = int(pick * len(held))
    if not held or (kind == "phone_remove" and len(held) < 2):
        raise NothingToDo
    if kind == "phone_remove":
        return held[:at] + held[at + 1 :]
    return [*held[:at], (number(rng), held[at][1]), *held[at + 1 :]]


def _one(choices: list[str], pick: float) -> str:
    if not choices:
        raise NothingToDo
    return choices[int(pick * len(choices))]
