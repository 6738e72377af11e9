"""The team's members: who is who, by user id, member id and address (vendors/chime.md §9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError
from syncd.domain.normalize import email as address
from syncd.ports.vendor import AgentReading, Remote
from syncd.vendors.chime.answers import unwrap
from syncd.vendors.chime.client import MEMBER, MEMBERS, Client
from syncd.vendors.chime.values import identity, plain
from syncd.vendors.chime.walk import Walk
from syncd.vendors.http import digest

PAGE = 25
VOLATILE = frozenset({"assignedLeadCount", "newLeadCount"})


@dataclass(frozen=True, slots=True)
class Agent:
    """``user`` tells whether the external id is a user id, so that a lead can name it directly."""

    email: str
    user: bool


def external_id(row: Mapping[str, Any]) -> str:
    """A member's external id: the user id, or the member record's where no user is known."""
    return identity(row.get("memberUserId")) or identity(row.get("id"))


def read_agent(remote: Remote) -> AgentReading:
    """A member in canonical terms."""
    row = remote.payload
    name = " ".join(part for part in (plain(row.get("firstName")), plain(row.get("lastName"))) if part)
    return AgentReading(address(plain(row.get("email"))), name)


class Roster:
    """The members, read when first needed and whenever the engine asks for them."""

    def __init__(self, client: Client) -> None:
        """Nobody is known yet."""
        self._client = client
        self._known: dict[str, Agent] | None = None

    async def rows(self) -> Sequence[Remote]:
        """Every member, once each."""
        walk = Walk(self._client, MEMBERS, "members", query=(), limit=PAGE, id_of=_id_of)
        found: dict[str, Remote] = {}
        try:
            async for page in walk.pages_of_rows():
                for raw in page:
                    row, name = unwrap(raw, "member"), _id_of(raw)
                    if name:
                        found[name] = Remote("agent", name, row, digest(row, VOLATILE))
        except NotFoundError:  # 404 with code 20003: there are none, or none after these
            pass
        self._known = {name: _agent(remote.payload) for name, remote in found.items()}
        return list(found.values())

    async def agent(self, name: str) -> Agent | None:
        """The member with this external id, None if the team has none."""
        if self._known is None:
            await self.rows()
        return (self._known or {}).get(name)

    async def email_of(self, name: str) -> str:
        """The address of a member. Raises RejectedError if the team has no such member, or one without address."""
        found = await self.agent(name)
        if found is None:  # they may have joined since
            await self.rows()
            found = await self.agent(name)
        if found is None or not found.email:
            raise RejectedError("assignment: the team has no such member", hint="check [agents] in the config")
        return found.email

    async def resolve(self, who: str) -> str:
        """The external id for an id or an address of the config. Raises RejectedError."""
        if told := identity(who):
            return told
        wanted = address(who)
        if self._known is None:
            await self.rows()
        known = next((name for name, agent in (self._known or {}).items() if agent.email == wanted), "")
        return known or await self._ask(wanted)

    async def _ask(self, wanted: str) -> str:
        try:
            row = unwrap(await self._client.read(MEMBER, params={"email": wanted}), "member")
        except NotFoundError:
            row = {}
        name = external_id(row) if isinstance(row, Mapping) else ""
        if not name:
            raise RejectedError("default_assignee is not a member of the team", hint="correct it in the config")
        if self._known is not None:
            self._known[name] = _agent(row)
        return name


def _agent(row: Mapping[str, Any]) -> Agent:
    return Agent(address(plain(row.get("email"))), identity(row.get("memberUserId")) != "")


def _id_of(raw: Any) -> str:
    row = unwrap(raw, "member")
    return external_id(row) if isinstance(row, Mapping) else ""
