"""Defaults that were written are no values (vendors/mycrm.md §5, `create_defaults`)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain import filled
from syncd.domain.lead import Phone
from tests.vendors.mycrm.support import Account, sandboxed

PERSON: dict[str, Any] = {
    "first_name": "Ada",
    "phone": "+971501234567",
    "phones": frozenset({Phone("+971501234567", "cell")}),
}
TABLES: dict[str, Any] = {
    "types": {"Apartment": 2},
    "areas": {"Dubai Marina": "are.2.15"},
    "custom": {"money": "financial"},
    "sources": {"Facebook": "socialMedia/facebook"},
}
FILLED: dict[str, Any] = {
    "title": "mr", "country": "AE", "stage": "notYetContacted", "source": "other/syncd", "custom.money": "cash",
    "roles": "sale", "property_types": [2], "areas": ["are.2.15"], "price_min": 1000, "price_max": 2000,
}  # fmt: skip


class Link:
    """What a link remembers of a lead we created, and what it makes of each read, as the engine does it."""

    def __init__(self, account: Account, lead: str, wrote: dict[str, Any]) -> None:
        self.account, self.lead = account, lead
        self.settled: dict[str, Any] = filled.entries(account.adapter.lenses, wrote)

    async def read(self) -> Any:
        """The lead as it reads with what is remembered."""
        remote = await self.account.adapter.lead(self.lead)
        reading, standing = filled.blanked(
            self.account.adapter.lenses, remote.payload, self.account.adapter.read_lead(remote), self.settled, {}
        )
        self.settled = filled.within(filled.without(self.settled), standing)
        return reading


async def created(account: Account, **more: Any) -> Link:
    """A lead created from what little is known."""
    wanted = {**PERSON, **more}
    return Link(account, (await account.adapter.create_lead(wanted)).external_id, wanted)


async def test_defaults_read_as_blank():
    """Told and blank, each of them; what was filled in is named in MyCRM's own terms."""
    async with sandboxed(**TABLES) as account:
        assert account.adapter.lenses.fills(PERSON) == FILLED
        there = await created(account)
        reading = await there.read()
        assert set(reading.fields) == {"first_name", "phone", "phones", "registered_at"}
        assert reading.told >= {*FILLED, "last_name"}


async def test_a_default_nobody_mapped_is_none_either():
    """A type without a name in the config, a status without a stage: neither read nor reported as unmapped."""
    tables = {**TABLES, "types": {"Villa": 3}, "stages": {"new": ["prospect"]}}
    async with sandboxed(**tables) as account:
        reading = await (await created(account)).read()
        assert not {"property_types", "stage"} & {*reading.fields, *reading.unmapped}


async def test_the_same_values_are_values_where_a_person_chose_them():
    """A lead of a person's that shows exactly the defaults: "Mr" is Mr, and 1000 is a budget."""
    async with sandboxed({"old_leads": False}, **TABLES) as account:
        there = account.sandbox.add_person(
            first_name="Ada", title="mr", country="AE", stage="notYetContacted", source="other/syncd", roles=["buyer"],
            property_types=[2], areas=["are.2.15"], price_min=1000, price_max=2000,
        )  # fmt: skip
        fields = await account.fields(there)
        assert fields["title"] == "Mr"
        assert (fields["country"], fields["stage"], fields["source"]) == ("AE", "new", "other/syncd")
        assert (fields["roles"], fields["price_min"]) == (frozenset({"buyer"}), 1000)
        assert (fields["areas"], fields["property_types"]) == (frozenset({"Dubai Marina"}), frozenset({"Apartment"}))


@pytest.mark.parametrize(
    ("name", "value", "field", "reads"),
    [
        ("title", "ms", "title", "Ms"),
        ("country", "IN", "country", "IN"),
        ("stage", "prospect", "stage", "contacted"),
        ("roles", ["renter"], "roles", frozenset({"renter"})),
        ("price_max", 2001, "price_max", 2001),
        ("areas", ["are.2.15", "are.4.9"], "areas", frozenset({"Dubai Marina", "Macon"})),
        ("property_types", [3], "property_types", frozenset({"Villa"})),
        ("financial", "mortgage", "custom.money", "mortgage"),
    ],
)
async def test_a_different_value_is_an_edit(name: str, value: Any, field: str, reads: Any):
    """A person chooses something else, and that is it from then on, also where they choose the default again."""
    async with sandboxed(**TABLES) as account:
        there = await created(account)
        before = account.sandbox.shows(there.lead)
        assert field not in (await there.read()).fields
        account.sandbox.edit(there.lead, name, value)
        assert (await there.read()).fields[field] == reads
        again = ["buyer"] if name == "roles" else before[name]
        account.sandbox.edit(there.lead, name, again)
        fields = (await there.read()).fields
        assert field in fields
        assert set(fields) & FILLED.keys() == {field}


@pytest.mark.parametrize("shown", ["1000", 1000.0, "1,000"])
async def test_a_number_in_another_form_is_still_the_default(shown: Any):
    """A budget that comes back as text is the one that went out."""
    async with sandboxed() as account:
        assert account.adapter.lenses.stands({"preferences": [{"from_price": shown}]}, "price_min", 1000)
        assert not account.adapter.lenses.stands({"preferences": [{"from_price": "lots"}]}, "price_min", 1000)


async def test_the_leads_own_values_are_never_replaced_by_defaults():
    """The order: the lead's own value, then the default."""
    async with sandboxed(**TABLES) as account:
        own: dict[str, Any] = {
            "title": "Mrs", "last_name": "Hopper", "country": "US", "stage": "qualified", "source": "Facebook",
            "roles": frozenset({"renter"}), "property_types": frozenset({"Apartment"}), "price_min": 1, "price_max": 2,
            "areas": frozenset({"Dubai Marina"}), "custom.money": "mortgage",
        }  # fmt: skip
        wanted = account.adapter.lenses.show({**PERSON, **own}, {})
        assert account.adapter.lenses.fills(wanted) == {}
        made = await account.adapter.create_lead(wanted)
        fields = await account.fields(made.external_id)
        assert {name: fields[name] for name in own} == {**own, "source": "socialMedia/facebook"}


async def test_defaults_filled_into_an_old_lead_are_no_values_either():
    """§5: the same order fills a PUT where MyCRM shows nothing."""
    async with sandboxed(**TABLES) as account:
        there = account.sandbox.add_person(first_name="Ada", phones=[("0501234567", "cell")], price_max=1500)
        present = await account.adapter.lead(there)
        before = await account.fields(there)
        wanted = {**before, "first_name": "B"}
        await account.adapter.update_lead(there, wanted, frozenset({"first_name"}), present)
        assert account.sandbox.shows(there)["title"] == "mr"
        assert (await Link(account, there, wanted).read()).fields == wanted
