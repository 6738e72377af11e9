"""MyCRM's fixed list of statuses against the canonical stages (vendors/mycrm.md §6). Pure.

Several stages may share a status. A status reads as the first of them, and a stage is *shown* as what its own
status reads as, so that both sides of a comparison speak of the same word and neither flips into the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.domain.lead import STAGES
from syncd.domain.normalize import fold

DEFAULT: Mapping[str, tuple[str, ...]] = {
    "new": ("notYetContacted",),
    "attempted": ("calledNoReply",),
    "contacted": ("prospect",),
    "nurturing": ("prospect",),
    "qualified": ("qualified",),
    "appointment": ("viewingsInProgress",),
    "showing": ("viewingsInProgress",),
    "under_contract": ("contractSent",),
    "closed": ("contractSigned",),
    "not_ready": ("notReady",),
    "lost": ("notInterested",),
}
"""Canonical stage → statuses; the first is written."""
_FIRST = ("showing",)
"""Stages that are read from a status before those that come earlier in the canonical order."""


class Stages:
    """The two-way table of one connection."""

    def __init__(self, config: Mapping[str, Sequence[str]]) -> None:
        """``config`` replaces the statuses stage by stage; an empty list takes a stage out."""
        named: dict[str, Sequence[str]] = {**DEFAULT, **config}
        order = sorted(STAGES, key=lambda stage: (stage not in _FIRST, STAGES.index(stage)))
        self._statuses = {stage: tuple(named[stage]) for stage in order if named.get(stage)}
        self._means = {stage: {fold(status) for status in held} for stage, held in self._statuses.items()}
        self._reads: dict[str, str] = {}
        for stage, held in self._statuses.items():  # what is written for a stage reads as it before anything else
            self._reads.setdefault(fold(held[0]), stage)
        for held in self._statuses.values():
            for status in held:
                self._reads.setdefault(fold(status), self._reads[fold(held[0])])
        self._shown_by: dict[str, set[str]] = {}
        for status, stage in self._reads.items():
            self._shown_by.setdefault(stage, set()).add(status)

    def read(self, status: str) -> str | None:
        """The stage a status stands for; None if it is not in the table."""
        return self._reads.get(fold(status))

    def show(self, stage: str | None, shown: str | None) -> str | None:
        """What MyCRM can show of ``stage`` while it shows ``shown``; None where the stage has no status."""
        if stage is None or stage not in self._statuses:
            return None
        if shown is not None and self._shown_by.get(shown, {""}) <= self._means[stage]:
            return shown  # whatever status stands there is one of this stage's, too
        return self._reads[fold(self._statuses[stage][0])]

    def write(self, stage: str, present: str) -> str | None:
        """The status to send; the ``present`` one is kept while it means the same. None: the stage has none."""
        if present and self.read(present) == stage:
            return present
        statuses = self._statuses.get(stage)
        return statuses[0] if statuses else None
