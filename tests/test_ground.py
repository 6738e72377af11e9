"""The ground the house stands on: the blocked network, strict warnings, fast start, errors in one line, safe logs."""

import io
import json
import logging
import re
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import structlog
import typer
from pytest_socket import SocketConnectBlockedError

import syncd
from syncd import logs
from syncd.cli import main as cli
from syncd.cli import output
from syncd.domain.errors import ConfigError, DatabaseError, UsageError

ROOT = Path(syncd.__file__).parent.parent


def test_no_address_but_loopback_can_be_reached():
    """A test that tries to leave this machine fails at once."""
    with socket.socket() as outward, pytest.raises((SocketConnectBlockedError, UserWarning), match=r"192\.0\.2\.1"):
        outward.connect(("192.0.2.1", 80))
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())


def test_warnings_are_errors():
    """A warning anywhere fails the test it appears in."""
    with pytest.raises(DeprecationWarning):
        warnings.warn("old", DeprecationWarning, stacklevel=1)


def test_the_lock_names_no_registry_but_the_public_one():
    """What is installed comes from PyPI, wherever the lock was made."""
    hosts = set(re.findall(r'(?:url|registry) = "(\w+://[^/"]+)', (ROOT / "uv.lock").read_text()))
    assert hosts == {"https://pypi.org", "https://files.pythonhosted.org"}


def test_help_starts_without_heavy_modules():
    """`syncd --help` imports nothing that only commands need."""
    code = "import sys, syncd.cli.main as m\ntry: m.main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'(\w+)'", done.stdout.splitlines()[-1]))
    heavy = {"pydantic", "sqlalchemy", "psycopg", "httpx", "deepdiff", "phonenumbers", "apscheduler", "structlog"}
    assert not loaded & heavy
    assert "typer" in loaded


def run(argv, capsys):
    """One command in this process: (exit code, standard output, standard error)."""
    with pytest.raises(SystemExit) as left:
        cli.main(argv)
    seen = capsys.readouterr()
    return left.value.code, seen.out, seen.err


class Raising:
    """A command group with one command that fails as told."""

    def __init__(self, error):
        self.error = error

    def register(self, app):
        """Add the command."""

        @app.command("fail")
        def fail() -> None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (DatabaseError("no server", hint="start it"), 1, ["error: no server", "hint: start it"]),
        (ConfigError(["a: one", "b: two"], hint="h"), 1, ["error: a: one", "error: b: two", "hint: h"]),
        (UsageError("no lead 7"), 2, ["error: no lead 7"]),
        (typer.Exit(output.PERSON), 3, []),
    ],
)
def test_errors_end_as_lines_and_an_exit_code(error, code, lines, capsys, monkeypatch):
    """Every known error is one line per problem and a hint on standard error; nothing else is printed."""
    monkeypatch.setattr(cli, "GROUPS", (*cli.GROUPS, Raising(error)))
    assert run(["fail"], capsys) == (code, "", "".join(f"{line}\n" for line in lines))


def test_an_unexpected_error_shows_its_place_but_not_its_text(capsys, monkeypatch):
    """An exception nobody foresaw may quote a record, so only its class and place are printed."""
    monkeypatch.setattr(cli, "GROUPS", (*cli.GROUPS, Raising(RuntimeError("ann@example.com"))))
    code, out, err = run(["fail"], capsys)
    assert (code, out) == (1, "")
    assert err.startswith("error: unexpected RuntimeError at ")
    assert "ann@example.com" not in err
    with pytest.raises(RuntimeError):
        cli.main(["fail", "--debug"])


def test_unknown_commands_and_options_are_usage_errors(capsys):
    """A wrong command line leaves with 2."""
    assert run(["nope"], capsys)[0] == 2
    assert run(["config", "check", "--nope"], capsys)[0] == 2
    assert run(["config", "check", "--config"], capsys)[0] == 2
    assert run(["--log-level", "loud", "config", "example"], capsys)[0] == 2


def test_global_options_may_stand_behind_the_command():
    """`syncd config check --config x` means `syncd --config x config check`; behind `--` nothing moves."""
    assert cli.hoist(["config", "check", "--config", "x"]) == ["--config", "x", "config", "check"]
    assert cli.hoist(["a", "--config=x", "--debug"]) == ["--config=x", "--debug", "a"]
    assert cli.hoist(["a", "--", "--config", "x"]) == ["a", "--", "--config", "x"]


def test_version_is_printed(capsys):
    """`syncd --version` prints the package's version."""
    assert run(["--version"], capsys) == (0, f"syncd {syncd.__version__}\n", "")


@pytest.fixture
def lines():
    """A log set up to write into memory; calling it gives the lines so far, parsed."""
    stream = io.StringIO()
    before = (logging.getLogger().level, {name: logging.getLogger(name).level for name in logs._CHATTY})
    logs.configure("debug", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(before[0])
    for handler in [handler for handler in root.handlers if isinstance(handler, logs.Forward)]:
        root.removeHandler(handler)
    for name, level in before[1].items():
        logging.getLogger(name).setLevel(level)


def test_log_lines_are_events_with_keys(lines):
    """Away from a terminal a line is JSON: event, level, time in UTC, and the keys given."""
    structlog.get_logger().info("pull.page", connection="cinc", records=3)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "pull.page", "level": "info", "connection": "cinc", "records": 3}


def test_a_logged_exception_keeps_its_text_to_itself(lines):
    """An error's text may quote a record; the log holds its class and place."""
    try:
        int("ann@example.com")
    except ValueError:
        structlog.get_logger().exception("push.failed")
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert line["at"].startswith("test_ground.py:")
    assert "ann@example.com" not in json.dumps(line)


def test_other_libraries_log_without_their_arguments(lines):
    """A record of another library appears as its template; an HTTP client's request lines do not appear at all."""
    logging.getLogger("somewhere").warning("row %s is odd", "ann@example.com")
    logging.getLogger("httpx").info("HTTP Request: GET %s", "https://x/?email=ann@example.com")
    (line,) = lines()
    assert (line["logger"], line["message"]) == ("somewhere", "row %s is odd")


def test_configuring_twice_does_not_double_lines(lines):
    """A second set-up replaces the first."""
    again = io.StringIO()
    logs.configure("info", stream=again)
    logging.getLogger("somewhere").warning("once")
    assert len(again.getvalue().splitlines()) == 1
    assert lines() == []


def test_plain_progress_says_first_and_last(capsys):
    """Away from a terminal, long work says where it is now and then, always when it is done, never the same twice."""
    with output.Progress() as progress:
        for done in range(5):
            progress.update("cinc: pull", done, 4)
        progress.update("cinc: pull", 4, 4)
    with output.Progress(quiet=True) as progress:
        progress.update("never", 1, 1)
    assert capsys.readouterr().err.splitlines() == ["cinc: pull: 0 of 4", "cinc: pull: 4 of 4"]


def test_tables_keep_whole_values_without_a_terminal(capsys):
    """A table in a pipe cuts nothing off, and brackets in data are data."""
    output.emit_table(("name", "count"), [("x" * 100, 1), ("[bold]y", 20)])
    out = capsys.readouterr().out
    assert "x" * 100 in out
    assert "[bold]y" in out


def test_json_is_json_and_nothing_else(capsys):
    """`--json` output parses as it stands."""
    output.emit_json({"a": [1, {"b": "ü"}]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, {"b": "ü"}]}
