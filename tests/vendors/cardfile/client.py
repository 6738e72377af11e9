"""Cardfile's wire: addresses, credentials, limits, what its errors mean."""

from __future__ import annotations

from syncd.domain.errors import RejectedError
from syncd.vendors.budget import Budget
from syncd.vendors.failures import ErrorRow, ErrorTable
from syncd.vendors.http import Http
from syncd.vendors.registry import Deps
from syncd.vendors.renewing import credentials
from tests.vendors.cardfile.login import login
from tests.vendors.cardfile.settings import CardfileConnection

CARDS, CARD, NOTES, AGENTS, ME = "/cards", "/cards/{id}", "/cards/{id}/notes", "/agents", "/me"
PAGE = 50
ERRORS = ErrorTable(rows=(ErrorRow(RejectedError, {404}, write=False, paths={CARDS, AGENTS}, words="no such list"),))


def make_http(connection: CardfileConnection, deps: Deps) -> Http:
    """The wire of one connection. Raises ConfigError for a token that cannot be sent."""
    return Http(
        base_url=connection.base_url,
        auth=credentials(connection, deps, {"bearer": "Bearer {}"}, login(connection)),
        budget=Budget(
            deps.clock,
            connection.rate,
            "connection",
            lambda _headers, _status: None,
            quota=deps.quota,
            connection=connection.name,
        ),
        errors=ERRORS,
        clock=deps.clock,
        transport=deps.transport,
        rng=deps.rng,
        observe=deps.observe,
    )
