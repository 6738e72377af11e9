"""The secrets that deliveries are checked against, kept in memory: a hook may not wait for a look-up.

`syncd webhooks register` may make a new one in another process while we run. So a delivery that does not fit makes us
look again, once in a while: whoever guesses cannot make us do so for every guess. A secret that fits is looked up again
behind its back, so that one that was dropped does not open for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from syncd.domain.errors import SyncdError
from syncd.ports.clock import Clock

LOOK_AGAIN_S = 5.0
RENEW_S = 60.0
Load = Callable[[str], Awaitable[str]]
"""Connection → its secret, "" if there is none. Raises SyncdError."""
_log = structlog.get_logger()


@dataclass(slots=True)
class _Known:
    secret: str
    looked_at: float


class Secrets:
    """The webhook secrets of all connections."""

    def __init__(self, load: Load, clock: Clock) -> None:
        """Nothing is loaded yet."""
        self._load, self._clock = load, clock
        self._known: dict[str, _Known] = {}
        self._renewing: dict[str, asyncio.Task[None]] = {}

    async def fits(self, connection: str, test: Callable[[str], bool]) -> bool:
        """Whether the connection's secret passes a test. Raises SyncdError if it cannot be looked up at all."""
        known = self._known.get(connection)
        age_s = float("inf") if known is None else self._clock.monotonic() - known.looked_at
        if known is not None and known.secret and test(known.secret):
            if age_s >= RENEW_S and connection not in self._renewing:
                task = asyncio.create_task(self._renewed(connection))
                self._renewing[connection] = task
                task.add_done_callback(lambda _task: self._renewing.pop(connection, None))
            return True
        if known is not None and age_s < LOOK_AGAIN_S:
            return False
        fresh = await self.look(connection)
        return bool(fresh) and test(fresh)

    async def look(self, connection: str) -> str:
        """The secret as it is now. Raises SyncdError."""
        if (known := self._known.get(connection)) is not None:
            known.looked_at = self._clock.monotonic()  # whoever guesses meanwhile does not look as well
        secret = await self._load(connection)
        self._known[connection] = _Known(secret, self._clock.monotonic())
        return secret

    async def _renewed(self, connection: str) -> None:
        try:
            await self.look(connection)
        except SyncdError as error:
            _log.warning("hooks.secret", connection=connection, error=str(error))
