"""How a Rechat brand is logged in to (vendors/rechat.md §2): authorization code, JSON, at the web app's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.ports.credentials import Tokens
from syncd.vendors.login import Consent, Login, TokenRequest, digest_of, oauth2_answer, revealed, with_query

if TYPE_CHECKING:
    from syncd.settings.connections.rechat import RechatConnection

LIFE_S = 2_678_400.0
"""31 days, where ``expires_in`` is missing."""
LEFT = 0.1
"""Share of its life at which a token is renewed."""
TOKEN_URL, AUTH_URL = "https://app.rechat.com/oauth2/token", "https://app.rechat.com/oauth2/auth"


def login(connection: RechatConnection) -> Login | None:
    """The login of kind ``oauth2``, None for a fixed token. Raises ConfigError for a secret that is not there."""
    auth = connection.auth
    if auth.kind == "token":
        return None
    token_url, auth_url, redirect = auth.token_url or TOKEN_URL, auth.auth_url or AUTH_URL, auth.redirect_uri or ""
    client = {"client_id": auth.client_id, "client_secret": revealed(auth.client_secret)}
    start = Tokens(access=revealed(auth.access_token), refresh=revealed(auth.refresh_token))

    def refresh(held: Tokens) -> TokenRequest | None:
        fields = {"grant_type": "refresh_token", "refresh_token": held.refresh, **client}
        return TokenRequest(token_url, fields, "json") if held.refresh else None

    def exchange(code: str) -> TokenRequest:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, **client}
        return TokenRequest(token_url, fields, "json")

    def consent_url(state: str) -> str:
        return with_query(auth_url, client_id=auth.client_id, redirect_uri=redirect, response_type="code", state=state)

    return Login(
        start=start,
        seed=digest_of(auth.client_id, start.refresh, start.access) if start.refresh or start.access else "",
        read=oauth2_answer(life_s=LIFE_S, margin=lambda life_s: LEFT * life_s),
        refresh=refresh,
        # The sheet's redirect has no state in it.
        consent=Consent(consent_url, exchange, redirect, echoes=False, needs_redirect=True, proposes=("brand",)),
    )
