"""The live suite itself, with simulated accounts in the place of real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.world import populate
from syncd.settings.connections import VENDORS
from tests.system.town import serving

ROOT = Path(__file__).resolve().parents[3]
SWITCHES: dict[str, dict[str, float]] = {"chime": {"lag_s": 0.2}, "rechat": {"late_commit_s": 0}}
Accounts = tuple[dict[str, SandboxVendor], Path]


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    """All five, with a few people in them, and a config that connects to them."""
    clock = SystemClock()
    sandboxes = {name: SANDBOXES[name](clock, **SWITCHES.get(name, {})) for name in VENDORS}
    populate(sandboxes, 10, seed=3)
    with serving(sandboxes) as served:
        token, config = tmp_path / "token", tmp_path / "syncd.toml"
        token.write_text(SandboxVendor.token)
        config.write_text(served.config(token))
        yield sandboxes, config


def run(config: Path, *, write: bool) -> str:
    """The live suite for all five; what pytest says in the end."""
    named = {f"SYNCD_LIVE_{vendor.upper()}_CONFIG": str(config) for vendor in VENDORS}
    allowed = {f"SYNCD_LIVE_{vendor.upper()}_WRITE": "1" for vendor in VENDORS} if write else {}
    command = [sys.executable, "-m", "pytest", "tests/vendors/contract/test_live.py", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, **named, **allowed}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def test_without_leave_nothing_is_written(accounts: Accounts):
    """Read-only unless told otherwise: counted by the vendors."""
    sandboxes, config = accounts
    told = run(config, write=False)
    assert "20 passed, 5 skipped" in told
    assert {name: sandbox.writes for name, sandbox in sandboxes.items()} == dict.fromkeys(sandboxes, 0)


def test_with_leave_it_writes_and_takes_away_what_it_made(accounts: Accounts):
    """One lead is created, changed and deleted where leads can be deleted; everybody else is left alone."""
    sandboxes, config = accounts
    before = {name: {lead: sandbox.shows(lead) for lead in sandbox.ids()} for name, sandbox in sandboxes.items()}
    told = run(config, write=True)
    assert "24 passed, 1 skipped" in told
    assert "nobody could take away again" in told
    after = {name: {lead: sandbox.shows(lead) for lead in sandbox.ids()} for name, sandbox in sandboxes.items()}
    assert after == before
    assert {name for name, sandbox in sandboxes.items() if sandbox.writes} == {"chime", "mycrm", "rechat", "epixel"}
