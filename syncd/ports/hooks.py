"""Webhooks as the engine and the receiver see them: what a vendor calls us with, and how it is asked to.

A hook is a *hint*: "look at this record now". Nothing a delivery says is believed but the ids it names; the record
itself is read again. So a forged, doubled, late or reordered delivery can cost a read and never a value.

The address a vendor calls is ``{web.public_url}/hooks/{connection}``. Where the vendor can send a header of ours the
secret is in that; where it cannot, the secret is one more segment of the path.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

HintKind = Literal["lead", "notes", "note", "agents"]
BODY_BYTES_MAX = 1024 * 1024
"""No vendor's delivery comes near it; more than this is refused."""
SECRET_CHARS_MIN = 16
EVENT_CHARS_MAX = 128
ID_CHARS_MAX = 256
_SECRET = re.compile(rf"[A-Za-z0-9_.~-]{{{SECRET_CHARS_MIN},256}}\Z")
_EVENT = re.compile(rf"[\x21-\x7e]{{1,{EVENT_CHARS_MAX}}}\Z")


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this again.

    kind         lead: that lead; notes: the notes of that lead; note: one note; agents: who works there
    external_id  of the lead or the note; of the agent that moved, or ""
    parent       for a note: the external id of its lead, "" if the delivery does not tell
    """

    kind: HintKind
    external_id: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of a vendor.

    headers  lower-case names; of a header sent twice the last
    body     as it came
    segment  what stood behind the connection's name in the path, "" if nothing did
    """

    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    segment: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a delivery tells.

    id      unique within a connection: the vendor's own id of it, else a hash of the words (`hash_of`)
    unique  False where the same words may be said again of a later change: such a repetition counts
    """

    id: str
    hints: Sequence[Hint] = ()
    unique: bool = True


@dataclass(frozen=True, slots=True)
class Registration:
    """A webhook as the vendor has it.

    id       what removes it; "" where there is only one
    url      whom it calls, secret included: for the eyes of `ours` alone; "" where the vendor does not say
    events   what it tells, in the vendor's words
    secret   what the header with the secret holds; "" where there is none, or the vendor does not show it
    """

    id: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    enabled: bool = True
    secret: str = field(default="", repr=False)


class Hooks(Protocol):
    """A connection's webhooks. Registering calls the vendor; `authentic` and `events` are pure, for any thread."""

    secret_in: Literal["header", "path"]
    secret_header: str
    """Lower-case name of the header that holds the secret, "" where it is in the path."""
    subscribes: tuple[str, ...]
    """What is asked for, in the words of `Registration.events`."""

    async def register(self, address: str, secret: str) -> Sequence[Registration]:
        """Have the vendor call ``address`` with this secret. Repeatable: what is right already stays as it is.

        Earlier ones of the same address with another secret are taken away. Returns what is registered now, for
        whomever. Raises VendorError.
        """
        ...

    async def registered(self) -> Sequence[Registration]:
        """Everything that is registered, other people's too. Raises VendorError."""
        ...

    async def remove(self, address: str) -> Sequence[Registration]:
        """Have the vendor stop calling ``address``; other people's hooks stay. Returns what is registered now."""
        ...

    def authentic(self, delivery: Delivery, secret: str) -> bool:
        """Whether a delivery knows the secret; in constant time, and before its body is read."""
        ...

    def events(self, delivery: Delivery) -> Sequence[Event]:
        """What a delivery tells; at least one event. A body nobody understands is an event without hints. Pure."""
        ...


def address_of(public_url: str, connection: str) -> str:
    """What the vendor of a connection calls, without the secret."""
    return f"{public_url.rstrip('/')}/hooks/{connection}"


def url_of(hooks: Hooks, address: str, secret: str) -> str:
    """What the vendor calls, to the letter."""
    return f"{address}/{secret}" if hooks.secret_in == "path" else address  # noqa: S105 - where, not what


def ours(registration: Registration, address: str) -> bool:
    """Whether a registration calls our address, with whatever secret."""
    return registration.url == address or registration.url.startswith(f"{address}/")


def problem_of(hooks: Hooks, registered: Sequence[Registration], address: str, secret: str) -> str:
    """Why the vendor does not tell us all it could, in words; "" if it does. ``secret`` "": there is none yet."""
    mine = [one for one in registered if ours(one, address) or not one.url]
    if not mine or not secret:
        return "not registered"
    if not any(one.enabled for one in mine):
        return "turned off"
    url = url_of(hooks, address, secret)
    current = [
        one for one in mine if one.enabled and one.url in {url, ""} and (not one.secret or same(one.secret, secret))
    ]
    if not current:
        return "registered with another secret"
    told = {event for one in current for event in one.events}
    missing = [event for event in hooks.subscribes if event not in told]
    return f"does not tell of: {', '.join(missing)}" if missing else ""


def secret_problem(secret: str) -> str:
    """What is wrong with a secret, in words; "" if it can stand in a header and in a path, and is long enough."""
    if _SECRET.match(secret):
        return ""
    return f"needs at least {SECRET_CHARS_MIN} characters, of letters, digits, - . _ ~ only"


def same(said: str, secret: str) -> bool:
    """Whether two secrets are equal, in constant time; an empty one equals nothing."""
    return bool(secret) and hmac.compare_digest(said.encode("utf-8", "replace"), secret.encode())


def event_id(said: object, body: bytes) -> str:
    """The id a vendor gave an event, if it is one that can be kept; else a hash of its body."""
    return said if isinstance(said, str) and _EVENT.match(said) else hash_of(body)


def hash_of(body: bytes) -> str:
    """An id for a body that has none."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def usable_id(said: str) -> str:
    """An external id as it came, "" for what no vendor's id looks like."""
    return said if 0 < len(said) <= ID_CHARS_MAX and said.isprintable() else ""
