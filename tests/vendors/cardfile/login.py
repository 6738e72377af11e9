"""How a card file is logged in to: with a fixed token, so there is nothing to do."""

from __future__ import annotations

from syncd.vendors.login import Login


def login(_connection: object) -> Login | None:
    """None: tokens are neither bought nor renewed."""
    return None
