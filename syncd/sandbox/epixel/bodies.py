"""Request bodies as the installation takes them: multipart, form or JSON (vendors/epixel.md §1)."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from syncd.sandbox.message import Ask


def fields(ask: Ask) -> dict[str, Any]:
    """The fields of a body. Raises ValueError for one that cannot be read."""
    kind = ask.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _multipart(kind, ask.body)
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(ask.form())
    found = ask.json()
    if found is None:
        return {}
    if not isinstance(found, dict):
        message = "not an object"
        raise ValueError(message)  # noqa: TRY004 -- one kind of error for every body that cannot be read
    return found


def _multipart(kind: str, body: bytes) -> dict[str, Any]:
    boundary = kind.partition("boundary=")[2].strip('"').encode("latin-1")
    if not boundary or not body.rstrip().endswith(b"--" + boundary + b"--"):
        message = "no end of the last part"
        raise ValueError(message)
    found: dict[str, Any] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n", headersonly=True)
        name = headers["content-disposition"].params.get("name")
        found[str(name)] = value.decode()
    return found
