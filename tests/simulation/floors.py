"""How much of what there must have been in a hundred seeds: a simulation in which nothing happens proves nothing."""

from __future__ import annotations

from collections import Counter
from math import ceil

from tests.simulation.scenario import VENDORS

EVERYWHERE = {"conflicts": 400, "crash after create": 80, "note races": 120, "deletes": 3, "reviews": 4}
AT_EACH = {"created": 25, "conflicts": 120, "notes": 80, "crashes": 25}
"""Leads that syncd made at a vendor, conflicts in which a record there took part, notes carried there, crashes at its
calls."""
HUNDRED = 100


def too_little(counts: Counter[str], seeds: int) -> list[str]:
    """What did not happen often enough in so many seeds (more than a hundred are held against a hundred's floors)."""
    floors = EVERYWHERE | {f"{what} at {vendor}": floor for vendor in VENDORS for what, floor in AT_EACH.items()}
    share = min(seeds, HUNDRED) / HUNDRED
    due = {name: ceil(floor * share) for name, floor in floors.items()}
    return [f"{name}: {counts[name]} of {floor}" for name, floor in due.items() if counts[name] < floor]
