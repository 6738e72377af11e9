"""`syncd config`: check, example, show, as a person or a script sees them."""

import json
import re
from pathlib import Path

import pytest

from syncd.cli.config import mask_password
from syncd.cli.main import main

GOOD = """
[sync]
poll = "90s"
[database]
url = "postgresql://syncd:hunter2@db/syncd?sslmode=require"
[connections.one]
vendor = "cinc"
auth = { kind = "token", token = { env = "ONE" } }
stages = { new = ["New Lead", "Fresh"] }
[connections.two]
vendor = "chime"
auth = { kind = "token", token = { env = "TWO" } }
"""


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs one command in a folder with a good config: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONE", "t0ken")
    monkeypatch.setenv("TWO", "t0ken")
    Path("syncd.toml").write_text(GOOD)

    def command(*argv):
        with pytest.raises(SystemExit) as left:
            main(argv)
        seen = capsys.readouterr()
        return left.value.code, seen.out, seen.err

    return command


def test_check_says_that_a_config_is_fine(run):
    """One line with the connections, exit code 0, and the same as JSON."""
    assert run("config", "check") == (0, "syncd.toml: fine; connections: one (cinc), two (chime)\n", "")
    code, out, _ = run("config", "check", "--json")
    assert (code, json.loads(out)) == (0, {"file": "syncd.toml", "ok": True, "problems": [], "warnings": []})


def test_check_lists_every_problem(run, monkeypatch):
    """Every problem on a line of its own with its place, a hint, exit code 1; as JSON the same lines."""
    monkeypatch.delenv("ONE")
    Path("syncd.toml").write_text(GOOD.replace("poll", "pol"))
    code, out, err = run("config", "check")
    assert (code, out) == (1, "")
    assert err.splitlines()[:-1] == [
        'error: syncd.toml:3:1: sync.pol: unknown key; did you mean "poll"?',
        "error: syncd.toml:8:34: connections.one.auth.token: environment variable ONE is not set",
    ]
    assert err.splitlines()[-1].startswith("hint: ")
    code, out, _ = run("config", "check", "--json")
    assert (code, json.loads(out)["ok"], len(json.loads(out)["problems"])) == (1, False, 2)


def test_check_warns_of_what_cannot_be_meant(run):
    """What is allowed but idle is a warning on standard error, not an error."""
    Path("syncd.toml").write_text("")
    assert run("config", "check") == (
        0,
        "syncd.toml: fine; connections: none\n",
        "warning: no connections are configured: there is nothing to synchronise\n",
    )


def test_the_example_starts_a_config(run, monkeypatch):
    """`syncd config example > syncd.toml` is a config that `config check` accepts once the tokens are there."""
    code, out, err = run("config", "example")
    assert (code, err) == (0, "")
    Path("mine.toml").write_text(out, encoding="utf-8")
    for name in re.findall(r"(?m)^auth = .*", out):
        for variable in re.findall(r'env = "(\w+)"', name):
            monkeypatch.setenv(variable, "a")
    assert run("config", "check", "--config", "mine.toml")[0] == 0


def test_show_tells_values_and_origins_but_no_secret(run):
    """Every setting in force, where it comes from (line of the file, or default), secrets by name only."""
    code, out, _ = run("config", "show", "--json")
    shown = json.loads(out)["settings"]
    assert code == 0
    assert shown["sync.poll"] == {"value": "90s", "from": "file", "line": 3}
    assert shown["sync.full_compare"] == {"value": "24h", "from": "default", "line": None}
    assert shown["connections.one.stages"]["value"] == {"new": ["New Lead", "Fresh"]}
    assert shown["connections.one.auth.token"] == {"value": "•••••• (env ONE)", "from": "file", "line": 8}
    assert shown["connections.one.rate"]["value"] == "256/20s"
    assert shown["database.url"]["value"] == "postgresql://syncd:••••••@db/syncd?sslmode=require"
    code, table, _ = run("config", "show")
    assert code == 0
    assert any(line.split() == ["sync.poll", "90s", "syncd.toml:3"] for line in table.splitlines())
    assert not any(secret in out + table for secret in ("t0ken", "hunter2"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://syncd@/syncd", "postgresql://syncd@/syncd"),
        ("postgresql://u:p@ss@h/d", "postgresql://u:••••••@h/d"),
        ("postgresql://u:p/w@h/d", "postgresql://u:••••••@h/d"),
        ("postgresql://h/d?user=u&password=p&x=1", "postgresql://h/d?user=u&password=••••••&x=1"),
        ("https://api.chime.me", "https://api.chime.me"),
        ("https://host:80/x?y=a@b", "https://host:80/x?y=a@b"),
    ],
)
def test_passwords_in_addresses_are_masked(url, shown):
    """A password is masked wherever an address may hold one, and nothing else is."""
    assert mask_password(url) == shown


def test_no_config_at_all_says_how_to_begin(run):
    """Without a config there is one line that says where it was looked for, and the command to begin with."""
    Path("syncd.toml").unlink()
    code, out, err = run("config", "show")
    assert (code, out) == (1, "")
    assert "hint: start with `syncd config example > syncd.toml`" in err
