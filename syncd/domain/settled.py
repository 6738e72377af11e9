"""Told apart: what a vendor made of a value we wrote, and what a person typed over it.

After a write the base *assumes* that the vendor stored what we sent. The next reading shows whether it
did. If it shows something else, either the vendor cut, re-cased or refused our value, which is a
*settled value* (recorded, not written again, not an edit), or a person was faster than our reading.
Taking a settled value for an edit would spread a truncated name to every CRM; taking an edit for a
settled value would hold it back. `made_of` decides with what little there is to know.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from syncd.domain.lead import Fields, FieldSpec, Value, blank, decode, encode, spec
from syncd.domain.normalize import fold
from syncd.domain.origin import Interval

_LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Pending:
    """A value written and not yet seen again.

    wanted  what we wrote, as the vendor should show it; None for a blank
    before  what the vendor showed until then
    at      when it was written, on the clock of `Interval.at` (ours, vendor offset taken out); None if unknown
    tried   the call was about to go out and nothing more is known: the base does not assume that it arrived
    """

    wanted: Value | None
    before: Value | None
    at: datetime | None = None
    tried: bool = False

    def to_json(self) -> dict[str, Any]:
        """As kept on the link: {"wanted", "before", "at"}, and "tried" where it is."""
        data = {"wanted": encode(self.wanted), "before": encode(self.before), "at": encode(self.at)}
        return {**data, "tried": True} if self.tried else data

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> Pending:
        """The inverse of `to_json` for field ``name``."""
        at = data.get("at")
        return cls(
            wanted=decode(name, data.get("wanted")),
            before=decode(name, data.get("before")),
            at=None if at is None else datetime.fromisoformat(at),
            tried=bool(data.get("tried")),
        )


def is_settled(
    field: FieldSpec,
    pending: Pending,
    theirs: Value | None,
    moment: Interval,
    *,
    timed: bool = True,
    key: Callable[[Any], Hashable] | None = None,
) -> bool:
    """Whether ``theirs``, which is not what we wrote, is the vendor's own doing; see `made_of`."""
    return made_of(field, pending, theirs, moment, timed=timed, key=key) == theirs


def made_of(
    field: FieldSpec,
    pending: Pending,
    theirs: Value | None,
    moment: Interval,
    *,
    timed: bool = True,
    key: Callable[[Any], Hashable] | None = None,
) -> Value | None:
    """The base to merge against: as much of ``theirs`` as the vendor itself made of our write.

    1. The record's time is certainly later than our write (beyond its uncertainty) and moves with this
       field (``timed``): somebody acted after us. Nothing is the vendor's doing; the base is what we wrote.
    2. Otherwise a scalar is the vendor's doing when it is a plausible remainder of what we wrote: what was
       shown before (refused), a blank (swallowed), the same text but for case, spaces, accents and
       punctuation, its beginning (cut), a number rounded, a time with less precision. Where a record was
       created without a value (see `unsent`) any value is: its default, or whom its routing picked.
    3. Of a set, element by element: ours that are missing were not accepted, one with another attribute
       was altered, extra ones that were there before were not given up. Extra ones that were not are
       a person's additions. Labels are the exception: vendors keep labels, people take them off, so a
       missing label is a removal.
    """
    if timed and _certainly_later(moment, pending.at):
        return pending.wanted
    if field.is_set:
        return _set_made_of(field, pending, theirs, key or field.key)
    if theirs == pending.before or blank(theirs) or _remainder(pending.wanted, theirs):
        return theirs
    return theirs if pending.wanted is None and pending.before is None else pending.wanted


def tried_of(
    pending: Pending, base: Value | None, theirs: Value | None, key: Callable[[Any], Hashable]
) -> Value | None:
    """The base of a set to merge against after a write of which nobody knows whether it arrived.

    Whatever it was to bring and is there, it brought; whatever it was to take and is gone, it took. The rest is as
    the base says, so that what a person did to other elements meanwhile is an edit.
    """
    wanted, before, shown = (_by_key(value, key) for value in (pending.wanted, pending.before, theirs))
    made = {k: element for k, element in _by_key(base, key).items() if k in shown or k in wanted or k not in before}
    made |= {k: element for k, element in shown.items() if k in wanted and k not in before}
    return frozenset(made.values()) or None


def unsent(lead: Fields, sent: Iterable[str], carried: Iterable[str], at: datetime) -> dict[str, Any]:
    """Pending entries for what a record was created without, although the lead has it.

    The vendor has no word for the value (a stage, an agent), and puts something of its own there instead. That
    must not come back as an edit and replace a person's value.
    """
    missing = set(carried) - set(sent)
    nothing = Pending(None, None, at).to_json()
    return {n: nothing for n in lead if n in missing and not spec(n).is_set and not blank(lead[n])}


def _certainly_later(moment: Interval, written: datetime | None) -> bool:
    if moment.at is None or written is None:
        return False
    return (moment.at - written).total_seconds() > moment.uncertainty_s


def _remainder(wanted: Value | None, theirs: Value | None) -> bool:
    if isinstance(wanted, str) and isinstance(theirs, str):
        return _letters(wanted).startswith(_letters(theirs))
    if isinstance(wanted, datetime) and isinstance(theirs, datetime):
        return theirs <= wanted and theirs.date() == wanted.date()
    if isinstance(wanted, date | bool) or isinstance(theirs, bool):
        return False
    if isinstance(wanted, int | float) and isinstance(theirs, int | float):
        return abs(wanted - theirs) < 1
    return False


def _letters(text: str) -> str:
    """What is left of a text when case, accents, spaces and punctuation do not count."""
    plain = unicodedata.normalize("NFKD", fold(text))
    return "".join(char for char in plain if char.isalnum())


def _set_made_of(
    field: FieldSpec, pending: Pending, theirs: Value | None, key: Callable[[Any], Hashable]
) -> Value | None:
    wanted, before, shown = (_by_key(value, key) for value in (pending.wanted, pending.before, theirs))
    made = {k: element for k, element in shown.items() if k in wanted or k in before}
    if field.name == _LABELS:
        made |= {k: element for k, element in wanted.items() if k not in shown}
    return frozenset(made.values()) or None


def _by_key(value: Value | None, key: Callable[[Any], Hashable]) -> dict[Hashable, Any]:
    return {key(element): element for element in value} if isinstance(value, frozenset) else {}
