"""The simulated Rechat is written to, captures and routes as vendors/rechat.md says wherever it says SIM."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.rechat.ids import BRAND, CHANNEL
from tests.sandbox.rechat import NOBODY, WHOLE, Caller


async def test_contacts_are_created_with_rows():
    """Ids alone unless `get=true`; always a new contact; none without rows or with a value that is none."""
    there = Caller()
    body = {"contacts": [{"attributes": [{"attribute_type": "email", "text": "Ada@Example.com"}]}]}
    [made] = await there.data("POST", "/contacts", body)
    [shown] = await there.data("POST", "/contacts", body, *WHOLE, get="true")
    assert isinstance(made, str)
    assert shown["id"] != made
    assert [row["text"] for row in shown["attributes"]] == ["ada@example.com"]
    for rows in (
        [], [{"attribute_type": "email", "text": ""}], [{"attribute_type": "email"}],
        [{"attribute_type": "colour", "text": "x"}], [{"attribute_type": "source_type", "text": "x"}],
        [{"attribute_type": "title", "text": "Dr"}, {"attribute_type": "title", "text": "Prof"}],
    ):  # fmt: skip
        assert await there.refused("POST", "/contacts", {"contacts": [{"attributes": rows}]}) == (400, "Validation")
    assert len(there.sandbox.ids()) == 2


async def test_a_patch_changes_rows_with_an_id_and_adds_the_others():
    """§13 (3): rows not named stay; replayed, additions double; one primary of a type; all or nothing."""
    there = Caller(late_commit_s=0)
    agent = there.sandbox.add_agent("agent@example.com", "A", "Gent")
    lead = there.sandbox.add_person(first_name="Ada", emails=["a@example.com", "b@example.com"])
    [first] = await there.rows(lead, "first_name")
    body = {"user": agent, "attributes": [{"id": first["id"], "text": "Augusta"},
                                          {"attribute_type": "email", "text": "c@example.com", "is_primary": True},
                                          {"attribute_type": "tag", "text": "Hot"}]}  # fmt: skip
    before = there.sandbox.store.contacts[lead].updated_at
    shown = await there.data("PATCH", f"/contacts/{lead}", body, *WHOLE)
    assert (shown["first_name"], shown["email"], shown["user"]["id"]) == ("Augusta", "c@example.com", agent)
    assert shown["updated_at"] > before
    assert [row["text"] for row in await there.rows(lead, "email") if row["is_primary"]] == ["c@example.com"]
    await there.data("PATCH", f"/contacts/{lead}", body)
    assert (len(await there.rows(lead, "email")), len(await there.rows(lead, "tag"))) == (4, 2)
    bad = {"attributes": [{"id": first["id"], "text": "Eve"}, {"attribute_type": "note", "text": None}]}
    assert await there.refused("PATCH", f"/contacts/{lead}", bad) == (400, "Validation")
    assert [row["text"] for row in await there.rows(lead, "first_name")] == ["Augusta"]


@pytest.mark.parametrize("answer", ["rows", "contact"])
async def test_single_rows(answer: str):
    """§7, §8, §13 (8): added, changed, deleted one by one; answers are rows or the contact; each moves its time."""
    there = Caller(row_answer=answer, late_commit_s=0)
    lead = there.sandbox.add_person(first_name="Ada")
    path = f"/contacts/{lead}/attributes"
    times = [there.sandbox.store.contacts[lead].updated_at]

    async def stepped(method: str, where: str, body: Any = None) -> Any:
        reply = await there.call(method, where, body)
        times.append(there.sandbox.store.contacts[lead].updated_at)
        return reply

    made = (await stepped("POST", path, {"attributes": [{"attribute_type": "note", "text": "One\nTwo"}]})).body["data"]
    assert isinstance(made, list) is (answer == "rows")
    [note] = await there.rows(lead, "note")
    await stepped("PUT", f"{path}/{note['id']}", {"text": "Three"})
    assert [(row["id"], row["text"]) for row in await there.rows(lead, "note")] == [(note["id"], "Three")]
    assert (await stepped("DELETE", f"{path}/{note['id']}")).status in {200, 204}
    assert await there.refused("DELETE", f"{path}/{note['id']}") == (404, "ResourceNotFound")
    assert times == sorted(set(times))
    assert (await there.call("DELETE", f"/contacts/{lead}")).status == 204
    assert await there.refused("DELETE", f"/contacts/{lead}") == (404, "ResourceNotFound")


async def test_tags_join_the_catalogue_by_themselves():
    """§8: unknown names are taken; making one that exists is a 409."""
    there = Caller()
    lead = there.sandbox.add_person()
    await there.data("POST", f"/contacts/{lead}/attributes", {"attributes": [{"attribute_type": "tag", "text": "Hot"}]})
    assert [(row["tag"], row["type"]) for row in await there.data("GET", "/contacts/tags")] == [("Hot", "crm_tag")]
    assert await there.refused("POST", "/contacts/tags", {"tag": "hot"}) == (409, "Conflict")
    assert (await there.data("POST", "/contacts/tags", {"tag": "Cold"}))["text"] == "Cold"


@pytest.mark.parametrize(("switch", "status"), [("empty", 204), ("contact", 200)])
async def test_assignees_are_replaced_as_a_whole(switch: str, status: int):
    """§9, §13 (15): both paths, the second by contact or capture; the owner stays, and no time moves."""
    there = Caller(assignee_answer=switch)
    users = [there.sandbox.add_agent(f"{n}@example.com", n, "Gent") for n in "ab"]
    captured = await there.data("POST", "/leads", {"metadata": {"lead_channel": CHANNEL}, "lead": {"first_name": "A"}})
    lead = captured["contact"]
    contact = there.sandbox.store.contacts[lead]
    before = (contact.user, contact.updated_at)
    body = {"assignees": [{"user": user, "brand": BRAND} for user in users]}
    assert (await there.call("PUT", f"/contacts/{lead}/assignees", body)).status == status
    shown = (await there.data("GET", f"/contacts/{lead}", None, *WHOLE))["assignees"]
    assert [(row["type"], row["user"]["email"]) for row in shown] == [
        ("contact_role", "a@example.com"), ("contact_role", "b@example.com")]  # fmt: skip
    for path in (lead, captured["id"]):
        one = [{"email": "B@example.com", "first_name": "b", "last_name": "Gent"}]
        assert (await there.call("PUT", f"/leads/{path}/assignees", one)).body == {"success": True}
    assert set(contact.assignees) == {users[1]}
    assert (contact.user, contact.updated_at) == before
    there.sandbox.switches["assignee_path"] = "leads"
    assert (await there.call("PUT", f"/contacts/{lead}/assignees", body)).status == 404
    there.sandbox.switches["assignees_move"] = True
    await there.clock.sleep(60)
    await there.call("PUT", f"/leads/{lead}/assignees", [])
    assert contact.updated_at > before[1]


# Captures (§9, §11, §13).


def lead_of(**lead: Any) -> dict[str, Any]:
    """The body of a capture."""
    return {"metadata": {"lead_channel": CHANNEL}, "lead": {"source_type": "Website", **lead}}


async def test_a_capture_makes_a_contact_and_counts():
    """`contact` is the contact's id, `id` another; tag `Lead`, `lts_lead`, source type; an unknown channel is a 404."""
    there = Caller()
    given = {"first_name": "Ada", "email": "Ada@Example.com", "phone_number": "212 555-0123", "tag": ["Hot"]}
    answer = await there.data("POST", "/leads", lead_of(**given, lead_source="Zillow"))
    assert answer.keys() == {
        "id", "contact", "lead_channel", "raw_payload", "parsed_payload", "source_type", "created_at"}  # fmt: skip
    assert answer["id"] != answer["contact"]
    shown = await there.data("GET", f"/contacts/{answer['contact']}")
    assert (shown["emails"], shown["phone_number"]) == (["ada@example.com"], "212 555-0123")
    assert (shown["tags"], shown["source"], shown["source_type"]) == (["Hot", "Lead"], "Zillow", "Website")
    assert (shown["created_for"], shown["updated_for"]) == ("lts_lead", "lts_lead")
    channel = next(row for row in await there.data("GET", f"/brands/{BRAND}/leads/channels") if row["id"] == CHANNEL)
    assert channel["capture_number"] == 1
    assert channel["last_capture_date"] is not None
    unknown = {"metadata": {"lead_channel": NOBODY}, "lead": {"email": "b@example.com"}}
    assert await there.refused("POST", "/leads", unknown) == (404, "ResourceNotFound")


async def test_a_capture_merges_by_address_else_by_number():
    """§13 (10): missing rows and tags are added, nothing is replaced; a deleted contact does not count."""
    there = Caller()
    first = (await there.data("POST", "/leads", lead_of(first_name="Ada", email="a@example.com")))["contact"]
    again = lead_of(first_name="Eve", email="A@example.com", phone_number="(212) 555-0123", tag=["Hot"])
    assert (await there.data("POST", "/leads", again))["contact"] == first
    seen = there.sandbox.shows(first)
    assert (seen["first_name"], seen["phones"], seen["labels"]) == ("Ada", [("(212) 555-0123", "")], ["Hot", "Lead"])
    by_number = lead_of(first_name="Ada", phone_number="+1 212-555-0123")
    assert (await there.data("POST", "/leads", by_number))["contact"] == first
    there.sandbox.delete(first)
    assert (await there.data("POST", "/leads", again))["contact"] != first


async def test_the_webhook_answers_without_a_source_type_or_nothing():
    """§11, §13 (9): switch `capture_204`; the lead is taken in either case."""
    there = Caller()
    path = f"/leads/channels/{CHANNEL}/webhook"
    assert "source_type" not in await there.data("POST", path, {"email": "a@example.com"})
    there.sandbox.switches["capture_204"] = True
    reply = await there.call("POST", path, {"email": "b@example.com"})
    assert (reply.status, reply.body) == (204, None)
    assert len(there.sandbox.ids()) == 2


async def test_rules_and_given_assignees_decide_who_gets_a_lead():
    """§9: the first rule that holds, groups in turn; assignees given win: the first owns, the others are assigned;
    with `capture_assigns_only` all are assigned and the rules pick.
    """
    there = Caller()
    one, two, three = (there.sandbox.add_agent(f"{n}@example.com", n, "Gent") for n in ("one", "two", "three"))
    under = f"/brands/{BRAND}/leads"
    members = [{"user": user, "brand": BRAND, "order": place} for place, user in enumerate((one, two))]
    body = {"name": "G", "brand": BRAND, "distribution": "RoundRobin", "created_by": one, "members": members}
    group = await there.data("POST", f"{under}/groups", body)
    assert "members" not in group
    conditions = [{"field": "lead_source", "operator": "any", "value": ["Zillow"], "order": 1}]
    rule = {"target": "Group", "kind": "AND", "order": 1, "group": group["id"], "conditions": conditions}
    await there.data("POST", f"{under}/channels/{CHANNEL}/rules", rule)

    async def owner(**lead: Any) -> str:
        return str(there.sandbox.shows((await there.data("POST", "/leads", lead_of(**lead)))["contact"])
                   ["assignments"]["primary"])  # fmt: skip

    assert [await owner(email=f"{n}@x.com", lead_source="Zillow") for n in range(3)] == [one, two, one]
    assert await owner(email="other@x.com") not in {one, two, three}
    given = [{"email": "stranger@x.com"}, {"email": "Three@example.com"}, {"email": "two@example.com"}]
    assert await owner(email="given@x.com", lead_source="Zillow", assignees=given) == three
    there.sandbox.switches["capture_assigns_only"] = True
    assert await owner(email="only@x.com", lead_source="Zillow", assignees=given) == two
    assert there.sandbox.shows(there.sandbox.ids()[-1])["assignments"]["partner"] == three


async def test_rules_keep_their_form():
    """§9, §13 (11, 13): text for numbers, null for nothing, the default rule last and for good, new condition ids."""
    there = Caller()
    under = f"/brands/{BRAND}/leads/channels/{CHANNEL}"
    [default] = await there.data("GET", f"{under}/rules", None, associations="lead_channel_rule.conditions")
    assert (default["order"], default["conditions"], default["is_default"]) == (32767, None, True)
    assert await there.refused("DELETE", f"{under}/rules/{default['id']}") == (400, "Validation")
    body = {"target": "Brand", "kind": "OR", "order": 1, "brand": BRAND,
            "conditions": [{"field": "price", "operator": "gte", "value": 1}]}  # fmt: skip
    shown = ("associations", "lead_channel_rule.conditions,lead_channel_rule.brand,lead_channel_rule.user")
    made = await there.data("POST", f"{under}/rules", body, shown)
    after = await there.data("PUT", f"{under}/rules/{made['id']}", body, shown)
    assert after["brand"]["id"] == BRAND
    assert made["conditions"][0]["id"] != after["conditions"][0]["id"]
    channels = {row["id"]: row for row in await there.data("GET", f"/brands/{BRAND}/leads/channels")}
    assert (channels[CHANNEL]["rules_count"], channels[CHANNEL]["mls"]) == ("2", None)
    order = [{"id": default["id"], "order": 1}, {"id": made["id"], "order": 2}]
    assert (await there.call("PUT", f"{under}/rules/sort", order)).status == 200
    assert [rule["id"] for rule in await there.data("GET", f"{under}/rules")] == [default["id"], made["id"]]
    assert (await there.call("DELETE", f"{under}/rules/{made['id']}")).status == 204
