"""The operator's token before everything that is neither a hook nor health."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from syncd.ports.hooks import same


class Bearer:
    """Lets through who knows the token; without a token, nobody."""

    def __init__(self, app: ASGIApp, token: Callable[[], str]) -> None:
        """Before ``app``. ``token`` gives the one in force, "" if there is none."""
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        scheme, _, said = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(said.strip(), self._token()):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse("Unauthorized", 401, {"www-authenticate": 'Bearer realm="syncd"'})
        await refusal(scope, receive, send)


def behind_login(routes: Iterable[Route | Mount], token: Callable[[], str]) -> list[Route | Mount]:
    """The same routes behind the token. Their paths and methods are no secret: 404 and 405 come without it."""
    guarded: list[Route | Mount] = []
    for route in routes:
        behind = copy.copy(route)
        behind.app = Bearer(route.app, token)
        guarded.append(behind)
    return guarded
