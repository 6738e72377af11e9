"""The wire to one installation: paths tried in order, bodies, credentials, budget (vendors/epixel.md §1–§4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import AuthError, RejectedError, TransientError, VendorError
from syncd.vendors.budget import Budget
from syncd.vendors.epixel.login import login
from syncd.vendors.epixel.refusals import CHECK, NoRouteError, UnclearError, error_table
from syncd.vendors.http import Answer, Http
from syncd.vendors.renewing import credentials

if TYPE_CHECKING:
    from syncd.settings import EpixelConnection
    from syncd.vendors.registry import Deps

STYLES: Mapping[str, str] = {"bearer": "Bearer {}"}
IN_FLIGHT_MAX = 2
PATHS = "paths"

OVERVIEW, LIST, VIEW = "overview", "list", "view"
CREATE, UPDATE, DELETE = "create", "update", "delete"
NOTE_CREATE, NOTE_DELETE = "note create", "note delete"
APPOINTMENTS = "appointments"
APPOINTMENT_CREATE, APPOINTMENT_UPDATE = "appointment create", "appointment update"
APPOINTMENT_DELETE = "appointment delete"


def _both(path: str) -> tuple[str, ...]:
    """As the documentation's heading has it, then as its samples have it."""
    return (f"/leads/{path}/", f"/{path}/")


ROUTES: Mapping[str, tuple[str, ...]] = {
    OVERVIEW: _both("overview"),
    LIST: _both("list"),
    VIEW: _both("view/lead"),
    CREATE: ("/v1/leads/create/lead/", "/leads/create/lead/", "/v1/create/lead/", "/create/lead/"),
    UPDATE: _both("update/lead"),
    DELETE: _both("delete/lead"),
    NOTE_CREATE: _both("create/leadnote"),
    NOTE_DELETE: _both("delete/leadnote"),
    APPOINTMENTS: _both("appointments/list"),
    APPOINTMENT_CREATE: _both("create/appointment"),
    APPOINTMENT_UPDATE: _both("update/appointment"),
    APPOINTMENT_DELETE: _both("delete/appointment"),
}
"""Call → its paths in the order of trying. Headings and samples of the documentation disagree."""
READS = frozenset({OVERVIEW, LIST, VIEW, APPOINTMENTS})


class Client:
    """Calls to one installation, by name instead of by path."""

    def __init__(self, connection: EpixelConnection, deps: Deps) -> None:
        """A client for ``connection``. Raises ConfigError for credentials that cannot be used."""
        auth = connection.auth
        key = auth.token if auth.kind == "token" and auth.api_key is None else auth.api_key
        self._body = connection.body
        remembered = deps.memory.get(PATHS)
        remembered = remembered if isinstance(remembered, Mapping) else {}
        self._proven = {call: path for call, path in remembered.items() if path in ROUTES.get(call, ())}
        self.http = Http(
            base_url=connection.base_url,
            auth=credentials(
                connection, deps, STYLES, login(connection), extra={"apikey": key.reveal().strip() if key else ""}
            ),
            budget=Budget(
                deps.clock,
                connection.rate,
                "connection",
                lambda _headers, _status: None,
                in_flight_max=IN_FLIGHT_MAX,
                quota=deps.quota,
                connection=connection.name,
            ),
            errors=error_table(lambda path: path in self._proven.values()),
            clock=deps.clock,
            transport=deps.transport,
            rng=deps.rng,
            observe=deps.observe,
        )

    @property
    def memory(self) -> Mapping[str, Any]:
        """Which paths work here, and what the credentials learned."""
        return {**self.http.auth.memory, **({PATHS: dict(self._proven)} if self._proven else {})}

    async def get(self, call: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """The answer to a read. Raises VendorError."""
        return (await self._call(call, query=query)).data

    async def post(self, call: str, fields: Mapping[str, str], *, repeat: bool) -> Answer:
        """A write with these form fields; ``repeat`` False where doing it twice is not doing it once."""
        return await self._call(call, fields=fields, repeat=repeat)

    async def _call(
        self,
        call: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        fields: Mapping[str, str] | None = None,
        repeat: bool | None = None,
    ) -> Answer:
        """One call on the path that works, or on each in turn until one does."""
        method = "GET" if call in READS else "POST"
        content = {} if fields is None else {self._body: fields}
        for path in (self._proven[call],) if call in self._proven else ROUTES[call]:
            try:
                answer = await self.http.send(method, path, query=query, repeat=repeat, **content)  # type: ignore[arg-type]
            except NoRouteError:
                if call in self._proven:  # another call found the way meanwhile
                    return await self._call(call, query=query, fields=fields, repeat=repeat)
                continue
            except UnclearError as error:
                raise await self._judged(call, error) from None
            except VendorError as error:
                if error.code:  # a sentence of the documentation: somebody is at home here
                    self._proven.setdefault(call, path)
                raise
            self._proven.setdefault(call, path)
            return answer
        message = f"{method} {ROUTES[call][0]}: no such route"
        raise RejectedError(message, hint="check base_url: it ends in the API's prefix and version")

    async def _judged(self, call: str, error: UnclearError) -> VendorError:
        """What a 401 that says neither means (§2, rule 3): if other calls work, it was not about the credentials."""
        refused = AuthError(str(error), status=error.status, hint=CHECK)
        if call == OVERVIEW:
            return refused
        try:
            await self._call(OVERVIEW)
        except AuthError as still:
            return still
        except TransientError as failed:
            return TransientError(str(failed), status=failed.status, sent=False)  # a 401 was certainly not carried out
        except VendorError:
            return refused
        return RejectedError(str(error), status=error.status)
