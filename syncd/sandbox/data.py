"""Realistic people out of a seed: the same seed gives the same people, in the same order.

Telephone numbers are valid ones of real area codes; addresses for e-mail are on domains that nobody owns.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from syncd.sandbox import names

DOMAINS = ("example.com", "example.org", "example.net")
LONG_NOTE_CHARS = 6500
PHONE_FORMATS = ("+1{a}{b}{c}", "({a}) {b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "{a}{b}{c}", "1 {a} {b} {c}")


@dataclass(frozen=True, slots=True)
class MadeUpAgent:
    """One agent, working with every vendor under the same address."""

    email: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class MadeUpPerson:
    """One person, before any vendor shows them. ``phones`` are ten digits and a kind."""

    first_name: str
    last_name: str
    email: str
    phones: tuple[tuple[str, str], ...]
    street: str
    city: str
    region: str
    postal_code: str
    stage: str
    source: str
    roles: tuple[str, ...]
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class People:
    """An endless supply of people, no two with one e-mail address or telephone number."""

    def __init__(self, seed: int = 1) -> None:
        """``seed`` decides everything."""
        self._rng = random.Random(seed)
        self._emails: set[str] = set()
        self._numbers: set[str] = set()

    def __iter__(self) -> Iterator[MadeUpPerson]:
        """One after the other, without end."""
        while True:
            yield self.person()

    def agents(self, count: int) -> list[MadeUpAgent]:
        """``count`` agents."""
        made = []
        for _ in range(count):
            first, last = self._name()
            made.append(MadeUpAgent(self._email(first, last), first, last))
        return made

    def person(self) -> MadeUpPerson:
        """The next person."""
        rng = self._rng
        first, last = self._name()
        city, region, zone, areas = rng.choice(names.PLACES)
        street = f"{rng.randint(1, 9899)} {rng.choice(names.STREETS)} {rng.choice(names.STREET_KINDS)}"
        if rng.random() < 0.15:
            street += f", Apt {rng.randint(1, 40)}{rng.choice('ABCD')}"
        kinds = ["cell", *[kind for kind, share in (("home", 0.25), ("work", 0.15)) if rng.random() < share]]
        return MadeUpPerson(
            first_name=first,
            last_name=last,
            email=self._email(first, last),
            phones=tuple((self._number(rng.choice(areas)), kind) for kind in kinds),
            street=street,
            city=city,
            region=region,
            postal_code=f"{zone}{rng.randint(1, 99):02d}",
            stage=rng.choices(names.STAGES, names.STAGE_WEIGHTS)[0],
            source=rng.choice(names.SOURCES),
            roles=rng.choices((("buyer",), ("seller",), ("buyer", "seller")), (6, 2, 2))[0],
            labels=tuple(rng.sample(names.LABELS, rng.choices((0, 1, 2, 3), (4, 4, 2, 1))[0])),
            notes=tuple(self.note(street, city) for _ in range(rng.choices((0, 1, 2, 4), (5, 4, 2, 1))[0])),
        )

    def namesake(self, person: MadeUpPerson) -> MadeUpPerson:
        """The same human as somebody else's lead: same telephone, a nickname, another address for e-mail."""
        first = names.NICKNAMES.get(person.first_name, person.first_name)
        return replace(person, first_name=first, email=self._email(first, person.last_name))

    def number(self) -> str:
        """Ten digits that nobody has yet."""
        return self._number(self._rng.choice(self._rng.choice(names.PLACES)[3]))

    def note(self, street: str = "Main St", city: str = "town") -> str:
        """A note as agents write them: one line, several, or very long."""
        rng = self._rng
        opening = rng.choice(names.OPENINGS).format(street=street, city=city)
        drawn = rng.random()
        if drawn < 0.5:
            return opening
        if drawn < 0.97:
            return "\n".join([opening, *rng.sample(names.DETAILS, rng.randint(1, 3))])
        lines = [opening]
        while sum(map(len, lines)) < LONG_NOTE_CHARS:
            lines.append(f"{len(lines)}. {rng.choice(names.DETAILS)}")
        return "\n".join(lines)

    def _name(self) -> tuple[str, str]:
        rng = self._rng
        last = rng.choice(names.DOUBLE_LAST_NAMES if rng.random() < 0.04 else names.LAST_NAMES)
        return rng.choice(names.FIRST_NAMES), last

    def _email(self, first: str, last: str) -> str:
        stem = f"{_ascii(first)}.{_ascii(last)}"
        shape = self._rng.choice((stem, stem.replace(".", ""), f"{stem[0]}{_ascii(last)}", f"{stem}+homes"))
        domain = self._rng.choice(DOMAINS)
        email, count = f"{shape}@{domain}", 1
        while email in self._emails:
            count += 1
            email = f"{shape}{count}@{domain}"
        self._emails.add(email)
        return email

    def _number(self, area: int) -> str:
        while True:
            exchange = self._rng.randint(220, 989)
            line = self._rng.randint(0, 9999)
            number = f"{area}{exchange}{line:04d}"
            # 555 is fiction, N11 are services, 950 and 958 to 959 are the network's own.
            if exchange % 100 != 11 and exchange not in {555, 950, 958, 959} and number not in self._numbers:
                self._numbers.add(number)
                return number


def spell(number: str, style: int) -> str:
    """Ten digits the way some person types them; ``style`` picks one of `PHONE_FORMATS`."""
    pattern = PHONE_FORMATS[style % len(PHONE_FORMATS)]
    return pattern.format(a=number[:3], b=number[3:6], c=number[6:])


def _ascii(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.replace("ø", "o").replace("Ø", "O")).lower()
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())
