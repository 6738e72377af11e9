"""The credentials of a connection, as request headers.

A vendor that documents two spellings of the same header gets both tried, in the order of its sheet, and
only while nothing ever worked: once a call succeeded, a refusal means that the token is bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from syncd.domain.errors import ConfigError

STYLE = "auth_style"


class Auth(Protocol):
    """What `Http` asks of credentials. OAuth2 will be a second class beside `TokenAuth`."""

    @property
    def memory(self) -> Mapping[str, Any]:
        """What was learned and should be kept with the connection; no secrets."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """Headers for the next attempt; an expiring token is renewed here."""
        ...

    async def refused(self, used: Mapping[str, str]) -> bool:
        """The vendor refused ``used``. True: `headers` now gives others, try once more."""
        ...

    def accepted(self, used: Mapping[str, str]) -> None:
        """The vendor took ``used``."""
        ...


class SecretLike(Protocol):
    """The settings' ``Secret``: revealed at the last moment."""

    def reveal(self) -> str:
        """The secret itself."""
        ...


class TokenAuth:
    """A fixed token, sent in one of the vendor's header styles; never refreshed."""

    def __init__(
        self,
        token: str,
        styles: Mapping[str, str],
        *,
        style: str = "auto",
        memory: Mapping[str, Any] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Credentials from a token.

        styles  name → value of the ``Authorization`` header with ``{}`` for the token, in the order to try
        style   one of them, or "auto"
        memory  what an earlier adapter of this connection learned
        extra   headers that go out with every call as well
        Raises ConfigError if ``style`` is unknown or the token cannot be a header.
        """
        if style != "auto" and style not in styles:
            raise ConfigError([f"auth: unknown header style {style!r}; known: auto, {', '.join(styles)}"])
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable():
            raise ConfigError(["auth.token: empty, or not a token (only printable ASCII can be sent)"])
        self._made = {
            name: {"Authorization": pattern.replace("{}", token), **(extra or {})} for name, pattern in styles.items()
        }
        self._names = [style] if style != "auto" else list(styles)
        known = (memory or {}).get(STYLE)
        self._worked = known in self._names
        self._at = self._names.index(str(known)) if self._worked else 0

    @property
    def memory(self) -> Mapping[str, Any]:
        """The style that worked, once one did."""
        return {STYLE: self._names[self._at]} if self._worked else {}

    async def headers(self) -> Mapping[str, str]:
        """The headers in the style tried now."""
        return self._made[self._names[self._at]]

    async def refused(self, used: Mapping[str, str]) -> bool:
        """True once per further style while nothing ever worked."""
        if used != self._made[self._names[self._at]]:
            return True  # another call moved on meanwhile
        if self._worked:
            return False
        self._at = (self._at + 1) % len(self._names)
        return self._at != 0

    def accepted(self, used: Mapping[str, str]) -> None:
        """Remember the style that worked."""
        if not self._worked and len(self._names) > 1:
            self._at = next(i for i, name in enumerate(self._names) if self._made[name] == used)
        self._worked = True


def make_auth(
    config: Any,
    styles: Mapping[str, str],
    *,
    style: str = "auto",
    memory: Mapping[str, Any] | None = None,
    extra: Mapping[str, str] | None = None,
) -> Auth:
    """Credentials from a connection's ``auth`` table. Raises ConfigError for a kind that is not there yet.

    ``config`` has ``kind`` and, for tokens, ``token`` with ``reveal()``; the rest is as in `TokenAuth`.
    """
    if config.kind != "token":
        raise ConfigError(
            [f'auth.kind = "{config.kind}" comes with the next release'],
            hint='until then use auth = { kind = "token", token = { env = "…" } }',
        )
    secret: SecretLike = config.token
    return TokenAuth(secret.reveal(), styles, style=style, memory=memory, extra=extra)
