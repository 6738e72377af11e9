"""Logging in to the simulated web app (vendors/rechat.md §2): consent page and token endpoint, both JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from syncd.ports.clock import Clock
from syncd.sandbox.message import Ask, Reply
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, TokenDesk
from syncd.sandbox.rechat.ids import BRAND

AUTHORIZE, TOKEN = "/oauth2/auth", "/oauth2/token"
SCOPES = ("all",)


class WebApp:
    """``app.rechat.com`` in small. Switches: those of `TokenDesk`, and ``consent``: given | denied."""

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """Nobody has logged in yet."""
        self._switches = switches
        self.desk = TokenDesk(clock, switches, SCOPES)

    def authorize(self, ask: Ask) -> Reply:
        """The browser's part: 302 to ``redirect_uri`` with ``code`` and ``brand``."""
        redirect = ask.one("redirect_uri")
        if ask.one("client_id") != CLIENT_ID or ask.one("response_type") != "code" or not redirect:
            return refusal(400, "BadRequest", "Invalid request")
        if self._switches["consent"] == "denied":
            return Reply(None, 302, {"location": f"{redirect}{'&' if '?' in redirect else '?'}error=access_denied"})
        return Reply(None, 302, {"location": self.desk.consent(redirect, SCOPES, brand=BRAND)})

    def token(self, ask: Ask, user: Mapping[str, Any]) -> Reply:
        """Exchange and refresh; the body is JSON and nothing else."""
        try:
            body = ask.json()
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, Mapping):
            return refusal(400, "BadRequest", "Invalid body")
        if (body.get("client_id"), body.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return refusal(401, "Unauthorized", "Invalid client")
        given: dict[str, Any] | None = None
        match body.get("grant_type"):
            case "authorization_code":
                given = self.desk.exchange(str(body.get("code")), str(body.get("redirect_uri")))
            case "refresh_token":
                given = self.desk.refresh(str(body.get("refresh_token")))
        if given is None:
            return refusal(401, "Unauthorized", "Invalid grant")
        given.pop("token_type", None)
        return Reply({**given, "code": "OK", "data": dict(user)})

    def knows(self, token: str) -> bool:
        """Whether an access token is good."""
        return self.desk.scopes(token) is not None


def refusal(status: int, code: str, message: str) -> Reply:
    """An error as Rechat words it (vendors/rechat.md §12)."""
    return Reply({"trace": False, "http": status, "message": message, "code": code, "slack": False}, status)
