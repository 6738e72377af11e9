"""Canonical stages and sources against the choices of one installation (vendors/epixel.md §5, §6). Pure.

Two canonical stages may share a choice. That choice then *equals* either of them: it reads as one
representative, and each of them is shown as that one, so that both sides of a comparison speak alike.
The choices may change at any time, so nothing is worked out in advance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.domain.lead import STAGES
from syncd.vendors.epixel.choices import Choices, Memo, wide

DELETED = "deleted"
"""A status that is no stage: the record is gone."""


class Stages:
    """The two-way table of one connection."""

    def __init__(self, config: Mapping[str, Sequence[str]], choices: Choices) -> None:
        """``config`` replaces a stage's words; by default a stage is the choice of its own name."""
        self._words = {stage: tuple(config.get(stage, (stage,))) for stage in STAGES}
        self._named = frozenset(config)
        self._choices = choices
        self._memo: Memo[str | None] = Memo(choices)

    def read(self, *words: str) -> str | None:
        """The canonical stage that these words for one status stand for; None: there is none."""
        return self._memo(("read", words), lambda: self._read(words))

    def _read(self, words: Sequence[str]) -> str | None:
        keys = {self._key(word) for word in words if word}
        for written_only in (True, False):
            for stage, names in self._words.items():
                if keys & {self._key(name) for name in (names[:1] if written_only else names)}:
                    return self._representative(stage) or stage
        return None

    def show(self, stage: str | None, shown: str | None) -> str | None:
        """What can be shown of ``stage`` while ``shown`` stands there; None where no choice is meant by it."""
        return self._memo(("show", stage, shown), lambda: self._show(stage, shown))

    def _show(self, stage: str | None, shown: str | None) -> str | None:
        if stage is None or stage not in self._words:
            return None
        if shown is not None and shown in self._words:
            there = self._keys_read_as(shown)
            if there and there <= {self._key(name) for name in self._words[stage]}:
                return shown  # whatever choice stands there is also one of this stage's
        return self._representative(stage)

    def write(self, stage: str, *present: str) -> str | None:
        """The choice to send for ``stage``; the ``present`` one while it means the same. None: there is none."""
        if any(present) and self.read(*present) == stage:
            return self.sent(*present)
        return self._written(stage)

    def sent(self, *present: str) -> str:
        """The choice that is shown as ``present``, in the form in which it is sent."""
        words = [word for word in present if word]
        found = next((choice for word in words if (choice := self._choices.status(word)) is not None), None)
        return found.word if found is not None else (words[0] if words else "")

    def _key(self, word: str) -> str:
        choice = self._choices.status(word)
        return wide(choice.word if choice is not None else word)

    def _written(self, stage: str) -> str | None:
        """The choice meant by a stage's first word; before the choices are known only what the config names."""
        name = self._words[stage][0]
        if not self._choices.known:
            return name if stage in self._named else None
        choice = self._choices.status(name)
        return choice.word if choice is not None and wide(choice.word) != DELETED else None

    def _representative(self, stage: str) -> str | None:
        """The first stage written with the same choice; None where ``stage`` cannot be written."""
        word = self._written(stage)
        if word is None:
            return None
        return next(other for other in self._words if self._written(other) == word)

    def _keys_read_as(self, stage: str) -> set[str]:
        return {
            key
            for names in self._words.values()
            for name in names
            if self.read(name) == stage and (key := self._key(name))
        }


class Sources:
    """Lead sources: the config's table first, then a choice of the same name."""

    def __init__(self, config: Mapping[str, str], choices: Choices) -> None:
        """``config``: canonical = theirs."""
        self._theirs = {wide(ours): theirs for ours, theirs in config.items()}
        self._ours: dict[str, str] = {}
        for ours, theirs in config.items():
            self._ours.setdefault(wide(theirs), ours)
        self._choices = choices
        self._read_as: Memo[str] = Memo(choices)
        self._shown_as: Memo[str | None] = Memo(choices)

    def read(self, word: str) -> str:
        """The canonical source of a word they show."""
        return self._read_as(word, lambda: self._read(word))

    def _read(self, word: str) -> str:
        choice = self._choices.source(word)
        return self._ours.get(wide(word)) or (self._ours.get(wide(choice.word)) if choice else None) or word

    def sent(self, word: str) -> str:
        """The choice that is shown as ``word``, in the form in which it is sent."""
        choice = self._choices.source(word)
        return choice.word if choice is not None else word

    def write(self, source: str) -> str | None:
        """The choice to send; None: there is no such choice."""
        theirs = self._theirs.get(wide(source))
        choice = self._choices.source(theirs or source)
        if choice is not None:
            return choice.word
        return None if self._choices.known else theirs

    def show(self, source: str | None) -> str | None:
        """What can be shown of a canonical source; None: there is no such choice."""
        return self._shown_as(source, lambda: self._show(source))

    def _show(self, source: str | None) -> str | None:
        word = self.write(source) if source else None
        return None if word is None else self.read(word)
