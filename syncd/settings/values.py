"""The small value types of the config file: secrets, durations, rates, field names.

Each is checked where it stands, so that a wrong value is reported with its own place in the file. No
message of this module repeats a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from syncd.domain.errors import ConfigError
from syncd.domain.lead import ADDRESS, FIELDS, ROLES, STAGES

Direction = Literal["both", "read", "write", "off"]
"""``read``: syncd never writes the field there; ``write``: it never reads it from there."""

Blank = Literal["keeps", "clears"]
"""What a blank does to a value: nothing (``keeps``), or it empties the field everywhere (``clears``)."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "address": ADDRESS,
    "assignments": tuple(f"assignment.{role}" for role in ROLES),
}
"""Names that stand for several fields wherever the config names a field."""

_NEVER_HERE = 'a secret is never in this file: write { env = "NAME" }, { file = "path" } or { credential = "name" }'
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_RATE = re.compile(r"(\d+)/(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class Model(BaseModel):
    """Base of every table of the config: unknown keys are errors, types are exact, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Rate(NamedTuple):
    """``limit`` requests in ``per_s`` seconds; written ``"256/20s"``."""

    limit: int
    per_s: float

    def __str__(self) -> str:
        """The config's own spelling."""
        return f"{self.limit}/{_number(self.per_s)}s"


def parse_rate(value: object) -> Rate:
    """``"256/20s"`` as a Rate. Raises ValueError."""
    if isinstance(value, Rate):
        return value
    found = _RATE.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0 or float(found[2]) == 0:
        message = 'write a rate as requests per time, like "256/20s"'
        raise ValueError(message)
    return Rate(int(found[1]), float(found[2]) * _SECONDS[found[3]])


def parse_duration(value: object) -> timedelta:
    """``"90s"``, ``"15m"``, ``"24h"``, ``"1h30m"`` as a timedelta. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    text = value.replace(" ", "") if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        message = 'write a duration with its unit, like "60s", "15m" or "24h"'
        raise ValueError(message)
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def show_duration(value: timedelta) -> str:
    """A duration in the config's own spelling, in the largest unit that fits it whole."""
    seconds = value.total_seconds()
    for unit in ("h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{_number(seconds / _SECONDS[unit])}{unit}"
    return f"{_number(seconds)}s"


def _number(value: float) -> str:
    return f"{value:g}" if value != int(value) else str(int(value))


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), PlainSerializer(show_duration, return_type=str, when_used="json")
]
"""A time span, ``"60s"`` in the file, a timedelta in the program."""

RateLimit = Annotated[Rate, BeforeValidator(parse_rate), PlainSerializer(str, return_type=str, when_used="json")]
"""A request rate, ``"256/20s"`` in the file, a `Rate` in the program."""


class Secret(Model):
    """A secret that is named, not written: ``{env = …}``, ``{file = …}`` or ``{credential = …}`` (systemd)."""

    env: str | None = Field(default=None, description="name of an environment variable")
    file: str | None = Field(default=None, description="path of a file; a trailing line end is dropped")
    credential: str | None = Field(default=None, description="name of a systemd credential (LoadCredential=)")
    _literal: str | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _never_in_the_file(cls, data: object) -> object:
        if isinstance(data, str):
            message = (
                'a secret is never in this file: write { env = "NAME" }, { file = "path" } or { credential = "name" }'
            )
            raise ValueError(message)
        if isinstance(data, Mapping):
            known = [key for key in ("env", "file", "credential") if data.get(key) is not None]
            if len(known) != 1 and not set(data) - {"env", "file", "credential"}:
                message = "a secret needs exactly one of env, file, credential"
                raise ValueError(message)
        return data

    @model_validator(mode="after")
    def _is_there(self, info: ValidationInfo) -> Self:
        """While a config file is loaded (and only then) a secret that is not there is a problem of the file."""
        if info.context and info.context.get("reveal") and self._literal is None:
            try:
                self.reveal()
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return self

    @classmethod
    def literal(cls, text: str) -> Secret:
        """A secret held in memory, for sandboxes and tests. It cannot be written to a config."""
        secret = cls.model_construct()
        secret._literal = text  # noqa: SLF001 - this is the class itself
        return secret

    def reveal(self) -> str:
        """The secret itself. Raises ConfigError when the variable is not set or the file cannot be read."""
        if self._literal is not None:
            return self._literal
        if self.env is not None:
            found = os.environ.get(self.env, "")
            if not found:
                raise ConfigError([f"environment variable {self.env} is not set"])
            return found
        return _read_secret(self._path())

    def _path(self) -> Path:
        if self.file is not None:
            return Path(self.file).expanduser()
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise ConfigError(
                [f"credential {self.credential} is not there: CREDENTIALS_DIRECTORY is not set"],
                hint="systemd sets it for a unit with LoadCredential=; elsewhere use env or file",
            )
        return Path(folder) / str(self.credential)

    def __repr__(self) -> str:
        """Where the secret is, never what it is."""
        return f"Secret({self.source})"

    __str__ = __repr__

    @property
    def source(self) -> str:
        """Where the secret comes from, in words."""
        for kind in ("env", "file", "credential"):
            name = getattr(self, kind)
            if name is not None:
                return f"{kind} {name}"
        return "memory"


def _read_secret(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError([f"secret file {path} cannot be read: {reason}"]) from None
    if not text:
        raise ConfigError([f"secret file {path} is empty"])
    return text


def _reveal_table(value: object) -> object:
    if isinstance(value, Mapping):
        try:
            return Secret.model_validate(dict(value)).reveal()
        except ConfigError as error:
            raise ValueError(str(error)) from None
    return value


SecretText = Annotated[str, BeforeValidator(_reveal_table)]
"""Text that may stand in the file or be named like a secret: a database URL with a password."""


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = "write a whole address, like https://host/path"
        raise ValueError(message)
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_check_url)]
"""An http(s) address; a trailing slash is dropped."""


def _check_exact_url(value: str) -> str:
    _check_url(value)
    return value


ExactUrl = Annotated[str, AfterValidator(_check_exact_url)]
"""An http(s) address that stays as it is written, to the last slash: a redirect address must be what was registered."""


def unknown(what: str, name: str, choices: Iterable[str]) -> str:
    """``unknown field "colour"; did you mean "source"?``, or the choices themselves where they are few."""
    known = sorted(choices)
    return f'unknown {what} "{name}"' + did_you_mean(name, known)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The nearest of what is known, as the end of a message; all of it when nothing is near and it is short."""
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known: {', '.join(known)}" if 0 < len(known) <= 12 else ""


def check_field(name: str) -> str:
    """The name itself. Raises ValueError unless it is a canonical field or ``custom.NAME``."""
    if name in FIELDS or (name.startswith("custom.") and len(name) > len("custom.")):
        return name
    raise ValueError(unknown("field", name, [*FIELDS, *GROUPS]))


def _check_fields_or_notes(name: str) -> str:
    return name if name == "notes" else check_field(name)


def _check_stage(name: str) -> str:
    if name in STAGES:
        return name
    raise ValueError(unknown("stage", name, STAGES))


FieldName = Annotated[str, AfterValidator(check_field)]
"""A canonical field, or ``custom.NAME``."""
FieldOrNotes = Annotated[str, AfterValidator(_check_fields_or_notes)]
StageName = Annotated[str, AfterValidator(_check_stage)]


def flat_fields(value: object) -> object:
    """Field-keyed tables as people write them: dotted names nest in TOML, group names stand for their fields."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[Any, Any] = {}
    for name, inner in value.items():
        if name in {"assignment", "custom"} and isinstance(inner, Mapping):
            flat.update({f"{name}.{key}": item for key, item in inner.items()})
        elif name not in GROUPS:
            flat[name] = inner
    for name in set(value) & set(GROUPS):
        flat = {**dict.fromkeys(GROUPS[name], value[name]), **flat}
    return flat


def flat_rules(value: object) -> object:
    """The ``[rules]`` table with dotted names flat; group names stay, because a group has one rule."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[Any, Any] = {}
    for name, inner in value.items():
        if name in {"assignment", "custom"} and isinstance(inner, Mapping) and "rule" not in inner:
            flat.update({f"{name}.{key}": rule for key, rule in inner.items()})
        else:
            flat[name] = inner
    return flat


def as_words(value: object) -> object:
    """A single word as a list of one. Raises ValueError for anything but words."""
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list) and words and all(isinstance(word, str) and word.strip() for word in words):
        return words
    message = "write a word, or a list of words"
    raise ValueError(message)


def as_blanks(value: object) -> object:
    """``["email"]`` and ``{email = "clears"}`` say the same."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = dict.fromkeys(value, "clears")
    return flat_fields(value)


def as_list(value: object) -> object:
    """A single table where several may stand."""
    return [value] if isinstance(value, Mapping) else value


def number_as_text(value: object) -> object:
    """External ids are text; a person may well write a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def nested(check: Callable[[Any], Any]) -> BeforeValidator:
    """Shorthand for a validator that runs before the type is looked at."""
    return BeforeValidator(check)
