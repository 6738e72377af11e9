"""Every key of vendors/epixel.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field

from syncd.settings.connections.base import BaseConnection, TokenAuth
from syncd.settings.values import ExactUrl, Model, Rate, RateLimit, Secret, Url


class EpixelTokenAuth(TokenAuth):
    """vendors/epixel.md §2, kind ``token``: sent as ``Bearer <token>``, never renewed."""

    api_key: Secret | None = Field(
        default=None, description="sent as header apikey; left out, the token is sent there too"
    )


class EpixelPasswordAuth(Model):
    """vendors/epixel.md §2, kind ``password``: logged in as a user, renewed when the token ends or is refused."""

    kind: Literal["password"] = Field(default="password", description="log in as a user")
    api_key: Secret = Field(description="sent as header apikey", examples=[{"env": "EPIXEL_API_KEY"}])
    username: str = Field(min_length=1, description="the user to log in as; leads are seen with this user's rights")
    password: Secret = Field(description="of that user", examples=[{"env": "EPIXEL_PASSWORD"}])
    token_url: ExactUrl | None = Field(
        default=None, description="where a user logs in; left out, {base_url}/user/login/"
    )
    refresh_url: ExactUrl | None = Field(
        default=None, description="where a token is renewed; left out, every renewal is a login"
    )


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        message = 'write a time zone by its name, like "UTC" or "America/New_York"'
        raise ValueError(message) from None
    return value


class EpixelConnection(BaseConnection):
    """One installation of Epixel's "Leads & CRM" (vendors/epixel.md)."""

    sample: ClassVar[Mapping[str, str]] = {"base_url": "https://crm.example.com/api/v1"}

    vendor: Literal["epixel"] = "epixel"
    base_url: Url = Field(
        description="address of the API: https://<domain>/<api prefix>/<version>",
        examples=["https://crm.example.com/api/v1"],
    )
    auth: Annotated[EpixelTokenAuth | EpixelPasswordAuth, Discriminator("kind")] = Field(
        description="how to log in",
        examples=[{"kind": "token", "token": {"env": "EPIXEL_TOKEN"}, "api_key": {"env": "EPIXEL_API_KEY"}}],
    )
    body: Literal["multipart", "form", "json"] = Field(
        default="multipart", description="how this installation takes the fields of a write"
    )
    time_zone: Annotated[str, AfterValidator(_check_zone)] = Field(
        default="UTC", description="the zone of times that name none, read and written"
    )
    rate: RateLimit = Field(default=Rate(60, 60.0), description="requests of all kinds together; none is documented")
    sources: dict[str, str] = Field(
        default_factory=dict,
        description="lead source = this installation's choice, where the names differ",
        examples=[{"Open House": "offline"}],
    )
    custom: dict[str, str] = Field(
        default_factory=dict,
        description='your own fields, by one name everywhere: name = key in Epixel\'s lead; only "message" is written',
        examples=[{"remark": "message"}],
    )
