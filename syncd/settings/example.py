"""The example config, generated from the models: every key, its meaning and its default.

A line ``#key = value`` is a key at its default (or, where there is none, a likely value), ready to be
uncommented; ``# words`` explain. The committed ``config/syncd.example.toml`` is this text; a test says so.
"""

from __future__ import annotations

import re
import textwrap
import types
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from syncd.settings.connections import VENDORS, BaseConnection, CreateDefaults, MyCrmCreateDefaults
from syncd.settings.models import Settings
from syncd.settings.values import Rate, Secret, show_duration

_HEAD = """\
The configuration of syncd. `syncd config check` tells whether it is right.

Lines that begin with `#key =` are keys at their defaults, ready to be changed. Secrets are never in
this file: name them as { env = "NAME" }, { file = "path" } or { credential = "name" } (systemd).
Durations are written "90s", "15m" or "24h"."""

_INLINE = (Secret, CreateDefaults, MyCrmCreateDefaults)
"""Tables that are written in one line, on the line of their key."""

_FIRST = ("dialect", "base_url", "auth")
"""Keys of a connection that come before the others."""

_WIDTH = 110


def example() -> str:
    """A whole config file that loads, once the secrets it names are there."""
    lines = [*_prose(_HEAD), ""]
    for name, field in Settings.model_fields.items():
        model = _models(field.annotation)
        if name == "connections":
            lines += _connections(field)
        elif model:
            lines += [*_prose(field.description or ""), f"[{name}]", *_table(model[0], f"{name}.")]
        else:
            lines += [*_prose(field.description or ""), f"[{name}]", *_free(field)]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _connections(field: FieldInfo) -> Iterator[str]:
    yield from _prose(field.description or "")
    first, *_ = VENDORS
    for vendor, model in VENDORS.items():
        own = set(model.__annotations__)
        if vendor != first:
            yield ""
            common = [name for name in BaseConnection.model_fields if name not in own | {"name"}]
            yield from _prose(f"Besides these, as in [connections.{first}]: {', '.join(common)}.")
        yield f"[connections.{vendor}]"
        yield f'vendor = "{vendor}"'
        shown = (set(model.model_fields) if vendor == first else own) - {"vendor"}
        yield from _table(model, f"connections.{vendor}.", shown)


def _table(model: type[BaseModel], prefix: str, shown: set[str] | None = None) -> Iterator[str]:
    """The keys of a table, plain ones first because a sub-table ends them."""
    below: list[str] = []
    for name, field in sorted(model.model_fields.items(), key=lambda item: item[0] not in _FIRST):
        if field.exclude or (shown is not None and name not in shown):
            continue
        models = _models(field.annotation)
        if len(models) == 1 and not issubclass(models[0], _INLINE) and field.default is PydanticUndefined:
            below += ["", *_prose(_meaning(field)), f"[{prefix}{name}]", *_table(models[0], "")]
            continue
        yield from _prose(_meaning(field))
        for part in models:
            yield from _keys_of(part, alone=len(models) == 1)
        key = field.alias or name
        needed = isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("needed")
        mark = "" if field.is_required() or needed else "#"  # needed: by another key's default
        yield f"{mark}{key} = {toml(_shown_value(field))}"
    yield from below


def _keys_of(model: type[BaseModel], *, alone: bool) -> Iterator[str]:
    """The keys of an inline table, explained in the comment above it."""
    if issubclass(model, Secret):
        return
    kind = model.model_fields.get("kind")
    if not alone and kind is not None:
        yield f'#   kind "{get_args(kind.annotation)[0]}": {kind.description}'
    yield from _keys_below(model, "", "#     " if not alone else "#   ")


def _keys_below(model: type[BaseModel], prefix: str, lead: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = [found for found in _models(field.annotation) if not issubclass(found, Secret)]
        if name == "kind":
            continue
        if inner:
            yield from _keys_below(inner[0], f"{prefix}{name}.", lead)
            continue
        default = _default(field)
        ending = "" if default in (None, PydanticUndefined) else f" (default {toml(default)})"
        yield from _prose(f"{prefix}{name}: {_meaning(field)}{ending}", lead)


def _free(field: FieldInfo) -> Iterator[str]:
    """A table whose keys are the reader's own: samples, commented out."""
    for key, value in field.examples[0].items() if field.examples else ():
        yield f"#{_key(key)} = {toml(value)}"


def _meaning(field: FieldInfo) -> str:
    """The description, and the words to choose from."""
    words = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return f"{field.description}: {', '.join(toml(word) for word in words)}" if words else str(field.description)


def _shown_value(field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    return _default(field)


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models an annotation may be: one, several (a union), or none."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, types.UnionType}:
        return [model for part in get_args(annotation) for model in _models(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _prose(text: str, lead: str = "# ") -> list[str]:
    lines = []
    for line in text.splitlines():
        lines += textwrap.wrap(line, _WIDTH, initial_indent=lead, subsequent_indent=lead) or ["#"]
    return lines


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml(key)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case timedelta():
            return toml(show_duration(value))
        case Rate() | Path():
            return toml(str(value))
        case int() | float():
            return repr(value)
        case BaseModel():
            return toml(value.model_dump(exclude_none=True))
        case Mapping():
            inner = ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return f"[{', '.join(toml(item) for item in value)}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
