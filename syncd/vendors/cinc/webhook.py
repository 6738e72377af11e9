"""CINC's webhook: one per site and client, with a header of ours as its secret (vendors/cinc.md §10).

Registering is an upsert and may be repeated. CINC signs nothing; it sends whatever headers were registered. A delivery
is one event or a list of them, each with an id in ``meta.event_id``. How fast CINC gives up on a receiver, and whether
it tries again, is not documented: answer at once, and let the incremental pull find what was lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from syncd.domain.errors import NotFoundError, UnreadableError
from syncd.domain.normalize import text
from syncd.ports.hooks import Delivery, Event, Hint, Registration, event_id, hash_of, same, secret_problem, usable_id
from syncd.vendors.cinc.client import WEBHOOK, WEBHOOK_DISABLE, Client

HEADER = "X-Syncd-Secret"
EVENT_ID = "x-cinc-event-id"
FILTERS = (
    "lead.created",
    "lead.info.updated",
    "lead.assigned_agents.primary_agent.updated",
    "lead.assigned_agents.listing_agent.updated",
    "lead.assigned_agents.partner.updated",
    "lead.label.applied",
    "lead.label.removed",
    "lead.note.created",
    "agent.created",
    "agent.info.updated",
    "lead.*.updated",
)
"""What is asked for. The last one also catches events that are not documented (a stage)."""
NOTHING = frozenset({"lead.listing.viewed", "lead.logged_in", "lead.inquired", "agent.logged_in"})
AGENTS = frozenset({"agent.created", "agent.info.updated"})


class CincHooks:
    """The webhook of one site."""

    secret_in: Literal["header"] = "header"  # noqa: S105 - where it is, not what
    secret_header = HEADER.lower()
    subscribes = FILTERS

    def __init__(self, client: Client) -> None:
        """Calls go through ``client``."""
        self._client = client

    async def register(self, address: str, secret: str) -> Sequence[Registration]:
        """Register, or renew: the upsert replaces whatever this client had registered. Raises VendorError."""
        body = {"url": address, "event_filters": list(FILTERS), "headers": {HEADER: secret}, "is_enabled": True}
        await self._client.post(WEBHOOK, body)
        return await self.registered()

    async def registered(self) -> Sequence[Registration]:
        """The site's webhook, if there is one."""
        try:
            shown = await self._client.get(WEBHOOK)
        except NotFoundError:
            return []
        found = shown.get("webhook", shown) if isinstance(shown, Mapping) else None
        if not isinstance(found, Mapping):
            raise UnreadableError(f"GET {WEBHOOK}: the answer is not a webhook")
        if not found.get("event_filters") and not found.get("url"):
            return []
        filters = found.get("event_filters")
        events = tuple(_plain(one) for one in filters) if isinstance(filters, list) else ()
        enabled = found.get("is_enabled") is not False
        return [Registration("", _plain(found.get("url")), events, enabled, _shown_secret(found.get("headers")))]

    async def remove(self, address: str) -> Sequence[Registration]:
        """Turn the webhook off, unless it calls somebody else: CINC has no call that deletes it."""
        if any(one.enabled and one.url in {"", address} for one in await self.registered()):
            await self._client.post(WEBHOOK_DISABLE, None)
        return await self.registered()

    def authentic(self, delivery: Delivery, secret: str) -> bool:
        """Whether the registered header came along."""
        return not delivery.segment and same(delivery.headers.get(self.secret_header, ""), secret)

    def events(self, delivery: Delivery) -> Sequence[Event]:
        """One event for each object of the body."""
        try:
            body = orjson.loads(delivery.body)
        except orjson.JSONDecodeError:
            body = None
        rows = body if isinstance(body, list) else [body]
        if len(rows) == 1:
            return [_event(rows[0], delivery.body, delivery.headers.get(EVENT_ID, ""))]
        return [_event(row, orjson.dumps(row)) for row in rows] or [Event(hash_of(delivery.body))]


def _event(row: Any, body: bytes, told: str = "") -> Event:
    """One object; ``told`` is the id that the headers name."""
    if not isinstance(row, Mapping):
        return Event(hash_of(body))
    meta = row.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    ident, hints = event_id(meta.get("event_id") or told, body), _hints(row)
    # Without an id and a time the same words may be said of a later change.
    timed = bool(_plain(meta.get("published_date")).strip())
    return Event(ident, hints, unique=timed or not hints or ident != hash_of(body))


def _shown_secret(headers: Any) -> str:
    """The value of our header; "" where it is not shown, or masked: no secret of ours looks like that."""
    if not isinstance(headers, Mapping):
        return ""
    shown = [_plain(value) for name, value in headers.items() if str(name).lower() == HEADER.lower()]
    masked = not shown or secret_problem(shown[0]) or len(set(shown[0])) == 1
    return "" if masked else shown[0]


def _hints(row: Mapping[str, Any]) -> list[Hint]:
    """What to read again (the table in vendors/cinc.md §10); values inside the event are not looked at."""
    kind = _plain(row.get("type"))
    lead, note = _id(row, "lead"), _id(row, "note")
    if kind in AGENTS:
        return [Hint("agents", _id(row, "agent") or lead)]  # the documented sample has the agent under "lead"
    if not lead or kind in NOTHING or not kind.startswith("lead."):
        return []
    if kind == "lead.created":
        return [Hint("lead", lead), Hint("notes", lead)]
    if kind == "lead.note.created":
        return [Hint("note", note, lead) if note else Hint("notes", lead)]
    return [Hint("lead", lead)]


def _id(row: Mapping[str, Any], key: str) -> str:
    inner = row.get(key)
    return usable_id(_plain(inner.get("id"))) if isinstance(inner, Mapping) else ""


def _plain(value: object) -> str:
    """A scalar as text, "" for anything else."""
    try:
        return text(value)
    except UnreadableError:
        return ""
