"""The HTTP API of the simulated site (vendors/cinc.md §2–§4, §7–§9, §11, §12)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, ClassVar

from syncd.ports.clock import Clock
from syncd.sandbox.base import Ask, Handler, Reply, Route, Rows
from syncd.sandbox.cinc import hooks
from syncd.sandbox.cinc.app import CincApp
from syncd.sandbox.cinc.oauth import AUTHORIZE, TOKEN, IntegratorApi
from syncd.sandbox.cinc.search import PAGING, tests
from syncd.sandbox.cinc.site import STAGES, Label, Note, RefusedError, Site

LIMIT_DEFAULT = 10
LIMIT_MAX = 500
WINDOW_S = 20.0
SCOPES = ("api:read", "api:create", "api:update", "api:event")


class CincSandbox(CincApp):
    """One simulated CINC site."""

    name = "cinc"
    prefix = "/v2"
    switch_defaults: ClassVar[Mapping[str, Any]] = {
        "wrapper": False,  # {"body": …, "header": …} around every answer
        "auth": "both",  # both | bearer | bare
        "scopes": SCOPES,
        "list_hides": (),  # sections that list rows never carry, "labels" for one
        "date_terms": "work",  # work | ignored | refused
        "reset_unit": "ms",  # ms | s | in (seconds from now)
        "limit": 256,  # calls per endpoint and 20 s
        "updated_moves": "info",  # info | all
        "update_replaces": False,  # an update blanks what it leaves out
        "paging": "next",  # next | offset (no hashes) | bare (a plain list)
        "last_next": "absent",  # absent | null | empty: how the last page says so
        "page_max": LIMIT_MAX,
        "single": "key",  # key ({"lead": …}) | bare
        "answer_id": "id",  # id | lead ({"lead": {"id": …}})
        "note_times": True,  # False: listed notes carry updated_date only once they were edited
        "stages": (),  # further names of the pipeline
        "token_life_s": 3600,  # OAuth: see oauth.py
        "rotation": True,
        "revoked": False,
        "consent": "given",
        **hooks.SWITCHES,  # webhooks: see hooks.py and courier.py
    }

    def __init__(self, clock: Clock, **switches: Any) -> None:
        """An empty site. Raises KeyError for an unknown switch."""
        super().__init__(clock, **switches)
        self._rows = Rows(self._listed)
        self.hooks = hooks.SiteHooks(clock, self.switches)
        self.courier = self.hooks.courier
        self.site = Site(
            clock,
            self._rows.touch,
            self.hooks.said,
            stages=(*STAGES, *self.switches["stages"]),
            moves_with_all=self.switches["updated_moves"] == "all",
            replaces=bool(self.switches["update_replaces"]),
        )
        self._nexts: dict[str, tuple[int, str]] = {}
        self.oauth = IntegratorApi(clock, self.switches)
        broker = self.add_agent("broker@sandbox.example.com", "Sandy", "Broker")
        self.site.agents[broker]["roles"] = ["broker", "agent"]

    def routes(self) -> Sequence[Route]:
        """The endpoints, most specific first."""
        return [
            Route("GET", "/site/me", self._me),
            Route("GET", "/site/agents", self._agents),
            Route("GET", "/site/agents/{agent_id}", self._agent),
            Route("GET", "/site/leads", self._leads),
            Route("POST", "/site/leads", self._guarded(self._upsert)),
            Route("GET", "/site/leads/labels", self._labels),
            Route("POST", "/site/leads/labels", self._guarded(self._make_label)),
            Route("GET", "/site/leads/labels/{label_id}", self._label),
            Route("GET", "/site/leads/notes/{note_id}", self._note),
            Route("GET", "/site/leads/{id}", self._lead),
            Route("POST", "/site/leads/{id}", self._guarded(self._update)),
            Route("GET", "/site/leads/{id}/notes", self._notes),
            Route("POST", "/site/leads/{id}/labels/apply", self._guarded(self._apply)),
            Route("POST", "/site/leads/{id}/labels/remove", self._guarded(self._remove)),
            *(Route(*one, lambda ask: self._say(*self.hooks.asked(ask))) for one in hooks.ENDPOINTS),
            Route("GET", AUTHORIZE, self._authorize),
            Route("POST", TOKEN, self._token, write=False),
        ]

    def forget_pages(self) -> None:
        """Every hash handed out so far is refused from now on."""
        self._nexts.clear()

    # Credentials and limits.

    def _authorize(self, ask: Ask) -> Reply:
        return self.oauth.authorize(ask)

    def _token(self, ask: Ask) -> Reply:
        return self.oauth.token(ask)

    def admit(self, ask: Ask) -> Reply | None:
        """401 without a known token in an accepted style, 403 without the scope."""
        if ask.template in {AUTHORIZE, TOKEN}:
            return None
        style, _, token = ask.headers.get("authorization", "").rpartition(" ")
        if style not in {"both": ("Bearer", ""), "bearer": ("Bearer",), "bare": ("",)}[self.switches["auth"]]:
            return Reply({"message": "Unauthorized"}, 401)
        scopes = self.switches["scopes"] if token == self.token else self.oauth.desk.scopes(token)
        if scopes is None:
            return Reply({"message": "Unauthorized"}, 401)
        scope = "api:read"
        if ask.template in hooks.TEMPLATES:
            scope = "api:event"
        elif ask.method == "POST":
            scope = "api:create" if ask.template in {"/site/leads", "/site/leads/labels"} else "api:update"
        return None if scope in scopes else Reply({"message": "Forbidden"}, 403)

    def rate(self, ask: Ask) -> tuple[str, int, float] | None:
        """One window of 20 s per endpoint."""
        return f"{ask.method} {ask.template}", int(self.switches["limit"]), WINDOW_S

    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:
        """The three headers; the reset in the unit of the switch."""
        end = self.clock.now().timestamp() + reset_in_s
        unit = self.switches["reset_unit"]
        reset = {"ms": int(end * 1000), "s": int(end), "in": math.ceil(reset_in_s)}[unit]
        return {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(remaining),
            "x-rate-limit-reset": str(reset),
        }

    def refuse_rate(self) -> Reply:
        """The 429."""
        return Reply({"message": "Too Many Requests"}, 429)

    # Reading.

    def _me(self, _ask: Ask) -> Reply:
        agent = next(iter(self.site.agents.values()))
        return self._say({key: agent[key] for key in ("id", "username", "roles")})

    def _agents(self, ask: Ask) -> Reply:
        return self._simple_page(ask, "agents", [_spelled(agent, 0) for agent in self.site.agents.values()])

    def _agent(self, ask: Ask) -> Reply:
        agent = self.site.agents.get(ask.params["agent_id"])
        return self._single("agent", _spelled(agent, 0)) if agent else _missing()

    def _leads(self, ask: Ask) -> Reply:
        try:
            wanted = tests(ask.query, self.switches["date_terms"])
            limit = self._limit(ask)
            first = self._first(ask)
            skip = 0 if ask.one("next") else int(ask.one("offset") or 0)
        except (RefusedError, ValueError):
            return Reply({"message": "Bad Request"}, 400)
        ids: Sequence[str] = self.site.sequence
        at = bisect_left(ids, first, key=self.site.order.__getitem__)
        if wanted:
            ids = [lead for lead in ids[at:] if all(test(self.site.leads[lead]) for test in wanted)]
            at = 0
        page, rest = ids[at + skip : at + skip + limit], ids[at + skip + limit : at + skip + limit + 1]
        paging: dict[str, Any] = {"offset": skip, "limit": limit, "count": len(page)}
        if self.switches["paging"] == "next":
            if rest:
                paging["next"] = self._next(ask, self.site.order[rest[0]])
            elif self.switches["last_next"] != "absent":
                paging["next"] = None if self.switches["last_next"] == "null" else ""
        rows = [self._rows(lead) for lead in page]
        return self._say(rows if self.switches["paging"] == "bare" else {"paging": paging, "leads": rows})

    def _first(self, ask: Ask) -> int:
        """The creation number a page starts at. Raises RefusedError for a hash or an id nobody knows."""
        token, start = ask.one("next"), ask.one("from")
        if token:
            number, terms = self._nexts.get(token, (0, ""))
            if not number or terms != _terms(ask):
                raise RefusedError("Invalid next")
            return number
        if start:
            lead = start.removeprefix("id:")
            if lead not in self.site.order:
                raise RefusedError("Invalid from")
            return self.site.order[lead]
        return 0

    def _next(self, ask: Ask, number: int) -> str:
        terms = _terms(ask)
        token = blake2b(f"{number} {terms}".encode(), digest_size=8).hexdigest()
        self._nexts[token] = (number, terms)
        return token

    def _lead(self, ask: Ask) -> Reply:
        lead = ask.params["id"]
        if lead not in self.site.leads:
            return _missing()
        payload = self._shown(lead)
        if fields := ask.one("fields"):
            payload = {key: payload[key] for key in ("id", *fields.split(",")) if key in payload}
        return self._single("lead", payload)

    def _notes(self, ask: Ask) -> Reply:
        notes = self.site.notes.get(ask.params["id"])
        if notes is None:
            return _missing()
        rows = [self._note_row(note) for note in notes.values()]
        return self._simple_page(ask, "notes", rows)

    def _note(self, ask: Ask) -> Reply:
        note = self.site.find_note(ask.params["note_id"])
        return self._single("note", {**self._note_row(note), "content": note.content}) if note else _missing()

    def _labels(self, ask: Ask) -> Reply:
        return self._simple_page(ask, "labels", [_label_row(label) for label in self.site.labels.values()])

    def _label(self, ask: Ask) -> Reply:
        label = self.site.labels.get(ask.params["label_id"])
        return self._single("label", _label_row(label)) if label else _missing()

    # Writing.

    def _upsert(self, ask: Ask) -> Reply:
        body = _body(ask)
        if "id" in body:
            lead = self._known(body["id"])
            self.site.update(lead, body)
            if username := body.get("username"):
                self.site.change_email(lead, str(username).strip().lower())
            self.site.append_notes(lead, body)
            return self._told(lead, 200)
        contact = (body.get("info") or {}).get("contact") or {}
        email = str(contact.get("email") or "").strip().lower()
        if "@" not in email:
            raise RefusedError("Email is required")
        lead = self.site.by_email.get(email, "")
        if not lead:
            return self._told(self.site.create(email, body), 201)
        self.site.update(lead, body)
        self.site.append_notes(lead, body)
        return self._told(lead, 200)

    def _update(self, ask: Ask) -> Reply:
        body, lead = _body(ask), self._known(ask.params["id"])
        if body.get("id", lead) != lead:
            raise RefusedError("Invalid id")
        self.site.update(lead, body)
        self.site.append_notes(lead, body)
        return self._told(lead, 200)

    def _make_label(self, ask: Ask) -> Reply:
        name = _body(ask).get("name")
        if not isinstance(name, str) or not name:
            raise RefusedError("Name is required")
        same = self.site.newest_label(name) if ask.one("is_name_distinct") == "true" else None
        label = same or self.site.make_label(name)
        return self._told(label, 200 if same else 201, "label")

    def _apply(self, ask: Ask) -> Reply:
        lead, labels = self._labels_of(ask)
        for label in labels:
            self.site.apply_label(lead, label)
        self.site.moved(lead)
        return self._say({"message": "Applied labels successfully."})

    def _remove(self, ask: Ask) -> Reply:
        lead, labels = self._labels_of(ask)
        applied = self.site.applied[lead]
        if not all(label in applied for label in labels):
            raise RefusedError("Label is not applied", 404)
        for label in labels:
            self.site.take_label(lead, label)
        self.site.moved(lead)
        return self._say({"message": "Removed labels successfully."})

    def _labels_of(self, ask: Ask) -> tuple[str, list[str]]:
        rows = _body(ask).get("labels")
        lead = self._known(ask.params["id"])
        if not isinstance(rows, list) or not rows:
            raise RefusedError("Labels are required")
        labels = [row.get("id") if isinstance(row, Mapping) else None for row in rows]
        if not all(label in self.site.labels for label in labels):
            raise RefusedError("Invalid label")
        return lead, [str(label) for label in labels]

    def _known(self, lead: Any) -> str:
        if lead not in self.site.leads:
            raise RefusedError("Lead not found", 404)
        return str(lead)

    # Shapes.

    def _guarded(self, handler: Handler) -> Handler:
        def guarded(ask: Ask) -> Reply:
            try:
                return handler(ask)
            except RefusedError as error:
                return Reply({"message": str(error)}, error.status)

        return guarded

    def _shown(self, lead: str) -> dict[str, Any]:
        """A lead with its labels; times in three spellings, blanks absent."""
        payload = dict(self.site.leads[lead])
        labels = self.site.labels
        payload["labels"] = [
            {"id": label, "name": labels[label].name, "color": "#0B5C7A", "applied_date": at}
            for label, at in self.site.applied[lead].items()
        ]
        if not payload["labels"]:
            del payload["labels"]
        return dict(_spelled(payload, self.site.order[lead]))

    def _listed(self, lead: str) -> dict[str, Any]:
        payload = self._shown(lead)
        return {key: value for key, value in payload.items() if key not in self.switches["list_hides"]}

    def _note_row(self, note: Note) -> dict[str, Any]:
        row = {
            "id": note.id,
            "category": note.category,
            "created_by": note.created_by,
            "created_date": note.created,
            "updated_date": note.updated,
            "is_pinned": note.pinned,
        }
        if note.updated == note.created and not self.switches["note_times"]:
            del row["updated_date"]
        return dict(_spelled(row, 1))

    def _simple_page(self, ask: Ask, key: str, rows: list[Any]) -> Reply:
        """Lists without a hash: by offset."""
        try:
            limit, skip = self._limit(ask), int(ask.one("offset") or 0)
        except ValueError:
            return Reply({"message": "Bad Request"}, 400)
        page = rows[skip : skip + limit]
        return self._say({"paging": {"limit": limit, "count": len(page), "offset": skip}, key: page})

    def _limit(self, ask: Ask) -> int:
        limit = int(ask.one("limit") or LIMIT_DEFAULT)
        return max(1, min(limit, LIMIT_MAX, int(self.switches["page_max"])))

    def _single(self, key: str, payload: Any) -> Reply:
        return self._say(payload if self.switches["single"] == "bare" else {key: payload})

    def _told(self, record: str, status: int, key: str = "lead") -> Reply:
        told = {"id": record} if self.switches["answer_id"] == "id" else {key: {"id": record}}
        return self._say(told, status)

    def _say(self, body: Any, status: int = 200) -> Reply:
        return Reply({"body": body, "header": {}} if self.switches["wrapper"] else body, status)


def _terms(ask: Ask) -> str:
    return repr(sorted((k, v) for k, v in ask.query if k not in PAGING or k == "limit"))


def _body(ask: Ask) -> Mapping[str, Any]:
    """The body as JSON, whatever its header says."""
    body = ask.json()
    if not isinstance(body, Mapping):
        raise RefusedError("Bad Request")
    return body


def _missing() -> Reply:
    return Reply({"message": "Not Found"}, 404)


def _label_row(label: Label) -> dict[str, Any]:
    return {"id": label.id, "name": label.name, "color": "#0B5C7A", "created_date": _spell(label.created, 0)}


def _spelled(value: Any, turn: int) -> Any:
    """A payload with its times as text; registered times keep their milliseconds, others may lose them."""
    if isinstance(value, Mapping):
        return {
            k: _spell(v, turn + i, exact=k == "registered_date") if isinstance(v, datetime) else _spelled(v, turn + i)
            for i, (k, v) in enumerate(value.items())
        }
    return [_spelled(item, turn + i) for i, item in enumerate(value)] if isinstance(value, list) else value


def _spell(moment: datetime, turn: int, *, exact: bool = False) -> str:
    spellings: Sequence[Callable[[str], str]] = (
        lambda text: text,
        lambda text: text.replace("T", " "),
        lambda text: text if exact and text[20:23] != "000" else text[:19].replace("T", " ") + "Z",
    )
    return spellings[turn % 3](moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
