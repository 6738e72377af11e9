"""The assignee besides the owner: the call replaces all of them, so the others go back in (vendors/rechat.md §9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError
from syncd.domain.lens import Payload
from syncd.vendors.rechat.agents import Agents
from syncd.vendors.rechat.client import ASSIGNEES, LEAD_ASSIGNEES, Client
from syncd.vendors.rechat.mapping import assignee, assignees
from syncd.vendors.rechat.values import identity
from syncd.vendors.rechat.writes import Read

MEMORY = "assignee_path"
LEADS = "leads"
NO_SUCH_PATH = frozenset({404, 405})


class Assignees:
    """Sets one assignee and keeps the others."""

    def __init__(self, client: Client, agents: Agents, read: Read, memory: Mapping[str, Any]) -> None:
        """``memory`` tells whether this account has only the older of the two paths."""
        self._client, self._agents, self._read = client, agents, read
        self._by_lead = memory.get(MEMORY) == LEADS

    @property
    def memory(self) -> Mapping[str, Any]:
        """Which path the account has, where it is not the usual one."""
        return {MEMORY: LEADS} if self._by_lead else {}

    async def put(self, contact: str, agent: str | None, payload: Payload) -> None:
        """Swap ours for ``agent`` (None: for nobody) in a contact read a moment ago. Raises VendorError."""
        ours = assignee(payload)
        if ours == (agent or ""):
            return
        brands = {who: identity(row.get("brand")) for who, _, row in assignees(payload)}
        wanted = [who for who in brands if who != ours]
        if agent and agent not in wanted:
            wanted.append(agent)
        if not self._by_lead:
            rows = [{"user": who, "brand": brands.get(who) or self._client.brand} for who in wanted]
            try:
                await self._client.write("PUT", ASSIGNEES, {"id": contact}, {"assignees": rows}, repeat=True)
            except (NotFoundError, RejectedError) as error:
                if error.status not in NO_SUCH_PATH:
                    raise
                await self._read(contact)  # raises where it is the contact that is not there
            else:
                return
        await self._put_by_lead(contact, wanted)
        self._by_lead = True

    async def _put_by_lead(self, contact: str, wanted: list[str]) -> None:
        people = [dict(await self._agents.person(who)) for who in wanted]
        if not all(people):
            message = f"PUT {LEAD_ASSIGNEES}: an assignee's address is not known"
            raise RejectedError(message)
        await self._client.write("PUT", LEAD_ASSIGNEES, {"id": contact}, people, repeat=True)
