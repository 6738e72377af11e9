"""The people of a run: who is where at the start, and what they do to whose records afterwards.

An action is drawn before anything runs, without looking at any state: ``pick`` chooses among what is there when it
happens. So two runs of one script do the same things even where one of them crashed in between.
"""

# ruff: noqa: S311 -- chance out of a seed, nothing secret

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.sandbox.base import CannotError, SandboxVendor
from tests.simulation import values
from tests.simulation.ledger import Ledger, TypedNote
from tests.simulation.loop import Clock
from tests.simulation.scenario import Scenario
from tests.simulation.views import View, view

VENDORS = ("cinc", "chime")
WEIGHTS = {
    "first_name": 4, "last_name": 4, "email": 2, "phone_add": 2, "phone_change": 3, "phone_remove": 1, "street": 2,
    "move": 2, "stage": 5, "timeline": 2, "label_add": 5, "label_remove": 4, "assign": 3, "note": 8, "note_edit": 3,
    "note_delete": 1, "blank": 1, "delete": 1, "arrive": 2, "clash": 6,
}  # fmt: skip
UNTYING = frozenset({"phone_change", "phone_remove"})
CLASHES = ("first_name", "last_name", "street", "stage", "phone_change", "label_add", "assign", "email")
RACES = {
    "note": 10, "first_name": 3, "last_name": 2, "street": 2, "stage": 2, "label_add": 3, "label_remove": 3,
    "phone_change": 2, "assign": 1, "note_edit": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """One thing one person does. ``at`` is seconds into the round; ``salt`` decides the value typed."""

    at: float
    kind: str
    person: int
    vendor: str
    pick: float
    salt: str


@dataclass(slots=True)
class Person:
    """One human.

    records   vendor → lead id; ``doubtful``: two records of theirs stand in one vendor
    since     moment of the ledger when they came
    """

    index: int
    records: dict[str, str] = field(default_factory=dict)
    doubtful: bool = False
    since: int = 0


def script(scenario: Scenario) -> list[list[Action]]:
    """What people do in each round."""
    rng = scenario.stream("script")
    rounds: list[list[Action]] = []
    for number in range(scenario.rounds):
        own = random.Random(rng.random())  # a shorter run does what the longer one does in these rounds
        count = own.randint(3, 9)
        moments = sorted(own.uniform(1, 3000) for _ in range(count))
        actions: list[Action] = []
        for n, at in enumerate(moments):
            kind = own.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            person, vendor, pick = own.randrange(scenario.people), own.choice(VENDORS), own.random()
            salt = f"{scenario.seed}:{number}:{n}"
            if kind == "clash":  # both sides change the same thing before anybody has synced
                what, apart = own.choice(CLASHES), own.choice((0.5, 1.5, 40.0))
                actions.append(Action(at, what, person, "cinc", pick, salt))
                actions.append(Action(at + apart, what, person, "chime", own.random(), f"{salt}'"))
            else:
                actions.append(Action(at, kind, person, vendor, pick, salt))
        rounds.append(sorted(actions, key=lambda action: action.at))
    return rounds


class World:
    """Two accounts, the people in them, and the ledger of what they do."""

    def __init__(self, scenario: Scenario, clock: Clock, sandboxes: Mapping[str, SandboxVendor]) -> None:
        self.scenario = scenario
        self.clock = clock
        self.sandboxes = sandboxes
        self.ledger = Ledger()
        self.people: list[Person] = []
        self.owner: dict[tuple[str, str], int] = {}
        """(vendor, lead id) → person."""
        self.agents: dict[str, dict[str, str]] = {vendor: {} for vendor in VENDORS}
        self.routed: set[int] = set()
        """People whose record in Chime syncd made, so that the vendor's routing may have picked their agent."""
        self._acts: dict[str, Callable[[SandboxVendor, str, Action], None]] = {
            "note": self._note, "note_edit": self._note_edit, "note_delete": self._note_delete, "delete": self._delete,
        }  # fmt: skip

    def populate(self) -> None:
        """The people and agents of the start."""
        rng = self.scenario.stream("world")
        for n in range(5):  # the last two have an account with one vendor only
            email = f"agent{n}@office.example"
            for vendor in VENDORS if n < 3 else VENDORS[n % 2 :][:1]:
                self.agents[vendor][self.sandboxes[vendor].add_agent(email, "Agent", f"Number{n}")] = email
        for index in range(self.scenario.people):
            own = random.Random(rng.random())
            person = Person(index)
            self.people.append(person)
            for plain, vendor in values.somebody(str(index), own, self.agents):
                self._appear(person, vendor, plain)
            for _ in range(own.choice((0, 0, 1, 1, 2))):
                vendor = own.choice(sorted(person.records))
                self.act(Action(0, "note", index, vendor, 0, f"{self.scenario.seed}:{index}:{own.random()}"))

    def view(self, vendor: str, lead: str) -> View | None:
        """A live record as people see it."""
        try:
            return view(vendor, self.sandboxes[vendor].shows(lead), self.agents[vendor])
        except KeyError:
            return None

    def notes(self, vendor: str, lead: str) -> list[tuple[str, str]]:
        """The notes on a live record."""
        return list(self.sandboxes[vendor].shows(lead)["notes"])

    def act(self, action: Action) -> bool:
        """Somebody does something, if it is possible now. Whether they did."""
        person = self.people[action.person]
        lead = person.records.get(action.vendor)
        if action.kind == "arrive":
            return self._arrive(person, action)
        if lead is None:
            return False
        before = self.view(action.vendor, lead)
        if before is None or (action.kind in UNTYING and self._tied_by_phone(person)):
            return False
        sandbox = self.sandboxes[action.vendor]
        try:
            if action.kind in self._acts:
                self._acts[action.kind](sandbox, lead, action)
            else:
                values.change(
                    sandbox, lead, action.kind, action.pick, random.Random(action.salt), self.agents[action.vendor]
                )
        except (CannotError, values.NothingToDo):
            return False
        after = self.view(action.vendor, lead)
        if after is not None:
            self.ledger.changed(self.clock.monotonic(), action.person, action.vendor, lead, before, after)
        return True

    def _tied_by_phone(self, person: Person) -> bool:
        """Whether nothing but a number tells yet that two records are one person: once it goes, nobody can know."""
        if self.ledger.carried(person.since, self.ledger.seq + 1):
            return False
        emails = {seen["email"] for place in person.records.items() if (seen := self.view(*place)) is not None}
        return len(emails) > 1

    def known_as(self, seen: View) -> int | None:
        """Whose record this can be, by what is unique to a person."""
        for person in self.people:
            allowed = self.ledger.allowed
            if (seen["email"] and seen["email"] in allowed[person.index, "email"]) or (
                seen["phones"] and seen["phones"] & allowed[person.index, "phones"]
            ):
                return person.index
        return None

    # What people do with whole records and with notes.

    def _appear(self, person: Person, vendor: str, plain: Mapping[str, Any]) -> None:
        sandbox = self.sandboxes[vendor]
        lead = sandbox.add_person(**plain)
        if vendor in person.records:
            person.doubtful = True
        else:
            person.records[vendor] = lead
        self.owner[vendor, lead] = person.index
        after = self.view(vendor, lead)
        assert after is not None
        self.ledger.changed(self.clock.monotonic(), person.index, vendor, lead, None, after)

    def _arrive(self, person: Person, action: Action) -> bool:
        """Somebody new walks into one office or, at the same moment, into both."""
        rng = random.Random(action.salt)
        newcomer = Person(len(self.people), since=self.ledger.tick())
        for plain, vendor in values.somebody(action.salt.replace(":", "n"), rng, self.agents):
            if not self.people or self.people[-1] is not newcomer:
                self.people.append(newcomer)
            self._appear(newcomer, vendor, plain)
        return bool(newcomer.records)

    def _note(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        rng = random.Random(action.salt)
        author = rng.choice(sorted(self.agents[action.vendor]))
        note = sandbox.add_note(lead, values.note(rng, action.vendor), author)
        text = dict(self.notes(action.vendor, lead))[note]
        self.ledger.notes.append(TypedNote(self.ledger.tick(), action.person, action.vendor, lead, note, [text]))

    def _own_notes(self, action: Action, lead: str) -> list[TypedNote]:
        there = {note for note, _ in self.notes(action.vendor, lead)}
        return [
            note
            for note in self.ledger.notes
            if (note.vendor, note.lead) == (action.vendor, lead) and note.note in there
        ]

    def _note_edit(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        notes = self._own_notes(action, lead)
        if not notes:
            raise values.NothingToDo
        note = notes[int(action.pick * len(notes))]
        sandbox.edit_note(lead, note.note, values.note(random.Random(action.salt), action.vendor, fresh=True))
        self.ledger.tick()
        note.versions.append(dict(self.notes(action.vendor, lead))[note.note])

    def _note_delete(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        notes = self._own_notes(action, lead)
        if not notes:
            raise values.NothingToDo
        note = notes[int(action.pick * len(notes))]
        sandbox.delete_note(lead, note.note)
        self.ledger.tick()
        note.gone.add(action.vendor)

    def _delete(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        sandbox.delete(lead)
        self.ledger.deleted[action.vendor, lead] = self.ledger.tick()
        del self.people[action.person].records[action.vendor]
