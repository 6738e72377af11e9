"""The made-up people: realistic, valid, the same for the same seed, spread with overlaps."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import phonenumbers
import pytest

from syncd.cli.sandbox import DEFAULT_VENDORS
from syncd.sandbox import SANDBOXES, names
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.data import LONG_NOTE_CHARS, PHONE_FORMATS, People, spell
from syncd.sandbox.world import Population, populate
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import VirtualClock


@pytest.fixture
def world() -> tuple[dict[str, ToyVendor], Population]:
    """Two accounts with 600 people."""
    sandboxes = {name: ToyVendor(VirtualClock()) for name in ("one", "two")}
    return sandboxes, populate(sandboxes, 600, seed=5)


def test_the_lists_are_long_and_without_repeats():
    """At least 150 first and 250 last names, accents and double names among them."""
    assert len(set(names.FIRST_NAMES)) >= 150
    assert len(set(names.LAST_NAMES)) >= 250
    for listed in (names.FIRST_NAMES, names.LAST_NAMES):
        assert len(set(listed)) == len(listed)
        assert any(not name.isascii() for name in listed)
        assert any("-" in name for name in listed)


def test_the_same_seed_makes_the_same_people():
    """Two supplies of one seed agree; another seed does not."""
    assert list(islice(People(3), 50)) == list(islice(People(3), 50)) != list(islice(People(4), 50))


def test_every_number_is_valid_and_nobody_shares_one():
    """`phonenumbers` accepts them all, in every spelling."""
    numbers = [number for person in islice(People(1), 1500) for number, _ in person.phones]
    assert len(set(numbers)) == len(numbers) > 1500
    for index, number in enumerate(numbers):
        parsed = phonenumbers.parse(spell(number, index), "US")
        assert phonenumbers.is_valid_number(parsed), number
        assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == f"+1{number}"
    assert len({number[:3] for number in numbers}) > 20
    assert len({spell("4045671234", style) for style in range(6)}) == len(PHONE_FORMATS)


def test_every_address_is_on_a_domain_nobody_owns():
    """example.com, .org and .net only, plain ASCII, each once."""
    emails = [person.email for person in islice(People(1), 1500)]
    assert len(set(emails)) == 1500
    assert {email.split("@")[1] for email in emails} == {"example.com", "example.org", "example.net"}
    assert all(email.isascii() and email == email.lower() and " " not in email for email in emails)


def test_notes_are_as_agents_write_them():
    """Single lines, several lines, emoji, other alphabets, and some longer than any vendor takes."""
    people = People(2)
    notes = [people.note() for _ in range(400)]
    assert any("\n" in note for note in notes)
    assert any("\n" not in note for note in notes)
    assert any(ord(letter) > 0xFFFF for note in notes for letter in note)
    assert max(map(len, notes)) > LONG_NOTE_CHARS


def test_about_four_in_ten_are_in_both(world: tuple[dict[str, ToyVendor], Population]):
    """The overlap has its share of contradictions, other labels and namesakes; every vendor has agents."""
    sandboxes, population = world
    both = [placed for placed in population.placed if len(placed.leads) == 2]
    assert 0.33 <= len(both) / 600 <= 0.47
    counts = {kind: sum(placed.kind == kind for placed in both) for kind in ("same", "labels", "conflict", "namesake")}
    assert all(counts.values())
    assert sum(len(sandbox.ids()) for sandbox in sandboxes.values()) == 600 + len(both)
    assert len(population.agents) == 20
    for agent, ids in population.agents:
        assert [sandboxes[name].agents[agent_id] for name, agent_id in ids.items()] == [agent.email] * 2


def test_overlaps_are_what_they_say(world: tuple[dict[str, ToyVendor], Population]):
    """Same: equal but for spelling. Conflict: a field differs. Namesake: other address, same telephone."""
    sandboxes, population = world

    def digits(shown: dict[str, Any]) -> set[str]:
        return {"".join(c for c in text if c.isdigit())[-10:] for text, _ in shown["phones"]}

    compared = ("first_name", "last_name", "email", "street", "stage", "source")
    spellings = 0
    for placed in population.placed:
        if placed.kind == "alone":
            assert len(placed.leads) == 1
            continue
        one, two = (sandboxes[name].shows(lead) for name, lead in placed.leads.items())
        differs = {key for key in compared if one[key] != two[key]}
        spellings += one["phones"] != two["phones"]
        if placed.kind in {"same", "labels"}:
            assert not differs
            assert digits(one) == digits(two)
        elif placed.kind == "namesake":
            assert "email" in differs <= {"email", "first_name"}
            assert digits(one) == digits(two)
        else:
            assert "email" not in differs
            assert differs or digits(one) != digits(two) or one["first_name"] == two["first_name"]
    assert spellings > 100


def test_one_vendor_alone_has_no_overlap():
    """A world of one is a world."""
    toy = ToyVendor(VirtualClock())
    populate({"toy": toy}, 40)
    assert len(toy.ids()) == 40


def test_the_same_seed_makes_the_same_world():
    """Leads, labels, notes and assignments agree."""
    worlds = []
    for _ in range(2):
        sandboxes = {name: ToyVendor(VirtualClock()) for name in ("one", "two", "three")}
        populate(sandboxes, 60, seed=9)
        worlds.append({name: [sandbox.shows(lead) for lead in sandbox.ids()] for name, sandbox in sandboxes.items()})
    assert worlds[0] == worlds[1]


@pytest.fixture(scope="module")
def five() -> tuple[dict[str, SandboxVendor], Population]:
    """One account at every vendor, with 300 people."""
    sandboxes = {name: SANDBOXES[name](VirtualClock()) for name in DEFAULT_VENDORS}
    return sandboxes, populate(sandboxes, 300, seed=1)


def test_two_accounts_keep_the_people_they_always_had():
    """What five need changes nothing for two: the same number of leads, labels and notes."""
    sandboxes = {name: SANDBOXES[name](VirtualClock()) for name in ("cinc", "chime")}
    populate(sandboxes, 300, seed=1)
    counts = {
        name: (len(shown), sum(len(one["labels"]) for one in shown), sum(len(one["notes"]) for one in shown))
        for name, there in sandboxes.items()
        for shown in [[there.shows(lead) for lead in there.ids()]]
    }
    assert counts == {"cinc": (189, 211, 133), "chime": (221, 250, 189)}


def test_people_are_spread_over_all_five(five: tuple[dict[str, SandboxVendor], Population]):
    """Every vendor has its share, four in ten people are in two to five of them, of every kind and in every number."""
    sandboxes, population = five
    leads = {name: len(there.ids()) for name, there in sandboxes.items()}
    assert min(leads.values()) > 0.8 * max(leads.values())
    homes = Counter(len(placed.leads) for placed in population.placed)
    assert set(homes) == {1, 2, 3, 4, 5}
    assert 0.33 <= 1 - homes[1] / 300 <= 0.47
    kinds = Counter(placed.kind for placed in population.placed)
    assert min(kinds[kind] for kind in ("same", "labels", "conflict", "namesake")) >= 8
    pairs = {frozenset((one, two)) for placed in population.placed for one in placed.leads for two in placed.leads}
    assert len(pairs) == 5 + 10, "somebody is in every two of them"


def test_agents_work_at_every_vendor_under_one_address(five: tuple[dict[str, SandboxVendor], Population]):
    """An agent has an account everywhere, and at every vendor most leads have one."""
    sandboxes, population = five
    assert len(population.agents) == 10
    for name, there in sandboxes.items():
        known = {ids[name] for _, ids in population.agents}
        assert len(known) == 10
        assigned = [there.shows(lead)["assignments"].get("primary") for lead in there.ids()]
        assert sum(agent in known for agent in assigned) > 0.6 * len(assigned)
    assert list(dict(population.agents[0][1])) == list(DEFAULT_VENDORS)


def test_everybody_can_be_called_and_written_to(five: tuple[dict[str, SandboxVendor], Population]):
    """Everywhere each lead shows a valid number and an address of its own; there are notes, labels where possible."""
    sandboxes, _ = five
    labels, notes = Counter[str](), Counter[str]()
    for name, there in sandboxes.items():
        emails = set()
        for lead in there.ids():
            shown = there.shows(lead)
            emails.add(shown["email"].lower())
            for text, _ in shown["phones"]:
                assert phonenumbers.is_valid_number(phonenumbers.parse(text, "US")), name
            assert shown["phones"]
            labels[name] += len(shown.get("labels") or ())
            notes[name] += len(shown["notes"])
        assert len(emails) == len(there.ids())
    assert {name for name, number in labels.items() if number} == {"cinc", "chime", "rechat"}
    assert min(notes.values()) >= 20
