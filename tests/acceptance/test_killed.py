"""`kill -9` at any moment, then `sync --until-quiet`: same end state as undisturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.sandbox.base import Ask, SandboxVendor
from syncd.sandbox.world import populate
from syncd.store import schema
from syncd.store.database import Database
from tests.system.town import Town, standing

PEOPLE = 9
KILLS = 4
TIMEOUT_S = 100
OURS_TO_KNOW = frozenset({"notes", "assignments", "registered_at", "created"})
"""Shown by id or by time; compared in another form, or not at all."""


@contextmanager
def running(town: Town) -> Iterator[subprocess.Popen[str]]:
    """`syncd sync --until-quiet --json` at work."""
    command = [sys.executable, str(Path(__file__).with_name("hurried.py")), "--config", str(town.config)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        [*command, "sync", "--until-quiet", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def finish(town: Town) -> None:
    """One sync to its end."""
    with running(town) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode in {0, 3}, err
    assert json.loads(out)["quiet"] is True, out


def kill_at(town: Town, number: int, moment: str) -> bool:
    """Start a sync and kill it at its call ``number``, before or after the vendor carried it out. Whether it came
    to that.
    """
    calls = 0
    with running(town) as process:

        def fault(_ask: Ask, when: str) -> None:
            nonlocal calls
            if when != moment or process.returncode is not None:
                return
            calls += 1
            if calls == number:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()

        for sandbox in town.sandboxes.values():
            sandbox.fault = fault
        process.communicate(timeout=TIMEOUT_S)
        for sandbox in town.sandboxes.values():
            sandbox.fault = None
    return process.returncode == -signal.SIGKILL


def fill(town: Town, seed: int) -> None:
    """The same people, notes, labels and agents for the same seed, and notes that are hard."""
    populate(town.sandboxes, PEOPLE, seed=seed)
    for sandbox in town.sandboxes.values():
        lead = min(sandbox.ids(), key=lambda one: (sandbox.shows(one).get("email") or "~", one))
        for text in ("Call back.", "Call back.", "🏡 " + "long " * 500):
            sandbox.add_note(lead, text)


def people_of(sandbox: SandboxVendor) -> Mapping[str, str]:
    """Agent id → address."""
    site = getattr(sandbox, "site", None)
    if site is not None:
        return {agent: str(row["username"]) for agent, row in site.agents.items()}
    return {str(user): member.email for user, member in sandbox.members.items()}  # type: ignore[attr-defined]


def state(town: Town) -> dict[str, list[str]]:
    """All that both CRMs show, without ids and times: notes without their headers, agents by address."""
    found = {}
    for name, sandbox in town.sandboxes.items():
        agents, rows = people_of(sandbox), []
        for lead in sandbox.ids():
            shown: dict[str, Any] = {k: v for k, v in sandbox.shows(lead).items() if k not in OURS_TO_KNOW}
            shown["labels"] = sorted(label.casefold() for label in shown["labels"])
            notes = [parse(text, DEFAULT_TEMPLATE)[1] for _, text in sandbox.shows(lead)["notes"]]
            who = {role: agents[agent] for role, agent in sandbox.shows(lead)["assignments"].items()}
            rows.append(json.dumps([shown, sorted(notes), who], sort_keys=True, default=str))
        found[name] = sorted(rows)
    return found


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path: Path, database: Database):
    """A real `syncd sync` process is killed with -9 at several random calls, each time started anew on what it left;
    then `sync --until-quiet` leaves both CRMs showing exactly what an undisturbed sync leaves.
    """
    rng = random.Random(41)  # noqa: S311 -- which calls, nothing secret
    schema.upgrade(Database(database.url, "second"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with standing(tmp_path / "one", database.url) as calm:
        fill(calm, 7)
        finish(calm)
        calls = calm.reads + calm.writes
        expected = state(calm)
    assert sum(map(len, expected.values())) > PEOPLE
    with standing(tmp_path / "two", database.url, schema="second") as town:
        fill(town, 7)
        killed = [kill_at(town, rng.randint(2, calls // 3), rng.choice(["before", "after"])) for _ in range(KILLS)]
        assert sum(killed) >= KILLS - 1
        finish(town)
        assert state(town) == expected
        before = town.writes
        finish(town)
        assert town.writes == before
