"""Appointments: typed calls with their refusals; the engine does not use them (vendors/epixel.md §10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from syncd.domain.errors import ConflictError, NotFoundError, RejectedError, VendorError
from tests.vendors.epixel.support import enveloped, refused, sandboxed, written

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_the_life_of_an_appointment():
    """Made, listed, changed, taken away."""
    async with sandboxed() as there:
        lead, calls = there.person(), there.adapter.appointments
        made = await calls.create(lead, NOON, NOON + HOUR, note="Bring keys")
        [row] = (await calls.list()).rows
        assert (row.id, row.slug, row.starts, row.ends) == (made, lead, NOON, NOON + HOUR)
        assert (row.note, row.status) == ("Bring keys", "scheduled")
        await calls.update(made, starts=NOON + HOUR, ends=NOON + 2 * HOUR, status="done")
        [row] = (await calls.list()).rows
        assert (row.starts, row.note, row.status) == (NOON + HOUR, "Bring keys", "done")
        assert there.wire.of("update/appointment/")[0].form == {
            "appointment_id": made,
            "appointment_date": "2026-03-02 13:00",
            "appointment_to": "2026-03-02 14:00",
            "appointment_status": "done",
        }
        assert "AppointmentData" in (await calls.overview("today"))["data"]
        await calls.delete(made)
        assert (await calls.list()).rows == []
        with pytest.raises(NotFoundError):
            await calls.delete(made)


async def test_times_are_spelled_in_the_connections_zone():
    """`yyyy-mm-dd HH:MM` in `time_zone`, whatever zone is asked in."""
    adapter, wire = written(lambda _: enveloped({"appointment_id": 3}), time_zone="Asia/Dubai")
    made = await adapter.appointments.create("x", NOON.astimezone(timezone(-HOUR)), NOON + HOUR)
    assert made == "3"
    assert wire.asked[0].form == {
        "slug": "x",
        "appointment_date": "2026-03-02 16:00",
        "appointment_to": "2026-03-02 17:00",
    }


@pytest.mark.parametrize("shape", ["a", "b", "c", "d", "e"])
async def test_lists_in_every_shape(shape: str):
    """Shapes a–e."""
    async with sandboxed({"list": shape, "page_max": 3}) as there:
        lead = there.person()
        for hour in range(7):
            there.sandbox.add_appointment(lead, f"2026-03-02 1{hour}:00", f"2026-03-02 1{hour}:30")
        found = await there.adapter.appointments.list()
        assert (len(found.rows), found.complete) == (7, True)


@pytest.mark.parametrize(
    "row",
    [
        {"appointment_id": 7, "slug": "x", "appointment_date": "2026-03-02 12:00", "appointment_to": "soon"},
        {"id": "7", "lead": "x", "appointment_date": "2026-03-02T12:00:00Z"},
        {"id": 7, "lead": {"slug": "x"}, "appointment_date": 1772452800},
    ],
)
async def test_rows_in_every_form(row: dict[str, Any]):
    """`appointment_id` or `id`, `slug` or `lead`; a time that cannot be read is none."""
    adapter, _ = written(lambda _: enveloped({"appointments": [row]}))
    [found] = (await adapter.appointments.list()).rows
    assert (found.id, found.slug, found.starts, found.ends) == ("7", "x", NOON, None)


@pytest.mark.parametrize(
    ("status", "errors", "error"),
    [
        (401, {"non_field_errors": ["Appointment schedule exists for this time."]}, ConflictError),
        (401, {"detail": "End Date Can't be prior to Start Date."}, RejectedError),
        (401, {"detail": "Please Specify a date in the future."}, RejectedError),
        (401, {"detail": "You can't update this appointment."}, RejectedError),
        (400, {"slug": ["You can't take appointment under this lead."]}, RejectedError),
        (400, {"slug": ["Requested slug is invalid."]}, NotFoundError),
        (400, {"appointment_id": ["Requested appointment not found."]}, NotFoundError),
        (400, {"appointment_id": ["Invalid appointment id."]}, NotFoundError),
        (400, {"appointment_date": ["Invalid date format."]}, RejectedError),
        (400, {"appointment_status": ["Invalid appointment status."]}, RejectedError),
    ],
)
async def test_refusals(status: int, errors: Any, error: type[VendorError]):
    """The classes of §12; none of them is about credentials."""
    adapter, wire = written(lambda _: refused(status, errors))
    with pytest.raises(error):
        await adapter.appointments.create("x", NOON, NOON + HOUR)
    with pytest.raises(error):
        await adapter.appointments.update("7", note="x")
    assert len(wire.asked) == 2


async def test_the_sandbox_refuses_as_documented():
    """§10, against the simulated installation."""
    async with sandboxed({"own_only": True}) as there:
        lead, calls = there.person(), there.adapter.appointments
        made = await calls.create(lead, NOON, NOON + HOUR)
        with pytest.raises(ConflictError):
            await calls.create(lead, NOON + HOUR / 2, NOON + 2 * HOUR)
        with pytest.raises(RejectedError):
            await calls.create(lead, NOON + HOUR, NOON)
        with pytest.raises(RejectedError):
            await calls.create(lead, NOON - timedelta(days=30), NOON)
        with pytest.raises(NotFoundError):
            await calls.create("nobody", NOON + 2 * HOUR, NOON + 3 * HOUR)
        there.sandbox.add_agent("o@example.com", "O", "Ther")
        there.sandbox.assign(lead, "primary", "o@example.com")
        for work in (calls.update(made, note="x"), calls.delete(made)):
            with pytest.raises(RejectedError):
                await work


async def test_a_long_note_is_not_sent():
    """At most 200 characters."""
    adapter, wire = written(lambda _: (500, None))
    with pytest.raises(RejectedError):
        await adapter.appointments.create("x", NOON, NOON + HOUR, note="x" * 201)
    assert not wire.asked
