"""Locks between processes that the kernel lets go of, however their holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from syncd.domain.errors import DatabaseError

LOCK_TIMEOUT_S = 90.0


class Lock:
    """An exclusive lock between processes; waits, but not for ever."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> None:
        until = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            if flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB) and self._current():
                return
            self._file.close()
            if time.monotonic() > until:
                message = f"the embedded PostgreSQL has been starting or stopping for {LOCK_TIMEOUT_S:.0f} s"
                raise DatabaseError(message, hint=f"see who holds {self._path}")
            time.sleep(0.02)

    def _current(self) -> bool:
        """Whether the file we locked is still the one of that name: the directory may have been removed meanwhile."""
        try:
            return self._file is not None and os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def flock(file: IO[bytes], how: int) -> bool:
    """Lock an open file; False if ``LOCK_NB`` was asked for and somebody else holds it."""
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    return True
