"""The HTTP API of the simulated account (vendors/mycrm.md §2–§4, §7, §9, §11, §12)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from syncd.ports.clock import Clock
from syncd.sandbox.base import Ask, Handler, Reply, Route, Rows
from syncd.sandbox.mycrm import shapes, tokens
from syncd.sandbox.mycrm.app import MyCrmApp
from syncd.sandbox.mycrm.filters import in_order, tests
from syncd.sandbox.mycrm.records import Records, RefusedError

WINDOW_S = 60.0
PER_PAGE_MAX = 100
RIGHTS = ("lead.read", "lead.update", "lead.update.other", "user.update")
_OPERATION = re.compile(r"(?:/(?P<id>\d+|\*))?/(?P<what>status|assignment/user)")
_OPEN = frozenset({tokens.TOKEN, tokens.KEY_TOKEN})


class MyCrmSandbox(MyCrmApp):
    """One simulated MyCRM account. ``bulk_calls`` counts what nobody must ever call."""

    name = "mycrm"
    switch_defaults: ClassVar[Mapping[str, Any]] = {
        "list_expanded": True,  # list rows carry notes and whole users; False: only the single lead does
        "count": True,  # lists tell the total
        "lists": "named",  # named ({"leads": […]}) | data ({"data": […]}) | bare
        "single": "wrapped",  # wrapped ({"lead": {…}}) | bare; also the answers to writes
        "write_answer": "lead",  # lead | id ({"id": 1}) | empty
        "page_size": PER_PAGE_MAX,  # the largest page
        "page": "honoured",  # honoured | ignored (every page is the first) | missing (404 beyond the last)
        "filters": "work",  # work | ignored | refused
        "zone_hours": 4.0,  # Asia/Dubai
        "dates": "z",  # z | offset
        "limit": 0,  # calls in 60 s; 0: no limit
        "retry_after": True,
        "rights": RIGHTS,
        "notes_put": "keeps",  # keeps | replaces (notes not named are removed) | doubles (named ones are appended)
        "notes_move": False,  # a person's note moves updated_at
        "note_keys": "body",  # body | note | text
        "put_clears": False,  # omitted optional values are cleared
        "delete": "both",  # both | singular (405 on the plural) | plural (404 on the singular)
        "patch_paths": "both",  # both | plain | id
        "time_frame_stored": True,
        "preferences": "list",  # list | object | absent (where there are none)
        "user": "object",  # object | number, where it is not expanded
        "country_words": True,  # shows "UAE" for AE
        "old_leads": True,  # people's leads lack what the API demands
        "warning": "",  # text of the X-MyCRM-API-Warning header
        "token_life_s": 1800,
        "password_tells_life": True,
    }

    def __init__(self, clock: Clock, **switches: Any) -> None:
        """An empty account with one user. Raises KeyError for an unknown switch."""
        super().__init__(clock, **switches)
        self._rows = Rows(lambda lead: shapes.shown(self.records, lead, expanded=True))
        self._plain_rows = Rows(lambda lead: shapes.shown(self.records, lead, expanded=False))
        self.records = Records(clock, self.switches, self._touch)
        self.tokens = tokens.Tokens(clock, self.switches)
        self.bulk_calls = 0
        self.add_agent("broker@sandbox.example.com", "Sandy", "Broker")

    def config(self) -> dict[str, Any]:
        """A connection to this account, with what MyCRM demands and its people's leads lack."""
        return {
            "vendor": self.name,
            "region": "US",
            "create_defaults": {
                "title": "mr",
                "first_name": "-",
                "last_name": "-",
                "country": "AE",
                "category": "residential",
                "source": "other",
                "source_channel": "syncd",
                "financial": "other",
                "offering_type": "sale",
                "preference": {"types": [3], "locations": ["are.1.1"], "from_price": 1, "to_price": 900_000_000},
            },
            "areas": {"Dubai Marina": "are.2.15", "Springfield, IL": "are.4.7", "Atlanta, GA": "are.4.8"},
            "types": {"Apartment": 2, "Townhouse": 4, "Condo": 5},
        }

    def routes(self) -> Sequence[Route]:
        """The endpoints, most specific first."""
        return [
            Route("POST", tokens.TOKEN, self._by_password, write=False),
            Route("POST", tokens.KEY_TOKEN, self._by_key, write=False),
            Route("GET", "/leads", self._guarded(self._leads)),
            Route("POST", "/leads", self._guarded(self._create)),
            Route("DELETE", "/leads", self._bulk_delete),
            Route("DELETE", "/leads/", self._bulk_delete),
            Route("PATCH", "/leads", self._bulk_patch),
            Route("GET", "/leads/{id}", self._guarded(self._lead)),
            Route("PUT", "/leads/{id}", self._guarded(self._put)),
            Route("PATCH", "/leads/{id}", self._guarded(self._patch)),
            Route("DELETE", "/leads/{id}", self._guarded(lambda ask: self._delete(ask, "plural"))),
            Route("DELETE", "/lead/{id}", self._guarded(lambda ask: self._delete(ask, "singular"))),
            Route("GET", "/users", self._guarded(self._users)),
            Route("GET", "/users/{id}", self._guarded(self._user)),
        ]

    # Credentials and limits.

    def _by_password(self, ask: Ask) -> Reply:
        return self.tokens.by_password(ask)

    def _by_key(self, ask: Ask) -> Reply:
        return self.tokens.by_key(ask)

    def admit(self, ask: Ask) -> Reply | None:
        """401 without a living token, 403 without the right."""
        if ask.template in _OPEN:
            return None
        kind, _, token = ask.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not (token == self.token or self.tokens.alive(token)):
            return Reply({"code": 401, "message": "The access token provided has expired."}, 401)
        missing = self._rights_of(ask) - set(self.switches["rights"])
        return Reply({"code": 403, "message": "Access Denied"}, 403) if missing else None

    def rate(self, ask: Ask) -> tuple[str, int, float] | None:  # noqa: ARG002
        """No limit by default."""
        limit = int(self.switches["limit"])
        return ("", limit, WINDOW_S) if limit else ("", 10**9, WINDOW_S)

    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:  # noqa: ARG002
        """MyCRM tells nothing, until it is too late."""
        self._reset_in_s = reset_in_s
        warning = str(self.switches["warning"])
        return {"x-mycrm-api-warning": warning} if warning else {}

    def refuse_rate(self) -> Reply:
        """The 429."""
        wait_s = str(int(getattr(self, "_reset_in_s", WINDOW_S)) + 1)
        headers = {"retry-after": wait_s} if self.switches["retry_after"] else {}
        return Reply({"code": 429, "message": "Too Many Requests"}, 429, headers)

    def unknown(self, _ask: Ask) -> Reply:
        """No such endpoint."""
        return _refusal(RefusedError("Not Found", status=404))

    def broken_body(self, _ask: Ask) -> Reply:
        """A body that is not JSON."""
        return _refusal(RefusedError("Invalid JSON"))

    # Reading.

    def _leads(self, ask: Ask) -> Reply:
        kept = list(self.records.leads.values())
        for test in tests(ask.query, self.switches["zone_hours"], self.switches["filters"]):
            kept = [lead for lead in kept if test(lead)]
        expanded = _expands(ask) and self.switches["list_expanded"]
        rows = self._rows if expanded else self._plain_rows
        return self._page(ask, "leads", [lead["id"] for lead in in_order(ask.query, kept)], rows)

    def _lead(self, ask: Ask) -> Reply:
        return self._single("lead", shapes.shown(self.records, self._known(ask), expanded=_expands(ask)))

    def _users(self, ask: Ask) -> Reply:
        users = self.records.users
        return self._page(ask, "users", list(users), lambda user: shapes.user(users[user]))

    def _user(self, ask: Ask) -> Reply:
        found = self.records.users.get(int(ask.params["id"])) if ask.params["id"].isdecimal() else None
        if found is None:
            raise RefusedError("Not Found", status=404)
        return self._single("user", shapes.user(found))

    def _page(self, ask: Ask, key: str, ids: list[int], row: Any) -> Reply:
        try:
            page, size = int(ask.one("page") or 1), int(ask.one("per_page") or PER_PAGE_MAX)
        except ValueError:
            raise RefusedError("Invalid page") from None
        size = max(1, min(size, int(self.switches["page_size"]), PER_PAGE_MAX))
        style = self.switches["page"]
        first = 0 if style == "ignored" else (max(1, page) - 1) * size
        if style == "missing" and page > 1 and first >= len(ids):
            raise RefusedError("Not Found", status=404)
        rows = [row(found) for found in ids[first : first + size]]
        if self.switches["lists"] == "bare":
            return Reply(rows)
        body = {key if self.switches["lists"] == "named" else "data": rows}
        return Reply({"count": len(ids), **body} if self.switches["count"] else body)

    # Writing.

    def _create(self, ask: Ask) -> Reply:
        body = _lead_of(ask)
        if "id" in body:
            raise RefusedError("Validation Failed", {"id": "This field was not expected."})
        return self._told(self.records.create(body), 201)

    def _put(self, ask: Ask) -> Reply:
        lead = self._known(ask)
        self.records.replace(lead, _lead_of(ask))
        return self._told(lead, 200)

    def _patch(self, ask: Ask) -> Reply:
        lead, body = self._known(ask), ask.json()
        rows = body.get("operations") if isinstance(body, Mapping) else None
        if not isinstance(rows, list) or not rows:
            raise RefusedError("Validation Failed", {"operations": "This value should not be blank."})
        self.records.operate(lead, [self._operation(lead, row) for row in rows])
        return Reply(None, 204)

    def _operation(self, lead: int, row: Any) -> tuple[str, Any]:
        match = _OPERATION.fullmatch(str(row.get("path"))) if isinstance(row, Mapping) else None
        if match is None or row.get("op") != "replace":
            raise RefusedError("Validation Failed", {"path": "This value is not valid."})
        form = "plain" if match["id"] is None else "id"
        if self.switches["patch_paths"] not in {"both", form} or match["id"] not in {None, str(lead)}:
            raise RefusedError("Validation Failed", {"path": "This value is not valid."})
        return ("user" if match["what"] == "assignment/user" else "status"), row.get("value")

    def _delete(self, ask: Ask, form: str) -> Reply:
        if self.switches["delete"] not in {"both", form}:
            status = 405 if form == "plural" else 404
            raise RefusedError("Method Not Allowed" if status == 405 else "Not Found", status=status)
        self.records.delete(self._known(ask))
        return Reply(None, 204)

    def _bulk_delete(self, ask: Ask) -> Reply:
        """Without ids it deletes everything, really."""
        self.bulk_calls += 1
        body = ask.json()
        named = body.get("leads") if isinstance(body, Mapping) else None
        for lead in list(self.records.leads):
            if not named or lead in named:
                self.records.delete(lead)
        return Reply(None, 204)

    def _bulk_patch(self, _ask: Ask) -> Reply:
        self.bulk_calls += 1
        return Reply(None, 204)

    # Shapes.

    def _rights_of(self, ask: Ask) -> set[str]:
        if ask.method == "GET":
            return {"lead.read"}
        needed = {"lead.update"}
        text = ask.body.decode(errors="replace")
        if ask.method == "POST" and '"user"' in text:
            needed.add("lead.update.other")
        if ask.method == "PATCH" and "assignment/user" in text:
            needed.add("user.update")
        return needed

    def _known(self, ask: Ask) -> int:
        text = ask.params["id"]
        lead = int(text) if text.isdecimal() and len(text) < 19 else 0
        if lead not in self.records.leads:
            raise RefusedError("Not Found", status=404)
        return lead

    def _told(self, lead: int, status: int) -> Reply:
        match self.switches["write_answer"]:
            case "id":
                return Reply({"id": lead}, status)
            case "empty":
                return Reply(None, status)
        return self._single("lead", shapes.shown(self.records, lead, expanded=True), status)

    def _single(self, key: str, payload: Any, status: int = 200) -> Reply:
        return Reply({key: payload} if self.switches["single"] == "wrapped" else payload, status)

    def _touch(self, lead: int) -> None:
        self._rows.touch(lead)
        self._plain_rows.touch(lead)

    def _guarded(self, handler: Handler) -> Handler:
        def guarded(ask: Ask) -> Reply:
            try:
                return handler(ask)
            except RefusedError as error:
                return _refusal(error)

        return guarded


def _expands(ask: Ask) -> bool:
    return ask.headers.get("x-mycrm-expand-data", "").lower() == "true"


def _lead_of(ask: Ask) -> Mapping[str, Any]:
    body = ask.json()
    lead = body.get("lead") if isinstance(body, Mapping) else None
    if not isinstance(lead, Mapping):
        raise RefusedError("Validation Failed", {"lead": "This value should not be blank."})
    return lead


def _refusal(error: RefusedError) -> Reply:
    body: dict[str, Any] = {"code": error.status, "message": str(error)}
    return Reply({**body, "errors": error.errors} if error.errors else body, error.status)
