"""Promises about reading leads and agents."""

from __future__ import annotations

import pytest

from syncd.domain.errors import NotFoundError, UnreadableError
from tests.vendors.contract.account import Account, rows
from tests.vendors.contract.samples import PERSON


class ReadingContract:
    """Listing, incremental reading, single reads, look-ups."""

    async def test_a_walk_finds_every_lead_exactly_once(self, account: Account):
        """Over several pages each lead comes once, and only the last page speaks for the whole."""
        made = {account.sandbox.add_person(first_name=f"P{n}", email=f"p{n}@example.com")
                for n in range(2 * account.variant.page + 7)}  # fmt: skip
        await account.settle()
        pages = await account.walk()
        found = [row.external_id for row in rows(pages)]
        assert sorted(found) == sorted(map(str, made))
        assert len(pages) >= 3
        assert all(not page.complete and page.cursor is None for page in pages[:-1])
        assert pages[-1].complete is account.adapter.capabilities.listing_proves

    async def test_a_walk_of_an_empty_account_ends(self, account: Account):
        """No leads: no rows, and the walk still ends with a cursor where there is an incremental stream."""
        pages = await account.walk()
        assert rows(pages) == []
        assert pages

    async def test_people_adding_leads_meanwhile_hide_none(self, account: Account):
        """Leads added between two pages never push another one out of the walk."""
        made = {account.sandbox.add_person(first_name=f"P{n}", email=f"p{n}@example.com")
                for n in range(2 * account.variant.page + 7)}  # fmt: skip
        await account.settle()
        found: set[str] = set()
        number = 0
        async for page in account.adapter.leads(None, full=True):
            found |= {row.external_id for row in page.rows}
            if number < 2:
                for _ in range(3):
                    account.sandbox.add_person(first_name="Late", email=f"late{number}.{_}@example.com")
                await account.settle()
            number += 1
        assert {str(lead) for lead in made} <= found

    async def test_a_walk_that_lost_rows_proves_nothing(self, account: Account):
        """A lead deleted between two pages may hide another one: such a walk is never called complete wrongly."""
        made = [str(account.sandbox.add_person(first_name=f"P{n}", email=f"p{n}@example.com"))
                for n in range(2 * account.variant.page + 7)]  # fmt: skip
        await account.settle()
        found: set[str] = set()
        last = None
        first = True
        async for page in account.adapter.leads(None, full=True):
            found |= {row.external_id for row in page.rows}
            last = page
            if first:
                first = False
                for lead in [lead for lead in made if lead in found][:5]:
                    account.sandbox.delete(lead)
        assert last is not None
        if last.complete:
            assert set(account.sandbox.ids()) <= found

    async def test_a_listed_row_says_what_a_single_read_says(self, account: Account):
        """A row of the listing that calls itself complete reads exactly like the single read."""
        lead = await account.person(**PERSON)
        account.sandbox.add_label(lead, "Hot Lead")
        listed = next(row for row in rows(await account.walk()) if row.external_id == lead)
        _, single = await account.read(lead)
        told = account.adapter.read_lead(listed)
        assert dict(told.fields) == {name: single.fields[name] for name in told.fields}
        if listed.complete:
            assert dict(told.fields) == dict(single.fields)

    async def test_what_a_person_typed_is_read(self, account: Account):
        """Names, address, email, phone, stage, source and roles arrive in canonical form."""
        fields = await account.fields(await account.person(**PERSON))
        assert fields["first_name"] == "Grace"
        assert fields["last_name"] == "Hopper"
        assert fields["email"] == "grace@example.com"
        assert fields["phone"] == "+14155552671"
        address = {"street": "1 Navy Way", "city": "Arlington", "postal_code": "22201"}
        carried = {name: value for name, value in address.items() if account.adapter.lenses.carries(name)}
        assert {name: fields.get(name) for name in address} == {**dict.fromkeys(address), **carried}
        assert fields["city"] == "Arlington"
        assert fields.get("region") == ("VA" if account.adapter.lenses.carries("region") else None)
        assert fields["stage"] == "new"
        assert fields.get("roles") == (frozenset({"buyer"}) if account.adapter.lenses.carries("roles") else None)

    async def test_an_unknown_stage_is_unmapped_not_guessed(self, account: Account):
        """A stage without translation is reported with its word and never becomes a canonical stage."""
        odd = account.variant.odd_stage
        if not odd:
            pytest.skip("this account has no such stage")
        lead = await account.person(**PERSON)
        account.sandbox.edit(lead, "stage", odd)
        _, reading = await account.read(lead)
        assert "stage" not in reading.fields
        assert reading.unmapped["stage"] == odd

    async def test_digests_tell_changed_from_unchanged(self, account: Account):
        """Equal digests for an untouched lead in two listings, another one after an edit."""
        lead = await account.person(**PERSON)

        async def listed() -> bytes:
            return next(row.digest for row in rows(await account.walk()) if row.external_id == lead)

        first, second = await listed(), await listed()
        account.sandbox.edit(lead, "first_name", "Amazing")
        assert first == second != await listed()
        assert len(first) == 16

    async def test_incremental_sees_an_edit_and_overlaps(self, account: Account):
        """From the cursor of a finished walk on, an edited lead comes again, old ones do not."""
        capabilities = account.adapter.capabilities
        if not capabilities.incremental or "fields" not in capabilities.incremental_covers:
            pytest.skip("no incremental stream")
        old = await account.person(first_name="Old", email="old@example.com")
        await account.clock.sleep(7200)
        lead = await account.person(**PERSON)
        await account.clock.sleep(7200)
        cursor = (await account.walk())[-1].cursor
        assert cursor
        await account.clock.sleep(7200)
        account.sandbox.edit(lead, "first_name", "Amazing")
        await account.settle()
        pages = await account.walk(cursor, full=False)
        found = {row.external_id for row in rows(pages)}
        assert lead in found
        assert old not in found
        assert not pages[-1].complete
        again = {row.external_id for row in rows(await account.walk(pages[-1].cursor, full=False))}
        assert lead in again, "the stream reaches back a little, so that nothing falls between two pulls"

    async def test_incremental_sees_a_new_lead(self, account: Account):
        """A lead created after the cursor comes with the next pull."""
        if not account.adapter.capabilities.incremental:
            pytest.skip("no incremental stream")
        cursor = (await account.walk())[-1].cursor
        lead = await account.person(**PERSON)
        assert lead in {row.external_id for row in rows(await account.walk(cursor, full=False))}

    async def test_a_missing_lead_is_not_found(self, account: Account):
        """Never there, or deleted by a person: NotFoundError."""
        lead = await account.person(**PERSON)
        account.sandbox.delete(lead)
        await account.clock.sleep(120)
        for missing in (lead, account.variant.unknown):
            with pytest.raises(NotFoundError):
                await account.adapter.lead(missing)
        assert lead not in {row.external_id for row in rows(await account.walk())}

    @pytest.mark.parametrize("key", ["email", "phone"])
    async def test_look_ups_are_verified_by_value(self, account: Account, key: str):
        """A look-up returns the lead that has the value and nobody else, even where the vendor ignores the filter."""
        if key not in account.adapter.capabilities.find_by:
            pytest.skip(f"no look-up by {key}")
        lead = await account.person(**PERSON)
        for n in range(5):
            account.sandbox.add_person(
                first_name=f"P{n}", email=f"p{n}@example.com", phones=[(f"212987650{n}", "cell")]
            )
        await account.settle()
        value = {"email": "grace@example.com", "phone": "+14155552671"}[key]
        found = await account.adapter.find_leads(**{key: value})  # type: ignore[arg-type]
        assert {row.external_id for row in found.rows} <= {lead}
        assert found.rows or not found.conclusive
        nobody = {"email": "nobody@example.com", "phone": "+13125550111"}[key]
        missed = await account.adapter.find_leads(**{key: nobody})  # type: ignore[arg-type]
        assert not missed.rows

    async def test_leads_created_since_are_found(self, account: Account):
        """With neither email nor phone, the leads created after a moment come back: how a lost create is found."""
        await account.person(first_name="Old", email="old@example.com")
        await account.clock.sleep(3600)
        since = account.clock.now()
        await account.clock.sleep(5)
        lead = await account.person(first_name="Nameless", phones=[("2129876509", "cell")], email="n@example.com")
        found = await account.adapter.find_leads(since=since)
        if not account.variant.timed:
            assert not found.conclusive, "who tells no times cannot say that there are none"
            return
        assert [row.external_id for row in found.rows] == [lead]

    async def test_agents_are_listed_with_their_addresses(self, account: Account):
        """Every agent, with the id that assignments use and a lower-cased address."""
        made = {
            account.sandbox.add_agent(f"Agent{n}@Example.com", f"A{n}", "Gent"): f"agent{n}@example.com"
            for n in range(30)
        }
        if "agent list" in account.adapter.capabilities.not_carried:  # then agents are known by the leads they have
            for agent in made:
                account.sandbox.assign(await account.person(), "primary", agent)
        agents = {row.external_id: account.adapter.read_agent(row) for row in await account.adapter.agents()}
        assert {str(agent): agents[str(agent)].email for agent in made} == {str(a): e for a, e in made.items()}
        assert len(agents) == len(await account.adapter.agents())

    async def test_check_names_the_account(self, account: Account):
        """`check` succeeds and says who the credentials belong to."""
        assert await account.adapter.check()

    async def test_a_record_with_a_nul_spoils_nobody_else(self, account: Account):
        """PostgreSQL cannot hold U+0000: such a record is unreadable, its neighbours on the page are not."""
        good = await account.person(**PERSON)
        bad = await account.person(first_name="B\x00d", email="bad@example.com")
        by_id = {row.external_id: row for row in rows(await account.walk())}
        assert account.adapter.read_lead(by_id[good]).fields["first_name"] == "Grace"
        with pytest.raises(UnreadableError) as caught:
            account.adapter.read_lead(by_id[bad])
        assert "bad@example.com" not in str(caught.value)
