"""The brand's people: listed by the brand, and learnt from the contacts that embed them (vendors/rechat.md §9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import email as normal_email
from syncd.domain.normalize import text
from syncd.ports.vendor import AgentReading, Remote
from syncd.vendors.http import digest
from syncd.vendors.rechat.client import AGENTS, Client, external_id

KEYS = ("id", "email", "first_name", "last_name", "display_name")
LEARNT_MAX = 5_000


class Agents:
    """Everybody an assignment may name."""

    def __init__(self, client: Client) -> None:
        """Nobody is known yet."""
        self._client = client
        self._known: dict[str, Mapping[str, Any]] = {}

    async def all(self) -> Sequence[Remote]:
        """The brand's agents and whoever contacts named beside them."""
        rows = (await self._client.listed(AGENTS, {"brand": self._client.brand})).rows
        for row in rows:
            self._learn(row.get("user") if isinstance(row, Mapping) and isinstance(row.get("user"), Mapping) else row)
        return [Remote("agent", agent, user, digest(user)) for agent, user in self._known.items()]

    def notice(self, payloads: Iterable[Mapping[str, Any]]) -> None:
        """Learn the users that contacts embed."""
        for payload in payloads:
            self._learn(payload.get("user"))
            found = payload.get("assignees")
            for row in found if isinstance(found, list) else ():
                self._learn(row.get("user") if isinstance(row, Mapping) else None)

    async def email(self, agent: str) -> str:
        """An agent's address, "" if nobody knows it. Raises VendorError."""
        if agent and agent not in self._known:
            await self.all()
        return read(self._known[agent]).email if agent in self._known else ""

    async def person(self, agent: str) -> Mapping[str, str]:
        """What names an agent in a call that takes no ids: email, first and last name; {} if nobody knows them."""
        email = await self.email(agent)
        if not email:
            return {}
        known = self._known[agent]
        return {"email": email, "first_name": text(known["first_name"]), "last_name": text(known["last_name"])}

    def _learn(self, user: Any) -> None:
        agent = external_id(user)
        known = agent in self._known
        if not agent or (known and not user.get("email")) or (not known and len(self._known) >= LEARNT_MAX):
            return  # one without an address is known as well: the config may pin it; it never displaces more
        self._known[agent] = {key: user.get(key) for key in KEYS}


def read(user: Mapping[str, Any]) -> AgentReading:
    """As `Adapter.read_agent`; what cannot be read is blank."""
    names = " ".join(filter(None, (_plain(user.get("first_name")), _plain(user.get("last_name")))))
    try:
        email = normal_email(user.get("email"))
    except UnreadableError:
        email = ""
    return AgentReading(email, names or _plain(user.get("display_name")))


def _plain(value: Any) -> str:
    try:
        return text(value)
    except UnreadableError:
        return ""
