"""Calls to token endpoints: few, small, never logged, and never repeated here.

A refresh token may be spent by a call whose answer is lost, so whoever asks decides whether to ask again. Messages name
neither address nor body: both hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

from syncd.domain.errors import AuthError, TransientError
from syncd.vendors.bodies import content_of, is_broken, parse
from syncd.vendors.login import TokenRequest
from syncd.vendors.transport import open_transport

TIMEOUT_S = 30.0
BODY_BYTES_MAX = 1024 * 1024
LATER = frozenset({408, 425, 429})
"""Refusals that say nothing about the credentials."""
WHAT = "POST token endpoint"
CHECK_URL = "check auth.token_url and the network"
HINTS = {"invalid_client": "check auth.client_id and auth.client_secret"}
"""Words of OAuth 2 where logging in again would not help."""


class TokenWire:
    """The wire to one connection's token endpoint."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport``: the seam for sandboxes; None: a connection for each call, closed after it."""
        self._transport = transport

    async def ask(self, request: TokenRequest) -> Any:
        """The JSON of a 2xx answer. Raises AuthError for a refusal, TransientError where asking again may help."""
        status, body = await self._exchange(request)
        data = parse(body)
        if status in LATER or status >= 500:
            raise TransientError(f"{WHAT}: {status}", status=status, sent=False)
        if 200 <= status < 300 and not is_broken(data):
            return data
        if 200 <= status < 300:
            raise TransientError(f"{WHAT}: {status} no JSON", status=status, sent=False, hint=CHECK_URL)
        if status < 400:
            raise AuthError(f"{WHAT}: {status} redirected elsewhere", status=status, hint=CHECK_URL)
        word = _word(data)
        words = f"{WHAT}: {status} the login is refused{f' ({word})' if word else ''}"
        raise AuthError(words, status=status, hint=HINTS.get(word, ""))

    async def _exchange(self, request: TokenRequest) -> tuple[int, bytes]:
        content, kind = content_of(**{request.encoding: dict(request.fields)})
        try:
            sent = httpx.Request(
                "POST",
                request.url,
                headers={"Accept": "application/json", "User-Agent": "syncd", **kind, **request.headers},
                content=content,
                extensions={"timeout": httpx.Timeout(TIMEOUT_S).as_dict()},
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            raise AuthError(f"{WHAT}: the address cannot be called", hint=CHECK_URL) from None
        transport = self._transport or open_transport(request.url)
        try:
            response = await transport.handle_async_request(sent)
            try:
                body = bytearray()
                response.request = httpx.Request("POST", "http://token")  # decoding errors want one
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > BODY_BYTES_MAX:
                        raise TransientError(f"{WHAT}: an answer too long", sent=False, hint=CHECK_URL)
            finally:
                await response.aclose()
        except httpx.UnsupportedProtocol:
            raise AuthError(f"{WHAT}: the address cannot be called", hint=CHECK_URL) from None
        except httpx.TimeoutException:
            raise TransientError(f"{WHAT}: no answer in time", sent=False, hint=CHECK_URL) from None
        except (httpx.TransportError, httpx.DecodingError):
            raise TransientError(f"{WHAT}: host unreachable or gone", sent=False, hint=CHECK_URL) from None
        finally:
            if self._transport is None:
                await transport.aclose()
        return response.status_code, bytes(body)


def _word(data: Any) -> str:
    """The error word of OAuth 2 (``invalid_grant``), nothing else of an answer that may quote what was sent."""
    found = data.get("error") if isinstance(data, Mapping) else None
    return found if isinstance(found, str) and re.fullmatch(r"[a-z_]{3,40}", found) else ""
