r"""JSON in and out of PostgreSQL: orjson, with a way for the few texts that PostgreSQL or orjson cannot hold.

- ``jsonb`` cannot hold NUL: it is written as U+2400 (␀, "symbol for null"). Normalised values contain none.
- ``json`` holds the text as it is: a NUL stays ``\u0000`` and comes back.
- Half characters (lone surrogates) and whole numbers beyond 64 bits go through the standard library, which
  escapes them; both column types take that only where PostgreSQL does, so ``jsonb`` gets U+FFFD instead.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson
from psycopg.types import json as adapt

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_SURROGATE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_OPTIONS = orjson.OPT_NON_STR_KEYS


def dumps(value: Any) -> bytes:
    """JSON text for a ``json`` column: everything survives."""
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        # orjson's own error is a TypeError; half characters and huge numbers are all that gets here.
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def dumps_b(value: Any) -> bytes:
    """JSON text for a ``jsonb`` column, without NUL and half characters."""
    try:
        data = orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        whole = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
        # Read and written once more, so that proper pairs become characters and only halves remain escaped.
        text = json.dumps(json.loads(whole), ensure_ascii=False, separators=(",", ":"))
        data = text.encode("utf-8", "backslashreplace")
        data = _SURROGATE.sub(rb"\1" + "�".encode(), data)
    return _NUL.sub(rb"\1" + "␀".encode(), data) if b"\\u0000" in data else data


def loads(data: bytes | str) -> Any:
    """The value of a JSON text."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)


def clean(text: str) -> str:
    """Text as a ``text`` column can hold it: NUL as U+2400, half characters as ``?``."""
    if text.isascii():
        return text.replace("\x00", "␀") if "\x00" in text else text
    return text.replace("\x00", "␀").encode("utf-8", "replace").decode()


class _Json(adapt.JsonDumper):
    _dumps = staticmethod(dumps)


class _JsonBinary(adapt.JsonBinaryDumper):
    _dumps = staticmethod(dumps)


class _Jsonb(adapt.JsonbDumper):
    _dumps = staticmethod(dumps_b)


class _JsonbBinary(adapt.JsonbBinaryDumper):
    _dumps = staticmethod(dumps_b)


def adapt_connection(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Make a connection speak JSON as above."""
    adapt.set_json_loads(loads, connection)
    adapters = connection.adapters
    adapters.register_dumper(adapt.Json, _Json)
    adapters.register_dumper(adapt.Json, _JsonBinary)
    adapters.register_dumper(adapt.Jsonb, _Jsonb)
    adapters.register_dumper(adapt.Jsonb, _JsonbBinary)
