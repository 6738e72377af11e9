"""The laws of syncd (DESIGN §3) over a hundred seeds, and that the simulation would notice if one did not hold."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, combinations_with_replacement
from pathlib import Path

import pytest

from syncd.engine.ingest import Ingest
from syncd.engine.intents import Intents
from syncd.engine.push import Push
from syncd.vendors.mycrm.stages import Stages
from tests.pg import pg_template, pg_url
from tests.simulation.databases import Fresh, server
from tests.simulation.run import Outcome, play
from tests.simulation.scenario import VENDORS as ALL
from tests.simulation.scenario import Scenario

__all__ = ["pg_template", "pg_url"]
TWO = ("cinc", "chime")
TRIES_MAX = 8
"""Runs in which a broken engine has to be noticed."""
ROOT = Path(__file__).resolve().parents[2]
SEEDS = ("1-50", "51-100")
"""In halves, so that the workers share them; each has to meet its half of the floors. (Of a quarter chance decides.)"""


@pytest.fixture(scope="module")
def template(pg_url: str, pg_template: str) -> str:
    """URL of the database that every run begins with."""
    return pg_url.replace("@/syncd?", f"@/{pg_template}?")


@pytest.fixture(scope="module")
def fresh(template: str) -> Iterator[Fresh]:
    """What makes empty databases."""
    with server(template) as made:
        yield made


def played(fresh: Fresh, scenario: Scenario) -> Outcome:
    """One run."""
    with fresh() as database:
        return play(scenario, database)


def noticed(fresh: Fresh, vendors: tuple[str, ...], *, first: int = 1, calm: bool = False) -> bool:
    """Whether a law is broken in one of a few runs."""
    drawn = (replace(Scenario.of(seed, vendors), people=4, rounds=1) for seed in range(first, first + TRIES_MAX))
    scenarios = (one.calm if calm else one for one in drawn)
    return any("law" in line for scenario in scenarios for line in played(fresh, scenario).complaints)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seeds", SEEDS)
def test_a_hundred_seeds_keep_every_law(seeds, template):
    """Edits, faults, crashes and races from a hundred seeds break no law, and enough of each of them happened."""
    options = ["--seeds", seeds, "--processes", "1", "--floors", "--template", template]
    command, environment = [sys.executable, "-m", "tests.simulation", *options], {**os.environ, "PYTHONHASHSEED": "0"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


BROKE_A_LAW = {
    735: ("an address moved, and Epixel has no place for anything of it but the town it left", ""),
    795: ("a word without a translation was typed between two readings of the same record", "crashes"),
}


@pytest.mark.parametrize("seed", BROKE_A_LAW)
def test_what_broke_a_law_once_does_not_any_more(fresh, seed):
    """Seeds beyond the first hundred that found something wrong in the engine."""
    without = frozenset(filter(None, (BROKE_A_LAW[seed][1],)))
    outcome = played(fresh, replace(Scenario.of(seed), people=3, rounds=1, without=without))
    assert outcome.complaints == []


def test_a_seed_decides_everything(fresh):
    """The same seed gives the same run to the last count, so that a failure can be seen again."""
    one, other = (played(fresh, replace(Scenario.of(12, ALL), people=2, rounds=1)) for _ in range(2))
    assert (one.counts, one.canonical, one.complaints) == (other.counts, other.canonical, other.complaints)


def test_a_hundred_seeds_connect_every_vendor_in_every_number():
    """Two to five accounts, each vendor with each other one, and a quarter of the runs with two of one vendor."""
    drawn = [Scenario.of(seed).vendors for seed in range(1, 101)]
    assert {len(vendors) for vendors in drawn} == {2, 3, 4, 5}
    assert 15 <= sum(len(set(vendors)) < len(vendors) for vendors in drawn) <= 35
    met = {frozenset(pair) for vendors in drawn for pair in combinations(vendors, 2)}
    assert met == {frozenset(pair) for pair in combinations_with_replacement(ALL, 2)}


def test_a_smaller_variation_meets_the_same_people():
    """Shrinking takes rounds, people and trouble away, and never adds any."""
    scenario = Scenario.of(7)
    for smaller in scenario.smaller():
        assert (smaller.seed, smaller.vendors) == (scenario.seed, scenario.vendors)
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
    assert noticed(fresh, ("chime", "mycrm"))


def test_writing_without_looking_is_noticed(fresh, monkeypatch):
    """An engine that overwrites what it has not merged first loses edits, and the laws say so."""

    async def blind(self, lead, external_id, operations):
        return await self._connection.adapter.lead(external_id), operations

    monkeypatch.setattr(Push, "_look", blind)
    assert noticed(fresh, TWO, first=9)


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
    scenario = replace(Scenario.of(3, TWO).calm, people=3, rounds=1)
    assert played(fresh, scenario).complaints == []
    monkeypatch.setattr(Ingest, "_merge", deaf)
    assert any("law" in line for line in played(fresh, scenario).complaints)


def test_a_default_that_travels_is_noticed(fresh, monkeypatch):
    """What MyCRM demands is no value of the lead's: an engine that takes it for one tells it to everybody else."""
    monkeypatch.setattr("syncd.domain.filled.blanked", lambda _table, _payload, reading, *_entries: (reading, {}))
    assert noticed(fresh, ("mycrm", "rechat"), calm=True)


def test_a_value_that_comes_back_coerced_is_noticed(fresh, monkeypatch):
    """MyCRM has one status for two stages: an engine that takes it for the other one changes that stage everywhere."""
    monkeypatch.setattr(Stages, "show", lambda _self, stage, _shown: stage)
    assert noticed(fresh, ("mycrm", "rechat"), calm=True)
