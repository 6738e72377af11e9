"""Laws 3 and 5 for notes: each is on every record of its lead exactly once, whole, in its newest words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation.evidence import Evidence
from tests.simulation.ledger import TypedNote
from tests.simulation.people import Person
from tests.simulation.views import body_of, header_of


def notes(evidence: Evidence) -> Iterator[str]:
    """Every note is on each record of its lead exactly once, whole, in the words that were typed there last."""
    world = evidence.world
    for person in evidence.settled_people():
        typed = [note for note in world.ledger.notes if note.person == person.index]
        for account in world.accounts:
            if (person.index, account) in evidence.views and evidence.live(person, account):
                yield from _Record(evidence, person, account).complaints(typed)


class _Record:
    """The notes of one record."""

    def __init__(self, evidence: Evidence, person: Person, account: str) -> None:
        self.evidence, self.account = evidence, account
        self.lead = person.records[account]
        self.traits = evidence.world.traits[account]
        self.place = f"person {person.index} in {account} {self.lead}"
        node = evidence.leads[account, self.lead].node
        self.canon = evidence.canon[node] if node is not None else {}
        self.seen = evidence.views[person.index, account]
        # Where notes cannot be read a lost answer leaves nobody any the wiser: syncd says so and does not send twice.
        self.cut_short = 0
        self.uncertain = 0 if self.traits.notes_read or node is None else evidence.uncertain[account, node]

    def complaints(self, typed: list[TypedNote]) -> Iterator[str]:
        """What is wrong with them."""
        shown = self.evidence.world.notes(self.account, self.lead)
        own = {note.note: note for note in typed if (note.account, note.lead) == (self.account, self.lead)}
        copies: dict[str, dict[int, str]] = {}
        whole: dict[str, int] = {}
        for name, text in shown:
            if name in own:
                if body_of(text) != body_of(own[name].versions[-1]):
                    yield f"{self.place}: note {name} is not what was typed last"
                continue
            header = header_of(text)
            if header is None:
                yield f"{self.place}: note {name} was typed by nobody"
                continue
            ref, part, parts, rest = header
            if part in copies.setdefault(ref, {}):
                yield f"{self.place}: note #{ref}, part {part}, is there twice"
            copies[ref][part] = rest
            whole[ref] = parts
            if parts and part > parts:
                yield f"{self.place}: note #{ref} has a part {part} of {parts}"
        for note in own.values():
            if not (self.account in note.gone or note.lost) and note.note not in dict(shown):
                yield f"{self.place}: the note {note.note} typed there is gone"
        partial = [ref for ref, parts in copies.items() if len(parts) < whole[ref]]
        broken = partial if self.uncertain or not self.traits.note_edit else []
        # Edited before all of it was there, where nobody can edit: the rest of the old words is not known any more.
        self.cut_short = 0 if self.traits.note_edit else len(partial)
        bodies = ["".join(body_of(p[n]) for n in sorted(p)) for ref, p in copies.items() if ref not in broken]
        foreign = [note for note in typed if (note.account, note.lead) != (self.account, self.lead)]
        yield from self._copies(foreign, bodies)

    def _copies(self, foreign: list[TypedNote], bodies: list[str]) -> Iterator[str]:
        """Match the copies with what they are copies of; only where syncd can edit them do they follow edits.

        What was typed on a record that was deleted soon after may have been carried or not.
        """
        left, missing = Counter(bodies), 0
        for note in sorted(foreign, key=lambda one: not self._sure(one)):  # the others claim what is left
            versions = [body_of(text) for text in note.versions]
            accepted = [versions[-1]] if self.traits.note_edit and not note.gone else versions[::-1]
            hit = next((text for text in accepted if left[text]), None)
            if hit is not None:
                left[hit] -= 1
            elif len(versions) > 1 and self.cut_short:
                self.cut_short -= 1
            elif self._sure(note):
                missing += 1
                if missing > self.uncertain:
                    length = len(versions[-1])
                    yield f"{self.place}: no copy of the note {note.note} typed in {note.account} ({length} characters)"
        for text, times in left.items():
            if times:
                yield f"{self.place}: {times} copies too many of a note of {len(text)} characters"

    def _sure(self, note: TypedNote) -> bool:
        """Whether a copy has to be here: it can be carried, and stood long enough to be read."""
        return self._due(note) and not (note.gone or note.lost or self.evidence.world.ledger.buried(note))

    def _due(self, note: TypedNote) -> bool:
        """Whether anybody could read this note where it was typed, and write it here."""
        readable = self.evidence.world.traits[note.account].notes_read
        return readable and not self.traits.stuck(self.canon, self.seen, "notes")
