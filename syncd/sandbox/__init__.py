"""The simulated vendors: they know nothing of syncd, only of the vendor they stand for.

base.py     what every sandbox has: request log, rate windows, faults, people who act
message.py  requests, answers, endpoints, rows that are encoded once
faults.py   what can go wrong on the wire, on purpose
data.py     realistic people out of a seed
world.py    spreads people over several vendors, with overlaps
courier.py  posts webhooks, on good days and bad ones
server.py   runs any number of sandboxes on loopback ports
cinc.py …   one file (or folder) per vendor

`SANDBOXES` names them; a vendor's file is imported when its sandbox is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from syncd.ports.clock import Clock
    from syncd.sandbox.base import SandboxVendor

Factory = Callable[..., "SandboxVendor"]


def lazily(module: str, name: str, **fixed: Any) -> Factory:
    """A factory for the sandbox class ``name`` of ``module``, imported when the first one is made."""

    def make(clock: Clock, **switches: Any) -> SandboxVendor:
        return cast("SandboxVendor", getattr(import_module(module), name)(clock, **{**fixed, **switches}))

    return make


SANDBOXES: Mapping[str, Factory] = {
    "cinc": lazily("syncd.sandbox.cinc", "CincSandbox"),
    "chime": lazily("syncd.sandbox.chime", "ChimeSandbox", dialect="chime"),
    "lofty": lazily("syncd.sandbox.chime", "ChimeSandbox", dialect="lofty"),
    "mycrm": lazily("syncd.sandbox.mycrm", "MyCrmSandbox"),
    "rechat": lazily("syncd.sandbox.rechat", "RechatSandbox"),
    "epixel": lazily("syncd.sandbox.epixel", "EpixelSandbox"),
}
"""Name → ``factory(clock, **switches)``. ``lofty`` is Chime under its newer dialect."""
