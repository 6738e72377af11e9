"""A second look, for vendors whose updates are built on a reading of the adapter's own.

The engine looks, merges and plans; then the adapter reads once more, because row ids or the whole record are needed.
What somebody typed between these two readings has been merged by nobody and must not be written over.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncd.domain.errors import TransientError, UnreadableError
from syncd.domain.lead import Fields
from syncd.domain.lens import LensTable, Payload


def look_again(
    table: LensTable, before: Payload, now: Payload, wanted: Fields, names: Iterable[str], what: str
) -> None:
    """Raises TransientError (nothing was sent) where a field of ``names`` shows a value that nobody knew of.

    Known are what ``before`` showed, what is wanted, a mixture that only a write of ours leaves behind, and a blank,
    which overwrites nothing. ``what``: method and path template of the write, for the message.
    """
    try:
        old, new = table.read(before), table.read(now)
    except UnreadableError:
        return  # nothing of such a record is merged, so nothing can be compared
    for name in names if old.fields else ():  # a reading that shows nothing at all is none
        shows, was, goal = new.fields.get(name), old.fields.get(name), wanted.get(name)
        if new.unmapped.get(name) not in {None, old.unmapped.get(name)}:
            known = False  # a word without a translation is a value too
        elif isinstance(shows, frozenset):
            known = shows <= frozenset().union(*(value for value in (was, goal) if isinstance(value, frozenset)))
        else:
            known = shows in (None, was, goal) or table.by_field[name].halfway(name, goal, was, shows)
        if not known:
            message = f"{what}: somebody changed the record meanwhile"
            raise TransientError(message, sent=False)
