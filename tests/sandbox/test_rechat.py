"""The simulated Rechat logs in, lists and is used by people as vendors/rechat.md says wherever it says SIM."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from syncd.sandbox.base import CannotError
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH
from syncd.sandbox.rechat.ids import BRAND, CHANNEL
from tests.sandbox.rechat import NOBODY, WHOLE, Caller

# Credentials (§2).


async def test_who_may_call():
    """A bearer token everywhere but at the channel's webhook, `POST /leads` included; another brand is a 403, none
    the user's own.
    """
    there = Caller()
    for token in ("", "sandbox-token", "bearer sandbox-token", "Bearer x"):
        there.headers["authorization"] = token
        assert await there.refused("GET", "/users/self") == (401, "Unauthorized")
        assert await there.refused("POST", "/leads", {}) == (401, "Unauthorized")
    del there.headers["x-rechat-brand"]
    assert (await there.data("POST", f"/leads/channels/{CHANNEL}/webhook", {"email": "a@example.com"}))["contact"]
    there.headers["authorization"] = f"Bearer {there.sandbox.token}"
    assert (await there.data("GET", "/users/self"))["email"] == "owner@sandbox.example.com"
    there.headers["x-rechat-brand"] = NOBODY
    assert await there.refused("GET", "/contacts") == (403, "AccessForbidden")


async def test_logging_in():
    """Consent brings code and brand; they are exchanged by JSON; no new refresh token without rotation."""
    there = Caller()
    asked = {"client_id": CLIENT_ID, "redirect_uri": "http://127.0.0.1:1/x", "response_type": "code"}
    reply = await there.call("GET", "/oauth2/auth", None, **asked)
    assert reply.status == 302
    back = parse_qs(urlsplit(reply.headers["location"]).query)
    assert back.keys() == {"code", "brand"}
    assert back["brand"] == [BRAND]
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    body = {"grant_type": "authorization_code", "code": back["code"][0], "redirect_uri": "http://127.0.0.1:1/x"}
    assert (await there.call("POST", "/oauth2/token", b"grant_type=x")).status == 400
    assert (await there.call("POST", "/oauth2/token", {**body, "client_id": "x"})).status == 401
    given = (await there.call("POST", "/oauth2/token", {**body, **client})).body
    assert given.keys() == {"access_token", "refresh_token", "expires_in", "code", "data"}
    assert (given["expires_in"], given["code"]) == (2_678_400, "OK")
    assert (await there.call("POST", "/oauth2/token", {**body, **client})).status == 401, "a code is good once"
    there.headers["authorization"] = f"Bearer {given['access_token']}"
    assert (await there.call("GET", "/users/self")).status == 200
    there.sandbox.switches["rotation"] = False
    renewal = {"grant_type": "refresh_token", "refresh_token": FIRST_REFRESH, **client}
    again = (await there.call("POST", "/oauth2/token", renewal)).body
    assert "refresh_token" not in again


async def test_tokens_end():
    """401 once a token's life is over (switch `token_life_s`)."""
    there = Caller(token_life_s=60)
    renewal = {"grant_type": "refresh_token", "refresh_token": FIRST_REFRESH}
    given = (await there.call("POST", "/oauth2/token", {
        **renewal, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})).body  # fmt: skip
    there.headers["authorization"] = f"Bearer {given['access_token']}"
    assert (await there.call("GET", "/users/self")).status == 200
    await there.clock.sleep(61)
    assert (await there.call("GET", "/users/self")).status == 401


async def test_a_limit_can_be_switched_on():
    """None by default; `rate` answers 429 with Retry-After (§4)."""
    free, there = Caller(), Caller(rate=2)
    for _ in range(400):
        assert (await free.call("GET", "/users/self")).status == 200
    statuses = [(await there.call("GET", "/users/self")).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = await there.call("GET", "/users/self")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    await there.clock.sleep(61)
    assert (await there.call("GET", "/users/self")).status == 200


# Lists (§3, §13).


async def people(there: Caller, number: int) -> list[str]:
    """Some contacts, a second apart."""
    made = []
    for place in range(number):
        made.append(there.sandbox.add_person(first_name=f"P{place}", email=f"p{place}@example.com"))
        await there.clock.sleep(5)
    return made


async def test_pages_are_ten_rows_newest_first_and_capped():
    """§13 (14): default limit 10 and order -created_at, cap 200; start skips; an unknown order is a 400."""
    there = Caller()
    made = await people(there, 12)
    assert await there.ids() == made[:1:-1]
    assert await there.ids(start="10") == made[1::-1]
    assert await there.ids(order="created_at", limit="3", start="1") == made[1:4]
    assert await there.refused("GET", "/contacts", order="email") == (400, "Validation")
    for _ in range(200):
        there.sandbox.add_person()
    assert len(await there.ids(limit="500")) == 200
    info = (await there.call("GET", "/contacts")).body["info"]
    assert info == {"count": 10, "total": 212}


async def test_bounds_are_inclusive_and_ties_go_by_id():
    """updated_gte/lte and created_gte/lte take floats to the microsecond (§3)."""
    there = Caller(late_commit_s=0)
    made = await people(there, 4)
    store = there.sandbox.store
    time = store.contacts[made[1]].created_at
    assert await there.ids(order="created_at", created_gte=str(time)) == made[1:]
    assert await there.ids(order="created_at", created_lte=str(time)) == made[:2]
    there.sandbox.edit(made[0], "title", "Dr")
    moved = store.contacts[made[0]].updated_at
    assert await there.ids(order="updated_at", updated_gte=str(moved)) == [made[0]]
    assert await there.ids(order="-updated_at", updated_lte=str(moved), limit="1") == [made[0]]
    for contact in store.contacts.values():
        contact.created_at = time
    assert await there.ids(order="created_at") == await there.ids(order="-created_at") == sorted(made)
    assert (await there.call("GET", "/contacts", None, created_gte="soon")).status == 400


async def test_rows_come_only_when_asked_for():
    """§13 (2): `associations[]` or one comma list; unknown names mean nothing; a summary is made of the rows."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Ada", email="Ada@Example.com", phones=[("212 555-0123", "cell")],
                                    city="Rome", household=[{"first_name": "Bob"}])  # fmt: skip
    [bare] = await there.data("GET", "/contacts")
    assert {"attributes", "user", "assignees"}.isdisjoint(bare)
    assert (bare["emails"], bare["phone_number"]) == (["ada@example.com"], "212 555-0123")
    assert (bare["partner_first_name"], bare["tags"], bare["type"]) == ("Bob", None, "contact")
    assert bare["address"][0]["city"] == "Rome"
    [shown] = await there.data("GET", "/contacts", None, *WHOLE, ("associations[]", "contact.colour"))
    [also] = await there.data("GET", "/contacts", None, associations=",".join(name for _, name in WHOLE))
    assert shown == also
    assert shown["user"]["id"] == bare["user_id"]
    row = next(row for row in shown["attributes"] if row["attribute_type"] == "email")
    assert (row["text"], row["contact"], row["number"], row["deleted_at"]) == ("ada@example.com", lead, None, None)
    [whole] = await there.data("GET", "/contacts", None, *WHOLE, ("associations[]", "contact_attribute.attribute_def"))
    assert whole["attributes"][0]["attribute_def"]["data_type"] == "text"


async def test_filters_of_the_list_and_the_body():
    """Ids, owners, assignees, search in query or body; `filter[]` by definition with its operators; all must hold."""
    there = Caller(definitions=({"label": "Budget", "data_type": "number"},))
    agent = there.sandbox.add_agent("agent@example.com", "A", "Gent")
    ada, bob = await people(there, 2)
    there.sandbox.assign(ada, "primary", agent)
    there.sandbox.assign(bob, "partner", agent)
    there.sandbox.add_label(bob, "Hot")
    there.sandbox.edit(ada, "phones", [("(212) 555-0123", "cell")])
    budget = there.sandbox.store.labelled("Budget")
    assert budget is not None
    there.sandbox.add_row(ada, attribute_def=budget["id"], number=400)
    for name, value, who in (("ids", ada, ada), ("users", agent, ada), ("assignees", agent, bob)):
        assert await there.ids((f"{name}[]", value)) == [who]
        assert await there.ids(body={name: [value]}) == [who]
    assert await there.ids(("q[]", "2125550123")) == [ada]
    assert await there.ids(query="hot p1") == [bob]
    assert await there.ids(body={"query": "P0@"}) == [ada]
    for test, found in (
        ({"attribute_type": "email", "value": "P0@EXAMPLE.com"}, [ada]),
        ({"attribute_type": "email", "value": "p0@example.com", "invert": True}, [bob]),
        ({"attribute_def": budget["id"], "value": 300, "operator": "gte"}, [ada]),
        ({"attribute_def": budget["id"], "value": [500, 600], "operator": "between"}, []),
        ({"attribute_type": "tag", "value": ["hot", "cold"], "operator": "any"}, [bob]),
        ({"attribute_type": "tag", "value": ["hot", "cold"], "operator": "all"}, []),
    ):
        assert await there.ids(body={"filter": [test]}) == found
    both = [{"attribute_type": "first_name", "value": "p0"}, {"attribute_type": "tag", "value": "Hot"}]
    assert await there.ids(body={"filter": both}) == []
    unknown = {"filter": [{"attribute_def": NOBODY, "value": 1}]}
    assert await there.refused("POST", "/contacts/filter", unknown) == (400, "Validation")
    captured = (await there.data("POST", "/leads", {"metadata": {"lead_channel": CHANNEL},
                                                    "lead": {"email": "x@example.com"}}))["contact"]  # fmt: skip
    assert await there.ids(body={"lead_channels": [CHANNEL]}) == [captured]


async def test_a_total_may_be_none():
    """§13 (1): switch `total_zero`; always so for rules and groups, never for channels."""
    there = Caller(total_zero=True)
    await people(there, 3)
    assert (await there.call("GET", "/contacts")).body["info"] == {"count": 3, "total": 0}
    under = f"/brands/{BRAND}/leads"
    assert (await Caller().call("GET", f"{under}/channels")).body["info"] == {"count": 2, "total": 2}
    assert (await Caller().call("GET", f"{under}/channels/{CHANNEL}/rules")).body["info"] == {"count": 1, "total": 0}


async def test_a_change_may_bear_an_earlier_time():
    """§13 (5): `updated_at` up to `late_commit_s` before the moment, even before `created_at`."""
    there = Caller()
    contact = there.sandbox.store.contacts[there.sandbox.add_person()]
    assert 0 < contact.created_at - contact.updated_at <= 2.1
    await there.clock.sleep(60)
    lags = []
    for number in range(3):
        there.sandbox.edit(contact.id, "title", f"T{number}")
        lags.append(there.clock.now().timestamp() - contact.updated_at)
    assert max(lags) > 1
    assert all(lag <= 2.1 for lag in lags)


async def test_hidden_parked_deleted_and_merged_contacts():
    """§13 (6, 7), §10: hidden and deleted: in no list and 404; parked: in no list yet readable; back unchanged."""
    there = Caller()
    hidden, parked, gone, left = await people(there, 4)
    before = there.sandbox.store.contacts[hidden].updated_at
    there.sandbox.hide(hidden)
    there.sandbox.park(parked)
    there.sandbox.delete(gone)
    assert await there.ids() == [left]
    assert await there.ids(parked="true") == [parked]
    assert await there.refused("GET", f"/contacts/{hidden}") == (404, "ResourceNotFound")
    assert await there.refused("GET", f"/contacts/{gone}") == (404, "ResourceNotFound")
    assert (await there.data("GET", f"/contacts/{parked}"))["parked"] is True
    there.sandbox.hide(hidden, hidden=False)
    assert (await there.data("GET", f"/contacts/{hidden}"))["updated_at"] == before
    there.sandbox.switches["show_deleted"] = True
    assert (await there.data("GET", f"/contacts/{gone}"))["deleted_at"]
    there.sandbox.switches["show_deleted"] = False
    there.sandbox.merge(left, hidden)
    assert (await there.call("GET", f"/contacts/{hidden}")).status == 404
    assert there.sandbox.shows(left)["emails"] == ["p3@example.com", "p0@example.com"]


async def test_ids_are_malformed_or_unknown():
    """§13 (12): 400 or 404."""
    there = Caller()
    assert await there.refused("GET", "/contacts/17") == (400, "Validation")
    assert await there.refused("GET", f"/contacts/{NOBODY}") == (404, "ResourceNotFound")
    assert (await there.call("GET", "/nothing")).status == 404
    assert (await there.call("POST", "/contacts", b"{")).status == 400


# People.


async def test_what_people_do_is_what_the_app_shows():
    """Plain words in, plain words out; nobody takes an owner away; who is deleted is not shown."""
    there = Caller()
    agent = there.sandbox.add_agent("agent@example.com", "A", "Gent")
    lead = there.sandbox.add_person(
        first_name="Ada", last_name="Byron", email="ada@example.com", phones=[("2125550123", "work")], stage="New",
        street="12 Oak St", city="Rome", labels=["Hot"], assignments={"partner": agent},
    )  # fmt: skip
    note = there.sandbox.add_note(lead, "Hello", agent)
    there.sandbox.edit_note(lead, note, "Hi")
    there.sandbox.edit(lead, "stage", "Showing")
    seen = there.sandbox.shows(lead)
    assert (seen["stage"], seen["street"], seen["phones"]) == ("Showing", "12 Oak St", [("2125550123", "work")])
    assert (seen["labels"], seen["notes"], seen["assignments"]["partner"]) == (["Hot"], [(note, "Hi")], agent)
    there.sandbox.delete_note(lead, note)
    there.sandbox.remove_label(lead, "Hot")
    there.sandbox.edit(lead, "last_name", None)
    seen = there.sandbox.shows(lead)
    assert (seen["notes"], seen["labels"], "last_name" in seen) == ([], [], False)
    with pytest.raises(CannotError):
        there.sandbox.assign(lead, "primary", None)
    there.sandbox.delete(lead)
    assert there.sandbox.ids() == []
    with pytest.raises(KeyError):
        there.sandbox.shows(lead)


@pytest.mark.parametrize("wrapped", [False, True])
async def test_agents_come_bare_or_wrapped(wrapped: bool):  # noqa: FBT001
    """§9: the brand's users, unpaged."""
    there = Caller(agent_rows="wrapped" if wrapped else "user")
    for number in range(15):
        there.sandbox.add_agent(f"a{number}@example.com", "A", "Gent")
    rows = await there.data("GET", f"/brands/{BRAND}/agents")
    assert len(rows) == 16
    assert ("user" in rows[0]) is wrapped
