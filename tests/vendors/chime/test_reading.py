"""How Chime's adapter reads, over both dialects: credentials, limits, walks, look-ups (vendors/chime.md §2–§4, §10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.domain.errors import AuthError, NotFoundError, RejectedError, TransientError
from syncd.vendors.chime.client import reset_in_s
from tests.vendors.chime.harness import START, account, scripted

SINCE = '{"dialect":"chime","since":"2026-06-30T00:00:00+00:00"}'
DIALECTS = pytest.mark.parametrize("dialect", ["chime", "lofty"])
EMPTY = (200, {"_metadata": {"total": 0}, "leads": []})


def fill(there: Any, number: int) -> list[str]:
    """Leads added one second apart."""
    made = []
    for n in range(number):
        there.clock.elapsed_s += 1
        made.append(there.sandbox.add_person(first_name=f"P{n}", email=f"p{n}@example.com", phones=[f"21255501{n:02}"]))
    return made


def ids(pages: list[Any]) -> list[str]:
    """External ids of all rows."""
    return [row.external_id for page in pages for row in page.rows]


def listing(leads: list[int], between: Callable[[list[int], int], None], *, size: int = 25, told: bool = True) -> Any:
    """A list by offset; ``between`` is told it and the offset behind each answer and may change it."""

    def answer(_method: str, _path: str, query: dict[str, str]) -> tuple[int, Any]:
        at, total = int(query["offset"]), {"total": len(leads)} if told else {}
        rows = [{"leadId": lead, "lastUpdateTime": "2026-06-30T10:00:00GMT"} for lead in leads[at : at + size]]
        between(leads, at)
        return 200, {"_metadata": total, "leads": rows}

    return answer


# -- credentials and limits ----------------------------------------------------------------------


@DIALECTS
async def test_every_request_names_its_content_type(dialect: str):
    """GET and DELETE too: without it Chime refuses them."""
    there = account(dialect)
    lead = there.sandbox.add_person(first_name="Ada")
    await there.adapter.check()
    await there.adapter.lead(lead)
    await there.adapter.delete_lead(lead, "")
    assert {sent.headers["content-type"] for sent in there.wire.sent} == {"application/json"}
    assert {sent.headers["authorization"] for sent in there.wire.sent} == {"token sandbox-token"}
    assert there.wire.of("DELETE")[0].query == {"reason": "syncd: deleted in chime"}


async def test_auto_falls_back_to_bearer_once_and_remembers():
    """200058 under the first style: the same call again as Bearer, and from then on only so."""
    there = account(switches={"bearer_only": True})
    await there.adapter.check()
    await there.adapter.check()
    assert [sent.headers["authorization"].split()[0] for sent in there.wire.sent] == ["token", "Bearer", "Bearer"]
    successor = account(memory=dict(there.adapter.memory), switches={"bearer_only": True})
    await successor.adapter.check()
    assert len(successor.wire.sent) == 1


async def test_a_refused_style_is_an_auth_error():
    """With strict_style a configured Bearer is refused with 400 and 200058: class auth, not rejected."""
    there = account(switches={"strict_style": True}, auth={"header_style": "bearer"})
    with pytest.raises(AuthError):
        await there.adapter.check()


@pytest.mark.parametrize(
    ("reset", "left"), [(21000, 21.0), (1782907230, 30.0), (1782907230000, 30.0), (90000, 60.0), (1782907100, 0.0)]
)
def test_the_reset_header_is_read_by_its_size(reset: float, left: float):
    """Below 10**9 milliseconds left, below 10**12 epoch seconds, else epoch milliseconds; 60 s at most."""
    assert reset_in_s(reset, datetime(2026, 7, 1, 12, 0, tzinfo=UTC)) == pytest.approx(left)


@pytest.mark.parametrize("style", ["ms", "epoch_s", "epoch_ms"])
async def test_the_window_is_kept_whatever_the_reset_style(style: str):
    """A small limit: calls wait for the next window instead of meeting a 429."""
    there = account(switches={"limit": 5, "reset_style": style})
    lead = there.sandbox.add_person(first_name="Ada")
    for _ in range(17):
        await there.adapter.lead(lead)
    assert not [call for call in there.sandbox.calls if call.status == 429]
    assert 175 < there.clock.elapsed_s < 190


# -- walking -------------------------------------------------------------------------------------


@DIALECTS
@pytest.mark.parametrize("switches", [{}, {"wrap_rows": True}, {"cap_25": True}, {"scroll": True, "cap_25": True},
                                      {"ignore_sort": True}])  # fmt: skip
async def test_a_walk_is_whole_in_every_shape(dialect: str, switches: dict[str, Any]):
    """Wrapped rows, capped pages, scrolling, another order: every lead, and a proof at the end."""
    there = account(dialect, switches=switches)
    made = fill(there, 137)
    pages = await there.pages()
    assert sorted(ids(pages)) == sorted(made)
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
    assert all(int(lead) > 2**53 for lead in made)


async def test_a_forgotten_scroll_restarts_the_walk():
    """400 with 20012 for a scrollId: from the beginning, and the end is still a proof."""
    there = account(switches={"scroll": True})
    made = fill(there, 250)
    found: set[str] = set()
    pages: list[Any] = []
    async for page in there.adapter.leads(None, full=True):
        if not pages:
            there.sandbox.scrolls.clear()
        pages.append(page)
        found |= {row.external_id for row in page.rows}
    assert found == set(made)
    assert pages[-1].complete


async def test_a_falling_total_walks_once_more():
    """Leads deleted during an offset walk shift others out of sight: a second pass finds them."""
    there = account()
    made = fill(there, 250)
    found: set[str] = set()
    deleted = False
    async for page in there.adapter.leads(None, full=True):
        found |= {row.external_id for row in page.rows}
        if not deleted:
            deleted = True
            for lead in made[:30]:
                there.sandbox.delete(lead)
        last = page
    assert set(made) <= found
    assert last.complete
    assert [sent.query["offset"] for sent in there.wire.sent].count("0") == 2


@pytest.mark.parametrize("cursor", [None, SINCE], ids=["all", "changed"])
@pytest.mark.parametrize("told", [True, False])
async def test_a_lead_gone_in_front_for_one_that_came_behind_hides_none(cursor: str | None, told: bool):  # noqa: FBT001
    """The total stays and enough different leads came, but the last row does not come again: a second pass."""
    leads, moved = list(range(1, 76)), False

    def between(leads: list[int], _at: int) -> None:
        nonlocal moved
        if not moved:
            leads[:], moved = [*leads[1:], 900], True

    adapter, _ = scripted(listing(leads, between, told=told))
    pages = [page async for page in adapter.leads(cursor, full=cursor is None)]
    assert set(ids(pages)) >= {str(lead) for lead in leads}
    assert pages[-1].complete is (told and cursor is None), "the second pass was not disturbed"


async def test_rows_that_move_in_the_second_pass_too_prove_nothing():
    """As many come as go in each pass, and enough different leads are shown: the list never stood still."""
    come = iter(range(900, 999))
    leads = list(range(1, 76))

    def between(leads: list[int], at: int) -> None:
        if at == 0:
            leads[:] = [*leads[1:], next(come)]

    adapter, wire = scripted(listing(leads, between))
    pages = [page async for page in adapter.leads(None, full=True)]
    assert set(ids(pages)) >= {str(lead) for lead in leads}
    assert not pages[-1].complete
    assert pages[-1].cursor
    assert [sent.query["offset"] for sent in wire.sent] == ["0", "24", "49", "74"] * 2


async def test_a_list_that_shrinks_to_less_than_its_first_page_is_walked_again():
    """Nothing stands any more where the last row stood: what followed it is among the rows already passed."""

    def between(leads: list[int], _at: int) -> None:
        leads[:] = leads[-20:]

    adapter, _ = scripted(listing(list(range(1, 31)), between))
    pages = [page async for page in adapter.leads(SINCE, full=False)]
    assert set(ids(pages)) == {str(lead) for lead in range(1, 31)}


@pytest.mark.parametrize(
    ("number", "size", "told", "offsets"),
    [
        (25, 25, True, [0]),
        (26, 25, True, [0, 24]),
        (75, 25, True, [0, 24, 48, 72]),
        (26, 25, False, [0, 24, 25, 26]),
        (4, 1, True, [0, 1, 2, 3]),
        (4, 1, False, [0, 1, 2, 3, 4]),
    ],
)
async def test_pages_overlap_by_one_row_which_is_shown_once(number: int, size: int, told: bool, offsets: list[int]):  # noqa: FBT001
    """Behind a page of several rows its last one comes again; one alone is not the end, and is not asked for again."""
    leads = list(range(1, number + 1))
    adapter, wire = scripted(listing(leads, lambda _leads, _at: None, size=size, told=told))
    pages = [page async for page in adapter.leads(None, full=True)]
    assert ids(pages) == [str(lead) for lead in leads]
    assert pages[-1].complete is told
    assert [int(sent.query["offset"]) for sent in wire.sent] == offsets


async def test_a_scroll_does_not_overlap():
    """It shows the list as it was; no row comes twice, and no offset is asked for."""
    there = account(switches={"scroll": True, "cap_25": True})
    made = fill(there, 60)
    assert ids(await there.pages()) == made
    assert [sent.query.get("offset") for sent in there.wire.of("GET", "/leads")] == ["0", None, None]


async def test_a_listing_that_is_short_of_its_total_proves_nothing():
    """An empty page before the total is reached ends the walk without evidence."""
    rows = [{"leadId": n, "lastUpdateTime": "2026-06-01T00:00:00GMT"} for n in (1, 2)]

    def answer(_method: str, _path: str, query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"_metadata": {"total": 3}, "leads": rows[int(query["offset"]) :] or None}

    adapter, _ = scripted(answer)
    pages = [page async for page in adapter.leads(None, full=True)]
    assert ids(pages) == ["1", "2"]
    assert not pages[-1].complete


async def test_rows_without_an_id_are_broken_and_spoil_the_proof():
    """Such a row is handed on for quarantine, and a walk that had one cannot prove absence."""
    rows = [{"leadId": 1}, {"leadId": -1, "firstName": "X"}]
    adapter, _ = scripted(lambda *_: (200, {"_metadata": {"total": 2}, "leads": rows}))
    [page] = [page async for page in adapter.leads(None, full=True)]
    assert ids([page]) == ["1"]
    assert len(page.broken) == 1
    assert not page.complete


async def test_the_update_time_is_sent_in_fixed_utc_minus_seven():
    """Summer or not: the newest time seen, less the overlap, shifted by seven hours; from the list of changes."""
    there = account()
    there.sandbox.add_person(first_name="Ada")
    [page] = await there.pages()
    there.clock.elapsed_s += 3600
    lead = there.sandbox.add_person(first_name="Bob")
    [changed] = await there.pages(page.cursor, full=False)
    [sent] = there.wire.of("GET", "/updateTime")
    assert sent.query == {"leadUpdateTime": "2026-07-01 04:58:00", "limit": "100", "offset": "0"}
    assert lead in ids([changed])
    assert not changed.complete
    [quiet] = await there.pages(changed.cursor, full=False)
    assert quiet.cursor == changed.cursor


async def test_a_lead_dated_ahead_does_not_hide_what_is_edited_until_then():
    """One page, and its newest time is twenty hours from now: the cursor does not pass the moment the walk began."""
    rows = [{"leadId": 1, "lastUpdateTime": "2026-07-02T08:00:00GMT"}]
    adapter, wire = scripted(lambda *_: (200, {"_metadata": {"total": 1}, "leads": rows}))
    [page] = [page async for page in adapter.leads(SINCE, full=False)]
    [_] = [page async for page in adapter.leads(page.cursor, full=False)]
    asked = datetime.strptime(wire.sent[-1].query["leadUpdateTime"] + "-0700", "%Y-%m-%d %H:%M:%S%z")
    assert START - timedelta(seconds=125) <= asked <= START


async def test_a_lead_edited_behind_the_walk_is_found_next_time():
    """Whole walks take time: the cursor does not pass the moment the walk began."""
    there = account()
    made = fill(there, 150)
    there.clock.elapsed_s += 3600
    async for page in there.adapter.leads(None, full=True):
        there.clock.elapsed_s += 600
        there.sandbox.edit(made[0] if page.cursor is None else made[-1], "city", "Rome")
        last = page
    assert made[0] in ids(await there.pages(last.cursor, full=False))


async def test_lofty_walks_again_only_when_the_scan_is_due():
    """No list of changes: between two scans a pull costs nothing, full=True always walks."""
    there = account("lofty", scan="15m")
    fill(there, 3)
    [page] = await there.pages(None, full=False)
    assert page.complete
    there.sandbox.forget_calls()
    assert await there.pages(page.cursor, full=False) == []
    assert there.sandbox.reads == 0
    assert len(await there.pages(page.cursor, full=True)) == 1
    there.clock.elapsed_s += 15 * 60
    assert len(ids(await there.pages(page.cursor, full=False))) == 3
    assert not there.wire.of("GET", "/updateTime")


async def test_the_wrong_dialect_is_an_error_not_an_empty_list():
    """404 on a list: rejected with a hint, whatever the body."""
    for body in (None, b"", {"code": 20006, "message": "LEAD_NOT_EXIST"}, "not found"):
        adapter, _ = scripted(lambda *_, body=body: (404, body))
        with pytest.raises(RejectedError) as caught:
            _ = [page async for page in adapter.leads(None, full=True)]
        assert "dialect" in caught.value.hint


async def test_volatile_keys_do_not_change_the_digest():
    """Visits and scores are not edits; a name is."""
    row = {"leadId": 1, "firstName": "A", "score": 1, "lastVisit": "x", "lastTouch": "y"}

    async def digest(**changes: Any) -> bytes:
        adapter, _ = scripted(lambda *_: (200, {"lead": {**row, **changes}}))
        return (await adapter.lead("1")).digest

    assert await digest() == await digest(score=9, lastVisit="z", lastTouch=None)
    assert await digest() != await digest(firstName="B")


# -- single reads and look-ups --------------------------------------------------------------------


async def test_the_trash_of_lofty_is_told():
    """404, then 200 with withTrash: the vendor says it is deleted; chime just says 404."""
    for dialect, told in (("lofty", True), ("chime", False)):
        there = account(dialect)
        lead = there.sandbox.add_person(first_name="Ada")
        there.sandbox.delete(lead)
        with pytest.raises(NotFoundError) as caught:
            await there.adapter.lead(lead)
        assert caught.value.told is told


@DIALECTS
async def test_a_404_right_after_our_create_is_not_a_loss(dialect: str):
    """Within 60 s of our own create: transient; afterwards the 404 counts."""
    there = account(dialect, switches={"lag_s": 30.0})
    lead = (await there.adapter.create_lead({"first_name": "Ada"})).external_id
    with pytest.raises(TransientError):
        await there.adapter.lead(lead)
    with pytest.raises(TransientError):
        await there.adapter.notes(lead, {})
    there.clock.elapsed_s += 30
    assert (await there.adapter.lead(lead)).external_id == lead
    there.sandbox.delete(lead)
    there.clock.elapsed_s += 60
    with pytest.raises(NotFoundError):
        await there.adapter.lead(lead)


@pytest.mark.parametrize("reformat", [False, True])
async def test_look_ups_send_national_digits_and_verify(reformat: bool):  # noqa: FBT001
    """The number goes out as ten digits; what comes back is compared by value, however it is spelled."""
    there = account(switches={"reformat_phones": reformat})
    lead = there.sandbox.add_person(first_name="Ada", phones=["+1 (212) 555-0123"], email="Ada@X.com")
    found = await there.adapter.find_leads(phone="+12125550123")
    assert [row.external_id for row in found.rows] == [lead]
    assert there.wire.sent[-1].query == {"phone": "2125550123", "limit": "100"}
    found = await there.adapter.find_leads(email="ada@x.com")
    assert [row.external_id for row in found.rows] == [lead]
    none = await there.adapter.find_leads(email="nobody@x.com")
    assert not none.rows
    assert none.conclusive


async def test_ignored_filters_are_no_answer_but_the_newest_leads_are():
    """Rows without the address mean "unknown"; with a time, newest first until older ones come is an answer."""
    there = account(switches={"ignore_filters": True, "cap_25": True})
    fill(there, 60)
    there.clock.elapsed_s += 3600
    since = there.clock.now()
    there.clock.elapsed_s += 10
    new = there.sandbox.add_person(first_name="New", email="new@x.com")
    unknown = await there.adapter.find_leads(email="nobody@x.com")
    assert (list(unknown.rows), unknown.conclusive) == ([], False)
    nobody = await there.adapter.find_leads(email="nobody@x.com", since=since)
    assert (list(nobody.rows), nobody.conclusive) == ([], True)
    found = await there.adapter.find_leads(email="new@x.com", since=since)
    assert [row.external_id for row in found.rows] == [new]
    assert there.wire.sent[-1].query["desc"] == "true"
    assert len(there.wire.sent) <= 5


async def test_an_ignored_order_is_noticed():
    """If the list is not newest first, an old row does not end the search."""
    there = account(switches={"ignore_filters": True})
    adapter = there.adapter
    old = {"leadId": 1, "createTime": "2020-01-01T00:00:00GMT", "emails": ["o@x.com"]}
    new = {"leadId": 2, "createTime": "2026-07-01T11:59:59GMT", "emails": ["n@x.com"]}

    def answer(_method: str, _path: str, query: dict[str, str]) -> tuple[int, Any]:
        rows = {"0": [old], "1": [new]}[query.get("offset", "0")]
        return 200, {"_metadata": {"total": 2}, "leads": rows}

    adapter, _ = scripted(answer)
    found = await adapter.find_leads(email="n@x.com", since=datetime(2026, 7, 1, 11, 59, tzinfo=UTC))
    assert [row.external_id for row in found.rows] == ["2"]
    assert found.conclusive
