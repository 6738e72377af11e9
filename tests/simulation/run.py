"""One run: populate, edit and sync round after round, let it come to rest, hold the laws against it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.store.database import Database
from tests.simulation import laws
from tests.simulation.accounts import accounts_of, sandboxes_of, settings_of
from tests.simulation.loop import Clock, run
from tests.simulation.people import World
from tests.simulation.process import Life, Process
from tests.simulation.scenario import Scenario
from tests.simulation.script import script
from tests.simulation.trouble import Trouble
from tests.simulation.wire import Wire

ROUND_S = 7200.0
TRIES_MAX = 40
"""Syncs in one round until one of them ends quiet and complete."""
SIBLINGS_EVERY = 12
"""Every so many seeds the same edits are played again, calmly, in another order and with crashes only."""
REST_S = 600.0
"""Longer than any vendor hides what was just made."""


@dataclass(slots=True)
class Outcome:
    """How a run ended: the laws it broke, what happened in it, and what everybody shows in the end."""

    scenario: Scenario
    complaints: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    canonical: dict[str, Any] = field(default_factory=dict)


class Run:
    """One run of one scenario on an empty database."""

    def __init__(self, scenario: Scenario, database: Database) -> None:
        self.scenario = scenario
        self.database = database
        self.clock = Clock()
        self.outcome = Outcome(scenario)
        accounts = accounts_of(scenario)
        sandboxes = sandboxes_of(scenario, accounts)
        self.settings = settings_of(scenario, accounts, sandboxes)
        self.world = World(scenario, self.clock, accounts, sandboxes)
        self.trouble = Trouble(scenario, self.world)
        self._jitter = scenario.stream("jitter")
        self._process: Process | None = None

    async def play(self) -> Outcome:
        """Play it from the beginning to the end."""
        self.world.populate()
        for name, sandbox in self.world.sandboxes.items():
            sandbox.fault = self.trouble.plan(name)
        await self._settle("first sync")
        for number, actions in enumerate(script(self.scenario, self.world.accounts), start=1):
            start = ROUND_S * number
            for action in actions:
                await self._until(start + action.at)
                self.outcome.counts["edits"] += self.world.act(action)
            if not self.outcome.complaints:
                await self._settle(f"round {number}")
        if not self.outcome.complaints:
            await self._rest()
        await self._stop()
        evidence = laws.Evidence(self.world, self.database)
        self.outcome.complaints += laws.check(evidence)
        self.outcome.complaints += [f"law 4 no invention: {line}" for line in self.trouble.inventions]
        self.outcome.complaints += [f"forbidden: {line}" for line in self.trouble.forbidden]
        self.outcome.canonical = laws.canonical(self.world, evidence)
        self.outcome.counts["conflicts"] += len(evidence.conflicts)
        for row in evidence.conflicts:
            for vendor in {self.trouble.vendor(name) for name in row[6:8] if name in self.world.traits}:
                self.outcome.counts[f"conflicts at {vendor}"] += 1
        self.outcome.counts["deletes"] += len(self.world.ledger.deleted)
        self.outcome.counts["reviews"] += sum(link.state == "review" for link in evidence.links)
        self.outcome.counts += self.trouble.counts
        return self.outcome

    async def _until(self, moment: float) -> None:
        await self.clock.sleep(max(0.0, moment - self.clock.monotonic()))

    async def _settle(self, name: str) -> None:
        """Sync until a sync ends quiet and complete, whatever goes wrong meanwhile."""
        self.trouble.armed = True
        for attempt in range(TRIES_MAX):
            if attempt == TRIES_MAX // 2:
                self.trouble.armed = False  # enough trouble for one round
            if await self._sync():
                break
            await self.clock.sleep(30)
        else:
            self.outcome.complaints.append(f"law 1 quiet: {name} never came to an end")
        self.trouble.armed = False

    async def _sync(self, *, full: bool = False) -> bool:
        """One sync; whether it ended quiet and complete."""
        with self.world.ledger.syncing(full=full) as quiet:
            process = await self._running()
            report = await process.sync(full=full)
            self.outcome.counts["syncs"] += 1
            if report is None:
                self._process = None
                return False
            complete = report.quiet and not report.failed and not report.pending
            complete = complete and not any(tally.failed for tally in report.connections.values())
            quiet.append(complete)
            if complete:
                self.world.meet()
            else:
                self._last = report.to_json()
            return complete

    async def _rest(self) -> None:
        """The edits stop: syncd comes to rest, and stays there."""
        for _ in range(2):
            await self.clock.sleep(REST_S)
            if not await self._sync(full=True):
                self.outcome.complaints.append(f"law 1 quiet: a full sync without trouble ended unquiet: {self._last}")
                return
        for sandbox in self.world.sandboxes.values():
            sandbox.forget_calls()
        await self.clock.sleep(REST_S)
        await self._sync(full=True)
        for name, sandbox in self.world.sandboxes.items():
            if sandbox.writes:
                sent = [f"{call.method} {call.template}" for call in sandbox.calls if call.write]
                self.outcome.complaints.append(f"law 1 quiet: {name} was still written to: {sent[:5]}")

    async def _running(self) -> Process:
        if self._process is None:
            life = Life(self.trouble.deadly)
            wires = {name: Wire(name, self.trouble, life) for name in self.settings.connections}
            self._process = await Process.start(self.settings, self.database, self.clock, wires, life, self._jitter)
        return self._process

    async def _stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._process = None


def play(scenario: Scenario, database: Database) -> Outcome:
    """One run on virtual time."""

    async def main() -> Outcome:
        return await Run(scenario, database).play()

    outcome: Outcome = run(main())
    return outcome


def compare(one: Outcome, other: Outcome, law: str) -> list[str]:
    """Where two runs of the same edits ended differently."""
    found = []
    for key in sorted({*one.canonical, *other.canonical}):
        left, right = one.canonical.get(key), other.canonical.get(key)
        if left == right:
            continue
        names = [n for n in {**(left or {}), **(right or {})} if (left or {}).get(n) != (right or {}).get(n)]
        names = [n for n in names if not (left and right) or (n in left and n in right)]
        if not names:
            continue
        shown = {n: [(left or {}).get(n), (right or {}).get(n)] for n in names[:3]}
        found.append(f"law {law}: {key}: {json.dumps(shown, ensure_ascii=False)[:300]}")
    return found


def full_check(scenario: Scenario, database: Any) -> Outcome:
    """The run itself and, for some seeds, its siblings. ``database()`` gives an empty database."""
    with database() as fresh:
        outcome = play(scenario, fresh)
    if outcome.complaints or scenario.seed % SIBLINGS_EVERY or scenario.without:
        return outcome
    with database() as fresh:
        calm = play(scenario.calm, fresh)
    outcome.complaints += [f"{line} (calm: {scenario.calm.command})" for line in calm.complaints]
    for law, other in (
        ("6 order", replace(scenario.calm, reverse=True)),
        ("8 restart", replace(scenario, without=frozenset({"races"}))),
    ):
        if outcome.complaints:
            break
        with database() as fresh:
            sibling = play(other, fresh)
        lines = sibling.complaints or compare(calm, sibling, law)
        outcome.complaints += [f"{line} (compare {other.command} and {scenario.calm.command})" for line in lines]
        outcome.counts["siblings"] += 1
    return outcome
