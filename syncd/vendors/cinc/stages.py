"""Pipeline stages: the site's own words against the canonical stages (vendors/cinc.md §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.vendors.stages import StageTable

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


class Stages(StageTable):
    """The two-way table of one connection."""

    def __init__(self, config: Mapping[str, Sequence[str]]) -> None:
        """``config`` replaces the default names stage by stage; an empty list takes a stage out."""
        super().__init__({**DEFAULT, **config})
