"""Spreads made-up people over several vendors the way real businesses find themselves.

About 40 % of the people are in more than one system. Of those, most were typed in twice and so differ in how
the telephone is written; some carry other labels, some contradict each other in a field, and a few are there under
a nickname and another e-mail address, so that only the telephone tells that they are one.

What a vendor has no place for (labels at MyCRM and Epixel, a street at Epixel) its people simply did not type.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from syncd.sandbox import names
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.data import MadeUpAgent, MadeUpPerson, People, spell

OVERLAP = 0.4
KINDS: Mapping[str, float] = {"same": 0.45, "labels": 0.2, "conflict": 0.25, "namesake": 0.1}
PEOPLE_PER_AGENT = 30
NOTED_SYSTEMS = 2
"""Who works with more systems than these writes no more for it: the notes are fewer in each."""

Kind = Literal["alone", "same", "labels", "conflict", "namesake"]


@dataclass(frozen=True, slots=True)
class Placed:
    """One person and where they are: vendor name → lead id.

    kind  alone: in one system · same: in several, only spelled differently · labels: with other labels as
          well · conflict: with contradicting values · namesake: with a nickname and another e-mail address
    """

    person: MadeUpPerson
    kind: Kind
    leads: Mapping[str, str]


@dataclass(slots=True)
class Population:
    """Who was put where."""

    placed: list[Placed] = field(default_factory=list)
    agents: list[tuple[MadeUpAgent, dict[str, str]]] = field(default_factory=list)


def populate(world: Mapping[str, SandboxVendor], people: int = 300, seed: int = 1) -> Population:
    """Fill the sandboxes with ``people`` people and their agents; the same seed gives the same world."""
    rng = random.Random(seed)
    supply = People(seed)
    made = Population()
    for agent in supply.agents(max(2, min(25, people // PEOPLE_PER_AGENT))):
        ids = {name: sandbox.add_agent(agent.email, agent.first, agent.last) for name, sandbox in world.items()}
        made.agents.append((agent, ids))
    for _ in range(people):
        made.placed.append(_place(world, supply, rng, made))
    return made


def _place(world: Mapping[str, SandboxVendor], supply: People, rng: random.Random, made: Population) -> Placed:
    person = _noted(supply.person(), world, rng)
    several = len(world) > 1 and rng.random() < OVERLAP
    homes = rng.sample(list(world), rng.randint(2, len(world)) if several else 1)
    kind: Kind = rng.choices(list(KINDS), list(KINDS.values()))[0] if several else "alone"  # type: ignore[assignment]
    agent_ids = rng.choice(made.agents)[1] if rng.random() < 0.8 else {}
    leads = {}
    for number, name in enumerate(homes):
        shown = person if number == 0 else _noted(_again(person, kind, supply, rng), world, rng)
        leads[name] = _add(world[name], shown, agent_ids.get(name), rng)
    return Placed(person, kind, leads)


def _noted(person: MadeUpPerson, world: Mapping[str, SandboxVendor], rng: random.Random) -> MadeUpPerson:
    """The person, with notes only in as many systems as people get round to writing in."""
    if len(world) > NOTED_SYSTEMS and rng.random() * len(world) >= NOTED_SYSTEMS:
        return replace(person, notes=())
    return person


def _again(person: MadeUpPerson, kind: Kind, supply: People, rng: random.Random) -> MadeUpPerson:
    """The person as somebody else typed them in."""
    notes = tuple(supply.note(person.street, person.city) for _ in range(rng.randint(0, 1)))
    person = replace(person, notes=notes)
    match kind:
        case "labels":
            return replace(person, labels=tuple(rng.sample(names.LABELS, rng.randint(1, 3))))
        case "namesake":
            return supply.namesake(person)
        case "conflict":
            return replace(person, **_contradiction(person, supply, rng))
        case _:
            return person


def _contradiction(person: MadeUpPerson, supply: People, rng: random.Random) -> dict[str, Any]:
    return rng.choice(
        (
            {"street": f"{rng.randint(1, 999)} Elsewhere Rd"},
            {"stage": rng.choice([stage for stage in names.STAGES if stage != person.stage])},
            {"last_name": rng.choice(names.LAST_NAMES)},
            {"source": rng.choice([source for source in names.SOURCES if source != person.source])},
            {"phones": ((supply.number(), "cell"),)},
            {"first_name": names.NICKNAMES.get(person.first_name, person.first_name[0])},
        )
    )


def _add(sandbox: SandboxVendor, person: MadeUpPerson, agent: str | None, rng: random.Random) -> str:
    """A person types somebody in."""
    lead = sandbox.add_person(
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        phones=[(spell(number, rng.randrange(6)), kind) for number, kind in person.phones],
        street=person.street,
        city=person.city,
        region=person.region,
        postal_code=person.postal_code,
        stage=sandbox.stage_words[person.stage],
        source=person.source,
        roles=list(person.roles),
    )
    for label in person.labels:
        sandbox.add_label(lead, label)
    for note in person.notes:
        sandbox.add_note(lead, note, agent or "")
    if agent is not None:
        sandbox.assign(lead, "primary", agent)
    return lead
