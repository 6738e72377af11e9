"""The two token endpoints of the simulated account (vendors/mycrm.md §2).

``client_credentials`` gives a token that dies after half an hour and nothing to renew it with; ``password`` gives a
refresh token as well.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from syncd.ports.clock import Clock
from syncd.sandbox.message import Ask, Reply

TOKEN = "/token"  # noqa: S105 -- a path
KEY_TOKEN = "/auth/oauth/v1/token"  # noqa: S105 -- a path
API_KEY, API_SECRET = "sandbox-key", "sandbox-key-secret"
DOMAIN, USERNAME, PASSWORD = "sandbox", "sandy@example.com", "sandbox-password"


class Tokens:
    """Hands out tokens and knows which are alive. ``token_life_s`` among the switches is their life."""

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """No token is out yet."""
        self._clock, self._switches = clock, switches
        self._made = 0
        self._alive_until: dict[str, datetime] = {}
        self._refresh: set[str] = set()
        self.granted: list[str] = []
        """The grant types that were answered with a token, in order."""

    def alive(self, token: str) -> bool:
        """Whether calls with this token are taken."""
        until = self._alive_until.get(token)
        return until is not None and self._clock.now() < until

    def revoke(self) -> None:
        """Every token is refused from now on."""
        self._alive_until.clear()
        self._refresh.clear()

    def by_key(self, ask: Ask) -> Reply:
        """POST with ``Authorization: Basic`` of API key and secret."""
        body = ask.json()
        if not isinstance(body, Mapping) or body.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type")
        if body.get("scope") != "openid" or _basic(ask) != f"{API_KEY}:{API_SECRET}":
            return _refused(401, "invalid_client")
        return self._grant("client_credentials", refreshable=False)

    def by_password(self, ask: Ask) -> Reply:
        """POST with a user's name and password, or with a refresh token."""
        body = ask.json()
        if not isinstance(body, Mapping) or body.get("domain") != DOMAIN or body.get("scope") != "offline":
            return _refused(400, "invalid_request")
        if body.get("grant_type") == "password":
            if (body.get("username"), body.get("password")) != (USERNAME, PASSWORD):
                return _refused(401, "invalid_grant")
            return self._grant("password", refreshable=True)
        if body.get("grant_type") == "refresh_token":
            if body.get("refresh_token") not in self._refresh:
                return _refused(400, "invalid_grant")
            return self._grant("refresh_token", refreshable=True)
        return _refused(400, "unsupported_grant_type")

    def _grant(self, kind: str, *, refreshable: bool) -> Reply:
        life_s = float(self._switches["token_life_s"])
        self._made += 1
        access = f"mycrm-access-{self._made}"
        self._alive_until[access] = self._clock.now() + timedelta(seconds=life_s)
        self.granted.append(kind)
        answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": int(life_s)}
        if refreshable:
            answer["refresh_token"] = f"mycrm-refresh-{self._made}"
            self._refresh.add(answer["refresh_token"])
            if not self._switches["password_tells_life"]:
                del answer["expires_in"]
        return Reply(answer)


def _basic(ask: Ask) -> str:
    kind, _, encoded = ask.headers.get("authorization", "").partition(" ")
    try:
        return b64decode(encoded, validate=True).decode() if kind == "Basic" else ""
    except (BinasciiError, UnicodeDecodeError):
        return ""


def _refused(status: int, code: str) -> Reply:
    return Reply({"code": status, "message": "The credentials are invalid.", "error": code}, status)
