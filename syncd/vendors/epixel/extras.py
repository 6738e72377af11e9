"""What `syncd vendors show` prints of an Epixel installation beside its leads: appointments (vendors/epixel.md §10)."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.ports.vendor import Extras, Table
from syncd.vendors.epixel.adapter import EpixelAdapter

NEVER = datetime.max.replace(tzinfo=UTC)
COLUMNS = ("from", "to", "lead", "status", "note", "id")


def extras(adapter: EpixelAdapter) -> Extras:
    """The appointments, read only."""

    async def appointments() -> Table:
        rows = (await adapter.appointments.list()).rows
        ordered = sorted(rows, key=lambda row: (row.starts is None, row.starts or NEVER, row.id))
        return Table(COLUMNS, [(row.starts, row.ends, row.slug, row.status, row.note, row.id) for row in ordered])

    return {"appointments": appointments}
