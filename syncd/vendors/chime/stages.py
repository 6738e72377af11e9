"""Stages: the words of a team and what they mean (vendors/chime.md §6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from syncd.domain.lead import STAGES
from syncd.domain.normalize import fold

STAGE_MAX = 20
"""Characters of a stage; longer ones are refused."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "new": ("New Lead", "New Leads", "New"),
    "attempted": ("Attempting Contact", "Attempted Contact", "Attempted"),
    "contacted": ("Contacted",),
    "nurturing": ("Nurture", "Nurturing"),
    "qualified": ("Qualified",),
    "appointment": ("Appointment Set", "Appointment"),
    "showing": ("Showing",),
    "under_contract": ("Under Contract", "Pending"),
    "closed": ("Closed", "Sold"),
    "not_ready": ("Not Ready",),
    "lost": ("Lost",),
}


@dataclass(frozen=True, slots=True)
class Stages:
    """The words of one connection: the config's over the defaults. The first is written, all are read."""

    configured: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(init=False)
    _meaning: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Index the words. A word of the config means what the config says, also where it is a default elsewhere."""
        words = {stage: tuple(self.configured.get(stage) or WORDS[stage]) for stage in STAGES}
        meaning: dict[str, str] = {}
        for told in (True, False):
            for stage in STAGES:
                if (stage in self.configured) is told:
                    for word in words[stage]:
                        meaning.setdefault(fold(word), stage)
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "_meaning", meaning)

    def read(self, word: str) -> str | None:
        """The canonical stage of a word, None if it has none. Stages that share a word read as the first of them."""
        return self._meaning.get(fold(word))

    def write(self, stage: object, present: str = "", known: Iterable[str] | None = None) -> str | None:
        """The word to write: the one shown if it already says so, else the first that fits and that ``known`` has."""
        words = [word for word in self.words.get(str(stage), ()) if len(word) <= STAGE_MAX]
        if any(fold(word) == fold(present) for word in words):
            return present
        if known is None:
            return words[0] if words else None
        spelled = {fold(word): word for word in known}
        return next((spelled[fold(word)] for word in words if fold(word) in spelled), None)

    def squeeze(self, stage: object) -> str | None:
        """What the vendor can show of a canonical stage, read back: stages that share a word become one."""
        word = self.write(stage)
        return None if word is None else self.read(word)
