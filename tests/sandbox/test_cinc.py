"""The simulated CINC site is as strict as vendors/cinc.md says, asked over HTTP without any adapter."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import Ask, CannotError
from syncd.sandbox.cinc import CincSandbox
from tests.vendors.clocks import VirtualClock


def make(**switches: Any) -> CincSandbox:
    """A site on virtual time."""
    sandbox = SANDBOXES["cinc"](VirtualClock(), **switches)
    assert isinstance(sandbox, CincSandbox)
    return sandbox


async def call(
    sandbox: CincSandbox, method: str, path: str, body: Any = None, *, auth: str = "Bearer sandbox-token", **query: str
) -> tuple[int, Any]:
    """One request; the status and the parsed body."""
    content = orjson.dumps(body) if body is not None else b""
    headers = {"authorization": auth, "content-type": "application/x-www-form-urlencoded"}
    pairs = [(key.replace("__", ":"), value) for key, value in query.items()]
    reply = await sandbox.answer(Ask(method, f"/v2{path}", pairs, headers, content))
    return reply.status, orjson.loads(reply.encoded())


def lead_body(email: str = "ada@example.com", **info: Any) -> dict[str, Any]:
    """A create body."""
    contact = {"email": email, "first_name": "Ada", **info.pop("contact", {})}
    return {"info": {"contact": contact, **info}}


async def created(sandbox: CincSandbox, body: Any = None) -> str:
    """A lead created over HTTP."""
    status, data = await call(sandbox, "POST", "/site/leads", body or lead_body())
    assert status == 201
    return str(data["id"])


async def shown(sandbox: CincSandbox, lead: str) -> dict[str, Any]:
    """A lead over HTTP."""
    return dict((await call(sandbox, "GET", f"/site/leads/{lead}"))[1]["lead"])


async def test_json_is_parsed_whatever_the_header_says():
    """The documentation shows a form header over JSON bodies; JSON that is broken is a 400."""
    sandbox = make()
    await created(sandbox)
    ask = Ask("POST", "/v2/site/leads", (), {"authorization": "sandbox-token"}, b'{"info": ')
    assert (await sandbox.answer(ask)).status == 400


async def test_create_is_an_upsert_that_overwrites():
    """201, then 200 with the same id, whatever the case of the address; fields are overwritten."""
    sandbox = make()
    lead = await created(sandbox)
    status, data = await call(sandbox, "POST", "/site/leads", lead_body("ADA@example.com", source="Elsewhere"))
    assert (status, data["id"]) == (200, lead)
    assert sandbox.shows(lead)["source"] == "Elsewhere"


async def test_create_needs_an_address_and_sets_defaults():
    """Without one it is a 400; stage, source and time of registration have defaults."""
    sandbox = make()
    assert (await call(sandbox, "POST", "/site/leads", {"info": {"contact": {"first_name": "A"}}}))[0] == 400
    lead = await shown(sandbox, await created(sandbox))
    assert lead["pipeline"]["stage"] == "New Lead"
    assert lead["username"] == "ada@example.com"
    assert lead["info"]["source"]


@pytest.mark.parametrize(
    "body",
    [
        {"pipeline": {"stage": "Nowhere"}},
        {"pipeline": {"stage": "new lead"}},
        {"assigned_agents": {"primary_agent": {"id": "nobody"}}},
        {"info": {"is_buyer": "true"}},
        {"info": {"contact": {"first_name": 1}}},
        {"info": {"buyer": {"average_price": "much"}}},
        {"registered_date": "yesterday"},
        {"notes": [{"category": "call"}]},
        {"id": "another"},
    ],
)
async def test_what_makes_no_sense_is_refused_whole(body: dict[str, Any]):
    """400, and nothing of the body is kept."""
    sandbox = make()
    lead = await created(sandbox)
    before = sandbox.shows(lead)
    whole = {"registered_date": "2020-01-01T00:00:00Z", **body}
    assert (await call(sandbox, "POST", f"/site/leads/{lead}", whole))[0] == 400
    assert sandbox.shows(lead) == before


async def test_updates_merge_deeply_and_blanks_clear():
    """Left-out fields stay; "" takes the key away; an address is set in full; unknown keys are ignored."""
    sandbox = make()
    address = {"street": "1 Main St", "city": "Rome"}
    lead = await created(sandbox, lead_body(contact={"last_name": "B", "mailing_address": address}))
    contact = {"first_name": "", "mailing_address": {"city": "Paris"}}
    body = {"info": {"contact": contact}, "subscriptions": {"email": {}}}
    assert (await call(sandbox, "POST", f"/site/leads/{lead}", body))[0] == 200
    contact = (await shown(sandbox, lead))["info"]["contact"]
    assert "first_name" not in contact
    assert contact["last_name"] == "B"
    assert contact["mailing_address"] == {"city": "Paris"}


async def test_an_address_changes_only_through_username():
    """`info.contact.email` is ignored when it differs; a taken username is refused."""
    sandbox = make()
    lead = await created(sandbox)
    await created(sandbox, lead_body("taken@example.com"))
    await call(sandbox, "POST", f"/site/leads/{lead}", lead_body("other@example.com"))
    assert sandbox.shows(lead)["email"] == "ada@example.com"
    assert (await call(sandbox, "POST", "/site/leads", {"id": lead, "username": "taken@example.com"}))[0] == 400
    assert (await call(sandbox, "POST", "/site/leads", {"id": lead, "username": "New@example.com"}))[0] == 200
    payload = await shown(sandbox, lead)
    assert payload["username"] == payload["info"]["contact"]["email"] == "new@example.com"


async def test_notes_are_appended_cut_and_listed_without_content():
    """Twice is two; 5,000 code points are kept; only the single GET has the text."""
    sandbox = make()
    lead = await created(sandbox)
    for _ in range(2):
        await call(sandbox, "POST", f"/site/leads/{lead}", {"id": lead, "notes": [{"content": "é" * 6000}]})
    rows = (await call(sandbox, "GET", f"/site/leads/{lead}/notes"))[1]["notes"]
    assert len(rows) == 2
    assert all("content" not in row for row in rows)
    note = (await call(sandbox, "GET", f"/site/leads/notes/{rows[0]['id']}"))[1]["note"]
    assert note["content"] == "é" * 5000


async def test_labels_are_not_unique_unless_asked():
    """Without the flag a second one is made; with it an exact name gives the newest."""
    sandbox = make()
    first = (await call(sandbox, "POST", "/site/leads/labels", {"name": "Hot"}))[1]["id"]
    await sandbox.clock.sleep(1)
    second = (await call(sandbox, "POST", "/site/leads/labels", {"name": "Hot"}))[1]["id"]
    assert first != second
    same = await call(sandbox, "POST", "/site/leads/labels", {"name": "Hot"}, is_name_distinct="true")
    assert same == (200, {"id": second})
    other = await call(sandbox, "POST", "/site/leads/labels", {"name": "hot"}, is_name_distinct="true")
    assert other[0] == 201


async def test_applying_twice_is_once_and_strange_labels_are_refused():
    """Unknown labels are a 400, labels that are not on the lead a 404 on remove."""
    sandbox = make()
    lead = await created(sandbox)
    label = (await call(sandbox, "POST", "/site/leads/labels", {"name": "Hot"}))[1]["id"]
    for _ in range(2):
        assert (await call(sandbox, "POST", f"/site/leads/{lead}/labels/apply", {"labels": [{"id": label}]}))[0] == 200
    assert [row["name"] for row in (await shown(sandbox, lead))["labels"]] == ["Hot"]
    assert (await call(sandbox, "POST", f"/site/leads/{lead}/labels/apply", {"labels": [{"id": "?"}]}))[0] == 400
    remove = f"/site/leads/{lead}/labels/remove"
    statuses = [(await call(sandbox, "POST", remove, {"labels": [{"id": label}]}))[0] for _ in range(2)]
    assert statuses == [200, 404]


@pytest.mark.parametrize(("moves", "expected"), [("info", False), ("all", True)])
async def test_updated_date_moves_with_info_only(moves: str, expected: bool):  # noqa: FBT001
    """Stage, labels, notes and agents leave it alone, unless the variant says otherwise."""
    for act in (
        lambda s, lead: s.edit(lead, "stage", "Sold"),
        lambda s, lead: s.add_label(lead, "Hot"),
        lambda s, lead: s.add_note(lead, "Hi"),
        lambda s, lead: s.assign(lead, "listing", next(iter(s.site.agents))),
    ):
        sandbox = make(updated_moves=moves)
        lead = await created(sandbox)
        before = sandbox.site.leads[lead]["info"]["updated_date"]
        await sandbox.clock.sleep(10)
        act(sandbox, lead)
        assert (sandbox.site.leads[lead]["info"]["updated_date"] != before) is expected
    sandbox.edit(lead, "source", "Elsewhere")
    assert sandbox.site.leads[lead]["info"]["updated_date"] == sandbox.site.now()


async def test_a_stage_puts_a_row_on_top_of_the_history():
    """Newest first."""
    sandbox = make()
    lead = await created(sandbox)
    await call(sandbox, "POST", f"/site/leads/{lead}", {"pipeline": {"stage": "Sold"}})
    assert [row["stage"] for row in (await shown(sandbox, lead))["pipeline"]["history"]] == ["Sold", "New Lead"]


async def test_times_are_spelled_in_three_ways():
    """Mixed within one answer."""
    sandbox = make()
    for n in range(6):
        sandbox.add_person(email=f"p{n}@example.com")
    text = orjson.dumps((await call(sandbox, "GET", "/site/leads"))[1]).decode()
    assert "T12:00:00.000Z" in text
    assert " 12:00:00.000Z" in text
    assert " 12:00:00Z" in text


async def test_search_terms_are_all_of_them():
    """eq, gte, contains, atleast; several are AND; an unknown operator is a 400."""
    sandbox = make()
    for n in range(3):
        sandbox.add_person(email=f"p{n}@example.com", roles=["seller"] if n else [], phones=[("4155552671", "cell")])
        await sandbox.clock.sleep(60)

    async def found(**query: str) -> int:
        return len((await call(sandbox, "GET", "/site/leads", None, **query))[1]["leads"])

    assert await found(**{"info.contact.email": "p1@example.com"}) == 1
    assert await found(**{"info.contact.phone_numbers.cell_phone": "4155552671"}) == 3
    assert await found(**{"info.is_seller": "true", "username__contains": "P1@"}) == 1
    assert await found(**{"info.updated_date__gte": "2026-03-01T12:01:00.000Z"}) == 2
    assert await found(**{"pipeline.history__atleast": "1"}) == 3
    assert (await call(sandbox, "GET", "/site/leads", None, username__like="x"))[0] == 400


async def test_pages():
    """Ten by default, 500 at most; an unknown `next` is a 400; `from` is inclusive; the last page has no `next`."""
    sandbox = make()
    ids = [sandbox.add_person(email=f"p{n}@example.com") for n in range(510)]
    first = (await call(sandbox, "GET", "/site/leads"))[1]
    assert [row["id"] for row in first["leads"]] == ids[:10]
    page = (await call(sandbox, "GET", "/site/leads", None, limit="9999"))[1]
    assert len(page["leads"]) == 500
    last = (await call(sandbox, "GET", "/site/leads", None, limit="9999", next=page["paging"]["next"]))[1]
    assert [row["id"] for row in last["leads"]] == ids[500:]
    assert "next" not in last["paging"]
    assert (await call(sandbox, "GET", "/site/leads", None, limit="5", next=page["paging"]["next"]))[0] == 400
    assert (await call(sandbox, "GET", "/site/leads", None, next="made-up"))[0] == 400
    start = (await call(sandbox, "GET", "/site/leads", None, **{"from": f"id:{ids[505]}"}))[1]
    assert [row["id"] for row in start["leads"]] == ids[505:]


@pytest.mark.parametrize(("accepts", "bearer", "bare"), [("both", 200, 200), ("bearer", 200, 401), ("bare", 401, 200)])
async def test_credentials(accepts: str, bearer: int, bare: int):
    """Either style, or one only; a wrong token never."""
    sandbox = make(auth=accepts)
    assert (await call(sandbox, "GET", "/site/me"))[0] == bearer
    assert (await call(sandbox, "GET", "/site/me", auth="sandbox-token"))[0] == bare
    assert await call(sandbox, "GET", "/site/me", auth="Bearer wrong") == (401, {"message": "Unauthorized"})


async def test_windows_are_per_endpoint():
    """256 calls in 20 s, then 429 with the three headers; another endpoint is untouched."""
    sandbox = make()
    statuses = [(await call(sandbox, "GET", "/site/me"))[0] for _ in range(257)]
    assert (statuses[255], statuses[256]) == (200, 429)
    assert (await call(sandbox, "GET", "/site/agents"))[0] == 200
    reply = await sandbox.answer(Ask("GET", "/v2/site/me", (), {"authorization": "sandbox-token"}))
    reset = int(reply.headers["x-rate-limit-reset"]) / 1000
    assert reset == pytest.approx(sandbox.clock.now().timestamp() + 20, abs=0.01)
    await sandbox.clock.sleep(20)
    assert (await call(sandbox, "GET", "/site/me"))[0] == 200


async def test_what_is_gone_is_a_404():
    """A deleted lead, its notes, anything unknown; it leaves the list."""
    sandbox = make()
    lead = await created(sandbox)
    sandbox.delete(lead)
    for path in (f"leads/{lead}", f"leads/{lead}/notes", "leads/notes/x", "agents/x", "zoo"):
        assert (await call(sandbox, "GET", f"/site/{path}"))[0] == 404
    assert (await call(sandbox, "POST", f"/site/leads/{lead}", {}))[0] == 404
    assert (await call(sandbox, "GET", "/site/leads"))[1]["leads"] == []
    assert sandbox.ids() == []


async def test_a_changed_lead_is_not_listed_as_it_was():
    """Rows are kept encoded; every change renews them."""
    sandbox = make()
    lead = await created(sandbox)

    async def listed() -> dict[str, Any]:
        return dict((await call(sandbox, "GET", "/site/leads"))[1]["leads"][0])

    seen = [await listed()]
    for act in (
        lambda: sandbox.edit(lead, "first_name", "Augusta"),
        lambda: sandbox.add_label(lead, "Hot"),
        lambda: sandbox.remove_label(lead, "Hot"),
        lambda: sandbox.assign(lead, "primary", next(iter(sandbox.site.agents))),
        lambda: sandbox.edit(lead, "email_opt_out", value=True),
        lambda: sandbox.edit(lead, "stage", "Sold"),
    ):
        act()
        seen.append(await listed())
        assert seen[-1] != seen[-2]


async def test_people_know_what_they_typed():
    """`shows` gives back what `add_person` was told, as the site stores it."""
    sandbox = make()
    agent = sandbox.add_agent("r@example.com", "R", "W")
    plain = {
        "first_name": "Ada", "email": "ada@example.com", "phones": [("4155552671", "cell"), ("2129876543", "work")],
        "street": "1 Main St", "city": "Rome", "region": "GA", "postal_code": "30161", "stage": "Showing",
        "source": "Fair", "roles": ["seller"], "labels": ["Hot"], "assignments": {"primary": agent},
        "buyer_timeline": "4 to 6 weeks", "areas": ["Dallas"], "email_opt_out": True,
        "household": [{"relation": "wife", "first_name": "Mary"}],
    }  # fmt: skip
    lead = sandbox.add_person(**plain, price_min=5, title="Dr")
    shows = sandbox.shows(lead)
    assert {name: shows[name] for name in plain} == plain
    assert "title" not in shows
    with pytest.raises(CannotError):
        sandbox.add_person(email="ADA@example.com")
    with pytest.raises(KeyError):
        sandbox.edit(lead, "shoe_size", 44)
