"""Who gets a lead that nobody assigned: rules, fallbacks, who takes part, ponds (vendors/chime.md §9). Read only.

Asking needs a distribution permission; without one every call here is a RejectedError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.domain.errors import UnreadableError
from syncd.vendors.chime.client import Client
from syncd.vendors.chime.values import identity, when

AGENT, LENDER, ASSISTANT = 1, 2, 4
"""Whose leads a rule gives away."""
NO_ROLE = "-1"
RULES = "/v1.0/routing/rule/list/{type}"
FALLBACK = "/v1.0/routing/rule/supplement/{type}"
TAKERS = "/v1.0/routing/member/list/{type}"
ROLES = "/v1.0/routing/role/list"
PONDS = "/v1.0/team-features/lead-ponds"
PLACES = ("streetAddress", "city", "county", "state", "zipcode")


@dataclass(frozen=True, slots=True)
class Hours:
    """When a rule works: days of the week, 1 to 7, and hours of the day."""

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, tried in the order listed. What it asks of a lead is "" or () where it asks nothing.

    strategy  1 next up, 2 blast alert, 3 round robin, 4 pond; 0 unknown
    minutes   how long somebody has (strategies 1 and 2)
    takers    (member id, weight); ``pond`` the name (else the id) of the pond instead
    lead_type   -1 other, 1 seller, 2 buyer, 3 both, 5 renter
    """

    id: str
    name: str
    on: bool
    strategy: int
    minutes: int = 0
    takers: tuple[tuple[str, int], ...] = ()
    pond: str = ""
    lead_type: int | None = None
    place: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    phone: str = ""
    hours: Hours | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """What happens where no rule fits: 1 next up, 2 blast alert, 3 one agent or group; 0 nothing is told."""

    strategy: int
    minutes: int = 0
    agent: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Taker:
    """Somebody or something that leads can go to: 1 agent, 2 lender, 3 pond."""

    id: str
    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class Role:
    """A role the team has named; assistants' rules are asked for by its id."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Pond:
    """A shared pond of leads."""

    id: str
    name: str
    owner: str
    agents: tuple[str, ...]


class Routing:
    """The calls. All raise VendorError."""

    def __init__(self, client: Client) -> None:
        """Calls go through ``client``."""
        self._client = client

    async def rules(self, kind: int, role: str = NO_ROLE) -> list[Rule]:
        """The rules for one kind of lead; ``role`` is an id of `roles`, needed for assistants."""
        return [_rule(row) for row in await self._asked(RULES, kind, role)]

    async def fallback(self, kind: int, role: str = NO_ROLE) -> Fallback:
        """What happens where no rule fits."""
        found = await self._asked(FALLBACK, kind, role)
        row = found[0] if found else {}
        return Fallback(
            strategy=_count(row.get("strategyType")),
            minutes=_count(row.get("touchMinutes")),
            agent=_word(row.get("assigneeAgentName")) or identity(row.get("assigneeAgentId")),
            group=_word(row.get("assigneeGroupName")) or identity(row.get("assigneeGroupId")),
        )

    async def takers(self, kind: int, role: str = NO_ROLE) -> list[Taker]:
        """Whom leads can be given to."""
        rows = await self._asked(TAKERS, kind, role)
        return [Taker(identity(row.get("id")), _word(row.get("name")), _count(row.get("type"))) for row in rows]

    async def roles(self) -> list[Role]:
        """Roles the team has named."""
        rows = _rows(await self._client.read(ROLES), ROLES)
        return [Role(identity(row.get("id")), _word(row.get("name"))) for row in rows]

    async def ponds(self) -> list[Pond]:
        """Every shared pond."""
        rows = _rows(await self._client.read(PONDS), PONDS)
        return [
            Pond(
                id=identity(row.get("id")),
                name=_word(row.get("pondName")),
                owner=identity(row.get("pondOwnerId")),
                agents=tuple(filter(None, map(identity, _list(row.get("agentIds"))))),
            )
            for row in rows
        ]

    async def _asked(self, path: str, kind: int, role: str) -> list[Mapping[str, Any]]:
        answer = await self._client.read(path, params={"type": str(kind)}, query=[("roleId", role)])
        return _rows(answer, path)


def _rule(row: Mapping[str, Any]) -> Rule:
    strategy = row.get("routingStrategy")
    plan: Mapping[str, Any] = strategy if isinstance(strategy, Mapping) else {}
    where, lead_type = row.get("locationRule"), row.get("leadType")
    place: Mapping[str, Any] = where if isinstance(where, Mapping) else {}
    weights = [weight for weight in _list(plan.get("memberWeights")) if isinstance(weight, Mapping)]
    return Rule(
        id=identity(row.get("id")),
        name=_word(row.get("name")),
        on=row.get("ruleSwitch") is True,
        strategy=_count(plan.get("strategyType")),
        minutes=_count(plan.get("touchMinutes")),
        takers=tuple((identity(one.get("memberId")), _count(one.get("weight"))) for one in weights),
        pond=_word(plan.get("groupName")) or identity(plan.get("groupId")),
        lead_type=lead_type if isinstance(lead_type, int) and not isinstance(lead_type, bool) else None,
        place=", ".join(filter(None, (_word(place.get(key)) for key in PLACES))),
        source=_word(row.get("sourceName")),
        tags=_words(row.get("tagNames")),
        groups=_words(row.get("groupNames")),
        price_min=_count(row.get("priceMin")) or None,
        price_max=_count(row.get("priceMax")) or None,
        phone=_word(row.get("phone")),
        hours=_hours(row.get("activeHours")),
        updated_at=when(row.get("updateTime")),
    )


def _hours(value: Any) -> Hours | None:
    if not isinstance(value, Mapping) or not value:
        return None
    days = tuple(_count(day) for day in _list(value.get("activeDays")))
    return Hours(days, _count(value.get("hoursStart")), _count(value.get("hoursEnd")))


def _rows(answer: Any, path: str) -> list[Mapping[str, Any]]:
    """An array, an object around one, or a single row. Raises UnreadableError."""
    if isinstance(answer, Mapping):
        inside = [value for value in answer.values() if isinstance(value, list)]
        answer = inside[0] if len(inside) == 1 and "id" not in answer else [answer]
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        message = f"GET {path}: the answer holds no rows"
        raise UnreadableError(message)
    return [row for row in answer if isinstance(row, Mapping)]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _words(value: Any) -> tuple[str, ...]:
    return tuple(word for one in _list(value) if (word := _word(one)))


def _count(value: Any) -> int:
    """A whole number, also as text; 0 where there is none."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
