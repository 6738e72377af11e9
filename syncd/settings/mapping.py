"""Whether records are still read and planned the way they were: a fingerprint of what the config says about that."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson

from syncd.settings.connections import BaseConnection
from syncd.settings.models import Settings

ELSEWHERE = frozenset(
    {"auth", "base_url", "rate", "overlap", "scan", "guard", "webhook_secret", "write_guard", "on_delete", "archive"}
)
"""Keys of a connection that say how to call it, or how much, and nothing about what its records mean."""


def mapping_of(settings: Settings, connection: BaseConnection, version: str) -> str:
    """The fingerprint: equal as long as a record means the same. ``version``: of syncd, whose tables may change too."""
    shown: dict[str, Any] = {
        "version": version,
        "connection": connection.model_dump(mode="json", exclude=set(ELSEWHERE)),
        "rules": settings.rules,
        "order": settings.order,
        "agents": settings.agents,
        "blank": settings.sync.blank,
    }
    return blake2b(orjson.dumps(shown, default=str, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
