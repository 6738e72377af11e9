"""One class per vendor that can be connected, holding every key of that vendor's sheet.

A new vendor adds a class here, its name to `Connection`, and takes it out of `LATER`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, model_validator

from syncd.domain.errors import ConfigError
from syncd.domain.guard import Limits
from syncd.settings.values import (
    Blank,
    Direction,
    Duration,
    FieldName,
    FieldOrNotes,
    Model,
    Rate,
    RateLimit,
    Secret,
    StageName,
    Url,
    as_blanks,
    as_words,
    flat_fields,
    nested,
    number_as_text,
)

LATER = ("mycrm", "rechat", "epixel")
"""Vendors that are designed but not built yet."""

Words = Annotated[list[str], nested(as_words)]
"""One of the vendor's words, or a list: the first is written, all are read."""


class TokenAuth(Model):
    """A fixed token, sent as it is and never refreshed."""

    kind: Literal["token"] = Field(default="token", description="a fixed token")
    token: Secret = Field(description="the API token", examples=[{"env": "CRM_TOKEN"}])


class OAuth2Auth(Model):
    """Tokens that are refreshed. Parsed and checked already; using it comes with the next release."""

    kind: Literal["oauth2"] = Field(description="OAuth2 with refresh tokens")
    client_id: str = Field(description="of the registered application")
    client_secret: Secret = Field(description="of the registered application")
    refresh_token: Secret | None = Field(default=None, description="left out before the first `syncd auth login`")
    token_url: Url | None = Field(default=None, description="where tokens are exchanged and refreshed")
    auth_url: Url | None = Field(default=None, description="where a person consents")
    redirect_uri: Url | None = Field(default=None, description="as registered with the vendor")


class CincTokenAuth(TokenAuth):
    """vendors/cinc.md §2, kind ``token``."""

    scheme: Literal["auto", "bearer", "bare"] = Field(
        default="auto", description='"Bearer <token>", the token alone, or whichever is accepted'
    )


class CincOAuth2Auth(OAuth2Auth):
    """vendors/cinc.md §2, kind ``oauth2``."""

    token_url: Url | None = Field(
        default="https://authv2.cincapi.com/integrator/token", description="where tokens are exchanged and refreshed"
    )
    auth_url: Url | None = Field(
        default="https://authv2.cincapi.com/integrator/authorize", description="where a person consents"
    )
    scope: str = Field(default="api:read api:create api:update api:event", description="scopes asked for")
    scheme: Literal["auto", "bearer", "bare"] = Field(default="auto", description="as for a token")


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
    customer_key: Secret | None = Field(default=None, description="for grant client_credentials")
    client_auth: Literal["body", "basic"] = Field(default="body", description="where client id and secret travel")
    vendor_key: Secret | None = Field(default=None, description="sent as header vendorKey")


class Archive(Model):
    """What ``on_delete = "archive"`` sets on the lead elsewhere: a stage or a label."""

    stage: StageName | None = Field(default=None, description="a canonical stage")
    label: str | None = Field(default=None, min_length=1, description="a label")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.stage is None) == (self.label is None):
            message = "needs exactly one of stage, label"
            raise ValueError(message)
        return self


class Filter(Model):
    """Which leads may be created in this connection. Empty: all. With both keys a lead needs one of each."""

    labels: list[str] = Field(default_factory=list, description="at least one of these labels")
    stages: list[StageName] = Field(default_factory=list, description="one of these canonical stages")


class Guard(Model):
    """How much one run may do to a connection before a person has to approve the plan."""

    creates: int = Field(default=500, ge=0, description="leads created")
    deletes: int = Field(default=10, ge=0, description="leads deleted or archived")
    blanks: int = Field(default=50, ge=0, description="values emptied")
    reassignments: int = Field(default=100, ge=0, description="leads given to another agent")
    share: float = Field(default=0.2, gt=0, le=1, description="share of the linked leads that lose a value to another")
    share_floor: int = Field(default=100, ge=0, description="fewer such leads never trip the share")

    def limits(self) -> Limits:
        """The same as the domain's guard takes it."""
        return Limits(**self.model_dump())


def _check_region(value: str) -> str:
    if re.fullmatch("[A-Z]{2}", value) is None:
        message = 'write a country as two capital letters, like "US"'
        raise ValueError(message)
    return value


class BaseConnection(Model):
    """What every connection has, whatever the vendor."""

    default_directions: ClassVar[Mapping[str, Direction]] = {}
    """Directions of this vendor's fields where the config says nothing."""

    name: str = Field(default="", exclude=True)
    """The connection's key in the config; not a key of its own."""
    vendor: str
    region: Annotated[str, AfterValidator(_check_region)] = Field(
        default="US", description="country of phone numbers without a country code"
    )
    on_delete: Literal["unlink", "archive"] = Field(
        default="unlink", description="when a lead is gone here: leave it alone elsewhere, or archive it there"
    )
    archive: Archive | None = Field(
        default=None,
        description='what archiving sets elsewhere: { stage = "lost" } or { label = "gone" }',
        examples=[{"stage": "lost"}],
    )
    write_guard: Literal["read", "trust"] = Field(
        default="read", description="read a lead again right before overwriting it, or trust the last reading"
    )
    on_duplicate: Literal["review", "separate"] = Field(
        default="review", description="a record that fits several leads: ask a person, or make it a lead of its own"
    )
    webhook_secret: Secret | None = Field(
        default=None, description="generated at registration if left out", examples=[{"env": "WEBHOOK_SECRET"}]
    )
    fields: Annotated[dict[FieldOrNotes, Direction], nested(flat_fields)] = Field(
        default_factory=dict,
        description='direction per field: "both", "read" (never written here), "write" (never read from here), "off"',
        examples=[{"source": "read"}],
    )
    blank: Annotated[dict[FieldName, Blank], nested(as_blanks)] = Field(
        default_factory=dict,
        description='fields that a blank empties, as a list or per field: { birthday = "clears" }',
        examples=[["birthday"]],
    )
    stages: dict[StageName, Words] = Field(
        default_factory=dict,
        description="canonical stage = this account's word; of a list the first is written and all are read",
        examples=[{"new": "New Lead", "under_contract": ["Under Contract", "Pending"]}],
    )
    custom: dict[str, str] = Field(
        default_factory=dict, description="your own fields, by one name everywhere: name = where this vendor keeps it"
    )
    filter: Filter = Field(default_factory=Filter, description="which leads are created here; all if empty")
    guard: Guard = Field(default_factory=Guard, description="limits of one run; a larger plan waits for approval")

    @model_validator(mode="after")
    def _archive_needs_a_mark(self) -> Self:
        if self.on_delete == "archive" and self.archive is None:
            message = 'on_delete = "archive" needs archive = { stage = "…" } or { label = "…" }'
            raise ValueError(message)
        return self

    def direction(self, field: str) -> Direction:
        """Which way a canonical field (or ``notes``) flows between this connection and the lead."""
        return self.fields.get(field) or self.default_directions.get(field, "both")

    def token_auth(self) -> Any:
        """The token credentials. Raises ConfigError for kinds that cannot be used yet."""
        auth = getattr(self, "auth", None)
        if isinstance(auth, TokenAuth):
            return auth
        raise ConfigError(
            [f'connections.{self.name}.auth: kind = "oauth2" comes with the next release'],
            hint='use auth = { kind = "token", token = { env = "…" } } until then',
        )


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

    def token_auth(self) -> CincTokenAuth:
        """The token credentials. Raises ConfigError for kinds that cannot be used yet."""
        auth: CincTokenAuth = super().token_auth()
        return auth


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

    def token_auth(self) -> ChimeTokenAuth:
        """The token credentials. Raises ConfigError for kinds that cannot be used yet."""
        auth: ChimeTokenAuth = super().token_auth()
        return auth


Connection = Annotated[CincConnection | ChimeConnection, Discriminator("vendor")]
"""Any connection; ``vendor`` tells which."""
VENDORS: Mapping[str, type[CincConnection | ChimeConnection]] = {"cinc": CincConnection, "chime": ChimeConnection}
