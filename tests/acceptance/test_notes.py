"""Notes appear exactly once everywhere."""

from __future__ import annotations

from collections import Counter

import pytest

from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault
from tests.acceptance.world import World, ada

EMOJI = "She said 👩‍👩‍👧‍👦 🏡 née Müller, “soon” — 中文"
CRLF = "first line\r\nsecond line\r\n\r\nlast line"


def long_note(length: int = 4900) -> str:
    """A text of words, with an emoji now and then."""
    words = "".join(f"word{number} " if number % 40 else "🏡 " for number in range(length))
    return words[: length - 1] + "."


async def settled_bodies(world: World) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """The texts at CINC, at Chime (parts joined) and in the graph, line ends alike."""
    (mine,), (other,) = world.cinc.ids(), world.chime.ids()
    graph = [note["body"] for note in (await world.shown("ada@example.com"))["notes"]]
    return (
        Counter(_plain(text) for text in world.bodies("cinc", mine)),
        Counter(_plain(text) for text in world.bodies("chime", other)),
        Counter(map(_plain, graph)),
    )


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


async def test_notes_of_all_sorts_appear_exactly_once(both_dialects: World):
    """Identical texts typed twice stay two, emoji and CRLF survive; each is everywhere once, and stays once."""
    world = both_dialects
    mine = world.cinc.add_person(**ada())
    for text in ("Call back.", "Call back.", EMOJI, CRLF):
        world.cinc.add_note(mine, text)
    await world.quiet()
    (other,) = world.chime.ids()
    for text in ("From Chime.", "From Chime.", "Call back.", EMOJI):
        world.chime.add_note(other, text)
    await world.quiet(full=True)
    typed = ["Call back."] * 3 + [EMOJI] * 2 + [_plain(CRLF)] + ["From Chime."] * 2
    assert await settled_bodies(world) == (Counter(typed),) * 3
    world.forget()
    await world.quiet(full=True)
    assert world.written() == []
    assert await settled_bodies(world) == (Counter(typed),) * 3


async def test_a_long_note_is_three_numbered_parts_read_back_as_one(both_dialects: World):
    """4,900 characters typed at CINC are three numbered parts at Chime within its limit; they are read back as one
    note, and nothing is sent again.
    """
    world = both_dialects
    text = long_note()
    mine = world.cinc.add_person(**ada())
    world.cinc.add_note(mine, text)
    await world.quiet()
    (other,) = world.chime.ids()
    stored = [body for _, body in world.chime.shows(other)["notes"]]
    assert len(stored) == 3
    assert all(len(body) < 2000 for body in stored)
    headers = [parse(body, DEFAULT_TEMPLATE)[0] for body in stored]
    assert sorted((h.part, h.parts) for h in headers if h) == [(1, 3), (2, 3), (3, 3)]
    world.forget()
    await world.quiet(full=True)
    assert world.written() == []
    assert [note["body"] for note in (await world.shown("ada@example.com"))["notes"]] == [text]
    assert world.bodies("cinc", mine) == [text]


async def test_an_edit_of_one_part_edits_the_one_note(world: World):
    """A person who changes the second part at Chime has changed that stretch of the one note in the graph."""
    text = long_note()
    mine = world.cinc.add_person(**ada())
    world.cinc.add_note(mine, text)
    await world.quiet()
    (other,) = world.chime.ids()
    rows = sorted(world.chime.shows(other)["notes"], key=lambda row: row[1].partition("\n")[0])
    note, body = rows[1]
    changed = body[:300] + "EDITED" + body[306:]
    world.chime.edit_note(other, note, changed)
    await world.quiet(full=True)
    (only,) = (await world.shown("ada@example.com"))["notes"]
    assert "EDITED" in only["body"]
    assert len(only["body"]) == len(text)
    assert len(world.chime.shows(other)["notes"]) == 3
    await world.in_step()


async def test_an_edit_at_chime_of_a_note_from_chime_stays_one_note(world: World):
    """A note edited where it was typed is still one note; CINC, which cannot edit, keeps its one copy."""
    other = world.chime.add_person(**ada())
    note = world.chime.add_note(other, "Prefers mornings.")
    await world.quiet()
    world.chime.edit_note(other, note, "Prefers evenings.")
    await world.quiet(full=True)
    assert len(world.only("cinc")["notes"]) == 1
    assert [n["body"] for n in (await world.shown("ada@example.com"))["notes"]] == ["Prefers evenings."]
    await world.in_step()


def is_note(ask: Ask) -> bool:
    """Whether a call writes a note."""
    return ask.method == "POST" and (ask.template == "/v1.0/notes" or b'"notes"' in ask.body)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", ["chime", "cinc"])
async def test_a_crash_at_a_note_leaves_it_once(world: World, at: str, moment: str):
    """Killed right before or right after the vendor commits a note, also with the same words typed by a person there:
    afterwards every note is everywhere exactly once (a long one in two parts where it has to be).
    """
    there = world.cinc if at == "chime" else world.chime
    text_of_two = long_note(2500 if at == "chime" else 1900)  # with its header too long for one note at Chime
    lead = there.add_person(**ada())
    await world.quiet()
    target = world.sandboxes[at]
    for text in ("Call back.", "Call back.", text_of_two):
        there.add_note(lead, text)
    target.add_note(target.ids()[0], "Call back.")
    await world.crashing(lambda ask, when: is_note(ask) and when == moment, at=at)
    await world.quiet(full=True)
    await world.quiet(full=True)
    typed = Counter({"Call back.": 3, text_of_two: 1})
    cinc, chime, graph = await settled_bodies(world)
    assert graph == typed
    assert cinc["Call back."] == chime["Call back."] == 3
    assert chime.total() == (5 if at == "chime" else 4)
    assert cinc.total() == 4
    await world.in_step()


@pytest.mark.parametrize("at", ["chime", "cinc"])
async def test_an_answer_that_is_lost_leaves_the_note_once(world: World, at: str):
    """The vendor commits the note and the connection breaks: it is looked for, found and never sent again."""
    there = world.cinc if at == "chime" else world.chime
    lead = there.add_person(**ada())
    await world.quiet()
    there.add_note(lead, "Call back.")
    lost: list[str] = []

    def fault(ask: Ask, moment: str) -> Fault | None:
        if is_note(ask) and moment == "after" and not lost:
            lost.append(ask.template)
            return Fault("drop")
        return None

    world.sandboxes[at].fault = fault
    await world.quiet()
    assert lost
    assert await settled_bodies(world) == (Counter(["Call back."]),) * 3
    await world.in_step()


async def test_a_lost_database_neither_doubles_a_note_nor_writes_over_another(world: World):
    """Beside CRMs that were in step, syncd begins anew with an empty database: the copies it made once are known by
    their words and their headers, whatever numbers those bear, and no note is written.
    """
    mine = world.cinc.add_person(**ada())
    world.cinc.add_note(mine, "Typed in CINC.")
    world.cinc.add_note(mine, "Typed in CINC, too.")
    await world.quiet()
    (other,) = world.chime.ids()
    world.chime.add_note(other, "Typed in Chime.")
    await world.quiet()
    before = {name: [text for _, text in world.only(name)["notes"]] for name in ("cinc", "chime")}
    async with world.open() as syncd:
        tables = "lead, link, note, change, conflict, operation, cursor, connection, agent, label, walk, walk_seen"
        with syncd.database.connect(autocommit=True) as admin:
            admin.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    world.forget()
    await world.quiet()
    assert {name: [text for _, text in world.only(name)["notes"]] for name in before} == before
    world.cinc.edit_note(mine, world.only("cinc")["notes"][0][0], "Typed in CINC, and corrected.")
    await world.quiet(full=True)
    texts = [text.partition("\n")[2] for _, text in world.only("chime")["notes"]]
    assert "Typed in CINC, and corrected." in texts
    assert "Typed in CINC, too." in texts
