"""The whole config file as one frozen model."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from syncd.domain.notes import DEFAULT_TEMPLATE
from syncd.settings.connections import Connection
from syncd.settings.values import (
    Blank,
    Duration,
    Model,
    Secret,
    SecretText,
    Url,
    as_list,
    flat_rules,
    nested,
    number_as_text,
)

NOTE_HEADER_PLACES = frozenset({"origin", "author", "time", "kind", "ref", "part"})
"""What a note header template may name. ``ref`` and ``part`` are needed to read a note back."""


def _data_dir() -> Path:
    home = os.environ.get("XDG_DATA_HOME")
    if not home and os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and nobody else gets into root's home.
        return Path("/var/lib/syncd/pg")
    return Path(home or "~/.local/share").expanduser() / "syncd" / "pg"


def _path(value: object) -> object:
    return Path(value).expanduser() if isinstance(value, str) and value else value


def _check_schema(value: str) -> str:
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value) is None or value.startswith("pg_"):
        message = "write a plain lower-case schema name, like syncd"
        raise ValueError(message)
    return value


def _check_database_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        message = "write a PostgreSQL address, like postgresql://user@host/database"
        raise ValueError(message)
    return value


def _check_header(value: str) -> str:
    try:
        places = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
    except ValueError:
        places = {"{"}
    if "\n" in value or not {"ref", "part"} <= places <= NOTE_HEADER_PLACES:
        message = "write one line with {ref} and {part}, and of {origin}, {author}, {time}, {kind} what you like"
        raise ValueError(message)
    return value


def _check_listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        message = "write an address and a port, like 127.0.0.1:8642"
        raise ValueError(message)
    return value


class Database(Model):
    """[database]: where syncd keeps what it knows."""

    model_config = ConfigDict(populate_by_name=True)

    url: Annotated[SecretText, AfterValidator(_check_database_url)] | None = Field(
        default=None,
        repr=False,
        description='PostgreSQL 14 or newer, or { env = "NAME" }; left out, syncd runs its own server in data_dir',
        examples=["postgresql://syncd@/syncd"],
    )
    schema_name: Annotated[str, AfterValidator(_check_schema)] = Field(
        default="syncd", alias="schema", description="every table lives in this schema; one per business"
    )
    data_dir: Annotated[Path, nested(_path)] = Field(
        default_factory=_data_dir, description="data of syncd's own server", examples=["~/.local/share/syncd/pg"]
    )
    credential_key: Annotated[list[Secret], nested(as_list)] = Field(
        default_factory=list,
        description="encrypts the tokens kept in the database; of several keys the first encrypts, all decrypt. "
        "Left out, a key is made in credentials.key beside data_dir. `syncd auth make-key` prints a new one",
        examples=[{"env": "SYNCD_KEY"}],
    )

    @property
    def key_dir(self) -> Path:
        """Where the key file is when the config names no key."""
        return self.data_dir.parent


class Sync(Model):
    """[sync]: pace and habits common to all connections."""

    poll: Duration = Field(default=timedelta(seconds=60), description="how often each connection is asked for changes")
    full_compare: Duration = Field(default=timedelta(hours=24), description="how often everything is compared")
    order: list[str] = Field(
        default_factory=list,
        description="connections, most trusted first: decides ties; left out, the order of this file",
        examples=[["cinc", "chime"]],
    )
    blank: Blank = Field(default="keeps", description="whether a blank empties a field elsewhere")
    notes_sweep: int = Field(
        default=500, ge=0, description="of how many leads a sync reads the notes again, oldest reading first"
    )
    note_header: Annotated[str, AfterValidator(_check_header)] = Field(
        default=DEFAULT_TEMPLATE,
        description="first line of a note carried over, naming what the vendor cannot store",
    )


class Web(Model):
    """[web]: the listener for webhooks, health, metrics and the operator's pages."""

    listen: Annotated[str, AfterValidator(_check_listen)] = Field(
        default="127.0.0.1:8642", description="address and port"
    )
    public_url: Url | None = Field(
        default=None, description="what vendors call from outside", examples=["https://sync.example.com"]
    )
    token: Secret | None = Field(
        default=None,
        description="opens what is neither a hook nor health, as `Authorization: Bearer`; left out, nothing does",
        examples=[{"env": "SYNCD_WEB_TOKEN"}],
    )
    body_bytes_max: int = Field(
        default=1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="a larger request is refused"
    )
    request_timeout: Duration = Field(
        default=timedelta(seconds=10), gt=timedelta(0), description="a request that is not there by then is cut off"
    )
    connections_max: int = Field(default=256, ge=8, description="open at a time; one more is closed at once")
    inbox_kept: Duration = Field(
        default=timedelta(days=14), description="how long deliveries are kept after they were taken in"
    )


def _check_agent_email(value: str) -> str:
    email = value.strip().lower()
    if "@" not in email.strip("@"):
        message = "agents are named by their e-mail address"
        raise ValueError(message)
    return email


AgentEmail = Annotated[str, AfterValidator(_check_agent_email)]
AgentIds = dict[str, Annotated[str, nested(number_as_text)]]
"""Connection name → external agent id."""


class Settings(Model):
    """The config: what `load` returns and everything else is made from."""

    database: Database = Field(default_factory=Database, description="where syncd keeps what it knows")
    sync: Sync = Field(default_factory=Sync, description="pace and habits common to all connections")
    connections: dict[str, Connection] = Field(
        default_factory=dict, description="one table per account; its name is yours and stays with its data"
    )
    rules: Annotated[dict[str, Any], nested(flat_rules)] = Field(
        default_factory=dict,
        description="who wins when a field changed on two sides: newest, owner, ranked, union, restrictive, earliest, "
        "keep, forward, manual, or python:module:function",
        examples=[
            {
                "default": "newest",
                "stage": {"rule": "owner", "connection": "chime"},
                "phone": {"rule": "ranked", "order": ["chime", "cinc"]},
                "source": "keep",
            }
        ],
    )
    """``default``, fields and groups → the rule as written; `syncd.domain.rules.RuleBook` parses it."""
    agents: dict[AgentEmail, AgentIds] = Field(
        default_factory=dict,
        description="agents match by e-mail; say here who is who where that does not do",
        examples=[{"rebecca@example.com": {"cinc": "AGENT0", "chime": "10000000514"}}],
    )
    web: Web = Field(default_factory=Web, description="the listener for webhooks and the operator's pages")

    @model_validator(mode="before")
    @classmethod
    def _name_connections(cls, data: object) -> object:
        tables = data.get("connections") if isinstance(data, Mapping) else None
        if not isinstance(data, Mapping) or not isinstance(tables, Mapping):
            return data
        named = {
            name: {**table, "name": name} if isinstance(table, Mapping) else table for name, table in tables.items()
        }
        return {**data, "connections": named}

    @property
    def order(self) -> tuple[str, ...]:
        """Every connection, most trusted first: those named in ``sync.order``, then the rest as configured."""
        named = [name for name in self.sync.order if name in self.connections]
        return (*named, *(name for name in self.connections if name not in named))

    def clears(self, connection: str, field: str) -> bool:
        """Whether a blank shown by ``connection`` empties ``field``, and whether syncd may empty it there."""
        return self.connections[connection].blank.get(field, self.sync.blank) == "clears"


__all__ = ["Database", "Settings", "Sync", "Web"]
