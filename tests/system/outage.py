"""A vendor that goes down amid its work, people who go on all the same, and what every CRM has to show in the end.

What is done and looked at here happens in the thread that serves the vendors, between two of their calls: nobody sees
half a change, and a page shows all of what people did at once or nothing of it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.faults import Fault, Moment
from syncd.sandbox.message import Ask
from syncd.store.database import Database
from tests.system.office import free_port
from tests.system.town import PACE, Town, serving

FIELDS = ("first_name", "last_name")
"""What all five vendors carry whole."""
SLOW_S = 1.0
"""How long the last creates take before the vendor goes down: until all of them are under way."""
WAIT_S = 40.0
"""How long to wait for what should take some seconds."""
LOOK_S = 0.05
"""How often to look while nobody writes."""
LEADS, CHANGED, MEMBERS = "/v1.0/leads", "/v1.0/leads/updateTime", "/v1.0/members"
Vendors = Mapping[str, SandboxVendor]
T = TypeVar("T")


@contextmanager
def town_of(
    folder: Path, database: Database, vendors: Sequence[str], *, rate: tuple[int, float], sync: str, rules: str
) -> Iterator[Town]:
    """These vendors, empty, and a config that connects to them; ``rate`` is Chime's, calls in so many seconds."""
    clock = SystemClock()
    sandboxes = {name: SANDBOXES[name](clock, **PACE.get(name, {})) for name in vendors}
    sandboxes["chime"].rate_override = rate
    with serving(sandboxes) as served:
        token, config, port = folder / "token", folder / "syncd.toml", free_port()
        token.write_text(SandboxVendor.token)
        guards = "".join(f"[connections.{name}.guard]\ncreates = 1000\nshare = 1.0\n" for name in vendors)
        connections = served.config(token).replace('poll = "5s"', sync)
        config.write_text(
            f"{connections}\n{guards}\n[rules]\n{rules}\n"
            f'[database]\nurl = "{database.url}"\nschema = "{database.schema}"\n'
            f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        )
        yield Town(folder, config, sandboxes, served.urls)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the vendor looked at. ``at``: seconds of the monotonic clock; ``query``: the names in it."""

    at: float
    method: str
    template: str
    query: frozenset[str]

    @property
    def polls(self) -> bool:
        """Whether it looks for what nobody told: the members, what changed, or all leads."""
        lists = (self.method, self.template) == ("GET", LEADS) and not {"email", "phone"} & self.query
        return lists or self.template in {MEMBERS, CHANGED}


@dataclass
class Outage:
    """Chime as it is now, and what it was asked. A `syncd.sandbox.faults.FaultPlan`.

    well  all is as it should be
    slow  creates take a moment; with the first of them that is carried out it goes down
    503   what comes is carried out and answered so: whoever asked does not know
    cut   from the first further request on it breaks off what comes; creates under way are carried out all the same
    """

    stage: Literal["well", "slow", "503", "cut"] = "well"
    asked: list[Asked] = field(default_factory=list)
    """What it looked at; that counts towards its limit."""
    reached: int = 0
    """Requests that came while it was down."""
    lost: int = 0
    """Creates that were carried out, and nobody was told."""

    def __call__(self, ask: Ask, moment: Moment) -> Fault | None:
        """What goes wrong with a call."""
        creates = (ask.method, ask.template) == ("POST", LEADS)
        return self._comes(ask, creates=creates) if moment == "before" else self._done(creates=creates)

    def _comes(self, ask: Ask, *, creates: bool) -> Fault | None:
        self.reached += self.stage in {"503", "cut"}
        if self.stage == "cut" and not creates:
            return Fault("drop")
        self.asked.append(Asked(time.monotonic(), ask.method, ask.template, frozenset(name for name, _ in ask.query)))
        return Fault("delay", delay_s=SLOW_S) if self.stage == "slow" and creates else None

    def _done(self, *, creates: bool) -> Fault | None:
        if self.stage == "well" or (self.stage == "slow" and not creates):
            return None
        if creates:
            self.lost += 1
            self.stage = "503" if self.stage == "slow" else self.stage
        else:
            self.stage = "cut"
        return Fault("error", status=503)


class Street:
    """Where everything at the vendors can be seen and done, as long as somebody calls them now and then."""

    def __init__(self, sandboxes: Vendors, faults: Mapping[str, Outage]) -> None:
        """From now on every call is noticed; those at a vendor of ``faults`` go as that says."""
        self._faults = faults
        self._waiting: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._lock = threading.Lock()
        self._looked = 0.0
        for name, sandbox in sandboxes.items():
            sandbox.fault = partial(self._called, name)

    def until(self, true: Callable[[], T], otherwise: Callable[[], object] = str) -> T:
        """Look again and again until something is true; what it was. ``otherwise``: what to say if it never is."""
        told: Future[T] = Future()
        with self._lock:
            self._waiting.append((true, told))
        try:
            return told.result(WAIT_S)
        except TimeoutError:
            raise AssertionError(f"it did not come to that: {otherwise()}") from None

    def do(self, act: Callable[[], T]) -> T:
        """Do something all at once; what came of it."""
        return self.until(lambda: (act(),))[0]

    def _called(self, vendor: str, ask: Ask, moment: Moment) -> Fault | None:
        now = time.monotonic()
        if (ask.write and moment == "after") or now >= self._looked + LOOK_S:
            self._looked = now
            with self._lock:
                self._waiting = [(look, told) for look, told in self._waiting if not _answered(look, told)]
        return self._faults[vendor](ask, moment) if vendor in self._faults else None


def _answered(look: Callable[[], Any], told: Future[Any]) -> bool:
    """Look once; whether there is an answer."""
    try:
        found = look()
    except Exception as error:  # noqa: BLE001 -- for whoever waits
        told.set_exception(error)
        return True
    if found:
        told.set_result(found)
    return bool(found)


@dataclass
class Person:
    """A lead, as every vendor should show it."""

    email: str
    first_name: str
    last_name: str
    notes: Counter[str] = field(default_factory=Counter)


class People:
    """Who should be where, and what people do about it.

    Whatever somebody types at a vendor is what is expected everywhere, unless it is typed ``apart``: then the test
    knows what becomes of it.
    """

    def __init__(self, sandboxes: Vendors) -> None:
        self._sandboxes = sandboxes
        self.known: dict[str, Person] = {}

    def arrives(self, vendor: str, number: int, *, apart: bool = False) -> Person:
        """Somebody new, or somebody who is known elsewhere."""
        person = Person(f"p{number}@example.com", f"First{number}", f"Last{number}")
        self._sandboxes[vendor].add_person(
            first_name=person.first_name, last_name=person.last_name, email=person.email,
            phones=[(f"(212) 555-{number:04d}", "cell")],
        )  # fmt: skip
        return person if apart else self.known.setdefault(person.email, person)

    def types(self, vendor: str, person: Person, name: str, value: str, *, apart: bool = False) -> None:
        """Somebody types another name."""
        self._sandboxes[vendor].edit(self._lead(vendor, person), name, value)
        if not apart:
            setattr(person, name, value)

    def writes(self, vendor: str, person: Person, text: str, *, apart: bool = False) -> None:
        """Somebody writes a note."""
        self._sandboxes[vendor].add_note(self._lead(vendor, person), text)
        person.notes[text] += not apart

    def same_at(self, vendors: Sequence[str]) -> bool:
        """Whether each of these shows everybody who is known once, by these names, with each note once."""
        return next(self.differences(vendors), None) is None

    def differences(self, vendors: Sequence[str]) -> Iterator[str]:
        """Where what these vendors show is not what they should."""
        for vendor in vendors:
            shown = [self._sandboxes[vendor].shows(lead) for lead in self._sandboxes[vendor].ids()]
            found = Counter(map(_email, shown))
            if found != (wanted := Counter(self.known.keys())):
                yield f"{vendor}: {found - wanted} too many, {wanted - found} missing"
                continue
            for record in shown:
                person = self.known[_email(record)]
                if odd := {name: record[name] for name in FIELDS if record[name] != getattr(person, name)}:
                    yield f"{vendor}: {person.email} is {odd}"
                if (notes := Counter(_body(text) for _, text in record["notes"])) != +person.notes:
                    yield f"{vendor}: {person.email} has {notes}"

    def _lead(self, vendor: str, person: Person) -> str:
        sandbox = self._sandboxes[vendor]
        (found,) = [lead for lead in sandbox.ids() if _email(sandbox.shows(lead)) == person.email]
        return found


def windows(asked: Sequence[Asked], length_s: float) -> list[list[Asked]]:
    """Requests by the vendor's window: each begins with the first one after the last one's end."""
    found: list[list[Asked]] = []
    for one in asked:
        if not found or one.at >= found[-1][0].at + length_s:
            found.append([])
        found[-1].append(one)
    return found


def _email(record: Mapping[str, Any]) -> str:
    return str(record["email"]).lower()


def _body(text: str) -> str:
    header, body = parse(text, DEFAULT_TEMPLATE)
    return (body if header is not None else text).strip()
