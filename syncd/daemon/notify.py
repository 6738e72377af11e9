"""Telling the service manager how we are (sd_notify), and feeding its watchdog by what was really done.

The protocol is one datagram of ``KEY=value`` lines to the socket named in ``NOTIFY_SOCKET``: a path, or with a
leading ``@`` a name in Linux' abstract namespace (sd_notify(3)). Without that variable nobody is told anything.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import MutableMapping

from syncd.ports.clock import Clock

SEND_TIMEOUT_S = 1.0
"""A service manager that is too busy to take a line does not hold us up for longer."""
FEEDS_PER_LIMIT = 4
"""How often the watchdog may be fed within its limit. The more often, the longer may real work stay silent."""


class Notify:
    """The line to the service manager. Sending never fails: nobody listens, or nobody has to."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """``address`` as in NOTIFY_SOCKET, "" for nobody; ``watchdog_s`` the silence after which we are killed."""
        self._address = address if address.startswith(("/", "@")) else ""
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Notify:
        """What the service manager asks for, and for this process alone: the variables are taken out.

        A PostgreSQL server that we start would otherwise speak in our name.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        limit_us = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", "") in {"", str(os.getpid())}
        watched = meant and limit_us.isdecimal() and int(limit_us) > 0
        return cls(address, int(limit_us) / 1e6 if watched else None)

    @property
    def active(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._address)

    @property
    def interval_s(self) -> float | None:
        """How often to feed the watchdog at most, in seconds; None where there is none."""
        return self._watchdog_s / FEEDS_PER_LIMIT if self.active and self._watchdog_s else None

    def ready(self, status: str = "") -> bool:
        """Started, or done reloading."""
        return self._send("READY=1", *_status(status))

    def reloading(self, status: str = "") -> bool:
        """About to take a new config; `ready` says when it is done, whether the new one was taken or refused.

        The time is what ``Type=notify-reload`` (systemd 253) matches with its signal; older ones ignore it.
        """
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}", *_status(status))

    def stopping(self, status: str = "") -> bool:
        """Finishing what is in hand."""
        return self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> bool:
        """One line that ``systemctl status`` shows. Never the contents of a record."""
        return self._send(*_status(text))

    def watchdog(self) -> bool:
        """Alive. Only `Watchdog` should say so."""
        return self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> bool:
        """Whether somebody took it."""
        if not self._address or not lines:
            return False
        address = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
                wire.settimeout(SEND_TIMEOUT_S)
                wire.connect(address)
                wire.sendall("\n".join(lines).encode())
        except OSError:
            return False
        return True


class Watchdog:
    """Feeds the service manager's watchdog with real progress, and with nothing else.

    A timer that feeds it would prove that the event loop turns, not that anything gets done: slices that hang in a
    database lock would go unnoticed for ever. So whoever did something says `progress` (a page was read, an operation
    was carried out, a slice ended, a config was taken), and whoever looked and found that nothing waits says `idle`.
    After silence the next word is passed on at once; while there is much to say, once in ``interval_s``.
    """

    def __init__(self, notify: Notify, interval_s: float, clock: Clock) -> None:
        """``interval_s`` as in `Notify.interval_s`. Everything here belongs to one event loop."""
        self._notify, self._interval_s, self._clock = notify, interval_s, clock
        self._moved = asyncio.Event()

    def progress(self) -> None:
        """Something was done."""
        self._moved.set()

    def idle(self) -> None:
        """Nothing waits, and somebody looked. Not for "I do not know"."""
        self._moved.set()

    async def run(self) -> None:
        """Pass on what is said, until cancelled."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            self._notify.watchdog()
            await self._clock.sleep(self._interval_s)


def _status(text: str) -> tuple[str, ...]:
    line = " ".join(text.split())
    return (f"STATUS={line}",) if line else ()
