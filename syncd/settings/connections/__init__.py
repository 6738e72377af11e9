"""One class per vendor that can be connected, each in a file of its own, holding every key of that vendor's sheet.

A new vendor adds a file here and its class to `Connection` and `VENDORS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator

from syncd.settings.connections.base import Archive, BaseConnection, Filter, Guard, OAuth2Auth, TokenAuth
from syncd.settings.connections.chime import ChimeConnection, ChimeOAuth2Auth, ChimeTokenAuth, CreateDefaults
from syncd.settings.connections.cinc import CincConnection, CincOAuth2Auth, CincTokenAuth

__all__ = [
    "LATER",
    "VENDORS",
    "Archive",
    "BaseConnection",
    "ChimeConnection",
    "ChimeOAuth2Auth",
    "ChimeTokenAuth",
    "CincConnection",
    "CincOAuth2Auth",
    "CincTokenAuth",
    "Connection",
    "CreateDefaults",
    "Filter",
    "Guard",
    "OAuth2Auth",
    "TokenAuth",
]

LATER = ("mycrm", "rechat", "epixel")
"""Vendors that are designed but not built yet."""

Connection = Annotated[CincConnection | ChimeConnection, Discriminator("vendor")]
"""Any connection; ``vendor`` tells which."""
VENDORS: Mapping[str, type[CincConnection | ChimeConnection]] = {"cinc": CincConnection, "chime": ChimeConnection}
