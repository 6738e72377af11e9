"""The wire to one MyCRM account: addresses, headers, budget (vendors/mycrm.md §1–§4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from syncd.domain.errors import RejectedError, UnreadableError
from syncd.ports.clock import Clock
from syncd.vendors.budget import Budget, Limits, RateLike
from syncd.vendors.http import Answer, Http
from syncd.vendors.mycrm.login import login
from syncd.vendors.mycrm.refusals import ERRORS
from syncd.vendors.mycrm.values import ID, identity
from syncd.vendors.renewing import credentials

if TYPE_CHECKING:
    from syncd.settings.connections.mycrm import MyCrmConnection
    from syncd.vendors.registry import Deps

LEADS = "/leads"
LEAD = "/leads/{id}"
DELETE = "/lead/{id}"
"""Singular, as documented; the plural one is the second try (vendors/mycrm.md §11)."""
USERS = "/users"
EXPAND: Mapping[str, str] = {"X-MyCRM-Expand-Data": "true"}
"""On every lead call: users and notes as full objects."""
STYLES: Mapping[str, str] = {"bearer": "Bearer {}"}
IN_FLIGHT_MAX = 4
TOO_MANY = 429
PAUSE_S = 60.0
SLOW_S = 600.0
WARNING = "x-mycrm-api-warning"
WARNINGS_MAX = 50
WARNING_CHARACTERS_MAX = 200
_log = structlog.get_logger()


class Pace:
    """Reads the headers of every answer: warnings to log, and a 429 that halves the budget for ten minutes."""

    def __init__(self, name: str, seed: RateLike, clock: Clock) -> None:
        """``seed`` is the budget of a connection that nobody complained about."""
        self._name, self._seed, self._clock = name, seed, clock
        self._slow_until: float | None = None
        self._warned: set[str] = set()

    def read(self, headers: Mapping[str, str], status: int) -> Limits | None:
        """What an answer says about the budget; None: nothing (MyCRM documents no limits)."""
        self._warn(headers.get(WARNING, ""))
        now = self._clock.monotonic()
        if status == TOO_MANY:
            self._slow_until = now + SLOW_S
            wait_s = None if "retry-after" in headers else PAUSE_S
            return Limits(limit=max(1, self._seed.limit // 2), reset_in_s=wait_s)
        if self._slow_until is not None and now >= self._slow_until:
            self._slow_until = None
            return Limits(limit=self._seed.limit)
        return None

    def _warn(self, said: str) -> None:
        """Once per connection and text."""
        shown = "".join(char for char in said[:WARNING_CHARACTERS_MAX] if char.isprintable())
        if shown and shown not in self._warned and len(self._warned) < WARNINGS_MAX:
            self._warned.add(shown)
            _log.warning("vendor.warning", connection=self._name, text=shown)


class Client:
    """Calls to one account. Ids are checked before they get into a path."""

    def __init__(self, connection: MyCrmConnection, deps: Deps) -> None:
        """A client for ``connection``. Raises ConfigError for credentials that cannot be used."""
        self.pace = Pace(connection.name, connection.rate, deps.clock)
        self.http = Http(
            base_url=connection.base_url,
            auth=credentials(connection, deps, STYLES, login(connection)),
            budget=Budget(
                deps.clock,
                connection.rate,
                "connection",
                self.pace.read,
                in_flight_max=IN_FLIGHT_MAX,
                quota=deps.quota,
                connection=connection.name,
            ),
            errors=ERRORS,
            clock=deps.clock,
            transport=deps.transport,
            rng=deps.rng,
            observe=deps.observe,
        )

    async def page(self, path: str, query: Sequence[tuple[str, str]]) -> Any:
        """The answer to a page of a list. Raises VendorError."""
        answer = await self.http.send("GET", path, query=query, headers=EXPAND if path == LEADS else None)
        return answer.data

    async def lead(self, external_id: str) -> Mapping[str, Any]:
        """One lead, expanded. Raises NotFoundError; UnreadableError if the answer is another record, or none."""
        params = addressed(external_id)
        answer = await self.http.send("GET", LEAD, params=params, headers=EXPAND)
        found = record(answer.data, "lead")
        if found is None or identity(found.get("id")) != external_id:
            raise UnreadableError(f"GET {LEAD}: the answer is not that lead")
        return found

    async def create(self, lead: Mapping[str, Any]) -> Answer:
        """Create a lead. One try: a repeat would make a second one."""
        return await self.http.send("POST", LEADS, json={"lead": lead}, headers=EXPAND, repeat=False)

    async def put(self, external_id: str, lead: Mapping[str, Any], *, repeat: bool = True) -> Answer:
        """Replace a lead; ``repeat`` False where new notes go along."""
        params = addressed(external_id)
        return await self.http.send("PUT", LEAD, params=params, json={"lead": lead}, headers=EXPAND, repeat=repeat)

    async def patch(self, external_id: str, operations: Sequence[Mapping[str, Any]]) -> Answer:
        """Operations on one lead; the collection and the wildcard are out of reach."""
        params, body = addressed(external_id), {"operations": list(operations)}
        return await self.http.send("PATCH", LEAD, params=params, json=body, headers=EXPAND, repeat=True)

    async def delete(self, path: str, external_id: str) -> None:
        """Delete one lead. ``path`` is one of the two that hold its id."""
        await self.http.send("DELETE", path, params=addressed(external_id), headers=EXPAND, repeat=True, lax=True)


def addressed(external_id: str) -> dict[str, str]:
    """The id as a path parameter. Raises RejectedError for anything that could address more than one lead."""
    if ID.fullmatch(external_id) is None:
        raise RejectedError("that is not the id of a lead of MyCRM")
    return {"id": external_id}


def record(data: Any, key: str) -> Mapping[str, Any] | None:
    """One object with an id, bare or under ``key``; None if there is none."""
    found = data.get(key, data) if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) and identity(found.get("id")) else None
