"""The laws of syncd, held against what the vendors show in the end and what people did before.

Each law is a function from the evidence to complaints; no complaint means the law holds. (Quiet, order and restart
need runs of their own and stand in `run`.)
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from syncd.store.database import Database
from tests.simulation import values
from tests.simulation.ledger import Edit, TypedNote
from tests.simulation.people import VENDORS, Person, World
from tests.simulation.views import (
    ADDRESS,
    CINC_STAGES,
    SCALARS,
    View,
    body_of,
    digits_of,
    header_of,
    label_of,
    name_of,
    text_of,
    timeline_of,
)

CUT_ALIKE = {key for key, times in Counter(label_of(label) for label in values.LABELS).items() if times > 1}
"""Labels that Chime cannot tell apart: which of them one of its people takes off depends on what it had been shown."""
CARRIED_STAGES = frozenset(CINC_STAGES.values())


@dataclass(frozen=True, slots=True)
class Linked:
    """One row of the link table."""

    vendor: str
    kind: str
    external_id: str
    node: int | None
    state: str
    unmapped: dict[str, str]
    settled: dict[str, Any]


class Evidence:
    """All that the laws look at, read once."""

    def __init__(self, world: World, database: Database) -> None:
        self.world = world
        with database.connect(autocommit=True) as connection:
            rows = connection.execute(
                "SELECT connection, kind, external_id, node, state, unmapped, settled FROM link ORDER BY 1, 2, 3"
            )
            self.links = [Linked(*row) for row in rows.fetchall()]
            rows = connection.execute("SELECT lead, field, base, ours, theirs, rule, outcome FROM conflict ORDER BY id")
            self.conflicts = rows.fetchall()
            rows = connection.execute("SELECT lead, field, old, new, why FROM change ORDER BY id")
            self.journal = rows.fetchall()
            rows = connection.execute("SELECT lead, number FROM lead_phone")
            self.numbers = {(lead, digits_of(number)) for lead, number in rows.fetchall()}
            rows = connection.execute(
                "SELECT l.id, l.stage, a.email FROM lead l LEFT JOIN (assignment s JOIN agent a ON a.id = s.agent)"
                " ON s.lead = l.id AND s.role = 'primary'"
            )
            self.kept = {(node, name): said for node, *both in rows.fetchall()
                         for name, said in zip(("stage", "primary"), both, strict=True)}  # fmt: skip
            """What syncd itself keeps, where a vendor has no word or no room for it."""
        self.leads = {(x.vendor, x.external_id): x for x in self.links if x.kind == "lead"}
        self.views: dict[tuple[int, str], View] = {}
        for person in world.people:
            for vendor, lead in person.records.items():
                seen = world.view(vendor, lead)
                if seen is not None:
                    self.views[person.index, vendor] = seen

    def live(self, person: Person, vendor: str) -> bool:
        """Whether syncd holds this person's record there for a live one."""
        link = self.leads.get((vendor, person.records.get(vendor, "")))
        return link is not None and link.state == "live"

    def nodes(self, person: int) -> set[int]:
        """Canonical leads of a person."""
        owned = (link for place, link in self.leads.items() if self.world.owner.get(place) == person)
        return {link.node for link in owned if link.node is not None}

    def keeps(self, edit: Edit) -> bool:
        """Whether syncd itself keeps what was typed: in the lead, or as a word without a translation on a record."""
        if any(self.kept.get((node, edit.field)) == edit.value for node in self.nodes(edit.person)):
            return True
        link = self.leads.get((edit.vendor, edit.lead))
        return link is not None and f"? {link.unmapped.get(edit.field)}" == edit.value

    def taken_back(self, person: int, name: str) -> bool:
        """Whether somebody put a value back right after syncd wrote another: it cannot be told from a refusal.

        syncd keeps it as settled there and says so; only a value that was typed there last counts.
        """
        field = "assignment.primary" if name == "primary" else name
        for place, link in self.leads.items():
            if self.world.owner.get(place) == person and field in link.settled:
                typed = [e for e in self.world.ledger.edits if (e.vendor, e.lead, e.field) == (*place, name)]
                seen = self.world.view(*place)
                if typed and seen is not None and typed[-1].value == seen[name]:
                    return True
        return False

    def made_primary(self, person: int, number: str) -> bool:
        """Whether the journal says that a removed number came back because another record made it the primary one."""
        nodes = self.nodes(person)
        return any(
            lead in nodes and name == "phones" and why == "primary" and number in {digits_of(n) for n, _ in new or ()}
            for lead, name, _old, new, why in self.journal
        )

    def settled_people(self) -> list[Person]:
        """People whose records nobody has to decide about."""
        reviews = {self.world.owner.get(place) for place, link in self.leads.items() if link.state == "review"}
        return [p for p in self.world.people if not p.doubtful and p.index not in reviews]


def check(evidence: Evidence) -> list[str]:
    """Every law that is broken, one line each."""
    found: list[str] = []
    for law, number in (
        (converges, "2 converges"),
        (no_lost_edit, "3 no lost edit"),
        (notes, "3/5 notes"),
        (no_duplicates, "5 no duplicates"),
        (no_accidental_tombstones, "7 nothing vanishes"),
    ):
        found += [f"law {number}: {complaint}" for complaint in law(evidence)]
    return found


def converges(evidence: Evidence) -> Iterator[str]:
    """Every mapped field is equal everywhere, up to what each vendor can hold."""
    for person in evidence.settled_people():
        views = {vendor: evidence.views.get((person.index, vendor)) for vendor in VENDORS}
        one, other = views["cinc"], views["chime"]
        for vendor, seen in views.items():
            if seen is not None and not evidence.live(person, vendor):
                yield f"person {person.index}: the record in {vendor} is not linked"
        if one is None or other is None:
            yield from _missing(evidence, person, one, other)
            continue
        for name in SCALARS:
            if one[name] == other[name] or evidence.taken_back(person.index, name):
                continue
            if not _cannot_agree(evidence.world, name, one, other):
                yield f"person {person.index}: {name} is {one[name]!r} in cinc and {other[name]!r} in chime"
        short = not one["phones"] <= other["phones"] or bool(one["phones"]) != bool(other["phones"])
        for name, differ in (("labels", one["labels"] != other["labels"]), ("phones", short)):
            if differ:
                yield f"person {person.index}: {name} are {sorted(one[name])} in cinc, {sorted(other[name])} in chime"


def _cannot_agree(world: World, name: str, one: View, other: View) -> bool:
    if name == "primary":  # an agent who has no account there
        return one[name] not in world.agents["chime"].values() or other[name] not in world.agents["cinc"].values()
    if name == "stage":  # CINC has no word for some, and Chime has words that say nothing
        return other[name] not in CARRIED_STAGES and other[name] != ""
    return False


def _missing(evidence: Evidence, person: Person, one: View | None, other: View | None) -> Iterator[str]:
    """A person is in one vendor only: was the other record deleted, or can it not be made?"""
    seen, missing = (one, "chime") if one is not None else (other, "cinc")
    if seen is None or (missing == "cinc" and not seen["email"]):
        return
    gone = any(vendor == missing and evidence.world.owner.get((vendor, lead)) == person.index
               for vendor, lead in evidence.world.ledger.deleted)  # fmt: skip
    if not gone:
        yield f"person {person.index}: is not in {missing}"


def no_lost_edit(evidence: Evidence) -> Iterator[str]:
    """Every value a person typed is the current one, or a later one or a named rule took its place."""
    for person in evidence.settled_people():
        views = [evidence.views[person.index, v] for v in VENDORS if (person.index, v) in evidence.views]
        if not views:
            continue
        for name in SCALARS:
            for edit in _standing(evidence, person, name):
                shown_somewhere = any(seen[name] == edit.value for seen in views)
                if not shown_somewhere and not evidence.keeps(edit) and not _ruled_out(evidence, edit):
                    shown = [seen[name] for seen in views]
                    yield f"person {person.index}: {name} {edit.value!r} ({edit.place}) is nowhere; shown: {shown}"
        for name in ("labels", "phones"):
            yield from _elements(evidence, person, name, views)


def _standing(evidence: Evidence, person: Person, name: str) -> list[Edit]:
    """The edits of a field that nothing later took the place of: one a record, none that everything knew before."""
    ledger = evidence.world.ledger
    edits = [e for e in ledger.edits if e.person == person.index and e.field == name]
    rivals = ledger.of(person.index, name)
    last = {(e.vendor, e.lead): e for e in edits}
    found = []
    for edit in last.values():
        superseded = any(
            r.seq > edit.seq and (r.value or name in ADDRESS) and ledger.separated(edit, r) for r in rivals
        )
        if edit.value and not (edit.lost or superseded or ledger.buried(edit) or ledger.undone(edit)):
            found.append(edit)
    return found


def _ruled_out(evidence: Evidence, edit: Edit) -> bool:
    """Whether a conflict or a journal row names the rule by which this value lost, and there was a rival for it."""
    ledger = evidence.world.ledger
    # A record that syncd made has a stage and an owner that the vendor picked: rivals nobody typed.
    typed_on = {(e.vendor, e.lead) for e in ledger.edits if e.person == edit.person and e.field == edit.field}
    records = [place for place, owner in evidence.world.owner.items() if owner == edit.person]
    rivals = [
        r
        for r in ledger.of(edit.person, edit.field)
        if r is not edit and (r.vendor, r.lead) != (edit.vendor, edit.lead)
    ]
    made = edit.field in {"stage", "primary"} and any(place not in typed_on for place in records)
    if not made and all(ledger.separated(r, edit) for r in rivals):
        return False
    nodes = evidence.nodes(edit.person)
    family = {edit.field, "address"} if edit.field in ADDRESS else {f"assignment.{edit.field}", edit.field}
    for lead, name, base, ours, theirs, rule, _outcome in evidence.conflicts:
        if lead in nodes and name in family and rule and any(_says(edit, side) for side in (ours, theirs, base)):
            return True
    later = [rival for rival in rivals if rival.seq > edit.seq]
    for lead, name, old, new, why in evidence.journal:
        if lead in nodes and name in family and _says(edit, old) and (why or any(_says(r, new) for r in later)):
            return True
    return False


def _says(edit: Edit, side: Any) -> bool:
    """Whether a stored value is what was typed. Agents are canonical ids there, so any will do."""
    if isinstance(side, dict):
        side = side.get(edit.field)
    if edit.field == "primary":
        return side is not None
    if edit.field == "buyer_timeline":
        return timeline_of(json.dumps(side)).removesuffix("+") == edit.value.removesuffix("+")
    if edit.field in {"first_name", "last_name"}:
        return name_of(side) == edit.value
    return text_of(side).casefold() == edit.value.casefold().removeprefix("? ")


def _elements(evidence: Evidence, person: Person, name: str, views: list[View]) -> Iterator[str]:
    """The last word on each element of a set stands, unless another one was said at the same time."""
    ledger = evidence.world.ledger
    by_element: dict[str, list[Edit]] = defaultdict(list)
    for edit in ledger.of(person.index, name):
        by_element[edit.value].append(edit)
    for element, said in by_element.items():
        edits = [edit for edit in said if not edit.lost and not ledger.buried(edit)]
        last = said[-1]
        if last not in edits:
            continue  # nobody can say whether the last word was heard
        if not all(e.added == last.added or ledger.separated(e, last) for e in edits[:-1]):
            continue
        there = any(element in seen[name] for seen in views)
        if name == "phones" and last.added:
            there = there or any((node, element) in evidence.numbers for node in evidence.nodes(person.index))
        if there and not last.added and name == "phones" and evidence.made_primary(person.index, element):
            continue
        if there != last.added:
            was, shown = ("added", "is not") if last.added else ("removed", "is")
            yield f"person {person.index}: {name}: {element!r} was {was} ({last.place}) and {shown} there"


def notes(evidence: Evidence) -> Iterator[str]:
    """Every note is on each record of its lead exactly once, whole, in the words that were typed there last."""
    world = evidence.world
    for person in evidence.settled_people():
        typed = [note for note in world.ledger.notes if note.person == person.index]
        buried = {note.seq for note in typed if world.ledger.buried(note)}
        for vendor in VENDORS:
            if (person.index, vendor) not in evidence.views or not evidence.live(person, vendor):
                continue
            lead = person.records[vendor]
            yield from _notes_of(person, vendor, lead, typed, world.notes(vendor, lead), buried)


def _notes_of(
    person: Person,
    vendor: str,
    lead: str,
    typed: list[TypedNote],
    shown: list[tuple[str, str]],
    buried: set[int],
) -> Iterator[str]:
    place = f"person {person.index} in {vendor} {lead}"
    own = {note.note: note for note in typed if (note.vendor, note.lead) == (vendor, lead)}
    copies: dict[str, dict[int, str]] = {}
    for name, text in shown:
        if name in own:
            if body_of(text) != body_of(own[name].versions[-1]):
                yield f"{place}: note {name} is not what was typed last"
            continue
        header = header_of(text)
        if header is None:
            yield f"{place}: note {name} was typed by nobody"
            continue
        ref, part, parts, rest = header
        if part in copies.setdefault(ref, {}):
            yield f"{place}: note #{ref}, part {part}, is there twice"
        copies[ref][part] = rest
        if parts and part > parts:
            yield f"{place}: note #{ref} has a part {part} of {parts}"
    for note in own.values():
        if vendor not in note.gone and note.note not in dict(shown):
            yield f"{place}: the note {note.note} typed there is gone"
    foreign = [note for note in typed if (note.vendor, note.lead) != (vendor, lead)]
    yield from _copies(
        place, vendor, foreign, ["".join(body_of(p[n]) for n in sorted(p)) for p in copies.values()], buried
    )


def _copies(place: str, vendor: str, foreign: list[TypedNote], bodies: list[str], buried: set[int]) -> Iterator[str]:
    """Match the copies with what they are copies of; Chime's follow edits, CINC's cannot.

    What was typed on a record that was deleted soon after may have been carried or not.
    """
    left = Counter(bodies)
    for note in foreign:
        versions = [body_of(text) for text in note.versions]
        newest = versions[-1]
        accepted = [newest] if vendor == "chime" and not note.gone else versions[::-1]
        hit = next((text for text in accepted if left[text]), None)
        if hit is not None:
            left[hit] -= 1
        elif not note.gone and note.seq not in buried:
            yield f"{place}: no copy of the note {note.note} typed in {note.vendor} ({len(newest)} characters)"
    for text, times in left.items():
        if times:
            yield f"{place}: {times} copies too many of a note of {len(text)} characters"


def no_duplicates(evidence: Evidence) -> Iterator[str]:
    """One live link per lead and connection; one lead per person; no record shared by two."""
    live: Counter[tuple[str, int]] = Counter()
    for link in evidence.leads.values():
        if link.state == "live" and link.node is not None:
            live[link.vendor, link.node] += 1
    yield from (f"{vendor}: lead {node} has {n} live links" for (vendor, node), n in live.items() if n > 1)
    owners: dict[int, set[int]] = defaultdict(set)
    for place, link in evidence.leads.items():
        if link.node is not None and place in evidence.world.owner:
            owners[link.node].add(evidence.world.owner[place])
    yield from (
        f"lead {node} is several people: {sorted(people)}" for node, people in owners.items() if len(people) > 1
    )
    for person in evidence.settled_people():
        if len(evidence.nodes(person.index)) > 1:
            yield f"person {person.index} is several leads: {sorted(evidence.nodes(person.index))}"


def no_accidental_tombstones(evidence: Evidence) -> Iterator[str]:
    """Whatever syncd holds for deleted, a person deleted."""
    ledger = evidence.world.ledger
    leads = {place for place in evidence.leads if evidence.leads[place].state == "tombstone"}
    yield from (f"{vendor} {lead} was deleted by nobody" for vendor, lead in sorted(leads - ledger.deleted.keys()))
    shown: dict[str, set[str]] = {vendor: set() for vendor in VENDORS}
    for vendor in VENDORS:
        for lead in evidence.world.sandboxes[vendor].ids():
            shown[vendor] |= {note for note, _ in evidence.world.notes(vendor, lead)}
    for link in evidence.links:
        if link.kind == "note" and link.state == "tombstone" and link.external_id in shown[link.vendor]:
            yield f"{link.vendor}: the note {link.external_id} is held for deleted, and is there"


def canonical(world: World, evidence: Evidence) -> dict[str, Any]:
    """What every person's records show in the end, to compare two runs of the same edits."""
    found: dict[str, Any] = {}
    for (index, vendor), seen in evidence.views.items():
        notes_ = sorted(body_of(text if (h := header_of(text)) is None else h[3])
                        for _, text in world.notes(vendor, world.people[index].records[vendor]))  # fmt: skip
        plain = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in seen.items()}
        plain["labels"] = [label for label in plain["labels"] if label not in CUT_ALIKE]
        if index in world.routed:  # whom Chime picked depends on whose turn it was
            del plain["primary"]
        found[f"person {index} in {vendor}"] = {**plain, "notes": notes_}
    return found


__all__ = ["Evidence", "canonical", "check", "digits_of", "label_of"]
