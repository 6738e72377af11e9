"""`syncd demo` and `syncd sandbox serve` as a newcomer runs them, with all five CRMs."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.town import Town

FIVE = ["cinc", "chime", "mycrm", "rechat", "epixel"]
COLUMNS = 100
EPIXEL_NOTE = 499


@pytest.fixture
def nook() -> Iterator[Path]:
    """A place for the demo's temporary directory; short, because it holds a socket."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sd-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


def servers(nook: Path) -> list[str]:
    """Processes that still work under the nook."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(nook) in command:
            found.append(command)
    return found


def test_demo_tells_its_story_and_leaves_nothing(town: Town, nook: Path):
    """The demo ends with 0, shows what became of every edit and the proof, and leaves no file and no process."""
    town.environment["TMPDIR"] = str(nook)
    done = town.syncd("demo", "--people", "40", "--seed", "3")
    assert done.code == 0, done.err
    for words in (
        "mycrm does not have this lead: cannot create: missing mobile",  # vendors/mycrm.md §5
        "epixel does not have this lead: cannot create: missing phone",  # vendors/epixel.md §11
        "Rechat: tag “Stage: Appointment”",  # vendors/rechat.md §6
        "Chime: cut to 30 characters",  # vendors/chime.md §5
        "“newest” decided",
        "rule: newest",
        "CINC, Chime, MyCRM: 1 note of",
        "The proof",
        "Not one write",
        "removed its files",
    ):
        assert words in done.out, words
    parts = re.findall(r"^ +(\d+)  \[rechat · .* · (\d)/3\]", done.out, re.MULTILINE)  # vendors/epixel.md §7
    assert [number for _, number in parts] == ["1", "2", "3"]
    assert all(0 < int(length) <= EPIXEL_NOTE for length, _ in parts)
    assert max(map(len, map(str.rstrip, done.out.splitlines()))) <= COLUMNS
    assert list(nook.iterdir()) == []
    assert servers(nook) == []


def test_a_demo_kept_open_can_be_used_and_ends_with_ctrl_c(town: Town, nook: Path):
    """`--keep` prints a config that other commands can use meanwhile; Ctrl-C ends it and nothing is left."""
    town.environment["TMPDIR"] = str(nook)
    with town.started("demo", "--people", "40", "--seed", "3", "--keep") as process:
        assert process.stdout is not None
        config = next(
            line.partition("=")[2].strip() for line in process.stdout if line.startswith("export SYNCD_CONFIG=")
        )
        assert town.syncd("status", "--json", config=Path(config)).json["leads"] > 0
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "removed everything" in err
    assert list(nook.iterdir()) == []
    assert servers(nook) == []


def test_the_printed_config_of_the_sandbox_is_all_it_takes(town: Town, database: Any):
    """Serve five, put what is printed into a file, sync: everybody is everywhere, a further sync writes nothing."""
    with town.started("sandbox", "serve", "--people", "10", "--seed", "6", "--rate-limit", "6000/60s") as serving:
        assert serving.stdout is not None
        assert serving.stderr is not None
        notes = {name: url for name, _, url in (line.partition(": ") for line in _until(serving.stderr, "running"))}
        people = notes["people"].strip()
        # Chime hides a new lead for seconds (vendors/chime.md §11): not what this is about.
        httpx.post(f"{people}/chime/switch", json={"name": "lag_s", "value": 0.1}).raise_for_status()
        printed = "".join(_until(serving.stdout, "[connections.epixel]")) + "".join(_until(serving.stdout, "rate"))
        [variable, token] = re.search(r"export (\w+)=(\S+)", printed).groups()  # type: ignore[union-attr]
        town.environment[variable] = token
        config = town.folder / "five.toml"
        config.write_text(f'{printed}\n[database]\nurl = "{database.url}"\n')
        assert town.syncd("config", "check", config=config).code == 0
        first = town.syncd("sync", "--until-quiet", "--json", config=config)
        assert first.code == 0, first.err
        assert list(first.json["connections"]) == FIVE
        before = httpx.get(f"{people}/stats").json()
        assert len({there["leads"] for there in before.values()}) == 1
        again = town.syncd("sync", "--json", config=config)
        assert (again.code, again.json["quiet"], again.json["pending"]) == (0, True, 0), again.err
        after = httpx.get(f"{people}/stats").json()
        assert {name: there["writes"] for name, there in after.items()} == {
            name: there["writes"] for name, there in before.items()
        }
        assert min(there["writes"] for there in after.values()) > 0
        states = town.syncd("status", "--json", config=config).json
        assert sorted(states["connections"]) == sorted(FIVE)
        serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 0


def _until(stream: Any, words: str) -> list[str]:
    """The lines of a stream up to the first that begins so."""
    lines: list[str] = []
    while not lines or not lines[-1].startswith(words):
        lines.append(stream.readline())
        assert lines[-1], "".join(lines)
    return lines
