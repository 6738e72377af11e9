"""The lens laws, as properties over every row of a vendor, through the vendor itself."""

from __future__ import annotations

import asyncio
import copy
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.domain.errors import UnreadableError
from syncd.domain.lead import STAGES, Member, Phone, encode_fields, spec
from syncd.sandbox import SANDBOXES
from tests.vendors.clocks import SkippingClock
from tests.vendors.contract.account import Account, Variant, connect, open_in_process
from tests.vendors.contract.samples import FIRST, OTHER, PERSON
from tests.vendors.contract.writing import SCALARS, _creatable

LAWS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True, database=None,
)  # fmt: skip

_words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=60).map(
    lambda text: " ".join(unicodedata.normalize("NFC", text).split())
)
_address = st.sampled_from(
    ["a@example.com", "b.c+d@example.org", "e_f@example.net", "long." + "x" * 40 + "@example.com"]
)
_number = st.sampled_from(
    ["+14155552671", "+12129876543", "+13105550188", "+442079460958", "+4930901820", "not a number"]
)
_kind = st.sampled_from(["cell", "home", "work", "other", ""])
_timeline = st.one_of(
    st.tuples(st.integers(0, 12), st.integers(12, 36)), st.tuples(st.integers(0, 24), st.none()),
    st.sampled_from(["just_looking", "refinancing", "after the wedding"]), st.sampled_from([(1, 3), (3, 6), (0, 3)]),
)  # fmt: skip
_phone = st.builds(Phone, _number, _kind)
_member = st.builds(
    Member, st.sampled_from(["spouse", "child", ""]), _words, _words, st.one_of(st.just(""), _address), st.just("")
)

_values: dict[str, st.SearchStrategy[Any]] = {
    "text": _words,
    "number": st.integers(1, 9_000_000),
    "flag": st.booleans(),
    "day": st.dates(date(1900, 1, 1), date(2026, 1, 1)),
    "timeline": _timeline,
    "phones": st.frozensets(_phone, max_size=4).map(lambda s: frozenset({p.number: p for p in s}.values())),
    "members": st.frozensets(_member, max_size=3).map(lambda s: frozenset(m for m in s if m.first_name)),
}
_special: dict[str, st.SearchStrategy[Any]] = {
    "email": _address,
    "emails": st.frozensets(_address, max_size=3),
    "phone": _number,
    "stage": st.sampled_from(STAGES),
    "roles": st.frozensets(st.sampled_from(["buyer", "seller", "renter"])),
    "country": st.sampled_from(["US", "CA"]),
    "areas": st.frozensets(
        st.sampled_from(["Atlanta, GA", "Fulton County, GA", "30301", "By the lake", "Macon"]), max_size=3
    ),
    "property_types": st.frozensets(st.sampled_from(["Condo", "Townhouse", "Castle"]), max_size=2),
    "baths_min": st.sampled_from([1, 2, 2.5]),
    "baths_max": st.sampled_from([3, 3.5]),
}


def _whole(lead: dict[str, Any]) -> dict[str, Any]:
    """Make a drawn lead one that can be: the primaries are members of their sets, ranges are in order."""
    if lead.get("email"):
        lead["emails"] = lead.get("emails", frozenset()) | {lead["email"]}
    elif lead.get("emails"):
        lead["email"] = min(lead["emails"])
    numbers = {p.number: p for p in lead.get("phones", ())}
    if lead.get("phone"):
        lead["phones"] = frozenset({lead["phone"]: Phone(lead["phone"], "cell"), **numbers}.values())
    elif numbers:
        lead["phone"] = min(numbers)
    for what in ("price", "beds", "baths", "size"):
        low, high = lead.get(f"{what}_min"), lead.get(f"{what}_max")
        if low and high and low > high:
            lead[f"{what}_min"], lead[f"{what}_max"] = high, low
    return {name: value for name, value in lead.items() if value not in ("", frozenset())}


def _fields_of(name: str) -> st.SearchStrategy[Any]:
    kind = spec(name).type
    return _special[name] if name in _special else _values[kind]


CARRIED = [name for name in SCALARS if name != "registered_at"]
leads = st.fixed_dictionaries({}, optional={name: _fields_of(name) for name in CARRIED}).map(_whole)


def _possible(account: Account, lead: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The lead, and what of it is created: with a phone and names where needed, nothing where it cannot be."""
    table = account.adapter.lenses
    for name in ("phone", "first_name", "last_name"):
        if table.obstacle(_creatable(account, lead)):
            lead = _whole({**lead, name: lead.get(name) or FIRST[name]})
    wanted = _creatable(account, lead)
    return lead, {} if table.obstacle(wanted) else wanted


def _table(variant: Variant) -> Any:
    clock = SkippingClock()
    sandbox = SANDBOXES[variant.sandbox](clock, **variant.switches)
    return connect(variant, f"http://account.sandbox{sandbox.prefix}", clock).lenses


class LensContract:
    """get(put(c)) == squeeze(c); squeeze is idempotent; put of what was read changes nothing."""

    def test_squeezing_twice_is_squeezing_once(self, variant: Variant):
        """A loss happens once: what a vendor can show of what it shows is all of it."""
        table = _table(variant)

        @LAWS
        @given(leads, leads)
        def law(lead: dict[str, Any], shown_of: dict[str, Any]) -> None:
            blank: dict[str, Any] = {}
            shown = table.show(shown_of, {})
            for present in (blank, shown):
                once = table.show(lead, present)
                assert table.show(once, once) == once
                assert table.show(lead, once) == once, "having written it, nothing is left to write"

        law()

    def test_what_is_created_reads_as_squeezed(self, variant: Variant):
        """get(put(c)) == squeeze(c), the vendor in between being the simulated one."""

        @LAWS
        @given(leads)
        def law(lead: dict[str, Any]) -> None:
            asyncio.run(self._created_reads_as_squeezed(variant, {**lead, "email": "zoe@example.com"}))

        law()

    async def _created_reads_as_squeezed(self, variant: Variant, lead: dict[str, Any]) -> None:
        lead = _whole(lead)
        async with open_in_process(variant) as account:
            lead, wanted = _possible(account, lead)
            if not wanted:
                return
            written = await account.adapter.create_lead(wanted)
            await account.settle()
            fields = await account.fields(written.external_id)
            assert encode_fields({n: fields.get(n) for n in wanted}) == encode_fields(wanted)
            again = account.adapter.lenses.show({**lead, **fields}, fields)
            assert {n: again.get(n) for n in wanted} == {n: fields.get(n) for n in wanted}

    def test_what_is_updated_reads_as_squeezed(self, variant: Variant):
        """The same for an update of a lead that shows something else, and unmentioned fields stay."""

        @LAWS
        @given(leads, leads)
        def law(first: dict[str, Any], second: dict[str, Any]) -> None:
            asyncio.run(self._updated_reads_as_squeezed(variant, first, second))

        law()

    async def _updated_reads_as_squeezed(self, variant: Variant, first: dict[str, Any], second: dict[str, Any]) -> None:
        async with open_in_process(variant) as account:
            _, start = _possible(account, _whole({**first, "email": "zoe@example.com"}))
            if not start:
                return
            lead = (await account.adapter.create_lead(start)).external_id
            await account.settle()
            present, before = await account.read(lead)
            lenses = account.adapter.lenses
            wanted = lenses.show({**before.fields, **second}, before.fields)
            changed = frozenset(
                n for n in SCALARS if lenses.writable(n) and n in wanted and wanted[n] != before.fields.get(n)
            )
            if not changed:
                return
            await account.adapter.update_lead(lead, wanted, changed, present)
            after = await account.fields(lead)
            assert encode_fields({n: after.get(n) for n in changed}) == encode_fields({n: wanted[n] for n in changed})
            stayed = {n for n in SCALARS if n not in changed}
            assert {n: after.get(n) for n in stayed} == {n: before.fields.get(n) for n in stayed}

    async def test_nothing_a_payload_can_hold_breaks_a_reading(self, account: Account):
        """Every leaf replaced by every wrong type: the record reads or is unreadable, and no NUL gets in."""
        lead = await account.person(**PERSON)
        wanted = account.adapter.lenses.show({**(await account.fields(lead)), **OTHER}, {})
        present, before = await account.read(lead)
        changed = frozenset(
            n for n in SCALARS if account.adapter.lenses.writable(n) and wanted.get(n) != before.fields.get(n)
        )
        await account.adapter.update_lead(lead, wanted, changed, present)
        account.sandbox.add_label(lead, "Hot Lead")
        remote, _ = await account.read(lead)
        messages: set[str] = set()
        for payload in _mutants(dict(remote.payload)):
            reading = None
            try:
                reading = account.adapter.read_lead(replace(remote, payload=payload))
            except UnreadableError as error:
                messages.add(str(error))
            if reading is not None:
                try:
                    encoded = orjson.dumps(encode_fields(reading.fields)).decode()
                except TypeError:
                    encoded = "\\u0000"  # half a surrogate, or an integer no database column holds
                assert "\\u0000" not in encoded, payload
        assert messages
        assert not [message for message in messages if "Brien" in message or "\n" in message]


WRONG: tuple[Any, ...] = (
    "a\x00b",
    "\ud800",
    12345678901234567890,
    -1,
    1e308,
    True,
    None,
    [],
    [[]],
    {},
    [None],
    "",
    [1, "x"],
)


def _mutants(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in _paths(payload):
        for wrong in WRONG:
            mutant = copy.deepcopy(payload)
            here: Any = mutant
            for step in path[:-1]:
                here = here[step]
            here[path[-1]] = wrong
            yield mutant


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if prefix:
        yield prefix
    if isinstance(value, dict):
        for key in value:
            yield from _paths(value[key], (*prefix, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _paths(value[index], (*prefix, index))
