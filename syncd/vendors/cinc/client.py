"""The wire to one CINC site: addresses, credentials, limits, errors (vendors/cinc.md §1–§4, §12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import AuthError, RejectedError, UnreadableError
from syncd.domain.normalize import text
from syncd.ports.clock import Clock
from syncd.vendors.budget import Budget, Limits, Rate, RateLike, ReadLimits
from syncd.vendors.cinc.login import login
from syncd.vendors.http import Answer, ErrorRow, ErrorTable, Http
from syncd.vendors.renewing import credentials

if TYPE_CHECKING:
    from syncd.settings import CincConnection
    from syncd.vendors.registry import Deps

ME = "/site/me"
AGENTS = "/site/agents"
LEADS = "/site/leads"
LEAD = "/site/leads/{id}"
NOTES = "/site/leads/{id}/notes"
NOTE = "/site/leads/notes/{note_id}"
LABELS = "/site/leads/labels"
APPLY = "/site/leads/{id}/labels/apply"
REMOVE = "/site/leads/{id}/labels/remove"
WEBHOOK = "/site/webhook"
WEBHOOK_DISABLE = "/site/webhook/disable"

LIMIT_SEED = Rate(256, 20.0)
STYLES: Mapping[str, str] = {"bearer": "Bearer {}", "bare": "{}"}
EPOCH_MS_MIN = 1e11
EPOCH_S_MIN = 1e9
FORBIDDEN = 403
CREATED = 201
Params = Mapping[str, str]
NONE: Params = {}

ERRORS = ErrorTable(
    rows=(
        ErrorRow(
            RejectedError,
            {FORBIDDEN},
            paths={WEBHOOK, WEBHOOK_DISABLE},
            words="forbidden",
            hint="needs scope api:event, and a user of broker level: log in again as one",
        ),
        ErrorRow(
            RejectedError,
            {FORBIDDEN},
            write=True,
            words="forbidden",
            hint="needs scope api:create and api:update, and a user of broker level: log in again as one",
        ),
        ErrorRow(AuthError, {FORBIDDEN}, words="forbidden", hint="needs scope api:read: log in again"),
    )
)


class Client:
    """Calls to one site; answers come without their display wrapper."""

    def __init__(self, connection: CincConnection, deps: Deps) -> None:
        """A client for ``connection``. Raises ConfigError for credentials that cannot be used."""
        seed: RateLike = connection.rate or LIMIT_SEED
        auth = credentials(connection, deps, STYLES, login(connection), style=connection.auth.scheme)
        self.http = Http(
            base_url=connection.base_url,
            auth=auth,
            budget=Budget(
                deps.clock,
                seed,
                "endpoint",
                limits_reader(deps.clock, seed.per_s),
                quota=deps.quota,
                connection=connection.name,
            ),
            errors=ERRORS,
            clock=deps.clock,
            transport=deps.transport,
            rng=deps.rng,
            observe=deps.observe,
        )

    async def get(self, path: str, params: Params = NONE, query: Sequence[tuple[str, str]] = ()) -> Any:
        """The unwrapped answer to a GET. Raises VendorError."""
        answer = await self.http.send("GET", path, params=params, query=query)
        return unwrap(answer.data)

    async def one(self, path: str, key: str, params: Params) -> Mapping[str, Any]:
        """One object, bare or under ``key``. Raises VendorError; UnreadableError if there is no object with an id."""
        data = await self.get(path, params)
        found = data.get(key, data) if isinstance(data, Mapping) else data
        if not isinstance(found, Mapping) or not external_id(found):
            message = f"GET {path}: the answer is not a {key}"
            raise UnreadableError(message)
        return found

    async def post(
        self, path: str, body: Any, params: Params = NONE, query: Sequence[tuple[str, str]] = (), *, repeat: bool = True
    ) -> Answer:
        """A POST with a JSON body; ``repeat`` False where doing it twice is not doing it once."""
        return await self.http.send("POST", path, params=params, query=query, json=body, repeat=repeat)


def unwrap(data: Any) -> Any:
    """An answer without the ``{"body": …, "header": …}`` that the documentation prints around it."""
    if isinstance(data, Mapping) and isinstance(data.get("body"), Mapping | list):
        return data["body"]
    return data


def external_id(row: Mapping[str, Any]) -> str:
    """The id of a record, "" if it has none that can be used."""
    found = row.get("id")
    try:
        return text(found)
    except UnreadableError:
        return ""


def id_told(data: Any, key: str) -> str:
    """The id in the answer to a write: ``id`` or ``{key}.id``; "" if none."""
    found = unwrap(data)
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, Mapping):
        return ""
    inner = found.get(key)
    return external_id(found) or (external_id(inner) if isinstance(inner, Mapping) else "")


def limits_reader(clock: Clock, per_s: float) -> ReadLimits:
    """How CINC's rate headers are read; a reset that lies outside the window is not believed."""

    def read(headers: Mapping[str, str], _status: int) -> Limits | None:
        limit, remaining = _number(headers, "limit"), _number(headers, "remaining")
        reset = _number(headers, "reset")
        if limit is None and remaining is None and reset is None:
            return None
        wait_s = None if reset is None else _seconds_until(reset, headers, clock)
        if wait_s is not None:
            wait_s = min(wait_s, per_s) if -1 <= wait_s <= per_s + 2 else None
        return Limits(
            limit=None if limit is None else int(limit),
            remaining=None if remaining is None else int(remaining),
            reset_in_s=None if wait_s is None else max(0.0, wait_s),
        )

    return read


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        found = float(headers.get(f"x-rate-limit-{name}", ""))
    except ValueError:
        return None
    return found if 0 <= found < float("inf") else None


def _seconds_until(reset: float, headers: Mapping[str, str], clock: Clock) -> float:
    """Documented as epoch milliseconds, sampled as epoch seconds; small numbers are seconds from now."""
    if reset <= EPOCH_S_MIN:
        return reset
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        now = clock.now().timestamp()
    if reset > EPOCH_MS_MIN:
        return reset / 1000 - now
    return reset + 1 - now  # whole seconds may have been cut off
