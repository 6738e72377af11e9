"""Bad input gives one clear line or one quarantine row; everything else goes on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from syncd.engine.run import Report
from syncd.sandbox.faults import Fault, always
from tests.acceptance.world import World, ada

OTHER = {"cinc": "chime", "chime": "cinc"}
MB = 1024 * 1024


def somebody(world: World, at: str, name: str = "grace") -> str:
    """A good lead at a sandbox."""
    return world.sandboxes[at].add_person(first_name=name.title(), last_name="Hopper", email=f"{name}@example.com")


def one_line(report: Report, name: str, *words: str) -> None:
    """This connection failed with one line that says what; the other one did not fail."""
    tally = report.connections[name]
    assert tally.error
    assert "\n" not in tally.error
    assert len(tally.error) < 200
    for word in words:
        assert word in tally.error
    assert not report.connections[OTHER[name]].error
    assert report.connections[OTHER[name]].pulled >= 1


@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_a_wrong_token(world: World, name: str):
    """A wrong token: one line, that connection pauses and says what to do; the other one is read. Mended, all is
    well.
    """
    somebody(world, OTHER[name])
    world.tokens[name] = "wrong"
    report = await world.sync()
    one_line(report, name)
    assert "wrong" not in report.connections[name].error
    assert (await world.view("status"))["connections"][name]["paused"]
    assert world.writes == 0
    del world.tokens[name]
    await world.quiet()
    assert len(world.sandboxes[name].ids()) == 1
    assert not (await world.view("status"))["connections"][name]["paused"]


@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_an_unreachable_host(world: World, name: str):
    """Nobody listens there: one line, nothing is waited for; the other connection is read."""
    somebody(world, OTHER[name])
    world.urls[name] = "http://127.0.0.1:9"
    one_line(await world.sync(), name, "unreachable")
    del world.urls[name]
    await world.quiet()
    assert len(world.sandboxes[name].ids()) == 1


@pytest.mark.parametrize(("kind", "words"), [("html", "HTML"), ("half", "JSON"), ("error", "500")])
@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_answers_that_are_no_json(world: World, name: str, kind: Any, words: str):
    """HTML, half a JSON or an error from every call: one line; the other connection is read; mended, all is well."""
    somebody(world, OTHER[name])
    moment: Any = "after" if kind == "half" else "before"
    world.sandboxes[name].fault = always(Fault(kind), moment)
    one_line(await world.sync(), name, words)
    world.sandboxes[name].fault = None
    await world.quiet()
    assert len(world.sandboxes[name].ids()) == 1


@pytest.mark.parametrize("kind", ["html", "half", "drop"])
@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_writes_answered_with_garbage_are_not_repeated_blindly(world: World, name: str, kind: Any):
    """Where the answer of every write is HTML, half a JSON or missing, the records are there once all the same."""
    lead = somebody(world, OTHER[name])
    world.sandboxes[OTHER[name]].add_note(lead, "Likes numbers.")
    sandbox = world.sandboxes[name]
    sandbox.fault = lambda ask, moment: Fault(kind) if ask.write and moment == "after" else None
    await world.sync()
    sandbox.fault = None
    await world.quiet()
    assert len(sandbox.ids()) == 1
    assert world.bodies(name) == ["Likes numbers."]
    await world.in_step()


def spoil(world: World, name: str, lead: str, how: str) -> None:
    """Put something into a stored lead that no answer should hold."""
    value: Any = {"number": {"a": ["string"]}, "nul": "Nul\x00l", "list": ["x"]}[how]
    if name == "cinc":
        world.cinc.site.leads[lead]["info"]["contact"]["first_name"] = value
        world.cinc.site.touched(lead)
    else:
        held = world.chime.leads[int(lead)]
        held.held["firstName"] = value
        world.chime.touch(held)


@pytest.mark.parametrize("how", ["number", "nul", "list"])
@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_a_record_that_cannot_be_read_is_one_quarantine_row(world: World, name: str, how: str):
    """An object where a text belongs, or a NUL character: one quarantine row; all other leads go on; once mended the
    row is gone and the lead is synchronised.
    """
    somebody(world, name)
    bad = somebody(world, name, "bad")
    spoil(world, name, bad, how)
    report = await world.sync()
    assert not report.failed
    assert report.quarantined == 1
    (row,) = await world.view("quarantine_list")
    assert (row["connection"], row["kind"], row["external_id"]) == (name, "lead", bad)
    assert "\n" not in row["error"]
    assert "Nul" not in row["error"]
    there = world.sandboxes[OTHER[name]]
    assert [there.shows(lead)["first_name"] for lead in there.ids()] == ["Grace"]
    again = await world.sync()
    assert (again.quarantined, again.quiet) == (1, True)
    world.sandboxes[name].edit(bad, "first_name", "Good")
    mended = await world.quiet()
    assert mended.quarantined == 0
    assert {there.shows(lead)["first_name"] for lead in there.ids()} == {"Grace", "Good"}


async def test_a_string_where_a_number_belongs(world: World):
    """A word where a price belongs has no translation: it is kept, told per record and not overwritten, and the rest of
    that lead goes on; a shape that is no value at all is one quarantine row.
    """
    somebody(world, "chime")
    odd, bad = somebody(world, "chime", "odd"), somebody(world, "chime", "bad")
    for lead, value in ((odd, "a lot"), (bad, {"price": [1]})):
        held = world.chime.leads[int(lead)]
        held.held["inquiry"] = {"priceMin": value}
        world.chime.touch(held)
    report = await world.sync()
    assert not report.failed
    assert report.quarantined == 1
    (row,) = await world.view("quarantine_list")
    assert row["external_id"] == bad
    assert {world.cinc.shows(lead)["first_name"] for lead in world.cinc.ids()} == {"Grace", "Odd"}
    shown = await world.shown("odd@example.com")
    assert [link["unmapped"] for link in shown["links"] if link["connection"] == "chime"] == [["price_min"]]
    world.chime.edit(odd, "city", "London")
    world.chime.edit(bad, "price_min", 100)
    assert (await world.quiet()).quarantined == 0
    assert world.chime.shows(odd)["price_min"] == "a lot"


async def test_a_record_that_goes_bad_keeps_what_is_known(world: World):
    """A linked lead that cannot be read any more stays as it is on the other side and in the graph, and nothing is
    written to it until it can be read again.
    """
    mine = world.cinc.add_person(**ada())
    await world.quiet()
    spoil(world, "cinc", mine, "number")
    world.chime.edit(world.chime.ids()[0], "city", "London")
    world.forget()
    report = await world.sync()
    assert report.quarantined == 1
    assert not report.failed
    assert world.only("chime")["first_name"] == "Ada"
    assert (await world.shown("ada@example.com"))["fields"]["first_name"] == "Ada"
    world.cinc.edit(mine, "first_name", "Ada")
    assert (await world.quiet()).quarantined == 0
    assert world.only("cinc")["city"] == "London"


async def test_a_record_without_an_id(world: World):
    """A row without a usable id is one quarantine row; the page goes on."""
    somebody(world, "cinc")
    bad = somebody(world, "cinc", "bad")
    world.cinc.site.leads[bad]["id"] = ""
    world.cinc.site.touched(bad)
    report = await world.sync()
    assert not report.failed
    assert report.quarantined == 1
    assert [world.chime.shows(lead)["first_name"] for lead in world.chime.ids()] == ["Grace"]


@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_a_note_with_a_nul(world: World, name: str):
    """A NUL in a note: one quarantine row for that note; the lead's other notes go on."""
    lead = world.sandboxes[name].add_person(**ada())
    world.sandboxes[name].add_note(lead, "bad\x00note")
    world.sandboxes[name].add_note(lead, "good note")
    report = await world.sync()
    assert not report.failed
    assert report.quarantined == 1
    assert world.bodies(OTHER[name]) == ["good note"]
    assert (await world.sync()).quiet


async def test_a_note_of_ten_megabytes(world: World):
    """A 10 MB note (from a vendor that should not have one): the sync ends, the rest goes on, nothing doubles."""
    lead = world.cinc.add_person(**ada())
    somebody(world, "cinc")
    world.cinc.add_note(lead, "small note")
    note = world.cinc.add_note(lead, "x")
    world.cinc.site.notes[lead][note].content = "a ten megabyte note " * (10 * MB // 20)
    report = await world.sync(until_quiet=False)
    assert not report.failed, report.connections
    assert len(world.chime.ids()) == 2
    ada_there = world.find("chime", email="ada@example.com")
    texts = world.bodies("chime", ada_there)
    assert texts.count("small note") == 1
    assert report.quarantined == 1 or len(texts) > 1
    assert len(texts) < 100, "thousands of calls for one note"


async def test_a_vendor_that_fails_now_and_then_is_repeated(world: World):
    """Single failures of every kind are repeated and not noticed."""
    somebody(world, "cinc")
    kinds: list[Any] = ["error", "html", "drop", "rate"]

    def fault(ask: Any, moment: str) -> Fault | None:
        return Fault(kinds.pop()) if kinds and moment == "before" and not ask.write else None

    world.cinc.fault = fault
    await world.quiet()
    assert not kinds
    assert len(world.chime.ids()) == 1


async def test_lines_have_no_url_parameters(world: World):
    """A failing look-up by address names its path and not the address."""
    somebody(world, "cinc")
    await world.sync(until_quiet=False)
    world.chime.fault = lambda ask, moment: Fault("error") if ask.query and moment == "before" else None
    somebody(world, "cinc", "alan")
    report = await world.sync()
    assert not re.search("alan|grace|example", str(report))


async def test_a_record_in_quarantine_keeps_nobody_from_coming_to_rest(world: World):
    """It bears the address of another CRM's lead: the lead is not created beside it, that is said, and the sync ends;
    once it can be read, it is linked.
    """
    world.cinc.add_person(**ada())
    broken = world.chime.add_person(**ada(last_name="By\x00ron"))
    report = await world.sync()
    assert (report.quiet, report.quarantined, len(world.chime.ids())) == (True, 1, 1)
    assert report.cycles < 5
    world.chime.edit(broken, "last_name", "Byron")
    await world.quiet()
    assert (await world.view("lead_list"))["total"] == 1
    await world.in_step()


async def test_a_lead_that_is_no_more_stops_nothing(world: World):
    """A row was taken away by hand: a record that was linked with it is matched anew when it is read, and everybody
    else goes on. (`syncd links repair` mends the rest.)
    """
    lost = world.cinc.add_person(**ada())
    world.cinc.add_person(**ada(first_name="Eve", email="eve@example.com"))
    await world.quiet()
    node = (await world.shown(f"cinc:{lost}"))["id"]
    async with world.open() as syncd:
        await syncd.store.fetch("DELETE FROM lead WHERE id = %s RETURNING 1", node)
    await world.clock.sleep(60)
    world.cinc.edit(lost, "city", "London")
    world.cinc.edit(world.find("cinc", first_name="Eve"), "city", "Paris")
    report = await world.sync()
    assert not report.failed
    assert world.chime.shows(world.find("chime", first_name="Eve"))["city"] == "Paris"
    again = await world.shown(f"cinc:{lost}")
    assert again["id"] != node
    assert again["fields"]["city"] == "London"


@pytest.mark.parametrize("answer", [Fault("error", status=500), Fault("error", status=200, body=b'{"lead":{}}')])
async def test_a_lead_that_cannot_be_read_singly_holds_up_nobody(world: World, answer: Fault):
    """Rows lack labels, so each is read singly, and one of these readings never succeeds: everybody is carried over
    all the same, this one with what its row shows, and with its labels once it can be read.
    """
    world.cinc.switches["list_hides"] = ("labels",)
    bad, *_ = [world.cinc.add_person(**ada(email=f"a{n}@example.com", phones=[], first_name=f"N{n}")) for n in range(4)]
    world.cinc.add_label(bad, "Hot")
    world.cinc.fault = lambda ask, moment: (
        answer if moment == "before" and not ask.write and ask.path.endswith(f"/leads/{bad}") else None
    )
    report = await world.sync()
    assert report.connections["cinc"].error == ""
    assert sorted(world.chime.shows(lead)["first_name"] for lead in world.chime.ids()) == ["N0", "N1", "N2", "N3"]
    world.cinc.fault = None
    await world.quiet()
    await world.sync(full=True)
    (there,) = [lead for lead in world.chime.ids() if world.chime.shows(lead)["first_name"] == "N0"]
    assert "Hot" in world.chime.shows(there)["labels"]
