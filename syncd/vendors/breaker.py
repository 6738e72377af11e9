"""A vendor that fails again and again is left alone for a while: one circuit per connection.

    closed ── FAILURES calls in a row fail, each after all its repeats ──► open: calls fail at once
       ▲                                                                     │ a pause, longer each time
       └── it succeeds ── one call is let through, the others wait no longer ◄┘
                          it fails ──► open again

One connection's circuit says nothing about another's. What a vendor answers, even if it is a refusal, shows that it is
there; a 429 and whatever never reached it show nothing either way.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from syncd.domain.errors import DatabaseError, NotYetError, RateLimitedError, TransientError, VendorError
from syncd.ports.clock import Clock
from syncd.ports.quota import Quota

FAILURES = 5
"""As many as make a push give a connection up (engine/push.py): an ordinary hiccup is repeated within one call."""
PAUSE_FIRST_S, PAUSE_MAX_S = 5.0, 300.0
RETRY_AFTER_S_MAX = 60.0
"""A vendor that asks for a longer pause (``Retry-After`` on a 503) gets it at once, and nobody waits for it."""
JITTER = 0.25
_log = structlog.get_logger()


class OpenCircuitError(TransientError):
    """Nobody was called: the vendor has failed too often just now. ``retry_after_s`` says when one call is tried."""

    def __init__(self, call: str, wait_s: float, why: str = "") -> None:
        """``why``: what the last failure was, in the words of its message."""
        reason = f" ({why})" if why else ""
        message = f"{call}: not called, the vendor keeps failing{reason}; tried again in {wait_s:.0f} s"
        super().__init__(message, sent=False, retry_after_s=wait_s, hint="the rest goes on without it meanwhile")


class Breaker:
    """The circuit of one connection."""

    def __init__(self, connection: str, clock: Clock, rng: random.Random, quota: Quota | None = None) -> None:
        """A closed circuit. ``quota`` tells the other processes; they hear of it when they ask for calls."""
        self._connection, self._clock, self._rng, self._quota = connection, clock, rng, quota
        self._failures = 0
        self._opened = 0
        self._logged = False
        self._open_until = float("-inf")
        self._why = ""
        self._probing = False

    @asynccontextmanager
    async def guarding(self, call: str) -> AsyncIterator[None]:
        """Around one call with all its repeats. Raises OpenCircuitError instead of calling."""
        probe = self._admit(call)
        try:
            yield
        except OpenCircuitError as error:
            self._heard()
            raise OpenCircuitError(call, error.retry_after_s, self._why) from None
        except (RateLimitedError, NotYetError):
            raise
        except TransientError as error:
            await self._failed(error, probe=probe)
            raise
        except VendorError as error:
            if error.status:
                await self._answered()
            raise
        else:
            await self._answered()
        finally:
            if probe:
                self._probing = False

    def _admit(self, call: str) -> bool:
        """Whether this call is the one let through an open circuit. Raises OpenCircuitError."""
        if not self._opened:
            return False
        wait_s = self._open_until - self._clock.monotonic()
        if wait_s > 0 or self._probing:
            raise OpenCircuitError(call, max(wait_s, 0.0), self._why)
        self._probing = True
        return True

    async def _failed(self, error: TransientError, *, probe: bool) -> None:
        self._failures += 1
        if self._opened and not probe:
            return  # it was under way when the circuit opened
        if not probe and self._failures < FAILURES and error.retry_after_s <= RETRY_AFTER_S_MAX:
            return
        growing = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0**self._opened)
        pause_s = max(growing * self._rng.uniform(1 - JITTER, 1 + JITTER), min(error.retry_after_s, PAUSE_MAX_S))
        if not self._logged:
            self._logged = True
            _log.warning(
                "circuit.open", connection=self._connection, failures=self._failures, status=error.status,
                for_s=round(pause_s, 1),
            )  # fmt: skip
        self._opened += 1
        self._why = str(error)
        self._open_until = self._clock.monotonic() + pause_s
        await self._tell(pause_s)

    def _heard(self) -> None:
        """Another process holds everybody back: one call of ours at a time asks whether that is over."""
        self._opened = max(1, self._opened)
        self._open_until = self._clock.monotonic()

    async def _answered(self) -> None:
        self._failures = 0
        if self._opened:
            self._opened, self._open_until = 0, float("-inf")
            if self._logged:
                self._logged = False
                _log.warning("circuit.closed", connection=self._connection)
            await self._tell(0.0)

    async def _tell(self, for_s: float) -> None:
        """The others; where that fails they find out for themselves."""
        if self._quota is not None:
            with suppress(DatabaseError):
                await self._quota.hold(self._connection, for_s)
