"""Agents: usernames, learned from the leads that are assigned to them (vendors/epixel.md §9).

The engine reads agents before leads, so somebody met for the first time in a walk is unknown to it until the
next cycle. A row is therefore digested together with whether its assignee has been announced: once that
is so, the row counts as changed and its assignment is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.domain.lens import Payload
from syncd.ports.vendor import AgentReading, Remote
from syncd.vendors.epixel.payload import Agent, assignee
from syncd.vendors.http import digest

AGENTS = "agents"


class Roster:
    """Everybody met so far."""

    def __init__(self, memory: Mapping[str, Any]) -> None:
        """``memory`` holds what an earlier adapter learned."""
        remembered = memory.get(AGENTS)
        self.walked = isinstance(remembered, Mapping)
        """Whether the leads were ever looked through for agents."""
        rows = remembered.items() if isinstance(remembered, Mapping) else ()
        self._met = {name: Agent(name, *map(str, row)) for name, row in rows if isinstance(row, list) and len(row) == 2}
        self._announced = set(self._met)

    @property
    def memory(self) -> Mapping[str, Any]:
        """Username → e-mail, name; nothing before the leads were looked through."""
        return {AGENTS: {name: [agent.email, agent.name] for name, agent in self._met.items()}} if self.walked else {}

    def meet(self, payload: Payload) -> str:
        """Learn whom a lead is assigned to; the username if that one is not announced yet, else ""."""
        try:
            found = assignee(payload)
        except UnreadableError:
            return ""
        if found is None:
            return ""
        known = self._met.get(found.username)
        if known is None:
            self._met[found.username] = found
        elif (found.email and found.email != known.email) or (found.name and found.name != known.name):
            self._met[found.username] = Agent(found.username, found.email or known.email, found.name or known.name)
        return "" if found.username in self._announced else found.username

    def announce(self) -> Sequence[Remote]:
        """Everybody met, as records; they are known from now on."""
        self._announced = set(self._met)
        rows = {name: {"username": name, "email": one.email, "name": one.name} for name, one in self._met.items()}
        return [Remote("agent", name, row, digest(row)) for name, row in rows.items()]


def reading(remote: Remote) -> AgentReading:
    """As `Adapter.read_agent`."""
    return AgentReading(str(remote.payload.get("email") or ""), str(remote.payload.get("name") or remote.external_id))
