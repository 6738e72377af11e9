"""Which vendors there are, and how to make an adapter for a connection.

A vendor's package is imported when a connection of that vendor is made or described, never before:
``syncd --help`` should not pay for five of them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

import httpx

from syncd.domain.errors import ConfigError
from syncd.ports.clock import Clock
from syncd.ports.credentials import Credentials
from syncd.ports.quota import Quota
from syncd.ports.vendor import Adapter, Capabilities, Extras
from syncd.vendors.login import Login
from syncd.vendors.observed import Observe, silent


class ConnectionLike(Protocol):
    """What the registry asks of a connection in the settings."""

    @property
    def name(self) -> str:
        """The config key."""
        ...

    @property
    def vendor(self) -> str:
        """Which vendor's."""
        ...


@dataclass(frozen=True, slots=True)
class Deps:
    """What an adapter is given beside its connection.

    transport  None: real connections
    memory     what the last adapter of this connection learned (`Adapter.memory`)
    rng        source of jitter; None: the system's
    credentials  where tokens that are renewed are kept; None: in memory
    observe    told of every call on the wire as it ends
    quota      the windows of calls that all processes share; None: this one is alone
    """

    clock: Clock
    transport: httpx.AsyncBaseTransport | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    rng: random.Random | None = None
    credentials: Credentials | None = None
    observe: Observe = silent
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor.

    Its package has ``adapter.make(connection, deps)``, ``capabilities.capabilities(connection)`` and
    ``login.login(connection)``; where there is more to look at than leads, ``extras.extras(adapter)``.
    """

    package: str

    def make(self, connection: ConnectionLike, deps: Deps) -> Adapter:
        """The adapter of ``connection``. Raises ConfigError if its options contradict each other."""
        return cast("Adapter", import_module(f"{self.package}.adapter").make(connection, deps))

    def login(self, connection: ConnectionLike) -> Login | None:
        """How ``connection`` comes by its tokens; None for a fixed one. Raises ConfigError."""
        return cast("Login | None", import_module(f"{self.package}.login").login(connection))

    def capabilities(self, connection: ConnectionLike) -> Capabilities:
        """What ``connection`` can do, without calling anybody."""
        return cast("Capabilities", import_module(f"{self.package}.capabilities").capabilities(connection))

    def extras(self, adapter: Adapter) -> Extras:
        """What can be looked at beside leads, {} where there is nothing. Nobody is called yet."""
        if find_spec(f"{self.package}.extras") is None:
            return {}
        return cast("Extras", import_module(f"{self.package}.extras").extras(adapter))


VENDORS: Mapping[str, Vendor] = {
    "cinc": Vendor("syncd.vendors.cinc"),
    "chime": Vendor("syncd.vendors.chime"),
    "mycrm": Vendor("syncd.vendors.mycrm"),
    "rechat": Vendor("syncd.vendors.rechat"),
    "epixel": Vendor("syncd.vendors.epixel"),
}


def vendor(name: str) -> Vendor:
    """The vendor called ``name``. Raises ConfigError."""
    found = VENDORS.get(name)
    if found is None:
        raise ConfigError([f"vendor = {name!r}: there is no adapter for it; there are {', '.join(VENDORS)}"])
    return found


def make(connection: ConnectionLike, deps: Deps) -> Adapter:
    """The adapter of ``connection``. Raises ConfigError."""
    return vendor(connection.vendor).make(connection, deps)


def capabilities(connection: ConnectionLike) -> Capabilities:
    """What ``connection`` can do. Raises ConfigError."""
    return vendor(connection.vendor).capabilities(connection)


def login(connection: ConnectionLike) -> Login | None:
    """How ``connection`` comes by its tokens; None for a fixed one. Raises ConfigError."""
    return vendor(connection.vendor).login(connection)


def extras(adapter: Adapter) -> Extras:
    """What else a connection has to show, {} if nothing. Nobody is called yet."""
    return vendor(adapter.vendor).extras(adapter)
