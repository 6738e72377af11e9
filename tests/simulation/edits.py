"""Law 3: every value a person typed is the current value, or was superseded by a rule that the journal names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.simulation.evidence import Evidence, frame_of
from tests.simulation.ledger import Edit
from tests.simulation.people import Person
from tests.simulation.views import ADDRESS, SCALARS, SETS, View, digits_of, number_of, text_of


def no_lost_edit(evidence: Evidence) -> Iterator[str]:
    """Every value a person typed is the current one, or a later one or a named rule took its place.

    What no other vendor can hold has to stand where it was typed.
    """
    for person in evidence.settled_people():
        views = [evidence.views[person.index, a] for a in person.records if (person.index, a) in evidence.views]
        if not views:
            continue
        for name in SCALARS:
            for edit in _standing(evidence, person, name):
                shown = [seen[name] for seen in views if name in seen]
                if not (_shown(evidence, edit, shown) or evidence.keeps(edit) or _ruled_out(evidence, edit)):
                    yield f"person {person.index}: {name} {edit.value!r} ({edit.place}) is nowhere; shown: {shown}"
        for name in SETS:
            yield from _elements(evidence, person, name)


def _shown(evidence: Evidence, edit: Edit, shown: list[str]) -> bool:
    """Whether somebody shows the value, or one that looks like it where it was typed: a name that is cut there."""
    traits = evidence.world.traits[edit.account]
    return any(edit.value in {value, traits.hold(edit.field, value)} for value in shown)


def _standing(evidence: Evidence, person: Person, name: str) -> list[Edit]:
    """The edits of a field that nothing later took the place of: one a record, none that everything knew before."""
    ledger = evidence.world.ledger
    edits = [e for e in ledger.edits if e.person == person.index and e.field == name]
    rivals = ledger.of(person.index, name)
    last = {(e.account, e.lead): e for e in edits}
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
    typed_on = {(e.account, e.lead) for e in ledger.edits if e.person == edit.person and e.field == edit.field}
    records = [place for place, owner in evidence.world.owner.items() if owner == edit.person]
    rivals = [
        r
        for r in ledger.of(edit.person, edit.field)
        if r is not edit and (r.account, r.lead) != (edit.account, edit.lead)
    ]
    made = edit.field in {"stage", "primary"} and any(place not in typed_on for place in records)
    if not made and all(ledger.separated(r, edit) for r in rivals):
        return False
    nodes = evidence.nodes(edit.person)
    family = {edit.field, "address"} if edit.field in ADDRESS else {f"assignment.{edit.field}", edit.field}
    for lead, name, base, ours, theirs, rule, *_ in evidence.conflicts:
        if lead in nodes and name in family and rule and any(_says(evidence, edit, s) for s in (ours, theirs, base)):
            return True
    later = [rival for rival in rivals if rival.seq > edit.seq or _moved_on(evidence, edit, rival)]
    for lead, name, old, new, why in evidence.journal:
        named = lead in nodes and name in family and _says(evidence, edit, old)
        if named and (why or any(_says(evidence, r, new) for r in later)):
            return True
    return False


def _moved_on(evidence: Evidence, edit: Edit, rival: Edit) -> bool:
    """Whether the rival's record had shown the very value, and left it before anybody knew of this edit.

    Then both agreed for syncd, and the rival is a plain edit after it.
    """
    ledger = evidence.world.ledger
    shown = ledger.shown[rival.account, rival.lead, rival.field]
    return not ledger.separated(rival, edit) and any(seq < rival.seq and value == edit.value for seq, value in shown)


def _says(evidence: Evidence, edit: Edit, side: Any) -> bool:
    """Whether a stored value is what was typed, or what it looks like where that was typed.

    Agents are canonical ids there, so any will do.
    """
    if isinstance(side, dict):
        side = side.get(edit.field)
    if edit.field == "primary" or side is None:
        return side is not None
    value = {"buyer_timeline": frame_of, "phone": lambda s: digits_of(str(s)), "price_min": number_of,
             "price_max": number_of}.get(edit.field, text_of)(side)  # fmt: skip
    shown = evidence.world.traits[edit.account].hold(edit.field, value)
    return edit.value.removeprefix("? ").casefold() in {value.casefold(), (shown or value).casefold()}


def _writable(evidence: Evidence, person: Person, name: str) -> Iterator[View]:
    """What is shown by vendors that do not refuse every change of this record."""
    for account, lead in person.records.items():
        seen, link = evidence.views.get((person.index, account)), evidence.leads.get((account, lead))
        canon = evidence.canon.get(link.node or 0) if link is not None else None
        if seen is not None and not (canon and evidence.world.traits[account].stuck(canon, seen, name)):
            yield seen


def _elements(evidence: Evidence, person: Person, name: str) -> Iterator[str]:
    """The last word on each element of a set stands, unless another one was said at the same time."""
    ledger = evidence.world.ledger
    key = evidence.label_key if name == "labels" else str
    by_element: dict[str, list[Edit]] = defaultdict(list)
    for edit in ledger.of(person.index, name):
        by_element[key(edit.value)].append(edit)
    kept = {key(element) for node in evidence.nodes(person.index) for element in evidence.canon[node][name]}
    shown = {key(element) for seen in _writable(evidence, person, name) for element in seen.get(name, ())}
    if name == "roles":  # MyCRM cannot show that somebody is neither buyer nor renter any more
        shown = set()
    for element, said in by_element.items():
        edits = [edit for edit in said if not edit.lost and not ledger.buried(edit)]
        last = said[-1]
        if last not in edits:
            continue  # nobody can say whether the last word was heard
        if not all(e.added == last.added or ledger.separated(e, last) for e in edits[:-1]):
            continue
        if element in evidence.cut_alike and len({edit.value for edit in said}) > 1:
            continue  # of two labels that Chime cannot tell apart it is not known which one was meant
        there = element in shown or element in kept
        if there and not last.added and evidence.made_primary(person.index, name, element):
            continue
        if there != last.added:
            was, now = ("added", "is not") if last.added else ("removed", "is")
            yield f"person {person.index}: {name}: {element!r} was {was} ({last.place}) and {now} there"
