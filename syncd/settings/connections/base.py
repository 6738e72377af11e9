"""What every connection has, whatever its vendor: the keys of DESIGN §12 and the two usual ways to log in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from syncd.domain.guard import Limits
from syncd.settings.values import (
    Blank,
    Direction,
    ExactUrl,
    FieldName,
    FieldOrNotes,
    Model,
    Secret,
    StageName,
    as_blanks,
    as_words,
    flat_fields,
    nested,
)

Words = Annotated[list[str], nested(as_words)]
"""One of the vendor's words, or a list: the first is written, all are read."""


class TokenAuth(Model):
    """A fixed token, sent as it is and never refreshed."""

    kind: Literal["token"] = Field(default="token", description="a fixed token")
    token: Secret = Field(description="the API token", examples=[{"env": "CRM_TOKEN"}])


class OAuth2Auth(Model):
    """Tokens that a person consents to once and that are renewed from then on."""

    kind: Literal["oauth2"] = Field(default="oauth2", description="OAuth2; `syncd auth login NAME` logs in")
    client_id: str = Field(min_length=1, description="of the registered application")
    client_secret: Secret = Field(description="of the registered application")
    refresh_token: Secret | None = Field(
        default=None, description="one to start with, if there is one; renewed tokens are kept in the database"
    )
    token_url: ExactUrl | None = Field(default=None, description="where tokens are exchanged and refreshed")
    auth_url: ExactUrl | None = Field(default=None, description="where a person consents")
    redirect_uri: ExactUrl | None = Field(
        default=None,
        description="as registered with the vendor; at a loopback address `syncd auth login` waits there itself",
    )


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

    further_base_urls: ClassVar[frozenset[str]] = frozenset()
    """Addresses that are the vendor's own beside the default of ``base_url``."""

    sample: ClassVar[Mapping[str, str]] = {}
    """What this vendor insists on beside credentials, for describing it without a config."""

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
