"""The wire to one brand at Rechat: addresses, credentials, limits, errors, envelopes (vendors/rechat.md §1–§4, §12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import AuthError, RejectedError, UnreadableError
from syncd.domain.normalize import text
from syncd.ports.clock import Clock
from syncd.vendors.budget import Budget, Limits, RateLike, ReadLimits
from syncd.vendors.http import Answer, ErrorRow, ErrorTable, Http
from syncd.vendors.rechat.login import login
from syncd.vendors.rechat.values import number
from syncd.vendors.renewing import credentials

if TYPE_CHECKING:
    from syncd.settings import RechatConnection
    from syncd.vendors.registry import Deps

CONTACTS = "/contacts"
FILTER = "/contacts/filter"
CONTACT = "/contacts/{id}"
ROWS = "/contacts/{id}/attributes"
ROW = "/contacts/{id}/attributes/{row}"
ASSIGNEES = "/contacts/{id}/assignees"
DEFINITIONS = "/contacts/attribute_defs"
CAPTURE = "/leads"
CAPTURE_HOOK = "/leads/channels/{channel}/webhook"
LEAD_ASSIGNEES = "/leads/{id}/assignees"
SELF = "/users/self"
AGENTS = "/brands/{brand}/agents"
CHANNELS = "/brands/{brand}/leads/channels"
CHANNEL = "/brands/{brand}/leads/channels/{channel}"
RULES = "/brands/{brand}/leads/channels/{channel}/rules"
RULES_SORT = "/brands/{brand}/leads/channels/{channel}/rules/sort"
RULE = "/brands/{brand}/leads/channels/{channel}/rules/{rule}"
GROUPS = "/brands/{brand}/leads/groups"
GROUP = "/brands/{brand}/leads/groups/{group}"

ASSOCIATIONS = ("contact.attributes", "contact.user", "contact.assignees", "contact_role.user")
SHOWING: tuple[tuple[str, str], ...] = tuple(("associations[]", name) for name in ASSOCIATIONS)
"""What a contact is always asked for with: without them a list shows no rows (vendors/rechat.md §13)."""

STYLES: Mapping[str, str] = {"bearer": "Bearer {}"}
BRAND_HEADER = "X-RECHAT-BRAND"
IN_FLIGHT_MAX = 4
TOO_MANY = 429
PAUSE_S = 30.0
"""After a 429 that names no pause (vendors/rechat.md §4)."""
HALVED_S = 600.0
"""For how long a 429 halves the budget."""
Params = Mapping[str, str]
Query = Sequence[tuple[str, str]]
NONE: Params = {}

_LISTS = frozenset({CONTACTS, FILTER, DEFINITIONS, SELF, AGENTS, CHANNELS, RULES, GROUPS})
_COLLECTIONS = _LISTS | {CAPTURE, CAPTURE_HOOK}
_BRAND_HINT = "check that the user of these credentials belongs to the brand, or log in again"


def _code(body: Any) -> str:
    code = body.get("code") if isinstance(body, Mapping) else None
    return code if isinstance(code, str) else ""


ERRORS = ErrorTable(
    rows=(
        ErrorRow(AuthError, {403}, write=False, paths=_LISTS, words="forbidden", hint=_BRAND_HINT),
        ErrorRow(RejectedError, {403}, words="forbidden", hint="the user of these credentials may not do this"),
        ErrorRow(
            RejectedError,
            {404},
            paths=_COLLECTIONS,
            words="no such place",
            hint="check base_url, brand and lead_channel",
        ),
    ),
    code_of=_code,
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list. ``total`` None: unknown, also where 0 was told beside rows."""

    rows: list[Any]
    total: int | None = None


class Client:
    """Calls to one brand; answers come without their envelope."""

    def __init__(self, connection: RechatConnection, deps: Deps) -> None:
        """A client for ``connection``. Raises ConfigError for credentials that cannot be used."""
        self.brand = connection.brand
        self.http = Http(
            base_url=connection.base_url,
            auth=credentials(connection, deps, STYLES, login(connection)),
            budget=Budget(
                deps.clock,
                connection.rate,
                "connection",
                limits_reader(deps.clock, connection.rate),
                in_flight_max=IN_FLIGHT_MAX,
                quota=deps.quota,
                connection=connection.name,
            ),
            errors=ERRORS,
            clock=deps.clock,
            transport=deps.transport,
            default_headers={BRAND_HEADER: connection.brand},
            rng=deps.rng,
            observe=deps.observe,
        )

    async def get(self, path: str, params: Params = NONE, query: Query = ()) -> Any:
        """The ``data`` of a GET. Raises VendorError."""
        return unwrap((await self.http.send("GET", path, params=params, query=query)).data)

    async def one(self, path: str, params: Params, query: Query = ()) -> Mapping[str, Any]:
        """One object with an id. Raises VendorError; UnreadableError if there is none."""
        found = await self.get(path, params, query)
        if not isinstance(found, Mapping) or not external_id(found):
            message = f"GET {path}: the answer is not an object with an id"
            raise UnreadableError(message)
        return found

    async def listed(self, path: str, params: Params = NONE, query: Query = (), body: Any = None) -> Listed:
        """One page: a GET, or a POST of a filter. Raises VendorError, UnreadableError where the answer is no list."""
        if body is None:
            answer = await self.http.send("GET", path, params=params, query=query)
        else:
            answer = await self.http.send("POST", path, params=params, query=query, json=body, write=False)
        rows = unwrap(answer.data)
        if rows is None and isinstance(answer.data, Mapping) and "data" in answer.data:
            rows = []
        if not isinstance(rows, list):
            # Anything else taken for an empty list would read as "all of them are gone".
            message = f"{'GET' if body is None else 'POST'} {path}: the answer is not a list"
            raise UnreadableError(message)
        info = answer.data.get("info") if isinstance(answer.data, Mapping) else None
        total = number(info.get("total")) if isinstance(info, Mapping) else None
        return Listed(rows, int(total) if total else None)

    async def write(
        self, method: str, path: str, params: Params, body: Any = None, query: Query = (), *, repeat: bool = False
    ) -> Answer:
        """A write. ``repeat`` only where doing it twice is doing it once."""
        lax = method == "DELETE" or path in {ASSIGNEES, LEAD_ASSIGNEES, RULES_SORT}  # what they answer says nothing
        return await self.http.send(method, path, params=params, query=query, json=body, repeat=repeat, lax=lax)


def unwrap(data: Any) -> Any:
    """An answer without ``{"code", "data", "info"}``; bare arrays and objects as they are (vendors/rechat.md §3)."""
    if isinstance(data, Mapping) and "data" in data and ("code" in data or "info" in data or len(data) == 1):
        return data["data"]
    return data


def external_id(row: Any) -> str:
    """The id of a record, "" if it has none that can be used."""
    try:
        return text(row.get("id")) if isinstance(row, Mapping) else ""
    except UnreadableError:
        return ""


def contact_told(data: Any, contact: str = "") -> Mapping[str, Any] | None:
    """The contact a write answered with, rows included; None where it answered something else."""
    found = unwrap(data)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, Mapping) or not isinstance(found.get("attributes"), list):
        return None
    return found if not contact or external_id(found) == contact else None


def limits_reader(clock: Clock, rate: RateLike) -> ReadLimits:
    """Rechat tells no limits; a 429 halves ours for ten minutes and waits 30 s where it names no pause."""
    halved_until = float("-inf")
    halved = False

    def read(_headers: Mapping[str, str], status: int) -> Limits | None:
        nonlocal halved_until, halved
        now = clock.monotonic()
        if status == TOO_MANY:
            halved_until, halved = now + HALVED_S, True
            return Limits(limit=max(1, rate.limit // 2), reset_in_s=PAUSE_S)  # Retry-After goes before this
        if halved and now >= halved_until:
            halved = False
            return Limits(limit=rate.limit)
        return None

    return read
