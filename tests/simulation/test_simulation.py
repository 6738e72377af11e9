"""The laws of syncd (DESIGN §3) over a hundred seeds, and that the simulation would notice if one did not hold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.engine.ingest import Ingest
from syncd.engine.intents import Intents
from syncd.engine.push import Push
from tests.simulation.databases import Fresh, server
from tests.simulation.run import Outcome, play
from tests.simulation.scenario import Scenario

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ("1-25", "26-50", "51-75", "76-100")
"""In quarters, so that the workers share them; each has to meet a quarter of the floors."""


@pytest.fixture(scope="module")
def fresh() -> Iterator[Fresh]:
    """What makes empty databases."""
    with server() as made:
        yield made


def played(fresh: Fresh, scenario: Scenario) -> Outcome:
    """One run."""
    with fresh() as database:
        return play(scenario, database)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seeds", SEEDS)
def test_a_hundred_seeds_keep_every_law(seeds):
    """Edits, faults, crashes and races from a hundred seeds break no law, and enough of each of them happened."""
    command = [sys.executable, "-m", "tests.simulation", "--seeds", seeds, "--processes", "1", "--floors"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


def test_a_seed_decides_everything(fresh):
    """The same seed gives the same run to the last count, so that a failure can be seen again."""
    one, other = (played(fresh, Scenario.of(12)) for _ in range(2))
    assert (one.counts, one.canonical, one.complaints) == (other.counts, other.canonical, other.complaints)


def test_a_smaller_variation_meets_the_same_people():
    """Shrinking takes rounds, people and trouble away, and never adds any."""
    scenario = Scenario.of(7)
    for smaller in scenario.smaller():
        assert smaller.seed == scenario.seed
        assert smaller.people <= scenario.people
        assert smaller.rounds <= scenario.rounds
        assert smaller.without >= scenario.without


def test_creates_that_are_sent_twice_are_noticed(fresh, monkeypatch):
    """An engine that forgets what it may have sent makes duplicates, and the laws say so."""

    async def forgetful(self, *about):
        intent = await original(self, *about)
        await self.drop(intent)
        return intent

    original = Intents.open
    monkeypatch.setattr(Intents, "open", forgetful)
    assert any("law" in line for seed in range(1, 9) for line in played(fresh, Scenario.of(seed)).complaints)


def test_writing_without_looking_is_noticed(fresh, monkeypatch):
    """An engine that overwrites what it has not merged first loses edits, and the laws say so."""

    async def blind(self, lead, external_id, operations):
        return await self._connection.adapter.lead(external_id), operations

    monkeypatch.setattr(Push, "_look", blind)
    assert any("law" in line for seed in range(1, 9) for line in played(fresh, Scenario.of(seed)).complaints)


def test_a_merge_that_takes_nothing_is_noticed(fresh, monkeypatch):
    """An engine that carries values one way only does not converge, and the laws say so."""
    original = Ingest._merge

    def deaf(self, graph, lead, link, remote, reading, now, *, first=False):
        return (
            False
            if link.state == "live" and link.read_at
            else original(self, graph, lead, link, remote, reading, now, first=first)
        )

    monkeypatch.setattr("tests.simulation.run.TRIES_MAX", 4)  # enough for a quiet end, as the first run shows
    scenario = replace(Scenario.of(3).calm, people=3, rounds=1)
    assert played(fresh, scenario).complaints == []
    monkeypatch.setattr(Ingest, "_merge", deaf)
    assert any("law" in line for line in played(fresh, scenario).complaints)
