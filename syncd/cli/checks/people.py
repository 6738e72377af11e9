"""What waits for a person: records that cannot be read, held plans, conflicts, reviews."""

from __future__ import annotations

from collections import Counter

from syncd.cli import render
from syncd.cli.checks.finding import Finding, Place


async def quarantine(place: Place) -> list[Finding]:
    """Records that cannot be read."""
    from syncd.store.admin import Admin

    entries = await Admin(place.syncd.store).quarantined(connections=place.only or None)
    counted = Counter(entry.connection for entry in entries)
    return [
        Finding(
            "quarantine",
            "warning",
            f"{render.count(count, 'record')} cannot be read",
            f"`syncd quarantine list --connection {name}`; mended there, `syncd quarantine retry --connection {name}`",
            name,
        )
        for name, count in sorted(counted.items())
    ] or [Finding("quarantine", "ok", "empty")]


async def plans(place: Place) -> list[Finding]:
    """Plans that are held."""
    return [
        Finding(
            "plans",
            "warning",
            f"plan {plan.id} is held: {'; '.join(plan.reasons)} ({render.count(len(plan.operations), 'operation')})",
            f"`syncd plan` shows it; `syncd plan approve {plan.id}` or `syncd plan reject {plan.id}`",
            plan.connection,
        )
        for plan in await place.syncd.store.held()
        if plan.state == "held" and place.wants(plan.connection)
    ] or [Finding("plans", "ok", "none is held")]


async def conflicts(place: Place) -> list[Finding]:
    """Conflicts that no rule may decide."""
    from syncd.store.checkup import Checkup

    return [
        Finding(
            "conflicts",
            "warning",
            f"{render.count(count, 'conflict')} to decide",
            "`syncd conflicts list --open`, then `syncd conflicts resolve ID ours|theirs`",
            name,
        )
        for name, count in (await Checkup(place.syncd.store).conflicts()).items()
        if place.wants(name)
    ] or [Finding("conflicts", "ok", "none is open")]


async def reviews(place: Place) -> list[Finding]:
    """Records that might be one of several leads."""
    from syncd.store.checkup import Checkup

    return [
        Finding(
            "reviews",
            "warning",
            f"{render.count(count, 'record fits', 'records fit')} several leads, or one that has a record there",
            f'merge the doubles in the CRM, or let each be a lead: connections.{name}.on_duplicate = "separate"',
            name,
        )
        for name, count in (await Checkup(place.syncd.store).reviews()).items()
        if place.wants(name)
    ] or [Finding("reviews", "ok", "none waits")]
