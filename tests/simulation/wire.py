"""The wire between syncd and the sandboxes: where faults happen, processes die and people get in between.

Everything that reaches a vendor passes here, so this is also where each write is looked at: what it changed, whether
anybody ever said so, and whether it ran over something a person typed that nobody could have seen yet.
"""

# ruff: noqa: S311 -- chance out of a seed, nothing secret

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault, Moment
from syncd.sandbox.inprocess import SandboxTransport
from tests.simulation.people import RACES, VENDORS, Action, World
from tests.simulation.process import Life
from tests.simulation.scenario import Scenario
from tests.simulation.views import SCALARS, SETS, View

CRASHES_MAX, RACES_MAX = 7, 9
DEADLY = {
    "after create": 0.16, "before create": 0.04, "after write": 0.04, "before write": 0.03, "after read": 0.003,
    "before read": 0.003, "before commit": 0.004, "after commit": 0.004,
}  # fmt: skip
FAULTS = {
    "before": {"drop": 0.012, "error": 0.012, "rate": 0.012, "html": 0.004},
    "after": {"drop": 0.012, "error": 0.012, "half": 0.01, "html": 0.004},
}
RACE_HERE, RACE_ELSEWHERE = 0.2, 0.12
"""How likely somebody acts at a call: on the lead it is about; at a list, on what was edited elsewhere just now."""
SAME = {
    "first_name": "first_name",
    "last_name": "last_name",
    "street": "street",
    "stage": "stage",
    "email": "email",
    "phones": "phone_change",
    "primary": "assign",
}
"""Field → the kind of action that changes it."""
WRITE_TROUBLE = 3.0
"""How much likelier trouble is on a write."""
_LEAD = re.compile(r"/(?:site/leads|v1\.0/leads)/(?P<lead>[^/]+)")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request is: read, write or create (of a lead or a note), and which lead it is about."""

    vendor: str
    write: bool
    create: str = ""
    lead: str = ""
    single: bool = False

    @property
    def kind(self) -> str:
        """Read | write | create."""
        return "create" if self.create else "write" if self.write else "read"


def understand(vendor: str, request: httpx.Request, body: bytes) -> Sent:
    """What a request is about, by its method, path and body."""
    path, get = request.url.path, request.method == "GET"
    found = _LEAD.search(path)
    lead = found["lead"] if found and found["lead"] not in {"labels", "notes", "updateTime", "createTime"} else ""
    if get:
        return Sent(vendor, write=False, lead=lead, single=bool(lead) and path.endswith(f"/{lead}"))
    data: Any = orjson.loads(body) if body.strip() else {}
    keys = data if isinstance(data, dict) else {}
    create = ""
    if path.endswith("/site/leads"):
        lead, create = str(keys.get("id", "")), "" if "id" in keys else "lead"
    elif path.endswith("/v1.0/leads"):
        create = "lead"
    elif path.endswith("/v1.0/notes"):
        lead, create = str(keys.get("leadId", "")), "note"
    elif vendor == "cinc" and "notes" in keys:
        create = "note"
    elif vendor == "chime" and "/notes/" in path:
        lead = str(keys.get("leadId", ""))
    return Sent(vendor, write=True, create=create, lead=lead)


class Trouble:
    """Everything that goes wrong in a run, out of its own streams of chance, and how often it did."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self.scenario = scenario
        self.world = world
        self.counts: Counter[str] = Counter()
        self.armed = False
        self.inventions: list[str] = []
        self.seen_at: dict[tuple[str, str], int] = {}
        """(vendor, lead) → the moment of the ledger up to which syncd has read the record."""
        self._crashes, self._faults = scenario.stream("crashes"), scenario.stream("faults")
        self._races, self._latency = scenario.stream("races"), scenario.stream("latency")
        self.place: Sent | None = None
        answers = world.sandboxes["chime"].switches
        self._framed = {answers["create_answer"], answers["note_answer"]} <= {"object", "wrapped", "empty"}

    def deadly(self, place: str) -> bool:
        """Whether syncd dies here."""
        draw = self._crashes.random()
        if not self.armed or not self.scenario.has("crashes") or self.counts["crashes"] >= CRASHES_MAX:
            return False
        if draw >= DEADLY[place]:
            return False
        self.counts["crashes"] += 1
        self.counts[f"crash {place}"] += 1
        if place == "after create" and self.place is not None:
            self.counts["note races"] += self.place.create == "note"
        return True

    def fault(self, ask: Ask, moment: Moment) -> Fault | None:
        """What goes wrong with this call."""
        draw = self._faults.random()
        if not self.armed or not self.scenario.has("faults"):
            return None
        for kind, share in FAULTS[moment].items():
            draw -= share * (WRITE_TROUBLE if ask.write else 1)
            if draw < 0:
                # Half a number is a number.
                made = "drop" if kind == "half" and ask.write and not self._framed else kind
                self.counts["faults"] += 1
                self.counts[f"fault {made} {moment}"] += 1
                return Fault(made, delay_s=self._faults.choice((0.2, 3.0)))  # type: ignore[arg-type]
        return None

    def latency_s(self) -> float:
        """How long a request is on its way, one way."""
        return 3.0 if self._latency.random() < 0.02 else self._latency.uniform(0.01, 0.2)

    def race(self, sent: Sent, *, before: bool) -> None:
        """Perhaps somebody does something now: to the very lead that is read or written, or to a field under way."""
        draw = self._races.random()
        due = sent.write if before else sent.single or not sent.write
        if not due or not self.armed or not self.scenario.has("races") or self.counts["races"] >= RACES_MAX:
            return
        rng = random.Random(f"{self.scenario.seed}:{draw}")
        if sent.lead and (sent.write or sent.single):
            action = self._to_this(sent, rng, draw) if draw < RACE_HERE else None
        else:
            action = self._meanwhile(rng, draw) if draw < RACE_ELSEWHERE else None
        if action is not None and self.world.act(action):
            self.counts["races"] += 1
            self.counts["note races"] += action.kind == "note"

    def _to_this(self, sent: Sent, rng: random.Random, draw: float) -> Action | None:
        """Something to the lead of this call, mostly in the same vendor."""
        owner = self.world.owner.get((sent.vendor, sent.lead))
        person = self.world.people[owner] if owner is not None else None
        if person is None or person.records.get(sent.vendor) != sent.lead:
            return None
        here = rng.random() < 0.8 or len(person.records) < len(VENDORS)
        vendor = sent.vendor if here else rng.choice(VENDORS)
        kind = rng.choices(list(RACES), list(RACES.values()))[0]
        return Action(0, kind, person.index, vendor, rng.random(), f"{self.scenario.seed}:race:{draw}")

    def _meanwhile(self, rng: random.Random, draw: float) -> Action | None:
        """After a list was read, and before what it showed is carried over: the same field, in the other vendor."""
        fresh = [edit for edit in self.world.ledger.edits[-8:] if edit.at > 0 and edit.field in SAME]
        if not fresh:
            return None
        edit = rng.choice(fresh)
        vendor = VENDORS[1 - VENDORS.index(edit.vendor)]
        return Action(0, SAME[edit.field], edit.person, vendor, rng.random(), f"{self.scenario.seed}:race:{draw}")

    # What syncd's writes did.

    def look(self, sent: Sent) -> tuple[set[str], View | None]:
        """Before a write: which leads there are, and the one it is about."""
        ids = set(self.world.sandboxes[sent.vendor].ids()) if sent.create == "lead" else set()
        return ids, self.world.view(sent.vendor, sent.lead) if sent.lead else None

    def judge(self, sent: Sent, before: tuple[set[str], View | None]) -> None:
        """After a write: what it created or changed."""
        ids, old = before
        if sent.create == "lead":
            for lead in sorted(set(self.world.sandboxes[sent.vendor].ids()) - ids):
                self._created(sent.vendor, lead)
        owner = self.world.owner.get((sent.vendor, sent.lead))
        new = self.world.view(sent.vendor, sent.lead) if sent.lead else None
        if owner is None or old is None or new is None:
            return
        for name in SCALARS:
            if new[name] != old[name]:
                self.world.ledger.shown[sent.vendor, sent.lead, name].append((self.world.ledger.seq, new[name]))
                self._known(owner, sent, name, new[name])
                self._overwritten(sent, name, old[name], added=None)
        for name in SETS:
            if new[name] != old[name]:
                self.world.ledger.written[sent.vendor, sent.lead, name] = self.world.clock.monotonic()
            for element in new[name] - old[name]:
                self._known(owner, sent, name, element)
                self._overwritten(sent, name, element, added=False)
            for element in old[name] - new[name]:
                self._overwritten(sent, name, element, added=True)

    def _created(self, vendor: str, lead: str) -> None:
        """A record that syncd made: whose is it, and did anybody say all that?"""
        seen = self.world.view(vendor, lead)
        assert seen is not None
        self.counts["created"] += 1
        owner = self.world.known_as(seen)
        if owner is None:
            self.inventions.append(f"{vendor} {lead}: created for nobody known")
            return
        self.world.owner[vendor, lead] = owner
        self.world.routed |= {owner} if vendor == "chime" else set()
        allowed = self.world.ledger.allowed
        allowed[owner, "primary"].add(seen["primary"])  # the vendor's own routing
        allowed[owner, "stage"].add("new")  # and its default
        for name in SCALARS:
            self.world.ledger.shown[vendor, lead, name].append((self.world.ledger.seq, seen[name]))
            self._known(owner, Sent(vendor, write=True, lead=lead), name, seen[name])
        for name in SETS:
            for element in seen[name]:
                self._known(owner, Sent(vendor, write=True, lead=lead), name, element)
        person = self.world.people[owner]
        if vendor in person.records:
            self.inventions.append(
                f"{vendor} {lead}: a second record of person {owner} ({person.records[vendor]} is there)"
            )
        else:
            person.records[vendor] = lead

    def _known(self, owner: int, sent: Sent, name: str, value: str) -> None:
        if value and value not in self.world.ledger.allowed[owner, name]:
            self.inventions.append(f"{sent.vendor} {sent.lead}: {name} became {value!r}, which nobody typed")

    def _overwritten(self, sent: Sent, name: str, value: str, *, added: bool | None) -> None:
        """Mark the edit that this write ran over, if syncd cannot have seen it."""
        seen = self.seen_at.get((sent.vendor, sent.lead), 0)
        for edit in reversed(self.world.ledger.edits):
            if (edit.vendor, edit.lead, edit.field) != (sent.vendor, sent.lead, name):
                continue
            if edit.value != value or edit.added != added:
                if added is None:
                    return
                continue
            if edit.seq > seen:
                edit.lost = True
                self.counts["unseen overwrites"] += 1
            return


class Wire(httpx.AsyncBaseTransport):
    """One process's connection to one vendor."""

    def __init__(self, vendor: str, trouble: Trouble, life: Life) -> None:
        self._vendor, self._trouble, self._life = vendor, trouble, life
        self._inner = SandboxTransport({f"{vendor}.sandbox": trouble.world.sandboxes[vendor]})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request there and its answer back."""
        trouble = self._trouble
        sent = understand(self._vendor, request, await request.aread())
        self._life.boundary(f"before {sent.kind}")
        await asyncio.sleep(trouble.latency_s())
        self._life.check()
        trouble.race(sent, before=True)
        before = trouble.look(sent) if sent.write else (set(), None)
        moment = trouble.world.ledger.seq
        response: httpx.Response | None = None
        try:
            response = await self._inner.handle_async_request(request)
        finally:
            if sent.write:
                trouble.judge(sent, before)
        trouble.place = sent
        self._life.boundary(f"after {sent.kind}")
        await asyncio.sleep(trouble.latency_s())
        self._life.check()
        if sent.single and response.status_code == httpx.codes.OK and _whole(await response.aread()):
            trouble.seen_at[sent.vendor, sent.lead] = moment
        trouble.race(sent, before=False)
        return response


def _whole(body: bytes) -> bool:
    """Whether an answer arrived in one piece."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
