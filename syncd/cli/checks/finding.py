"""What a check says, and what it may look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from syncd.bootstrap import Syncd
    from syncd.engine.connection import Connection
    from syncd.ports.clock import Clock
    from syncd.settings import Settings

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `syncd doctor`.

    check  which check says it, one word;  connection  which one it is about, "" for all
    state  ok | warning (a person decides, or should know) | problem (something does not work)
    line   what was found, one line;  mend  the command or the line of the config that mends it, "" if all is well
    """

    check: str
    state: State
    line: str
    mend: str = ""
    connection: str = ""

    def to_json(self) -> dict[str, Any]:
        """The stable shape of ``syncd doctor --json``."""
        return {
            "check": self.check,
            "connection": self.connection,
            "state": self.state,
            "finding": self.line,
            "mend": self.mend,
        }


@dataclass(frozen=True, slots=True)
class Place:
    """What a check may look at: a config that loads and a database that is current.

    only     connections to look at, all if empty;  offline  no vendor may be asked
    """

    settings: Settings
    syncd: Syncd
    clock: Clock
    only: tuple[str, ...] = ()
    offline: bool = False

    @property
    def connections(self) -> list[Connection]:
        """The connections to look at."""
        return [connection for connection in self.syncd.connections if self.wants(connection.name)]

    def wants(self, connection: str) -> bool:
        """Whether a connection is one to look at."""
        return not self.only or connection in self.only


Check = Callable[[Place], Awaitable[list[Finding]]]
