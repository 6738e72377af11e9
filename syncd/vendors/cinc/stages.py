"""Pipeline stages: the site's own words against the canonical stages (vendors/cinc.md §6).

Two canonical stages may share a word. That word then *equals* either of them, so the two must not flip
into each other when it is read: every word reads as one representative, and a canonical stage is shown
as the representative of the word it would be written with. Both sides of a comparison then speak of
representatives, and equal words compare equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.domain.lead import STAGES
from syncd.domain.normalize import fold

DEFAULT: Mapping[str, Sequence[str]] = {
    "new": ("New Lead",),
    "attempted": ("Attempted Contact",),
    "contacted": ("Contacted",),
    "appointment": ("Appointment Set",),
    "showing": ("Showing",),
    "under_contract": ("Under Contract",),
    "closed": ("Sold",),
}
"""Canonical stage → names; nurturing, qualified, not_ready and lost have none by default."""


class Stages:
    """The two-way table of one connection."""

    def __init__(self, config: Mapping[str, Sequence[str]]) -> None:
        """``config`` replaces the default names stage by stage; an empty list takes a stage out."""
        named = {**DEFAULT, **config}
        self._names = {stage: tuple(named[stage]) for stage in STAGES if named.get(stage)}
        self._folded = {stage: frozenset(map(fold, names)) for stage, names in self._names.items()}
        writers: dict[str, str] = {}
        for stage, names in self._names.items():
            writers.setdefault(fold(names[0]), stage)
        self._representative = {stage: writers[fold(names[0])] for stage, names in self._names.items()}
        self._reads = dict(writers)
        for stage, words in self._folded.items():
            for word in words:
                self._reads.setdefault(word, self._representative[stage])
        self._words_read: dict[str, set[str]] = {}
        for word, stage in self._reads.items():
            self._words_read.setdefault(stage, set()).add(word)

    def read(self, word: str) -> str | None:
        """The canonical stage a word stands for; None if it is not in the table."""
        return self._reads.get(fold(word))

    def show(self, stage: str | None, shown: str | None) -> str | None:
        """What CINC can show of ``stage`` while it shows ``shown``; None where the stage has no name here."""
        if stage is None or stage not in self._names:
            return None
        words = self._words_read.get(shown) if shown is not None else None
        if words and words <= self._folded[stage]:
            return shown  # whatever word stands there is also one of this stage's
        return self._representative[stage]

    def write(self, stage: str, present: str) -> str | None:
        """The word to send for ``stage``; the ``present`` word is kept while it means the same. None: no name."""
        if present and self.read(present) == stage:
            return present
        names = self._names.get(stage)
        return names[0] if names else None
