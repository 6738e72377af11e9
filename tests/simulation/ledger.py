"""Who typed what, where and when: the evidence that the laws are held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulation.views import ADDRESS, SCALARS, SETS, View


@dataclass(slots=True)
class Edit:
    """One value somebody gave a field of one record, as the record shows it.

    added   for elements of a set: True for one more, False for one less; None for a value
    lost    syncd's own write, sent before it could have known, overwrote it unseen: no API can prevent that
    """

    seq: int
    at: float
    person: int
    account: str
    lead: str
    field: str
    value: str
    added: bool | None = None
    lost: bool = False

    @property
    def place(self) -> str:
        """Where it was typed."""
        return f"{self.account} {self.lead}, edit {self.seq} at {self.at:.1f} s"


@dataclass(slots=True)
class TypedNote:
    """One note somebody typed.

    versions  its texts in the order of time; ``touched``: when the last of them was typed
    gone      where it was deleted; ``lost``: syncd's own write, sent before it could have known, took it away unseen
    """

    seq: int
    person: int
    account: str
    lead: str
    note: str
    versions: list[str]
    gone: set[str] = field(default_factory=set)
    touched: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Quiet:
    """A sync that ended quiet: what was typed before ``start`` had been taken everywhere when ``end`` was typed.

    full  every lead was compared with its notes, whether or not it looked changed
    """

    start: int
    end: int
    full: bool


class Ledger:
    """Everything people did, in order."""

    def __init__(self) -> None:
        self.seq = 0
        self.edits: list[Edit] = []
        self.notes: list[TypedNote] = []
        self.deleted: dict[tuple[str, str], int] = {}
        """(account, lead) → when a person deleted it."""
        self.quiets: list[Quiet] = []
        self.allowed: dict[tuple[int, str], set[str]] = defaultdict(set)
        """(person, field) → every value anybody, or a vendor by itself, gave it."""
        self.shown: dict[tuple[str, str, str], list[tuple[int, str]]] = defaultdict(list)
        """(account, lead, field) → every value the record ever showed, with the moment it began to."""
        self.made: dict[tuple[str, str], tuple[int, float]] = {}
        """(account, lead) → when syncd made it: in the order of events, and in seconds."""
        self.unswept: set[str] = set()
        """Accounts where a new note changes nothing of its lead, so that a full comparison is the first to read it."""
        self.written: dict[tuple[str, str, str], float] = {}
        """(account, lead, set field) → when syncd last changed it there."""

    def tick(self) -> int:
        """The next moment."""
        self.seq += 1
        return self.seq

    def changed(
        self, at: float, person: int, account: str, lead: str, before: View | None, after: View, *, blur_s: float
    ) -> None:
        """Record how a person changed a record. ``blur_s``: how coarse its vendor's times are, offset and all."""
        seq = self.tick()
        for name in [name for name in SCALARS if name in after]:
            if after[name] != (before[name] if before else ""):
                edit = Edit(seq, at, person, account, lead, name, after[name])
                edit.lost = name in {"stage", "primary"} and self._looks_given(edit, before, blur_s)
                self.edits.append(edit)
                self.shown[account, lead, name].append((seq, after[name]))
                self.allowed[person, name].add(after[name])
        for name in [name for name in SETS if name in after]:
            old = before[name] if before else frozenset()
            for element in sorted(after[name] ^ old):
                edit = Edit(seq, at, person, account, lead, name, element, added=element in after[name])
                # Taken away right after syncd wrote the set: it looks as if the vendor had not kept the element.
                written = self.written.get((account, lead, name))
                edit.lost = name != "labels" and not edit.added and written is not None and at - written < blur_s
                self.edits.append(edit)
            self.allowed[person, name] |= after[name] - old

    def _looks_given(self, edit: Edit, before: View | None, blur_s: float) -> bool:
        """Whether it was typed on a record that syncd had just made and not read: as if the vendor had put it there.

        Vendors do give a new lead a stage and an owner, be it instead of those it was sent with.
        """
        if (edit.account, edit.lead) not in self.made:
            return False
        made, at = self.made[edit.account, edit.lead]
        soon = not (before and before[edit.field]) or edit.at - at < blur_s
        return soon and not self.carried(made, edit.seq)

    @contextmanager
    def syncing(self, *, full: bool) -> Iterator[list[bool]]:
        """A sync is under way; put True into the list when it ended quiet and complete."""
        quiet: list[bool] = []
        start = self.tick()
        yield quiet
        if quiet and quiet[0]:
            self.quiets.append(Quiet(start, self.tick(), full))

    def separated(self, earlier: Edit, later: Edit) -> bool:
        """Whether everything knew the earlier edit when the later one was made."""
        return self.carried(earlier.seq, later.seq)

    def carried(self, typed: int, later: int, *, full: bool = False) -> bool:
        """Whether what was typed at one moment had been taken everywhere by another. ``full``: by a full comparison."""
        return any(quiet.start > typed and quiet.end < later and quiet.full >= full for quiet in self.quiets)

    def linked(self, places: Iterable[tuple[str, str]]) -> bool:
        """Whether syncd knows by now of each record that it made itself: a sync came to its quiet end after that."""
        made = [self.made[place][0] for place in places if place in self.made]
        return all(any(quiet.end > seq for quiet in self.quiets) for seq in made)

    def undone(self, edit: Edit) -> bool:
        """Whether it only brought back what the record showed before, within one round: nothing to see for syncd."""
        before = [(seq, value) for seq, value in self.shown[edit.account, edit.lead, edit.field] if seq < edit.seq]
        for n, (_, value) in enumerate(before[:-1]):
            if value == edit.value and not self.carried(before[n + 1][0], edit.seq):
                return True
        return False

    def buried(self, entry: Edit | TypedNote) -> bool:
        """Whether the record it was typed on was deleted before syncd can have seen it."""
        deleted = self.deleted.get((entry.account, entry.lead))
        slow = isinstance(entry, TypedNote) and entry.account in self.unswept
        return deleted is not None and not self.carried(entry.seq, deleted, full=slow)

    def of(self, person: int, name: str) -> list[Edit]:
        """Every edit of a field of a person, in order. An address is one field."""
        names = ADDRESS if name in ADDRESS else (name,)
        return [edit for edit in self.edits if edit.person == person and edit.field in names]
