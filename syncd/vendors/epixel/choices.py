"""The valid choices of status and source, as the overview lists them (vendors/epixel.md §3, §6). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import fold
from syncd.vendors.epixel.answers import scalar, unwrap

MEMO_MAX = 10_000
T = TypeVar("T")
_GAPS = re.compile(r"[\s_-]+")


def wide(word: str) -> str:
    """What two words have in common when case, spaces, ``-`` and ``_`` do not matter."""
    return fold(_GAPS.sub(" ", word))


class Choice(NamedTuple):
    """One choice: the word that is sent, and what people see of it ("" if that is not told)."""

    word: str
    shown: str = ""


@dataclass(slots=True)
class Choices:
    """What status and source may be on this installation; not ``known`` before the overview was read once."""

    known: bool = False
    statuses: list[Choice] = field(default_factory=list)
    sources: list[Choice] = field(default_factory=list)
    taken: int = 0

    def status(self, word: str) -> Choice | None:
        """The status a word means."""
        return _find(self.statuses, word)

    def source(self, word: str) -> Choice | None:
        """The source a word means."""
        return _find(self.sources, word)

    def take(self, statuses: Iterable[Choice], sources: Iterable[Choice]) -> None:
        """These are the choices from now on."""
        self.statuses, self.sources, self.known = list(statuses), list(sources), True
        self.taken += 1

    def to_json(self) -> dict[str, Any]:
        """As kept in the adapter's memory."""
        return {
            "status": [list(choice) for choice in self.statuses],
            "source": [list(choice) for choice in self.sources],
        }


class Memo(Generic[T]):
    """Answers worked out once: they hold until the choices are read again."""

    def __init__(self, choices: Choices) -> None:
        self._choices, self._taken = choices, choices.taken
        self._kept: dict[Hashable, T] = {}

    def __call__(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """The answer for ``key``."""
        if self._taken != self._choices.taken or len(self._kept) > MEMO_MAX:
            self._kept.clear()
            self._taken = self._choices.taken
        if key not in self._kept:
            self._kept[key] = work_out()
        return self._kept[key]


def _find(choices: Iterable[Choice], word: str) -> Choice | None:
    """Exactly that word first, then folded, then what people see."""
    folded = wide(word)
    if not folded:
        return None
    tests = (
        lambda choice: choice.word == word,
        lambda choice: wide(choice.word) == folded,
        lambda choice: wide(choice.shown) == folded,
    )
    return next((choice for test in tests for choice in choices if test(choice)), None)


def read(data: Any) -> tuple[list[Choice], list[Choice]]:
    """Statuses and sources in the answer to an overview. Raises UnreadableError if it has neither."""
    content = unwrap(data)
    if isinstance(content, Mapping):
        inner = content.get("LeadsData")
        table = inner if isinstance(inner, Mapping) else content
        statuses, sources = table.get("status"), table.get("source")
        if isinstance(statuses, list) or isinstance(sources, list):
            return _choices(statuses, "status"), _choices(sources, "source")
    message = "the answer is not an overview"
    raise UnreadableError(message)


def _choices(rows: Any, key: str) -> list[Choice]:
    found: dict[str, Choice] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping):
            word, shown = scalar(row.get(key)), scalar(row.get("Description") or row.get("description"))
        else:
            word, shown = scalar(row), ""
        if word:
            found.setdefault(word, Choice(word, shown))
    return list(found.values())


def of_json(data: Any) -> tuple[list[Choice], list[Choice]] | None:
    """The inverse of `Choices.to_json`; None for anything else."""
    try:
        return [Choice(*row) for row in data["status"]], [Choice(*row) for row in data["source"]]
    except (TypeError, KeyError):
        return None
