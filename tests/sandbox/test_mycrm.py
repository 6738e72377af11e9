"""The simulated MyCRM behaves as vendors/mycrm.md says wherever it says SIM."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest

from syncd.sandbox.message import Ask, Reply
from syncd.sandbox.mycrm import MyCrmSandbox
from syncd.sandbox.mycrm.tokens import API_KEY, API_SECRET, DOMAIN, PASSWORD, USERNAME
from tests.vendors.clocks import VirtualClock

EXPAND = {"x-mycrm-expand-data": "true"}
WHOLE: dict[str, Any] = {
    "title": "mr", "first_name": "Ada", "last_name": "Lovelace", "mobile": "+971501234567", "category": "residential",
    "country": "AE", "status": "prospect", "source": "portal", "source_channel": "bayut", "financial": "cash",
    "offering_type": "sale",
    "preference": {"types": [2], "locations": ["are.2.15"], "from_price": 1, "to_price": 2, "amenities": []},
}  # fmt: skip


class Caller:
    """Somebody with a token who calls the API."""

    def __init__(self, **switches: Any) -> None:
        self.clock = VirtualClock()
        self.sandbox = MyCrmSandbox(self.clock, **switches)
        self.token = self.sandbox.token

    async def call(self, method: str, path: str, body: Any = None, headers: Any = None, **query: Any) -> Reply:
        """One request, expanded unless ``headers`` say otherwise."""
        sent = {"authorization": f"Bearer {self.token}", **(EXPAND if headers is None else headers)}
        pairs = [(key, str(value)) for key, value in query.items()] + list(getattr(self, "filters", ()))
        content = b"" if body is None else orjson.dumps(body)
        reply = await self.sandbox.answer(Ask(method, path, query=pairs, headers=sent, body=content))
        reply.body = orjson.loads(reply.encoded() or b"null")
        return reply

    async def ids(self, *filters: tuple[str, str], **query: Any) -> list[int]:
        """The ids of one page."""
        self.filters = filters
        reply = await self.call("GET", "/leads", **query)
        assert reply.status == 200, reply.body
        return [row["id"] for row in reply.body["leads"]]


async def test_tokens_of_an_api_key_die_after_half_an_hour():
    """§2, §13: Basic and JSON; no refresh token; afterwards 401 in the words of the sheet."""
    there = Caller()
    basic = "Basic " + b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()
    body = {"scope": "openid", "grant_type": "client_credentials"}
    answer = await there.call("POST", "/auth/oauth/v1/token", body, {"authorization": basic})
    assert answer.body == {"access_token": answer.body["access_token"], "token_type": "Bearer", "expires_in": 1800}
    there.token = answer.body["access_token"]
    assert (await there.call("GET", "/users")).status == 200
    await there.clock.sleep(1801)
    refused = await there.call("GET", "/users")
    assert (refused.status, refused.body) == (401, {"code": 401, "message": "The access token provided has expired."})
    wrong = await there.call("POST", "/auth/oauth/v1/token", body, {"authorization": "Basic xx"})
    assert wrong.status == 401


async def test_tokens_of_a_password_can_be_refreshed():
    """§2: password, then refresh_token; a domain nobody knows is refused."""
    there = Caller()
    body = {"grant_type": "password", "domain": DOMAIN, "username": USERNAME, "password": PASSWORD, "scope": "offline"}
    first = await there.call("POST", "/token", body)
    renewal = {"grant_type": "refresh_token", "domain": DOMAIN, "scope": "offline"}
    second = await there.call("POST", "/token", {**renewal, "refresh_token": first.body["refresh_token"]})
    there.token = second.body["access_token"]
    assert (await there.call("GET", "/users")).status == 200
    assert (await there.call("POST", "/token", {**renewal, "refresh_token": "x"})).status == 400
    assert (await there.call("POST", "/token", {**body, "password": "x"})).status == 401
    assert (await there.call("POST", "/token", {**body, "domain": "x"})).status == 400
    assert there.sandbox.tokens.granted == ["password", "refresh_token"]
    there.sandbox.tokens.revoke()
    assert (await there.call("GET", "/users")).status == 401


@pytest.mark.parametrize(
    ("right", "method", "body"),
    [
        ("lead.read", "GET", None),
        ("lead.update", "PUT", {"lead": WHOLE}),
        ("user.update", "PATCH", {"operations": [{"op": "replace", "path": "/assignment/user", "value": 1001}]}),
    ],
)
async def test_a_missing_right_is_a_403(right: str, method: str, body: Any):
    """§2."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Ada")
    assert (await there.call(method, f"/leads/{lead}", body)).status in {200, 204}
    there.sandbox.switches["rights"] = tuple(r for r in there.sandbox.switches["rights"] if r != right)
    assert (await there.call(method, f"/leads/{lead}", body)).status == 403


async def test_pages_of_a_hundred_and_a_total():
    """§3, §13: 230 leads = 100, 100, 30; per_page up to 100 is honoured."""
    there = Caller()
    for number in range(230):
        there.sandbox.add_person(first_name=f"P{number}")
    sizes = [len(await there.ids(page=page)) for page in (1, 2, 3, 4)]
    assert sizes == [100, 100, 30, 0]
    assert len(await there.ids(page=1, per_page=500)) == 100
    assert len(await there.ids(page=2, per_page=7)) == 7
    assert (await there.call("GET", "/leads")).body["count"] == 230
    assert await there.ids(per_page=1, sort="id", sort_order="DESC") == [max(await there.ids(page=3))]
    assert (await there.call("GET", "/leads", sort="updated")).status == 400


async def test_days_are_whole_and_the_accounts():
    """§3, §13: both ends included, in the account's zone: 21:00 UTC is tomorrow in Dubai."""
    there = Caller()  # 12:00 UTC on 1 March
    noon = int(there.sandbox.add_person(first_name="Noon"))
    await there.clock.sleep(9 * 3600)
    night = int(there.sandbox.add_person(first_name="Night"))
    assert await there.ids(("filters[updated][from]", "2026-03-02")) == [night]
    assert await there.ids(("filters[updated][to]", "2026-03-01")) == [noon]
    assert await there.ids(("filters[created][from]", "2026-03-01"), ("filters[created][to]", "2026-03-02")) == [
        noon,
        night,
    ]
    assert await there.ids(("filters[colour]", "red")) == [noon, night]


async def test_queries_are_substrings():
    """§11: ``query`` folds case, ``mobile`` looks at digits."""
    there = Caller()
    one = int(there.sandbox.add_person(email="Ada@Example.com", phones=[("050 123-4567", "cell")]))
    there.sandbox.add_person(email="grace@example.com", phones=[("0507654321", "cell")])
    assert await there.ids(("filters[query]", "ada@example")) == [one]
    assert await there.ids(("filters[mobile]", "501234567")) == [one]


async def test_a_create_demands_what_the_sheet_demands():
    """§5, §12: every mandatory field, by name; offering_type in either place; a list of one is a preference too."""
    there = Caller()
    refused = await there.call("POST", "/leads", {"lead": {}})
    assert (refused.status, refused.body["code"], refused.body["message"]) == (400, 400, "Validation Failed")
    assert refused.body["errors"]["mobile"] == ["This value should not be blank."]
    assert len(refused.body["errors"]) == 16
    inside = {**WHOLE, "preference": [{**WHOLE["preference"], "offering_type": "rent"}]}
    del inside["offering_type"]
    made = await there.call("POST", "/leads", {"lead": inside})
    assert made.status == 201
    assert made.body["lead"]["preferences"][0]["offering_type"] == "rent"
    assert (await there.call("POST", "/leads", {"lead": WHOLE})).status == 201
    assert len(there.sandbox.ids()) == 2, "no dedupe"


@pytest.mark.parametrize(
    "change",
    [
        {"title": "dr"},
        {"status": "sold"},
        {"source": "portal", "source_channel": "facebook"},
        {"user": 424242},
        {"preference": {**WHOLE["preference"], "types": [1]}},
        {"preference": {**WHOLE["preference"], "locations": ["Dubai"]}},
        {"preference": {**WHOLE["preference"], "from_price": 3}},
        {"preference": {**WHOLE["preference"], "from_price": "1"}},
        {"first_name": 7},
        {"id": 5},
    ],
)
async def test_a_value_outside_its_list_makes_no_lead(change: Any):
    """§5: 400, and nothing is stored."""
    there = Caller()
    assert (await there.call("POST", "/leads", {"lead": {**WHOLE, **change}})).status == 400
    assert there.sandbox.ids() == []


async def test_what_is_written_is_shown_under_other_names():
    """§5, §13: preference(s), (source_)channel, no category; user and notes by the header; UAE for AE."""
    there = Caller()
    agent = int(there.sandbox.add_agent("a@example.com", "A", "Gent"))
    made = (await there.call("POST", "/leads", {"lead": {**WHOLE, "user": agent}})).body["lead"]
    assert not {"preference", "source_channel", "category", "offering_type"} & set(made)
    assert (made["channel"], made["country"]) == ("bayut", "UAE")
    assert made["preferences"][0]["types"] == [{"id": 2, "name": "Apartment", "category": "residential"}]
    assert (made["user"]["email"], made["notes"]) == ("a@example.com", [])
    plain = (await there.call("GET", f"/leads/{made['id']}", headers={})).body["lead"]
    assert plain["user"] == {"id": agent}
    assert "notes" not in plain
    there.sandbox.switches["list_expanded"] = False
    assert "notes" not in (await there.call("GET", "/leads")).body["leads"][0]


async def test_old_leads_are_null():
    """§13: null source, channel, financial, and no preferences."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Ada")
    shown = (await there.call("GET", f"/leads/{lead}")).body["lead"]
    assert (shown["source"], shown["channel"], shown["financial"], shown["preferences"]) == (None, None, None, [])


async def test_a_put_keeps_what_is_left_out_or_clears_it():
    """§11: omitted optional values are kept, in the variant cleared; a missing mandatory one is refused."""
    for clears in (False, True):
        there = Caller(put_clears=clears)
        body = {**WHOLE, "city": "Dubai", "preference": {**WHOLE["preference"], "from_size": 9}}
        lead = (await there.call("POST", "/leads", {"lead": body})).body["lead"]["id"]
        shown = (await there.call("PUT", f"/leads/{lead}", {"lead": {"id": lead, **WHOLE}})).body["lead"]
        assert (shown["city"], shown["preferences"][0]["from_size"]) == ((None, None) if clears else ("Dubai", 9))
        del body["mobile"]
        assert (await there.call("PUT", f"/leads/{lead}", {"lead": body})).status == 400
        assert (await there.call("PUT", f"/leads/{lead}", {"lead": {**WHOLE, "id": 5}})).status == 400


@pytest.mark.parametrize(
    ("style", "texts"),
    [("keeps", ["One", "2", "New"]), ("replaces", ["2", "New"]), ("doubles", ["One", "Two", "2", "New"])],
)
async def test_notes_of_a_put(style: str, texts: list[str]):
    """§7: a known id keeps or changes its note, one without is appended, notes not named stay or are removed."""
    there = Caller(notes_put=style)
    lead = (await there.call("POST", "/leads", {"lead": WHOLE})).body["lead"]["id"]
    there.sandbox.add_note(str(lead), "One")
    second = int(there.sandbox.add_note(str(lead), "Two"))
    notes = [{"id": second, "body": "2"}, {"body": "New"}]
    shown = (await there.call("PUT", f"/leads/{lead}", {"lead": {**WHOLE, "notes": notes}})).body["lead"]
    assert [note["body"] for note in shown["notes"]] == texts
    shown = (await there.call("PUT", f"/leads/{lead}", {"lead": WHOLE})).body["lead"]
    assert [note["body"] for note in shown["notes"]] == texts, "a PUT without notes leaves them alone"
    long = (await there.call("PUT", f"/leads/{lead}", {"lead": {**WHOLE, "notes": [{"body": "x" * 6000}]}})).body
    assert len(long["lead"]["notes"][-1]["body"]) == 5000


@pytest.mark.parametrize("moves", [False, True])
async def test_notes_of_people_move_the_time_or_do_not(*, moves: bool):
    """§13: a note added by a person leaves ``updated_at`` alone; a PUT moves it."""
    there = Caller(notes_move=moves)
    lead = there.sandbox.add_person(first_name="Ada")
    before = there.sandbox.records.leads[int(lead)]["updated_at"]
    await there.clock.sleep(60)
    there.sandbox.add_note(lead, "Called")
    assert (there.sandbox.records.leads[int(lead)]["updated_at"] > before) is moves
    await there.call("PUT", f"/leads/{lead}", {"lead": WHOLE})
    assert there.sandbox.records.leads[int(lead)]["updated_at"] > before


@pytest.mark.parametrize("value", ["text", "number"])
async def test_operations_in_both_forms(value: str):
    """§11, §13: paths with and without the id, values as text or number; somebody else's id or the wildcard never."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Ada")
    agent: Any = there.sandbox.add_agent("a@example.com", "A", "Gent")
    agent = agent if value == "text" else int(agent)

    async def patch(*rows: tuple[str, Any]) -> int:
        operations = [{"op": "replace", "path": path, "value": told} for path, told in rows]
        return (await there.call("PATCH", f"/leads/{lead}", {"operations": operations})).status

    assert await patch(("/status", "qualified"), ("/assignment/user", agent)) == 204
    assert there.sandbox.shows(lead)["assignments"] == {"primary": str(agent)}
    assert await patch((f"/{lead}/status", "prospect"), (f"/{lead}/assignment/user", agent)) == 204
    assert there.sandbox.shows(lead)["stage"] == "prospect"
    assert await patch(("/status", "lost"), ("/assignment/user", agent)) == 400
    assert await patch(("/*/status", "qualified")) == 400
    assert await patch(("/999/status", "qualified")) == 400
    assert await patch() == 400


@pytest.mark.parametrize(
    ("style", "singular", "plural"), [("both", 204, 404), ("singular", 204, 405), ("plural", 404, 204)]
)
async def test_one_lead_is_deleted_by_two_addresses(style: str, singular: int, plural: int):
    """§11, §13: DELETE /lead/{id} works, /leads/{id} too or 405."""
    there = Caller(delete=style)
    lead = there.sandbox.add_person(first_name="Ada")
    assert (await there.call("DELETE", f"/lead/{lead}")).status == singular
    assert (await there.call("DELETE", f"/leads/{lead}")).status == plural
    assert there.sandbox.ids() == []


@pytest.mark.parametrize("path", ["/leads", "/leads/"])
async def test_deleting_the_collection_deletes_everything(path: str):
    """§11: it really does, and it is counted, so that a test notices."""
    there = Caller()
    first, second = (there.sandbox.add_person(first_name=name) for name in ("Ada", "Grace"))
    await there.call("DELETE", path, {"leads": [int(first)]})
    assert there.sandbox.ids() == [second]
    await there.call("DELETE", path)
    assert there.sandbox.ids() == []
    assert there.sandbox.bulk_calls == 2


async def test_no_limit_unless_it_is_asked_for():
    """§4: variant 429 with Retry-After."""
    there = Caller(limit=2, warning="Soon over")
    replies = [await there.call("GET", "/users") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[-1].body == {"code": 429, "message": "Too Many Requests"}
    assert int(replies[-1].headers["retry-after"]) > 0
    assert replies[0].headers["x-mycrm-api-warning"] == "Soon over"
    await there.clock.sleep(61)
    assert (await there.call("GET", "/users")).status == 200


async def test_what_is_not_there_is_a_404():
    """§12: leads, users, addresses; a body that is not JSON is a 400."""
    there = Caller()
    for path in ("/leads/1", "/leads/x", "/users/1", "/users/x", "/nowhere"):
        assert (await there.call("GET", path)).status == 404
    broken = Ask("POST", "/leads", headers={"authorization": f"Bearer {there.token}"}, body=b"{")
    assert (await there.sandbox.answer(broken)).status == 400
    assert (await there.call("POST", "/leads", [])).status == 400
