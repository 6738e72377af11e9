"""The unit files: systemd has nothing to say about them, they give little away, and what runs inside them can run.

No service manager is started for this: that would have the whole machine in its hands.
"""

from __future__ import annotations

import ctypes.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import confined

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "systemd").glob("*.service"))
BINARY = "/opt/syncd/bin/syncd"
EXPOSURE_MAX = 1.5
VERSION_MIN = 252
"""What the older systemd versions call an exposure is another number."""


def version() -> int:
    """Of the systemd on this machine; 0 if there is none."""
    if shutil.which("systemd-analyze") is None:
        return 0
    told = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"systemd (\d+)", told)
    return int(found[1]) if found else 0


analyzed = pytest.mark.skipif(
    version() < VERSION_MIN, reason=f"needs systemd-analyze of systemd {VERSION_MIN} or newer; there is {version()}"
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they would be installed, with a program that is there."""
    program = tmp_path / "syncd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(BINARY, str(program)))
    return tmp_path


def test_there_are_three_units():
    """The daemon, the daemon of one business among several, and further workers."""
    assert [unit.name for unit in UNITS] == ["syncd-worker@.service", "syncd.service", "syncd@.service"]
    assert all(unit.read_text().count(BINARY) == 1 for unit in UNITS)


@analyzed
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_has_nothing_to_say_about_a_unit(unit: Path, installed: Path):
    """`systemd-analyze verify` is silent. Its exit code alone proves little: an unknown key still gives 0."""
    assert said(installed / unit.name) == (0, "")


@analyzed
def test_an_unknown_key_would_be_seen(installed: Path):
    """That silence means something: a misspelt key is told, whatever the exit code."""
    unit = installed / "syncd.service"
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nProtectEverything=yes"))
    assert "ProtectEverything" in said(unit)[1]


@analyzed
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_gives_little_away(unit: Path, installed: Path):
    """`systemd-analyze security` finds an exposure of 1.5 at most, of 10; the command itself refuses a larger one."""
    limit = f"--threshold={EXPOSURE_MAX * 10:.0f}"
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", limit, str(installed / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout
    assert float(found[1]) <= EXPOSURE_MAX


def test_the_units_differ_in_what_they_run_and_in_nothing_else():
    """Description, program, config, secrets and name in the log are their own; limits and hardening are alike."""
    own = ("Description", "ExecStart", "LoadCredential", "EnvironmentFile", "SyslogIdentifier")
    alike = [
        [line for line in unit.read_text().splitlines() if line[:1] not in {"#", ""} and not line.startswith(own)]
        for unit in UNITS
    ]
    assert alike[0] == alike[1] == alike[2]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_run_the_way_syncd_is_built(unit: Path):
    """What the program and its unit have to agree about: notification, reload, stop, secrets, and where data may be."""
    told = {key: confined.settings(unit, key) for key in (
        "Type", "NotifyAccess", "ExecReload", "KillMode", "StateDirectory", "User", "RestartPreventExitStatus",
    )}  # fmt: skip
    assert told == {
        "Type": ["notify"],
        "NotifyAccess": ["main"],
        "ExecReload": ["/bin/kill -HUP $MAINPID"],
        "KillMode": ["mixed"],
        "StateDirectory": ["syncd"],
        "User": ["syncd"],
        "RestartPreventExitStatus": ["2"],
    }
    (credentials,) = confined.settings(unit, "LoadCredential")
    assert re.fullmatch(r"syncd:/etc/syncd/(syncd|%i)\.credentials", credentials)


def test_the_commands_of_the_units_exist():
    """`syncd run` and `syncd worker` are commands of this version, with the options that the units give them."""
    for unit in UNITS:
        (line,) = confined.settings(unit, "ExecStart")
        command = line.split()[-1]
        called = [sys.executable, "-m", "syncd.cli.main", "--log-level", "info", command, "--help"]
        done = subprocess.run(called, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{unit.name}: {done.stderr}"


@pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None or shutil.which("systemd-tmpfiles") is None,
    reason="needs systemd-sysusers and systemd-tmpfiles",
)
def test_user_and_directories_are_made(tmp_path: Path):
    """Both files are understood and do what they say, below a root of their own; running them twice is no error."""
    (tmp_path / "etc").mkdir()
    for _ in range(2):
        for command in (
            ["systemd-sysusers", f"--root={tmp_path}", str(ROOT / "systemd/syncd.sysusers")],
            ["systemd-tmpfiles", f"--root={tmp_path}", "--create", str(ROOT / "systemd/syncd.tmpfiles")],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if "Failed to chown" in done.stderr or "Operation not permitted" in done.stderr:
                pytest.skip("only root makes directories for others")
            assert done.returncode == 0, done.stderr
    (passwd,) = (tmp_path / "etc/passwd").read_text().splitlines()
    assert passwd.startswith("syncd:")
    assert passwd.endswith(":/var/lib/syncd:/usr/sbin/nologin")
    modes = {path: (tmp_path / path).stat().st_mode & 0o777 for path in ("etc/syncd", "var/lib/syncd")}
    assert modes == {"etc/syncd": 0o750, "var/lib/syncd": 0o700}
    assert (tmp_path / "etc/syncd/syncd.credentials").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("given", "name"), [({}, "syncd"), ({"SYNCD": "acme"}, "acme")])
def test_an_admin_command_runs_as_the_service_does(tmp_path: Path, given: dict[str, str], name: str):
    """`syncd-admin` asks the service manager for the unit's user, config and credentials, passes every word on as it
    is, and ends with the command's exit code.
    """
    manager = tmp_path / "systemd-run"
    manager.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n')
    manager.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **given}
    command = [str(ROOT / "systemd/syncd-admin"), "leads", "show", "ann o'hara@example.com", "$HOME"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    options, words = (part.splitlines() for part in done.stdout.split("--\n"))
    assert words == [BINARY, "--config", f"/etc/syncd/{name}.toml", *command[1:]]
    unit = ROOT / "systemd/syncd.service"
    for key in ("LoadCredential", "EnvironmentFile", "UMask"):
        (value,) = confined.settings(unit, key)
        assert f"--property={key}={value.replace('/syncd.', f'/{name}.')}" in options
    assert {"--wait", "--collect", "--uid=syncd", "--gid=syncd"} <= set(options)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory that anybody can be given, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="syncd-confined-") as found:
        yield Path(found) / "pg"


@analyzed
@pytest.mark.skipif(ctypes.util.find_library("seccomp") is None, reason="needs libseccomp")
def test_the_embedded_server_runs_inside_the_hardening(data_dir: Path):
    """Under the unit's system call filter, socket families and ban on executable writable memory the embedded server is
    made, started, used with parallel workers, and stopped.
    """
    command = [sys.executable, "-m", "tests.system.confined", str(ROOT / "systemd/syncd.service"), str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=100)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def said(unit: Path) -> tuple[int, str]:
    """Exit code and standard error of `systemd-analyze verify`."""
    command = ["systemd-analyze", "verify", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
