"""How MyCRM is logged in to (vendors/mycrm.md §2): an API key with its secret, or a user's password on old accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.ports.credentials import Tokens
from syncd.vendors.login import Login, TokenRequest, basic, digest_of, oauth2_answer, revealed

if TYPE_CHECKING:
    from syncd.settings.connections.mycrm import MyCrmClientCredentialsAuth, MyCrmConnection, MyCrmPasswordAuth

LIFE_S = 1800.0
"""Where ``expires_in`` is missing."""


def login(connection: MyCrmConnection) -> Login | None:
    """The login of the connection's kind, None for a fixed token. Raises ConfigError for a secret that is not there."""
    auth = connection.auth
    if auth.kind == "token":
        return None
    if auth.kind == "client_credentials":
        return _by_key(auth)
    return _by_password(auth, auth.token_url or f"{connection.base_url}/token")


def _by_key(auth: MyCrmClientCredentialsAuth) -> Login:
    """There is no refresh token: the next access token is asked for like the first."""
    secret = revealed(auth.client_secret)
    request = TokenRequest(
        auth.token_url,
        {"scope": "openid", "grant_type": "client_credentials"},
        "json",
        basic(auth.client_id, secret),
    )
    return Login(
        start=Tokens(),
        seed=digest_of(auth.kind, auth.client_id, secret, auth.token_url),
        read=oauth2_answer(life_s=LIFE_S),
        refresh=lambda _held: None,
        fresh=lambda: request,
        hint="check the API key and secret",
    )


def _by_password(auth: MyCrmPasswordAuth, token_url: str) -> Login:
    """A refresh that fails for whatever reason is followed by a login."""
    password = revealed(auth.password)
    user = {"domain": auth.domain, "username": auth.username, "password": password}

    def refresh(held: Tokens) -> TokenRequest | None:
        if not held.refresh:
            return None
        fields = {"grant_type": "refresh_token", "refresh_token": held.refresh, "domain": auth.domain}
        return TokenRequest(token_url, fields | {"scope": "offline"}, "json")

    return Login(
        start=Tokens(),
        seed=digest_of(auth.kind, token_url, *user.values()),
        read=oauth2_answer(life_s=LIFE_S),
        refresh=refresh,
        fresh=lambda: TokenRequest(token_url, {"grant_type": "password", **user, "scope": "offline"}, "json"),
        hint="check the domain, the user and the password",
    )
