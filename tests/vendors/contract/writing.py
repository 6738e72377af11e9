"""Promises about creating and updating leads, labels and assignments."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import RejectedError
from syncd.domain.lead import FIELDS
from tests.vendors.contract.account import Account, differing, rows
from tests.vendors.contract.samples import COMPANIONS, FIRST, OTHER, PERSON

EDGES = ("labels",)  # written by calls of their own
SCALARS = [name for name in FIELDS if name not in EDGES and not name.startswith("assignment.")]


def _creatable(account: Account, canonical: dict[str, Any]) -> dict[str, Any]:
    lenses = account.adapter.lenses
    shown = lenses.show(canonical, {})
    return {name: value for name, value in shown.items() if name in SCALARS and lenses.writable(name, creating=True)}


class WritingContract:
    """Create, update, labels, assignments, deletes."""

    async def test_a_created_lead_reads_back(self, account: Account):
        """What was created is what the vendor then shows, once it is visible."""
        wanted = _creatable(account, FIRST)
        written = await account.adapter.create_lead(wanted)
        await account.settle()
        fields = await account.fields(written.external_id)
        assert {name: fields.get(name) for name in wanted} == wanted
        assert not written.existed
        assert account.sandbox.ids() == [written.external_id]

    async def test_a_lead_with_every_field_reads_back(self, account: Account):
        """The same with a value for every field there is."""
        wanted = _creatable(account, OTHER)
        written = await account.adapter.create_lead(wanted)
        await account.settle()
        fields = await account.fields(written.external_id)
        assert {name: fields.get(name) for name in wanted} == wanted

    async def test_repeating_a_create_is_harmless_where_promised(self, account: Account):
        """`create_idempotent`: the second create of a lead returns the first one's id."""
        if not account.adapter.capabilities.create_idempotent:
            pytest.skip("creating twice makes two")
        wanted = _creatable(account, FIRST)
        first = await account.adapter.create_lead(wanted)
        again = await account.adapter.create_lead(wanted)
        assert again.external_id == first.external_id
        assert len(account.sandbox.ids()) == 1

    async def test_a_create_without_what_it_needs_is_refused(self, account: Account):
        """Where a field is needed for creating, its absence is a RejectedError and nothing is sent."""
        needs = account.adapter.capabilities.create_needs
        if not needs:
            pytest.skip("nothing is needed")
        left_out = {name for group in needs for name in group} | {"emails" if ("email",) in needs else ""}
        wanted = {name: value for name, value in _creatable(account, FIRST).items() if name not in left_out}
        with pytest.raises(RejectedError):
            await account.adapter.create_lead(wanted)
        assert account.sandbox.writes == 0

    @pytest.mark.parametrize("name", SCALARS)
    async def test_each_field_updates_alone(self, account: Account, name: str):
        """Writing one field makes it show the wanted value and leaves every other field as it was."""
        if not account.adapter.lenses.writable(name):
            pytest.skip("not writable here")
        lead = await account.person(**PERSON)
        account.sandbox.add_label(lead, "Keep me")
        account.sandbox.add_note(lead, "Keep this note")
        present, before = await account.read(lead)
        canonical = {**before.fields, **{key: OTHER[key] for key in (name, *COMPANIONS.get(name, ()))}}
        wanted = account.adapter.lenses.show(canonical, before.fields)
        changed = frozenset(n for n in SCALARS if account.adapter.lenses.writable(n)
                            and wanted.get(n) != before.fields.get(n))  # fmt: skip
        if not changed:
            pytest.skip("this vendor cannot show another value here")
        assert changed <= {name, *COMPANIONS.get(name, ()), *(account.adapter.lenses.by_field[name].fields)}
        await account.adapter.update_lead(lead, wanted, changed, present)
        after = await account.fields(lead, wrote=wanted)
        assert {n: after.get(n) for n in changed} == {n: wanted.get(n) for n in changed}
        assert differing(before.fields, after) <= changed
        assert [text for _, text in account.sandbox.shows(lead)["notes"]] == ["Keep this note"]

    async def test_all_fields_update_together(self, account: Account):
        """One update of everything shows everything."""
        lead = await account.person(**PERSON)
        present, before = await account.read(lead)
        wanted = account.adapter.lenses.show({**before.fields, **OTHER}, before.fields)
        changed = frozenset(n for n in SCALARS if account.adapter.lenses.writable(n)
                            and wanted.get(n) != before.fields.get(n))  # fmt: skip
        await account.adapter.update_lead(lead, wanted, changed, present)
        after = await account.fields(lead, wrote=wanted)
        assert {n: after.get(n) for n in changed} == {n: wanted.get(n) for n in changed}
        assert len(changed) >= 8

    async def test_writing_what_was_read_changes_nothing(self, account: Account):
        """All writable fields written back as they were read: the vendor's app shows the same as before."""
        lead = await account.person(**PERSON)
        present, before = await account.read(lead)
        shown = account.sandbox.shows(lead)
        wanted = account.adapter.lenses.show(before.fields, before.fields)
        assert {n: wanted.get(n) for n in before.fields} == dict(before.fields)
        writable = frozenset(n for n in before.fields if n in SCALARS and account.adapter.lenses.writable(n))
        await account.adapter.update_lead(lead, wanted, writable, present)
        assert account.sandbox.shows(lead) == shown
        assert await account.fields(lead) == dict(before.fields)

    async def test_an_edit_by_a_person_survives_another_fields_update(self, account: Account):
        """A field a person changed after our read, and that we do not write, keeps the person's value."""
        lead = await account.person(**PERSON)
        present, before = await account.read(lead)
        account.sandbox.edit(lead, "last_name", "Murray")
        wanted = account.adapter.lenses.show({**before.fields, "first_name": "Amazing"}, before.fields)
        await account.adapter.update_lead(lead, wanted, frozenset({"first_name"}), present)
        after = await account.fields(lead)
        assert (after["first_name"], after["last_name"]) == ("Amazing", "Murray")

    async def test_labels_are_added_and_others_stay(self, account: Account):
        """Adding leaves what is there, also a label that a person added after our read."""
        if not account.adapter.lenses.carries("labels"):
            pytest.skip("no labels here")
        lead = await account.person(**PERSON)
        account.sandbox.add_label(lead, "Kept")
        present, _ = await account.read(lead)
        account.sandbox.add_label(lead, "By a person")
        await account.adapter.add_labels(lead, frozenset({"Hot Lead", "Zoë & co"}), present)
        assert sorted(account.sandbox.shows(lead)["labels"]) == ["By a person", "Hot Lead", "Kept", "Zoë & co"]
        assert (await account.fields(lead))["labels"] == frozenset({"By a person", "Hot Lead", "Kept", "Zoë & co"})
        present, _ = await account.read(lead)
        await account.adapter.add_labels(lead, frozenset({"Hot Lead"}), present)
        assert sorted(account.sandbox.shows(lead)["labels"]) == ["By a person", "Hot Lead", "Kept", "Zoë & co"]

    async def test_labels_are_removed_and_others_stay(self, account: Account):
        """Removing takes off only what was named; also if a person added one after our read; twice is once."""
        if not account.adapter.lenses.carries("labels"):
            pytest.skip("no labels here")
        lead = await account.person(**PERSON)
        for name in ("Kept", "Goes", "Goes too"):
            account.sandbox.add_label(lead, name)
        present, _ = await account.read(lead)
        account.sandbox.add_label(lead, "By a person")
        await account.adapter.remove_labels(lead, frozenset({"goes", "Goes too"}), present)
        assert sorted(account.sandbox.shows(lead)["labels"]) == ["By a person", "Kept"]
        await account.adapter.remove_labels(lead, frozenset({"Goes"}), present)
        assert sorted(account.sandbox.shows(lead)["labels"]) == ["By a person", "Kept"]

    async def test_the_same_label_serves_two_leads(self, account: Account):
        """A label that exists already is used again, whatever the case and spaces of its name."""
        if not account.adapter.lenses.carries("labels"):
            pytest.skip("no labels here")
        first, second = await account.person(**PERSON), await account.person(first_name="B", email="b@example.com")
        for lead, name in ((first, "Hot Lead"), (second, "hot lead")):
            present, _ = await account.read(lead)
            await account.adapter.add_labels(lead, frozenset({name}), present)
        assert (
            len({label.casefold() for lead in (first, second) for label in account.sandbox.shows(lead)["labels"]}) == 1
        )

    async def test_each_role_is_assigned_alone(self, account: Account):
        """Assigning one role shows the agent there and leaves the other roles."""
        agents = [str(account.sandbox.add_agent(f"a{n}@example.com", f"A{n}", "Gent")) for n in range(3)]
        lead = await account.person(**PERSON)
        expected: dict[str, str] = {}
        for number, role in enumerate(sorted(account.adapter.capabilities.roles)):
            present, before = await account.read(lead)
            expected = {n: str(v) for n, v in before.fields.items() if n.startswith("assignment.")}
            expected[f"assignment.{role}"] = agents[number % 3]
            await account.adapter.assign(lead, {role: agents[number % 3]}, present)
            after = await account.fields(lead)
            assert {n: v for n, v in after.items() if n.startswith("assignment.")} == expected
        assert expected

    async def test_a_role_is_emptied_where_promised(self, account: Account):
        """Roles in `unassign` can be emptied again, alone."""
        roles = account.adapter.capabilities.unassign
        if not roles:
            pytest.skip("nothing can be unassigned")
        lead = await account.person(**PERSON)
        for role in sorted(account.adapter.capabilities.roles):
            agent = str(account.sandbox.add_agent(f"{role}@example.com", role, "Gent"))
            present, _ = await account.read(lead)
            await account.adapter.assign(lead, {role: agent}, present)
        for role in sorted(roles):
            present, before = await account.read(lead)
            await account.adapter.assign(lead, {role: None}, present)
            assert differing(before.fields, await account.fields(lead)) == {f"assignment.{role}"}

    async def test_a_lead_is_deleted_or_that_is_refused(self, account: Account):
        """`lead_delete`: it is gone afterwards, and twice is once; else RejectedError and nothing happens."""
        lead = await account.person(**PERSON)
        if not account.adapter.capabilities.lead_delete:
            with pytest.raises(RejectedError):
                await account.adapter.delete_lead(lead, "a test")
            assert account.sandbox.ids() == [lead]
            return
        await account.adapter.delete_lead(lead, "a test")
        assert account.sandbox.ids() == []
        await account.adapter.delete_lead(lead, "a test")
        assert not rows(await account.walk())

    async def test_requests_are_counted_as_the_vendor_counts_them(self, account: Account):
        """`requests` equals the vendor's own access log, reads and writes apart."""
        lead = await account.person(**PERSON)
        present, before = await account.read(lead)
        wanted = account.adapter.lenses.show({**before.fields, "first_name": "Amazing"}, before.fields)
        await account.adapter.update_lead(lead, wanted, frozenset({"first_name"}), present)
        assert account.adapter.requests == {"read": account.sandbox.reads, "write": account.sandbox.writes}
        assert account.sandbox.writes == 1
