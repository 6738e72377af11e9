"""How a Chime or Lofty account is logged in to (vendors/chime.md §2): authorization code or client credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.ports.credentials import Tokens
from syncd.vendors.login import (
    Consent,
    Login,
    TokenRequest,
    basic,
    digest_of,
    oauth2_answer,
    revealed,
    with_query,
)

if TYPE_CHECKING:
    from syncd.settings import ChimeConnection

CONSENT_PAGE = "https://lofty.com/page/vendor-auth.html"


def login(connection: ChimeConnection) -> Login | None:
    """The login of kind ``oauth2``, None for an API key. Raises ConfigError for a secret that is not there."""
    auth = connection.auth
    if auth.kind == "token":
        return None
    token_url = auth.token_url or f"{connection.base_url}/oauth/token"
    secret, customer = revealed(auth.client_secret), revealed(auth.customer_key)
    in_body = auth.client_auth == "body"
    client = {"client_id": auth.client_id, "client_secret": secret} if in_body else {}
    headers = {} if in_body else basic(auth.client_id, secret)
    redirect = auth.redirect_uri or ""
    start = Tokens(access=revealed(auth.access_token), refresh=revealed(auth.refresh_token))

    def ask(grant: str, **more: str) -> TokenRequest:
        fields = {"grant_type": grant, **client, **{name: value for name, value in more.items() if value}}
        return TokenRequest(token_url, fields, headers=headers)

    if auth.grant == "client_credentials":
        # A refresh token that comes along is not needed: what the config holds buys the next token too.
        return Login(
            start=Tokens(access=start.access),
            seed=digest_of(auth.grant, auth.client_id, secret, customer, start.access),
            read=oauth2_answer(),
            refresh=lambda _held: None,
            fresh=lambda: ask("client_credentials", customer_key=customer),
            hint="check auth.client_id, auth.client_secret and auth.customer_key",
        )

    def consent_url(state: str) -> str:
        page = auth.auth_url or CONSENT_PAGE
        return with_query(page, clientId=auth.client_id, redirect_uri=redirect, state=state)

    return Login(
        start=start,
        seed=digest_of(auth.client_id, start.refresh, start.access) if start.refresh or start.access else "",
        read=oauth2_answer(),
        refresh=lambda held: ask("refresh_token", refresh_token=held.refresh) if held.refresh else None,
        consent=Consent(
            consent_url,
            lambda code: ask("authorization_code", code=code, redirect_uri=redirect),
            redirect,
            echoes=False,  # the sheet knows nothing of a state
        ),
    )
