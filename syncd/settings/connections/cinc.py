"""Every key of vendors/cinc.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field

from syncd.settings.connections.base import BaseConnection, OAuth2Auth, TokenAuth
from syncd.settings.values import Direction, Duration, ExactUrl, Rate, RateLimit, Url


class CincTokenAuth(TokenAuth):
    """vendors/cinc.md §2, kind ``token``."""

    scheme: Literal["auto", "bearer", "bare"] = Field(
        default="auto", description='"Bearer <token>", the token alone, or whichever is accepted'
    )


class CincOAuth2Auth(OAuth2Auth):
    """vendors/cinc.md §2, kind ``oauth2``."""

    token_url: ExactUrl = Field(
        default="https://authv2.cincapi.com/integrator/token", description="where tokens are exchanged and refreshed"
    )
    auth_url: ExactUrl = Field(
        default="https://authv2.cincapi.com/integrator/authorize", description="where a person consents"
    )
    scope: str = Field(default="api:read api:create api:update api:event", description="scopes asked for")
    scheme: Literal["auto", "bearer", "bare"] = Field(default="auto", description="as for a token")


class CincConnection(BaseConnection):
    """One CINC site (vendors/cinc.md)."""

    default_directions: ClassVar[Mapping[str, Direction]] = {"areas": "read"}  # vendors/cinc.md §5: not by default

    vendor: Literal["cinc"] = "cinc"
    base_url: Url = Field(default="https://public.cincapi.com/v2", description="address of the API")
    auth: Annotated[CincTokenAuth | CincOAuth2Auth, Discriminator("kind")] = Field(
        description="how to log in", examples=[{"kind": "token", "token": {"env": "CINC_TOKEN"}}]
    )
    overlap: Duration = Field(default=timedelta(seconds=300), description="how far each pull reaches back again")
    rate: RateLimit | None = Field(
        default=Rate(256, 20.0), description="requests per endpoint until the vendor's headers say otherwise"
    )
    update_style: Literal["auto", "sparse", "whole"] = Field(
        default="auto", description="send changed fields only, whole sections, or find out"
    )
    custom: dict[str, str] = Field(
        default_factory=dict,
        description="your own fields, by one name everywhere: name = path in CINC's lead",
        examples=[{"status": "info.status"}],
    )
