"""Chime's wire: addresses, credentials, limits, and what its errors mean (vendors/chime.md §2, §4, §12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from syncd.domain.errors import AuthError, NotFoundError, RejectedError, TransientError
from syncd.ports.clock import Clock
from syncd.settings import ChimeConnection
from syncd.vendors.budget import Budget, Limits, Rate
from syncd.vendors.chime.login import login
from syncd.vendors.chime.values import is_blank
from syncd.vendors.failures import ErrorRow, ErrorTable, Failure
from syncd.vendors.http import Http
from syncd.vendors.registry import Deps
from syncd.vendors.renewing import credentials

LEADS = "/v1.0/leads"
CHANGED = "/v1.0/leads/updateTime"
LEAD = "/v1.0/leads/{id}"
ASSIGNMENT = "/v1.0/leads/{id}/assignment"
NOTES = "/v1.0/notes"
NOTE = "/v1.0/notes/{id}"
LOGS = "/v1.0/logType"
LOG = "/v1.0/logType/{id}"
MEMBERS = "/v1.0/members"
MEMBER = "/v1.0/members/{email}"
ME = "/v1.0/me"
PIPELINES = "/v1.0/teamFeatures/lead-pipelines"
WEBHOOKS = "/v1.0/webhooks"
WEBHOOK = "/v1.0/webhook"
WEBHOOK_ONE = "/v1.0/webhook/{id}"

SEED = Rate(10, 60.0)
"""Callers without a vendor key (vendors/chime.md §4)."""
STYLES = {"token": "token {}", "bearer": "Bearer {}"}
NO_USER = "200058"
LOG_IN = "check the token or log in again"
NO_SUCH_LEAD = "20006"
NO_SUCH_MEMBER = "20003"
SCROLL_GONE = "20012"
_RECORD_GONE = frozenset({NO_SUCH_LEAD, "20007", NO_SUCH_MEMBER})
_LISTS = frozenset({LEADS, CHANGED, MEMBERS, PIPELINES, WEBHOOKS})
_LEAD_LISTS = frozenset({NOTES, LOGS})
_AROUND_DATA = frozenset({"code", "errorCode", "message", "msg", "error", "errors", "status", "success", "timestamp",
                          "path", "requestId", "traceId"})  # fmt: skip
_WINDOW_S = 60.0
_EPOCH_S_MIN = 1e9
_EPOCH_MS_MIN = 1e12


def code_of(body: Any) -> str:
    """The error code of a body: ``code`` or ``errorCode``, a number or digits; "" if there is none."""
    if not isinstance(body, Mapping):
        return ""
    for key in ("code", "errorCode"):
        value = body.get(key)
        if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip() not in {"", "0", "200"}:
            return str(value).strip()
    return ""


def disguised(body: Any) -> bool:
    """Whether a 2xx body is an error all the same: a code, and no data beside it."""
    return code_of(body) != "" and all(key in _AROUND_DATA or is_blank(value) for key, value in body.items())


def _no_list(failure: Failure) -> bool:
    return not (failure.path == MEMBERS and failure.code == NO_SUCH_MEMBER)


ERRORS = ErrorTable(
    rows=(
        ErrorRow(AuthError, {400, 401}, codes={NO_USER}, words="the credentials are refused", hint=LOG_IN),
        ErrorRow(
            AuthError,
            {403},
            write=False,
            paths={ME, LEADS, CHANGED, MEMBERS},
            words="forbidden",
            hint="the key may not read this account",
        ),
        ErrorRow(RejectedError, {403}, words="no permission for this", hint="ask for this API to be enabled"),
        ErrorRow(RejectedError, {404}, codes={"200108"}, words="rejected"),
        ErrorRow(
            RejectedError,
            {404},
            write=False,
            paths=_LISTS,
            when=_no_list,
            words="no such list",
            hint="check base_url and dialect (chime or lofty)",
        ),
        ErrorRow(
            RejectedError,
            {404},
            write=False,
            paths=_LEAD_LISTS,
            when=lambda failure: failure.code not in {NO_SUCH_LEAD, "20007"},
            words="no such list",
            hint="check base_url and dialect (chime or lofty)",
        ),
        ErrorRow(NotFoundError, {404}, codes=_RECORD_GONE, words="not found"),
        ErrorRow(TransientError, range(400, 600), codes={"20005"}, words="the vendor failed"),
    ),
    code_of=code_of,
    disguised=disguised,
)


def limits_reader(clock: Clock) -> Any:
    """Reads ``X-RateLimit-*``; a reset may be milliseconds left, epoch seconds or epoch ms (vendors/chime.md §4)."""

    def read(headers: Mapping[str, str], _status: int) -> Limits | None:
        limit, remaining = _number(headers, "x-ratelimit-limit"), _number(headers, "x-ratelimit-remaining")
        reset = _number(headers, "x-ratelimit-reset")
        if limit is None and remaining is None and reset is None:
            return None
        return Limits(
            limit=None if limit is None or limit < 1 else int(limit),
            remaining=None if remaining is None or remaining < 0 else int(remaining),
            reset_in_s=None if reset is None else reset_in_s(reset, _sent_at(headers) or clock.now()),
            per_s=_WINDOW_S,
        )

    return read


def reset_in_s(reset: float, now: datetime) -> float:
    """Seconds until the window ends, between 0 and 60."""
    if reset < _EPOCH_S_MIN:
        left = reset / 1000
    elif reset < _EPOCH_MS_MIN:
        left = reset - now.timestamp()
    else:
        left = reset / 1000 - now.timestamp()
    return min(_WINDOW_S, max(0.0, left))


class Client:
    """Chime's calls as data in, data out. Raises the VendorError classes of §12."""

    def __init__(self, http: Http) -> None:
        """Calls go through ``http``."""
        self.http = http

    async def read(
        self, path: str, *, params: Mapping[str, str] | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> Any:
        """GET; an answer without a body is no answer (TransientError)."""
        answer = await self.http.send("GET", path, params=params, query=query)
        if answer.data is None:
            raise TransientError(f"GET {path}: {answer.status} empty answer", status=answer.status)
        return answer.data

    async def write(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        query: Sequence[tuple[str, str]] = (),
        json: Any = None,
        repeat: bool = True,
    ) -> Any:
        """A write; its answer may be JSON, bare text or nothing (None)."""
        answer = await self.http.send(
            method, path, params=params, query=query, json=json, write=True, repeat=repeat, lax=True
        )
        return answer.data


def make_client(connection: ChimeConnection, deps: Deps) -> Client:
    """The wire of one connection. Raises ConfigError for credentials that cannot be used."""
    auth = connection.auth
    key = auth.vendor_key.reveal() if auth.vendor_key is not None else ""
    # API keys go in either style, OAuth tokens as Bearer (vendors/chime.md §2).
    style = auth.header_style if auth.kind == "token" else "bearer"
    extra = {"vendorKey": key} if key else None
    http = Http(
        base_url=connection.base_url,
        auth=credentials(connection, deps, STYLES, login(connection), style=style, extra=extra),
        budget=Budget(
            deps.clock,
            connection.rate or SEED,
            "connection",
            limits_reader(deps.clock),
            quota=deps.quota,
            connection=connection.name,
        ),
        errors=ERRORS,
        clock=deps.clock,
        transport=deps.transport,
        # Required on every call, GET and DELETE too (vendors/chime.md §2).
        default_headers={"Content-Type": "application/json"},
        rng=deps.rng,
        observe=deps.observe,
    )
    return Client(http)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(headers.get(name, ""))
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _sent_at(headers: Mapping[str, str]) -> datetime | None:
    """When the vendor sent an answer, by its own clock: epoch resets are meant against that one."""
    try:
        found = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
