"""What one run is made of, and the command that repeats it.

Every kind of chance has a stream of its own out of the seed, so that a smaller variation of a run (fewer rounds,
no crashes) meets the same people doing the same things.
"""

# ruff: noqa: S311 -- chance out of a seed, nothing secret

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

KINDS = ("faults", "crashes", "races")
"""What can be left out of a run: faults on the wire, crashes of syncd, people acting in the middle of a sync."""
VENDORS = ("cinc", "chime", "mycrm", "rechat", "epixel")
COUNTS = {2: 7, 3: 7, 4: 4, 5: 2}
"""How many accounts are connected, and how often."""
TWICE = 0.25
"""How often one vendor has two of them."""
PEOPLE = {2: (3, 6), 3: (3, 4), 4: (2, 4), 5: (2, 3)}
"""How many people there are at the start, by the number of accounts."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run.

    seed      decides everything else that is chance
    vendors   whose accounts are connected, in the order of trust; a vendor may be there twice
    people    how many people there are at the start, ``rounds`` how often they get to edit before a sync
    without   kinds of trouble left out
    reverse   connections are listed, and so polled, the other way round
    """

    seed: int
    vendors: tuple[str, ...] = VENDORS[:2]
    people: int = 0
    rounds: int = 0
    without: frozenset[str] = field(default_factory=frozenset)
    reverse: bool = False

    @classmethod
    def of(cls, seed: int, vendors: tuple[str, ...] = ()) -> Scenario:
        """The run of a seed: its size is drawn too. ``vendors``: these instead of those drawn."""
        rng = random.Random(f"{seed}:size")
        drawn = rng.sample(VENDORS, rng.choices(list(COUNTS), list(COUNTS.values()))[0])
        if rng.random() < TWICE:
            drawn[rng.randrange(1, len(drawn))] = drawn[0]
            rng.shuffle(drawn)
        chosen = vendors or tuple(drawn)
        people = rng.randint(*PEOPLE[min(max(len(chosen), 2), 5)])
        return cls(seed, chosen, people=people, rounds=rng.choice((1, 2)))

    def stream(self, name: str) -> random.Random:
        """A source of chance for one purpose."""
        return random.Random(f"{self.seed}:{name}")

    def has(self, kind: str) -> bool:
        """Whether this kind of trouble happens."""
        return kind not in self.without

    @property
    def calm(self) -> Scenario:
        """The same people and edits, and nothing goes wrong."""
        return replace(self, without=frozenset(KINDS))

    @property
    def command(self) -> str:
        """What to type to see this very run again."""
        words = [f"python -m tests.simulation --seed {self.seed} --people {self.people} --rounds {self.rounds}"]
        if self.vendors != Scenario.of(self.seed).vendors:
            words.append(f"--vendors {','.join(self.vendors)}")
        if self.without:
            words.append(f"--without {','.join(sorted(self.without))}")
        if self.reverse:
            words.append("--reverse")
        return " ".join(words)

    def smaller(self) -> list[Scenario]:
        """Variations of this run that are simpler, the simplest first."""
        found = [
            replace(self, rounds=rounds, people=people, without=without)
            for without in (frozenset(KINDS), *(self.without | {kind} for kind in KINDS), self.without)
            for rounds, people in ((1, 2), (1, 3), (2, 4), (self.rounds // 2, self.people // 2))
        ]
        found += [replace(self, without=frozenset(KINDS)), *(replace(self, without=self.without | {k}) for k in KINDS)]
        possible = [one for one in found if 0 < one.rounds <= self.rounds and 0 < one.people <= self.people]
        return [one for one in dict.fromkeys(possible) if one != self and self.without <= one.without]
