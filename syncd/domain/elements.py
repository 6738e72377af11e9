"""The three-way merge of a set, element by element.

What a vendor added is added, what it took away is taken away, an element whose attribute it changed (a
phone's kind) is replaced. Elements it never showed are none of its business. Sets hardly conflict; where
they do (both sides changed one element) the outcome is the same whoever is read first: an edit beats a
removal, and of two kinds the more specific stands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from syncd.domain.lead import FieldSpec, Phone

Elements = frozenset[Any]
Key = Callable[[Any], Hashable]
_KINDS = ("cell", "home", "work", "other", "")


class ElementClash(NamedTuple):
    """Both sides changed one element; None is a removal. ``theirs_stands`` tells the outcome."""

    base: Any
    ours: Any
    theirs: Any
    theirs_stands: bool


class MergedSet(NamedTuple):
    """The canonical set afterwards and what both sides had changed."""

    value: Elements
    clashes: tuple[ElementClash, ...]


def merge_set(
    field: FieldSpec, key: Key, *, mine: Elements, base: Elements, ours: Elements, theirs: Elements, first: bool = False
) -> MergedSet:
    """Take what the vendor changed in a set field.

    mine          the canonical set; ``ours`` is what the vendor can show of it
    base, theirs  what the vendor showed before and shows now
    key           identity of elements as this vendor shows them (two long labels cut alike are one)
    first         the record was never met: a kind it knows is somebody's word, not the vendor's own default
    """
    before, now, shown = ({key(e): e for e in part} for part in (base, theirs, ours))
    held: dict[Hashable, list[Any]] = {}
    for element in mine:
        held.setdefault(key(element), []).append(element)
    result = set(mine)
    clashes: list[ElementClash] = []
    for k in before.keys() - now.keys():
        if k in held and k in shown and _edited(before[k], shown[k]):
            clashes.append(ElementClash(before[k], held[k][0], None, theirs_stands=False))
        else:
            result.difference_update(held.get(k, ()))
    for k, element in now.items():
        old = before.get(k)
        news = first and any(_says_more(element, one) for one in held.get(k, ()))
        if element == old or (element == shown.get(k) and not news):
            continue
        if k in held:
            if len(held[k]) == 1:
                _alter(field, result, clashes, old=old, mine=held[k][0], shown=shown.get(k), theirs=element)
        elif old is None:
            result.add(element)
        elif _edited(old, element):
            result.add(element)
            clashes.append(ElementClash(old, None, element, theirs_stands=True))
    return MergedSet(frozenset(result), tuple(clashes))


def says_more(key: Key, *, mine: Elements, theirs: Elements) -> bool:
    """Whether a vendor that shows what it should nevertheless knows a kind that nobody had told."""
    held = {key(element): element for element in mine}
    return any(_says_more(element, held.get(key(element))) for element in theirs)


def _says_more(theirs: Any, mine: Any) -> bool:
    return isinstance(theirs, Phone) and isinstance(mine, Phone) and mine.kind == "" and theirs.kind != ""


def _alter(
    field: FieldSpec, result: set[Any], clashes: list[ElementClash], *, old: Any, mine: Any, shown: Any, theirs: Any
) -> None:
    """Both hold the element and theirs looks different: its spelling or its kind."""
    if not isinstance(theirs, Phone):
        # A spelling. Only ours as it stood at the vendor is replaced, never a longer one that was cut there.
        replaces = mine == old or (field.key(mine) == field.key(theirs) and theirs < mine)
    elif theirs.kind in ("", mine.kind):
        return
    elif mine.kind == "" or (old is not None and (shown or mine) == old):
        replaces = True
    else:
        replaces = _KINDS.index(_kind(theirs)) < _KINDS.index(_kind(mine))
        clashes.append(ElementClash(old, mine, theirs, replaces))
    if replaces:
        result.discard(mine)
        result.add(theirs)


def _edited(old: Any, new: Any) -> bool:
    """Whether an element says something else now; a spelling does not, nor a kind no longer told."""
    return isinstance(new, Phone) and new != old and new.kind != ""


def _kind(phone: Phone) -> str:
    return phone.kind if phone.kind in _KINDS else "other"
