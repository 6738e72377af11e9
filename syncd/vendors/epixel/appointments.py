"""Appointments, a further capability: the engine does not use it, the canonical lead has no place for them.

Typed calls with their refusals (vendors/epixel.md §10): a time that is taken is a ConflictError, an appointment or
lead that is not there a NotFoundError, everything else the vendor will not have a RejectedError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Literal

from syncd.domain.errors import RejectedError, UnreadableError
from syncd.domain.normalize import moment
from syncd.vendors.epixel.answers import LIST_KEYS, id_told, scalar, slug_of
from syncd.vendors.epixel.client import (
    APPOINTMENT_CREATE,
    APPOINTMENT_DELETE,
    APPOINTMENT_UPDATE,
    APPOINTMENTS,
    OVERVIEW,
    Client,
)
from syncd.vendors.epixel.listing import chunks

NOTE_CHARACTERS_MAX = 200
KEYS = ("appointments", "appointment_list", *LIST_KEYS)
When = Literal["upcoming", "today", "week", "month"]


@dataclass(frozen=True, slots=True)
class Appointment:
    """One appointment as listed. ``starts`` and ``ends`` are None where they cannot be read."""

    id: str
    slug: str
    starts: datetime | None
    ends: datetime | None
    note: str = ""
    status: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Listing:
    """All appointments of the account; ``complete`` as for leads."""

    rows: Sequence[Appointment]
    complete: bool


class Appointments:
    """The calls."""

    def __init__(self, client: Client, zone: tzinfo) -> None:
        """``zone``: in which the vendor reads and writes times."""
        self._client, self._zone = client, zone

    async def list(self) -> Listing:
        """Every appointment. Raises VendorError."""
        rows: list[Appointment] = []
        complete = False
        async for chunk in chunks(self._client, APPOINTMENTS, KEYS, _id_of):
            rows += [self._read(found, row) for found, row in chunk.rows]
            complete = chunk.last and chunk.proved
        return Listing(rows, complete)

    async def overview(self, when: When) -> Any:
        """The overview with the appointments of a period, as it comes. Raises VendorError."""
        return await self._client.get(OVERVIEW, [("appointment", when)])

    async def create(self, slug: str, starts: datetime, ends: datetime, *, note: str = "", status: str = "") -> str:
        """Make an appointment; its id, "" if none is told. Not repeatable. Raises ConflictError, VendorError."""
        form = {"slug": slug, **self._form(starts, ends, note, status)}
        answer = await self._client.post(APPOINTMENT_CREATE, form, repeat=False)
        return id_told(answer.data, "appointment_id", "appointment")

    async def update(
        self,
        appointment: str,
        *,
        slug: str = "",
        starts: datetime | None = None,
        ends: datetime | None = None,
        note: str = "",
        status: str = "",
    ) -> None:
        """Change what is given. Raises ConflictError, NotFoundError, RejectedError, VendorError."""
        form = {"appointment_id": appointment, **({"slug": slug} if slug else {})}
        await self._client.post(APPOINTMENT_UPDATE, {**form, **self._form(starts, ends, note, status)}, repeat=True)

    async def delete(self, appointment: str) -> None:
        """Take an appointment away. Raises NotFoundError, RejectedError, VendorError."""
        await self._client.post(APPOINTMENT_DELETE, {"appointment_id": appointment}, repeat=True)

    def _form(self, starts: datetime | None, ends: datetime | None, note: str, status: str) -> dict[str, str]:
        if len(note) > NOTE_CHARACTERS_MAX:
            message = f"an appointment's note has at most {NOTE_CHARACTERS_MAX} characters there"
            raise RejectedError(message)
        form = {
            "appointment_date": self._spell(starts) if starts else "",
            "appointment_to": self._spell(ends) if ends else "",
            "appointment_note": note,
            "appointment_status": status,
        }
        return {name: value for name, value in form.items() if value}

    def _spell(self, time: datetime) -> str:
        return time.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")

    def _read(self, found: str, row: Mapping[str, Any]) -> Appointment:
        lead = row.get("lead")
        return Appointment(
            id=found,
            slug=slug_of(row) or (slug_of(lead) if isinstance(lead, Mapping) else scalar(lead)),
            starts=self._time(row.get("appointment_date")),
            ends=self._time(row.get("appointment_to")),
            note=scalar(row.get("appointment_note")),
            status=scalar(row.get("appointment_status")),
            payload=row,
        )

    def _time(self, value: Any) -> datetime | None:
        try:
            return moment(value, self._zone)
        except UnreadableError:
            return None


def _id_of(row: Any) -> str:
    if not isinstance(row, Mapping):
        return ""
    return scalar(row.get("appointment_id")) or scalar(row.get("id"))
