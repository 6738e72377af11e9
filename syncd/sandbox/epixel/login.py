"""Users, and the tokens they log in for: JWTs with an end (vendors/epixel.md §2)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from syncd.ports.clock import Clock

API_KEY = "sandbox-api-key"
USERNAME = "sandbox-user"
PASSWORD = "sandbox-password"  # noqa: S105 -- the sandbox's only one
LOGIN, REFRESH = "/user/login/", "/user/token/refresh/"
KEY = b"sandbox"


class Desk:
    """Hands out tokens as the sandbox's switches say at that moment.

    token_life_s  life of an access token; ``rotation``: a refresh brings a new refresh token, the old one is spent
    revoked       logging in and refreshing are refused, and so is every token
    """

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """Nobody is logged in yet."""
        self._clock, self._switches = clock, switches
        self._number = 0
        self._access: dict[str, float] = {}
        self._refresh: set[str] = set()
        self.logins = 0
        self.refreshes = 0

    def login(self, username: str, password: str) -> dict[str, str] | None:
        """Both tokens; None if the user or the password is wrong."""
        if self._switches["revoked"] or (username, password) != (USERNAME, PASSWORD):
            return None
        self.logins += 1
        return {"refresh": self._new_refresh(), "access": self._new_access()}

    def refresh(self, token: str) -> dict[str, str] | None:
        """A new access token; None for a refresh token that is not (or no longer) good."""
        if self._switches["revoked"] or token not in self._refresh:
            return None
        self.refreshes += 1
        answer = {"access": self._new_access()}
        if self._switches["rotation"]:
            self._refresh.discard(token)
            answer["refresh"] = self._new_refresh()
        return answer

    def good(self, token: str) -> bool:
        """Whether an access token was handed out here and has not ended."""
        ends = self._access.get(token)
        return ends is not None and ends > self._clock.now().timestamp() and not self._switches["revoked"]

    def end_all(self) -> None:
        """Every access token ends now."""
        self._access.clear()

    def _new_access(self) -> str:
        ends = int(self._clock.now().timestamp() + self._switches["token_life_s"])
        token = self._signed({"token_type": "access", "exp": ends, "jti": self._next(), "username": USERNAME})
        self._access[token] = ends
        return token

    def _new_refresh(self) -> str:
        token = self._signed({"token_type": "refresh", "jti": self._next()})
        self._refresh.add(token)
        return token

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _signed(self, claims: Mapping[str, Any]) -> str:
        head = _base64(orjson.dumps({"typ": "JWT", "alg": "HS256"}))
        body = _base64(orjson.dumps(claims))
        return f"{head}.{body}.{_base64(blake2b(f'{head}.{body}'.encode(), key=KEY, digest_size=32).digest())}"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
