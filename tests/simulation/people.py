"""The people of a run: who is where at the start, and what they do to whose records afterwards."""

# ruff: noqa: S311 -- chance out of a seed, nothing secret

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from syncd.sandbox.base import CannotError, SandboxVendor
from tests.simulation import values
from tests.simulation.ledger import Ledger, TypedNote
from tests.simulation.loop import Clock
from tests.simulation.scenario import Scenario
from tests.simulation.script import Action
from tests.simulation.traits import Account, Traits, traits_of
from tests.simulation.views import View

UNTYING = frozenset({"phone_change", "phone_remove", "first_name", "last_name"})
WHERE = {
    "alone": 5, "same": 3, "contradicting": 3.5, "by phone": 2, "without email": 1, "without phone": 0.5, "twice": 0.4,
}  # fmt: skip


@dataclass(slots=True)
class Person:
    """One human.

    records   account → lead id; ``doubtful``: two records of theirs stand in one account
    since     moment of the ledger when they came, or when syncd made another record of them
    """

    index: int
    records: dict[str, str] = field(default_factory=dict)
    doubtful: bool = False
    since: int = 0


class World:
    """The accounts, the people in them, and the ledger of what they do."""

    def __init__(
        self, scenario: Scenario, clock: Clock, accounts: Sequence[Account], sandboxes: Mapping[str, SandboxVendor]
    ) -> None:
        self.scenario = scenario
        self.clock = clock
        self.sandboxes = sandboxes
        self.accounts = [account.name for account in accounts]
        self.traits: dict[str, Traits] = {account.name: traits_of(account) for account in accounts}
        self.ledger = Ledger()
        self.people: list[Person] = []
        self.owner: dict[tuple[str, str], int] = {}
        """(account, lead id) → person."""
        self.agents = {name: dict(self.traits[name].agents(sandboxes[name])) for name in self.accounts}
        self.routed: set[int] = set()
        """People with a record that syncd made where the vendor's routing may have picked their agent."""
        self._acts: dict[str, Callable[[SandboxVendor, str, Action], None]] = {
            "note": self._note, "note_edit": self._note_edit, "note_delete": self._note_delete, "delete": self._delete,
        }  # fmt: skip

    def populate(self) -> None:
        """The people and agents of the start."""
        rng = self.scenario.stream("world")
        for n in range(5):  # the last two do not have an account with everybody
            email = f"agent{n}@office.example"
            for account in self.accounts if n < 3 else rng.sample(self.accounts, len(self.accounts) // 2):
                self.agents[account][self.sandboxes[account].add_agent(email, "Agent", f"Number{n}")] = email
        for account in self.accounts:
            self.traits[account].staff |= set(self.agents[account].values())
            self.ledger.unswept |= set() if self.traits[account].notes_move else {account}
        for index in range(self.scenario.people):
            own = random.Random(rng.random())
            person = Person(index)
            self.people.append(person)
            for plain, account in self._drawn(str(index), own):
                self._appear(person, account, plain)
            for _ in range(own.choice((0, 0, 1, 1, 2))):
                account = own.choice(sorted(person.records))
                self.act(Action(0, "note", index, account, 0, f"{self.scenario.seed}:{index}:{own.random()}"))

    def view(self, account: str, lead: str) -> View | None:
        """A live record as people see it."""
        try:
            return self.traits[account].see(self.sandboxes[account].shows(lead), self.agents[account])
        except KeyError:
            return None

    def meet(self) -> None:
        """A sync ended quiet: whoever a record shows as its agent now has been read."""
        for account, traits in self.traits.items():
            views = [seen for lead in self.sandboxes[account].ids() if (seen := self.view(account, lead)) is not None]
            traits.met |= {seen["primary"] for seen in views if "primary" in seen} - {""}

    def notes(self, account: str, lead: str) -> list[tuple[str, str]]:
        """The notes on a live record."""
        return list(self.sandboxes[account].shows(lead)["notes"])

    def act(self, action: Action) -> bool:
        """Somebody does something, if it is possible now. Whether they did."""
        person, account = self.people[action.person], action.account
        lead = person.records.get(account)
        if action.kind == "arrive":
            return self._arrive(action)
        if lead is None:
            return False
        before = self.view(account, lead)
        if before is None or (action.kind in UNTYING and self._tied_by_phone(person)):
            return False
        sandbox = self.sandboxes[account]
        try:
            if action.kind in self._acts:
                self._acts[action.kind](sandbox, lead, action)
            else:
                rng, agents = random.Random(action.salt), self.agents[account]
                values.change(sandbox, self.traits[account], lead, action.kind, action.pick, rng, agents)
        except (CannotError, values.NothingToDo):
            return False
        after = self.view(account, lead)
        if after is not None:
            self._changed(action.person, account, lead, before, after)
        return True

    def known_as(self, seen: View) -> int | None:
        """Whose record this can be, by what is unique to a person."""
        allowed = self.ledger.allowed
        for person in self.people:
            addresses = (allowed[person.index, "email"] | allowed[person.index, "emails"]) - {""}
            if seen["email"] in addresses or seen["phones"] & allowed[person.index, "phones"]:
                return person.index
        return None

    def _changed(self, person: int, account: str, lead: str, before: View | None, after: View) -> None:
        now, blur_s = self.clock.monotonic(), self.traits[account].blur_s
        self.ledger.changed(now, person, account, lead, before, after, blur_s=blur_s)

    def _tied_by_phone(self, person: Person) -> bool:
        """Whether nothing but a number tells yet that two records are one person: once it goes, nobody can know."""
        if self.ledger.carried(person.since, self.ledger.seq + 1) and self.ledger.linked(person.records.items()):
            return False
        emails = {seen["email"] for place in person.records.items() if (seen := self.view(*place)) is not None}
        return len(person.records) > 1 and (len(emails) > 1 or "" in emails)

    # People who come.

    def _drawn(self, tag: str, rng: random.Random) -> Iterator[tuple[dict[str, Any], str]]:
        """The records one new person has: (plain fields, account)."""
        where = rng.choices(list(WHERE), list(WHERE.values()))[0]
        base = values.somebody(tag, rng)
        several = where in {"same", "contradicting", "by phone"}
        chosen = rng.sample(self.accounts, rng.randint(2, len(self.accounts)) if several else 1)
        if where == "without phone":
            del base["phones"]
        if where == "without email" and self.traits[chosen[0]].account.vendor != "cinc":
            del base["email"]
        for n, account in enumerate(chosen):
            fields = dict(base)
            if n and where in {"contradicting", "by phone"}:
                fields |= values.contradiction(rng)
            if n and where == "by phone":
                fields["email"] = values.email(rng, f"p{tag}x{n}x")
                fields |= {key: base[key] for key in ("first_name", "last_name")}
            yield values.typed(self.traits[account], fields, rng, self.agents[account]), account
        if where == "twice":
            fields = {**base, "first_name": values.name(rng)}
            yield values.typed(self.traits[chosen[0]], fields, rng, self.agents[chosen[0]]), chosen[0]

    def _appear(self, person: Person, account: str, plain: Mapping[str, Any]) -> None:
        with suppress(CannotError):  # another lead has this address, says the app
            lead = self.sandboxes[account].add_person(**plain)
            if account in person.records:
                person.doubtful = True
            else:
                person.records[account] = lead
            self.owner[account, lead] = person.index
            after = self.view(account, lead)
            assert after is not None
            self._changed(person.index, account, lead, None, after)

    def _arrive(self, action: Action) -> bool:
        """Somebody new walks into one office or, at the same moment, into several."""
        rng = random.Random(action.salt)
        newcomer = Person(len(self.people), since=self.ledger.tick())
        self.people.append(newcomer)
        for plain, account in self._drawn(action.salt.replace(":", "n"), rng):
            self._appear(newcomer, account, plain)
        return bool(newcomer.records)

    # What people do with whole records and with notes.

    def _note(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        rng = random.Random(action.salt)
        author = rng.choice(sorted(self.agents[action.account]))
        note = sandbox.add_note(lead, values.note(rng, self.traits[action.account]), author)
        text = dict(self.notes(action.account, lead))[note]
        seq = self.ledger.tick()
        self.ledger.notes.append(TypedNote(seq, action.person, action.account, lead, note, [text], touched=seq))

    def _own_note(self, action: Action, lead: str) -> TypedNote:
        there = {note for note, _ in self.notes(action.account, lead)}
        notes = [note for note in self.ledger.notes if (note.account, note.lead) == (action.account, lead)]
        notes = [note for note in notes if note.note in there]
        if not notes:
            raise values.NothingToDo
        return notes[int(action.pick * len(notes))]

    def _note_edit(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        note = self._own_note(action, lead)
        text = values.note(random.Random(action.salt), self.traits[action.account], fresh=True)
        sandbox.edit_note(lead, note.note, text)
        note.touched = self.ledger.tick()
        note.versions.append(dict(self.notes(action.account, lead))[note.note])

    def _note_delete(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        note = self._own_note(action, lead)
        sandbox.delete_note(lead, note.note)
        self.ledger.tick()
        note.gone.add(action.account)

    def _delete(self, sandbox: SandboxVendor, lead: str, action: Action) -> None:
        sandbox.delete(lead)
        self.ledger.deleted[action.account, lead] = self.ledger.tick()
        del self.people[action.person].records[action.account]
