"""The simulated Chime shows what the sheet says, quirks included, and is never kinder (vendors/chime.md §13)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from syncd.sandbox.base import Ask, Reply
from syncd.sandbox.chime import ChimeSandbox
from tests.vendors.chime.harness import StepClock

DIALECTS = pytest.mark.parametrize("dialect", ["chime", "lofty"])


class Caller:
    """Speaks raw HTTP to a sandbox."""

    def __init__(self, dialect: str = "chime", **switches: Any) -> None:
        self.clock = StepClock()
        self.box = ChimeSandbox(self.clock, dialect=dialect, **switches)

    async def call(self, method: str, path: str, body: Any = None, *, style: str = "token", **query: str) -> Reply:
        """One request with the usual headers."""
        headers = {"authorization": f"{style} {self.box.token}", "content-type": "application/json"}
        content = b"" if body is None else orjson.dumps(body)
        return await self.box.answer(Ask(method, path, list(query.items()), headers, content))

    async def data(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The parsed body of a successful call."""
        reply = await self.call(method, path, body, **query)
        assert reply.status in {200, 204}, reply.body
        return orjson.loads(reply.encoded()) if reply.encoded() else None

    async def create(self, **body: Any) -> int:
        """A lead through the API, visible at once."""
        made = await self.data("POST", "/v1.0/leads", {"firstName": "Ada", **body})
        self.clock.elapsed_s += 3
        return int(made["leadId"])

    async def lead(self, number: int | str) -> Any:
        """A lead as the API shows it."""
        found = await self.data("GET", f"/v1.0/leads/{number}")
        return found.get("lead", found)


async def test_update_times_are_read_in_utc_minus_seven():
    """Quirk 1: the filter is inclusive, in a fixed zone, whatever times look like."""
    there = Caller()
    number = await there.create()
    updated = (await there.lead(number))["lastUpdateTime"]
    assert updated == "2026-07-01T12:00:00GMT"
    for since, total in (("2026-07-01 05:00:00", 1), ("2026-07-01 05:00:01", 0), ("2026-07-01 12:00:00", 0)):
        found = await there.data("GET", "/v1.0/leads/updateTime", leadUpdateTime=since)
        assert found["_metadata"]["total"] == total


@DIALECTS
async def test_long_values_are_cut_silently(dialect: str):
    """Quirk 2: names at 30, tags at 64, notes at 2,000, and the answer is 200."""
    there = Caller(dialect)
    number = await there.create(firstName="x" * 40, lastName="y" * 31, tags=["t" * 70])
    shown = await there.lead(number)
    assert (shown["firstName"], shown["lastName"]) == ("x" * 30, "y" * 30)
    assert shown["tags"][0]["tagName"] == "t" * 64
    note = {"leadId": number, "content": "n" * 2500, "isPin": False}
    await there.data("POST", "/v1.0/notes", note)
    assert len(there.box.shows(str(number))["notes"][0][1]) == 2000


async def test_tags_replace_and_tagsadd_adds():
    """Quirk 3: and a number becomes a tag of that name."""
    there = Caller()
    number = await there.create(tags=["A", "B"])
    await there.data("PUT", f"/v1.0/leads/{number}", {"tagsAdd": ["C", 7]})
    assert there.box.shows(str(number))["labels"] == ["A", "B", "C", "7"]
    await there.data("PUT", f"/v1.0/leads/{number}", {"tags": ["b"]})
    assert there.box.shows(str(number))["labels"] == ["B"]
    both = await there.call("PUT", f"/v1.0/leads/{number}", {"tags": ["x"], "tagsAdd": ["y"]})
    assert both.status == 400


@DIALECTS
async def test_only_the_dialects_spelling_of_assignee_counts(dialect: str):
    """Quirk 4: the other dialect's key unassigns the role."""
    there = Caller(dialect)
    agent = there.box.add_agent("a@x.com", "A", "A")
    lead = there.box.add_person(first_name="Ada", assignments={"lender": agent})
    right, wrong = ("assiginee", "assignee") if dialect == "chime" else ("assignee", "assiginee")
    path = f"/v1.0/leads/{lead}/assignment"
    await there.data("POST", path, [{"role": "Lender", wrong: "a@x.com"}])
    assert there.box.shows(lead)["assignments"] == {}
    await there.data("POST", path, [{"role": "Lender", right: "a@x.com"}])
    assert there.box.shows(lead)["assignments"] == {"lender": agent}
    assert (await there.call("POST", path, [{"role": "Agent"}])).status == 400


@DIALECTS
async def test_pages_are_capped_and_page_does_nothing(dialect: str):
    """Quirks 5 and 6: the metadata shows the cap, rows may be wrapped, a limit out of range is 20042."""
    there = Caller(dialect, cap_25=True, wrap_rows=True, ignore_filters=True)
    for n in range(30):
        there.box.add_person(first_name=f"P{n}", email=f"p{n}@x.com")
    page = await there.data("GET", "/v1.0/leads", limit="100", page="2", email="nobody@x.com")
    assert (len(page["leads"]), page["_metadata"]["limit"], page["_metadata"]["total"]) == (25, 25, 30)
    assert all(set(row) == {"lead"} for row in page["leads"])
    refused = await there.call("GET", "/v1.0/leads", limit="101")
    assert (refused.status, refused.body["code"]) == (400, 20042)


async def test_a_create_is_seen_late_but_can_be_written_to():
    """Quirk 7: reads and lists wait for lag_s, the write itself is accepted."""
    there = Caller()
    number = (await there.data("POST", "/v1.0/leads", {"firstName": "Ada"}))["leadId"]
    assert (await there.call("GET", f"/v1.0/leads/{number}")).status == 404
    assert (await there.data("GET", "/v1.0/leads"))["_metadata"]["total"] == 0
    await there.data("PUT", f"/v1.0/leads/{number}", {"city": "Rome"})
    there.clock.elapsed_s += 2
    assert (await there.lead(number))["city"] == "Rome"
    assert (await there.data("GET", "/v1.0/leads"))["_metadata"]["total"] == 1


async def test_an_unassigned_create_is_routed_in_turn():
    """Quirk 8: round robin over the agents; a named owner is kept."""
    there = Caller()
    agents = [there.box.add_agent(f"a{n}@x.com", "A", "A") for n in range(2)]
    made = [await there.create() for _ in range(3)]
    owners = [there.box.shows(str(number))["assignments"]["primary"] for number in made]
    assert owners == [agents[0], agents[1], agents[0]]
    owned = await there.create(assignedUserId=int(agents[1]))
    assert there.box.shows(str(owned))["assignments"] == {"primary": agents[1]}


@DIALECTS
async def test_a_lead_shows_every_key_of_its_dialect(dialect: str):
    """Quirk 9: null or −1 where unset, all roles listed with nobody in them, pond 0."""
    shown = await (there := Caller(dialect)).lead(there.box.add_person(first_name="Ada"))
    assert (shown["assignedUserId"], shown["lenderUserId"], shown["pondId"], shown["score"]) == (-1, -1, 0, -1)
    assert [row["assigneeId"] for row in shown["customRoleList"]] == [0, 0]
    assert shown["lastName"] is None
    newer = {"leadTypes", "cannotEmail", "cannotText", "cannotCall", "hiddenFlag", "segments"}
    assert newer & shown.keys() == (newer if dialect == "lofty" else set())
    assert ("privateFlag" in shown) is (dialect == "chime")


async def test_ids_are_large_and_differ():
    """Quirk 10: note ids and timeline ids, user ids and member ids, all above 2**53."""
    there = Caller("lofty")
    agent = int(there.box.add_agent("a@x.com", "A", "A"))
    lead = there.box.add_person(first_name="Ada", notes=["hi"])
    [note] = (await there.data("GET", "/v1.0/notes", leadId=lead))["notes"]
    me = await there.data("GET", "/v1.0/me")
    members = (await there.data("GET", "/v1.0/members"))["members"]
    row = next(member for member in members if member["memberUserId"] == agent)
    numbers = {int(lead), agent, row["id"], note["id"], note["noteId"], me["id"], me["memberUserId"]}
    assert len(numbers) == 7
    assert min(numbers) > 2**53


@pytest.mark.parametrize(
    ("style", "value"), [("ms", "60000"), ("epoch_s", "1782907260"), ("epoch_ms", "1782907260000")]
)
async def test_the_reset_header_in_three_styles(style: str, value: str):
    """Quirk 11: headers on every answer, a 429 with nothing remaining at the limit."""
    there = Caller(reset_style=style, limit=1)
    first, second = [await there.call("GET", "/v1.0/me") for _ in range(2)]
    assert (first.headers["X-RateLimit-Reset"], first.headers["X-RateLimit-Remaining"]) == (value, "0")
    assert (second.status, second.headers["X-RateLimit-Limit"]) == (429, "1")


@DIALECTS
async def test_delete_is_trash_and_needs_a_reason(dialect: str):
    """Quirk 12: 400 without; afterwards 404, and 200 with withTrash in lofty; the app can restore it."""
    there = Caller(dialect)
    lead = there.box.add_person(first_name="Ada")
    assert (await there.call("DELETE", f"/v1.0/leads/{lead}")).status == 400
    await there.data("DELETE", f"/v1.0/leads/{lead}", reason="x")
    assert there.box.ids() == []
    gone = await there.call("GET", f"/v1.0/leads/{lead}", withTrash="true")
    assert gone.status == (200 if dialect == "lofty" else 404)
    assert (await there.call("GET", f"/v1.0/leads/{lead}")).status == 404
    there.box.restore(lead)
    assert there.box.ids() == [lead]


async def test_a_call_without_content_type_is_refused():
    """Quirk 13: 400 with 20001 everywhere, 415 on ponds; tokens are checked in both styles."""
    there = Caller()
    token = {"authorization": f"token {there.box.token}"}
    refused = await there.box.answer(Ask("GET", "/v1.0/me", headers=token))
    assert (refused.status, refused.body["code"]) == (400, 20001)
    assert (await there.box.answer(Ask("GET", "/v1.0/team-features/lead-ponds", headers=token))).status == 415
    assert (await there.call("GET", "/v1.0/me", style="Bearer")).status == 200
    strict = Caller(strict_style=True)
    refused = await strict.call("GET", "/v1.0/me", style="Bearer")
    assert (refused.status, refused.body["code"]) == (400, 200058)


async def test_phones_are_kept_as_typed_unless_reformatted():
    """Quirk 14: a switch shows ten digits."""
    for reformat, shown in ((False, "+1 (212) 555-0123"), (True, "2125550123")):
        there = Caller(reformat_phones=reformat)
        lead = there.box.add_person(first_name="Ada", phones=["+1 (212) 555-0123"])
        assert (await there.lead(lead))["phones"] == [shown]


async def test_notes_do_not_move_the_update_time_and_all_else_does():
    """Quirk 15."""
    there = Caller()
    lead = there.box.add_person(first_name="Ada")
    before = (await there.lead(lead))["lastUpdateTime"]
    there.clock.elapsed_s += 60
    note = there.box.add_note(lead, "hi")
    there.box.edit_note(lead, note, "ho")
    there.box.delete_note(lead, note)
    assert (await there.lead(lead))["lastUpdateTime"] == before
    times = {before}
    for change in (
        lambda: there.box.add_label(lead, "x"),
        lambda: there.box.remove_label(lead, "x"),
        lambda: there.box.edit(lead, "stage", "Closed"),
        lambda: there.box.assign(lead, "lender", there.box.add_agent("a@x.com", "A", "A")),
    ):
        there.clock.elapsed_s += 60
        change()
        times.add((await there.lead(lead))["lastUpdateTime"])
    assert len(times) == 5


@pytest.mark.parametrize(
    "body",
    [
        {"fthb": True}, {"stage": "x" * 21}, {"phones": ["1" * 21]}, {"birthday": "2001-06-05"}, {"leadType": [2]},
        {"leadFamilyMemberList": [{"lastName": "x"}]}, {"leadFamilyMemberList": [{"firstName": "x"}] * 5},
        {"inquiry": {"bathroomsMin": 2}}, {"inquiry": {"priceMin": "2"}}, {"inquiry": {"propertyType": ["Castle"]}},
        {"customAttributeList": [{"attributeName": "x", "value": "y"}]}, {"buyingTimeFrame": "0-3"},
        {"assignedUserId": 5},
    ],
)  # fmt: skip
async def test_wrong_bodies_are_refused_whole(body: dict[str, Any]):
    """Booleans for Yes or No, long stages, other shapes: 400, and nothing of the body is stored."""
    there = Caller()
    number = await there.create()
    refused = await there.call("PUT", f"/v1.0/leads/{number}", {"city": "Rome", **body})
    assert refused.status == 400
    assert (await there.lead(number))["city"] is None


async def test_lofty_refuses_stages_the_team_does_not_have():
    """Chime stores any word; lofty's people add stages, its API does not; the update-time list is absent."""
    old, new = Caller(), Caller("lofty")
    assert (await old.call("PUT", f"/v1.0/leads/{await old.create()}", {"stage": "Anything"})).status == 200
    number = await new.create()
    refused = await new.call("PUT", f"/v1.0/leads/{number}", {"stage": "Anything"})
    assert (refused.status, refused.body["code"]) == (400, 20012)
    new.box.edit(str(number), "stage", "Anything")
    assert "Anything" in {
        row["name"] for row in (await new.data("GET", "/v1.0/teamFeatures/lead-pipelines"))["pipelines"]
    }
    assert (await new.call("GET", "/v1.0/leads/updateTime")).status == 404


async def test_creates_double_unless_the_account_merges_and_mail_goes_out_unless_forbidden():
    """A second create is a second lead; dedupe_on_create answers the first one's id."""
    body = {"firstName": "Ada", "emails": ["a@x.com"], "leadAlert": False, "welcomeEmail": False}
    there = Caller()
    assert len({await there.create(**body) for _ in range(2)}) == 2
    assert there.box.mails == []
    merging = Caller(dedupe_on_create=True)
    assert len({await merging.create(emails=["A@x.com"]) for _ in range(2)}) == 1
    assert merging.box.mails == ["leadAlert", "welcomeEmail"]


async def test_people_see_what_they_typed():
    """Every plain field of the app comes back in `shows`, in the app's own words."""
    there = Caller("lofty")
    lead = there.box.add_person(
        first_name="Ada", last_name="Li", email="a@x.com", phones=[("212", "cell")], street="1 Main", stage="Closed",
        roles=["buyer", "renter"], buyer_timeline=[3, 6], price_min=5, baths_min=2.5, areas=["Rome, GA", "lake"],
        property_types=["Condo"], birthday="2001-06-05", household=[{"relation": "Wife", "first_name": "Kim"}],
        email_opt_out=True, labels=["x"], notes=["hi"], title="Dr", **{"custom.Pool": "yes"},
    )  # fmt: skip
    there.box.edit(lead, "city", "Rome")
    shown = there.box.shows(lead)
    assert (shown["phones"], shown["city"], shown["roles"]) == ([("212", "")], "Rome", ["buyer", "renter"])
    assert (shown["buyer_timeline"], shown["price_min"], shown["baths_min"]) == ("3-6", 5, "2.5")
    assert (shown["birthday"], shown["labels"], shown["custom"]) == ("Jun 5, 2001", ["x"], {"Pool": "yes"})
    assert shown["areas"] == [{"city": "Rome", "stateCode": "GA"}, {"description": "lake"}]
    assert [text for _, text in shown["notes"]] == ["hi"]
    there.box.delete(lead)
    with pytest.raises(KeyError):
        there.box.shows(lead)
