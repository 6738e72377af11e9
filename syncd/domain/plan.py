"""Planning is subtraction: desired minus base. Nothing here knows how a value came about.

For each lead and each connection the plan asks what the vendor *should* show (the canonical lead through
its lens table), looks at what it *does* show (the base of the link), and writes the difference down as
operations in the order in which they can be carried out: the lead, its labels, its assignments, its notes.
What cannot be carried is not dropped: it is a `NotCarried` with the reason, in words.

Because the plan is recomputed from state each time, there is no queue to lose, double or reorder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from syncd.domain import notes
from syncd.domain.lead import ADDRESS, FIELDS, Fields, Value, blank, encode, spec
from syncd.domain.operations import (
    ASSIGNMENT,
    LABELS,
    LeadPlan,
    LinkLike,
    NotCarried,
    NoteLike,
    Operation,
    Subject,
    Target,
    digest,
)

__all__ = [
    "ASSIGNMENT", "LABELS", "NO_WORD", "UNCERTAIN", "LeadPlan", "NotCarried", "Operation", "Subject", "Target",
    "digest", "plan_lead",
]  # fmt: skip


UNCERTAIN: Final = "uncertain: the connection broke while it was sent, and this vendor shows no notes to look at"
NO_WORD: Final = "this vendor has no word for it; what it shows instead is its own"


def plan_lead(subject: Subject, targets: Sequence[Target]) -> LeadPlan:
    """All operations that bring every connection to what it should show of this lead."""
    operations: list[Operation] = []
    missed: list[NotCarried] = []
    alive = any(link.state == "live" for link in subject.links)
    blocked = False
    for target in targets:
        links = [link for link in subject.links if link.connection == target.connection]
        live = next((link for link in links if link.state == "live"), None)
        if live is not None:
            operations += _update(subject, target, live, missed)
            operations += _notes(subject, target, live.external_id, missed)
            missed += _unheld(subject, target)
        elif links or not alive or not _passes(subject.fields, target):
            continue
        elif target.connection in subject.in_review or (target.connection, "lead", 0, 0) in subject.waiting:
            blocked = True
        else:
            operations += _create(subject, target, missed)
    blocked = blocked or bool(subject.waiting)
    return LeadPlan(subject.id, subject.version, tuple(operations), tuple(missed), blocked)


def _unheld(subject: Subject, target: Target) -> Iterator[NotCarried]:
    """What must not be forgotten where a vendor has no place for it: whoever opted out did so everywhere."""
    for name, value in subject.fields.items():
        if value is True and name not in target.lenses.by_field and spec(name).rule == "restrictive":
            reason = target.can.not_carried.get(name, "this vendor has no field for it")
            yield NotCarried(target.connection, subject.id, name, reason)


def _passes(fields: Fields, target: Target) -> bool:
    """Whether the connection's filter lets this lead be created there."""
    if target.stages_only and fields.get("stage") not in target.stages_only:
        return False
    if not target.labels_only:
        return True
    labels = fields.get(LABELS)
    key = FIELDS[LABELS].key
    return isinstance(labels, frozenset) and any(key(label) in target.labels_only for label in labels)


def _create(subject: Subject, target: Target, missed: list[NotCarried]) -> Iterator[Operation]:
    desired = _speakable(subject, target, target.lenses.show(subject.fields, {}), missed)
    for needs in target.can.create_needs:
        if not any(not blank(desired.get(name)) for name in needs):
            reason = f"cannot create: missing {' or '.join(needs)}"
            missed.append(NotCarried(target.connection, subject.id, needs[0], reason))
            return
    if obstacle := target.lenses.obstacle(desired):
        missed.append(NotCarried(target.connection, subject.id, "*", f"cannot create: {obstacle}"))
        return
    carried = {
        name: (None, value)
        for name, value in desired.items()
        if name not in subject.parked
        and target.writes(name, creating=True)
        and _travels(name, target.can.create_carries)
    }
    operation = Operation(target.connection, "lead", "create", subject.id, None, carried, desired)
    refusal = subject.refused.get((target.connection, "lead", 0, 0))
    if refusal is not None and refusal[0] == operation.wanted_digest:
        missed.append(NotCarried(target.connection, subject.id, "*", refusal[1]))
        return
    yield operation
    rest = {
        name: (None, value)
        for name, value in desired.items()
        if name not in carried and name not in subject.parked and target.writes(name)
    }
    yield from _calls(subject, target, None, rest, desired)
    yield from _notes(subject, target, None, missed)


def _travels(name: str, carries: frozenset[str]) -> bool:
    """Whether a field goes with the lead itself; labels and assignments only where the vendor takes them along."""
    return name in carries if name == LABELS or name.startswith(ASSIGNMENT) else True


def _update(subject: Subject, target: Target, link: LinkLike, missed: list[NotCarried]) -> Iterator[Operation]:
    desired = _speakable(subject, target, target.lenses.show(subject.fields, link.base), missed, link)
    differing: dict[str, tuple[Value | None, Value | None]] = {}
    for name in target.lenses.by_field:
        shown, wanted = link.base.get(name), desired.get(name)
        if shown == wanted or name in subject.parked:
            continue
        if name in link.unmapped:
            reason = f"shows {link.unmapped[name]!r}, which is not mapped"
            missed.append(NotCarried(target.connection, subject.id, name, reason))
            continue
        settled = link.settled.get(name)
        if settled is not None and settled.get("wanted") == encode(wanted):
            kept = NO_WORD if blank(wanted) else "the vendor keeps another form of this value"
            missed.append(NotCarried(target.connection, subject.id, name, settled.get("refused") or kept))
            continue
        if not target.writes(name):
            asked = target.directions.get(name, "both") in {"both", "write"} and spec(name).rule != "earliest"
            if asked and wanted:  # when somebody registered is a fact nobody writes: no news for each lead
                missed.append(NotCarried(target.connection, subject.id, name, "this vendor lets nobody write it"))
            continue
        if blank(wanted) and not _may_blank(name, target, subject.fields):
            continue
        differing[name] = (shown, wanted)
    return _calls(subject, target, link.external_id, differing, desired)


def _may_blank(name: str, target: Target, lead: Fields) -> bool:
    """Labels come off like any other; a role only where it can be emptied; values only with blank = "clears".

    An address is one value: the old street must not stay in a new town because the new address has none, nor the old
    town where the vendor has no place for the new street.
    """
    if name in ADDRESS and any(not blank(lead.get(part)) for part in ADDRESS):
        return True
    if name.startswith(ASSIGNMENT):
        return name.removeprefix(ASSIGNMENT) in target.can.unassign
    return name == LABELS or name in target.clears


def _speakable(
    subject: Subject, target: Target, desired: dict[str, Value], missed: list[NotCarried], link: LinkLike | None = None
) -> dict[str, Value]:
    """Desired values without agents this vendor does not know; what it shows there instead stays."""
    for name in [n for n in desired if n.startswith(ASSIGNMENT)]:
        agent = desired[name]
        if isinstance(agent, int) and agent not in target.agents:
            if target.writes(name):
                missed.append(NotCarried(target.connection, subject.id, name, "that agent has no account here"))
            shown = None if link is None else link.base.get(name)
            if shown is None:
                del desired[name]
            else:
                desired[name] = shown
    return desired


def _calls(
    subject: Subject,
    target: Target,
    external_id: str | None,
    differing: Mapping[str, tuple[Value | None, Value | None]],
    desired: Fields,
) -> Iterator[Operation]:
    """The differing fields of one lead as the fewest operations this vendor's API allows."""

    def operation(kind: str, action: str, fields: Mapping[str, tuple[Value | None, Value | None]]) -> Operation:
        return Operation(target.connection, kind, action, subject.id, external_id, fields, desired)

    added, removed = _label_moves(differing.get(LABELS), target)
    along = target.can.update_carries
    roles = {n: pair for n, pair in differing.items() if n.startswith(ASSIGNMENT)}
    plain = {n: pair for n, pair in differing.items() if n != LABELS and n not in roles}
    if plain:
        plain |= {n: pair for n, pair in roles.items() if n in along and pair[1] is not None}
        if added and LABELS in along:
            plain[LABELS] = added
            added = None
        yield operation("lead", "update", plain)
    if added:
        yield operation("label", "add", {LABELS: added})
    if removed:
        yield operation("label", "remove", {LABELS: removed})
    left = {n: pair for n, pair in roles.items() if n not in plain}
    if left:
        yield operation("assignment", "assign", left)


def _label_moves(
    pair: tuple[Value | None, Value | None] | None, target: Target
) -> tuple[tuple[Value | None, Value | None] | None, tuple[Value | None, Value | None] | None]:
    """A label difference as (add, remove); a label that only changed its case at the vendor is neither."""
    if pair is None:
        return None, None
    key = target.lenses.by_field[LABELS].key(LABELS)
    shown: frozenset[Any] = pair[0] if isinstance(pair[0], frozenset) else frozenset()
    wanted: frozenset[Any] = pair[1] if isinstance(pair[1], frozenset) else frozenset()
    shown_keys, wanted_keys = {key(e) for e in shown}, {key(e) for e in wanted}
    new = frozenset(e for e in wanted if key(e) not in shown_keys)
    gone = frozenset(e for e in shown if key(e) not in wanted_keys)
    between = shown | new
    return ((shown, between) if new else None), ((between, between - gone) if gone else None)


def _notes(subject: Subject, target: Target, external_id: str | None, missed: list[NotCarried]) -> Iterator[Operation]:
    if target.directions.get("notes", "both") not in {"both", "write"}:
        return
    there = {(link.node, link.part): link for link in subject.note_links if link.connection == target.connection}
    parts: dict[int | None, int] = {}
    for node, part in there:
        parts[node] = max(parts.get(node, 1), part)
    for note in subject.notes:
        if note.deleted:
            continue
        if note.origin == target.connection:
            home = there.get((note.id, 0))
            if home is not None and home.state == "live":
                yield from _edit(subject, target, home, _note_operation(subject, target, note, external_id), missed)
            continue
        header, can = note_header(note, target), target.can
        texts = notes.texts(header, note.body, can.note_max, target.note_header, parts_min=parts.get(note.id, 1))
        wanted: list[tuple[LinkLike | None, Operation]] = []
        for number, text in enumerate(texts, start=1):
            # A note that was one and outgrew it goes on as the first part, and keeps its place.
            whole = (note.id, 1) not in there and (len(texts) == 1 or (note.id, 0) in there)
            part = 0 if number == 1 and whole else number
            operation = _note_operation(subject, target, note, external_id, part, text)
            wanted.append((there.get((note.id, part)), operation))
        yield from _parts(subject, target, wanted, missed)


def _parts(
    subject: Subject, target: Target, wanted: Sequence[tuple[LinkLike | None, Operation]], missed: list[NotCarried]
) -> Iterator[Operation]:
    """A note's parts, those there edited, those missing appended.

    Where nobody can edit, nothing new is put beside old words: parts of two versions would make no note.
    """
    edits: list[Operation] = []
    before = len(missed)
    for link, operation in wanted:
        if link is not None and link.state == "live":
            edits += _edit(subject, target, link, operation, missed)
    yield from edits
    if not target.can.note_edit and _older_may_be_there(subject, [operation for _, operation in wanted]):
        missed.append(NotCarried(target.connection, subject.id, "notes", f"{UNCERTAIN}, and in older words"))
    if len(missed) == before or target.can.note_edit:
        for link, operation in wanted:
            if link is None:
                yield from _append(subject, operation, missed)


def _older_may_be_there(subject: Subject, wanted: Sequence[Operation]) -> bool:
    """Whether another version of this note may have arrived: nobody can look, so it is sent once and never again."""
    first = wanted[0]
    digests = {operation.part: operation.wanted_digest for operation in wanted}
    return any(
        reason.startswith(UNCERTAIN) and digests.get(part) != sent
        for (connection, kind, note, part), (sent, reason) in subject.refused.items()
        if (connection, kind, note) == (first.connection, "note", first.note)
    )


def _note_operation(
    subject: Subject, target: Target, note: NoteLike, lead_id: str | None, part: int = 0, text: str | None = None
) -> Operation:
    """Creating one note, or one part of it; without ``text`` the bare body, as it stands where it was typed."""
    text = note.body if text is None else text
    return Operation(
        target.connection, "note", "create", subject.id, None, {"body": (None, text)},
        note=note.id, part=part, text=text, note_kind=note.kind, pinned=note.pinned, author=note.author,
        parent=lead_id,
    )  # fmt: skip


def _append(subject: Subject, operation: Operation, missed: list[NotCarried]) -> Iterator[Operation]:
    key = (operation.connection, "note", operation.note, operation.part)
    if key in subject.waiting:
        return
    refusal = subject.refused.get(key)
    if refusal is not None and refusal[0] == operation.wanted_digest:
        missed.append(NotCarried(operation.connection, subject.id, "notes", refusal[1]))
        return
    yield operation


def note_header(note: NoteLike, target: Target) -> notes.Header:
    """What the header line of a note says at a vendor that cannot store it otherwise."""
    written = note.written_at.strftime("%Y-%m-%d %H:%M UTC") if note.written_at is not None else ""
    name = target.agent_names.get(note.author, note.author_name) if note.author is not None else note.author_name
    return notes.Header(note.origin, name, written, note.kind, note.id)


def _edit(
    subject: Subject, target: Target, link: LinkLike, wanted: Operation, missed: list[NotCarried]
) -> Iterator[Operation]:
    shown = link.base.get("text")
    if not isinstance(shown, str) or _alike(shown, wanted.text, target):
        return
    settled = link.settled.get("text")
    if settled is not None and settled.get("wanted") == wanted.text:
        return
    if not target.can.note_edit:
        missed.append(NotCarried(target.connection, subject.id, "notes", "this vendor lets nobody edit a note"))
        return
    yield replace(wanted, action="update", external_id=link.external_id, fields={"body": (shown, wanted.text)})


def _alike(one: str, other: str, target: Target) -> bool:
    """Same words, same part: a name that changed in a header is no reason to write a note again."""
    header, body = notes.parse(one, target.note_header)
    other_header, other_body = notes.parse(other, target.note_header)
    if header is not None and other_header is not None and header.parts != other_header.parts:
        return False
    return notes.same(one if header is None else body, other if other_header is None else other_body)
