"""Logging in to the simulated account (vendors/chime.md §2): the consent page and ``/oauth/token``."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from syncd.ports.clock import Clock
from syncd.sandbox.message import Ask, Reply
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, TokenDesk

CONSENT, TOKEN = "/page/vendor-auth.html", "/oauth/token"
CUSTOMER_KEY = "sandbox-customer"
FORM = "application/x-www-form-urlencoded"


class OauthApi:
    """The vendor's login.

    Switches: those of `TokenDesk`; ``redirect_uri``: what the vendor has registered for the application;
    ``oauth_answer``: plain | data (inside ``{"data": {}}``); ``client_auth``: any | body | basic.
    """

    def __init__(self, clock: Clock, switches: Mapping[str, Any]) -> None:
        """There are no scopes here."""
        self._switches = switches
        self.desk = TokenDesk(clock, switches, ())

    def knows(self, token: str) -> bool:
        """Whether this is an access token of ours that is good now."""
        return self.desk.scopes(token) is not None

    def consent(self, ask: Ask) -> Reply:
        """The redirect brings a code, and no state."""
        redirect = self._switches["redirect_uri"]
        if ask.one("clientId") != CLIENT_ID or not redirect:
            return Reply({"message": "Bad Request"}, 400)
        return Reply(None, 302, {"location": self.desk.consent(redirect, ())})

    def token(self, ask: Ask) -> Reply:
        """Exchange, refresh and client credentials, form-encoded."""
        form = ask.form() if ask.headers.get("content-type", "").startswith(FORM) else {}
        if not self._is_client(ask, form):
            return Reply({"error": "invalid_client"}, 401)
        given: dict[str, Any] | None = None
        match form.get("grant_type"):
            case "authorization_code":
                given = self.desk.exchange(form.get("code", ""), form.get("redirect_uri"))
            case "refresh_token":
                given = self.desk.refresh(form.get("refresh_token", ""))
            case "client_credentials" if form.get("customer_key") == CUSTOMER_KEY:
                given = self.desk.grant((), refreshable=False)
        if given is None:
            return Reply({"error": "invalid_grant"}, 400)
        return Reply({"code": 0, "data": given} if self._switches["oauth_answer"] == "data" else given)

    def _is_client(self, ask: Ask, form: Mapping[str, str]) -> bool:
        how = self._switches["client_auth"]
        scheme, _, encoded = ask.headers.get("authorization", "").partition(" ")
        if scheme == "Basic" and how in {"any", "basic"} and "client_secret" not in form:
            return b64decode(encoded).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"
        return how in {"any", "body"} and (form.get("client_id"), form.get("client_secret")) == (
            CLIENT_ID,
            CLIENT_SECRET,
        )
