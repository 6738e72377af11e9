"""How a vendor is logged in to, as data: what to ask its token endpoint for and how to read the answer.

Each vendor's ``login.py`` returns one `Login` for a connection; nothing here or there does any I/O. `renewing.py`
carries it out, the same way for everybody.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from syncd.domain.errors import UnreadableError
from syncd.ports.credentials import Tokens

Encoding = Literal["form", "json", "multipart"]
MARGIN_S = 60.0
REFUSED = frozenset({400, 401})


class SecretLike(Protocol):
    """The settings' ``Secret``: revealed at the last moment."""

    def reveal(self) -> str:
        """The secret itself."""
        ...


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One POST to a token endpoint. Nothing of it is ever shown."""

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    encoding: Encoding = "form"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Consent:
    """The part of an authorization code login that happens in a browser.

    url        state → the address a person opens
    exchange   the code that came back → what to ask the token endpoint
    redirect   where the vendor sends the browser; "" if the vendor alone knows
    echoes     whether the vendor is known to send ``state`` back, so that a redirect without it is refused
    needs_redirect  whether nobody can consent without ``redirect``
    proposes   further parameters of the redirect that belong into the config
    """

    url: Callable[[str], str]
    exchange: Callable[[str], TokenRequest]
    redirect: str = ""
    echoes: bool = True
    needs_redirect: bool = False
    proposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """How the tokens of one connection are come by.

    start     what the config itself holds to begin with (blank tokens if nothing)
    seed      digest of what the config holds: tokens that stem from something else are not used; "" fits all
    refresh   from the tokens held to what buys the next ones; None if these cannot be refreshed
    fresh     what asks for tokens with nothing but the config; None where a person has to consent
    consent   how a person consents; None where nobody has to
    read      the endpoint's answer, the tokens held before, now → new tokens; raises UnreadableError
    hint      what a person checks when the endpoint refuses ``fresh``
    """

    start: Tokens
    seed: str
    read: Callable[[Any, Tokens, datetime], Tokens]
    refresh: Callable[[Tokens], TokenRequest | None]
    fresh: Callable[[], TokenRequest] | None = None
    consent: Consent | None = None
    hint: str = ""


def digest_of(*parts: str) -> str:
    """A digest of values of the config; kept encrypted beside the tokens. "" if all of them are empty."""
    if not any(parts):
        return ""
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def revealed(secret: SecretLike | None) -> str:
    """A secret without white space around it, "" if there is none. Raises ConfigError if it cannot be read."""
    return "" if secret is None else secret.reveal().strip()


def basic(user: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")}


def with_query(url: str, **parameters: str) -> str:
    """An address with further parameters; those it has already stay as they are, empty ones are left out."""
    parts = urlsplit(url)
    there = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    more = urlencode({n: v for n, v in parameters.items() if v and n not in there}, quote_via=quote)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, more)))))


def oauth2_answer(
    *, life_s: float | None = None, margin: Callable[[float], float] | None = None
) -> Callable[[Any, Tokens, datetime], Tokens]:
    """Reads ``{"access_token","refresh_token"?,"expires_in"?,"scope"?}``, bare or inside another object.

    life_s  what holds where ``expires_in`` is absent; None: until it is refused
    margin  life in seconds → how long before its end to renew; default 60 s, for short lives half of it
    """

    def read(body: Any, held: Tokens, now: datetime) -> Tokens:
        table = inner(body, "access_token")
        access = text_of(table, "access_token")
        if not access:
            raise UnreadableError("the token endpoint's answer holds no access token")
        told = seconds_of(table.get("expires_in"))
        return lasting(
            Tokens(
                access=access,
                refresh=text_of(table, "refresh_token") or held.refresh,
                scope=_scope(table.get("scope")) or held.scope,
                who=held.who,
            ),
            told if told is not None else life_s,
            now,
            margin,
        )

    return read


def lasting(
    tokens: Tokens, life_s: float | None, now: datetime, margin: Callable[[float], float] | None = None
) -> Tokens:
    """The tokens with their times: how long they live and when to renew them. ``life_s`` None: nobody knows."""
    if life_s is None:
        return tokens
    early_s = margin(life_s) if margin is not None else min(MARGIN_S, life_s / 2)
    return Tokens(
        access=tokens.access,
        refresh=tokens.refresh,
        renew_at=now + timedelta(seconds=max(0.0, life_s - early_s)),
        expires_at=now + timedelta(seconds=life_s),
        scope=tokens.scope,
        who=tokens.who,
        seed=tokens.seed,
    )


def inner(body: Any, key: str) -> Mapping[str, Any]:
    """The object that has ``key``: the answer itself, its ``data`` or its ``body`` (vendors/cinc.md §1).

    Raises UnreadableError for what is no object.
    """
    if isinstance(body, Mapping):
        within = (body.get(name) for name in ("data", "body") if key not in body)
        return next((found for found in within if isinstance(found, Mapping)), body)
    raise UnreadableError("the token endpoint's answer is no object")


def text_of(table: Mapping[str, Any], key: str) -> str:
    """A token, "" if it is not there or could not be sent in a header."""
    value = table.get(key)
    text = value.strip() if isinstance(value, str) else ""
    return text if text.isascii() and text.isprintable() else ""


def seconds_of(value: Any) -> float | None:
    """A life in seconds, a number or digits; None for anything that is not a positive one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 < seconds < 1e10 and not math.isnan(seconds) else None


def _scope(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(item for item in value if isinstance(item, str))
    return value.strip() if isinstance(value, str) else ""
