"""What people look at: a lead by any of its names, why it looks as it does, what waits for a decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from syncd.domain.errors import UsageError
from syncd.domain.lead import Phone
from syncd.domain.origin import Origin
from syncd.ports.rows import REVIEW, TOMBSTONE, Agent, Batch, Conflict, ConnectionState, HeldPlan, Note, Quarantined
from syncd.store.explain import lead_explain
from syncd.store.postgres import PostgresStore
from syncd.store.resolve import resolve_conflict
from syncd.store.views import Views
from tests.store.shapes import EVERYTHING, NOW, change, lead, link

OPEN = Conflict(7, "city", "cinc", "a", "Chicago", "Berwyn", "manual", "parked", "open", NOW, evidence={"why": "both"})


@pytest.fixture
async def views(store: PostgresStore) -> Views:
    """A store with two leads: 7 has everything, 8 shares its phone."""
    batch = Batch(
        agents=[Agent(1, "ann@example.com", "Ann"), Agent(2, "", "Bob")],
        new_leads=[lead(7, **EVERYTHING), lead(8, first_name="Max_", phone="+13125550100", email="max@example.com")],
        links=[
            link("c7", 7, base={**EVERYTHING, "city": "Berwyn"}, unmapped={"stage": "Weird"}),
            link("x7", 7, "chime", state=TOMBSTONE, settled={"first_name": {"wanted": "Zoë"}}),
            link("r1", None, "chime", state=REVIEW, review={"reason": "two", "candidates": [7, 8]}),
        ],
        notes=[
            Note(5, 7, "Called", 1, NOW, "call", pinned=True, origin="cinc"),
            Note(6, 7, "gone", None, NOW, "general", pinned=False, origin="cinc", deleted=True),
        ],
        changes=[change(7), change(7, "city", "Cicero", "Chicago"), change(8)],
        conflicts=[OPEN],
        quarantine=[Quarantined("cinc", "lead", "q1", "no id", {"odd": "\x00"}, NOW)],
        connection=ConnectionState("cinc", "cinc", last_pull=NOW),
    )
    async with store.transaction() as tx:
        await tx.save(batch)
    await store.connection("chime", "chime")
    return Views(store)


def _json(shape: Any) -> Any:
    """The shape as JSON, without any help for odd types."""
    return orjson.loads(orjson.dumps(shape))


NAMES = ["7", "L7", "l7", " zoe@Example.com ", "z@example.org", "cinc:c7", "chime:x7", "max@example.com"]


@pytest.mark.parametrize("term", NAMES)
async def test_a_lead_is_found_by_any_of_its_names(views: Views, term: str):
    """Id, L and id, any of its emails, and any of its records name a lead."""
    assert await views.find_lead(term) == (8 if "max" in term else 7)


@pytest.mark.parametrize("term", ["+13125550100", "(312) 555-0100", "3125550100", "5550100"])
async def test_an_ambiguous_name_lists_the_choices(views: Views, term: str):
    """A phone that two leads share, however it is typed, is refused with the ids to choose from."""
    with pytest.raises(UsageError, match="2 leads have this phone number: L7, L8") as refused:
        await views.find_lead(term)
    assert "id" in refused.value.hint


@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("99", "no lead 99"), ("L3125550100", "no lead 3125550100"), ("no@example.com", "no lead has this email"),
        ("cinc:nope", "cinc has no record nope"), ("chime:r1", "in review"), ("Zoë", "no lead is called that"),
        ("+4930123456", "no lead has this phone"), ("", "no lead is called"), ("9" * 30, "no lead has this phone"),
    ],
)  # fmt: skip
async def test_an_unknown_name_says_what_was_looked_for(views: Views, term: str, why: str):
    """The message tells which kind of name matched nothing, and never repeats an email or phone."""
    with pytest.raises(UsageError, match=why) as refused:
        await views.find_lead(term)
    assert "no@example.com" not in str(refused.value)
    assert refused.value.hint


async def test_show_has_the_stable_shape(views: Views):
    """`leads show --json`: exactly the keys of the contract, values in their JSON form, people by name."""
    shown = _json(await views.lead_show(7))
    assert set(shown) == {"id", "fields", "provenance", "links", "labels", "assignments", "notes"}
    assert shown["fields"]["phones"] == [["+13125550100", "cell"], ["ask for Zoë", ""]]
    assert shown["fields"]["custom.score"] == 7
    assert shown["labels"] == ["Open House", "VIP"]
    assert shown["assignments"]["primary"] == {"agent": 1, "name": "Ann", "email": "ann@example.com"}
    assert [row["body"] for row in shown["notes"]] == ["Called"]
    assert [(row["connection"], row["external_id"], row["state"]) for row in shown["links"]] == [
        ("chime", "x7", "tombstone"), ("cinc", "c7", "live"),
    ]  # fmt: skip
    assert shown["provenance"]["city"]["connection"] == "cinc"
    with pytest.raises(UsageError, match="no lead 99"):
        await views.lead_show(99)


async def test_lists_search_names_and_addresses_literally(views: Views):
    """A search is a plain text: % and _ are themselves; counts tell how many there are in all."""
    everything = _json(await views.lead_list())
    assert [row["id"] for row in everything["leads"]] == [7, 8]
    assert (everything["total"], everything["leads"][0]["connections"]) == (2, ["cinc"])
    for query, ids in (("o'hara", [7]), ("z@example", [7]), ("max_", [8]), ("%", []), ("example.com", [7, 8])):
        assert [row["id"] for row in (await views.lead_list(query))["leads"]] == ids, query
    assert [row["id"] for row in (await views.lead_list(limit=1, offset=1))["leads"]] == [8]


async def test_explain_tells_origin_previous_value_and_what_each_crm_shows(store: PostgresStore, views: Views):
    """Per field: who said it, what was there before, what every record shows now, and what is odd about it."""
    told = _json(await lead_explain(store, 7))
    city = told["fields"]["city"]
    assert (city["value"], city["from"]) == ("Chicago", {"connection": "cinc", "external_id": "c7"})
    assert (city["last_change"]["previous"], city["last_change"]["who"]) == ("Cicero", "cinc")
    assert city["connections"]["cinc:c7"]["shows"] == "Berwyn"
    assert city["connections"]["cinc:c7"]["same"] is False
    assert [row["id"] for row in city["conflicts"]] == [1]
    assert told["fields"]["stage"]["connections"]["cinc:c7"]["unmapped"] == "Weird"
    assert told["fields"]["first_name"]["connections"]["chime:x7"]["settled"] == {"wanted": "Zoë"}
    assert list((await lead_explain(store, 7, "city"))["fields"]) == ["city"]
    with pytest.raises(UsageError, match="no field town"):
        await lead_explain(store, 7, "town")


async def test_history_is_newest_first(views: Views):
    """The journal of one lead, the latest change on top."""
    found = _json(await views.lead_history(7))
    assert [(row["field"], row["old"], row["new"]) for row in found] == [
        ("city", "Cicero", "Chicago"), ("*", None, None),
    ]  # fmt: skip


async def test_what_waits_for_a_person_is_listed(store: PostgresStore, views: Views):
    """Conflicts, reviews, quarantine and held plans, each JSON-ready; payloads only where one is shown."""
    await store.hold(HeldPlan("ab12", "cinc", "f", ("many",), [1, 2], "held", NOW))
    (conflict,) = _json(await views.conflicts_list())
    assert (conflict["id"], conflict["theirs"], "evidence" in conflict) == (1, "Berwyn", False)
    assert _json(await views.conflict_show(1))["evidence"] == {"why": "both"}
    assert await views.conflicts_list("resolved") == []
    (review,) = _json(await views.reviews_list())
    assert (review["external_id"], review["candidates"]) == ("r1", [7, 8])
    (bad,) = _json(await views.quarantine_list())
    assert (bad["external_id"], "payload" in bad) == ("q1", False)
    assert _json(await views.quarantine_show(bad["id"]))["payload"] == {"odd": "\x00"}
    (held,) = _json(await views.held())
    assert (held["id"], held["operations"]) == ("ab12", 2)
    for missing in (views.conflict_show(99), views.quarantine_show(99)):
        with pytest.raises(UsageError, match="there is no"):
            await missing


async def test_status_counts_per_connection(store: PostgresStore, views: Views):
    """Links by state, oddities, last pull and last run of every connection, and the totals."""
    run = await store.start_run("pull", "cinc")
    await store.end_run(run, {}, "timeout")
    found = _json(await views.status())
    cinc, chime = found["connections"]["cinc"], found["connections"]["chime"]
    assert (cinc["links"]["live"], cinc["links"]["unmapped"], cinc["links"]["quarantined"]) == (1, 1, 1)
    assert (chime["links"]["gone"], chime["links"]["review"], chime["links"]["live"]) == (1, 1, 0)
    assert chime["links"]["settled"] == 1
    assert (cinc["last_run"]["error"], chime["last_run"]) == ("timeout", None)
    assert cinc["last_pull"] == "2026-11-21T09:00:00Z"
    assert (found["leads"], found["conflicts"], found["reviews"]) == (2, 1, 1)


CHOICES = [("ours", None, "Chicago"), ("theirs", None, "Berwyn"), ("value", "X", "X")]


@pytest.mark.parametrize(("choice", "value", "city"), CHOICES)
async def test_resolving_a_conflict_is_an_admins_edit(
    store: PostgresStore, views: Views, choice: str, value: Any, city: str
):
    """The decision becomes the value, from admin, journalled; the lead is planned and the conflict closed."""
    await store.clean({7: 1, 8: 1})
    done = await resolve_conflict(store, 1, choice, who="kim", at=NOW, value=value)
    assert done == {"conflict": 1, "lead": 7, "choice": choice, "fields": {"city": city}}
    (shots,) = [page async for page in store.snapshots()]
    (shot,) = shots
    assert (shot.lead.fields["city"], shot.lead.provenance["city"]) == (city, Origin("admin", at=NOW, rule="resolved"))
    assert shot.lead.fields == {**EVERYTHING, "city": city}
    assert shot.parked == frozenset()
    latest = (await views.lead_history(7))[0]
    assert (latest["field"], latest["new"], latest["who"]) == ("city", city, "admin")
    assert "kim" in latest["why"]
    closed = await views.conflict_show(1)
    assert (closed["state"], closed["resolved_by"], closed["resolution"]["choice"]) == ("resolved", "kim", choice)
    with pytest.raises(UsageError, match="resolved already"):
        await resolve_conflict(store, 1, "ours", who="kim", at=NOW)


async def test_resolving_to_a_primary_address_keeps_it_among_the_addresses(store: PostgresStore, views: Views):
    """A primary email or phone decided by hand joins the set; an address is decided part by part."""
    async with store.transaction() as tx:
        await tx.save(Batch(conflicts=[
            replace(OPEN, field="email", theirs="new@example.com"), replace(OPEN, field="phone", theirs="+13125550199"),
            replace(OPEN, field="address", theirs={"street": "2 Oak", "city": None}),
        ]))  # fmt: skip
    for row in await views.conflicts_list():
        if row["field"] != "city":
            await resolve_conflict(store, row["id"], "theirs", who="kim", at=NOW)
    async with store.transaction() as tx:
        fields = (await tx.leads([7]))[7].fields
        assert await tx.leads_by_email(["new@example.com"]) == {"new@example.com": {7}}
    assert (fields["email"], fields["phone"]) == ("new@example.com", "+13125550199")
    assert fields["emails"] == {"new@example.com", "zoe@example.com", "z@example.org"}
    assert Phone("+13125550199", "other") in fields["phones"]  # type: ignore[operator]
    assert (fields["street"], fields.get("city"), fields["region"]) == ("2 Oak", None, "IL")


async def test_a_value_that_does_not_fit_changes_nothing(store: PostgresStore, views: Views):
    """A resolution that is no value of the field, or no choice at all, is refused and the conflict stays open."""
    async with store.transaction() as tx:
        await tx.save(Batch(conflicts=[replace(OPEN, field="birthday")]))
    (birthday, _) = await views.conflicts_list()
    for choice, value in (("value", "soon"), ("value", 7), ("mine", None)):
        with pytest.raises(UsageError):
            await resolve_conflict(store, birthday["id"], choice, who="kim", at=NOW, value=value)
    with pytest.raises(UsageError, match="no conflict 99"):
        await resolve_conflict(store, 99, "ours", who="kim", at=NOW)
    assert len(await views.conflicts_list()) == 2
