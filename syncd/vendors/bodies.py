"""Bodies of requests and answers: bytes ↔ JSON, forms, and the digest of a payload."""

from __future__ import annotations

import json as stdlib_json
from collections.abc import Mapping
from hashlib import blake2b
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlencode

import orjson


class _Broken:
    """Marks a body that is not JSON."""


_BROKEN = _Broken()


def parse(body: bytes) -> Any:
    """The JSON in ``body``; None if it is empty; a marker if it is broken.

    What orjson refuses although a lenient reader would not (half a surrogate, a byte that is not UTF-8) is
    read leniently: such text makes one record unreadable when it is mapped, not a whole page now.
    """
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return stdlib_json.loads(body.decode("utf-8-sig", errors="surrogateescape"))
    except (ValueError, RecursionError):
        return _BROKEN


def is_broken(data: Any) -> bool:
    """Whether `parse` found no JSON."""
    return data is _BROKEN


def digest(payload: Any, without: frozenset[str] = frozenset()) -> bytes:
    """16 bytes over a payload whose key order does not matter; top-level keys in ``without`` are left out."""
    if without and isinstance(payload, Mapping):
        payload = {key: value for key, value in payload.items() if key not in without}
    try:
        encoded = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate, a huge number: see `parse`
        encoded = stdlib_json.dumps(payload, sort_keys=True).encode()
    return blake2b(encoded, digest_size=16).digest()


def content_of(
    *, json: Any = None, form: Mapping[str, str] | None = None, multipart: Mapping[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    """A body, from the one that is given, and the header that says what it is."""
    if multipart is not None:
        return _multipart(multipart)
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if json is not None:
        return orjson.dumps(json), {"Content-Type": "application/json"}
    return b"", {}


def _multipart(fields: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    boundary = token_hex(16)  # random, so that no value can hold it
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{quote(name)}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    content = "".join((*parts, f"--{boundary}--\r\n")).encode(errors="replace")
    return content, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
