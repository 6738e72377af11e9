"""Which address is what, and what holds for every answer.

    POST /hooks/{connection}            a vendor that shows its secret in a header
    POST /hooks/{connection}/{secret}   one that cannot
    GET  /healthz, /readyz              for whoever watches the process
    whatever else is mounted            behind the operator's token

Unknown paths are 404, known ones with another method 405. An error of ours is a 500 that says nothing; its place is in
the log.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.logs import place_of
from syncd.web.protocol import HEADERS

_OURS = frozenset(name for name, _ in HEADERS)
_log = structlog.get_logger()


def make_app(*routes: Sequence[BaseRoute]) -> ASGIApp:
    """The application of all these routes."""
    every = [route for some in routes for route in some]
    return Outermost(Router(every, redirect_slashes=False))  # a redirect would repeat a secret in a header


class Outermost:
    """Around everything: the headers of every answer, and errors that stay inside."""

    def __init__(self, app: ASGIApp) -> None:
        """Around ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        started = False

        async def dressed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                told = [pair for pair in message.get("headers", ()) if pair[0].lower() not in _OURS]
                message = {**message, "headers": [*told, *HEADERS]}
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - nothing of it may reach the outside, or uvicorn's own log
            _log.error("web.failed", error=type(error).__name__, at=place_of(error.__traceback__))
            if not started:
                await PlainTextResponse("Internal Server Error", 500)(scope, receive, dressed)
