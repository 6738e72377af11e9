"""Chime's webhooks: one subscription for each list of changes, the secret in the path (vendors/chime.md §10).

A second registration of the same list is a second subscription and doubles every delivery, so what is there is looked
at first. Deliveries are not signed and have no ids; they come 1 to 5 minutes late, grouped, twice, out of order, and
only for leads that the registering user may see. ``limit`` is the highest documented: 5,000 deliveries in 30 minutes
(chime; more are dropped), or 5,000 events a delivery (lofty). Whether a failed delivery is repeated is not documented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import orjson

from syncd.domain.errors import NotFoundError, UnreadableError
from syncd.ports.hooks import Delivery, Event, Hint, Registration, hash_of, ours, same, usable_id
from syncd.vendors.chime.answers import listed_rows, whole
from syncd.vendors.chime.client import WEBHOOK, WEBHOOK_ONE, WEBHOOKS, Client
from syncd.vendors.chime.values import identity, plain

AGENTS, LEADS, CALLS, EMAILS, TEXTS, NOTES, PIPELINE = 1, 2, 6, 7, 8, 9, 12
LISTS: Mapping[int, str] = {
    AGENTS: "agent info", LEADS: "lead info", 3: "lead activity", 4: "alert", 5: "transaction", CALLS: "call",
    EMAILS: "email", TEXTS: "text", NOTES: "note", 10: "task", 11: "appointment", PIPELINE: "change pipeline",
}  # fmt: skip
LOGS = (CALLS, EMAILS, TEXTS)
OF_NOTES = frozenset(str(number) for number in (*LOGS, NOTES))
LIMIT = 5000
WRAPPERS = ("data", "lead")


class ChimeHooks:
    """The webhooks of one account. ``logs``: calls, e-mails and texts are read, so hear of them too."""

    secret_in: Literal["path"] = "path"  # noqa: S105 - where it is, not what
    secret_header = ""

    def __init__(self, client: Client, *, logs: bool) -> None:
        """Calls go through ``client``."""
        self._client = client
        self._lists = (AGENTS, LEADS, *(LOGS if logs else ()), NOTES, PIPELINE)
        self.subscribes = tuple(LISTS[number] for number in self._lists)

    async def register(self, address: str, secret: str) -> Sequence[Registration]:
        """Subscribe to what is missing, drop what is doubled, not wanted or bears another secret."""
        url = f"{address}/{secret}"
        there = await self._rows()
        missing, stale = dict.fromkeys(self._lists), []
        for number, one in there:
            if one.url == url and number in missing:
                del missing[number]
            elif ours(one, address):
                stale.append(one)
        for number in missing:
            body = {"listId": number, "callbackUrl": url, "limit": LIMIT}
            whole(await self._client.write("POST", WEBHOOK, json=body, repeat=False), f"POST {WEBHOOK}")
        await self._drop(stale)
        return await self.registered() if missing or stale else [one for _, one in there]

    async def registered(self) -> Sequence[Registration]:
        """Every subscription of the team."""
        return [one for _, one in await self._rows()]

    async def remove(self, address: str) -> Sequence[Registration]:
        """Take away every subscription that calls this address."""
        await self._drop([one for _, one in await self._rows() if ours(one, address)])
        return await self.registered()

    def authentic(self, delivery: Delivery, secret: str) -> bool:
        """Whether the path ends in the secret."""
        return same(delivery.segment, secret)

    def events(self, delivery: Delivery) -> Sequence[Event]:
        """One event: Chime names none, so the words themselves are its id.

        Words with times in them are said once; others may be said again of a later change.
        """
        try:
            body = orjson.loads(delivery.body)
        except orjson.JSONDecodeError:
            body = None
        hints: dict[Hint, None] = {}
        timed = True
        for part in body if isinstance(body, list) else [body]:
            if isinstance(part, Mapping):
                rows = list(_rows_of(part))
                wanted = list(_hints(_identity(part.get("listId")), rows))
                if rows or wanted:  # a hint may come from the number of the list alone: nothing says when
                    timed = timed and bool(rows) and all(_identity(row.get("updateTime")) for row in rows)
                hints.update(dict.fromkeys(wanted))
        return [Event(hash_of(delivery.body), list(hints), unique=timed or not hints)]

    async def _rows(self) -> list[tuple[int, Registration]]:
        """List number and subscription. Raises UnreadableError for a list that cannot be told: better than doubling."""
        answer = await self._client.read(WEBHOOKS)
        if isinstance(answer, str):
            try:
                answer = orjson.loads(answer) if answer.strip() else []
            except orjson.JSONDecodeError:
                raise UnreadableError(f"GET {WEBHOOKS}: the answer holds no webhooks") from None
        found = []
        for row in listed_rows(answer, "webhooks", f"GET {WEBHOOKS}"):
            ident = identity(row.get("subscribeId")) if isinstance(row, Mapping) else ""
            if not ident:
                raise UnreadableError(f"GET {WEBHOOKS}: a webhook without subscribeId")
            number = int(identity(row.get("listId")) or 0)
            events = (LISTS.get(number, f"list {number}"),)
            found.append((number, Registration(ident, plain(row.get("callbackUrl")), events)))
        return found

    async def _drop(self, stale: Sequence[Registration]) -> None:
        for one in stale:
            with suppress(NotFoundError):
                await self._client.write("DELETE", WEBHOOK_ONE, params={"id": one.id})


def _rows_of(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything in a delivery that may name a record: the rows of every top-level array, and the object itself."""
    for value in part.values():
        if isinstance(value, list):
            yield from (row for row in value if isinstance(row, Mapping))
    for row in (part, *(part.get(key) for key in WRAPPERS)):
        if isinstance(row, Mapping) and {"leadId", "noteId"} & row.keys():
            yield row


def _hints(number: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Hint]:
    """What the rows of a list ask to be read again. A "deleted" bucket is a hint like any other."""
    if number == str(AGENTS):
        yield Hint("agents", "")
        return
    for row in rows:
        lead, note = _identity(row.get("leadId")), _identity(row.get("noteId"))
        if number in OF_NOTES and (lead or note):
            yield Hint("notes", lead) if lead else Hint("note", note)
        elif lead:
            yield Hint("lead", lead)


def _identity(value: object) -> str:
    """An id as its decimal string; "" for what is none, however long it is."""
    if isinstance(value, str) and not usable_id(value):
        return ""
    return usable_id(identity(value)) if isinstance(value, str | int | float) else ""
