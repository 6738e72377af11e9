"""The HTTP API of the simulated installation: paths, credentials, envelopes, lists (vendors/epixel.md §1–§4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from syncd.ports.clock import Clock
from syncd.sandbox.base import Ask, Reply, Route, Rows
from syncd.sandbox.epixel import bodies
from syncd.sandbox.epixel.calls import Calls
from syncd.sandbox.epixel.forms import RefusedError, trimmed
from syncd.sandbox.epixel.login import API_KEY, LOGIN, REFRESH, USERNAME, Desk
from syncd.sandbox.epixel.site import SOURCES, STATUSES, Lead, Site

WINDOW_S = 60.0
UNLIMITED = 1_000_000_000
PAGE_MAX = 100
Call = Callable[[Mapping[str, str]], Any]


class EpixelSandbox(Calls):
    """One simulated installation, and one user of its API."""

    name = "epixel"
    prefix = "/api/v1"
    api_key = API_KEY
    username = USERNAME
    switch_defaults: ClassVar[Mapping[str, Any]] = {
        "paths": "headings",  # headings | samples: which of the documented paths exist
        "list": "b",  # a | b | c | d | e: the shape of lists
        "page_max": PAGE_MAX,
        "ignores_page": False,  # every page is the first one
        "count": True,  # shapes b, c, e: whether they count
        "bare": False,  # no envelope around anything
        "single": "lead",  # lead (data is it) | list | the key it stands under
        "objects": False,  # assignee and status as objects
        "times": "z",  # z | naive | none
        "list_hides": (),  # keys that list rows do not carry
        "notes": "view",  # view | never: whether a view carries them
        "notes_key": "notes",
        "note_answer": "id",  # id | empty
        "create_answer": "slug",  # slug | empty
        "create_status": 201,
        "known_email": "duplicates",  # duplicates | refused
        "deleted": "gone",  # gone | listed (with status "deleted")
        "own_only": False,  # this user sees nobody else's leads
        "refusals": "non_field_errors",  # or detail: where business texts stand
        "unauthorized": "envelope",  # envelope | bare
        "limit": 0,  # calls a minute; 0: no limit
        "usernames": "email",  # email | plain
        "statuses": (),  # further choices
        "sources": (),
        "token_life_s": 3600,
        "rotation": False,
        "revoked": False,
    }

    def __init__(self, clock: Clock, **switches: Any) -> None:
        """An empty installation. Raises KeyError for an unknown switch."""
        super().__init__(clock, **switches)
        self._rows = Rows(self._row)
        self.site = Site(
            clock,
            self._rows.touch,
            statuses=[*STATUSES, *self.switches["statuses"]],
            sources=[*SOURCES, *self.switches["sources"]],
        )
        self.desk = Desk(clock, self.switches)
        self._reset_s = WINDOW_S

    def routes(self) -> Sequence[Route]:
        """The endpoints: every documented path exists here or not as the switch says."""
        gets: dict[str, Callable[[Ask], Any]] = {
            "overview": self._overview,
            "list": self._list,
            "view/lead": self._view,
            "appointments/list": self._appointments,
        }
        posts: dict[str, Call] = {
            "create/lead": self._create,
            "update/lead": self._update,
            "delete/lead": self._delete,
            "create/leadnote": self._create_note,
            "delete/leadnote": self._delete_note,
            "create/appointment": self._create_appointment,
            "update/appointment": self._update_appointment,
            "delete/appointment": self._delete_appointment,
        }
        routes = [
            Route("POST", LOGIN, lambda ask: self._forms(ask, self._login), write=False),
            Route("POST", REFRESH, lambda ask: self._forms(ask, self._refresh), write=False),
        ]
        prefixes = ("/leads/",) if self.switches["paths"] == "headings" else ("/",)
        for prefix in prefixes:
            routes += [Route("GET", f"{prefix}{path}/", self._reads(call)) for path, call in gets.items()]
            routes += [Route("POST", f"{prefix}{path}/", self._writes(call)) for path, call in posts.items()]
            routes.append(Route("POST", f"/v1{prefix}create/lead/", self._writes(self._create)))
        return routes

    # Credentials and limits.

    def admit(self, ask: Ask) -> Reply | None:
        """401 without a known api key and a good token."""
        if ask.headers.get("apikey") not in {self.token, API_KEY}:
            return self._unauthorized("Invalid apikey.", "authentication_failed")
        if ask.template in {LOGIN, REFRESH}:
            return None
        style, _, token = ask.headers.get("authorization", "").partition(" ")
        if style == "Bearer" and not self.switches["revoked"] and (token == self.token or self.desk.good(token)):
            return None
        return self._unauthorized("Given token not valid for any token type", "token_not_valid")

    def rate(self, ask: Ask) -> tuple[str, int, float] | None:  # noqa: ARG002
        """One window for everything together."""
        return "all", int(self.switches["limit"]) or UNLIMITED, WINDOW_S

    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:  # noqa: ARG002
        """None: limits are told by the 429 alone."""
        self._reset_s = reset_in_s
        return {}

    def refuse_rate(self) -> Reply:
        """The framework's 429."""
        wait_s = max(1, math.ceil(self._reset_s))
        words = f"Request was throttled. Expected available in {wait_s} seconds."
        return Reply({"detail": words}, 429, {"retry-after": str(wait_s)})

    def unknown(self, _ask: Ask) -> Reply:
        """The framework's page."""
        return Reply(b"<!doctype html><h1>Not Found</h1>", 404, {}, "text/html; charset=utf-8")

    def _unauthorized(self, detail: str, code: str) -> Reply:
        said = {"detail": detail, "code": code}
        if self.switches["unauthorized"] == "bare":
            return Reply(said, 401)
        return Reply({"status_code": 401, "errors": said, "data": {}}, 401)

    def _login(self, form: Mapping[str, str]) -> Any:
        found = self.desk.login(form.get("username", ""), form.get("password", ""))
        if found is None:
            return self._unauthorized("The supplied authentication credentials are invalid.", "authentication_failed")
        return found

    def _refresh(self, form: Mapping[str, str]) -> Any:
        found = self.desk.refresh(form.get("refresh", ""))
        return self._unauthorized("Token is invalid or expired", "token_not_valid") if found is None else found

    # Envelopes.

    def _reads(self, call: Callable[[Ask], Any]) -> Callable[[Ask], Reply]:
        return lambda ask: self._answer(lambda: call(ask))

    def _writes(self, call: Call) -> Callable[[Ask], Reply]:
        return lambda ask: self._forms(ask, call)

    def _forms(self, ask: Ask, call: Call) -> Reply:
        try:
            form = bodies.fields(ask)
        except (ValueError, orjson.JSONDecodeError):
            return Reply({"status_code": 400, "errors": {"detail": "Malformed request."}, "data": {}}, 400)
        return self._answer(lambda: call(trimmed(form)), created=call == self._create)

    def _answer(self, work: Callable[[], Any], *, created: bool = False) -> Reply:
        try:
            data = work()
        except RefusedError as refusal:
            errors: Any = {name or self.switches["refusals"]: texts for name, texts in refusal.errors.items()}
            if "detail" in errors:
                errors["detail"] = errors["detail"][0]
            return Reply({"status_code": refusal.status, "errors": errors, "data": {}}, refusal.status)
        if isinstance(data, Reply):
            return data
        status = int(self.switches["create_status"]) if created else 200
        if self.switches["bare"]:
            return Reply(data, status)
        return Reply({"status_code": status, "errors": {}, "data": data}, status)

    # Lists.

    def _list(self, ask: Ask) -> Any:
        shown = [lead.slug for lead in self.site.leads.values() if self._listed(lead)]
        return self._page(ask, shown, self._rows)

    def _appointments(self, ask: Ask) -> Any:
        numbers = [n for n, row in self.site.appointments.items() if self._sees(self.site.leads[row["slug"]])]
        return self._page(ask, numbers, self.site.appointments.__getitem__)

    def _page(self, ask: Ask, ids: Sequence[Any], show: Callable[[Any], Any]) -> Any:
        shape = self.switches["list"]
        if shape in {"a", "d"}:
            rows = [show(found) for found in ids]
            return rows if shape == "a" else Reply(rows)
        page = 1 if self.switches["ignores_page"] else int(ask.one("page") or 1)
        size = min(int(ask.one("page_size") or 10), int(self.switches["page_max"]))
        rows = [show(found) for found in ids[(page - 1) * size : page * size]]
        if page > 1 and not rows:
            return Reply({"detail": "Invalid page."}, 404)
        more = page * size < len(ids)
        count = {"count": len(ids)} if self.switches["count"] else {}
        if shape == "e":
            pages = {"total_pages": max(1, math.ceil(len(ids) / size))}
            return {"leads": rows, **(count or pages)}
        address = f"http://elsewhere.invalid{ask.path}?page="
        content = {
            **count,
            "next": f"{address}{page + 1}&page_size={size}" if more else None,
            "previous": f"{address}{page - 1}&page_size={size}" if page > 1 else None,
            "results": rows,
        }
        return content if shape == "b" else Reply(content)

    def _row(self, slug: str) -> dict[str, Any]:
        hidden = self.switches["list_hides"]
        return {key: value for key, value in self._shown(self.site.leads[slug]).items() if key not in hidden}

    def _listed(self, lead: Lead) -> bool:
        return self._sees(lead) and (not lead.deleted or self.switches["deleted"] == "listed")
