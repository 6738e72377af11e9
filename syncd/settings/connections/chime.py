"""Every key of vendors/chime.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, model_validator

from syncd.settings.connections.base import BaseConnection, OAuth2Auth, TokenAuth
from syncd.settings.values import Duration, Model, RateLimit, Secret, Url, nested, number_as_text


class ChimeTokenAuth(TokenAuth):
    """vendors/chime.md §2, kind ``token``."""

    header_style: Literal["auto", "token", "bearer"] = Field(
        default="auto", description='"token <token>", "Bearer <token>", or whichever is accepted'
    )
    vendor_key: Secret | None = Field(default=None, description="sent as header vendorKey; raises the rate limit")


class ChimeOAuth2Auth(OAuth2Auth):
    """vendors/chime.md §2, kind ``oauth2``. ``token_url`` defaults to ``{base_url}/oauth/token``."""

    access_token: Secret | None = Field(default=None, description="a token to start with")
    grant: Literal["refresh_token", "client_credentials"] = Field(default="refresh_token", description="which grant")
    customer_key: Secret | None = Field(default=None, description="of the account, for grant client_credentials")
    client_auth: Literal["body", "basic"] = Field(default="body", description="where client id and secret travel")
    vendor_key: Secret | None = Field(default=None, description="sent as header vendorKey")


NamedRole = Literal["assistant", "partner", "listing"]
"""Roles that a Chime account names itself (vendors/chime.md §9)."""


def _assistant() -> dict[NamedRole, str]:
    return {"assistant": "Assistant"}


def _check_zone(value: str) -> str:
    if re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", value) is None:
        message = 'write a fixed offset from UTC, like "-07:00"'
        raise ValueError(message)
    return value


class CreateDefaults(Model):
    """What a new lead gets where the canonical lead is blank and the vendor insists."""

    first_name: str = Field(default="-", min_length=1, description="shown by the vendor, read as blank")


class ChimeConnection(BaseConnection):
    """One Chime (Lofty) account (vendors/chime.md)."""

    further_base_urls: ClassVar[frozenset[str]] = frozenset({"https://api.lofty.com"})

    vendor: Literal["chime"] = "chime"
    dialect: Literal["chime", "lofty"] = Field(default="chime", description="which age of the API the account speaks")
    base_url: Url = Field(
        default="https://api.chime.me", description='address of the API; https://api.lofty.com for dialect "lofty"'
    )
    auth: Annotated[ChimeTokenAuth | ChimeOAuth2Auth, Discriminator("kind")] = Field(
        description="how to log in", examples=[{"kind": "token", "token": {"env": "CHIME_TOKEN"}}]
    )
    time_zone: Annotated[str, AfterValidator(_check_zone)] = Field(
        default="-07:00", description="the zone in which the vendor reads the time of an incremental pull"
    )
    overlap: Duration = Field(default=timedelta(seconds=120), description="how far each pull reaches back again")
    scan: Duration = Field(
        default=timedelta(minutes=15), description='dialect "lofty": how often the whole list is walked'
    )
    logs: Literal["off", "read", "both"] = Field(
        default="off", description="carry call, e-mail and text logs as notes of that kind"
    )
    default_assignee: Annotated[str, nested(number_as_text)] | None = Field(
        default=None,
        description="agent (id or e-mail) for new leads without one; else the vendor's routing picks",
        examples=["rebecca@example.com"],
    )
    pond: Literal["hold", "ignore"] = Field(
        default="hold", description="a lead in a pond: leave its owner alone, or treat it like any other"
    )
    create_defaults: CreateDefaults = Field(
        default_factory=CreateDefaults, description="what the vendor insists on when a lead is created"
    )
    role_names: dict[NamedRole, str] = Field(
        default_factory=_assistant, description="the account's names of further roles"
    )
    custom: dict[str, str] = Field(
        default_factory=dict,
        description='your own fields, by one name everywhere: name = Chime\'s attribute, or "field:" and a key',
        examples=[{"referred_by": "field:referredBy"}],
    )
    rate: RateLimit | None = Field(
        default=None,
        description="requests to start with; left out, 10/60s until the vendor's headers say otherwise",
        examples=["500/60s"],
    )

    @model_validator(mode="before")
    @classmethod
    def _address_of_the_dialect(cls, data: object) -> object:
        if isinstance(data, Mapping) and data.get("dialect") == "lofty" and "base_url" not in data:
            return {**data, "base_url": "https://api.lofty.com"}
        return data
