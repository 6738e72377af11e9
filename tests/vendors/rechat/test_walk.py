"""Paging by key, the cursor, ignored filters, what a walk proves (vendors/rechat.md §3, §10)."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from syncd.domain.errors import NotFoundError, UnreadableError
from syncd.vendors.rechat.values import spelled, stamp, when
from tests.vendors.rechat.support import Answer, Asked, attribute, contact, ok, sandboxed, uuid, written


async def walked(adapter: Any, cursor: str | None = None, *, full: bool = True) -> list[Any]:
    """All pages."""
    return [page async for page in adapter.leads(cursor, full=full)]


def ids(pages: list[Any]) -> list[str]:
    """Ids in the order in which they came."""
    return [row.external_id for page in pages for row in page.rows]


def served(rows: list[dict[str, Any]], asked: Asked, *, total: bool = True, page: int = 2) -> Answer:
    """A list that honours what is asked, ``page`` rows at a time at most."""
    order = asked.one("order") or ""
    since = Decimal(asked.one(order.replace("_at", "_gte")) or 0)
    found = sorted((r for r in rows if stamp(r[order]) >= since), key=lambda r: (stamp(r[order]), r["id"]))  # type: ignore[operator]
    start = int(asked.one("start") or 0)
    return 200, ok(found[start : start + page], len(found) if total else None)


async def test_pages_go_by_key_with_the_digits_as_received():
    """The next page begins at the last row's time, digit by digit, with the last of the rows of that very time (§3);
    behind a page that was not full after them.
    """
    times = ["1783014869.079451", "1783014869.07946", "1783014869.07946", "1783014870", "1783014871.5"]
    rows = [contact(n) for n in range(5)]

    def answers(asked: Asked) -> Answer:
        start, since = int(asked.one("start") or 0), Decimal(asked.one("created_gte") or 0)
        shown = [n for n, time in enumerate(times) if Decimal(time) >= since][start : start + 2]
        parts = [orjson.dumps({**rows[n], "created_at": f"@{n}"}).decode().replace(f'"@{n}"', times[n]) for n in shown]
        return 200, f'{{"code":"OK","data":[{",".join(parts)}],"info":{{"count":{len(parts)},"total":0}}}}'.encode()

    adapter, wire = written(answers, page_size=2)
    pages = await walked(adapter)
    assert ids(pages) == [uuid(n) for n in range(5)]
    assert [(asked.one("created_gte"), asked.one("start")) for asked in wire.asked] == [
        ("0", "0"),
        ("1783014869.07946", "0"),
        ("1783014869.07946", "1"),
        ("1783014870", "0"),
        ("1783014871.5", "0"),
        ("1783014871.5", "1"),
    ]
    assert pages[-1].complete


@pytest.mark.parametrize("received", ["1783014869.079451", "1783014869", "-86400.5", "1783014869.000001"])
def test_times_survive_digit_by_digit(received: str):
    """Parsed as decimals, sent back as they came (§3)."""
    seconds = stamp(orjson.loads(received))
    assert seconds is not None
    assert spelled(seconds) == received
    assert stamp(received) == seconds


def test_times_come_as_integers_and_iso_too():
    """§3 accepts integers and ISO 8601; what makes no sense is no time."""
    assert when("2026-07-02T17:54:29.079451Z") == when(1783014869.079451)
    assert when(1783014869) == when("1783014869")
    assert stamp("yesterday") is None
    assert when(True) is None  # noqa: FBT003
    assert when(1e300) is None


async def test_every_call_asks_for_the_rows_and_names_the_brand():
    """Lists show no rows unless asked (§13), and every request carries the brand (§2)."""
    async with sandboxed() as account:
        lead = account.sandbox.add_person(first_name="Ada")
        await account.pages()
        await account.adapter.lead(lead)
        asked = [value for name, value in account.wire.asked[0].query if name == "associations[]"]
        assert asked == ["contact.attributes", "contact.user", "contact.assignees", "contact_role.user"]
        assert {call.headers["x-rechat-brand"] for call in account.wire.asked} == {account.sandbox.config()["brand"]}
        assert {call.headers["authorization"] for call in account.wire.asked} == {"Bearer sandbox-token"}


async def test_a_short_page_is_not_the_end():
    """With an unknown total only an empty page ends a list (§3)."""
    rows = [contact(n) for n in range(5)]
    adapter, _ = written(lambda asked: served(rows, asked, total=False, page=2), page_size=100)
    pages = await walked(adapter)
    assert ids(pages) == [uuid(n) for n in range(5)]
    assert pages[-1].complete
    assert len(pages[-1].rows) == 0


async def test_a_reached_total_ends_without_a_further_call():
    """`start` + count ≥ `total` > 0 is the end (§3)."""
    rows = [contact(n) for n in range(2)]
    adapter, wire = written(lambda asked: served(rows, asked))
    assert (await walked(adapter))[-1].complete
    assert len(wire.asked) == 1


async def test_an_ignored_filter_is_noticed_said_once_and_remembered(capsys: Any):
    """Rows older than asked: plain `start` paging and full listings from then on, which prove nothing (§3)."""
    async with sandboxed({"ignored": ("updated_gte", "created_gte"), "late_commit_s": 0}, page_size=3) as account:
        made = []
        for n in range(8):
            made.append(account.sandbox.add_person(first_name=f"P{n}"))
            await account.clock.sleep(600)
        pages = await account.pages()
        assert sorted(ids(pages)) == sorted(made)
        assert not pages[-1].complete
        account.sandbox.edit(made[0], "first_name", "Late")
        for _ in range(2):
            changed = await account.pages(pages[-1].cursor, full=False)
            assert made[0] in ids(changed)
            assert made[3] not in ids(changed), "older ones are sorted out here"
        assert account.adapter.memory["ignored_filters"] == ["created_at", "updated_at"]
        said = capsys.readouterr()
        assert (said.out + said.err).count("filter_ignored") == 2, "once for each of the two filters"
        account.wire.asked.clear()
        assert not (await account.pages())[-1].complete
        assert [call.one("start") for call in account.wire.asked][:3] == ["0", "3", "6"]


async def test_the_cursor_reaches_back_by_the_overlap():
    """The next walk starts at the highest `updated_at` minus `overlap`: rows appear late (§3, §13)."""
    async with sandboxed({"late_commit_s": 0}, overlap=timedelta(seconds=90)) as account:
        lead = account.sandbox.add_person(first_name="Ada")
        await account.clock.sleep(3600)
        pages = await account.pages()
        mark = account.sandbox.store.contacts[lead].updated_at
        assert orjson.loads(pages[-1].cursor) == {"updated_at": spelled(stamp(mark))}  # type: ignore[arg-type]
        account.wire.asked.clear()
        await account.pages(pages[-1].cursor, full=False)
        assert account.wire.asked[0].one("order") == "updated_at"
        assert Decimal(account.wire.asked[0].one("updated_gte") or 0) == stamp(mark) - 90  # type: ignore[operator]


async def test_rows_committed_late_are_not_lost():
    """A row may become visible with a time before the cursor (§3): the overlap catches it."""
    async with sandboxed({"late_commit_s": 2}) as account:
        account.sandbox.add_person(first_name="First")
        cursor = (await account.pages())[-1].cursor
        for _ in range(3):
            late = account.sandbox.add_person(first_name="Late")
            assert late in ids(await account.pages(cursor, full=False))


async def test_a_full_walk_takes_no_mark_beyond_its_beginning():
    """A contact that changes behind the back of a walk by creation is seen by the next pull."""
    async with sandboxed({"late_commit_s": 0}, page_size=2, overlap=timedelta(seconds=1)) as account:
        made = []
        for n in range(6):
            made.append(account.sandbox.add_person(first_name=f"P{n}"))
            await account.clock.sleep(60)
        cursor = None
        async for page in account.adapter.leads(None, full=True):
            await account.clock.sleep(300)
            if page.cursor is None:
                account.sandbox.edit(made[0], "first_name", "Edited")
                await account.clock.sleep(300)
                account.sandbox.edit(made[5], "first_name", "Later")
            cursor = page.cursor
        assert made[0] in ids(await account.pages(cursor, full=False))


async def test_a_contact_edited_during_an_incremental_walk_comes_again():
    """It moves to the end of the list, with its new values."""
    async with sandboxed({"late_commit_s": 0}, page_size=2) as account:
        made = []
        for n in range(4):
            made.append(account.sandbox.add_person(first_name=f"P{n}"))
            await account.clock.sleep(1)
        cursor = orjson.dumps({"updated_at": "1000.5"}).decode()
        names: list[str] = []
        async for page in account.adapter.leads(cursor, full=False):
            if not names:
                account.sandbox.edit(made[0], "first_name", "Again")
            names += [str(account.adapter.read_lead(row).fields["first_name"]) for row in page.rows]
        assert names == ["P0", "P1", "P2", "P3", "Again"]


async def test_parked_and_hidden_contacts_are_absent_yet_not_gone():
    """Parked ones can be read; hidden ones are 404 and come back unchanged (§3, §13)."""
    async with sandboxed() as account:
        parked, hidden = account.sandbox.add_person(first_name="P"), account.sandbox.add_person(first_name="H")
        account.sandbox.park(parked)
        account.sandbox.hide(hidden)
        assert ids(await account.pages()) == []
        assert (await account.fields(parked))["first_name"] == "P"
        with pytest.raises(NotFoundError) as caught:
            await account.adapter.lead(hidden)
        assert not caught.value.told
        account.sandbox.hide(hidden, hidden=False)
        assert ids(await account.pages()) == [hidden]


async def test_a_deleted_contact_is_told_where_the_vendor_says_so():
    """`deleted_at` set is the vendor's word, a 404 is not (§10)."""
    for told in (True, False):
        async with sandboxed({"show_deleted": told}) as account:
            lead = account.sandbox.add_person(first_name="A")
            account.sandbox.delete(lead)
            with pytest.raises(NotFoundError) as caught:
                await account.adapter.lead(lead)
            assert caught.value.told is told


async def test_a_deleted_row_of_a_list_is_read_singly():
    """A list that shows `deleted_at` does not speak for the contact's fields."""
    adapter, _ = written(lambda asked: served([contact(1, deleted_at=5.0)], asked))
    [page] = await walked(adapter)
    assert not page.rows[0].complete


async def test_a_summary_without_attributes_is_read_singly_and_never_means_none():
    """§3: read again by itself; if it lacks them there too it is unreadable, not empty."""
    bare = {key: value for key, value in contact(1).items() if key != "attributes"}
    adapter, _ = written(lambda asked: (200, ok(bare)) if asked.path.endswith(uuid(1)) else served([bare], asked))
    [page] = await walked(adapter)
    assert not page.rows[0].complete
    assert adapter.read_lead(page.rows[0]).told == frozenset()
    single = await adapter.lead(uuid(1))
    with pytest.raises(UnreadableError):
        adapter.read_lead(single)
    with pytest.raises(UnreadableError):
        await adapter.notes(uuid(1), {})


async def test_only_channels_asks_by_filter_for_both_lists():
    """§3: `POST /contacts/filter` with the same query; a read that may be repeated."""
    async with sandboxed(only_channels=["8607bf2a-992a-44a0-a2f7-ddd46fbfafbf"]) as account:
        account.sandbox.add_person(first_name="Elsewhere")
        made = await account.adapter.create_lead({"first_name": "Ada", "email": "ada@example.com"})
        account.wire.asked.clear()
        pages = await account.pages()
        assert ids(pages) == [made.external_id]
        await account.pages(pages[-1].cursor, full=False)
        assert {(call.method, call.path) for call in account.wire.asked} == {("POST", "/contacts/filter")}
        assert [call.one("order") for call in account.wire.asked] == ["created_at", "updated_at"]
        assert account.wire.asked[0].body == {"lead_channels": ["8607bf2a-992a-44a0-a2f7-ddd46fbfafbf"]}


async def test_answers_without_an_envelope_are_read():
    """A bare array or object is accepted (§3)."""
    row = contact(1, attribute(1, "first_name", "Ada"))
    adapter, _ = written(
        lambda asked: (200, row) if asked.path.endswith(uuid(1)) else (200, [row][: asked.one("start") == "0"])
    )
    assert ids(await walked(adapter)) == [uuid(1)]
    assert adapter.read_lead(await adapter.lead(uuid(1))).fields["first_name"] == "Ada"


async def test_an_answer_that_is_no_list_is_not_an_empty_one():
    """Anything else taken for an empty list would read as "all gone"."""
    adapter, _ = written(lambda _asked: (200, {"code": "OK", "data": {"what": "ever"}}))
    with pytest.raises(UnreadableError):
        await walked(adapter)


async def test_a_list_that_repeats_itself_ends():
    """A vendor that ignores `start` as well cannot keep a walk going for ever, and proves nothing."""
    rows = [contact(n, created_at=1_700_000_000) for n in range(3)]
    adapter, wire = written(lambda _asked: (200, ok(rows)))
    pages = await walked(adapter)
    assert len(ids(pages)) == 3
    assert not pages[-1].complete
    assert len(wire.asked) <= 4


async def test_an_ignored_filter_is_noticed_one_row_at_a_time():
    """With pages of one row no row is ever older than asked: the same one again gives it away (§3)."""
    async with sandboxed({"ignored": ("updated_gte", "created_gte"), "late_commit_s": 0}, page_size=1) as account:
        made = []
        for n in range(5):
            made.append(account.sandbox.add_person(first_name=f"P{n}"))
            await account.clock.sleep(1)
        pages = await account.pages()
        assert sorted(ids(pages)) == sorted(made)
        assert not pages[-1].complete
        changed = await account.pages(pages[-1].cursor, full=False)
        assert set(ids(changed)) == set(made)


async def test_a_contact_that_is_only_touched_meanwhile_says_nothing_of_the_filter():
    """It comes again at the end, unchanged but for its time: the filter is honoured all the same."""
    rows = [contact(n) for n in range(4)]

    def answers(asked: Asked) -> Answer:
        if asked.one("start") == "1":
            rows[0]["updated_at"] = rows[3]["updated_at"] + 5
        return served(rows, asked, total=False)

    adapter, _ = written(answers, page_size=2)
    pages = await walked(adapter, '{"updated_at":"1780000000"}', full=False)
    assert ids(pages) == [uuid(n) for n in range(4)]
    assert "ignored_filters" not in adapter.memory


@pytest.mark.parametrize("size", [3, 100])
@pytest.mark.parametrize("tied", [1, 3])
async def test_nobody_is_skipped_when_the_last_row_of_a_page_moves(tied: int, size: int):
    """Edited right after its page was read, it stands at the end: what followed it is one place earlier (§3).

    Also where the server's pages are smaller than asked for, which its total tells.
    """
    rows = [contact(n, updated_at=1_780_000_000 + max(n, tied)) for n in range(9)]
    walk: list[str] = []

    def answers(asked: Asked) -> Answer:
        shown = deepcopy(served(rows, asked, total=size > 3, page=3)[1])
        walk.extend(row["id"] for row in shown["data"])
        if len(walk) in {3, 6}:
            last = next(row for row in rows if row["id"] == walk[-1])
            last |= {"updated_at": 1_780_000_100 + len(walk), "attributes": [attribute(1, "title", "Dr")]}
        return 200, shown

    adapter, _ = written(answers, page_size=size)
    pages = await walked(adapter, '{"updated_at":1780000120}', full=False)
    assert set(ids(pages)) == {uuid(n) for n in range(9)}


async def test_a_page_of_rows_without_ids_is_passed():
    """What cannot be told apart is handed out as broken; the walk goes on behind it."""
    rows = [{**contact(n), "id": None} for n in range(4)]
    adapter, wire = written(lambda asked: served(rows, asked, total=False), page_size=2)
    pages = await walked(adapter)
    assert sum(len(page.broken) for page in pages) == 4
    assert len(wire.asked) == 3


@pytest.mark.parametrize("kept", ["updated_at", "sort_field", "last_touch", "tags", "order"])
async def test_what_means_nothing_does_not_move_the_digest(kept: str):
    """Touches, the summary and the order of rows are not changes of the contact (§3)."""
    rows = [attribute(1, "first_name", "Ada"), attribute(2, "tag", "Hot")]
    before = contact(1, *rows)
    after = contact(1, *reversed(rows)) if kept == "order" else {**before, kept: "other"}
    shown = iter([before, after])
    adapter, _ = written(lambda _asked: (200, ok([next(shown)], 1)))
    first, second = [(await walked(adapter))[0].rows[0] for _ in range(2)]
    if kept != "updated_at":
        assert first.digest == second.digest
    deleted = contact(1, rows[0], {**rows[1], "deleted_at": 7.0})
    gone = contact(1, rows[0])
    shown = iter([deleted, gone, before])
    one, two, three = [(await walked(adapter))[0].rows[0] for _ in range(3)]
    assert one.digest == two.digest != three.digest


async def test_an_edit_behind_a_walk_in_another_order_is_found_by_the_next_one():
    """Where the filter is ignored, contacts come in the order they were made in: one that is edited behind the walk,
    before another one ahead of it, must not be passed by the cursor (§3).
    """
    born = 1_780_000_000
    people = [contact(n, updated_at=born + n) for n in range(1, 7)]
    meanwhile: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("attribute_defs"):
            return 200, ok([])
        start, limit = int(asked.one("start") or 0), int(asked.one("limit") or 0)
        page = [dict(one) for one in sorted(people, key=lambda one: one["created_at"])[start : start + limit]]
        if meanwhile and start == 2:
            people[0] |= meanwhile.pop(0)
            people[5] |= meanwhile.pop(0)
        return 200, ok(page, total=len(people))

    adapter, _ = written(answer, memory={"ignored_filters": ["updated_at", "created_at"]}, page_size=2)

    async def pulled(cursor: str | None, *, full: bool) -> tuple[str | None, dict[str, float]]:
        found: dict[str, float] = {}
        async for page in adapter.leads(cursor, full=full):
            found |= {row.external_id: row.payload["updated_at"] for row in page.rows}
            cursor = page.cursor or cursor
        return cursor, found

    cursor, _ = await pulled(None, full=True)
    edited = born + 5000
    meanwhile += [{"updated_at": edited}, {"updated_at": edited + 1000}]
    cursor, _ = await pulled(cursor, full=False)
    _, found = await pulled(cursor, full=False)
    assert found.get(people[0]["id"]) == edited
