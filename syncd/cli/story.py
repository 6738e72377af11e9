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
MYCRM: Final = "mycrm"
RECHAT: Final = "rechat"
EPIXEL: Final = "epixel"
CAST: Final[Mapping[str, str]] = {CINC: "CINC", CHIME: "Chime", MYCRM: "MyCRM", RECHAT: "Rechat", EPIXEL: "Epixel"}
"""Connection → what its people call it; in the order in which the demo shows them."""
LABELLED: Final = (CINC, CHIME, RECHAT)
"""Where there are labels at all (vendors/mycrm.md §8, vendors/epixel.md §8: none)."""

LONG_NAME: Final = "Wilhelmina Aurelia Konstantina Bartholomea II"
"""45 characters; most keep them all, Chime 30 (vendors/chime.md §5)."""
SHORT_NOTE: Final = "Called, wants two bedrooms."
LONG_NOTE: Final = """\
Walked through the house on Maple Street with both of them this morning, about an hour and a half altogether.
They like the kitchen and the light in the afternoon, less so the stairs: her mother moves in next year and must \
have a bedroom and a bath on the ground floor. The garage could become that room; I promised to ask what the city \
wants to see for it, and what it cost the neighbours who did the same two years ago.
Money: pre-approved for 520, would rather stay below 480, and the bank wants to see the sale of the flat first. The \
flat goes on the market next week; they expect two months, I told them to expect three. A bridge loan is not out of \
the question, but he does not like it, so no pressure.
Schools matter, the younger one starts in August. The bus stops at the corner, which they liked a lot.
They saw two other houses with somebody else last week, one of them on Juniper, which had an offer on it the same \
day. So they know that it can go fast, and they have asked to hear of new ones before the weekend, by text message.
Next: the floor plan and the papers of the roof by Thursday, then a second look with the mother.
"""
"""An agent's note of more than a thousand characters; Epixel takes 499 (vendors/epixel.md §7)."""
NEWCOMER: Final[Mapping[str, str]] = {
    "first_name": "Nora", "last_name": "Feldkamp", "email": "nora.feldkamp@example.net", "source": "Website",
}  # fmt: skip
"""Somebody who left a name and an address on a web site, and no phone number."""
LINE_CHARS: Final = 120
"""Longer notes are told by their length."""
STAGE_TAG: Final = "Stage: "
NOBODY: Final = "nobody"
ABSENT: Final = "not there"

Shown = dict[str, Any]
Look = Callable[[str, Shown], str]
"""(connection, what its app shows of the lead) → the part of it an act is about, in words."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the CRMs know. ``ids`` is the external id by connection, as far as it is known."""

    email: str
    name: str
    ids: dict[str, str]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody does: at whom, where, on which canonical field, in words, and how to look at it afterwards."""

    person: Person
    connection: str
    field: str
    told: str
    do: Callable[[], object]
    look: Look


class NotEnoughPeopleError(Exception):
    """The town is too small for the story."""


def shared(sandboxes: Mapping[str, SandboxVendor]) -> list[Person]:
    """Everybody that every CRM knows under the same address, in the order of the addresses."""
    by_email: dict[str, dict[str, list[str]]] = {}
    names: dict[str, str] = {}
    for connection, sandbox in sandboxes.items():
        for lead in sandbox.ids():
            seen = sandbox.shows(lead)
            email = _email(seen)
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
        self.moved = self._pick(lambda p: self._stage(p) not in {"Appointment Set", "Sold"})
        self.tagged = self._pick(lambda p: self._stage(p) not in {"Under Contract", "Sold"})
        self.rival = self._pick(lambda p: self._same(p, "last_name"))
        self.called = self._pick(self._unnoted)
        self.visited = self._pick(self._unnoted)
        self.labelled = self._pick(lambda p: bool(self._common_labels(p)))
        self.handed = self._pick(lambda p: self._other_agent(p) is not None)
        self.renamed = self._pick()
        self.newcomer = Person(NEWCOMER["email"], f"{NEWCOMER['first_name']} {NEWCOMER['last_name']}", {})
        self._married = f"{self._shows(CHIME, self.rival)['last_name']}-Hart"

    def first(self) -> list[Act]:
        """What people do before a few seconds pass."""
        return [*self._edits(), *self._limits()]

    def _edits(self) -> list[Act]:
        """The ordinary work of a day, in every CRM."""
        cinc, chime, epixel = (self._sandboxes[name] for name in (CINC, CHIME, EPIXEL))
        label = self._common_labels(self.labelled)[0]
        agent, agent_name = self._other_agent(self.handed) or ("", "")
        married = self._married
        return [
            self._act(
                self.moved, CINC, "stage", "stage set to “Appointment Set”", self._stage_shown,
                lambda: cinc.edit(self.moved.ids[CINC], "stage", "Appointment Set"),
            ),
            self._act(
                self.rival, CHIME, "last_name", f"last name changed to “{married}”", _plainly("last_name"),
                lambda: chime.edit(self.rival.ids[CHIME], "last_name", married),
            ),
            self._act(
                self.called, CHIME, "notes", f"a note, “{SHORT_NOTE}”", _notes,
                lambda: chime.add_note(self.called.ids[CHIME], SHORT_NOTE),
            ),
            self._act(
                self.labelled, CINC, "labels", f"label “{label}” taken off", _labels,
                lambda: cinc.remove_label(self.labelled.ids[CINC], label),
            ),
            self._act(
                self.handed, EPIXEL, "assignment.primary", f"handed over to {agent_name}",
                lambda _, seen: self._who(seen),
                lambda: epixel.assign(self.handed.ids[EPIXEL], "primary", agent),
            ),
        ]  # fmt: skip

    def _limits(self) -> list[Act]:
        """What not every CRM can hold, or not in the same way."""
        cinc, rechat = self._sandboxes[CINC], self._sandboxes[RECHAT]
        tag = f"{STAGE_TAG}Under Contract"

        def come() -> None:
            self.newcomer.ids[CINC] = cinc.add_person(**NEWCOMER, stage="New Lead")

        return [
            self._act(
                self.tagged, RECHAT, "stage", f"tag “{tag}” put on", self._stage_shown,
                lambda: rechat.add_label(self.tagged.ids[RECHAT], tag),
            ),
            self._act(
                self.visited, RECHAT, "notes", f"a note of {len(LONG_NOTE.strip()):,} characters", _notes,
                lambda: rechat.add_note(self.visited.ids[RECHAT], LONG_NOTE.strip()),
            ),
            self._act(
                self.renamed, CINC, "first_name", f"a first name of {len(LONG_NAME)} characters",
                _plainly("first_name"),
                lambda: cinc.edit(self.renamed.ids[CINC], "first_name", LONG_NAME),
            ),
            self._act(
                self.newcomer, CINC, "email", "a new lead, with an e-mail address but no phone", _plainly("email"), come
            ),
        ]  # fmt: skip

    def second(self) -> list[Act]:
        """A few seconds later, somebody who did not know changes the same field on another side."""
        wanted = f"{self._married}mann"
        return [
            self._act(
                self.rival, MYCRM, "last_name", f"the same last name changed to “{wanted}”", _plainly("last_name"),
                lambda: self._sandboxes[MYCRM].edit(self.rival.ids[MYCRM], "last_name", wanted),
            )
        ]  # fmt: skip

    def now(self, act: Act, connection: str) -> str:
        """What a CRM shows of an act's subject at this moment."""
        lead = self.find(act.person, connection)
        return ABSENT if lead is None else act.look(connection, self._sandboxes[connection].shows(lead))

    def find(self, person: Person, connection: str) -> str | None:
        """Where somebody is in a CRM; None: nowhere."""
        if connection not in person.ids:
            sandbox = self._sandboxes[connection]
            found = (lead for lead in sandbox.ids() if _email(sandbox.shows(lead)) == person.email)
            return next(found, None)
        return person.ids[connection]

    def notes(self, person: Person, connection: str) -> list[str]:
        """The notes of somebody as a CRM shows them."""
        return [str(text) for _, text in self._shows(connection, person)["notes"]]

    def _act(self, person: Person, connection: str, field: str, what: str, look: Look, do: Callable[[], object]) -> Act:
        return Act(person, connection, field, f"{CAST[connection]}: {what}", do, look)

    def _pick(self, fits: Callable[[Person], bool] = lambda _: True) -> Person:
        """The next person for whom something is so; nobody is picked twice."""
        for person in self._free:
            if fits(person):
                self._free.remove(person)
                return person
        raise NotEnoughPeopleError

    def _shows(self, connection: str, person: Person) -> Shown:
        return self._sandboxes[connection].shows(person.ids[connection])

    def _stage(self, person: Person) -> str:
        return str(self._shows(CINC, person).get("stage"))

    def _stage_shown(self, connection: str, seen: Shown) -> str:
        """A stage as people see it: at Rechat it is the tag whole, with the beginning that makes it a stage."""
        stage = str(seen.get("stage") or "no stage")
        return f"tag “{STAGE_TAG}{stage}”" if connection == RECHAT and seen.get("stage") else stage

    def _unnoted(self, person: Person) -> bool:
        return not any(self._shows(connection, person)["notes"] for connection in self._sandboxes)

    def _same(self, person: Person, field: str) -> bool:
        values = {str(self._shows(connection, person).get(field) or "") for connection in self._sandboxes}
        return len(values) == 1 and "" not in values

    def _other_agent(self, person: Person) -> tuple[str, str] | None:
        """An agent other than the one a person has, where every CRM names the same one; (Epixel's id, name)."""
        there = {self._who(self._shows(connection, person)) for connection in self._sandboxes}
        if len(there) != 1 or NOBODY in there:
            return None
        return next(((key, name) for key, name in self._agents[EPIXEL].items() if name not in there), None)

    def _who(self, seen: Shown) -> str:
        """The agent of a lead by name."""
        agent = seen["assignments"].get("primary")
        return next((names[agent] for names in self._agents.values() if agent in names), NOBODY)

    def _common_labels(self, person: Person) -> Sequence[str]:
        """Labels that every CRM with labels shows on a person, as CINC spells them."""
        shown = [self._shows(connection, person)["labels"] for connection in LABELLED]
        folded = [{name.casefold() for name in labels} for labels in shown]
        return sorted(name for name in shown[0] if all(name.casefold() in labels for labels in folded))


def _email(seen: Shown) -> str:
    return str(seen.get("email") or "").lower()


def _plainly(name: str) -> Look:
    return lambda _, seen: str(seen.get(name) or "nothing")


def _labels(connection: str, seen: Shown) -> str:
    if connection not in LABELLED:
        return "no labels at all"
    return ", ".join(sorted(seen["labels"])) or "no label left"


def _notes(_connection: str, seen: Shown) -> str:
    texts = [str(text) for _, text in seen["notes"]]
    lengths = [f"{len(text):,}" for text in texts]
    if len(texts) > 1:
        return f"{len(texts)} notes, of {', '.join(lengths[:-1])} and {lengths[-1]} characters"
    if texts and len(texts[0]) > LINE_CHARS:
        return f"1 note of {lengths[0]} characters"
    return texts[0] if texts else "no note"
