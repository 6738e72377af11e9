"""An `Http` for the toy vendor, in process or over a socket."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import httpx

from syncd.domain.errors import RejectedError
from syncd.ports.clock import Clock
from syncd.vendors.auth import TokenAuth
from syncd.vendors.budget import Budget, Limits, Rate
from syncd.vendors.http import ErrorRow, ErrorTable, Http

STYLES = {"bearer": "Bearer {}", "bare": "{}"}


def read_limits(headers: Mapping[str, str], _status: int) -> Limits | None:
    """The toy's headers."""
    if "x-limit" not in headers:
        return None
    return Limits(int(headers["x-limit"]), int(headers["x-remaining"]), float(headers["x-reset"]))


ERRORS = ErrorTable(
    rows=(ErrorRow(RejectedError, {418}, words="a teapot"),),
    code_of=lambda body: str(body.get("code", "")) if isinstance(body, dict) else "",
    disguised=lambda body: isinstance(body, dict) and set(body) == {"code"},
)


def toy_http(clock: Clock, base_url: str = "http://toy/api", **given: Any) -> Http:
    """A wire to the toy, with everything that was not given."""
    transport: httpx.AsyncBaseTransport | None = given.pop("transport", None)
    auth = given.pop("auth", None) or TokenAuth("sandbox-token", STYLES)
    seed = given.pop("seed", Rate(100, 10.0))
    own = Budget(clock, seed, given.pop("key", "endpoint"), given.pop("read_limits", read_limits))
    budget = given.pop("budget", own)
    return Http(
        base_url=base_url, auth=auth, budget=budget, errors=ERRORS, clock=clock, transport=transport,
        rng=random.Random(1),  # noqa: S311 -- jitter
        **given,
    )  # fmt: skip
