"""``syncd vendors``: what each vendor can carry, as its capabilities declare it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from syncd.cli import output

if TYPE_CHECKING:
    from syncd.ports.vendor import Capabilities
    from syncd.settings import BaseConnection

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("vendors")(vendors)


def vendors(*, as_json: Json = False) -> None:
    """Show which vendors can be connected, what each can carry, and what it cannot."""
    from syncd.settings import LATER

    described = asyncio.run(describe())
    if as_json:
        built = {label: {"built": True, "fields": row.fields, **as_data(row.can)} for label, row in described.items()}
        output.emit_json({"vendors": {**built, **{name: {"built": False} for name in LATER}}})
        return
    abilities = [rows_of(row.can) for row in described.values()]
    output.emit_table(("", *described), [(name, *(column[name] for column in abilities)) for name in abilities[0]])
    output.emit_line()
    fields = [row.fields for row in described.values()]
    output.emit_table(("field", *described), [(name, *(column[name] for column in fields)) for name in fields[0]])
    for label, row in described.items():
        output.emit_line()
        output.emit_table((f"{label} cannot carry", "because"), sorted(row.can.not_carried.items()))
    output.emit_line()
    output.emit_line(f"not built yet: {', '.join(LATER)}")


@dataclass(frozen=True, slots=True)
class Described:
    """A vendor's capabilities, and for each canonical field ``both``, ``read`` or ``no``."""

    can: Capabilities
    fields: Mapping[str, str]


async def describe() -> dict[str, Described]:
    """Every vendor (and dialect) as its adapter declares itself. Nobody is called."""
    from syncd.domain.lead import FIELDS
    from syncd.ports.clock import SystemClock
    from syncd.vendors import registry

    found = {}
    for label, connection in samples():
        adapter = registry.make(connection, registry.Deps(clock=SystemClock()))
        lenses = adapter.lenses
        found[label] = Described(
            adapter.capabilities,
            {
                name: "no" if not lenses.carries(name) else "both" if lenses.writable(name) else "read"
                for name in FIELDS
                if not name.startswith("assignment.")
            },
        )
        await adapter.aclose()
    return found


def samples() -> list[tuple[str, BaseConnection]]:
    """One connection per vendor, and per dialect where a vendor has several; none of them is ever used."""
    from syncd.settings import VENDORS, Secret

    auth = {"kind": "token", "token": Secret.literal("none")}
    found: list[tuple[str, BaseConnection]] = []
    for vendor, model in VENDORS.items():
        dialect = model.model_fields.get("dialect")
        for word in get_args(dialect.annotation) if dialect else (None,):
            extra = {"dialect": word} if word else {}
            label = vendor if word in {None, vendor} else f"{vendor} ({word})"
            found.append((label, model.model_validate({"name": vendor, "auth": auth, **extra})))
    return found


def as_data(can: Capabilities) -> dict[str, Any]:
    """Capabilities as JSON-ready data; sets are sorted."""
    data = asdict(can)
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in data.items()}


def rows_of(can: Capabilities) -> dict[str, str]:
    """What a person asks of a vendor, in words."""
    notes = ["create", *(word for word, able in (("edit", can.note_edit), ("delete", can.note_delete)) if able)]
    return {
        "to create a lead": "; ".join(" or ".join(group) for group in can.create_needs) or "nothing needed",
        "delete a lead": _yes(can.lead_delete),
        "notes": ", ".join(notes),
        "characters of a note": f"{can.note_max:,}" if can.note_max else "no limit",
        "note author, time, pin": " ".join(
            word for word, able in (("author", can.note_author), ("time", can.note_time), ("pin", can.note_pin)) if able
        )
        or "–",
        "characters of a label": str(can.label_max) if can.label_max else "no limit",
        "assignments": ", ".join(sorted(can.roles)) or "–",
        "can be emptied": ", ".join(sorted(can.unassign)) or "–",
        "incremental pull": ", ".join(sorted(can.incremental_covers)) or "yes" if can.incremental else "no",
        "full listing proves absence": _yes(can.listing_proves),
        "find by": ", ".join(sorted(can.find_by)) or "–",
        "webhooks": _yes(can.webhooks),
    }


def _yes(able: bool) -> str:
    return "yes" if able else "no"
