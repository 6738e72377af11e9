"""How an Epixel installation is logged in to (vendors/epixel.md §2): a user's password, tokens that are JWTs."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from syncd.domain.errors import AuthError, TransientError, UnreadableError
from syncd.ports.credentials import Tokens
from syncd.vendors.epixel.refusals import CHECK, status_of
from syncd.vendors.login import Login, TokenRequest, digest_of, inner, lasting, revealed, text_of

if TYPE_CHECKING:
    from syncd.settings.connections.epixel import EpixelConnection


def login(connection: EpixelConnection) -> Login | None:
    """The login of kind ``password``, None for a fixed token. Raises ConfigError for a secret that is not there."""
    auth = connection.auth
    if auth.kind == "token":
        return None
    api_key, password = revealed(auth.api_key), revealed(auth.password)
    token_url = auth.token_url or f"{connection.base_url}/user/login/"
    headers = {"apikey": api_key}
    body = connection.body

    def refresh(held: Tokens) -> TokenRequest | None:
        if not auth.refresh_url or not held.refresh:
            return None
        return TokenRequest(auth.refresh_url, {"refresh": held.refresh}, body, headers)

    return Login(
        start=Tokens(),
        seed=digest_of(auth.kind, token_url, api_key, auth.username, password),
        read=read,
        refresh=refresh,
        fresh=lambda: TokenRequest(token_url, {"username": auth.username, "password": password}, body, headers),
        hint=CHECK,
    )


def read(body: Any, held: Tokens, now: datetime) -> Tokens:
    """``{"access","refresh"?}``, bare or inside the envelope's ``data``.

    Raises AuthError or TransientError for an envelope that says so inside a 200 (§3), else UnreadableError.
    """
    refusal = status_of(200, body)
    if refusal >= 500 or refusal == 429:
        raise TransientError("the login could not be answered", status=refusal, sent=False)
    if refusal >= 400:
        raise AuthError("the login is refused", status=refusal)
    table = inner(body, "access")
    access = text_of(table, "access")
    if not access:
        raise UnreadableError("the login's answer holds no access token")
    ends = _ends(access)
    # An end that is past on our clock tells of clocks, not of the token: it is used until it is refused.
    life_s = ends - now.timestamp() if ends is not None and ends > now.timestamp() else None
    return lasting(Tokens(access=access, refresh=text_of(table, "refresh") or held.refresh, who=held.who), life_s, now)


def _ends(token: str) -> float | None:
    """``exp`` of a JWT in epoch seconds; None for anything else. It only says when to renew: no need to trust it."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = orjson.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    ends = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(ends, bool) or not isinstance(ends, int | float) or not 0 < ends < 1e11:
        return None
    return float(ends)
