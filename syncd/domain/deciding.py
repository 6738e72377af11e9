"""The decisions inside one merge: field by field, the address as one value, the primaries last.

`merge` finds out what the vendor changed; for each of those fields `Deciding` says whether the canonical
value follows, by which rule, and what has to be told about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from syncd.domain.elements import Key, merge_set, says_more
from syncd.domain.lead import ADDRESS, Fields, FieldSpec, Phone, Value, blank
from syncd.domain.merged import ConflictFound, FieldChange, Policy, Seen
from syncd.domain.origin import Origin, later, origin_of
from syncd.domain.rules import Clash, Decision, Held, Rule, newest, void

_ADDRESS: Final = "address"
_LABELS: Final = "labels"
PRIMARIES: Final = (("email", "emails"), ("phone", "phones"))


class Deciding:
    """One merge under way. Canonical fields are copied on the first change only."""

    def __init__(
        self, lead: Fields, provenance: Mapping[str, Origin], base: Fields, ours: Fields, seen: Seen, policy: Policy,
        *, first: bool, written: Mapping[str, datetime] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.fields: Fields = lead
        self._provenance = provenance
        self.changes: list[FieldChange] = []
        self.conflicts: list[ConflictFound] = []
        self._lead, self._base, self._ours, self._first = lead, base, ours, first
        self._written = written
        self._theirs, self._seen, self._policy = seen.reading.fields, seen, policy
        self._new: dict[str, Value] = {}
        self._from: dict[str, Origin] = {}
        self._timed = origin_of(seen.connection, seen.external_id, seen.moment)
        self._guess: Origin | None = None

    @property
    def provenance(self) -> Mapping[str, Origin]:
        """The origins afterwards; the very mapping handed in when none changed."""
        return {**self._provenance, **self._from} if self._from else self._provenance

    def one(self, known: FieldSpec, key: Key) -> None:
        """Decide one field that the vendor shows differently than before."""
        name = known.name
        base, ours, theirs = self._base.get(name), self._ours.get(name), self._theirs.get(name)
        direction = self._policy.direction(name)
        if direction not in {"both", "read"}:
            if direction == "write":
                self._superseded(name, theirs, "direction", "syncd only writes this field here")
            return
        mine, origin = self._lead.get(name), self._origin(name)
        if mine is None and base is None and theirs is not None:
            self._set_value(name, theirs, origin)  # nothing there on any side: no rule has anything to say
            return
        # What this vendor cannot show at all (a stage without a word) is a value too: not to be filled over.
        concurrent = (
            ours != base or (base is None and not blank(mine)) or self._restated(self._provenance.get(name), name)
        )
        clash = Clash(
            name, base, mine, theirs, self._provenance.get(name), origin, self._policy.order,
            concurrent=concurrent, first=self._first,
        )  # fmt: skip
        rule = self._rule(name, clash)
        if theirs == ours and theirs is not None and blank(mine):
            # Ours is only derived from a neighbour (a primary from its set); theirs is said.
            self._set_value(name, theirs, origin)
        elif theirs == ours and not (self._first and says_more(key, mine=_elements(mine), theirs=_elements(theirs))):
            self._agree((name,), rule, clash)
        elif theirs is None and name != _LABELS and name not in self._policy.blank_clears:
            self._superseded(name, theirs, "blank", "a blank overwrites nothing")
        elif known.is_set:
            self._set(known, key, rule, clash)
        elif theirs is not None and self._is_cut_of(name, mine, theirs):
            self._set_value(name, theirs, origin)
        else:
            decision = self._decide(rule, clash)
            if decision.outcome in {"theirs", "merged"}:
                self._put(name, theirs if decision.outcome == "theirs" else _value(decision.value), rule, clash)
            self._record(rule, clash, decision)

    def address(self, told: Sequence[str]) -> None:
        """Decide the address as one value: the components this vendor carries and told."""
        policy = self._policy
        names = [n for n in told if policy.direction(n) in {"both", "read"}]
        for name in told:
            if policy.direction(name) == "write" and self._theirs.get(name) != self._base.get(name):
                self._superseded(name, self._theirs.get(name), "direction", "syncd only writes this field here")
        base, ours, theirs = (_pick(part, names) for part in (self._base, self._ours, self._theirs))
        if theirs == base:
            return
        mine = _pick(self._lead, names)
        contested = [n for n in names if theirs.get(n) != ours.get(n)]
        mine_from = self._address_origin(contested) or self._address_origin(names)
        clash = Clash(
            _ADDRESS, base, mine, theirs, mine_from, self._origin(names[0]), policy.order,
            concurrent=ours != base or (not base and bool(mine)) or self._restated(self._address_origin(names), *names),
            first=self._first,
        )  # fmt: skip
        rule = self._rule(_ADDRESS, clash)
        if theirs == ours:
            self._agree(names, rule, clash)
        elif self._first and not (rule.standing and mine) and _completes(theirs, mine, ours):
            for name in theirs.keys() - mine.keys():  # nothing contradicts: the two complete each other
                self._set_value(name, theirs[name], clash.theirs_origin)
        elif self._only_blanks(base, theirs):
            if any(n in ours for n in base.keys() - theirs.keys()):
                self._conflict("blank", clash, Decision("ours", "a blank overwrites nothing"))
        else:
            self._move(names, ours, theirs, rule, clash)

    def _move(self, names: Sequence[str], ours: Fields, theirs: Fields, rule: Rule, clash: Clash) -> None:
        """Another address, or another reading of it: all components or none."""
        decision = self._decide(rule, clash)
        self._record(rule, clash, decision)
        if decision.outcome == "ours" and not rule.standing:
            self._beyond(theirs, clash)
        if decision.outcome not in {"theirs", "merged"}:
            return
        wanted: Mapping[str, Value] = theirs
        if decision.outcome == "merged" and isinstance(decision.value, Mapping):
            wanted, ours = decision.value, {}
        for name in names:
            # A component that looks like ours at this vendor stays as long as ours is.
            if wanted.get(name) != ours.get(name):
                self._put(name, wanted.get(name), rule, clash)
            if name in self.fields:
                self._from[name] = self._stamp(rule, clash)

    def _beyond(self, theirs: Fields, clash: Clash) -> None:
        """Take components that the address that won says nothing about: the CRM it comes from has no place for them."""
        table = self._policy.tables.get(clash.ours_origin.connection) if clash.ours_origin is not None else None
        if table is None:
            return
        for name, value in theirs.items():
            if blank(self.fields.get(name)) and name not in table.by_field:
                self._set_value(name, value, clash.theirs_origin)

    def _only_blanks(self, base: Fields, theirs: Fields) -> bool:
        """Whether the vendor only took components away, and a blank is no value for them."""
        if any(base.get(n) != value for n, value in theirs.items()):
            return False
        clears = self._policy.blank_clears
        return _ADDRESS not in clears and not clears.issuperset(base.keys() - theirs.keys())

    def primaries(self) -> None:
        """Keep the primary email among the emails, the primary phone among the phones.

        A primary that is named now joins the set (a phone with kind ``other``). A primary taken out of the
        set stays out: the smallest address or number left takes its place, unless this very record still
        shows it as its primary, a rule has just confirmed it, or nothing would be left; then it returns.
        """
        changed = {change.field for change in self.changes}
        confirmed = {found.field for found in self.conflicts}
        for name, others in PRIMARIES:
            primary, held = self.fields.get(name), self.fields.get(others, frozenset())
            if (name not in changed and others not in changed) or primary is None or not isinstance(held, frozenset):
                continue
            if primary in _numbers(held):
                continue
            was, seen = _numbers(self._lead.get(others)), self._seen
            stands = name in changed or name in confirmed or self._theirs.get(name) == primary
            if held and primary in was and not stands:
                # Nobody said so: without a moment it gives way to anybody who names a primary.
                self._set_value(name, min(_numbers(held)), Origin(seen.connection, seen.external_id, rule="primary"))
            else:
                self._set_value(others, with_primary(others, primary, held), self._origin(others).by("primary"))

    def _set(self, known: FieldSpec, key: Key, rule: Rule, clash: Clash) -> None:
        if rule.whole:
            decision = self._decide(rule, clash)
            self._record(rule, clash, decision)
            if decision.outcome == "merged":
                self._put(known.name, _value(decision.value), rule, clash)
            if decision.outcome != "theirs":
                return
        mine, base, theirs = (_elements(value) for value in (clash.ours, clash.base, clash.theirs))
        ours = _elements(self._ours.get(known.name))
        if self._first and (cuts := self._cuts_of(known.name, key, theirs - mine) & (mine - theirs)):
            mine, ours = mine - cuts, ours - cuts
        merged = merge_set(known, key, mine=mine, base=base, ours=ours, theirs=theirs, first=self._first)
        if merged.value != _elements(clash.ours):
            self._put(known.name, merged.value or None, rule, clash)
        for found in merged.clashes:
            one = Clash(
                known.name, _single(found.base), _single(found.ours), _single(found.theirs), clash.ours_origin,
                clash.theirs_origin,
            )  # fmt: skip
            why = "an edit beats a removal" if None in found[1:3] else "the more specific kind"
            self._conflict("union", one, Decision("theirs" if found.theirs_stands else "ours", why))

    def _restated(self, ours: Origin | None, *names: str) -> bool:
        """Whether somebody elsewhere said ours anew since this vendor was read or written, in the very words it had.

        Values alone would not tell: ours went away and came back, or was said again. Without this the older of
        two edits would win whenever the newer one was read first.
        """
        since = self._seen.moment.since
        if ours is None or ours.at is None or since is None or ours.connection == self._seen.connection:
            return False
        known = max([since, *(self._written[n] for n in names if n in self._written)])
        return (ours.at - known).total_seconds() > ours.uncertainty_s

    def _is_cut_of(self, name: str, mine: Value | None, theirs: Value) -> bool:
        """Whether ours is only what the vendor it came from can show of theirs: a loss read first, not another word."""
        origin = self._provenance.get(name)
        table = self._policy.tables.get(origin.connection) if origin is not None else None
        if table is None or mine is None or origin is None or origin.connection == self._seen.connection:
            return False
        row = table.by_field.get(name)
        return row is not None and row.squeeze({**self._lead, name: theirs}, {}).get(name) == mine

    def _cuts_of(self, name: str, key: Key, elements: frozenset[Any]) -> frozenset[Any]:
        """What others can only show of these elements: a long label that was cut by the vendor read first."""
        found: set[Any] = set()
        for connection, table in self._policy.tables.items():
            row = table.by_field.get(name)
            if row is None or connection == self._seen.connection:
                continue
            for element in elements:
                shown = _elements(row.squeeze({name: frozenset((element,))}, {}).get(name))
                found |= {cut for cut in shown if key(cut) != key(element)}
        return frozenset(found)

    def _decide(self, rule: Rule, clash: Clash) -> Decision:
        """Conflicts are for the rule; a change nobody contradicts only for a standing one."""
        return rule.decide(clash) if clash.concurrent or rule.standing else Decision("theirs")

    def _agree(self, names: Sequence[str], rule: Rule, clash: Clash) -> None:
        """Both say the same: the origin that would have won stands, whoever was read first."""
        decide = rule.decide if rule.pure else newest
        if void(clash.theirs) and not void(clash.ours):
            return  # blank here only because this vendor cannot show ours: it says nothing
        if decide is newest:
            stands = later(clash.ours_origin, clash.theirs_origin, clash.order).theirs
        else:
            stands = clash.ours_origin is None or decide(clash).outcome == "theirs"
        if stands:
            self._from |= {n: self._origin(n) for n in names}

    def _record(self, rule: Rule, clash: Clash, decision: Decision) -> None:
        """A conflict row, unless theirs was simply taken."""
        if clash.concurrent or decision.outcome != "theirs":
            self._conflict(rule.name, clash, decision)

    def _superseded(self, name: str, theirs: Value | None, rule: str, why: str) -> None:
        """An edit that never counts here, if there is something of ours that will be written over it."""
        ours = self._ours.get(name)
        if ours is not None and ours != theirs:
            mine = self._lead.get(name)
            clash = Clash(name, self._base.get(name), mine, theirs, self._provenance.get(name), self._origin(name))
            self._conflict(rule, clash, Decision("ours", why))

    def _conflict(self, rule: str, clash: Clash, decision: Decision) -> None:
        ours, theirs = clash.ours_origin, clash.theirs_origin
        evidence = {
            "ours": None if ours is None else ours.to_json(),
            "theirs": {**theirs.to_json(), "certain": self._certain(clash.field)},
            "why": decision.why,
        }
        self.conflicts.append(
            ConflictFound(
                clash.field, clash.base, clash.ours, clash.theirs, ours, theirs, rule, decision.outcome, evidence
            )
        )

    def _certain(self, name: str) -> bool:
        """Whether the record's time must be that of this field: it is the only one that changed."""
        if not self._seen.moment.certain or self._first or self._timed.at is None or name in self._policy.untimed:
            return False
        moved = {n for n in self._seen.reading.told if self._theirs.get(n) != self._base.get(n)}
        return len({_ADDRESS if n in ADDRESS else n for n in moved}) == 1

    def _put(self, name: str, value: Value | None, rule: Rule, clash: Clash) -> None:
        self._set_value(name, value, self._stamp(rule, clash))

    def _stamp(self, rule: Rule, clash: Clash) -> Origin:
        return clash.theirs_origin.by(rule.name if clash.concurrent else "")

    def _set_value(self, name: str, value: Value | None, origin: Origin) -> None:
        """Set a canonical value; None blanks it. A blank keeps its origin: somebody said it."""
        old = self.fields.get(name)
        value = None if blank(value) else value
        if value == old:
            return
        if not self.changes:
            self.fields = self._new = dict(self._lead)
        if value is None:
            self._new.pop(name, None)
        else:
            self._new[name] = value
        self._from[name] = origin
        self.changes.append(FieldChange(name, old, value, origin.rule, origin))

    def _rule(self, name: str, clash: Clash) -> Rule:
        ours = clash.ours_origin.connection if clash.ours_origin is not None else ""
        return self._policy.rules(name, ours, self._seen.connection)

    def _origin(self, name: str) -> Origin:
        """Where theirs comes from; fields that do not move the record's time have the previous read for a time."""
        if name not in self._policy.untimed:
            return self._timed
        if self._guess is None:
            self._guess = origin_of(self._seen.connection, self._seen.external_id, self._seen.moment, timed=False)
        return self._guess

    def _address_origin(self, names: Sequence[str]) -> Origin | None:
        """The latest origin among the components; of concurrent ones the one that the order of connections prefers."""
        latest: Origin | None = None
        for found in (self._provenance[n] for n in names if n in self._provenance):
            if latest is None or later(latest, found, self._policy.order).theirs:
                latest = found
        return latest


def _pick(part: Fields, names: Sequence[str]) -> dict[str, Value]:
    return {n: part[n] for n in names if n in part}


def _completes(theirs: Fields, mine: Fields, ours: Fields) -> bool:
    """Whether no component of theirs contradicts ours."""
    return all(n not in mine or value in {mine[n], ours.get(n)} for n, value in theirs.items())


def _elements(value: Held) -> frozenset[Any]:
    return value if isinstance(value, frozenset) else frozenset()


def _single(element: Any) -> Value | None:
    return None if element is None else frozenset((element,))


def _value(value: Held) -> Value | None:
    return None if isinstance(value, Mapping) else value


def _numbers(held: Value | None) -> frozenset[str]:
    """The addresses or numbers of a set."""
    return frozenset(e.number if isinstance(e, Phone) else str(e) for e in _elements(held))


def with_primary(others: str, primary: Value, held: frozenset[Any]) -> frozenset[Any]:
    """The set with the primary in it."""
    if primary in _numbers(held):
        return held
    return held | {Phone(str(primary), "other") if others == "phones" else primary}
