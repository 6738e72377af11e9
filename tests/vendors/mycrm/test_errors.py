"""Errors, warnings, the budget (vendors/mycrm.md §1, §4, §12)."""

from __future__ import annotations

from typing import Any, cast

import pytest
import structlog

from syncd.domain.errors import (
    AuthError,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransientError,
    UnreadableError,
    VendorError,
)
from syncd.ports.vendor import Remote
from syncd.settings import Rate
from tests.vendors.clocks import VirtualClock
from tests.vendors.mycrm.support import Answer, Asked, lead, sandboxed, written

PRESENT = Remote("lead", "1", lead(1), b"", listed=False)


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [
        (400, RejectedError, RejectedError),
        (401, AuthError, AuthError),
        (403, AuthError, RejectedError),
        (404, NotFoundError, NotFoundError),
        (405, RejectedError, RejectedError),
        (408, TransientError, TransientError),
        (409, ConflictError, ConflictError),
        (413, RejectedError, RejectedError),
        (422, RejectedError, RejectedError),
        (500, TransientError, TransientError),
        (503, TransientError, TransientError),
    ],
)
@pytest.mark.parametrize(
    "body", [{"code": 0, "message": "m"}, {"error": {"x": 1}}, {"errors": ["e"]}, b"plain text", None]
)
async def test_every_status_is_its_class_whatever_the_body(
    status: int, read: type[VendorError], write: type[VendorError], body: Any
):
    """§12: undocumented bodies of every form."""
    adapter, _ = written(lambda _: (status, body))
    with pytest.raises(read) as caught:
        await adapter.lead("1")
    assert type(caught.value) is read
    with pytest.raises(write) as caught:
        await adapter.assign("1", {"primary": "7"}, PRESENT)
    assert type(caught.value) is write


async def test_a_refusal_names_the_fields_and_repeats_no_value():
    """§12: field and text; a sentence that may quote a value is left out, and so is a field nobody knows."""
    errors = {
        "mobile": ["This value should not be blank."],
        "preference": {"types": ["This value is not valid."]},
        "email": ['"grace@example.com" is taken.'],
        "first_name": ["This value grace is too long."],
        "Grace Hopper": ["This value is not valid."],
    }
    adapter, _ = written(lambda _: (400, {"code": 400, "message": "Validation Failed", "errors": errors}))
    with pytest.raises(RejectedError) as caught:
        await adapter.assign("1", {"primary": "7"}, PRESENT)
    said = str(caught.value)
    assert (
        "mobile: this value should not be blank; preference.types: this value is not valid; email; first_name" in said
    )
    assert "grace" not in said.lower()


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"field": "country", "message": "This value should not be blank."}, "Something else"]},
        {"error": {"country": "This value should not be blank."}},
        {"errors": {"preference.country": ["This value should not be blank."]}},
    ],
)
async def test_a_refusal_names_its_field_in_every_form(body: Any):
    """§12: a list, an object under ``error``, a dotted name."""
    adapter, _ = written(lambda _: (422, body))
    with pytest.raises(RejectedError, match="country: this value should not be blank"):
        await adapter.assign("1", {"primary": "7"}, PRESENT)


async def test_a_missing_right_says_which():
    """§2, §12: 403 on a write is a rejection that names the rights."""
    async with sandboxed({"rights": ("lead.read",)}) as account:
        agent = account.sandbox.add_agent("a@example.com", "A", "Gent")
        there = account.sandbox.add_person(first_name="Ada")
        with pytest.raises(RejectedError, match=r"right lead\.update missing") as caught:
            await account.adapter.assign(there, {"primary": agent}, PRESENT)
        assert "user.update" in caught.value.hint


async def test_a_warning_is_logged_once_per_text():
    """§1: the header has no other effect, on refusals neither."""
    texts = iter(["Old API", "Old API", "New text", "Old API"])

    def answers(_asked: Asked) -> Answer:
        return 200, {"lead": lead(1)}, {"X-MyCRM-API-Warning": next(texts)}

    adapter, _ = written(answers)
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            await adapter.lead("1")
    told = [(line["event"], line["connection"], line["text"]) for line in logs]
    assert told == [("vendor.warning", "mycrm", "Old API"), ("vendor.warning", "mycrm", "New text")]


@pytest.mark.parametrize(("headers", "wait_s"), [({"Retry-After": "17"}, 17), ({}, 60)])
async def test_a_429_waits_and_halves_the_budget_for_ten_minutes(headers: dict[str, str], wait_s: float):
    """§4: Retry-After, else 60 s; then half the rate, and the whole one again after ten minutes."""
    refusals = iter([True])

    def answers(_asked: Asked) -> Answer:
        if next(refusals, False):
            return 429, {"code": 429, "message": "Too Many Requests"}, headers
        return 200, {"lead": lead(1)}

    adapter, _ = written(answers, rate=Rate(8, 10.0))
    clock = cast("VirtualClock", adapter._clock)
    before = clock.elapsed_s
    await adapter.lead("1")
    assert wait_s <= clock.elapsed_s - before <= wait_s + 2

    async def in_windows(calls: int) -> float:
        start = clock.elapsed_s
        for _ in range(calls):
            await adapter.lead("1")
        return float(clock.elapsed_s - start)

    assert await in_windows(16) >= 30, "four in ten seconds"
    await clock.sleep(600)
    await adapter.lead("1")
    await clock.sleep(20)
    assert 10 <= await in_windows(16) < 25, "eight in ten seconds"


@pytest.mark.parametrize("name", ["0", "01", "-1", "1/2", "*", "", "a", "1 ", "../1", "９"])
async def test_nothing_but_an_id_gets_into_a_path(name: str):
    """§11: an id must be a plain number, or nobody is called: the collection's own address deletes everything."""
    adapter, wire = written(lambda _: (200, {"lead": lead(1)}))
    present = Remote("lead", name, lead(1), b"")
    for call in (
        lambda: adapter.lead(name),
        lambda: adapter.delete_lead(name, "a test"),
        lambda: adapter.update_lead(name, {"first_name": "A"}, frozenset({"first_name"}), present),
        lambda: adapter.update_lead(name, {"stage": "lost"}, frozenset({"stage"}), present),
        lambda: adapter.assign(name, {"primary": "7"}, present),
        lambda: adapter.notes(name, {}),
    ):
        with pytest.raises(RejectedError):
            await call()
    assert wire.asked == []


async def test_another_lead_than_the_one_asked_for_is_unreadable():
    """A server that answers with somebody else must not have them overwritten."""
    adapter, _ = written(lambda _: (200, {"lead": lead(2)}))
    with pytest.raises(UnreadableError):
        await adapter.lead("1")


async def test_the_account_is_told_by_its_users():
    """There is no call that says who we are."""
    async with sandboxed() as account:
        assert await account.adapter.check() == "a MyCRM account with 1 users"
        user = account.wire.of("GET", "/users")[0]
        assert "x-mycrm-expand-data" not in user.headers
        assert user.headers["authorization"] == f"Bearer {account.sandbox.token}"
