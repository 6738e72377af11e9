"""Somebody who calls the simulated Rechat."""

from __future__ import annotations

from typing import Any

import orjson

from syncd.sandbox.message import Ask, Reply
from syncd.sandbox.rechat import RechatSandbox
from syncd.sandbox.rechat.ids import BRAND, uuid_of
from tests.vendors.clocks import VirtualClock

NOBODY = uuid_of("nobody")
WHOLE = [("associations[]", name) for name in
         ("contact.attributes", "contact.user", "contact.assignees", "contact_role.user")]  # fmt: skip


class Caller:
    """Somebody with a token who calls the API."""

    def __init__(self, **switches: Any) -> None:
        self.clock = VirtualClock()
        self.sandbox = RechatSandbox(self.clock, **switches)
        self.headers = {"authorization": f"Bearer {self.sandbox.token}", "x-rechat-brand": BRAND}

    async def call(self, method: str, path: str, body: Any = None, *query: tuple[str, str], **named: str) -> Reply:
        """One request."""
        content = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        asked = [*query, *named.items()]
        reply = await self.sandbox.answer(Ask(method, path, query=asked, headers=self.headers, body=content))
        reply.body = orjson.loads(reply.encoded() or b"null")
        return reply

    async def data(self, method: str, path: str, body: Any = None, *query: tuple[str, str], **named: str) -> Any:
        """What a call that works answers."""
        reply = await self.call(method, path, body, *query, **named)
        assert reply.status == 200, reply.body
        return reply.body["data"]

    async def ids(self, *query: tuple[str, str], body: Any = None, **named: str) -> list[str]:
        """The ids of a page of the list, or of the filter where there is a body."""
        method, path = ("GET", "/contacts") if body is None else ("POST", "/contacts/filter")
        return [row["id"] for row in await self.data(method, path, body, *query, **named)]

    async def rows(self, contact: str, kind: str) -> list[dict[str, Any]]:
        """A contact's rows of a type."""
        shown = await self.data("GET", f"/contacts/{contact}", None, *WHOLE)
        return [row for row in shown["attributes"] if row["attribute_type"] == kind]

    async def refused(self, method: str, path: str, body: Any = None, **named: str) -> tuple[int, str]:
        """Status and code of a refusal, which has the form of §12."""
        reply = await self.call(method, path, body, **named)
        more = set() if reply.status == 401 else {"trace", "slack"}
        assert reply.body.keys() == {"http", "message", "code"} | more
        assert reply.body["http"] == reply.status
        return reply.status, reply.body["code"]
