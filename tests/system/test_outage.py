"""One vendor is down for an hour, made short: the others stay in step, and what waited for it is made up for.

The hour: Chime dies while it takes in eight people, whom it takes in without telling; then it answers 503, then it
breaks off whatever comes. Meanwhile people work at the other vendors, and at Chime, whose pages open all the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_high
from typing import Any

from syncd.sandbox.message import Call
from syncd.store.database import Database
from tests.system.desk import typed
from tests.system.outage import CHANGED, Asked, Outage, People, Person, Street, town_of, windows
from tests.system.service import Process, started
from tests.system.town import Town

ORDER = ("cinc", "chime", "mycrm", "rechat", "epixel")
HEALTHY = ("cinc", "mycrm", "rechat", "epixel")
SYNC = 'poll = "1s"\nnotes_sweep = 0'
RULES = 'first_name = { rule = "ranked", order = ["cinc", "chime"] }'
OLD, IMPORTED = 8, 8
APART_S = 5.0
"""Between two edits of which the later one counts: more than is uncertain about when they were made."""
WINDOW_S, FREE, LIMIT = 1.5, 1000, 15
"""How many calls Chime allows in a window, before the outage and after it: the backlog needs several."""
USED_MIN = 0.9
REACHED_MAX = 50
"""Ten calls with their repeats: as many as may be under way at a time, and two that ask whether it is over."""
POLLS_MAX = 2
"""One that finds out that it is over, one for what pushes cannot know."""


@dataclass
class Hour:
    """The town in that hour."""

    town: Town
    outage: Outage = field(default_factory=Outage)
    known: Sequence[Person] = ()
    newcomer: Person | None = None

    def __post_init__(self) -> None:
        """Some people everywhere."""
        self.chime = self.town.sandboxes["chime"]
        self.people = People(self.town.sandboxes)
        self.street = Street(self.town.sandboxes, {"chime": self.outage})
        self.known = [self.people.arrives(ORDER[number % len(ORDER)], number) for number in range(OLD)]

    def begins(self) -> None:
        """Once all are in step: a portal brings eight people to CINC at once, and taking them in Chime dies."""

        def portal() -> None:
            self.outage.stage = "slow"
            self.chime.switches["hook_drop"] = 1.0  # it tells nobody that it did take them in
            for number in range(IMPORTED):
                self.people.arrives("cinc", 20 + number)

        self._come_in_step(ORDER)
        self.street.do(portal)

    def passes(self) -> None:
        """People work, at Chime before anybody has something for it; the healthy come in step, while it is down."""
        began = self.street.do(self._first)
        polls = len(self._polls())
        self.street.until(lambda: len(self._polls()) >= polls + 2)
        self.street.do(self._work)
        self._come_in_step(HEALTHY)
        self.street.until(lambda: time.monotonic() >= began + APART_S)
        self.street.do(self._later)
        self._come_in_step(HEALTHY)

    def ends(self) -> list[Asked]:
        """Chime is there again, and allows little. What it was asked until it showed everything; then all do."""
        self.street.until(lambda: self.outage.stage == "cut")
        first = self.street.do(self._mend)
        drained = self._come_in_step(["chime"])
        self._come_in_step(ORDER)
        return self.outage.asked[first:drained]

    def _come_in_step(self, vendors: Sequence[str]) -> int:
        """Wait for that. How much Chime was asked before."""
        people, asked = self.people, self.outage.asked
        alike = self.street.until(
            lambda: people.same_at(vendors) and (len(asked),), lambda: list(people.differences(vendors))
        )
        return alike[0] if alike else 0

    def _polls(self) -> list[Call]:
        """How often CINC was polled: between any two such calls Chime's turn came, with nothing to write there."""
        return [call for call in self.town.sandboxes["cinc"].calls if call.template == "/site/leads"]

    def _first(self) -> float:
        """At Chime: an edit, and somebody who will walk in elsewhere. When that was."""
        _later, earlier, *_ = self.known
        self.people.types("chime", earlier, "last_name", "Early", apart=True)
        self.people.arrives("chime", 40, apart=True)
        return time.monotonic()

    def _work(self) -> None:
        """At the healthy: edits, notes, people who walk in."""
        later, _earlier, ranked, _noted, *others = self.known
        for number, person in enumerate(others):
            self.people.types(HEALTHY[number], person, "last_name", f"Edited{number}")
            self.people.writes(HEALTHY[-1 - number], person, f"Called {number}.")
        for number, vendor in enumerate(HEALTHY):
            self.people.writes(vendor, self.people.arrives(vendor, 40 + number), "Walked in.")
        self.people.types("rechat", later, "last_name", "Early")
        self.people.types("cinc", ranked, "first_name", "Ranked")

    def _later(self) -> None:
        """The other halves of conflicts; at Chime, whose hooks come again, a note, somebody new, one who walked in."""
        later, earlier, ranked, noted, *_ = self.known
        self.chime.switches["hook_drop"] = 0.0
        self.people.types("chime", later, "last_name", "Late", apart=True)
        self.people.types("chime", ranked, "first_name", "Overruled", apart=True)
        self.people.writes("chime", noted, "Seen.", apart=True)
        self.people.types("mycrm", earlier, "last_name", "Late")
        self.people.arrives("chime", 41, apart=True)
        self.newcomer = self.people.arrives("chime", 50, apart=True)

    def _mend(self) -> int:
        """From now on what people of Chime did counts too, and the rules say how. How much it was asked before."""
        later, _earlier, _ranked, noted, *_ = self.known
        later.last_name = "Late"
        noted.notes["Seen."] += 1
        assert self.newcomer is not None
        self.people.known[self.newcomer.email] = self.newcomer
        self.outage.stage = "well"
        self.chime.rate_override = (LIMIT, WINDOW_S)
        return len(self.outage.asked)


def test_a_vendor_that_was_down_for_an_hour(tmp_path: Path, database: Database):
    """While it is down it is hardly called, and the others come in step. Afterwards everybody, every edit and every
    note is everywhere once, conflicts are decided by the rules, pushes went before polls, and the vendor's limit was
    used and kept. The log tells when it began and when it ended, and no more.
    """
    with town_of(tmp_path, database, ORDER, rate=(FREE, WINDOW_S), sync=SYNC, rules=RULES) as town:
        assert typed(town, "webhooks", "register", "--connection", "chime").code == 0
        hour = Hour(town)
        with started(town, "run") as daemon:
            hour.begins()
            daemon.says("connection.left_alone")
            is_named(typed(town, "status", "--json").json["connections"])
            hour.passes()
            backlog = hour.ends()
            assert daemon.stop() == 0
        assert hour.outage.lost
        assert hour.outage.reached <= REACHED_MAX
        in_quota_order(town, hour.outage.asked, backlog)
        is_told_once(daemon)
        decided = typed(town, "conflicts", "list", "--all", "--json").json["conflicts"]
        assert sorted((one["rule"], one["ours"], one["theirs"], one["outcome"]) for one in decided) == [
            ("newest", "Early", "Late", "theirs"),
            ("newest", "Late", "Early", "ours"),
            ("ranked", "Ranked", "Overruled", "ours"),
        ]
        nothing_is_left(hour)


def is_named(connections: dict[str, Any]) -> None:
    """`syncd status` says what is wrong with the one, and that nothing is with the others."""
    assert "/v1.0/" in connections["chime"]["last_error"]  # which call failed, and how
    assert {connections[name]["last_error"] for name in HEALTHY} == {""}


def in_quota_order(town: Town, asked: Sequence[Asked], backlog: Sequence[Asked]) -> None:
    """While pushes waited polls hardly took anything; the limit was used, and never overstepped."""
    assert sum(one.template == CHANGED for one in backlog) <= POLLS_MAX
    assert sum(one.polls for one in backlog) <= 2 * POLLS_MAX
    waited = [one for one in windows(asked, WINDOW_S) if backlog[0].at <= one[-1].at and one[0].at <= backlog[-1].at]
    assert len(waited) >= 3
    assert median_high(map(len, waited[:-1])) >= USED_MIN * LIMIT
    assert not [call for call in town.sandboxes["chime"].calls if call.status == 429]


def is_told_once(daemon: Process) -> None:
    """Two lines of the circuit and two of the connection, no other warning about any connection, and no defect."""
    lines = [json.loads(line) for line in daemon.lines if line.startswith("{")]
    warned = [(one["event"], one["connection"]) for one in lines if one["level"] == "warning" and "connection" in one]
    events = ("circuit.closed", "circuit.open", "connection.back", "connection.left_alone")
    assert sorted(warned) == [(event, "chime") for event in events]
    assert not [one for one in lines if "defect" in one["event"]]


def nothing_is_left(hour: Hour) -> None:
    """A sync comes to its end, and everybody is still everywhere once."""
    hour.chime.rate_override = (FREE, WINDOW_S)
    synced = typed(hour.town, "sync", "--until-quiet", "--json")
    assert synced.code == 0, synced.err
    assert (synced.json["quiet"], synced.json["pending"]) == (True, 0)
    assert hour.people.same_at(ORDER)
