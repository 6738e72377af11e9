"""UUIDs and moments of the simulated brand: the same every time, and no two alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import cycle
from typing import Any
from uuid import UUID

from syncd.ports.clock import Clock

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
BRAND = "497c9108-1031-4885-9043-5baaf215aed7"
DEFAULT_CHANNEL = "e47bd518-3465-4095-99cf-bcb249b131d3"
CHANNEL = "8607bf2a-992a-44a0-a2f7-ddd46fbfafbf"


class Refused(Exception):  # noqa: N818 -- what the API says, not a failure of the sandbox
    """The API refuses: status, code, message."""

    def __init__(self, message: str, status: int = 400, code: str = "Validation") -> None:
        """``message`` is what the answer says."""
        super().__init__(message)
        self.status, self.code = status, code


class Ids:
    """Counts; ids are its hashes."""

    def __init__(self, seed: str = BRAND) -> None:
        """``seed`` keeps two brands apart."""
        self._seed, self._number = seed, 0

    def __call__(self) -> str:
        """A fresh UUID."""
        self._number += 1
        return uuid_of(f"{self._seed} {self._number}")


class Moments:
    """Seconds since 1970 with microseconds; two writes never share one."""

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """``late_commit_s``: by how much a writing transaction may have begun before it is seen."""
        self._clock, self._switches = clock, switches
        self._last = 0
        self._shares: Iterator[float] = cycle((1.0, 0.0, 0.5))

    def now(self) -> float:
        """The moment."""
        self._last = max(self._last + 1, round(self._clock.now().timestamp() * 1_000_000))
        return self._last / 1_000_000

    def begun(self) -> float:
        """When the transaction that is seen from now on began."""
        late_s = next(self._shares) * float(self._switches["late_commit_s"])
        return round(self.now() - late_s, 6)


def uuid_of(name: str) -> str:
    """The UUID that stands for a name."""
    return str(UUID(bytes=blake2b(name.encode(), digest_size=16).digest(), version=4))


def checked(value: Any) -> str:
    """An id as it must look. Raises Refused."""
    if not isinstance(value, str) or _UUID.fullmatch(value) is None:
        raise Refused("Malformed id")
    return value
