"""Every key of vendors/rechat.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, model_validator

from syncd.settings.connections.base import BaseConnection, OAuth2Auth, TokenAuth
from syncd.settings.values import Duration, ExactUrl, Rate, RateLimit, Secret, Url

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def _check_uuid(value: str) -> str:
    if _UUID.fullmatch(value.lower()) is None:
        message = 'write a UUID, like "497c9108-1031-4885-9043-5baaf215aed7"'
        raise ValueError(message)
    return value.lower()


Uuid = Annotated[str, AfterValidator(_check_uuid)]
"""An id of Rechat, in lower case."""

AttributeField = Literal[
    "roles",
    "buyer_timeline",
    "seller_timeline",
    "price_min",
    "price_max",
    "beds_min",
    "beds_max",
    "baths_min",
    "baths_max",
    "size_min",
    "size_max",
    "areas",
    "property_types",
]
"""Canonical fields Rechat has no place for, unless a custom attribute is named for them (vendors/rechat.md §5)."""

NonEmpty = Annotated[str, Field(min_length=1)]


class RechatTokenAuth(TokenAuth):
    """vendors/rechat.md §2, kind ``token``: sent as ``Bearer <token>``."""


class RechatOAuth2Auth(OAuth2Auth):
    """vendors/rechat.md §2, kind ``oauth2``. Both addresses are the web app's and do not follow ``base_url``."""

    access_token: Secret | None = Field(default=None, description="a token to start with")
    token_url: ExactUrl = Field(
        default="https://app.rechat.com/oauth2/token",
        description="where tokens are exchanged and refreshed; a white-label brand has its own host",
    )
    auth_url: ExactUrl = Field(
        default="https://app.rechat.com/oauth2/auth",
        description="where a person consents; a white-label brand has its own host",
    )


class RechatConnection(BaseConnection):
    """One brand (team) at Rechat (vendors/rechat.md)."""

    sample: ClassVar[Mapping[str, str]] = {"brand": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "create_via": "contacts"}
    """What a connection cannot be made without, for describing the vendor where none is configured."""

    vendor: Literal["rechat"] = "rechat"
    base_url: Url = Field(default="https://api.rechat.com", description="address of the API")
    auth: Annotated[RechatTokenAuth | RechatOAuth2Auth, Discriminator("kind")] = Field(
        description="how to log in", examples=[{"kind": "token", "token": {"env": "RECHAT_TOKEN"}}]
    )
    brand: Uuid = Field(
        description="UUID of the team; sent with every request", examples=["497c9108-1031-4885-9043-5baaf215aed7"]
    )
    create_via: Literal["capture", "contacts"] = Field(
        default="capture",
        description="new leads enter through a lead channel (routing rules, notifications and flows run), or silently",
    )
    lead_channel: Uuid | None = Field(
        default=None,
        description='the channel of captures; needed for create_via = "capture"',
        examples=["8607bf2a-992a-44a0-a2f7-ddd46fbfafbf"],
        json_schema_extra={"needed": True},
    )
    capture_path: Literal["leads", "webhook"] = Field(
        default="leads", description="capture by POST /leads, or by the channel's own webhook"
    )
    source_type: NonEmpty = Field(default="Website", description="Rechat's kind of source, sent with every capture")
    only_channels: list[Uuid] = Field(
        default_factory=list, description="read only contacts captured by these channels; all if empty"
    )
    stage_tag_prefix: str = Field(
        default="Stage: ",
        description="Rechat has no stages: a stage is a tag that begins like this; with none the words themselves",
    )
    assignee_role: Literal["partner", "listing", "lender", "assistant", ""] = Field(
        default="partner", description="role of the assignee who is not the owner; left alone if empty"
    )
    page_size: int = Field(default=100, ge=1, le=200, description="contacts asked for at a time")
    overlap: Duration = Field(default=timedelta(seconds=120), description="how far each pull reaches back again")
    rate: RateLimit = Field(default=Rate(300, 60.0), description="requests; Rechat documents no limit")
    custom: dict[str, str] = Field(
        default_factory=dict,
        description="your own fields, by one name everywhere: name = label or UUID of a custom attribute, or one of "
        "Rechat's own (company, job_title, website, nickname …)",
        examples=[{"employer": "company"}],
    )
    attributes: dict[AttributeField, NonEmpty] = Field(
        default_factory=dict,
        description="fields Rechat has no place for: field = label or UUID of the custom attribute that keeps it",
        examples=[{"price_max": "Budget", "buyer_timeline": "Buying in"}],
    )

    @model_validator(mode="after")
    def _a_capture_needs_a_channel(self) -> Self:
        if self.create_via == "capture" and self.lead_channel is None:
            message = 'create_via = "capture" needs lead_channel = "…"; or write create_via = "contacts"'
            raise ValueError(message)
        return self
