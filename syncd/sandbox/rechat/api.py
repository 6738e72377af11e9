"""The simulated brand at one address: routes, credentials, limits (vendors/rechat.md §2–§4, §12)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from syncd.ports.clock import Clock
from syncd.sandbox.base import Ask, Handler, Reply, Route
from syncd.sandbox.rechat.capture import Captures
from syncd.sandbox.rechat.contacts import Contacts
from syncd.sandbox.rechat.ids import BRAND, CHANNEL, Moments, Refused
from syncd.sandbox.rechat.oauth import AUTHORIZE, TOKEN, WebApp, refusal
from syncd.sandbox.rechat.people import RechatApp
from syncd.sandbox.rechat.routing import Routing
from syncd.sandbox.rechat.store import Store

WEBHOOK = "/leads/channels/{channel}/webhook"
LIFE_S = 2_678_400
WINDOW_S = 60.0


class RechatSandbox(RechatApp):
    """One simulated brand."""

    name = "rechat"
    switch_defaults: ClassVar[Mapping[str, Any]] = {
        "total_zero": False,  # info.total is 0 in the lists of contacts too
        "late_commit_s": 2,  # by how much updated_at may lie before the moment a row is seen
        "show_deleted": False,  # a deleted contact answers 200 with deleted_at, not 404
        "row_answer": "rows",  # rows | contact: what calls on attributes answer
        "capture_204": False,  # the capture webhook answers nothing
        "capture_assigns_only": False,  # assignees given to a capture never become owners
        "assignee_answer": "empty",  # empty (204) | contact (200)
        "assignee_path": "both",  # both | leads: the contacts' own path answers 404
        "assignees_move": False,  # assignees move updated_at
        "agent_rows": "user",  # user | wrapped ({"user": …})
        "tags_null": True,  # no tags are null, not []
        "sparse_rows": False,  # attribute rows leave out what is null
        "ignored": (),  # filters without effect: updated_gte, created_gte …
        "definitions": (),  # custom attributes: {"label", "data_type", "enum_values"}
        "rate": 0,  # requests a minute, 0: no limit
        "token_life_s": LIFE_S,  # OAuth: see oauth.py
        "rotation": True,
        "revoked": False,
        "consent": "given",
    }

    def __init__(self, clock: Clock, **switches: Any) -> None:
        """A brand with one user, two channels and no contacts. Raises KeyError for an unknown switch."""
        merged = {**self.switch_defaults, **switches}
        self.oauth = WebApp(clock, merged)
        self.captures: dict[str, str] = {}
        self.store = Store(Moments(clock, merged), merged["definitions"], lambda _contact: None)
        self.routing = Routing(self.store, self._listed)
        self._contacts = Contacts(self.store, merged, self.captures, self._listed)
        self._captures = Captures(self.store, self.routing, merged)
        self._reset_in_s = 0.0
        super().__init__(clock, **switches)
        merged.update(self.switches)
        self.switches = merged
        self.add_agent("owner@sandbox.example.com", "Sandy", "Owner")
        self.routing.open()

    def config(self) -> dict[str, str]:
        """The brand, and the channel for captures."""
        return {"vendor": self.name, "brand": BRAND, "lead_channel": CHANNEL}

    def routes(self) -> Sequence[Route]:
        """The endpoints, most specific first."""
        plain = [
            Route("GET", AUTHORIZE, self.oauth.authorize),
            Route("POST", TOKEN, lambda ask: self.oauth.token(ask, self._me()), write=False),
            Route("GET", "/users/self", lambda _ask: Reply({"code": "OK", "data": self._me()})),
            Route("GET", "/brands/{brand}/agents", self._agents),
            Route("POST", "/leads", self._capture),
            Route("POST", WEBHOOK, self._capture_by_hook),
        ]
        guarded = [*plain, *self.routing.routes(), *self._contacts.routes()]
        return [Route(r.method, r.template, self._guarded(r.handler), r.write) for r in guarded]

    # Credentials and limits.

    def admit(self, ask: Ask) -> Reply | None:
        """401 without a good token, 403 for another brand; the capture webhook asks for neither."""
        if ask.template in {AUTHORIZE, TOKEN, WEBHOOK}:
            return None
        style, _, token = ask.headers.get("authorization", "").partition(" ")
        if style != "Bearer" or (token != self.token and not self.oauth.knows(token)):
            return Reply({"http": 401, "message": "Unauthorized", "code": "Unauthorized"}, 401)
        if ask.headers.get("x-rechat-brand", BRAND) != BRAND or ask.params.get("brand", BRAND) != BRAND:
            return refusal(403, "AccessForbidden", "No access to this brand")
        return None

    def rate(self, ask: Ask) -> tuple[str, int, float] | None:  # noqa: ARG002 -- one window for all
        """No limit unless one is switched on."""
        limit = int(self.switches["rate"])
        return ("all", limit, WINDOW_S) if limit or self.rate_override else None

    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:  # noqa: ARG002
        """None are sent."""
        self._reset_in_s = reset_in_s
        return {}

    def refuse_rate(self) -> Reply:
        """The 429, with whole seconds to wait."""
        reply = refusal(429, "TooManyRequests", "Too many requests")
        reply.headers["retry-after"] = str(math.ceil(self._reset_in_s))
        return reply

    def unknown(self, _ask: Ask) -> Reply:
        """The answer where there is no endpoint."""
        return refusal(404, "ResourceNotFound", "Not found")

    def broken_body(self, _ask: Ask) -> Reply:
        """The answer to a body that is not JSON."""
        return refusal(400, "BadRequest", "Invalid JSON")

    # Handlers.

    def _me(self) -> Mapping[str, Any]:
        return next(iter(self.store.users.values()))

    def _agents(self, _ask: Ask) -> Reply:
        users = list(self.store.users.values())
        wrapped = self.switches["agent_rows"] == "wrapped"
        return self._listed([{"user": user, "type": "agent"} for user in users] if wrapped else users, "agents")

    def _capture(self, ask: Ask) -> Reply:
        body = _object(ask)
        metadata = body.get("metadata")
        channel = metadata.get("lead_channel") if isinstance(metadata, Mapping) else None
        return Reply({"code": "OK", "data": self._taken(channel, body.get("lead"))})

    def _capture_by_hook(self, ask: Ask) -> Reply:
        taken = self._taken(ask.params["channel"], _object(ask))
        if self.switches["capture_204"]:
            return Reply(None, 204)
        return Reply({"code": "OK", "data": {key: value for key, value in taken.items() if key != "source_type"}})

    def _taken(self, channel: Any, lead: Any) -> dict[str, Any]:
        taken = self._captures.take(channel, lead)
        self.captures[taken["id"]] = taken["contact"]
        return taken

    def _listed(self, rows: list[Any], what: str, total: int | None = None) -> Reply:
        """A list in its envelope. Rules and groups never tell a total (vendors/rechat.md §13)."""
        zero = what in {"rules", "groups"} or (what == "contacts" and self.switches["total_zero"])
        told = 0 if zero else len(rows) if total is None else total
        return Reply({"code": "OK", "data": rows, "info": {"count": len(rows), "total": told}})

    def _guarded(self, handler: Handler) -> Handler:
        def guarded(ask: Ask) -> Reply:
            try:
                return handler(ask)
            except Refused as error:
                return refusal(error.status, error.code, str(error))

        return guarded


def _object(ask: Ask) -> Mapping[str, Any]:
    body = ask.json()
    if not isinstance(body, Mapping):
        raise Refused("Invalid body")
    return body
