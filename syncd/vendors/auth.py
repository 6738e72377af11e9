"""The credentials of a connection, as request headers.

A vendor that documents two spellings of the same header gets both tried, in the order of its sheet, and
only while nothing ever worked: once a call succeeded, a refusal means that the token is bad.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from syncd.domain.errors import ConfigError
from syncd.vendors.login import SecretLike

STYLE = "auth_style"


class Auth(Protocol):
    """What `Http` asks of credentials: `TokenAuth` here, `RenewingAuth` in renewing.py."""

    @property
    def memory(self) -> Mapping[str, Any]:
        """What was learned and should be kept with the connection; no secrets."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """Headers for the next attempt; an expiring token is renewed here."""
        ...

    async def refused(self, used: Mapping[str, str], before: Collection[Mapping[str, str]] = ()) -> bool:
        """The vendor refused ``used``, and ``before`` for this same call. True: `headers` gives others, try again."""
        ...

    def accepted(self, used: Mapping[str, str]) -> None:
        """The vendor took ``used``."""
        ...


class Styles:
    """The spellings of a vendor's header, and which of them is tried now."""

    def __init__(
        self,
        patterns: Mapping[str, str],
        *,
        style: str = "auto",
        memory: Mapping[str, Any] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Raises ConfigError if ``style`` is unknown; the arguments are those of `TokenAuth`."""
        if style != "auto" and style not in patterns:
            raise ConfigError([f"auth: unknown header style {style!r}; known: auto, {', '.join(patterns)}"])
        self._patterns, self._extra = patterns, dict(extra or {})
        self._names = [style] if style != "auto" else list(patterns)
        known = (memory or {}).get(STYLE)
        self._proven = known in self._names
        self._at = self._names.index(str(known)) if self._proven else 0
        self._spent = False

    @property
    def memory(self) -> Mapping[str, Any]:
        """The style that worked, once one did."""
        return {STYLE: self._names[self._at]} if self._proven else {}

    def headers(self, token: str) -> Mapping[str, str]:
        """The headers in the style tried now."""
        return self._made(self._names[self._at], token)

    def next(self) -> bool:
        """Go on to the next style; False if one is known to be right, or all were tried."""
        if self._proven or self._spent:
            return False
        self._at = (self._at + 1) % len(self._names)
        self._spent = self._at == 0
        return not self._spent

    def worked(self, used: Mapping[str, str], token: str) -> None:
        """A call succeeded with these headers."""
        if not self._proven:
            found = (i for i, name in enumerate(self._names) if self._made(name, token) == used)
            self._at = next(found, self._at)
        self._proven = True

    def _made(self, name: str, token: str) -> Mapping[str, str]:
        return {"Authorization": self._patterns[name].replace("{}", token), **self._extra}


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
        self._styles = Styles(styles, style=style, memory=memory, extra=extra)
        self._token = token.strip()
        if not self._token or not self._token.isascii() or not self._token.isprintable():
            raise ConfigError(["auth.token: empty, or not a token (only printable ASCII can be sent)"])

    @property
    def memory(self) -> Mapping[str, Any]:
        """The style that worked, once one did."""
        return self._styles.memory

    async def headers(self) -> Mapping[str, str]:
        """The headers in the style tried now."""
        return self._styles.headers(self._token)

    async def refused(self, used: Mapping[str, str], before: Collection[Mapping[str, str]] = ()) -> bool:  # noqa: ARG002
        """True once per further style while nothing ever worked."""
        if used != self._styles.headers(self._token):
            return True  # another call moved on meanwhile
        return self._styles.next()

    def accepted(self, used: Mapping[str, str]) -> None:
        """Remember the style that worked."""
        self._styles.worked(used, self._token)


def make_auth(
    config: Any,
    styles: Mapping[str, str],
    *,
    style: str = "auto",
    memory: Mapping[str, Any] | None = None,
    extra: Mapping[str, str] | None = None,
) -> Auth:
    """Credentials from an ``auth`` table of kind ``token``. Raises ConfigError for any other kind.

    ``config`` has ``kind`` and ``token`` with ``reveal()``; the rest is as in `TokenAuth`. Kinds that renew their
    tokens are the business of `renewing.credentials`.
    """
    if config.kind != "token":
        raise ConfigError(
            [f'auth.kind = "{config.kind}" cannot be used here'],
            hint='use auth = { kind = "token", token = { env = "…" } }',
        )
    secret: SecretLike = config.token
    return TokenAuth(secret.reveal(), styles, style=style, memory=memory, extra=extra)
