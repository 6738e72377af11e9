"""Whether credentials are still the ones that were refused, without keeping them.

A fingerprint is ``salt$digest``. The digest is slow to compute on purpose: a password must not be guessed from it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from pydantic import BaseModel

from syncd.domain.errors import ConfigError
from syncd.settings.connections import BaseConnection
from syncd.settings.values import Secret

_COST = {"n": 2**13, "r": 8, "p": 1}


def fingerprint(connection: BaseConnection, earlier: str, *more: str) -> str:
    """The fingerprint of a connection's address and credentials, with the salt of an ``earlier`` one ("": a new one).

    more  further secrets that the credentials depend on
    """
    salt = earlier.partition("$")[0] or secrets.token_hex(8)
    parts = [*_texts(getattr(connection, "auth", None)), str(getattr(connection, "base_url", "")), *more]
    digest = hashlib.scrypt("\0".join(parts).encode(), salt=salt.encode(), dklen=16, **_COST)
    return f"{salt}${digest.hex()}"


def _texts(value: Any) -> list[str]:
    """Every setting of the ``auth`` table as text, secrets revealed; one that is not there counts as such."""
    if isinstance(value, Secret):
        try:
            return [value.reveal()]
        except ConfigError:
            return ["(missing)"]
    if isinstance(value, BaseModel):
        return [text for name in type(value).model_fields for text in (name, *_texts(getattr(value, name)))]
    return [str(value)]
