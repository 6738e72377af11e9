"""How a CINC site is logged in to (vendors/cinc.md §2): authorization code, form-encoded, tokens that rotate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.ports.credentials import Tokens
from syncd.vendors.login import Consent, Login, TokenRequest, digest_of, oauth2_answer, revealed, with_query

if TYPE_CHECKING:
    from syncd.settings import CincConnection


def login(connection: CincConnection) -> Login | None:
    """The login of kind ``oauth2``, None for a fixed token. Raises ConfigError for a secret that is not there."""
    auth = connection.auth
    if auth.kind == "token":
        return None
    client = {"client_id": auth.client_id, "client_secret": revealed(auth.client_secret)}
    redirect = auth.redirect_uri or ""
    start = revealed(auth.refresh_token)

    def refresh(held: Tokens) -> TokenRequest | None:
        fields = {"grant_type": "refresh_token", "refresh_token": held.refresh, **client}
        return TokenRequest(auth.token_url, fields) if held.refresh else None

    def exchange(code: str) -> TokenRequest:
        fields = {"grant_type": "authorization_code", "code": code, **client}
        return TokenRequest(auth.token_url, fields | {"redirect_uri": redirect, "scope": auth.scope})

    def consent_url(state: str) -> str:
        return with_query(
            auth.auth_url,
            client_id=auth.client_id,
            response_type="code",
            redirect_uri=redirect,
            scope=auth.scope,
            state=state,
        )

    return Login(
        start=Tokens(refresh=start),
        seed=digest_of(auth.client_id, start) if start else "",
        read=oauth2_answer(),
        refresh=refresh,
        consent=Consent(consent_url, exchange, redirect, needs_redirect=True),
    )
