"""`syncd verify` beside a daemon: what no poll can see is found, told, mended; killed, it goes on where it was."""

from __future__ import annotations

import threading
from typing import Any

from syncd.sandbox.faults import Fault
from syncd.sandbox.message import Ask
from syncd.store.database import Database
from tests.system.desk import typed
from tests.system.town import Town
from tests.system.unseen import beside_a_daemon, polled, secretly

KEYS = {"compared", "notes", "unknown", "missing", "absent", "waiting", "unread", "repaired", "fields", "complete",
        "resumed", "examples"}  # fmt: skip


def fill(town: Town) -> dict[str, str]:
    """Four leads typed at CINC, one of them with a note, and two agents who work in both CRMs: the agents at Chime."""
    cinc, chime = town.sandboxes["cinc"], town.sandboxes["chime"]
    there = {}
    for name in ("rebecca", "tom"):
        here = cinc.add_agent(f"{name}@example.com", name.title(), "Wood")
        there[name] = chime.add_agent(f"{name}@example.com", name.title(), "Wood")
        there.setdefault("first", here)
    for name in ("Ada", "Bob", "Cyd", "Dan"):
        lead = cinc.add_person(first_name=name, last_name="Byron", email=f"{name}@example.com", city="Rome")
        cinc.assign(lead, "primary", there["first"])
        if name == "Ada":
            cinc.add_note(lead, "Likes numbers.")
    return there


def leads(town: Town, name: str) -> dict[str, str]:
    """First name → lead, at a CRM."""
    sandbox = town.sandboxes[name]
    return {sandbox.shows(lead)["first_name"]: lead for lead in sandbox.ids()}


def test_what_no_poll_sees_is_found_told_and_mended(town: Town, database: Database):
    """A field, a label, an assignment and a note change at Chime without a word, one at each lead. The daemon polls on
    and sees nothing. `verify` names each of them and changes nothing, neither does it ask about notes if told not to;
    `--repair` has the daemon carry all four over; then nothing differs.
    """
    agents = fill(town)
    with beside_a_daemon(town) as (_, watch):
        cinc: Any = town.sandboxes["cinc"]
        chime: Any = town.sandboxes["chime"]
        there = leads(town, "chime")
        secretly(town, there["Bob"], lambda box: box.edit(there["Bob"], "city", "Paris"))
        secretly(town, there["Cyd"], lambda box: box.add_label(there["Cyd"], "VIP"))
        secretly(town, there["Dan"], lambda box: box.assign(there["Dan"], "primary", agents["tom"]))
        [(note, text)] = chime.shows(there["Ada"])["notes"]
        chime.edit_note(there["Ada"], note, text.replace("numbers", "engines"))
        secretly(town, there["Ada"], lambda _: None)
        polled(database, watch)
        writes = town.writes
        done = town.syncd("verify", "--json")
        assert done.code == 3, done.err
        assert set(done.json) == {"repair", "with_notes", "connections"}
        found = done.json["connections"]
        assert set(found["chime"]) == KEYS
        assert found["chime"]["fields"] == {"city": 1, "labels": 1, "assignment.primary": 1, "notes": 1}
        assert found["cinc"]["fields"] == {}
        counts = {name: found["chime"][name] for name in ("compared", "notes", "complete", "repaired")}
        assert counts == {"compared": 4, "notes": 4, "complete": True, "repaired": 0}
        told = {row["external_id"]: row["what"] for row in found["chime"]["examples"]}
        assert (told[there["Bob"]], told[there["Ada"]]) == ("city", "notes: 1 edited")
        assert "engines" not in done.out + done.err
        readable = typed(town, "verify", "--connection", "chime", "--no-notes")
        assert readable.code == 3
        assert "assignment.primary" in readable.out
        assert "notes: 1 edited" not in readable.out
        assert "Something differs at 1 connection." in readable.out
        assert town.writes == writes
        repaired = typed(town, "verify", "--repair", "--json")
        assert (repaired.code, repaired.json["connections"]["chime"]["repaired"]) == (0, 4), repaired.err
        here = leads(town, "cinc")
        watch.until(lambda: in_step(cinc.shows(here["Bob"]), cinc.shows(here["Cyd"]), cinc.shows(here["Dan"])))
        after = typed(town, "verify", "--json")
        assert (after.code, after.json["connections"]["chime"]["fields"]) == (0, {}), after.out
    shown = typed(town, "leads", "show", "ada@example.com", "--json").json["notes"]
    assert [note["body"] for note in shown] == ["Likes engines."]
    assert len(cinc.shows(here["Ada"])["notes"]) == len(chime.shows(there["Ada"])["notes"]) == 1


def in_step(bob: dict[str, Any], cyd: dict[str, Any], dan: dict[str, Any]) -> bool:
    """Whether CINC shows what happened at Chime."""
    handed_over = bool(dan["assignments"]["primary"] != bob["assignments"]["primary"])
    return handed_over and (bob["city"], cyd["labels"]) == ("Paris", ["VIP"])


def test_killed_in_its_middle_it_goes_on_where_it_was(town: Town):
    """A note typed at the first page and a kill -9 at the third one: the next process tells of the note without asking
    for that page again, and compares the rest; the daemon beside it goes on.
    """
    cinc: Any = town.sandboxes["cinc"]
    cinc.switches["page_max"] = 1
    for n in range(4):
        cinc.add_person(first_name=f"P{n}", last_name="Byron", email=f"p{n}@example.com")
    with beside_a_daemon(town):
        asked: list[str] = []
        reached = threading.Event()

        def watch(ask: Ask, moment: str) -> Fault | None:
            if moment != "before" or not ask.template.endswith("/notes"):
                return None
            if not asked:
                cinc.add_note(ask.path.split("/")[-2], "Wants a garden")
            asked.append(ask.path)
            if len(set(asked)) < 3 or reached.is_set():
                return None
            reached.set()
            return Fault("delay", delay_s=1)

        cinc.fault = watch
        with town.started("verify", "--connection", "cinc", "--json") as verifying:
            assert reached.wait(60)
            verifying.kill()
            verifying.wait()
        before = len(asked)
        done = typed(town, "verify", "--connection", "cinc", "--json")
        assert done.code == 3, done.err
        found = done.json["connections"]["cinc"]
        assert (found["resumed"], found["compared"], found["notes"], found["complete"]) == (True, 4, 4, True)
        assert found["fields"] == {"notes": 1}
        assert len(set(asked[before:])) == 2
        assert asked[0] not in asked[before:]
        assert typed(town, "verify", "--connection", "cinc", "--repair").code == 0
    cinc.fault = None
    assert typed(town, "sync", "--until-quiet").code == 0
    assert typed(town, "verify").code == 0
    chime = town.sandboxes["chime"]
    assert sum(len(chime.shows(lead)["notes"]) for lead in chime.ids()) == 1


def test_help_tells_what_it_costs(town: Town):
    """That notes cost calls, how to leave them out, and how it ends."""
    told = " ".join(typed(town, "verify", "--help").out.split())
    for words in ("--no-notes", "a call a lead", "goes on where it was", "syncd verify --connection chime --repair"):
        assert words in told
    assert typed(town, "verify", "--connection", "mars").code == 2
