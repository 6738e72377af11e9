"""Every key of a Cardfile connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from syncd.settings.connections.base import BaseConnection, TokenAuth
from syncd.settings.values import Rate, RateLimit, Url


class CardfileConnection(BaseConnection):
    """One card file."""

    sample: ClassVar[Mapping[str, str]] = {"base_url": "https://cards.example.com/api"}
    vendor: Literal["cardfile"] = "cardfile"
    base_url: Url = Field(description="address of the API", examples=["https://cards.example.com/api"])
    auth: TokenAuth = Field(description="how to log in", examples=[{"kind": "token", "token": {"env": "CARDS_TOKEN"}}])
    rate: RateLimit = Field(default=Rate(60, 20.0), description="requests; Cardfile tells no limits")
