"""What goes over the wire of a sandbox: requests, answers, endpoints, rows that are encoded once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

JSON = "application/json"
NO_ROUTE = "(no route)"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the vendor's access log has it. ``path`` has no query: that one holds addresses."""

    method: str
    template: str
    path: str
    status: int
    write: bool


@dataclass(slots=True)
class Ask:
    """One request, routed. ``headers`` have lower-case names; ``query`` keeps order and repeats."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    template: str = NO_ROUTE
    params: Mapping[str, str] = field(default_factory=dict)
    write: bool = True

    def one(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def json(self) -> Any:
        """The body as JSON whatever its content type; None if there is none. Raises ValueError if it is broken."""
        return orjson.loads(self.body) if self.body.strip() else None

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(slots=True)
class Reply:
    """One answer. ``body``: bytes as they are, None for none, anything else becomes JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON

    def encoded(self) -> bytes:
        """The body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else orjson.dumps(self.body)


Handler = Callable[[Ask], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: ``template`` like ``/site/leads/{id}``. ``write`` None: every method but GET is one."""

    method: str
    template: str
    handler: Handler
    write: bool | None = None


class Rows:
    """Encoded rows, kept until they are touched: a page of 500 leads is then a copy of bytes.

    Put the fragments straight into a page's dict; `Reply` encodes it.
    """

    def __init__(self, show: Callable[[Any], Any]) -> None:
        """``show(id)`` is the row as the API shows it."""
        self._show = show
        self._kept: dict[Hashable, orjson.Fragment] = {}

    def __call__(self, key: Hashable) -> orjson.Fragment:
        """The row, ready for a page."""
        row = self._kept.get(key)
        if row is None:
            row = self._kept[key] = orjson.Fragment(orjson.dumps(self._show(key)))
        return row

    def touch(self, key: Hashable) -> None:
        """The record changed."""
        self._kept.pop(key, None)

    def clear(self) -> None:
        """Everything may have changed (a switch was turned)."""
        self._kept.clear()
