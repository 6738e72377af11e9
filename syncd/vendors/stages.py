"""The two-way table of stages and a vendor's words for them. Pure.

Two canonical stages may share a word. That word then *equals* either of them, so the two must not flip into
each other when it is read: every word reads as one representative, and a canonical stage is shown as the
representative of the word it would be written with. Both sides of a comparison then speak of representatives,
and equal words compare equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.domain.lead import STAGES
from syncd.domain.normalize import fold


class StageTable:
    """One connection's stages and words."""

    def __init__(self, named: Mapping[str, Sequence[str]], order: Sequence[str] = STAGES) -> None:
        """``named``: stage → words, the first is written; ``order``: whichever comes first speaks for a shared word."""
        self.names = {stage: tuple(named[stage]) for stage in order if named.get(stage)}
        self._folded = {stage: frozenset(map(fold, names)) for stage, names in self.names.items()}
        self.reads: dict[str, str] = {}
        """Folded word → the stage it stands for."""
        for stage, names in self.names.items():  # what is written for a stage reads as it before anything else
            self.reads.setdefault(fold(names[0]), stage)
        self._representative = {stage: self.reads[fold(names[0])] for stage, names in self.names.items()}
        for stage, words in self._folded.items():
            for word in words:
                self.reads.setdefault(word, self._representative[stage])
        self._words_read: dict[str, set[str]] = {}
        for word, stage in self.reads.items():
            self._words_read.setdefault(stage, set()).add(word)

    def read(self, word: str) -> str | None:
        """The canonical stage a word stands for; None if it is not in the table."""
        return self.reads.get(fold(word))

    def show(self, stage: str | None, shown: str | None) -> str | None:
        """What the vendor can show of ``stage`` while it shows ``shown``; None where the stage has no word there."""
        if stage is None or stage not in self.names:
            return None
        words = self._words_read.get(shown) if shown is not None else None
        if words and words <= self._folded[stage]:
            return shown  # whatever word stands there is also one of this stage's
        return self._representative[stage]

    def write(self, stage: str, present: str) -> str | None:
        """The word to send for ``stage``; the ``present`` word is kept while it means the same. None: there is none."""
        if present and self.read(present) == stage:
            return present
        names = self.names.get(stage)
        return names[0] if names else None
