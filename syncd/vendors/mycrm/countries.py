"""Countries as MyCRM shows them, mixed (vendors/mycrm.md §5, §13). Pure."""

from __future__ import annotations

from syncd.domain.normalize import text
from syncd.vendors.countries import code


def country(value: object) -> str:
    """A country as its alpha-2 code; an unknown text verbatim, "" for a blank. Raises UnreadableError."""
    shown = text(value)
    return code(shown) or shown
