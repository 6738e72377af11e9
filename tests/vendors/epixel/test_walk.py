"""Lists in every shape, what a walk proves, and what only a view shows (vendors/epixel.md §3, §10)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError
from syncd.ports.vendor import Page
from syncd.vendors.epixel.adapter import EpixelAdapter
from tests.vendors.epixel.support import Answer, Asked, enveloped, lead, listing, refused, sandboxed, written

ROWS = [lead(f"p{n}") for n in range(5)]


async def walk(adapter: EpixelAdapter) -> list[Page]:
    """All pages of a pull."""
    return [page async for page in adapter.leads(None, full=True)]


def slugs(pages: list[Page]) -> list[str]:
    """External ids in the order of the pages."""
    return [row.external_id for page in pages for row in page.rows]


def paged(shape: str, *, size: int = 2, count: int | None = None, enveloped_too: bool = True) -> Any:
    """Answers to a list of `ROWS` by pages of ``size`` in one of the sheet's shapes."""

    def content(page: int) -> Any:
        rows = ROWS[(page - 1) * size : page * size]
        total = len(ROWS) if count is None else count
        last = -(-len(ROWS) // size)
        if shape in {"a", "d"}:
            return ROWS
        if shape == "count":
            return {"lead_list": rows, "count": total}
        if shape == "pages":
            return {"list": rows, "total_pages": str(last)}
        if shape == "plain":
            return {"leads": ROWS}
        after = f"http://elsewhere.invalid/leads/list/?x=1&page={page + 1}" if page < last else None
        return {"count": total, "next": after, "previous": None, "results": rows}

    def answers(asked: Asked) -> Answer:
        if asked.path != "/leads/list/":
            return listing(*ROWS)(asked)
        assert asked.query["page_size"] == "100"
        page = int(asked.query["page"])
        rows = content(page)
        return enveloped(rows) if enveloped_too else (200, rows)

    return answers


@pytest.mark.parametrize("enveloped_too", [True, False])
@pytest.mark.parametrize(("shape", "asked"), [("a", 1), ("d", 1), ("b", 3), ("count", 3), ("pages", 3), ("plain", 1)])
async def test_every_shape_is_walked_to_its_end(shape: str, asked: int, *, enveloped_too: bool):
    """§3 a–e, in the envelope and bare: each row once, nothing asked for twice, only the page of `next` is used."""
    adapter, wire = written(paged(shape, enveloped_too=enveloped_too))
    pages = await walk(adapter)
    assert slugs(pages) == [row["slug"] for row in ROWS]
    assert [page.complete for page in pages][-1]
    assert not any(page.complete for page in pages[:-1])
    assert [r.query["page"] for r in wire.of("list/")] == [str(n + 1) for n in range(asked)]


@pytest.mark.parametrize("shape", ["b", "count"])
async def test_fewer_rows_than_counted_prove_nothing(shape: str):
    """§3: a walk that ends with fewer distinct rows than `count` is incomplete."""

    def answers(asked: Asked) -> Answer:
        page = int(asked.query.get("page", "1"))
        if asked.path == "/leads/list/" and page > 3:
            return refused(404, {"detail": "Invalid page."})
        return paged(shape, count=6)(asked)  # type: ignore[no-any-return]

    pages = await walk(written(answers)[0])
    assert len(slugs(pages)) == 5
    assert not any(page.complete for page in pages)


async def test_a_lead_deleted_while_pages_are_read_is_noticed():
    """§3: the count of an earlier page holds: what moved to a page already read must not look gone."""

    def answers(asked: Asked) -> Answer:
        page = int(asked.query.get("page", "1"))
        if asked.path == "/leads/list/" and page == 3:
            return enveloped({"count": 4, "next": None, "results": []})
        return paged("b")(asked)  # type: ignore[no-any-return]

    pages = await walk(written(answers)[0])
    assert len(slugs(pages)) == 4
    assert not any(page.complete for page in pages)


@pytest.mark.parametrize("end", ["empty", "invalid", "same"])
async def test_walks_end_where_nothing_new_comes(end: str):
    """§3: an empty page, "Invalid page." for page > 1, and a page whose slugs were all seen end a walk."""
    pages_asked = 0

    def answers(asked: Asked) -> Answer:
        nonlocal pages_asked
        if asked.path != "/leads/list/":
            return listing(*ROWS)(asked)
        pages_asked += 1
        if asked.query["page"] == "1" or end == "same":
            return enveloped({"count": 5, "next": "/leads/list/?page=2", "results": ROWS})
        if end == "empty":
            return enveloped({"count": 5, "next": "/leads/list/?page=3", "results": []})
        return 404, {"detail": "Invalid page."}

    pages = await walk(written(answers)[0])
    assert slugs(pages) == [row["slug"] for row in ROWS]
    assert pages[-1].complete
    assert pages_asked == 2


async def test_a_row_without_a_slug_is_told_apart_and_nothing_is_proved():
    """A row nobody can name goes to quarantine; the others come, and absence means nothing."""
    adapter, _ = written(listing(*ROWS, {"first_name": "Nobody"}, "odd"))
    [page] = await walk(adapter)
    assert (len(page.rows), len(page.broken), page.complete) == (5, 2, False)
    assert len({key for key, _ in page.broken}) == 2


@pytest.mark.parametrize("answer", [{"data": {"message": "Welcome"}}, {"status_code": 200, "errors": {}, "data": None}])
async def test_an_answer_that_is_no_list_is_not_an_empty_one(answer: Any):
    """Law 7: nothing vanishes by accident."""
    adapter, _ = written(lambda asked: (404, None) if "overview" in asked.path else (200, answer))
    with pytest.raises(UnreadableError):
        await walk(adapter)


async def test_a_failing_page_fails_the_walk():
    """What was read before it came; nothing is promised."""
    answered = []

    def answers(asked: Asked) -> Answer:
        answered.append(asked.query.get("page"))
        return (500, None) if asked.query.get("page") == "2" else paged("b")(asked)

    adapter, _ = written(answers)
    pages = adapter.leads(None, full=True)
    first = await anext(pages)
    assert (slugs([first]), first.complete) == (["p0", "p1"], False)
    with pytest.raises(TransientError):
        await anext(pages)


async def test_a_large_answer_comes_in_pages():
    """Shape a may send everything at once; at most 100 rows are handed on together."""
    adapter, _ = written(listing(*(lead(f"p{n}") for n in range(250))))
    pages = await walk(adapter)
    assert [len(page.rows) for page in pages] == [100, 100, 50]
    assert [page.complete for page in pages] == [False, False, True]


@pytest.mark.parametrize("key", ["slug", "lead_slug"])
@pytest.mark.parametrize("under", ["", "lead", "lead_details", "details", "[]", "lead[]"])
@pytest.mark.parametrize("wrapped", [True, False])
async def test_views_in_every_shape(key: str, under: str, *, wrapped: bool):
    """§3: the lead, or under lead, lead_details, details, or as the only list element; with its notes beside it."""
    row = {key: "x-1", "first_name": "Ada"}
    notes = {"notes": [{"id": 1, "note": "Hi"}]}
    data: Any = {
        "": {**row, **notes},
        "[]": [{**row, **notes}],
        "lead[]": {"lead": [row], **notes},
    }.get(under, {under: row, **notes})
    adapter, wire = written(lambda asked: (404, None) if "overview" in asked.path else
                            enveloped(data) if wrapped else (200, data))  # fmt: skip
    remote = await adapter.lead("x-1")
    assert (remote.external_id, adapter.read_lead(remote).fields["first_name"]) == ("x-1", "Ada")
    assert not remote.listed
    assert len((await adapter.notes("x-1", {})).rows) == 1
    assert wire.of("/view/lead/")[0].query == {"slug": "x-1"}


@pytest.mark.parametrize("data", [[], {}, [lead("a"), lead("b")], {"lead": {"first_name": "x"}}, lead("another")])
async def test_a_view_of_something_else_is_unreadable(data: Any):
    """An answer that is not this lead is neither it nor a sign that it is gone."""
    adapter, _ = written(lambda asked: (404, None) if "overview" in asked.path else enveloped(data))
    with pytest.raises(UnreadableError):
        await adapter.lead("x-1")


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (enveloped(lead(status="deleted")), NotFoundError, True),
        (enveloped(lead(is_deleted=True)), NotFoundError, True),
        (refused(400, {"slug": ["Requested lead already has a deleted status."]}), NotFoundError, True),
        (refused(400, {"slug": ["Requested slug is invalid."]}), NotFoundError, False),
        (refused(401, {"detail": "Requested lead does not exist."}), NotFoundError, False),
        (refused(400, {"detail": "Lead matching query does not exist."}), NotFoundError, False),
        (refused(401, {"non_field_errors": ["You are not owner of this lead."]}), RejectedError, None),
        (refused(404, {"detail": "Not found."}), NotFoundError, False),
        ((404, b"<html>", {"content-type": "text/html"}), TransientError, None),
    ],
)
async def test_what_a_view_says_of_a_lead_that_is_not_shown(
    answer: Answer, error: type[Exception], *, told: bool | None
):
    """§10: told by the vendor > 404 grade; "You are not owner" is hidden, never deletion; HTML is no evidence."""
    adapter, _ = written(lambda asked: (404, None) if "overview" in asked.path else answer,
                         memory={"paths": {"view": "/leads/view/lead/"}})  # fmt: skip
    with pytest.raises(error) as caught:
        await adapter.lead("ada-1")
    assert getattr(caught.value, "told", None) == told


@pytest.mark.parametrize("inner", [{"results": None, "count": 0, "next": None}, {"leads": None, "count": 0}])
async def test_a_list_of_none_may_be_null(inner: dict[str, Any]):
    """§3: with a count of 0 beside it; without one, null is no list."""
    adapter, _ = written(lambda _: enveloped(inner))
    [page] = await walk(adapter)
    assert (page.rows, page.complete) == ([], True)
    adapter, _ = written(lambda _: enveloped({**inner, "count": None}))
    with pytest.raises(UnreadableError):
        await walk(adapter)


async def test_deleted_leads_are_not_listed_and_still_counted():
    """§13: a lead that stays with status "deleted" is not there, and the walk is whole all the same."""
    async with sandboxed({"deleted": "listed"}) as there:
        kept, gone = there.person(), there.person()
        there.sandbox.delete(gone)
        pages = await there.pages()
        assert slugs(pages) == [kept]
        assert pages[-1].complete
        with pytest.raises(NotFoundError) as caught:
            await there.adapter.lead(gone)
        assert caught.value.told


async def test_what_only_the_view_shows_is_read_there():
    """§3, §10: if list rows lack a field the view shows, rows are incomplete and say nothing of it; also later."""
    short = [{k: v for k, v in row.items() if k not in {"location", "phone"}} for row in ROWS]
    adapter, wire = written(listing(*short, views={row["slug"]: row for row in ROWS}))
    [page] = await walk(adapter)
    assert not any(row.complete for row in page.rows)
    assert len(wire.of("/view/lead/")) == 1, "one look tells what views show"
    told = adapter.read_lead(page.rows[0]).told
    assert not told & {"city", "phone", "phones"}
    assert {"first_name", "source"} <= told
    later, wire = written(listing(*short), memory=adapter.memory)
    [page] = await walk(later)
    assert not any(row.complete for row in page.rows)
    assert not wire.of("/view/lead/")


async def test_rows_that_show_everything_are_complete():
    """Nothing is viewed but one lead, once per connection."""
    adapter, wire = written(listing(*ROWS))
    [page] = await walk(adapter)
    assert all(row.complete for row in page.rows)
    await walk(adapter)
    assert len(wire.of("/view/lead/")) == 1


@pytest.mark.parametrize("key", ["updated_at", "updated", "modified", "modified_at", "updated_on", "last_updated"])
async def test_a_records_own_time(key: str):
    """§5: under any of its names, naive ones in the connection's zone; absent: none."""
    row = {k: v for k, v in lead().items() if k != "updated_at"}
    adapter, _ = written(listing({**row, key: "2026-01-02 10:00"}, row | {"slug": "b"}), time_zone="Asia/Dubai")
    [page] = await walk(adapter)
    assert [remote.time for remote in page.rows] == [datetime(2026, 1, 2, 6, 0, tzinfo=UTC), None]


async def test_a_lead_may_leave_the_list_and_still_exist():
    """§13: rights by owner: handed to somebody else a lead leaves the list; its view says "not owner"."""
    async with sandboxed({"own_only": True}) as there:
        there.sandbox.add_agent("other@example.com", "O", "Ther")
        lead = there.person()
        assert slugs(await there.pages()) == [lead]
        there.sandbox.assign(lead, "primary", "other@example.com")
        assert slugs(await there.pages()) == []
        with pytest.raises(RejectedError):
            await there.adapter.lead(lead)


async def test_agents_are_learned_from_leads():
    """§9: no call lists users; the first time all leads are looked through, then whoever is met is remembered."""
    async with sandboxed({"objects": True, "usernames": "plain"}) as there:
        first = there.sandbox.add_agent("Reb@Example.com", "Reb", "Ecca")
        lead = there.person(assignments={"primary": first})
        assert [row.external_id for row in await there.adapter.agents()] == [first]
        [agent] = await there.adapter.agents()
        assert there.adapter.read_agent(agent).email == "reb@example.com"
        assert len(there.wire.of("/list/")) == 1
        [before] = [row for page in await there.pages() for row in page.rows]
        second = there.sandbox.add_agent("new@example.com", "N", "Ew")
        there.sandbox.assign(lead, "primary", second)
        [met] = [row for page in await there.pages() for row in page.rows]
        assert {row.external_id for row in await there.adapter.agents()} == {first, second}
        [known] = [row for page in await there.pages() for row in page.rows]
        assert len({before.digest, met.digest, known.digest}) == 3, "read again once its assignee is known"
        later = there.another()
        assert {row.external_id for row in await later.agents()} == {first, second}
        assert len(there.wire.of("/list/")) == 4


async def test_agents_that_only_views_show_are_met_as_well():
    """§9, §10: the lead is read again once its assignee is known, also by the next process; then it stays quiet."""
    async with sandboxed({"list_hides": ("assignee",)}) as there:
        agent = there.sandbox.add_agent("reb@example.com", "Reb", "Ecca")
        lead = there.person(assignments={"primary": agent})
        assert list(await there.adapter.agents()) == []
        digests = [row.digest for page in await there.pages() for row in page.rows]
        await there.adapter.lead(lead)
        later = there.another()
        assert lead not in str(there.adapter.memory)
        assert [row.external_id for row in await later.agents()] == [agent]
        for _ in range(3):
            [page] = await walk(later)
            await later.lead(lead)
            digests += [row.digest for row in page.rows]
        assert digests[1] != digests[0] == digests[2] == digests[3]
