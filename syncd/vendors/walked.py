"""Walks that are broken off after a page and taken up again, perhaps by another process (`ports.vendor.Walked`).

A position is JSON text made of a frozen dataclass. What does not decode to exactly that dataclass is no position: the
walk begins anew. Then the marks handed in belong to the attempt before as well, and so do those of every later part;
a position says so (``anew``), and such a walk knows its own rows only.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

from syncd.ports.vendor import mark

T = TypeVar("T")


class Seen:
    """The distinct ids of one walk: those of this part of it, and those of the parts before, known by their marks."""

    def __init__(self, earlier: AbstractSet[int] = frozenset()) -> None:
        """``earlier``: `Walked.seen`; it is never changed."""
        self._earlier = earlier
        self._own: set[str] = set()

    def add(self, external_id: str) -> bool:
        """Note an id; whether it is new to the walk."""
        if external_id in self:
            return False
        self._own.add(external_id)
        return True

    def __contains__(self, external_id: str) -> bool:
        """Whether the walk had this id."""
        return external_id in self._own or self.before(external_id)

    def before(self, external_id: str) -> bool:
        """Whether a part of the walk before this one had it."""
        return bool(self._earlier) and mark(external_id) in self._earlier

    def __len__(self) -> int:
        """How many there are."""
        return len(self._earlier) + len(self._own)


def encoded(position: Any) -> str:
    """A dataclass as the text of a position."""
    return orjson.dumps(position).decode()


def decoded(text: str, kind: TypeAdapter[T]) -> T | None:
    """The inverse; None for anything that is no such position."""
    try:
        found = kind.validate_json(text, strict=True)
        return found if orjson.loads(text) == orjson.loads(encoded(found)) else None  # no key too few or too many
    except ValueError:
        return None
