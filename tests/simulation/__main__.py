"""``python -m tests.simulation``: run seeds, check the laws, and say how to see a failure again.

--seed N             one seed; with --people, --rounds, --without, --reverse, --vendors that very variation of it
--seeds A-B          all of these, over --processes processes; --without and --vendors as above
--floors             fail also if the seeds did not meet enough conflicts, crashes and races
--template URL       copy this database for every run, instead of starting a server
"""

# ruff: noqa: T201 -- a command: it talks by printing

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import replace

from tests.simulation.databases import server
from tests.simulation.many import guarded, many, quieten
from tests.simulation.scenario import Scenario


def main() -> int:
    """The command. 0: every law held; 1: one did not, or too little happened."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets are walked in the order of their hashes
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, check=False).returncode
    options = _options()
    quieten()
    if options.seed is not None:
        return _one(options)
    first, _, last = options.seeds.partition("-")
    seeds, vendors = range(int(first), int(last or first) + 1), tuple(filter(None, options.vendors.split(",")))
    scenarios = [Scenario.of(seed, vendors) for seed in seeds]
    scenarios = [replace(one, without=frozenset(filter(None, options.without.split(",")))) for one in scenarios]
    return many(scenarios, options.processes, floors=options.floors, template=options.template)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", default="1-1000")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--floors", action="store_true")
    parser.add_argument("--template", default="")
    parser.add_argument("--people", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--without", default="")
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument(
        "--vendors", default="", help="these accounts instead of those the seed draws: cinc,chime,chime"
    )
    return parser.parse_args()


def _one(options: argparse.Namespace) -> int:
    """One seed, or one variation of it."""
    whole = Scenario.of(options.seed, tuple(filter(None, options.vendors.split(","))))
    scenario = replace(
        whole,
        people=options.people or whole.people,
        rounds=options.rounds or whole.rounds,
        without=frozenset(filter(None, options.without.split(","))),
        reverse=options.reverse,
    )
    with server(options.template) as fresh:
        outcome = guarded(scenario, fresh, whole=scenario == whole)
    print("\n".join(outcome.complaints) or f"seed {scenario.seed}: every law held")
    print(", ".join(f"{name} {number}" for name, number in sorted(outcome.counts.items())))
    return bool(outcome.complaints)


if __name__ == "__main__":
    sys.exit(main())
