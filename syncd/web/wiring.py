"""Settings → a listener. Whoever runs it says what to do when a delivery is stored, and when all is ready."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from syncd.bootstrap import Syncd, webhook_secret
from syncd.domain.errors import ConfigError, SyncdError
from syncd.engine.connection import Connection
from syncd.ports.clock import Clock, SystemClock
from syncd.ports.hooks import SECRET_CHARS_MIN, Hooks
from syncd.settings import Settings
from syncd.store.arrivals import PostgresArrivals
from syncd.store.schema import require_current
from syncd.web.app import make_app
from syncd.web.health import Health
from syncd.web.hooks import Receiver, Told
from syncd.web.login import behind_login
from syncd.web.secrets import Secrets
from syncd.web.server import WebServer

Stored = Callable[[str], None]
"""A connection's name, in the listener's thread: hand it to your own loop (``call_soon_threadsafe``) and return."""


@dataclass(frozen=True, slots=True)
class _Now:
    """What the config says now; replaced whole, so that no delivery sees half of a change."""

    settings: Settings
    hooks: Mapping[str, Hooks]
    token: str


class Web(WebServer):
    """The listener of a syncd."""

    def __init__(
        self,
        syncd: Syncd,
        *,
        stored: Stored,
        ready: Callable[[], bool] = lambda: True,
        told: Told = lambda _connection, _outcome: None,
        routes: Sequence[Route | Mount] = (),
        clock: Clock | None = None,
    ) -> None:
        """Nothing is opened yet.

        stored  called in the listener's thread once deliveries of a connection are safe, for all that came together
        ready   whether the rest of the process is, for ``/readyz``
        told    hears what becomes of each delivery, for counters
        routes  further pages; they are put behind ``web.token``
        Raises ConfigError for a token that is too short.
        """
        self._syncd, self._stored, self._is_ready, self._told = syncd, stored, ready, told
        self._routes, self._clock = routes, clock or SystemClock()
        self._now = _now(syncd.settings, syncd.connections)
        web = syncd.settings.web
        super().__init__(
            web.listen,
            self._opened,
            request_s=web.request_timeout.total_seconds(),
            connections_max=web.connections_max,
        )

    def use(self, settings: Settings, connections: Sequence[Connection]) -> None:
        """From now on these connections, secrets and this token count. Any thread.

        The address and the limits stay until the next start. Raises ConfigError, and then nothing changes.
        """
        self._now = _now(settings, connections)

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[ASGIApp]:
        """The application, with a database session of its own."""
        secrets = Secrets(self._secret, self._clock)
        async with PostgresArrivals(self._syncd.database, self._stored).opened() as arrivals:
            for name in self._now.hooks:
                with suppress(SyncdError):  # looked up again when somebody calls
                    await secrets.look(name)
            receiver = Receiver(
                lambda: self._now.hooks,
                secrets,
                arrivals,
                self._clock,
                body_bytes_max=self._syncd.settings.web.body_bytes_max,
                told=self._told,
            )
            health = Health(self._clock, lambda: require_current(self._syncd.database), self._is_ready)
            behind = behind_login(self._routes, lambda: self._now.token)
            yield make_app(receiver.routes(), health.routes(), behind)

    async def _secret(self, connection: str) -> str:
        config = self._now.settings.connections.get(connection)
        return await webhook_secret(config, self._syncd.credentials) if config is not None else ""


def _now(settings: Settings, connections: Sequence[Connection]) -> _Now:
    hooks = {one.name: found for one in connections if (found := one.adapter.hooks) is not None}
    token = settings.web.token.reveal() if settings.web.token is not None else ""
    if token and len(token) < SECRET_CHARS_MIN:
        raise ConfigError([f"web.token: needs at least {SECRET_CHARS_MIN} characters"])
    return _Now(settings, hooks, token)
