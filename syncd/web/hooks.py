"""Deliveries: authenticate, store raw once, answer. What they mean is the engine's business, later.

    known connection? ─► secret right? ─► body, up to the limit ─► its event's id ─► stored ─► 200

Nothing of a delivery is read before its secret was right, and nothing is stored. One delivery is one row, however many
events it tells: its body is kept once, and a row of which one record cannot be read is kept with what is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from syncd.domain.errors import DatabaseError, SyncdError
from syncd.logs import place_of
from syncd.ports.clock import Clock
from syncd.ports.hooks import BODY_BYTES_MAX, Delivery, Hooks, hash_of
from syncd.ports.inbox import Arrivals, Received
from syncd.web.secrets import Secrets

KEPT_HEADERS = frozenset({"content-type", "date", "user-agent"})
KEPT_PREFIX = "x-"
Told = Callable[[str, str], None]
"""(connection, "" where it is nobody's; outcome: stored, repeated, forged, unknown, too_large, unavailable)."""
_log = structlog.get_logger()


class TooLargeError(Exception):
    """A body over the limit."""


class Receiver:
    """The hooks of all connections that have any."""

    def __init__(
        self,
        hooks: Callable[[], Mapping[str, Hooks]],
        secrets: Secrets,
        arrivals: Arrivals,
        clock: Clock,
        *,
        body_bytes_max: int = BODY_BYTES_MAX,
        told: Told = lambda _connection, _outcome: None,
    ) -> None:
        """``hooks`` gives them by connection, as they are now; only their pure half is used here.

        told  hears what becomes of each delivery
        """
        self._hooks, self._secrets, self._arrivals, self._clock = hooks, secrets, arrivals, clock
        self._body_bytes_max, self._told = body_bytes_max, told

    def routes(self) -> list[Route]:
        """``/hooks/…``."""
        return [
            Route("/hooks/{connection}", self._receive, methods=["POST"]),
            Route("/hooks/{connection}/{secret}", self._receive, methods=["POST"]),
        ]

    async def _receive(self, request: Request) -> Response:
        name, segment = request.path_params["connection"], request.path_params.get("secret", "")
        hooks = self._hooks().get(name)
        if hooks is None or bool(hooks.secret_header) is bool(segment):
            self._told("", "unknown")
            return _answer(404)
        delivery = Delivery(dict(request.headers), segment=segment)
        try:
            authentic = await self._secrets.fits(name, lambda secret: hooks.authentic(delivery, secret))
        except SyncdError as error:
            return self._unavailable(name, error)
        if not authentic:
            self._told(name, "forged")
            return _answer(404 if segment else 401)
        try:
            body = await body_of(request, self._body_bytes_max)
        except TooLargeError:
            self._told(name, "too_large")
            return _answer(413)
        return await self._store(name, hooks, replace(delivery, body=body))

    async def _store(self, name: str, hooks: Hooks, delivery: Delivery) -> Response:
        event, unique = _event(name, hooks, delivery)
        headers = kept(delivery, hooks)
        try:
            new = await self._arrivals.put(
                Received(name, event, self._clock.now(), headers, delivery.body, unique=unique)
            )
        except DatabaseError as error:
            return self._unavailable(name, error)
        self._told(name, "stored" if new else "repeated")
        return _answer(200)

    def _unavailable(self, name: str, error: SyncdError) -> Response:
        """A delivery that cannot be kept is not taken: the vendor repeats it, or the next pull finds what it told."""
        _log.warning("hooks.unavailable", connection=name, error=str(error))
        self._told(name, "unavailable")
        return _answer(503, {"retry-after": "30"})


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLargeError as soon as it is known to be over the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLargeError
    return bytes(body)


def kept(delivery: Delivery, hooks: Hooks) -> dict[str, str]:
    """The headers worth keeping; none that is the secret, or repeats it (a proxy may repeat the path)."""
    secrets = [said for said in (delivery.segment, delivery.headers.get(hooks.secret_header, "")) if said]
    return {
        key: value
        for key, value in delivery.headers.items()
        if (key in KEPT_HEADERS or key.startswith(KEPT_PREFIX)) and not any(secret in value for secret in secrets)
    }


def _event(name: str, hooks: Hooks, delivery: Delivery) -> tuple[str, bool]:
    """The id of a delivery, and whether it is said once: as its event says, or its words where it tells several."""
    try:
        events = hooks.events(delivery)
    except Exception as error:  # noqa: BLE001 - a body that trips us is kept all the same
        _log.error("hooks.misread", connection=name, error=type(error).__name__, at=place_of(error.__traceback__))
        return hash_of(delivery.body), True
    if len(events) == 1:
        return events[0].id, events[0].unique
    return hash_of(delivery.body), all(event.unique for event in events)


def _answer(status: int, headers: Mapping[str, str] | None = None) -> Response:
    words = {200: "", 401: "Unauthorized", 404: "Not Found", 413: "Payload Too Large", 503: "Service Unavailable"}
    return PlainTextResponse(words[status], status, headers)
