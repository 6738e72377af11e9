"""Exit codes and what is said when something is wrong: 1 failed, 2 usage; one line and how to mend it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.town import Done, Town


def complains(done: Done, *words: str) -> None:
    """One line of error (and one hint) on standard error, nothing on standard output, no traceback."""
    assert done.out == ""
    assert "Traceback" not in done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.err
    assert any(line.startswith("hint: ") for line in done.err.splitlines())
    for word in words:
        assert word in done.err


def test_no_config(town: Town):
    """A config that is not there: 1, and which file was looked for."""
    done = town.syncd("sync", config=town.folder / "nowhere.toml")
    assert done.code == 1
    complains(done, "nowhere.toml")


@pytest.mark.parametrize("command", [["sync"], ["plan"]])
def test_unknown_connection(town: Town, command: list[str]):
    """A connection the config does not have: 2, and the ones it has."""
    done = town.syncd(*command, "--connection", "mars")
    assert done.code == 2
    complains(done, "mars", "cinc", "chime")


def test_unknown_option(town: Town):
    """A wrong option is a usage error."""
    assert town.syncd("sync", "--sideways").code == 2


@pytest.mark.parametrize(
    "command",
    [["sync"], ["plan"], ["status"], ["leads", "list"], ["leads", "show", "1"], ["conflicts", "list"]],
    ids=" ".join,
)
def test_database_without_tables(bare_town: Town, command: list[str]):
    """A database that is behind: 1, and the command that mends it; no vendor is asked anything."""
    done = bare_town.syncd(*command)
    assert done.code == 1
    complains(done, "syncd db upgrade")
    assert bare_town.reads == 0


def test_database_out_of_reach(town: Town):
    """No server at the address: 1, one line."""
    text = town.config.read_text()
    start = text.index("url = ", text.index("[database]"))
    other = town.folder / "away.toml"
    other.write_text(text[:start] + 'url = "postgresql://nobody@127.0.0.1:9/syncd"\n')
    done = town.syncd("status", config=other)
    assert done.code == 1
    complains(done, "database cannot be reached")


def test_bad_token_pauses_that_connection_only(town: Town):
    """A refused token: 1, with what to do; the other connection is read all the same, and `status` shows the pause.
    With the right token again the pause is over.
    """
    town.sandboxes["cinc"].add_person(first_name="Ada", email="ada@example.com")
    (town.folder / "wrong").write_text("not-the-token")
    text = town.config.read_text()
    chime = text.index("[connections.chime]")
    other = town.folder / "other.toml"
    other.write_text(text[:chime] + text[chime:].replace(str(town.folder / "token"), str(town.folder / "wrong")))
    done = town.syncd("sync", "--json", config=other)
    assert done.code == 1
    assert "error: chime: " in done.err
    assert "hint: " in done.err
    assert "not-the-token" not in done.err + done.out
    assert "error" in done.json["connections"]["chime"]
    assert done.json["connections"]["cinc"]["pulled"] == 1
    paused = town.syncd("status", "--json").json["connections"]
    assert paused["chime"]["paused"]
    assert not paused["cinc"]["paused"]
    assert town.syncd("sync").code == 0
    assert not town.syncd("status", "--json").json["connections"]["chime"]["paused"]


def test_unreachable_host_fails_that_connection_only(town: Town):
    """Nobody listens at one vendor's address: 1 and one line; the other vendor's leads are read."""
    town.sandboxes["cinc"].add_person(first_name="Ada", email="ada@example.com")
    other = town.rewrite(town.urls["chime"], "http://127.0.0.1:9")
    done = town.syncd("sync", "--json", config=other)
    assert done.code == 1
    assert "error: chime: " in done.err
    assert done.json["connections"]["cinc"]["pulled"] == 1


def test_config_from_the_environment(town: Town):
    """SYNCD_CONFIG names the config as --config does, and --config may stand behind the command."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "syncd.cli.main", "status"]
    environment = {**os.environ, "SYNCD_CONFIG": str(town.config)}
    assert subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60).returncode == 0
    behind = [*command, "--config", str(town.config)]
    assert subprocess.run(behind, capture_output=True, check=False, timeout=60, cwd=Path("/")).returncode == 0
