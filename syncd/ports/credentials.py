"""Where tokens that are renewed live between two runs, and who may renew them.

A refresh token may be good for one use only. So renewing happens under a lock that all processes share, a new token is
kept before it is used, and whoever waited for the lock looks first whether the work is done already.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login gave. Neither token ever shows in a message.

    access      sent with every call; "" if there is none yet
    refresh     buys the next access token; "" where a vendor has none
    renew_at    from when on a new access token should be asked for; None: when it is refused
    expires_at  when the vendor stops taking the access token, if it said so
    scope       what was granted, as the vendor lists it
    who         whom the vendor says they belong to, once it was asked
    seed        digest of the config's own values they stem from: other values there replace them
    """

    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    renew_at: datetime | None = None
    expires_at: datetime | None = None
    scope: str = ""
    who: str = ""
    seed: str = ""


class Vault(Protocol):
    """A connection's tokens while nobody else may renew them."""

    async def read(self) -> Tokens | None:
        """The tokens kept last, None if there are none. Raises AuthError if they cannot be decrypted."""
        ...

    async def save(self, tokens: Tokens) -> None:
        """Keep tokens, encrypted; they are safe when this returns."""
        ...


class Credentials(Protocol):
    """The tokens of all connections."""

    async def read(self, connection: str) -> Tokens | None:
        """The tokens kept last, without any lock. Raises AuthError if they cannot be decrypted."""
        ...

    def exclusively(self, connection: str) -> AbstractAsyncContextManager[Vault]:
        """Wait until nobody else, in any process, renews this connection's tokens, and keep them from it.

        Raises AuthError where nothing could be kept (no key), so that no token is spent in vain.
        """
        ...


class HookSecrets(Protocol):
    """The webhook secrets that were generated because the config names none."""

    async def webhook_secret(self, connection: str) -> str:
        """The secret kept for a connection, "" if there is none. Raises AuthError if it cannot be decrypted."""
        ...

    async def make_webhook_secret(self, connection: str) -> str:
        """The secret kept for a connection; a new one if there is none, the same for all who ask at once."""
        ...

    async def drop_webhook_secret(self, connection: str) -> None:
        """Forget the secret: nobody calls with it any more."""
        ...
