"""Run as a script: put this process under what a unit file says a service may do, then use the embedded server.

    python tests/system/confined.py UNIT DATA_DIR

The system calls (``SystemCallFilter``), the kinds of sockets (``RestrictAddressFamilies``) and the ban on memory that
can be written and executed (``MemoryDenyWriteExecute``) are put in force by the same library that systemd uses,
libseccomp, without any service manager. What a mount namespace adds (read-only directories, its own /tmp) is not.
Everything needed is imported first: an interpreter below /root cannot be read any more once we are nobody.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import mmap
import os
import random
import shlex
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

import psycopg

from syncd.store import embedded

USED = (atexit, random, shlex, urllib.parse)
NOBODY = 65534
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
EQUAL, MASKED_EQUAL = 4, 7
WRITE, EXECUTE, SHARED_EXECUTE = 2, 4, 0o100000


class Comparison(ctypes.Structure):
    """libseccomp's ``struct scmp_arg_cmp``."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings(unit: Path, key: str) -> list[str]:
    """Every value of a key, in order."""
    lines = (line.strip() for line in unit.read_text().splitlines())
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def calls(names: Iterable[str]) -> set[str]:
    """The system calls behind names and groups."""
    found: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        command = ["systemd-analyze", "syscall-filter", name]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
        found |= calls(line.strip() for line in told if line.strip() and line.strip()[0] != "#")
    return found


def allowed(unit: Path) -> set[str]:
    """What the unit's filter leaves."""
    found: set[str] = set()
    for line in settings(unit, "SystemCallFilter"):
        names = calls(line.lstrip("~").split())
        found = found - names if line.startswith("~") else found | names
    return found


def conditions(call: str, families: Iterable[str]) -> list[list[Comparison]]:
    """Under which conditions a call is allowed; one empty list: always."""
    if call == "socket":
        return [[Comparison(0, EQUAL, getattr(socket, family), 0)] for family in families]
    if call == "mmap":
        return [[Comparison(2, MASKED_EQUAL, WRITE | EXECUTE, value)] for value in (0, WRITE, EXECUTE)]
    if call in {"mprotect", "pkey_mprotect"}:
        return [[Comparison(2, MASKED_EQUAL, EXECUTE, 0)]]
    if call == "shmat":
        return [[Comparison(2, MASKED_EQUAL, SHARED_EXECUTE, 0)]]
    return [[]]


def confine(unit: Path, names: Iterable[str]) -> None:
    """Put the filter in force, for this process and all its children, for good."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p,
    ]  # fmt: skip
    context = library.seccomp_init(REFUSE)
    families = settings(unit, "RestrictAddressFamilies")[0].split()
    for name in sorted(names):
        number = library.seccomp_syscall_resolve_name(name.encode())
        for rule in conditions(name, families) if number != -1 else []:
            array = (Comparison * len(rule))(*rule) if rule else None
            assert library.seccomp_rule_add_array(context, ALLOW, number, len(rule), array) == 0, name
    assert library.seccomp_load(context) == 0


def refused() -> None:
    """The filter is in force: what it forbids fails."""
    for attempt in (
        lambda: os.chown("/proc/self", os.getuid(), os.getgid()),
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
        lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    ):
        try:
            attempt()
        except PermissionError:
            continue
        sys.exit("the filter is not in force")


def use(data_dir: Path) -> None:
    """Make the cluster, start the server, count in parallel workers over shared memory, make an index, stop."""
    with (
        embedded.Embedded(data_dir, settings=embedded.THROWAWAY) as server,
        psycopg.connect(server.url, autocommit=True) as session,
    ):
        session.execute("CREATE TABLE t AS SELECT g, md5(g::text) AS m FROM generate_series(1, 50000) g")
        for name in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            session.execute(f"SET {name} = 0".encode())
        plan = session.execute("EXPLAIN (ANALYZE) SELECT m, count(*) FROM t GROUP BY m ORDER BY 2 LIMIT 5").fetchall()
        launched = [row[0] for row in plan if "Workers Launched" in row[0]]
        assert launched, plan
        assert "Workers Launched: 0" not in launched[0]
        session.execute("CREATE INDEX ON t (m)")
        row = session.execute("SELECT count(DISTINCT m) FROM t").fetchone()
        assert row == (50000,)


def main() -> None:
    """See the module's docstring."""
    unit, data_dir = Path(sys.argv[1]), Path(sys.argv[2])
    names = allowed(unit)
    embedded.binaries()
    if os.geteuid() == 0:
        os.chown(data_dir.parent, NOBODY, NOBODY)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    confine(unit, names)
    refused()
    use(data_dir)
    sys.stdout.write("fine\n")


if __name__ == "__main__":
    main()
