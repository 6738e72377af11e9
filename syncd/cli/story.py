"""What happens in `syncd demo`: who the people are, what they do in their CRMs, and what became of it.

People act through the simulated vendors' own apps (`syncd.sandbox.base.SandboxVendor`), never through the API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from syncd.sandbox.base import SandboxVendor
    from syncd.sandbox.world import Population

CINC: Final = "cinc"
CHIME: Final = "chime"
LONG_NAME: Final = "Wilhelmina Aurelia Konstantina Bartholomea II"
"""45 characters; CINC keeps them all, Chime 30 (vendors/chime.md §5)."""

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody both CRMs know. ``ids`` is the external id by connection."""

    email: str
    name: str
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody does: at whom, where, on which canonical field, in words, and how to look at it afterwards."""

    person: Person
    connection: str
    field: str
    told: str
    do: Callable[[], object]
    look: Callable[[Shown], str]


class NotEnoughPeopleError(Exception):
    """The town is too small for the story."""


def shared(sandboxes: Mapping[str, SandboxVendor]) -> list[Person]:
    """Everybody that every CRM knows under the same address, in the order of the addresses."""
    by_email: dict[str, dict[str, list[str]]] = {}
    names: dict[str, str] = {}
    for connection, sandbox in sandboxes.items():
        for lead in sandbox.ids():
            seen = sandbox.shows(lead)
            email = str(seen.get("email") or "").lower()
            if email:
                by_email.setdefault(email, {}).setdefault(connection, []).append(lead)
                names[email] = f"{seen.get('first_name') or ''} {seen.get('last_name') or ''}".strip() or email
    return [
        Person(email, names[email], {connection: ids[0] for connection, ids in places.items()})
        for email, places in sorted(by_email.items())
        if places.keys() == sandboxes.keys() and all(len(ids) == 1 for ids in places.values())
    ]


class Story:
    """Picks the people and holds what they do. Raises NotEnoughPeopleError for a town of too few."""

    def __init__(self, sandboxes: Mapping[str, SandboxVendor], population: Population) -> None:
        self._sandboxes = sandboxes
        self._free = shared(sandboxes)
        self._agents = {
            connection: {ids[connection]: f"{agent.first} {agent.last}" for agent, ids in population.agents}
            for connection in sandboxes
        }

    def first(self) -> list[Act]:
        """What people do before a few seconds pass."""
        cinc, chime = self._sandboxes[CINC], self._sandboxes[CHIME]
        moved, called, rival, labelled, handed, renamed = (
            self._pick(lambda p: self._shows(CINC, p).get("stage") not in {"Appointment Set", "Sold"}),
            self._pick(),
            self._pick(lambda p: self._same(p, "last_name")),
            self._pick(lambda p: bool(self._common_labels(p))),
            self._pick(lambda p: self._rival_agent(p) is not None),
            self._pick(),
        )
        label = self._common_labels(labelled)[0]
        agent, agent_name = self._rival_agent(handed) or ("", "")
        self.rival = rival
        self.renamed = renamed
        married = f"{self._shows(CHIME, rival)['last_name']}-Hart"
        self._married = f"{married}mann"
        return [
            self._act(
                moved, CINC, "stage", "CINC: stage set to “Appointment Set”",
                lambda: cinc.edit(moved.ids[CINC], "stage", "Appointment Set"),
                lambda seen: str(seen.get("stage")),
            ),
            self._act(
                rival, CHIME, "last_name", f"Chime: last name changed to “{married}”",
                lambda: chime.edit(rival.ids[CHIME], "last_name", married),
                lambda seen: str(seen.get("last_name")),
            ),
            self._act(
                called, CHIME, "notes", "Chime: a note, “Called, wants two bedrooms.”",
                lambda: chime.add_note(called.ids[CHIME], "Called, wants two bedrooms."),
                lambda seen: str(seen["notes"][-1][1]) if seen["notes"] else "no note",
            ),
            self._act(
                labelled, CINC, "labels", f"CINC: label “{label}” taken off",
                lambda: cinc.remove_label(labelled.ids[CINC], label),
                lambda seen: ", ".join(sorted(seen["labels"])) or "no labels",
            ),
            self._act(
                handed, CHIME, "assignment.primary", f"Chime: handed over to {agent_name}",
                lambda: chime.assign(handed.ids[CHIME], "primary", agent),
                self._who,
            ),
            self._act(
                renamed, CINC, "first_name", f"CINC: a first name of {len(LONG_NAME)} characters",
                lambda: cinc.edit(renamed.ids[CINC], "first_name", LONG_NAME),
                lambda seen: str(seen.get("first_name")),
            ),
        ]  # fmt: skip

    def second(self) -> list[Act]:
        """A few seconds later, somebody who did not know changes the same field on the other side."""
        rival = self.rival
        return [
            self._act(
                rival, CINC, "last_name", f"CINC: the same last name changed to “{self._married}”",
                lambda: self._sandboxes[CINC].edit(rival.ids[CINC], "last_name", self._married),
                lambda seen: str(seen.get("last_name")),
            )
        ]  # fmt: skip

    def now(self, act: Act, connection: str) -> str:
        """What a CRM shows of an act's subject at this moment."""
        return act.look(self._sandboxes[connection].shows(act.person.ids[connection]))

    def _act(
        self,
        person: Person,
        connection: str,
        field: str,
        told: str,
        do: Callable[[], object],
        look: Callable[[Shown], str],
    ) -> Act:
        return Act(person, connection, field, told, do, look)

    def _pick(self, fits: Callable[[Person], bool] = lambda _: True) -> Person:
        """The next person for whom something is so; nobody is picked twice."""
        for person in self._free:
            if fits(person):
                self._free.remove(person)
                return person
        raise NotEnoughPeopleError

    def _shows(self, connection: str, person: Person) -> Shown:
        return self._sandboxes[connection].shows(person.ids[connection])

    def _same(self, person: Person, field: str) -> bool:
        values = {str(self._shows(connection, person).get(field) or "") for connection in self._sandboxes}
        return len(values) == 1 and "" not in values

    def _rival_agent(self, person: Person) -> tuple[str, str] | None:
        """An agent other than the one a person has, where every CRM names the same one; (Chime's id, name)."""
        there = {self._who(self._shows(connection, person)) for connection in self._sandboxes}
        if len(there) != 1:
            return None
        return next(((key, name) for key, name in self._agents[CHIME].items() if name not in there), None)

    def _who(self, seen: Shown) -> str:
        """The agent of a lead by name."""
        agent = seen["assignments"].get("primary")
        return next((names[agent] for names in self._agents.values() if agent in names), "nobody")

    def _common_labels(self, person: Person) -> Sequence[str]:
        """Labels that every CRM shows on a person, as CINC spells them."""
        elsewhere = {name.casefold() for name in self._shows(CHIME, person)["labels"]}
        return sorted(name for name in self._shows(CINC, person)["labels"] if name.casefold() in elsewhere)
