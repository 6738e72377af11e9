"""Many runs: over several processes, each with a server of its own; failures shrunk and told."""

# ruff: noqa: T201 -- a command: it talks by printing

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context

import structlog

from tests.simulation.databases import Fresh, server
from tests.simulation.floors import too_little
from tests.simulation.run import Outcome, full_check, play
from tests.simulation.scenario import Scenario

SHRINK_MAX = 12
SHOWN_MAX = 8
SHARE = 25
"""Seeds one process takes at a time."""


def many(scenarios: Sequence[Scenario], processes: int, *, floors: bool, template: str = "") -> int:
    """Many seeds over several processes; ``template`` as for `server`."""
    total: Counter[str] = Counter()
    failed: list[str] = []
    started = time.monotonic()
    shares = [scenarios[start : start + SHARE] for start in range(0, len(scenarios), SHARE)]
    share = partial(_share, template=template)
    with ExitStack() as stack:
        done, spread = 0, map
        if processes > 1:
            context = get_context("spawn")
            spread = stack.enter_context(ProcessPoolExecutor(processes, mp_context=context)).map  # type: ignore[assignment]
        for outcomes in spread(share, shares):
            for counts, text in outcomes:
                total += counts
                failed += [text] if text else []
            done += len(outcomes)
            took_s = time.monotonic() - started
            print(f"{done}/{len(scenarios)} seeds, {len(failed)} failed, {took_s:.0f} s", flush=True)
    print(", ".join(f"{name} {number}" for name, number in sorted(total.items())))
    print("\n".join(failed[:SHOWN_MAX]))
    if len(failed) > SHOWN_MAX:
        print(f"and {len(failed) - SHOWN_MAX} more failures")
    thin = too_little(total, len(scenarios)) if floors else []
    if thin:
        print(f"too little happened: {', '.join(thin)}")
    return bool(failed or thin)


def quieten() -> None:
    """Adapters say once what an account does not do as documented; a thousand accounts are too many to listen to."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _share(scenarios: Sequence[Scenario], template: str) -> list[tuple[Counter[str], str]]:
    """Some seeds in one process, on one server."""
    quieten()
    with server(template) as fresh:
        return [_tried(scenario, fresh) for scenario in scenarios]


def _tried(scenario: Scenario, fresh: Fresh) -> tuple[Counter[str], str]:
    outcome = guarded(scenario, fresh, whole=True)
    return outcome.counts, _told(outcome, fresh) if outcome.complaints else ""


def guarded(scenario: Scenario, fresh: Fresh, *, whole: bool = False) -> Outcome:
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
    for tried in outcome.scenario.smaller()[:SHRINK_MAX]:
        again = guarded(tried, fresh)
        if again.complaints:
            smallest = again
            break
    rest = smallest.complaints[SHOWN_MAX:]
    lines = [f"seed {outcome.scenario.seed}: {len(outcome.complaints)} complaints; again: {smallest.scenario.command}"]
    lines += [f"    {line}" for line in smallest.complaints[:SHOWN_MAX]]
    return "\n".join(lines + ([f"    and {len(rest)} more"] if rest else []))
