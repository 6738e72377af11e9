"""The config file: one TOML file, read once, every problem reported at once.

`load` finds and reads it, `example` writes one with every key explained. Secrets are named in it,
never written: see `Secret`.
"""

from __future__ import annotations

from syncd.settings.connections import (
    LATER,
    VENDORS,
    Archive,
    BaseConnection,
    ChimeConnection,
    ChimeOAuth2Auth,
    ChimeTokenAuth,
    CincConnection,
    CincOAuth2Auth,
    CincTokenAuth,
    Connection,
    CreateDefaults,
    Filter,
    Guard,
    OAuth2Auth,
    TokenAuth,
)
from syncd.settings.example import example
from syncd.settings.load import advice, find, load, parse
from syncd.settings.models import Database, Settings, Sync, Web
from syncd.settings.values import Blank, Direction, Rate, Secret, parse_duration, parse_rate

__all__ = [
    "LATER",
    "VENDORS",
    "Archive",
    "BaseConnection",
    "Blank",
    "ChimeConnection",
    "ChimeOAuth2Auth",
    "ChimeTokenAuth",
    "CincConnection",
    "CincOAuth2Auth",
    "CincTokenAuth",
    "Connection",
    "CreateDefaults",
    "Database",
    "Direction",
    "Filter",
    "Guard",
    "OAuth2Auth",
    "Rate",
    "Secret",
    "Settings",
    "Sync",
    "TokenAuth",
    "Web",
    "advice",
    "example",
    "find",
    "load",
    "parse",
    "parse_duration",
    "parse_rate",
]
