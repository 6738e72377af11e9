"""The control port: people act through it from other processes. It is no part of any vendor's API.

    GET  /_people                      every sandbox: its url and how many leads it has
    GET  /_people/stats                reads, writes and leads by sandbox
    POST /_people/forget               empty every log and counter
    GET  /_people/NAME/leads           ids
    GET  /_people/NAME/leads/ID        a lead as the vendor's app shows it
    POST /_people/NAME/ACTION          a person acts; the body holds the arguments, JSON, by name

Actions: add {fields}, edit {lead, field, value}, note {lead, text, author}, edit_note {lead, note, text},
delete_note {lead, note}, label {lead, name}, unlabel {lead, name}, assign {lead, role, agent}, delete {lead},
agent {email, first, last}, fault {kind, moment, status, delay_s} (no body: mended), switch {name, value}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.sandbox.base import CannotError, SandboxVendor
from syncd.sandbox.faults import Fault, always

Arguments = dict[str, Any]


def _phones(rows: Any) -> Any:
    return [tuple(row) if isinstance(row, list) else row for row in rows]


def _add(sandbox: SandboxVendor, given: Arguments) -> str:
    if "phones" in given:
        given["phones"] = _phones(given["phones"])
    return sandbox.add_person(**given)


def _edit(sandbox: SandboxVendor, given: Arguments) -> None:
    value = _phones(given["value"]) if given["field"] == "phones" else given["value"]
    sandbox.edit(given["lead"], given["field"], value)


def _fault(sandbox: SandboxVendor, given: Arguments) -> None:
    moment = given.pop("moment", "before")
    sandbox.fault = always(Fault(**given), moment) if given else None


def _switch(sandbox: SandboxVendor, given: Arguments) -> None:
    if given["name"] not in sandbox.switches:
        raise KeyError(given["name"])
    sandbox.switches[given["name"]] = given["value"]


ACTIONS: Mapping[str, Callable[[SandboxVendor, Arguments], str | None]] = {
    "add": _add,
    "edit": _edit,
    "note": lambda s, a: s.add_note(a["lead"], a["text"], a.get("author", "")),
    "edit_note": lambda s, a: s.edit_note(a["lead"], a["note"], a["text"]),
    "delete_note": lambda s, a: s.delete_note(a["lead"], a["note"]),
    "label": lambda s, a: s.add_label(a["lead"], a["name"]),
    "unlabel": lambda s, a: s.remove_label(a["lead"], a["name"]),
    "assign": lambda s, a: s.assign(a["lead"], a["role"], a["agent"]),
    "delete": lambda s, a: s.delete(a["lead"]),
    "agent": lambda s, a: s.add_agent(a["email"], a["first"], a["last"]),
    "fault": _fault,
    "switch": _switch,
}


def control_app(sandboxes: Mapping[str, SandboxVendor], urls: Mapping[str, str]) -> Starlette:
    """The ASGI application of the control port; ``urls`` are the sandboxes' base URLs."""

    async def overview(_request: Request) -> Response:
        return _json({name: {"url": urls[name], "leads": len(s.ids())} for name, s in sandboxes.items()})

    async def stats(_request: Request) -> Response:
        return _json(
            {name: {"reads": s.reads, "writes": s.writes, "leads": len(s.ids())} for name, s in sandboxes.items()}
        )

    async def forget(_request: Request) -> Response:
        for sandbox in sandboxes.values():
            sandbox.forget_calls()
        return _json({})

    async def leads(request: Request) -> Response:
        sandbox = sandboxes.get(request.path_params["name"])
        return _json(sandbox.ids()) if sandbox else _refuse("no such sandbox", 404)

    async def lead(request: Request) -> Response:
        try:
            return _json(sandboxes[request.path_params["name"]].shows(request.path_params["lead"]))
        except KeyError:
            return _refuse("no such sandbox or lead", 404)

    async def act(request: Request) -> Response:
        sandbox = sandboxes.get(request.path_params["name"])
        action = ACTIONS.get(request.path_params["action"])
        if sandbox is None or action is None:
            return _refuse(f"no such sandbox or action; actions: {', '.join(ACTIONS)}", 404)
        body = await request.body()
        try:
            return _json({"id": action(sandbox, orjson.loads(body) if body else {})})
        except (KeyError, TypeError, ValueError, CannotError) as error:
            return _refuse(f"{type(error).__name__}: {error}", 400)

    return Starlette(
        routes=[
            Route("/_people", overview),
            Route("/_people/stats", stats),
            Route("/_people/forget", forget, methods=["POST"]),
            Route("/_people/{name}/leads", leads),
            Route("/_people/{name}/leads/{lead}", lead),
            Route("/_people/{name}/{action}", act, methods=["POST"]),
        ]
    )


def _json(data: Any) -> Response:
    return Response(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS), media_type="application/json")


def _refuse(words: str, status: int) -> Response:
    return Response(orjson.dumps({"error": words}), status_code=status, media_type="application/json")
