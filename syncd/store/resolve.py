"""A person decides a conflict: the decision becomes the canonical value, journalled, and is planned everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from syncd.domain.errors import UsageError
from syncd.domain.lead import ADDRESS, Phone, Value, blank, decode, encode
from syncd.domain.origin import Origin
from syncd.ports.rows import Batch, Change, Lead, changed
from syncd.store.postgres import PostgresStore
from syncd.store.rows import jsonb
from syncd.store.tx import fetch

ADMIN = "admin"
_HOLDERS = {"email": "emails", "phone": "phones"}

# Locked after its lead, as everywhere: leads first.
_FIND = "SELECT lead FROM conflict WHERE id = %s"
_READ = "SELECT field, connection, state, ours, theirs FROM conflict WHERE id = %s FOR UPDATE"
_CLOSE = """
UPDATE conflict SET state = 'resolved', resolved_at = %s, resolved_by = %s, resolution = %s WHERE id = %s
"""


async def resolve_conflict(
    store: PostgresStore, conflict: int, choice: str, *, who: str, at: datetime, value: Any = None
) -> dict[str, Any]:
    """Decide an open conflict; returns what was set, JSON-ready.

    choice  ``ours`` (the canonical value as it is now), ``theirs`` (what the connection showed), or ``value``
    value   for ``value``: the JSON form of the field's value; for an address a mapping of its parts
    Raises UsageError if there is no such open conflict, or the value does not fit the field.
    """
    async with store.transaction() as tx:
        found = await fetch(tx.raw, _FIND, conflict)
        if not found:
            raise UsageError(f"there is no conflict {conflict}", hint="`syncd conflicts list`")
        lead = (await tx.leads([found[0][0]])).get(found[0][0])
        field, connection, state, _, theirs = (await fetch(tx.raw, _READ, conflict))[0]
        if state != "open" or lead is None:
            raise UsageError(f"conflict {conflict} is {state} already", hint="`syncd conflicts list`")
        chosen = _chosen(field, lead, choice, theirs, value)
        why = f"conflict {conflict} with {connection} resolved by {who}"
        fields = _laid_over(lead, chosen)
        origin = Origin(ADMIN, at=at, rule="resolved")
        moved = sorted({*chosen, *changed(lead.fields, fields)})
        changes = [
            Change(
                lead.id, name, encode(lead.fields.get(name)), encode(fields.get(name)), ADMIN, at, why,
                origin=origin.to_json(),
            )
            for name in moved
        ]  # fmt: skip
        decided = replace(lead, fields=fields, provenance={**lead.provenance, **dict.fromkeys(moved, origin)})
        await tx.save(Batch(leads=[decided], changes=changes))
        outcome = {name: encode(item) for name, item in chosen.items()}
        resolution = {"choice": choice, "fields": outcome}
        await tx.raw.execute(_CLOSE, [at, who, jsonb(resolution), conflict])
    return {"conflict": conflict, "lead": lead.id, "choice": choice, "fields": outcome}


def _chosen(field: str, lead: Lead, choice: str, theirs: Any, value: Any) -> dict[str, Value | None]:
    """The decided value of each field the conflict is about."""
    names = ADDRESS if field == "address" else (field,)
    if choice == "ours":
        return {name: lead.fields.get(name) for name in names}
    if choice not in {"theirs", "value"}:
        raise UsageError("a conflict is resolved with ours, theirs or a value", hint="`syncd conflicts resolve --help`")
    data = theirs if choice == "theirs" else value
    if field == "address":
        if not isinstance(data, Mapping) or set(data) - set(ADDRESS):
            raise UsageError(f"an address is given as a JSON object with {', '.join(ADDRESS)}")
        # Parts that are not named stay as they are.
        return {name: _decoded(name, data[name]) for name in names if name in data}
    return {field: _decoded(field, data)}


def _decoded(name: str, data: Any) -> Value | None:
    try:
        value = decode(name, data)
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"this is not a value of the field {name}", hint="give it as JSON") from None
    return None if blank(value) else value


def _laid_over(lead: Lead, chosen: Mapping[str, Value | None]) -> dict[str, Value]:
    """The lead's fields with the decision; a primary address is also one of the addresses."""
    fields = {**lead.fields, **chosen}
    for one, many in _HOLDERS.items():
        primary, held = chosen.get(one), lead.fields.get(many, frozenset())
        if primary is None:
            continue
        there = {element.number if isinstance(element, Phone) else element for element in held}  # type: ignore[union-attr]
        if primary not in there:
            element = Phone(str(primary), "other") if many == "phones" else primary
            fields[many] = frozenset({*held, element})  # type: ignore[misc]
    return {name: value for name, value in fields.items() if value is not None}
