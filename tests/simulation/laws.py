"""The laws of syncd, held against what the vendors show in the end and what people did before.

Each law is a function from the evidence to complaints; no complaint means the law holds. (Quiet, order and restart
need runs of their own and stand in `run`.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.simulation.edits import no_lost_edit
from tests.simulation.evidence import Evidence
from tests.simulation.noted import notes
from tests.simulation.people import Person, World
from tests.simulation.views import ADDRESS, SCALARS, SETS, body_of, header_of

__all__ = ["Evidence", "canonical", "check"]

ALIKE = {"phone": {"phones"}, "phones": {"phone"}, "email": {"emails"}, "emails": {"email"}}


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
    """Every record shows of every field what its vendor can hold of the one lead.

    So any two records show the same, up to what both can hold; and what one cannot hold leaves the others alone.
    """
    for person in evidence.settled_people():
        for account, lead in person.records.items():
            seen = evidence.views.get((person.index, account))
            if seen is not None and not evidence.live(person, account):
                yield f"person {person.index}: the record in {account} is not linked"
            elif seen is not None:
                yield from _differing(evidence, person, account, lead)
        yield from _missing(evidence, person)


def _differing(evidence: Evidence, person: Person, account: str, lead: str) -> Iterator[str]:
    traits, seen = evidence.world.traits[account], evidence.views[person.index, account]
    node = evidence.leads[account, lead].node
    canon = evidence.canon[node] if node is not None else {}
    for name in traits.fields:
        if traits.fits(name, canon, seen) or evidence.taken_back(account, lead, name):
            continue
        if str(seen[name]).startswith("? "):  # a word without a translation is not written over
            continue
        if not traits.stuck(canon, seen, name):
            shown, kept = (sorted(v) if isinstance(v, frozenset) else v for v in (seen[name], canon[name]))
            yield f"person {person.index}: {name} is {shown!r} in {account} and should show {kept!r}"


def _missing(evidence: Evidence, person: Person) -> Iterator[str]:
    """Where a person is missing: was the record deleted, or can it not be made?"""
    canons = [evidence.canon[node] for node in sorted(evidence.nodes(person.index))]
    if not canons or not any(evidence.live(person, account) for account in person.records):
        return
    for account in evidence.world.accounts:
        if account in person.records or all(evidence.world.traits[account].lacks(canon) for canon in canons):
            continue
        gone = any(place[0] == account and evidence.world.owner.get(place) == person.index
                   for place in evidence.world.ledger.deleted)  # fmt: skip
        if not gone:
            yield f"person {person.index}: is not in {account}"


def no_duplicates(evidence: Evidence) -> Iterator[str]:
    """One live link per lead and connection; one lead per person; no record shared by two."""
    live: Counter[tuple[str, int]] = Counter()
    for link in evidence.leads.values():
        if link.state == "live" and link.node is not None:
            live[link.account, link.node] += 1
    yield from (f"{account}: lead {node} has {n} live links" for (account, node), n in live.items() if n > 1)
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
    world = evidence.world
    leads = {place for place in evidence.leads if evidence.leads[place].state == "tombstone"}
    gone = sorted(leads - world.ledger.deleted.keys())
    yield from (f"{account} {lead} was deleted by nobody" for account, lead in gone)
    shown: dict[str, set[str]] = {account: set() for account in world.accounts}
    for account in world.accounts:
        for lead in world.sandboxes[account].ids():
            shown[account] |= {note for note, _ in world.notes(account, lead)}
    for link in evidence.links:
        if link.kind == "note" and link.state == "tombstone" and link.external_id in shown[link.account]:
            yield f"{link.account}: the note {link.external_id} is held for deleted, and is there"


def _crowded(world: World, person: int) -> set[str]:
    """Fields that three or more accounts changed at nearly the same time.

    A may be certainly later than B, and C too close to both: then the order of trust decides two of the three pairs
    (DESIGN §6), which may go round in a circle. Each decision is on record; which comes last is not ours to say.
    """
    found: set[str] = set()
    near_s = 2 * max(traits.blur_s for traits in world.traits.values())
    for name in (*SCALARS, *SETS):
        since = [edit for edit in world.ledger.of(person, name) if edit.at > 0]  # the start is one moment
        said = [(edit.at, edit.account) for edit in since]
        for at, _ in said:
            if len({account for when, account in said if 0 <= when - at < near_s}) > 2:
                found |= {name} | (set(ADDRESS) if name in ADDRESS else set()) | ALIKE.get(name, set())
    return found


def canonical(world: World, evidence: Evidence) -> dict[str, Any]:
    """What every person's records show in the end, to compare two runs of the same edits."""
    found: dict[str, Any] = {}
    alike = evidence.cut_alike
    for (index, account), seen in evidence.views.items():
        notes_ = sorted(body_of(text if (h := header_of(text)) is None else h[3])
                        for _, text in world.notes(account, world.people[index].records[account]))  # fmt: skip
        plain = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in seen.items()}
        if "labels" in plain:
            plain["labels"] = [label for label in plain["labels"] if evidence.label_key(label) not in alike]
        for name in plain.keys() & _crowded(world, index):
            del plain[name]
        if index in world.routed:  # whom a vendor's routing picked depends on whose turn it was
            plain.pop("primary", None)
        link = evidence.leads.get((account, world.people[index].records[account]))
        # Where a note is uncertain nobody can know what is there, and syncd says so.
        if link is None or not evidence.uncertain[account, link.node or 0]:
            plain["notes"] = notes_
        found[f"person {index} in {account}"] = plain
    return found
