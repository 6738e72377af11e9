"""`syncd sync` and `syncd plan` as processes, over simulated vendors on sockets and a real database."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault
from syncd.sandbox.world import populate
from tests.acceptance import hurried
from tests.system.town import Town

PEOPLE = 16
OK = {0, 3}
"""Whether anybody has to decide something depends on who lives in the town, not on whether it worked."""


def contents(town: Town) -> dict[str, list[tuple[Any, ...]]]:
    """What both CRMs show of everybody, in terms that can be compared: notes without the header syncd adds."""
    return {name: sorted(_lines(sandbox)) for name, sandbox in town.sandboxes.items()}


def _lines(sandbox: Any) -> Iterator[tuple[Any, ...]]:
    for lead in sandbox.ids():
        seen = sandbox.shows(lead)
        bodies = sorted(parse(text, DEFAULT_TEMPLATE)[1] for _, text in seen["notes"])
        names = (seen.get("email") or "", seen.get("first_name") or "", seen.get("last_name") or "")
        rest = (seen.get("street") or "", seen.get("stage") or "", seen.get("source") or "")
        yield (*names, *rest, sorted(label.casefold() for label in seen["labels"]), bodies)


def test_sync_reaches_quiet_and_then_writes_nothing(town: Town):
    """After `sync --until-quiet` both CRMs have everybody, nobody twice; a further sync writes not one request,
    counted by the vendors themselves, and the plan is empty.
    """
    populate(town.sandboxes, PEOPLE, seed=5)
    first = town.syncd("sync", "--until-quiet", "--json")
    assert first.code in OK, first.err
    assert first.json["quiet"] is True
    assert first.json["pending"] == 0
    people = {name: Counter(line[0] for line in lines) for name, lines in contents(town).items()}
    assert people["cinc"].keys() >= people["chime"].keys() - {""}
    assert max(people["cinc"].values()) == 1
    before, reads = town.writes, town.reads
    second = town.syncd("sync", "--json")
    assert second.code == first.code, second.err
    assert town.writes == before
    assert town.reads > reads
    assert all(row["pushed"] == row["failed"] == 0 for row in second.json["connections"].values())
    plan = town.syncd("plan", "--json")
    assert plan.json == {"operations": [], "held": []}
    assert plan.code == 0
    assert town.writes == before


def test_plan_prints_the_operations_that_sync_carries_out(town: Town):
    """`plan --json` has the documented shape and writes nothing; the sync that follows pushes just as many."""
    cinc, chime = town.sandboxes["cinc"], town.sandboxes["chime"]
    lead = cinc.add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
    cinc.add_note(lead, "Likes numbers.")
    plan = town.syncd("plan", "--json")
    assert plan.code == 0, plan.err
    assert town.writes == 0
    assert plan.json.keys() == {"operations", "held"}
    for operation in plan.json["operations"]:
        assert operation.keys() == {"id", "connection", "kind", "action", "lead", "external_id", "fields"}
        assert operation["connection"] == "chime"
    create, note = plan.json["operations"]
    assert (create["kind"], create["action"], create["external_id"]) == ("lead", "create", None)
    assert create["fields"]["first_name"] == {"from": None, "to": "Ada"}
    assert (note["kind"], note["action"]) == ("note", "create")
    assert town.syncd("plan", "--json", "--offline").json == plan.json
    readable = town.syncd("plan", "--offline")
    assert "Ada Byron" in readable.out
    assert "create the lead" in readable.out
    done = town.syncd("sync", "--json")
    assert done.json["connections"]["chime"]["pushed"] == 2
    assert [seen["first_name"] for seen in map(chime.shows, chime.ids())] == ["Ada"]


def test_sync_json_has_the_documented_shape(town: Town):
    """Exactly the keys of DESIGN §13, and nothing but JSON on standard output."""
    town.sandboxes["chime"].add_person(first_name="Ada", email="ada@example.com")
    done = town.syncd("sync", "--json")
    keys = {"connections", "pending", "conflicts", "reviews", "quarantined", "held", "quiet"}
    assert done.json.keys() == keys
    assert done.json["connections"].keys() == {"cinc", "chime"}
    for row in done.json["connections"].values():
        assert row.keys() == {"pulled", "changed", "pushed", "failed", "requests"}
    assert done.json["connections"]["chime"]["pulled"] == 1
    assert done.json["connections"]["cinc"]["pushed"] == 1


def test_a_plan_over_a_limit_is_held_until_it_is_approved(town: Town):
    """A sync that would create more than the limit writes nothing and ends with 3; approved by its id, it goes out.
    An id nobody holds is a usage error.
    """
    for number in range(4):
        town.sandboxes["cinc"].add_person(first_name=f"P{number}", email=f"p{number}@example.com")
    tight = town.rewrite("[database]", "[connections.chime.guard]\ncreates = 2\n\n[database]")
    held = town.syncd("sync", "--json", config=tight)
    assert (held.code, held.json["held"], town.writes) == (3, 1, 0)
    plan = town.syncd("plan", "--json", config=tight)
    assert plan.code == 3
    assert plan.json["operations"] == []
    (one,) = plan.json["held"]
    assert one.keys() == {"id", "connection", "reasons", "operations", "state", "at"}
    assert len(one["operations"]) == 4
    assert town.syncd("plan", "approve", "nonsense", config=tight).code == 2
    assert town.syncd("plan", "approve", one["id"], config=tight).code == 0
    done = town.syncd("sync", "--until-quiet", "--json", config=tight)
    assert (done.code, done.json["held"]) == (0, 0)
    assert len(town.sandboxes["chime"].ids()) == 4


def test_a_rejected_plan_is_not_carried_out(town: Town):
    """Rejected, the very same plan neither goes out nor asks again."""
    for number in range(3):
        town.sandboxes["cinc"].add_person(first_name=f"P{number}", email=f"p{number}@example.com")
    tight = town.rewrite("[database]", "[connections.chime.guard]\ncreates = 2\n\n[database]")
    (one,) = town.syncd("plan", "--json", config=tight).json["held"]
    assert town.syncd("plan", "reject", one["id"], config=tight).code == 0
    done = town.syncd("sync", "--json", config=tight)
    assert (done.code, done.json["held"], town.writes) == (0, 0, 0)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_in_the_middle_and_started_again_ends_the_same(town: Town, second_town: Town, moment: str):
    """`kill -9` at a write, before or after the vendor carried it out: the next sync leaves both CRMs as an
    undisturbed one does, with nobody and no note twice.
    """
    populate(town.sandboxes, PEOPLE, seed=7)
    chime = town.sandboxes["chime"]
    with town.started("sync", "--until-quiet") as process:

        def kill(ask: Ask, when: str) -> Fault | None:
            if ask.write and when == moment and chime.writes == 8:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            return None

        chime.fault = kill
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        chime.fault = None
    again = town.syncd("sync", "--until-quiet", "--json")
    assert again.code in OK, again.err
    assert again.json["quiet"] is True
    populate(second_town.sandboxes, PEOPLE, seed=7)
    assert second_town.syncd("sync", "--until-quiet").code in OK
    assert contents(town) == contents(second_town)


def test_ctrl_c_stops_cleanly(town: Town):
    """SIGINT in the middle: one line that says so, exit code 1, no traceback; the next sync finishes the work."""
    town.program = (hurried.__file__,)  # a create that was cut off is not waited for for a minute
    populate(town.sandboxes, PEOPLE, seed=7)
    cinc = town.sandboxes["cinc"]
    with town.started("sync", "--until-quiet") as process:
        cinc.fault = lambda ask, when: (
            process.send_signal(signal.SIGINT) if ask.write and when == "after" and cinc.writes == 5 else None
        )
        out, err = process.communicate(timeout=60)
    cinc.fault = None
    assert process.returncode == 1
    assert "Traceback" not in out + err
    assert err.splitlines()[-1].startswith("stopped"), err
    assert "{" not in err
    assert town.syncd("sync", "--until-quiet").code in OK


def test_help_is_fast(town: Town):
    """`syncd --help` works without a config; its time is printed, not asserted (the machine may be busy)."""
    started = time.perf_counter()
    done = town.syncd("--help")
    print(f"syncd --help: {time.perf_counter() - started:.2f} s")  # noqa: T201 -- shown with pytest -s
    assert done.code == 0
    for command in ("sync", "plan", "status", "leads", "conflicts", "demo"):
        assert command in done.out
