"""The system user the embedded PostgreSQL runs as when syncd runs as root, and what that user may enter."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from syncd.domain.errors import DatabaseError

USER = "pgserver"


@dataclass(frozen=True, slots=True)
class SystemUser:
    """Who runs the server."""

    name: str
    uid: int
    gid: int


def owner_name(uid: int) -> str:
    """The name of a user, or its number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def server_user(cluster: Path) -> SystemUser:
    """The owner of an existing cluster, else ``pgserver``, which is made if it is missing. Raises DatabaseError."""
    if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
        try:
            entry = pwd.getpwuid(owner)
        except KeyError as error:
            message = f"the cluster {cluster} belongs to user {owner}, who does not exist on this machine"
            raise DatabaseError(message, hint=f"chown -R {USER} {cluster}, or set [database].url") from error
        return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        entry = _create()
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - constant arguments
        return pwd.getpwnam(USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        # Another process may have made it at the same moment.
        try:
            return pwd.getpwnam(USER)
        except KeyError:
            message = f"PostgreSQL does not run as root, and the system user {USER} could not be made"
            hint = f"make the user {USER}, run syncd as a user of its own, or set [database].url"
            raise DatabaseError(message, hint=hint) from error


def make_reachable(path: Path, user: SystemUser, *, ours: bool = False, program: bool = False) -> None:
    """See that ``user`` can enter ``path``. Raises DatabaseError naming the directory that is closed.

    Throwaway directories (under the temporary directory) are opened for entering, not for listing. Any other
    closed directory may guard more than our data, so it stays as it is.

    ours     ``path`` itself is our own directory; ``program`` it holds the programs, not the data
    """
    throwaway = Path(tempfile.gettempdir()).resolve()
    for directory in (path, *path.parents):
        found = directory.stat()
        if _may_enter(found, user):
            continue
        if (directory == path and ours) or (throwaway in directory.parents and found.st_uid == os.geteuid()):
            directory.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
        else:
            what = "the programs of the embedded PostgreSQL are" if program else "[database].data_dir is"
            message = f"as root, the embedded PostgreSQL runs as user {user.name}, who cannot enter {directory}"
            where = "install syncd outside of it" if program else "set it to a directory such as /var/lib/syncd/pg"
            raise DatabaseError(message, hint=f"{what} below it: {where}, chmod o+x {directory}, or set [database].url")


def _may_enter(found: os.stat_result, user: SystemUser) -> bool:
    if found.st_uid == user.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)
