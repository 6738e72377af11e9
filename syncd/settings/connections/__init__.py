"""One class per vendor that can be connected, each in a file of its own, holding every key of that vendor's sheet.

A new vendor adds a file here and its class to `VENDORS` (docs/adding-a-vendor.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator

from syncd.settings.connections.base import Archive, BaseConnection, Filter, Guard, OAuth2Auth, TokenAuth
from syncd.settings.connections.chime import ChimeConnection, ChimeOAuth2Auth, ChimeTokenAuth, CreateDefaults
from syncd.settings.connections.cinc import CincConnection, CincOAuth2Auth, CincTokenAuth
from syncd.settings.connections.epixel import EpixelConnection, EpixelPasswordAuth, EpixelTokenAuth
from syncd.settings.connections.mycrm import (
    MyCrmClientCredentialsAuth,
    MyCrmConnection,
    MyCrmCreateDefaults,
    MyCrmPasswordAuth,
    MyCrmPreferenceDefaults,
    MyCrmTokenAuth,
)
from syncd.settings.connections.rechat import RechatConnection, RechatOAuth2Auth, RechatTokenAuth

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
    "EpixelConnection",
    "EpixelPasswordAuth",
    "EpixelTokenAuth",
    "Filter",
    "Guard",
    "MyCrmClientCredentialsAuth",
    "MyCrmConnection",
    "MyCrmCreateDefaults",
    "MyCrmPasswordAuth",
    "MyCrmPreferenceDefaults",
    "MyCrmTokenAuth",
    "OAuth2Auth",
    "RechatConnection",
    "RechatOAuth2Auth",
    "RechatTokenAuth",
    "TokenAuth",
]

LATER: tuple[str, ...] = ()
"""Vendors that are designed but not built yet."""

VENDORS: Mapping[str, type[BaseConnection]] = {
    "cinc": CincConnection,
    "chime": ChimeConnection,
    "mycrm": MyCrmConnection,
    "rechat": RechatConnection,
    "epixel": EpixelConnection,
}

if TYPE_CHECKING:
    Connection = BaseConnection
else:
    Connection = Annotated[Union[tuple(VENDORS.values())], Discriminator("vendor")]  # noqa: UP007 -- made at run time
    """Any connection; ``vendor`` tells which."""
