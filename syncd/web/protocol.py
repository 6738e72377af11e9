"""HTTP/1.1 with deadlines: uvicorn has none for a request that comes byte by byte, nor for silence.

From its first byte on (on a fresh connection: from the beginning) a request has ``request_s`` to be there whole, its
body included. Then it is told so, if it can be told, and the connection is closed.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""On every answer, whoever makes it."""


class GuardedProtocol(H11Protocol):
    """One connection. Make a class with its limits by `guarded`."""

    request_s: ClassVar[float]
    connections_max: ClassVar[int]
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connects; when too many have, they are sent away without a word."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        super().data_received(data)
        if self.transport.is_closing() or self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._forget()
        else:
            self._watch()

    def on_response_complete(self) -> None:
        """A request is answered; what comes next has a deadline of its own, as soon as it begins."""
        if self.conn.their_state is not h11.SEND_BODY:  # else its body is still coming, for nobody to read
            self._forget()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - our words are the status's own
        """What they say is not HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _watch(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_s, self._too_late)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        silent = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # whoever waits for the rest of the body need not
            cycle.message_event.set()
        if silent:
            self.transport.close()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Say so, unless an answer is out already, and close."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            text = status.phrase.encode()
            headers = [
                *HEADERS,
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(text)).encode()),
                (b"connection", b"close"),
            ]
            answer = (
                h11.Response(status_code=status, headers=headers, reason=text),
                h11.Data(data=text),
                h11.EndOfMessage(),
            )
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in answer))
        self.transport.close()


def guarded(*, request_s: float, connections_max: int) -> type[GuardedProtocol]:
    """The protocol with these limits; uvicorn makes one of it for each connection."""
    limits = {"request_s": request_s, "connections_max": connections_max}
    return type("LimitedProtocol", (GuardedProtocol,), limits)
