"""Every key of vendors/mycrm.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, model_validator

from syncd.settings.connections.base import BaseConnection, TokenAuth, _check_region
from syncd.settings.connections.mycrm_words import CHANNELS, OTHER_SOURCE, SOURCE_OF, pair_of
from syncd.settings.values import Direction, Duration, ExactUrl, Model, Rate, RateLimit, Secret, Url, did_you_mean


class MyCrmTokenAuth(TokenAuth):
    """vendors/mycrm.md §2, kind ``token``."""


class MyCrmClientCredentialsAuth(Model):
    """vendors/mycrm.md §2, kind ``client_credentials``: the API key and its secret."""

    kind: Literal["client_credentials"] = Field(description="an API key with its secret")
    client_id: str = Field(min_length=1, description="the API key")
    client_secret: Secret = Field(description="the API secret")
    token_url: ExactUrl = Field(
        default="https://auth.propertyfinder.com/auth/oauth/v1/token",
        description="where tokens are asked for; it does not follow base_url",
    )


class MyCrmPasswordAuth(Model):
    """vendors/mycrm.md §2, kind ``password``, for old accounts. ``token_url`` defaults to ``{base_url}/token``."""

    kind: Literal["password"] = Field(description="a user's name and password, for old accounts")
    domain: str = Field(min_length=1, description="the account's domain")
    username: str = Field(min_length=1, description="the user's name")
    password: Secret = Field(description="the user's password")
    token_url: ExactUrl | None = Field(default=None, description="left out: base_url and /token")


def _check_source(value: str) -> str:
    if value in CHANNELS:
        return value
    message = f'unknown source "{value}"{did_you_mean(value, sorted(CHANNELS))}'
    raise ValueError(message)


def _check_pair(value: str) -> str:
    if pair_of(value) is None:
        message = (
            f'"{value}" is no "source/channel" of MyCRM{did_you_mean(value.rpartition("/")[2], sorted(SOURCE_OF))}'
        )
        raise ValueError(message)
    return value


def _check_location(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.-]+", value) is None:
        message = 'write the id of a location, like "are.2.15"'
        raise ValueError(message)
    return value


Source = Annotated[str, AfterValidator(_check_source)]
SourcePair = Annotated[str, AfterValidator(_check_pair)]
LocationId = Annotated[str, AfterValidator(_check_location)]
PositiveId = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]


class MyCrmPreferenceDefaults(Model):
    """What a new lead's preference gets where the lead says nothing; keys ``preference.…`` of ``create_defaults``."""

    types: list[PositiveId] | None = Field(default=None, min_length=1, description="ids of property types")
    locations: list[LocationId] | None = Field(default=None, min_length=1, description="ids of locations")
    from_price: Amount | None = Field(default=None, description="where price_min is blank")
    to_price: Amount | None = Field(default=None, description="where price_max is blank")
    amenities: list[PositiveId] = Field(default_factory=list, description="ids of amenities, always sent")


def _nest_preference(data: object) -> object:
    """``"preference.types" = [2]`` in quotes says the same as the dotted key."""
    if not isinstance(data, Mapping):
        return data
    flat = {key: value for key, value in data.items() if isinstance(key, str) and key.startswith("preference.")}
    if not flat:
        return data
    rest: dict[Any, Any] = {key: value for key, value in data.items() if key not in flat}
    inner = rest.get("preference", {})
    named = {key.removeprefix("preference."): value for key, value in flat.items()}
    return {**rest, "preference": {**inner, **named} if isinstance(inner, Mapping) else inner}


class MyCrmCreateDefaults(Model):
    """What MyCRM demands and a lead may lack: the lead's own value, then this, then the lead is not created."""

    title: Literal["mr", "ms", "miss", "mrs"] | None = Field(
        default=None, description="where the title is blank or another one: mr, ms, miss, mrs"
    )
    first_name: str | None = Field(default=None, min_length=1, description='shown by MyCRM, read as blank, like "-"')
    last_name: str | None = Field(default=None, min_length=1, description='shown by MyCRM, read as blank, like "-"')
    country: Annotated[str, AfterValidator(_check_region)] | None = Field(
        default=None, description="where the country is blank"
    )
    category: Literal["residential", "commercial"] | None = Field(
        default=None, description="always, unless a type that MyCRM shows tells it: residential, commercial"
    )
    status: Literal[
        "notYetContacted",
        "calledNoReply",
        "prospect",
        "qualified",
        "viewingsInProgress",
        "contractSent",
        "contractSigned",
        "notReady",
        "notInterested",
    ] = Field(default="notYetContacted", description="where the stage is blank or has no word here")
    source: Source | None = Field(default=None, description="where the lead's source has no translation")
    source_channel: str | None = Field(default=None, min_length=1, description="the channel of that source")
    financial: Literal["other", "cash", "mortgage"] | None = Field(
        default=None, description="other, cash, mortgage, where no custom field says it"
    )
    offering_type: Literal["sale", "rent"] | None = Field(
        default=None, description="sale, rent, for a lead that is neither buyer nor renter"
    )
    preference: MyCrmPreferenceDefaults = Field(
        default_factory=MyCrmPreferenceDefaults,
        description="the wish of a lead that tells none: preference.types = [2] and so on",
    )

    @model_validator(mode="before")
    @classmethod
    def _dotted(cls, data: object) -> object:
        return _nest_preference(data)

    @model_validator(mode="after")
    def _channel_of_the_source(self) -> Self:
        channel = self.source_channel
        if channel is None or self.source == OTHER_SOURCE:
            return self
        known = CHANNELS[self.source] if self.source else tuple(SOURCE_OF)
        if channel not in known:
            where = f'source "{self.source}"' if self.source else "any source"
            message = f'source_channel "{channel}" is no channel of {where}{did_you_mean(channel, sorted(known))}'
            raise ValueError(message)
        return self


class MyCrmConnection(BaseConnection):
    """One MyCRM account (vendors/mycrm.md)."""

    default_directions: ClassVar[Mapping[str, Direction]] = {"registered_at": "read"}  # §5: read only

    vendor: Literal["mycrm"] = "mycrm"
    base_url: Url = Field(default="https://api-v2.mycrm.com", description="address of the API")
    auth: Annotated[MyCrmTokenAuth | MyCrmClientCredentialsAuth | MyCrmPasswordAuth, Discriminator("kind")] = Field(
        description="how to log in", examples=[{"kind": "token", "token": {"env": "MYCRM_TOKEN"}}]
    )
    region: Annotated[str, AfterValidator(_check_region)] = Field(
        default="AE", description="country of phone numbers without a country code"
    )
    create_defaults: MyCrmCreateDefaults = Field(
        default_factory=MyCrmCreateDefaults,
        description="what MyCRM demands of a new lead and the lead may lack; without it such a lead is not created",
        examples=[
            {
                "title": "mr",
                "first_name": "-",
                "last_name": "-",
                "country": "AE",
                "category": "residential",
                "source": "other",
                "source_channel": "syncd",
                "financial": "other",
                "offering_type": "sale",
                "preference": {"types": [2], "locations": ["are.2.15"], "from_price": 1, "to_price": 100_000_000},
            }
        ],
    )
    sources: dict[str, SourcePair] = Field(
        default_factory=dict,
        description="a lead's source = MyCRM's source/channel, for new leads",
        examples=[{"Facebook": "socialMedia/facebook"}],
    )
    areas: dict[str, LocationId] = Field(
        default_factory=dict,
        description="an area = the id of MyCRM's location",
        examples=[{"Dubai Marina": "are.2.15"}],
    )
    types: dict[str, PositiveId] = Field(
        default_factory=dict, description="a property type = MyCRM's id", examples=[{"Apartment": 2}]
    )
    notes_on_update: Literal["on", "off"] = Field(
        default="on", description='notes are added by updating the lead; "off" only reads them'
    )
    overlap: Duration = Field(default=timedelta(seconds=300), description="how far each pull reaches back again")
    rate: RateLimit = Field(default=Rate(120, 60.0), description="requests for everything together")
    custom: dict[str, str] = Field(
        default_factory=dict,
        description="your own fields, by one name everywhere: name = path in MyCRM's lead",
        examples=[{"quality": "quality", "pets": "fields.1"}],
    )
