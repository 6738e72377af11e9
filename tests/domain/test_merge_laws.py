"""The laws of the merge as properties: quiet, converging, order-free, losing nothing, inventing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.lead import ADDRESS, FIELDS, Fields, Phone, compact
from syncd.domain.lens import LensTable, Reading
from syncd.domain.merge import ConflictFound, Interval, Merged, Origin, Policy, Seen, merge
from syncd.domain.rules import RuleBook
from tests.domain.toy import LOSSLESS, LOSSY, ORDER, PLAIN, minutes, values

NUMBERS = st.sampled_from(["+1", "+2", "+3"])
LONG = ("annabella", "annabellb", "dora ann")
"""Words that a lossy vendor cuts, two of them alike."""


def _values(*words: str) -> dict[str, st.SearchStrategy[Any]]:
    """Values from few enough words that they meet; one element per identity in each set."""
    return values(st.sampled_from(["ann", "Ann", "bob", "carl", *words])) | {
        "phones": st.frozensets(st.builds(Phone, NUMBERS, st.sampled_from(["", "cell", "home"])))
        .filter(lambda phones: len({p.number for p in phones}) == len(phones)),
        "texts": st.frozensets(st.sampled_from(["ann", "ANN", "bob", "carl", *words]))
        .filter(lambda texts: len({t.lower() for t in texts}) == len(texts)),
        "number": st.integers(0, 3),
    }  # fmt: skip


STAGES = st.sampled_from(["new", "attempted", "contacted", "closed", "lost"])
RULES: list[dict[str, Any]] = [
    {},
    {"default": {"rule": "owner", "connection": "beta"}},
    {"default": {"rule": "ranked", "order": ["gamma", "alpha"]}},
    {"default": "keep", "stage": {"rule": "forward", "order": ["new", "contacted", "closed"]}},
    {"default": "manual", "emails": {"rule": "owner", "connection": "alpha"}},
]
NAMES = [n for n in PLAIN if not n.startswith("custom.")]
TABLES = {"alpha": LOSSLESS, "beta": LOSSY, "gamma": LOSSLESS}


VALUES, SHORT = _values(*LONG), _values()


def of_field(name: str, *, short: bool = False) -> st.SearchStrategy[Any]:
    """Values of one field; ``short`` ones are the same at every vendor."""
    if name == "stage":
        return STAGES.filter(lambda stage: not short or stage != "contacted")
    return NUMBERS if name == "phone" else (SHORT if short else VALUES)[FIELDS[name].type]


def whole(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A lead with its primaries in their sets."""
    lead: dict[str, Any] = compact(fields.items())
    if "email" in lead:
        lead["emails"] = lead.get("emails", frozenset()) | {lead["email"]}
    if "phone" in lead and lead["phone"] not in {p.number for p in lead.get("phones", ())}:
        lead["phones"] = lead.get("phones", frozenset()) | {Phone(lead["phone"], "other")}
    return lead


@st.composite
def some_fields(draw: st.DrawFn, among: tuple[str, ...] = tuple(NAMES), *, short: bool = False) -> dict[str, Any]:
    """Some fields with values, blanks left out."""
    names = draw(st.sets(st.sampled_from(among), max_size=6))
    return compact((n, draw(of_field(n, short=short))) for n in sorted(names))


LEADS = some_fields().map(whole)
BOOKS = st.sampled_from(RULES).map(RuleBook.parse)
MOMENTS = st.builds(
    Interval, st.none() | st.integers(0, 9).map(minutes), st.just(1.0), st.none() | st.integers(0, 9).map(minutes)
)


@dataclass
class Case:
    """One merge to do."""

    lead: dict[str, Any]
    by: dict[str, Origin]
    table: LensTable
    base: dict[str, Any] | None
    seen: Seen
    policy: Policy

    def merge(self) -> Merged:
        """Do it."""
        return merge(self.lead, self.by, self.table, self.base, {}, {}, self.seen, self.policy)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any lead, any base, any record, any of the rules; connected values more often than not."""
    lead = draw(LEADS)
    table = draw(st.sampled_from([LOSSLESS, LOSSY]))
    base = draw(st.none() | st.just(table.show(lead, {})) | some_fields().map(lambda f: table.show(whole(f), {})))
    start = base if base is not None else table.show(lead, {})
    theirs = {**start, **table.show(whole(draw(some_fields())), {})}
    for gone in draw(st.sets(st.sampled_from(NAMES), max_size=3)):
        theirs.pop(gone, None)
    by = {
        n: Origin(draw(st.sampled_from(ORDER)), "1", draw(st.none() | st.integers(0, 9).map(minutes)), 1.0)
        for n in lead
    }
    told = frozenset(table.by_field) - draw(st.sets(st.sampled_from(NAMES), max_size=2))
    reading = Reading({n: v for n, v in theirs.items() if n in told}, told)
    clears = draw(st.frozensets(st.sampled_from(NAMES), max_size=3))
    directions = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["read", "write", "off"]), max_size=2))
    config = Policy("beta", directions, clears, ORDER, draw(BOOKS))
    return Case(lead, by, table, base, Seen("beta", "1", reading, draw(MOMENTS)), config)


@given(cases())
def test_merging_the_same_record_twice_changes_nothing_the_second_time(case: Case):
    """Idempotent: no change, no conflict, the same lead and base."""
    once = case.merge()
    twice = merge(
        once.fields, once.provenance, case.table, once.base, once.settled, once.pending, case.seen, case.policy
    )
    assert (twice.changes, twice.conflicts) == ((), ())
    assert (twice.fields, twice.base, dict(twice.provenance)) == (once.fields, once.base, dict(once.provenance))


@given(cases(), LEADS)
def test_a_record_that_shows_its_base_takes_nothing(case: Case, lead: Fields):
    """Whatever became of the lead meanwhile."""
    base = dict(case.seen.reading.fields)
    merged = merge(lead, {}, case.table, base, {}, {}, case.seen, case.policy)
    assert merged.fields == lead
    assert (merged.changes, merged.conflicts) == ((), ())


@given(cases())
def test_every_edit_is_taken_or_named_in_a_conflict(case: Case):
    """No loss: what was typed is shown afterwards, or a row names the rule that superseded it."""
    merged = case.merge()
    reading, before = case.seen.reading, case.base or {}
    shown = case.table.show(merged.fields, reading.fields)
    told = {c.field for c in merged.conflicts}
    for name in reading.told & case.table.by_field.keys():
        theirs, base = reading.fields.get(name), before.get(name)
        superseded = name in told or (name in ADDRESS and "address" in told)
        if theirs == base or superseded or case.policy.direction(name) not in {"both", "read"}:
            continue
        if not FIELDS[name].is_set:
            assert theirs is None or shown.get(name) == theirs or name in {"email", "phone"}, name
            continue
        key = case.table.by_field[name].key(name)
        held = {key(e) for e in _set(merged.fields.get(name))}
        old, new = ({key(e) for e in _set(part)} for part in (base, theirs))
        assert new - old <= held
        if theirs is not None:
            numbers = {
                case.lead.get("email"),
                merged.fields.get("email"),
                case.lead.get("phone"),
                merged.fields.get("phone"),
            }
            assert not {e for e in (old - new) & held if e not in numbers}


def _set(value: Any) -> frozenset[Any]:
    return value if isinstance(value, frozenset) else frozenset()


@given(cases())
def test_nothing_is_invented_and_no_value_becomes_blank_by_itself(case: Case):
    """Every new value was in the lead or in the record; blanks come only from fields that clear, or a move."""
    merged = case.merge()
    known = [*case.lead.values(), *case.seen.reading.fields.values()]
    elements = {e for v in known for e in _set(v)}
    words = {v for v in known if not isinstance(v, frozenset)} | {str(getattr(e, "number", e)) for e in elements}
    for change in merged.changes:
        if isinstance(change.new, frozenset):
            new = {e for e in change.new if e not in elements}
            assert {str(getattr(e, "number", e)) for e in new} <= words
        elif change.new is None:
            clears = case.policy.blank_clears
            assert (
                change.field in clears
                or change.field in ADDRESS
                or change.field == "labels"
                or FIELDS[change.field].is_set
            )
        else:
            assert change.new in words


@given(cases())
def test_primaries_are_in_their_sets_and_changes_tell_the_difference(case: Case):
    """The invariants hold, and old lead + changes = new lead."""
    merged = case.merge()
    emails, phones = _set(merged.fields.get("emails")), _set(merged.fields.get("phones"))
    assert merged.fields.get("email", "") in {*emails, ""}
    assert merged.fields.get("phone", "") in {*(p.number for p in phones), ""}
    replayed = dict(case.lead)
    for change in merged.changes:
        assert replayed.get(change.field) == change.old
        if change.new is None:
            del replayed[change.field]
        else:
            replayed[change.field] = change.new
    assert replayed == merged.fields
    assert merged.fields.keys() <= merged.provenance.keys()


@given(cases())
def test_the_new_base_is_what_the_vendor_shows(case: Case):
    """For every told field; what was not told keeps its former base."""
    merged, told = case.merge(), case.seen.reading.told
    kept = {n: v for n, v in (case.base or {}).items() if n not in told}
    assert merged.base == {**kept, **case.seen.reading.fields}


@given(cases())
def test_inputs_are_never_changed(case: Case):
    """Everything handed in is as it was."""
    before = (
        dict(case.lead),
        dict(case.by),
        None if case.base is None else dict(case.base),
        dict(case.seen.reading.fields),
    )
    case.merge()
    assert (case.lead, case.by, case.base, dict(case.seen.reading.fields)) == before


# several vendors


@dataclass
class World:
    """A lead, what each vendor shows of it, and what each base believes."""

    lead: Fields
    book: RuleBook
    by: Mapping[str, Origin] = field(default_factory=dict)
    shows: dict[str, dict[str, Any]] = field(default_factory=dict)
    bases: dict[str, Fields | None] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    conflicts: list[ConflictFound] = field(default_factory=list)

    def pull(self, connection: str) -> None:
        """Read what a vendor shows and merge it."""
        table = TABLES[connection]
        at = self.times.get(connection)
        reading = Reading(dict(self.shows[connection]), frozenset(table.by_field))
        seen = Seen(connection, "1", reading, Interval(None if at is None else minutes(at), 1.0))
        policy = Policy(connection, order=ORDER, rules=self.book)
        merged = merge(self.lead, self.by, table, self.bases.get(connection), {}, {}, seen, policy)
        self.lead, self.by = merged.fields, merged.provenance
        self.bases[connection] = merged.base
        self.conflicts += merged.conflicts

    def push(self, connection: str) -> bool:
        """Write what the vendor should show; whether there was anything to write."""
        table, base = TABLES[connection], self.bases[connection] or {}
        desired = table.show(self.lead, base)
        wanted = {n: desired.get(n, base.get(n)) if n != "labels" else desired.get(n) for n in table.by_field}
        new = compact(wanted.items())
        wrote = new != base
        self.shows[connection], self.bases[connection] = dict(new), new
        return wrote


def edit(world: World, connection: str, edits: Mapping[str, Any], at: int) -> None:
    """A person types at a vendor, as far as it can hold it; no vendor shows a primary outside its set."""
    table = TABLES[connection]
    shown = world.shows[connection]
    typed = {n: v for n, v in whole(edits).items() if n in table.by_field}
    touched = {n for row in table.rows if not typed.keys().isdisjoint(row.fields) for n in row.fields}
    world.shows[connection] = whole({**shown, **{n: v for n, v in table.show(typed, shown).items() if n in touched}})
    world.times[connection] = at


def folded(lead: Fields) -> dict[str, Any]:
    """The lead without regard to the spelling of elements that are the same."""
    return {
        n: {FIELDS[n].key(e) if isinstance(e, str) else e for e in v} if isinstance(v, frozenset) else v
        for n, v in lead.items()
    }


EDITABLE = tuple(n for n in NAMES if n not in {"source", "registered_at", "region", "country"})
"""Not `keep`, which is about what came first; of the address what all three vendors carry."""
ONE_ONLY = frozenset({"email", "emails", "phone", "phones"})
"""What beta holds one of. A number it did not show, added there while another takes it away, has no right answer."""


@st.composite
def agreed(draw: st.DrawFn, book: RuleBook) -> World:
    """All three vendors show one lead."""
    lead = draw(LEADS)
    world = World(lead, book, dict.fromkeys(lead, Origin("alpha", "1", minutes(0), 1.0)))
    for name, table in TABLES.items():
        world.shows[name] = table.show(lead, {})
        world.bases[name] = dict(world.shows[name])
    return world


@settings(max_examples=200)
@given(st.data(), st.sampled_from(RULES[:3]))
def test_all_vendors_converge_and_stay_quiet(data: st.DataObject, rules: dict[str, Any]):
    """After any edits, reading and writing in any order, everything shows the lead and nothing is left to do."""
    world = data.draw(agreed(RuleBook.parse(rules)))
    for minute, connection in enumerate(data.draw(st.permutations(ORDER)), start=1):
        edit(world, connection, data.draw(some_fields()), minute)
    for _ in range(5):
        busy, before = False, world.lead
        for connection in data.draw(st.permutations(ORDER)):
            world.pull(connection)
            busy = world.push(connection) or busy
        if not busy and world.lead == before:
            break
    else:
        pytest.fail("still something to do after five rounds")
    for connection, table in TABLES.items():
        shown = table.show(world.lead, world.shows[connection])
        assert {n: world.shows[connection].get(n) for n in shown} == shown


@settings(max_examples=200)
@given(st.data(), st.sampled_from(RULES[:3]))
def test_the_order_of_reading_does_not_matter(data: st.DataObject, rules: dict[str, Any]):
    """The same edits at distinct times give the same lead whichever connection is read first."""
    start = data.draw(agreed(RuleBook.parse(rules)))
    edits = {name: data.draw(some_fields(EDITABLE, short=True)) for name in ORDER}
    edits["beta"] = {n: v for n, v in edits["beta"].items() if n not in ONE_ONLY}
    results = []
    for order in permutations(ORDER):
        world = World(start.lead, start.book, start.by, dict(start.shows), dict(start.bases))
        for minute, (name, typed) in enumerate(edits.items(), start=1):
            edit(world, name, typed, minute)
        for name in order:
            world.pull(name)
        results.append(folded(world.lead))
    for result in results:
        assert result == results[0]


@settings(max_examples=100)
@given(st.data())
def test_first_contacts_in_any_order_give_one_lead(data: st.DataObject):
    """Three records of one person, never seen before: the lead does not depend on which came first."""
    names = tuple(sorted({*EDITABLE, "source", "registered_at"} - set(ADDRESS)))
    records = {name: whole(data.draw(some_fields(names, short=True))) for name in ORDER}
    results = []
    for order in permutations(ORDER):
        world = World({}, RuleBook())
        for minute, (name, typed) in enumerate(records.items(), start=1):
            world.shows[name] = TABLES[name].show(typed, {})
            world.times[name] = minute
        for name in order:
            world.pull(name)
        results.append(folded(world.lead))
    for result in results:
        assert result == results[0]
