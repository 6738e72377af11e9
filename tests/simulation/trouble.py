"""Everything that goes wrong in a run: faults, deaths, and people who act in between. And what syncd's writes did.

Each write is looked at: what it changed, whether anybody ever said so, whether the vendor's sheet allows it, and
whether it ran over something a person typed that nobody could have seen yet.
"""

# ruff: noqa: S311 -- chance out of a seed, nothing secret

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault, FaultPlan, Moment
from tests.simulation.ledger import Edit
from tests.simulation.people import World
from tests.simulation.scenario import Scenario
from tests.simulation.script import Action
from tests.simulation.traits.base import Sent
from tests.simulation.views import ADDRESS, SCALARS, SETS, View

CRASHES_MAX, RACES_MAX = 5, 9
DEADLY = {
    "after create": 0.16, "before create": 0.04, "after write": 0.04, "before write": 0.03, "after read": 0.003,
    "before read": 0.003, "before commit": 0.004, "after commit": 0.004,
}  # fmt: skip
FAULTS = {
    "before": {"drop": 0.012, "error": 0.012, "rate": 0.012, "html": 0.004},
    "after": {"drop": 0.012, "error": 0.012, "half": 0.01, "html": 0.004},
}
RACE_HERE, RACE_ELSEWHERE = 0.2, 0.12
"""How likely somebody acts at a call: on the lead it is about; at a list, on what was edited elsewhere just now."""
RACES = {
    "note": 10, "first_name": 3, "last_name": 2, "title": 1, "street": 2, "stage": 2, "timeline": 1, "label_add": 3,
    "label_remove": 3, "phone_change": 2, "assign": 1, "note_edit": 2,
}  # fmt: skip
SAME = {
    "first_name": "first_name", "last_name": "last_name", "title": "title", "street": "street", "stage": "stage",
    "email": "email", "phones": "phone_change", "primary": "assign", "buyer_timeline": "timeline",
}  # fmt: skip
"""Field → the kind of action that changes it."""
PLURAL = {"email": "emails", "emails": "email", "phone": "phones"}
"""Where else a value may have been said."""
WRITE_TROUBLE = 3.0
"""How much likelier trouble is on a write."""


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before a write: ids of leads (where one is created), the lead, its notes (where one is added)."""

    ids: set[str] = field(default_factory=set)
    seen: View | None = None
    notes: dict[str, str] = field(default_factory=dict)


class Trouble:
    """What goes wrong, out of its own streams of chance, and how often it did."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self.scenario = scenario
        self.world = world
        self.counts: Counter[str] = Counter()
        self.armed = False
        self.inventions: list[str] = []
        self.forbidden: list[str] = []
        self.seen_at: dict[tuple[str, str], int] = {}
        """(account, lead) → the moment of the ledger up to which syncd has read the record."""
        self._crashes, self._faults = scenario.stream("crashes"), scenario.stream("faults")
        self._races, self._latency = scenario.stream("races"), scenario.stream("latency")
        self.place: Sent | None = None

    def deadly(self, place: str) -> bool:
        """Whether syncd dies here."""
        draw = self._crashes.random()
        if not self.armed or not self.scenario.has("crashes") or self.counts["crashes"] >= CRASHES_MAX:
            return False
        if draw >= DEADLY[place]:
            return False
        self.counts["crashes"] += 1
        self.counts[f"crash {place}"] += 1
        if self.place is not None and not place.endswith("commit"):
            self.counts[f"crashes at {self.vendor(self.place.account)}"] += 1
            self.counts["note races"] += place == "after create" and self.place.create == "note"
        return True

    def vendor(self, account: str) -> str:
        """Whose account it is."""
        return self.world.traits[account].account.vendor

    def plan(self, account: str) -> FaultPlan:
        """The faults of one account's sandbox."""

        def fault(ask: Ask, moment: Moment) -> Fault | None:
            draw = self._faults.random()
            if not self.armed or not self.scenario.has("faults"):
                return None
            for kind, share in FAULTS[moment].items():
                draw -= share * (WRITE_TROUBLE if ask.write else 1)
                if draw < 0:
                    framed = self.world.traits[account].framed()
                    made = "drop" if kind == "half" and ask.write and not framed else kind
                    self.counts["faults"] += 1
                    self.counts[f"fault {made} {moment}"] += 1
                    return Fault(made, delay_s=self._faults.choice((0.2, 3.0)))  # type: ignore[arg-type]
            return None

        return fault

    def latency_s(self) -> float:
        """How long a request is on its way, one way."""
        return 3.0 if self._latency.random() < 0.02 else self._latency.uniform(0.01, 0.2)

    def race(self, sent: Sent, *, before: bool) -> None:
        """Perhaps somebody does something now: to the very lead that is read or written, or to a field under way."""
        draw = self._races.random()
        due = sent.write if before else sent.single or not sent.write
        if not due or not self.armed or not self.scenario.has("races") or self.counts["races"] >= RACES_MAX:
            return
        rng = random.Random(f"{self.scenario.seed}:{draw}")
        if sent.lead and (sent.write or sent.single):
            action = self._to_this(sent, rng, draw) if draw < RACE_HERE else None
        else:
            action = self._meanwhile(rng, draw) if draw < RACE_ELSEWHERE else None
        if action is not None and self.world.act(action):
            self.counts["races"] += 1
            self.counts["note races"] += action.kind == "note"

    def _to_this(self, sent: Sent, rng: random.Random, draw: float) -> Action | None:
        """Something to the lead of this call, mostly in the same account."""
        owner = self.world.owner.get((sent.account, sent.lead))
        person = self.world.people[owner] if owner is not None else None
        if person is None or person.records.get(sent.account) != sent.lead:
            return None
        here = rng.random() < 0.8 or len(person.records) < 2
        account = sent.account if here else rng.choice(sorted(person.records))
        kind = rng.choices(list(RACES), list(RACES.values()))[0]
        return Action(0, kind, person.index, account, rng.random(), f"{self.scenario.seed}:race:{draw}")

    def _meanwhile(self, rng: random.Random, draw: float) -> Action | None:
        """After a list was read, and before what it showed is carried over: the same field, in another account."""
        fresh = [edit for edit in self.world.ledger.edits[-8:] if edit.at > 0 and edit.field in SAME]
        if not fresh:
            return None
        edit = rng.choice(fresh)
        account = rng.choice([name for name in self.world.accounts if name != edit.account])
        return Action(0, SAME[edit.field], edit.person, account, rng.random(), f"{self.scenario.seed}:race:{draw}")

    # What syncd's writes did.

    def look(self, sent: Sent) -> Before:
        """Before a write: which leads there are, and the one it is about."""
        if sent.forbidden:
            self.forbidden.append(f"{sent.account} {sent.lead}: {sent.forbidden}")
        if not sent.write:
            return Before()
        ids = set(self.world.sandboxes[sent.account].ids()) if sent.create == "lead" else set()
        seen = self.world.view(sent.account, sent.lead) if sent.lead else None
        noted = sent.create == "note" and seen is not None
        return Before(ids, seen, dict(self.world.notes(sent.account, sent.lead)) if noted else {})

    def judge(self, sent: Sent, before: Before) -> None:
        """After a write: what it created or changed."""
        old = before.seen
        if sent.create == "lead":
            for lead in sorted(set(self.world.sandboxes[sent.account].ids()) - before.ids):
                self._created(sent.account, lead)
        owner = self.world.owner.get((sent.account, sent.lead))
        new = self.world.view(sent.account, sent.lead) if sent.lead else None
        if owner is None or old is None or new is None:
            return
        ledger, place = self.world.ledger, (sent.account, sent.lead)
        for name in [name for name in SCALARS if name in new and new[name] != old[name]]:
            ledger.shown[*place, name].append((ledger.seq, new[name]))
            if name not in self.world.traits[sent.account].piecewise:
                self._known(owner, sent.account, sent.lead, name, new[name])
            unseen = self._overwritten(sent, name, old[name], added=None)
            if not new[name] and not unseen and name not in ADDRESS:  # a street goes when somebody moved without one
                self.inventions.append(f"{sent.account} {sent.lead}: {name} was {old[name]!r} and was emptied")
        for name in [name for name in SETS if name in new and new[name] != old[name]]:
            ledger.written[*place, name] = self.world.clock.monotonic()
            for element in new[name] - old[name]:
                self._known(owner, sent.account, sent.lead, name, element)
                self._overwritten(sent, name, element, added=False)
            for element in old[name] - new[name]:
                self._overwritten(sent, name, element, added=True)
        if sent.create == "note":
            self.counts[f"notes at {self.vendor(sent.account)}"] += 1
            self._run_over(sent, before.notes, dict(self.world.notes(sent.account, sent.lead)))

    def _created(self, account: str, lead: str) -> None:
        """A record that syncd made: whose is it, and did anybody say all that?"""
        seen = self.world.view(account, lead)
        assert seen is not None
        self.counts["created"] += 1
        self.counts[f"created at {self.vendor(account)}"] += 1
        owner = self.world.known_as(seen)
        if owner is None:
            self.inventions.append(f"{account} {lead}: created for nobody known")
            return
        self.world.owner[account, lead] = owner
        self.world.ledger.made[account, lead] = (self.world.ledger.tick(), self.world.clock.monotonic())
        allowed, ledger = self.world.ledger.allowed, self.world.ledger
        for name, value in self.world.traits[account].vendors_own(seen).items():
            self.world.routed |= {owner} if name == "primary" else set()
            allowed[owner, name] |= value if name in SETS else {value}
            if name in SETS:  # a tag of the vendor's own flows on like a person's
                now, seq = self.world.clock.monotonic(), ledger.tick()
                own = sorted(value & seen[name])
                ledger.edits += [Edit(seq, now, owner, account, lead, name, tag, added=True) for tag in own]
        for name in [name for name in SCALARS if name in seen]:
            ledger.shown[account, lead, name].append((ledger.seq, seen[name]))
            self._known(owner, account, lead, name, seen[name])
        for name in [name for name in SETS if name in seen]:
            for element in seen[name]:
                self._known(owner, account, lead, name, element)
        person = self.world.people[owner]
        if account in person.records:
            there = person.records[account]
            self.inventions.append(f"{account} {lead}: a second record of person {owner} ({there} is there)")
        else:
            person.records[account] = lead

    def _known(self, owner: int, account: str, lead: str, name: str, value: str) -> None:
        """A value must be what this account can hold of something that somebody said."""
        traits = self.world.traits[account]
        if not value or value == traits.default(name):
            return
        allowed = self.world.ledger.allowed
        said_so = allowed[owner, name] | (allowed[owner, PLURAL[name]] if name in PLURAL else set())
        if value not in said_so and all(traits.hold(name, said) != value for said in said_so):
            self.inventions.append(f"{account} {lead}: {name} became {value!r}, which nobody typed")

    def _run_over(self, sent: Sent, old: dict[str, str], new: dict[str, str]) -> None:
        """What adding a note did to others: MyCRM takes all notes of a lead at once, as they were read.

        What somebody typed since that read is lost, and no API can prevent it.
        """
        seen = self.seen_at.get((sent.account, sent.lead), 0)
        for note in self.world.ledger.notes:
            if (note.account, note.lead) != (sent.account, sent.lead) or note.note not in old:
                continue
            if note.touched > seen and old[note.note] != new.get(note.note):
                self.counts["unseen overwrites"] += 1
                note.lost = note.note not in new
                note.versions += [new[note.note]] if note.note in new else []

    def _overwritten(self, sent: Sent, name: str, value: str, *, added: bool | None) -> bool:
        """Mark the edit that this write ran over, if syncd cannot have seen it. Whether there was one."""
        seen = self.seen_at.get((sent.account, sent.lead), 0)
        for edit in reversed(self.world.ledger.edits):
            if (edit.account, edit.lead, edit.field) != (sent.account, sent.lead, name):
                continue
            if edit.value != value or edit.added != added:
                if added is None:
                    return False
                continue
            if edit.seq > seen:
                edit.lost = True
                self.counts["unseen overwrites"] += 1
            return edit.lost
        return False
