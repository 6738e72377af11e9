"""Look-ups by address, number and time; what is found is compared by value (vendors/rechat.md §3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import email as normal_email
from syncd.domain.normalize import national
from syncd.domain.normalize import phone as normal_phone
from syncd.ports.vendor import Found, Remote
from syncd.vendors.rechat.client import FILTER, SHOWING, Client, external_id
from syncd.vendors.rechat.contact import CREATED, contact
from syncd.vendors.rechat.people import EMAIL, PHONE
from syncd.vendors.rechat.rows import View
from syncd.vendors.rechat.values import stamp

LIMIT = 20


class Finder:
    """Look-ups of one connection."""

    def __init__(self, client: Client, view: View, region: str) -> None:
        """``view`` takes payloads apart; ``region`` is the country of numbers without one."""
        self._client, self._view, self._region = client, view, region

    async def by_email(self, address: str) -> Found:
        """Live contacts with this address, newest first."""
        wanted = normal_email(address)
        rows = await self._ask({"filter": [{"attribute_type": EMAIL, "value": wanted}]})
        return self._fitting(rows, lambda row: wanted in self._values(row, EMAIL, normal_email))

    async def by_phone(self, number: str) -> Found:
        """Live contacts with this number, asked for as E.164 and, where that finds none, by its national digits."""
        found = self._rung(await self._ask({"filter": [{"attribute_type": PHONE, "value": number}]}), number)
        digits = re.sub(r"\D", "", national(number, self._region).partition(" x")[0])
        if found.rows or not digits:
            return found
        return self._rung(await self._ask({}, ("q[]", digits)), number)

    def _rung(self, rows: Sequence[Any], number: str) -> Found:
        def read(value: object) -> str:
            return normal_phone(value, self._region)

        return self._fitting(rows, lambda row: number in self._values(row, PHONE, read))

    async def _ask(self, body: Mapping[str, Any], *terms: tuple[str, str]) -> Sequence[Any]:
        query = [*terms, ("limit", str(LIMIT)), *SHOWING]
        return (await self._client.listed(FILTER, query=query, body=body)).rows

    def _fitting(self, rows: Sequence[Any], fits: Callable[[Mapping[str, Any]], bool]) -> Found:
        """The rows that fit. Others beside them mean that the filter is ignored: then "none" says nothing."""
        usable = [row for row in rows if external_id(row) and not row.get("deleted_at")]
        found = [row for row in usable if fits(row)]
        found.sort(key=lambda row: stamp(row.get(CREATED)) or 0, reverse=True)
        # A search is wider than its term; only a full page of strangers may hide the one looked for.
        remotes: list[Remote] = [contact(row, listed=True) for row in found]
        return Found(remotes, conclusive=bool(found) or len(rows) < LIMIT)

    def _values(self, row: Mapping[str, Any], kind: str, read: Callable[[Any], str]) -> set[str]:
        """The normal values of a contact's rows of a kind; of its summary where the list shows no rows."""
        try:
            if not isinstance(row.get("attributes"), list):
                summary = row.get({EMAIL: "emails", PHONE: "phone_numbers"}[kind])
                return {read(value) for value in summary} if isinstance(summary, list) else set()
            return {read(attribute.value) for attribute in self._view.own(row, kind)}
        except UnreadableError:
            return set()
