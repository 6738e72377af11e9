"""`syncd demo` as a newcomer runs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.town import Town


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
    """The demo ends with 0, shows the conflict, the truncated name and the proof, and leaves no file and no process."""
    town.environment["TMPDIR"] = str(nook)
    done = town.syncd("demo", "--people", "40", "--seed", "3")
    assert done.code == 0, done.err
    for words in ("The proof", "truncated", "rule: newest", "Not one write", "removed its files"):
        assert words in done.out
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
