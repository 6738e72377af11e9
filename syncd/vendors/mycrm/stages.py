"""MyCRM's fixed list of statuses against the canonical stages (vendors/mycrm.md §6). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.domain.lead import STAGES
from syncd.vendors.stages import StageTable

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


class Stages(StageTable):
    """The two-way table of one connection."""

    def __init__(self, config: Mapping[str, Sequence[str]]) -> None:
        """``config`` replaces the statuses stage by stage; an empty list takes a stage out."""
        order = sorted(STAGES, key=lambda stage: (stage not in _FIRST, STAGES.index(stage)))
        super().__init__({**DEFAULT, **config}, order)
