"""Logging in to the simulated site (vendors/cinc.md §2), under the site's own address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.ports.clock import Clock
from syncd.sandbox.message import Ask, Reply
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, TokenDesk

AUTHORIZE, TOKEN = "/integrator/authorize", "/integrator/token"
FORM = "application/x-www-form-urlencoded"


class IntegratorApi:
    """``authv2.cincapi.com`` in small. Switches: those of `TokenDesk`, and ``consent``: given | denied."""

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """Scopes are granted as the switch ``scopes`` says, and no more than asked for."""
        self._switches = switches
        self.desk = TokenDesk(clock, switches, tuple(switches["scopes"]))

    def authorize(self, ask: Ask) -> Reply:
        """The browser's part: 302 to ``redirect_uri`` with ``code`` and ``state``."""
        redirect, state = ask.one("redirect_uri"), ask.one("state")
        if ask.one("client_id") != CLIENT_ID or ask.one("response_type") != "code" or not redirect:
            return Reply({"message": "Bad Request"}, 400)
        if self._switches["consent"] == "denied":
            return Reply(None, 302, {"location": f"{redirect}?error=access_denied&state={state}"})
        scopes = tuple(scope for scope in ask.one("scope").split() if scope in self._switches["scopes"])
        return Reply(None, 302, {"location": self.desk.consent(redirect, scopes, state=state)})

    def token(self, ask: Ask) -> Reply:
        """Exchange and refresh, form-encoded."""
        form = ask.form() if ask.headers.get("content-type", "").startswith(FORM) else {}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return Reply({"error": "invalid_client"}, 401)
        given: dict[str, Any] | None = None
        match form.get("grant_type"):
            case "authorization_code":
                given = self.desk.exchange(form.get("code", ""), form.get("redirect_uri", ""))
            case "refresh_token":
                given = self.desk.refresh(form.get("refresh_token", ""))
        if given is None:
            return Reply({"error": "invalid_grant"}, 400)
        scopes = self.desk.scopes(given["access_token"]) or ()
        return Reply({**given, "scope": " ".join(scopes)})
