"""What `syncd vendors show` prints of a Chime account beside its leads: who gets them (vendors/chime.md §9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from syncd.ports.vendor import Extras, Table
from syncd.vendors.chime.adapter import ChimeAdapter
from syncd.vendors.chime.routing import AGENT, ASSISTANT, LENDER, NO_ROLE, Hours, Routing, Rule

RULE_COLUMNS = ("rule", "on", "leads", "go to", "hours")
STRATEGIES = {1: "next up", 2: "blast alert", 3: "round robin", 4: "pond"}
FALLBACKS = {1: "next up", 2: "blast alert", 3: "always"}
TYPES = {-1: "other", 1: "sellers", 2: "buyers", 3: "buyers and sellers", 5: "renters"}
TAKERS = {1: "agent", 2: "lender", 3: "pond"}
DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def extras(adapter: ChimeAdapter) -> Extras:
    """The account's routing, read only. Everything but ponds and roles needs a distribution permission."""
    routing = adapter.routing
    return {
        "routing rules of agents": partial(_rules, routing, AGENT),
        "routing rules of lenders": partial(_rules, routing, LENDER),
        "routing rules of assistants": partial(_rules, routing, ASSISTANT),
        "where no rule fits": partial(_fallbacks, routing),
        "who takes leads": partial(_takers, routing),
        "ponds": partial(_ponds, routing),
    }


async def _rules(routing: Routing, kind: int) -> Table:
    """The rules for one kind of lead, in the order in which they are tried; assistants' for each named role."""
    roles = [(role.id, f"{role.name}: ") for role in await routing.roles()] if kind == ASSISTANT else [(NO_ROLE, "")]
    rows: list[Sequence[str | bool]] = []
    for role, prefix in roles:
        rules = await routing.rules(kind, role)
        names = {taker.id: taker.name for taker in await routing.takers(kind, role)} if rules else {}
        rows += [
            (f"{prefix}{rule.name}", rule.on, _leads(rule), _whom(rule, names), _hours(rule.hours)) for rule in rules
        ]
    return Table(RULE_COLUMNS, rows)


async def _fallbacks(routing: Routing) -> Table:
    rows = []
    for kind, word in ((AGENT, "agents"), (LENDER, "lenders")):
        found = await routing.fallback(kind)
        whom = " ".join(filter(None, (FALLBACKS.get(found.strategy, "not told"), found.agent or found.group)))
        rows.append((word, whom + _within(found.minutes)))
    return Table(("leads of", "go to"), rows)


async def _takers(routing: Routing) -> Table:
    found = await routing.takers(AGENT)
    return Table(("name", "kind", "id"), [(one.name, TAKERS.get(one.kind, "not told"), one.id) for one in found])


async def _ponds(routing: Routing) -> Table:
    rows = [(pond.name, pond.owner or None, len(pond.agents) or None, pond.id) for pond in await routing.ponds()]
    return Table(("pond", "owner", "agents", "id"), rows)


def _leads(rule: Rule) -> str:
    """Which leads a rule is for, in words."""
    low, high = rule.price_min, rule.price_max
    price = {(True, True): f"{low} to {high}", (True, False): f"from {low}", (False, True): f"up to {high}"}
    asked = (
        TYPES.get(rule.lead_type, "") if rule.lead_type is not None else "",
        rule.place,
        f"source {rule.source}" if rule.source else "",
        f"tags {', '.join(rule.tags)}" if rule.tags else "",
        f"groups {', '.join(rule.groups)}" if rule.groups else "",
        price.get((low is not None, high is not None), ""),
        f"{rule.phone.lower()} phone" if rule.phone else "",
    )
    return "; ".join(filter(None, asked)) or "all"


def _whom(rule: Rule, names: Mapping[str, str]) -> str:
    how = STRATEGIES.get(rule.strategy, "not told") + _within(rule.minutes)
    takers = [names.get(one, one) + (f" ×{weight}" if weight > 1 else "") for one, weight in rule.takers]
    return ": ".join(filter(None, (how, rule.pond if rule.strategy == 4 else ", ".join(takers))))


def _within(minutes: int) -> str:
    return f", {minutes} min each" if minutes else ""


def _hours(hours: Hours | None) -> str:
    if hours is None:
        return "always"
    days = ", ".join(DAYS[day] for day in hours.days if 0 < day < len(DAYS))
    return f"{days} {hours.start}-{hours.end} h".strip()
