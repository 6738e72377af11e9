"""What every simulated vendor has: a log of calls, rate windows, faults on request, and people who act.

A sandbox is the vendor, not a mock of our client: it answers HTTP the way the vendor's sheet says, keeps
its own records in its own shapes, and people change them behind the API's back through `add_person`,
`edit` and the rest. A vendor's file declares its routes and handlers; everything else is here:

    call ─► log ─► fault before? ─► rate window ─► credentials ─► handler ─► fault after? ─► answer

`answer` is the whole of it, without any server; `app` wraps it for a real socket.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

import orjson
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from syncd.ports.clock import Clock
from syncd.sandbox.faults import Fault, FaultPlan
from syncd.sandbox.message import Ask, Call, Handler, Reply, Route, Rows
from syncd.sandbox.windows import Windows

if TYPE_CHECKING:
    from syncd.sandbox.courier import Courier

__all__ = ["Ask", "Call", "CannotError", "DroppedError", "Handler", "Reply", "Route", "Rows", "SandboxVendor"]

CALLS_KEPT_MAX = 200_000


class DroppedError(Exception):
    """The connection breaks off without an answer."""


class CannotError(Exception):
    """A person tried what this vendor's app does not offer either."""


class SandboxVendor(ABC):
    """One simulated account at one vendor.

    Class attributes of a vendor: ``name``; ``prefix`` of all its paths; ``switch_defaults`` (every switch
    there is, with the value a plain sandbox has); ``stage_words`` (what the people of this account call the usual
    stages). ``token`` is the credential it knows.
    """

    name: ClassVar[str]
    prefix: ClassVar[str] = ""
    switch_defaults: ClassVar[Mapping[str, Any]] = {}
    stage_words: ClassVar[Mapping[str, str]] = {
        "new": "New Lead",
        "attempted": "Attempted Contact",
        "contacted": "Contacted",
        "appointment": "Appointment Set",
        "showing": "Showing",
        "under_contract": "Under Contract",
        "closed": "Sold",
    }
    token = "sandbox-token"  # noqa: S105 -- not a secret: the sandbox's only one
    courier: Courier | None = None
    """What posts this vendor's webhooks, while somebody runs it; None where there are none."""

    def __init__(self, clock: Clock, **switches: Any) -> None:
        """An empty account. Raises KeyError for a switch the vendor does not have."""
        unknown = set(switches) - set(self.switch_defaults)
        if unknown:
            message = f"{self.name} has no switch {', '.join(sorted(unknown))}"
            raise KeyError(message)
        self.clock = clock
        self.switches: dict[str, Any] = {**self.switch_defaults, **switches}
        self.fault: FaultPlan | None = None
        self.rate_override: tuple[int, float] | None = None
        """(limit, seconds) instead of the vendor's real limits; the vendor still decides what is counted together."""
        self.calls: list[Call] = []
        self.reads = 0
        self.writes = 0
        self.windows = Windows(clock)
        self._routes: dict[str, list[tuple[Any, Mapping[str, Any], Route]]] = {}
        for route in self.routes():
            regex, _, convertors = compile_path(self.prefix + route.template)
            self._routes.setdefault(route.method, []).append((regex, convertors, route))

    def config(self) -> dict[str, Any]:
        """What a connection to this sandbox needs in syncd's config beside base_url and token."""
        return {"vendor": self.name}

    # What a vendor's file says.

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The endpoints, most specific first."""

    @abstractmethod
    def rate(self, ask: Ask) -> tuple[str, int, float] | None:
        """(window key, limit, seconds) that this call counts against; None: none."""

    @abstractmethod
    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:
        """The headers that tell a window."""

    @abstractmethod
    def refuse_rate(self) -> Reply:
        """The 429."""

    @abstractmethod
    def admit(self, ask: Ask) -> Reply | None:
        """None if the credentials (and required headers) are right, else the refusal."""

    def unknown(self, _ask: Ask) -> Reply:
        """The answer where there is no endpoint."""
        return Reply({"message": "Not Found"}, 404)

    def broken_body(self, _ask: Ask) -> Reply:
        """The answer to a body that is not JSON."""
        return Reply({"message": "Bad Request"}, 400)

    # What people do in the vendor's own app: plain names, plain values (the vendor's stages and agent ids).

    @abstractmethod
    def add_person(self, **plain: Any) -> str:
        """A person adds a lead; its id."""

    @abstractmethod
    def edit(self, lead: str, field_name: str, value: Any) -> None:
        """A person changes one field; None or "" blanks it."""

    @abstractmethod
    def add_note(self, lead: str, text: str, author: str = "") -> str:
        """A person writes a note; its id."""

    def edit_note(self, lead: str, note: str, text: str) -> None:
        """A person changes a note, where the app can."""
        raise CannotError(f"{self.name}: notes are not edited ({lead}/{note}, {len(text)} characters)")

    def delete_note(self, lead: str, note: str) -> None:
        """A person deletes a note, where the app can."""
        raise CannotError(f"{self.name}: notes are not deleted ({lead}/{note})")

    @abstractmethod
    def add_label(self, lead: str, name: str) -> None:
        """A person puts a label on a lead."""

    @abstractmethod
    def remove_label(self, lead: str, name: str) -> None:
        """A person takes a label off a lead."""

    @abstractmethod
    def assign(self, lead: str, role: str, agent: str | None) -> None:
        """A person hands a lead's role to an agent; None: to nobody."""

    @abstractmethod
    def delete(self, lead: str) -> None:
        """A person deletes a lead (into the vendor's trash, if it has one)."""

    @abstractmethod
    def add_agent(self, email: str, first: str, last: str) -> str:
        """An agent joins; the id that assignments use."""

    @abstractmethod
    def shows(self, lead: str) -> dict[str, Any]:
        """A lead as the vendor's app shows it, in plain words. Raises KeyError if it is not (or no longer) there.

        first_name, last_name, email, emails, phones [(text, kind)], street, city, region, postal_code, stage (the
        vendor's word), source, roles, labels [names], assignments {role: agent id}, notes [(id, text)],
        buyer_timeline … as the vendor stores them; what it cannot store is missing.
        """

    @abstractmethod
    def ids(self) -> list[str]:
        """Every live lead."""

    # The wire.

    async def answer(self, ask: Ask) -> Reply:
        """Handle one request. Raises DroppedError where the connection breaks."""
        route = self._find(ask)
        ask.write = ask.method != "GET" if route is None or route.write is None else route.write
        if ask.write:
            self.writes += 1
        else:
            self.reads += 1
        status = 0
        try:
            reply = await self._handle(ask, route)
            status = reply.status
        finally:
            self._log(Call(ask.method, ask.template, ask.path, status, ask.write))
        reply.headers.setdefault("date", format_datetime(self.clock.now(), usegmt=True))
        return reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI side of `answer`; `app` is this."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body = bytearray()
        while True:
            part = await receive()
            if part["type"] == "http.disconnect":
                return
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        ask = Ask(
            method=scope["method"],
            path=scope["path"],
            query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=bytes(body),
        )
        try:
            reply = await self.answer(ask)
        except DroppedError:
            # An answer that promises bytes and never sends them: the server closes the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            return
        content = reply.encoded()
        headers = [(b"content-type", reply.content_type.encode()), (b"content-length", str(len(content)).encode())]
        headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    @property
    def app(self) -> ASGIApp:
        """The ASGI application."""
        return self

    def forget_calls(self) -> None:
        """Empty the log and the counters: what follows is counted from zero."""
        self.calls.clear()
        self.reads = self.writes = 0

    def _find(self, ask: Ask) -> Route | None:
        for regex, convertors, route in self._routes.get(ask.method, ()):
            match = regex.match(ask.path)
            if match:
                ask.template = route.template
                ask.params = {name: str(convertors[name].convert(text)) for name, text in match.groupdict().items()}
                return route
        return None

    async def _handle(self, ask: Ask, route: Route | None) -> Reply:
        fault = self.fault(ask, "before") if self.fault else None
        if fault is not None:
            reply = await self._fail(fault, None)
            if reply is not None:
                return reply
        headers: dict[str, str] = {}
        counted = self.rate(ask)
        if counted is not None:
            key, limit, per_s = (counted[0], *self.rate_override) if self.rate_override else counted
            allowed, remaining, reset_in_s = self.windows.take(key, limit, per_s)
            headers = self.rate_headers(limit, remaining, reset_in_s)
            if not allowed:
                reply = self.refuse_rate()
                reply.headers |= headers
                return reply
        reply = self._reply(ask, route)
        reply.headers = {**headers, **reply.headers}
        fault = self.fault(ask, "after") if self.fault else None
        return (await self._fail(fault, reply) or reply) if fault is not None else reply

    def _reply(self, ask: Ask, route: Route | None) -> Reply:
        refusal = self.admit(ask)
        if refusal is not None:
            return refusal
        if route is None:
            return self.unknown(ask)
        try:
            return route.handler(ask)
        except orjson.JSONDecodeError:
            return self.broken_body(ask)

    async def _fail(self, fault: Fault, reply: Reply | None) -> Reply | None:
        """The answer a fault makes of ``reply`` (None: nothing was done yet); None: go on as if nothing were."""
        headers = dict(reply.headers) if reply else {}
        match fault.kind:
            case "drop":
                raise DroppedError
            case "error":
                return Reply(fault.body, fault.status, headers)
            case "rate":
                refused = self.refuse_rate()
                refused.headers["retry-after"] = f"{fault.delay_s:g}"
                return refused
            case "html":
                page = fault.body or b"<!doctype html><html><body>We will be right back</body></html>"
                return Reply(page, 200, headers, "text/html; charset=utf-8")
            case "half":
                whole = (reply.encoded() if reply else b"") or b"{}"
                return Reply(whole[: (len(whole) + 1) // 2], reply.status if reply else 200, headers)
            case "delay":
                await self.clock.sleep(fault.delay_s)
                return None

    def _log(self, call: Call) -> None:
        if len(self.calls) >= CALLS_KEPT_MAX:
            del self.calls[: CALLS_KEPT_MAX // 2]
        self.calls.append(call)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
