"""Why a lead looks the way it does: per field, who said it, when, by which rule, and what every CRM shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.domain.errors import UsageError
from syncd.domain.lead import ADDRESS, FIELDS, Fields, encode
from syncd.ports.rows import Lead, Link
from syncd.store.postgres import PostgresStore
from syncd.store.views import iso

Json = Any

# The last change of every field: what the value was before.
_LAST_CHANGES = """
SELECT DISTINCT ON (field) field, id, old, at, who, why FROM change WHERE lead = %s ORDER BY field, id DESC
"""
_CONFLICTS = "SELECT field, connection, id, rule FROM conflict WHERE lead = %s AND state = 'open'"


async def lead_explain(store: PostgresStore, lead: int, field: str | None = None) -> dict[str, Json]:
    """Per field: value, origin, rule, previous value, and per connection what it shows. JSON-ready.

    field  only this one. Raises UsageError if there is no such lead or field
    """
    async with store.transaction() as tx:
        found = (await tx.leads([lead], lock=False)).get(lead)
        links = await tx.links_of("lead", [lead])
    if found is None:
        raise UsageError(f"there is no lead {lead}", hint="`syncd leads list`")
    last = {row[0]: row[1:] for row in await store.fetch(_LAST_CHANGES, lead)}
    parked: dict[str, list[Json]] = {}
    for name, connection, conflict, rule in await store.fetch(_CONFLICTS, lead):
        for part in ADDRESS if name == "address" else (name,):
            parked.setdefault(part, []).append({"id": conflict, "connection": connection, "rule": rule})
    names = [field] if field else _names(found, links)
    if field and field not in FIELDS and not field.startswith("custom."):
        raise UsageError(f"there is no field {field}", hint=f"fields are {', '.join(FIELDS)} and custom.NAME")
    fields = {name: _field(name, found, links, last.get(name), parked.get(name, [])) for name in names}
    return {"id": lead, "fields": fields}


def _names(lead: Lead, links: Sequence[Link]) -> list[str]:
    """Every field that has a value somewhere, in the order people read them."""
    there = {*lead.fields, *(name for link in links for name in (*link.base, *link.unmapped, *link.settled))}
    order = {name: place for place, name in enumerate(FIELDS)}
    return sorted(there, key=lambda name: (order.get(name, len(order)), name))


def _field(name: str, lead: Lead, links: Sequence[Link], last: Any, parked: Sequence[Json]) -> dict[str, Json]:
    origin = lead.provenance.get(name)
    changed = None
    if last is not None:
        ident, old, at, who, why = last
        changed = {"change": ident, "previous": old, "at": iso(at), "who": who, "why": why}
    return {
        "value": encode(lead.fields.get(name)),
        "from": None if origin is None else {"connection": origin.connection, "external_id": origin.external_id},
        "at": iso(origin.at) if origin else None,
        "not_before": iso(origin.since) if origin else None,
        "uncertainty_s": origin.uncertainty_s if origin else None,
        "rule": origin.rule if origin else "",
        "last_change": changed,
        "conflicts": list(parked),
        "connections": {
            f"{link.connection}:{link.external_id}": _shown(name, lead.fields, link)
            for link in sorted(links, key=lambda link: (link.connection, link.external_id))
        },
    }


def _shown(name: str, fields: Fields, link: Link) -> dict[str, Json]:
    """What one record shows of a field, and whether that is on its way, settled or untranslatable."""
    shown: Mapping[str, Any] = link.base
    return {
        "state": link.state,
        "shows": encode(shown.get(name)),
        "same": shown.get(name) == fields.get(name),
        "read_at": iso(link.read_at),
        "pending": link.pending.get(name),
        "settled": link.settled.get(name),
        "unmapped": link.unmapped.get(name),
    }
