"""``python -m tests.simulation``: run seeds, check the laws, and say how to see a failure again.

    --seed N             one seed; with --people, --rounds, --without, --reverse that very variation of it
    --seeds A-B          all of these, over --processes processes
    --floors             fail also if the seeds did not meet enough conflicts, crashes and races
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

from tests.simulation.databases import Fresh, server
from tests.simulation.run import Outcome, full_check, play
from tests.simulation.scenario import Scenario

FLOORS = {"conflicts": 50, "crash after create": 30, "note races": 30}
"""How much of what there must have been in a hundred seeds."""
SHRINK_MAX = 12
SHOWN_MAX = 8


def main() -> int:
    """The command. 0: every law held; 1: one did not, or too little happened."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets are walked in the order of their hashes
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, check=False).returncode
    options = _options()
    if options.seed is not None:
        return _one(options)
    first, _, last = options.seeds.partition("-")
    return _many(range(int(first), int(last or first) + 1), options.processes, floors=options.floors)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", default="1-1000")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--floors", action="store_true")
    parser.add_argument("--people", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--without", default="")
    parser.add_argument("--reverse", action="store_true")
    return parser.parse_args()


def _one(options: argparse.Namespace) -> int:
    """One seed, or one variation of it."""
    whole = Scenario.of(options.seed)
    scenario = replace(
        whole,
        people=options.people or whole.people,
        rounds=options.rounds or whole.rounds,
        without=frozenset(filter(None, options.without.split(","))),
        reverse=options.reverse,
    )
    with server() as fresh:
        outcome = _guarded(scenario, fresh, whole=scenario == whole)
    print("\n".join(outcome.complaints) or f"seed {scenario.seed}: every law held")
    print(", ".join(f"{name} {number}" for name, number in sorted(outcome.counts.items())))
    return bool(outcome.complaints)


def _many(seeds: range, processes: int, *, floors: bool) -> int:
    """Many seeds over several processes."""
    total: Counter[str] = Counter()
    failed: list[str] = []
    started = time.monotonic()
    # Shares small enough that both processes end at about the same time.
    shares = [seeds[start : start + 25] for start in range(0, len(seeds), 25)] if len(seeds) > 25 else [seeds]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        done = 0
        for outcomes in pool.map(_share, shares):
            for counts, text in outcomes:
                total += counts
                failed += [text] if text else []
            done += len(outcomes)
            print(f"{done}/{len(seeds)} seeds, {len(failed)} failed, {time.monotonic() - started:.0f} s", flush=True)
    print(", ".join(f"{name} {number}" for name, number in sorted(total.items())))
    print("\n".join(failed[:SHOWN_MAX]))
    if len(failed) > SHOWN_MAX:
        print(f"and {len(failed) - SHOWN_MAX} more failures")
    thin = [f"{name}: {total[name]} of {floor}" for name, floor in FLOORS.items() if total[name] < floor]
    if floors and thin:
        print(f"too little happened: {', '.join(thin)}")
    return bool(failed) or (floors and bool(thin))


def _share(seeds: range) -> list[tuple[Counter[str], str]]:
    """Some seeds in one process, on one server."""
    with server() as fresh:
        return [_tried(Scenario.of(seed), fresh) for seed in seeds]


def _tried(scenario: Scenario, fresh: Fresh) -> tuple[Counter[str], str]:
    outcome = _guarded(scenario, fresh, whole=True)
    return outcome.counts, _told(outcome, fresh) if outcome.complaints else ""


def _guarded(scenario: Scenario, fresh: Fresh, *, whole: bool = False) -> Outcome:
    """A run; whatever breaks in it is a complaint."""
    try:
        if whole:
            return full_check(scenario, fresh)
        with fresh() as database:
            return play(scenario, database)
    except Exception:  # noqa: BLE001 -- any failure of the engine is a finding
        lines = traceback.format_exc().strip().splitlines()
        return Outcome(scenario, complaints=["the engine broke:\n" + "\n".join(lines[-24:])])


def _told(outcome: Outcome, fresh: Fresh) -> str:
    """A failure in words: the smallest variation that still fails, and how to see it."""
    smallest = outcome
    for tried in _variations(outcome.scenario):
        again = _guarded(tried, fresh)
        if again.complaints:
            smallest = again
            break
    rest = smallest.complaints[SHOWN_MAX:]
    lines = [f"seed {outcome.scenario.seed}: {len(outcome.complaints)} complaints; again: {smallest.scenario.command}"]
    lines += [f"    {line}" for line in smallest.complaints[:SHOWN_MAX]]
    return "\n".join(lines + ([f"    and {len(rest)} more"] if rest else []))


def _variations(scenario: Scenario) -> Iterator[Scenario]:
    yield from scenario.smaller()[:SHRINK_MAX]


if __name__ == "__main__":
    sys.exit(main())
