"""The embedded server: shared, durable, gone with its last user, and clear about why it cannot start."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncd.domain.errors import DatabaseError
from syncd.store import embedded
from syncd.store.database import Database, open_database
from syncd.store.embedded import THROWAWAY, Embedded, binaries, sweep
from tests.pg import PREFIX

ROOT = os.geteuid() == 0
USER = """
import sys
from pathlib import Path
from syncd.store.embedded import THROWAWAY, Embedded
server = Embedded(Path(sys.argv[1]), settings=THROWAWAY).start()
print(server.url, flush=True)
sys.stdin.readline()
print(server.stop(), flush=True)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory of its own for a server; whatever still runs there is stopped."""
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    yield path
    Embedded(path).start().stop(remove=True) if (path / "18").exists() else shutil.rmtree(path)


def _start(data_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def _end(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate("\n")
    return out.strip()


def _postmaster(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "18" / "postmaster.pid").read_text().split()[0])
    except FileNotFoundError:
        return None


def test_data_survives_a_restart_and_the_server_does_not_survive_its_last_user(data_dir: Path):
    """What is committed is there the next time; when nobody uses the server any more, it is gone."""
    with Embedded(data_dir, settings=THROWAWAY) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert _postmaster(data_dir) is None
    with Embedded(data_dir, settings=THROWAWAY) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_processes_share_a_server_until_the_last_one_leaves(data_dir: Path):
    """The first to leave stops nothing, the last one does."""
    with Embedded(data_dir, settings=THROWAWAY) as mine:
        other = _start(data_dir)
        before = _postmaster(data_dir)
        assert _end(other) == "False"
        assert _postmaster(data_dir) == before
        assert mine.stop()
    assert _postmaster(data_dir) is None


def test_two_may_make_the_directory_at_once(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """Two commands that both find no data directory on a fresh machine get one server, and neither an error."""
    fresh, both = data_dir / "fresh", threading.Barrier(2, timeout=30)
    mkdir = Path.mkdir

    def together(self: Path, *arguments: Any, **words: Any) -> None:
        if self == fresh and not fresh.exists():
            both.wait()
        mkdir(self, *arguments, **words)

    monkeypatch.setattr(Path, "mkdir", together)
    with ThreadPoolExecutor(2) as pool:
        servers = list(pool.map(lambda _: Embedded(fresh, settings=THROWAWAY).start(), range(2)))
    assert servers[0].url == servers[1].url
    assert [server.stop() for server in servers] == [False, True]


def test_a_killed_user_does_not_keep_the_server_alive(data_dir: Path):
    """After `kill -9` of one user the other still has the server, and stops it when it leaves."""
    killed = _start(data_dir)
    with Embedded(data_dir, settings=THROWAWAY) as mine:
        killed.kill()
        killed.communicate()
        with psycopg.connect(mine.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert _postmaster(data_dir) is None


def test_a_server_whose_only_user_was_killed_is_taken_over(data_dir: Path):
    """It waits for the next user, who finds the same server and stops it in the end."""
    killed = _start(data_dir)
    killed.kill()
    killed.communicate()
    left = _postmaster(data_dir)
    with Embedded(data_dir, settings=THROWAWAY):
        assert _postmaster(data_dir) == left
    assert _postmaster(data_dir) is None


def test_a_crashed_server_is_started_again(data_dir: Path):
    """A postmaster file that outlived its server (power cut, kill -9) does not keep the next one from starting."""
    killed = _start(data_dir)
    os.kill(_postmaster(data_dir) or 0, signal.SIGKILL)
    _end(killed)
    with Embedded(data_dir, settings=THROWAWAY) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_program_is_not_waited_for_longer_than_what_it_waits_for(data_dir: Path):
    """pg_ctl looks ten times a second whether the server is there or gone; what we see earlier ends its sleep."""
    server, asleep = Embedded(data_dir, settings=THROWAWAY), data_dir / "asleep"
    server._bin = data_dir
    (data_dir / "pg_ctl").write_text(f"#!/bin/sh\necho $$ > {asleep}\nexec sleep infinity\n")
    (data_dir / "pg_ctl").chmod(0o755)
    server._run("pg_ctl", (), "does not start", lambda: asleep.exists() and asleep.read_text() != "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(asleep.read_text()), 0)


def test_an_initialisation_that_was_cut_short_is_made_again(data_dir: Path):
    """Half a cluster is never used: it is made under another name and moved into place whole."""
    (data_dir / "18.making").mkdir()
    (data_dir / "18.making" / "PG_VERSION").write_text("18\n")
    with Embedded(data_dir, settings=THROWAWAY) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_long_path_gets_its_socket_elsewhere(data_dir: Path):
    """Paths of sockets are limited to about 100 bytes; the data may lie deeper than that."""
    deep = data_dir / ("d" * 60) / ("e" * 60)
    with Embedded(deep, settings=THROWAWAY) as server:
        assert str(deep) not in server.url
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        elsewhere = server._socket_dir
        assert elsewhere.stat().st_mode & 0o077 == 0
    assert not elsewhere.exists()


def test_the_server_keeps_commits_and_keeps_quiet(data_dir: Path):
    """Commits last, no address is listened on, and statements with their values stay out of the server's log."""
    with Embedded(data_dir) as server, psycopg.connect(server.url, autocommit=True) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "listen_addresses")
        ]
        assert shown == [("on",), ("on",), ("",)]
        connection.execute("CREATE TABLE t (email text UNIQUE)")
        for _ in range(2):
            try:
                connection.execute("INSERT INTO t VALUES ('secret@example.com')")
            except psycopg.errors.UniqueViolation:
                continue
        assert "secret" not in (data_dir / "server.log").read_text()


def test_a_file_in_the_way_is_named_with_the_fix(data_dir: Path):
    """A data directory that is a file is refused in one line that says which setting to change."""
    (data_dir / "file").write_text("")
    with pytest.raises(DatabaseError, match=r"cannot use .*file") as refused:
        Embedded(data_dir / "file" / "pg").start()
    assert "[database].data_dir" in refused.value.hint


def test_a_foreign_cluster_is_left_alone(data_dir: Path):
    """A directory that is itself a cluster of somebody is refused, and nothing is written into it."""
    (data_dir / "PG_VERSION").write_text("15\n")
    with pytest.raises(DatabaseError, match="itself a PostgreSQL cluster"):
        Embedded(data_dir).start()
    assert [path.name for path in data_dir.iterdir()] == ["PG_VERSION"]


def test_a_directory_with_other_things_is_not_wiped(data_dir: Path):
    """Where the cluster should be lies something else: it stays, and the start fails."""
    (data_dir / "18").mkdir()
    (data_dir / "18" / "precious").write_text("x")
    with pytest.raises(DatabaseError, match="cannot use"):
        Embedded(data_dir, settings=THROWAWAY).start()
    assert (data_dir / "18" / "precious").read_text() == "x"
    shutil.rmtree(data_dir / "18")


def test_a_bad_setting_is_reported_with_the_servers_own_words(data_dir: Path):
    """If the server does not start, the message holds its last FATAL line and where the log is."""
    with pytest.raises(DatabaseError, match=r"does not start: .*shared_buffers") as refused:
        Embedded(data_dir, settings={**THROWAWAY, "shared_buffers": "lots"}).start()
    assert "server.log" in refused.value.hint


def test_without_binaries_the_fix_is_a_server_of_your_own(monkeypatch: pytest.MonkeyPatch):
    """On a platform without wheels the message says to set [database].url."""
    monkeypatch.setattr(embedded, "find_spec", lambda _name: None)
    with pytest.raises(DatabaseError, match="no embedded PostgreSQL") as refused:
        binaries()
    assert "[database].url" in refused.value.hint


@pytest.mark.skipif(not ROOT, reason="only root runs the server as somebody else")
def test_as_root_a_closed_directory_is_not_opened_silently(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """Outside of the temporary directory, directories of others keep their modes; the message names the way out."""
    closed = data_dir / "home"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with pytest.raises(DatabaseError, match=r"cannot enter .*home") as refused:
        Embedded(closed / "pg").start()
    assert "data_dir" in refused.value.hint
    assert list(closed.iterdir()) == []
    (closed / "other").write_text("")
    with pytest.raises(DatabaseError, match=r"cannot enter .*home"):
        Embedded(closed).start()
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_directory_of_somebody_else_is_refused_by_name(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """A user who is pointed at another user's data directory is told whose it is; nothing is written."""
    monkeypatch.setattr(os, "geteuid", lambda: data_dir.stat().st_uid + 1)
    with pytest.raises(DatabaseError, match=f"belongs to {pwd.getpwuid(data_dir.stat().st_uid).pw_name}"):
        Embedded(data_dir).start()
    assert list(data_dir.iterdir()) == []


def test_a_url_means_no_embedded_server(data_dir: Path):
    """With [database].url nothing is started and nothing is written to data_dir."""
    database = open_database("postgresql://somewhere/x", "syncd", data_dir)
    assert database == Database("postgresql://somewhere/x", "syncd")
    database.close()
    assert list(data_dir.iterdir()) == []


def test_throwaway_servers_of_killed_sessions_are_swept(data_dir: Path):
    """A later session stops and removes a server whose users are all gone, and leaves one in use alone."""
    killed = _start(data_dir)
    sweep(data_dir.parent, data_dir.name, older_than_s=0)
    assert _postmaster(data_dir) is not None
    killed.kill()
    killed.communicate()
    sweep(data_dir.parent, data_dir.name, older_than_s=0)
    assert not data_dir.exists()
    data_dir.mkdir()
