"""The three-way merge of one record from one connection into one lead.

Everything is compared in the vendor's own terms: ``ours`` is the canonical value *as this vendor can show
it*, so a declared loss is equality and never an edit. With ``base`` = what the vendor showed before:

    theirs vs base   ours vs base             outcome
    same             any                      nothing to take; what differs is still to be written
    changed          same                     take theirs (a standing rule may forbid it)
    changed          changed, equal to theirs agreed
    changed          changed, different       conflict: the field's rule decides
    blanked          not blank                superseded by the rule "blank", unless the config says it clears

Sets merge element by element, an address as one value. Whatever a person typed that does not become the
canonical value leaves a `ConflictFound` naming the rule that superseded it. The result depends on values
and origins alone, not on which connection was read first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncd.domain.deciding import PRIMARIES, Deciding, with_primary
from syncd.domain.lead import ADDRESS, Fields, Value, encode, spec
from syncd.domain.lens import Lens, LensTable, Reading
from syncd.domain.merged import ConflictFound, FieldChange, Merged, Policy, Seen
from syncd.domain.origin import Interval, Origin, origin_of
from syncd.domain.settled import Pending, is_settled, made_of, tried_of

__all__ = [
    "ConflictFound", "FieldChange", "Interval", "Merged", "Origin", "Pending", "Policy", "Seen",
    "born", "is_settled", "merge",
]  # fmt: skip

_ADDRESS_FIELDS: Final = frozenset(ADDRESS)


def born(seen: Seen, policy: Policy) -> Merged:
    """A new lead from its first record: `merge` into nothing, without the comparisons.

    ``changes`` stays empty: every field is new, and one journal row says so.
    """
    reading = seen.reading
    if policy.directions:
        fields = {n: v for n, v in reading.fields.items() if policy.direction(n) in {"both", "read"}}
    else:
        fields = dict(reading.fields)
    origin = origin_of(seen.connection, seen.external_id, seen.moment)
    for primary, others in PRIMARIES:
        if primary in fields:
            held = fields.get(others)
            fields[others] = with_primary(others, fields[primary], held if isinstance(held, frozenset) else frozenset())
    provenance = dict.fromkeys(fields, origin)
    if not policy.untimed.isdisjoint(provenance):
        guess = origin_of(seen.connection, seen.external_id, seen.moment, timed=False)
        provenance |= dict.fromkeys(policy.untimed & provenance.keys(), guess)
    return Merged(fields, provenance, reading.fields, unmapped=reading.unmapped)


def merge(
    lead: Fields,
    provenance: Mapping[str, Origin],
    lenses: LensTable,
    base: Fields | None,
    settled: Mapping[str, Any],
    pending: Mapping[str, Any],
    seen: Seen,
    policy: Policy,
) -> Merged:
    """Merge one record into one lead.

    base              what the vendor showed before; None at first contact, when blank sides are filled
                      from each other and two different values are a conflict
    settled, pending  as kept on the link: field → {"wanted": …}, field → {"wanted", "before", "at"}; for
                      pending fields ``base`` assumes that the vendor stored what was written, unless they were
                      only tried: then they tell our own echo from a person who says the same
    """
    reading = seen.reading
    theirs = reading.fields
    if base is not None and theirs == base and not (settled or pending or reading.unmapped):
        return Merged(lead, provenance, base)
    first = base is None
    asked = {n: Pending.from_json(n, data) for n, data in pending.items()}
    written = {n: one.at for n, one in asked.items() if one.at is not None and not one.tried}
    before, settled, pending = _resolve(base or {}, lenses, settled, pending, seen, policy)
    ours: Mapping[str, Value] = lenses.show(lead, theirs if first else before)
    ours, settled = _hold_settled(ours, before, settled)
    changed = [n for n in lenses.by_field if n in reading.told and theirs.get(n) != before.get(n)]
    merging = Deciding(lead, provenance, before, ours, seen, policy, first=first, written=written)
    for name in changed:
        if name not in ADDRESS:
            merging.one(spec(name), lenses.by_field[name].key(name))
    if not _ADDRESS_FIELDS.isdisjoint(changed):
        merging.address([n for n in ADDRESS if n in lenses.by_field and n in reading.told])
    merging.primaries()
    return Merged(
        fields=merging.fields,
        provenance=merging.provenance,
        base=_new_base(base, reading),
        settled={n: v for n, v in settled.items() if n not in changed and n not in reading.unmapped},
        pending={n: v for n, v in pending.items() if n not in reading.unmapped},
        changes=tuple(merging.changes),
        conflicts=tuple(merging.conflicts),
        unmapped=reading.unmapped,
    )


def _resolve(
    base: Fields, lenses: LensTable, settled: Mapping[str, Any], pending: Mapping[str, Any], seen: Seen, policy: Policy
) -> tuple[dict[str, Value], dict[str, Any], dict[str, Any]]:
    """Answer what is pending: stored, settled, or edited since. Gives base, settled and what still waits."""
    before, settled, waiting = dict(base), dict(settled), dict(pending)
    for name, data in pending.items():
        lens = lenses.by_field.get(name)
        if lens is None or name not in seen.reading.told:
            continue
        del waiting[name]
        asked = Pending.from_json(name, data)
        shows = seen.reading.fields.get(name)
        if asked.tried and shows != asked.wanted:
            _assume(before, name, _of_tried(lens, name, asked, before.get(name), shows))
            continue
        made = shows
        if shows != asked.wanted:
            timed = name not in policy.untimed
            made = made_of(spec(name), asked, shows, seen.moment, timed=timed, key=lens.key(name))
        _assume(before, name, made)
        if made == shows and shows != asked.wanted:
            settled[name] = {"wanted": data.get("wanted")}
        else:
            settled.pop(name, None)
    return before, settled, waiting


def _of_tried(lens: Lens, name: str, asked: Pending, base: Value | None, shows: Value | None) -> Value | None:
    """The base after a write that may not have arrived and shows something else: what can only be of our doing."""
    if spec(name).is_set:
        return tried_of(asked, base, shows, lens.key(name))
    if shows is not None and lens.halfway(name, asked.wanted, asked.before, shows):
        return shows  # half written: no edit, and still to be written
    return base  # it never arrived, or somebody was faster: nothing of it counts


def _assume(base: dict[str, Value], name: str, value: Value | None) -> None:
    if value is None:
        base.pop(name, None)
    else:
        base[name] = value


def _hold_settled(
    ours: Mapping[str, Value], before: Fields, settled: dict[str, Any]
) -> tuple[Mapping[str, Value], dict[str, Any]]:
    """While ours is what the vendor made something else of, its form counts as ours; else the entry is over."""
    if not settled:
        return ours, settled
    held, kept = dict(ours), {}
    for name, data in settled.items():
        if data.get("wanted") != encode(ours.get(name)):
            continue
        kept[name] = data
        shown = before.get(name)
        if shown is None:
            held.pop(name, None)
        else:
            held[name] = shown
    return held, kept


def _new_base(base: Fields | None, reading: Reading) -> Fields:
    untold = [n for n in base or () if n not in reading.told and n not in reading.unmapped]
    if not base or not untold:
        return reading.fields
    return {**{n: base[n] for n in untold}, **reading.fields}
