"""What any account is asked: how its people see a record, what it can hold, what a request to it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.message import Ask
from tests.simulation.views import SETS, View, digits_of, label_of, number_of, text_of, timeline_of

PRIMARY = {"emails": "email", "phones": "phone"}
FRAMES = ((1, 3), (3, 6), (6, 12), (12, None))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "labels": lambda shown: frozenset(label_of(label) for label in shown.get("labels", ())),
    "phones": lambda shown: frozenset(digits_of(number) for number, _ in shown.get("phones", ())),
    "emails": lambda shown: frozenset(str(address).strip().lower() for address in shown.get("emails", ())),
    "roles": lambda shown: frozenset(shown.get("roles", ())),
    "phone": lambda shown: next((digits_of(number) for number, _ in shown.get("phones", ())), ""),
    "email": lambda shown: str(shown.get("email") or "").strip().lower(),
    "buyer_timeline": lambda shown: timeline_of(shown.get("buyer_timeline")),
    "price_min": lambda shown: number_of(shown.get("price_min")),
    "price_max": lambda shown: number_of(shown.get("price_max")),
}
"""Field → how an app's plain words of it are read; other fields are texts."""


@dataclass(frozen=True, slots=True)
class Account:
    """One connected account.

    sandbox   key of `SANDBOXES`; ``switches`` are its habits
    options   further keys of the connection in syncd's config
    """

    name: str
    vendor: str
    sandbox: str
    switches: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request is: read, write or create (of a lead or a note), and which lead it is about.

    single     one whole lead is read
    forbidden  why the vendor's sheet does not allow it, "" if it does
    """

    account: str
    write: bool
    create: str = ""
    lead: str = ""
    single: bool = False
    forbidden: str = ""

    @property
    def kind(self) -> str:
        """Read | write | create."""
        return "create" if self.create else "write" if self.write else "read"


class Traits:
    """One account's. Subclasses say what differs.

    scalars, sets  the fields its app shows at all
    single         sets of which it holds one element, the lead's primary one
    stages         the words of its people → canonical stage; others are shown as "? word"
    frames         time frames its people can pick
    note_max       characters a person types into one note; ``note_edit``: whether syncd may change one there
    notes_read     whether syncd can read notes there; ``notes_move``: without a full comparison, too
    blur_s         an edit and a write this close together cannot be told apart by the record's time
    piecewise      fields that take several calls to write, and show halves of two values in between
    """

    scalars: ClassVar[tuple[str, ...]] = ()
    sets: ClassVar[tuple[str, ...]] = ()
    single: ClassVar[frozenset[str]] = frozenset()
    stages: Mapping[str, str] = {}
    odd_stages: tuple[str, ...] = ()
    frames: Sequence[tuple[int, int | None]] = FRAMES
    note_max: ClassVar[int] = 5000
    note_edit: ClassVar[bool] = False
    notes_read: bool = True
    notes_move: ClassVar[bool] = True
    blur_s: ClassVar[float] = 5.0
    piecewise: ClassVar[frozenset[str]] = frozenset()
    titles: ClassVar[tuple[str, ...]] = ()
    countries: ClassVar[tuple[str, ...]] = ()

    def __init__(self, account: Account) -> None:
        """``account`` as drawn."""
        self.account = account
        self.staff: set[str] = set()
        """Addresses of the agents who work here."""
        self.met: set[str] = set()
        """Those that a record here showed when a sync came to its quiet end: then syncd has read them."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Everything its app shows."""
        return (*self.scalars, *self.sets)

    def agents(self, sandbox: SandboxVendor) -> dict[str, str]:
        """Agents the account came with: id → address."""
        del sandbox
        return {}

    # What people see.

    def see(self, shown: Mapping[str, Any], agents: Mapping[str, str]) -> View:
        """A record's fields, comparable. ``agents``: this account's agent id → the agent's address."""
        return {name: self.read(name, shown, agents) for name in self.fields}

    def read(self, name: str, shown: Mapping[str, Any], agents: Mapping[str, str]) -> Any:
        """One field."""
        if name == "stage":
            word = str(shown.get("stage") or "")
            return self.stages.get(word, f"? {word}" if word else "")
        if name == "primary":
            return agents.get(str(shown.get("assignments", {}).get("primary", "")), "")
        return _READERS[name](shown) if name in _READERS else text_of(shown.get(name))

    # What it can hold.

    def hold(self, name: str, value: str) -> str | None:
        """What the app would show of a value (of one element, for sets); None: it has no way to."""
        if name == "primary" and value and value not in self.staff:
            return None
        return value if name in self.fields else None

    def fits(self, name: str, canon: View, seen: View) -> bool:
        """Whether a record shows of a field what it can show of the lead as syncd keeps it."""
        if name in self.single:
            return bool(seen[name] == frozenset({canon[PRIMARY[name]]} - {""}))
        if name in SETS:
            held = frozenset(one for element in canon[name] if (one := self.hold(name, element)) is not None)
            # Where nothing is left to show, roles stay: a blank overwrites nothing but labels.
            return bool(seen[name] == held or (name == "roles" and not held))
        held_value = self.hold(name, canon[name])
        return held_value is None or seen[name] == held_value or (not held_value and self.default(name) == seen[name])

    def default(self, name: str) -> str:
        """What syncd's config has it put where the vendor demands a value and the lead has none."""
        del name
        return ""

    def vendors_own(self, seen: View) -> View:
        """Values the vendor itself gives a lead that was created without any."""
        del seen
        return {"stage": "new"}

    def lacks(self, person: View) -> bool:
        """Whether syncd cannot create this person here."""
        del person
        return False

    def stuck(self, canon: View, seen: View, name: str) -> bool:
        """Whether the vendor refuses every change of this field (or of notes) for what the record and the lead lack."""
        del canon, seen, name
        return False

    # What its people type.

    def plain(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Common values as its people type them; the app itself leaves out what it has no field for."""
        plain = dict(fields)
        if "buyer_timeline" in plain:
            typed = self.frame(*plain.pop("buyer_timeline"))
            plain |= {"buyer_timeline": typed} if typed else {}
        return plain

    def frame(self, low: int, high: int | None) -> Any:
        """A time frame as its people pick it; None: there is none like that."""
        return f"{low}+" if high is None else f"{low}-{high}"

    # What requests mean.

    def understand(self, ask: Ask) -> Sent:
        """What a request is about, by its method, path and body."""
        raise NotImplementedError

    def framed(self) -> bool:
        """Whether half of an answer to a write can be told from a whole one."""
        return True


def json_of(ask: Ask) -> Mapping[str, Any]:
    """The object of a body, {} for anything else."""
    try:
        found = ask.json()
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, Mapping) else {}
