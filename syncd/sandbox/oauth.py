"""An OAuth 2 server for simulated vendors: codes, access tokens that end, refresh tokens good for one use.

It knows one application and keeps who may do what; how requests and answers look is the vendor's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from syncd.ports.clock import Clock

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-client-secret"
FIRST_REFRESH = "sandbox-refresh-0"
"""A refresh token that is good from the beginning, for configs that name one."""
CODE_LIFE_S = 60.0


@dataclass(slots=True)
class Granted:
    """What one login may do, and until when its newest access token lives (None: for ever)."""

    scopes: tuple[str, ...]
    ends: datetime | None = None


class TokenDesk:
    """Hands out codes and tokens, as the sandbox's own switches say at that moment.

    token_life_s   life of an access token; None: for ever, and answers do not say
    rotation       a refresh brings a new refresh token, and the old one is spent
    revoked        every token and refresh token is refused, as if the user had withdrawn consent
    """

    def __init__(self, clock: Clock, switches: Mapping[str, Any], scopes: tuple[str, ...]) -> None:
        """A desk that knows `FIRST_REFRESH`, good for ``scopes``."""
        self._clock, self._switches = clock, switches
        self._number = 0
        self._codes: dict[str, tuple[str, tuple[str, ...], datetime]] = {}
        self._access: dict[str, Granted] = {}
        self._refresh: dict[str, tuple[str, ...]] = {FIRST_REFRESH: scopes}
        self.refreshes = 0
        """Refreshes that succeeded."""
        self.refused = 0
        """Token requests that were refused."""

    def consent(self, redirect: str, scopes: tuple[str, ...], **more: str) -> str:
        """The address the browser is sent to once the user has agreed (they always do)."""
        code = self._new("code")
        self._codes[code] = (redirect, scopes, self._clock.now() + timedelta(seconds=CODE_LIFE_S))
        query = urlencode({"code": code, **{k: v for k, v in more.items() if v}}, quote_via=quote)
        return f"{redirect}{'&' if '?' in redirect else '?'}{query}"

    def exchange(self, code: str, redirect: str | None) -> dict[str, Any] | None:
        """Tokens for a code, once; ``redirect`` None: not compared. None if it is refused."""
        meant, scopes, until = self._codes.pop(code, ("", (), self._clock.now()))
        if until <= self._clock.now() or (redirect is not None and redirect != meant):
            self.refused += 1
            return None
        return self.grant(scopes, refreshable=True)

    def refresh(self, token: str) -> dict[str, Any] | None:
        """Tokens for a refresh token; None if it is unknown, spent or revoked."""
        scopes = self._refresh.get(token)
        if scopes is None or self._switches["revoked"]:
            self.refused += 1
            return None
        rotates = bool(self._switches["rotation"])
        if rotates:
            del self._refresh[token]
        self.refreshes += 1
        return self.grant(scopes, refreshable=rotates)

    def grant(self, scopes: tuple[str, ...], *, refreshable: bool) -> dict[str, Any] | None:
        """A new access token, with a new refresh token if ``refreshable``."""
        if self._switches["revoked"]:
            self.refused += 1
            return None
        life_s = self._switches["token_life_s"]
        access = self._new("access")
        ends = None if life_s is None else self._clock.now() + timedelta(seconds=life_s)
        self._access[access] = Granted(scopes, ends)
        answer: dict[str, Any] = {"access_token": access, "token_type": "bearer"}
        if life_s is not None:
            answer["expires_in"] = life_s
        if refreshable:
            answer["refresh_token"] = self._new("refresh")
            self._refresh[answer["refresh_token"]] = scopes
        return answer

    def scopes(self, access: str) -> tuple[str, ...] | None:
        """What an access token may do; None if it is unknown, has ended or was revoked."""
        granted = self._access.get(access)
        if granted is None or self._switches["revoked"]:
            return None
        return granted.scopes if granted.ends is None or granted.ends > self._clock.now() else None

    def end_all(self) -> None:
        """Every access token ends now; refresh tokens stay good."""
        self._access.clear()

    def forget_all(self) -> None:
        """Access and refresh tokens handed out so far are good for nothing; new consents are."""
        self._access.clear()
        self._refresh.clear()

    def _new(self, what: str) -> str:
        self._number += 1
        return f"sandbox-{what}-{self._number}"
