"""The simulated Epixel behaves as vendors/epixel.md says wherever it says SIM."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from syncd.sandbox.base import CannotError
from syncd.sandbox.epixel import EpixelSandbox
from syncd.sandbox.epixel.login import API_KEY, LOGIN, PASSWORD, REFRESH, USERNAME
from syncd.sandbox.message import Ask, Reply
from tests.vendors.clocks import VirtualClock

WHOLE = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", "phone": "14155552671"}
PHONE = "Phone number must be entered in the format: '999999999'. Up to 15 digits allowed."
BLANK, NEEDED = "This field may not be blank.", "This field is required."


class Caller:
    """Somebody with a token who calls the API."""

    def __init__(self, **switches: Any) -> None:
        self.clock = VirtualClock()
        self.sandbox = EpixelSandbox(self.clock, **switches)
        self.headers = {"apikey": API_KEY, "authorization": f"Bearer {self.sandbox.token}"}

    async def call(
        self, method: str, path: str, form: Any = None, headers: Any = None, kind: str = "form", **query: Any
    ) -> Reply:
        """One request; its answer's body is parsed."""
        content, sent = b"", dict(self.headers if headers is None else headers)
        if form is not None:
            content, sent["content-type"] = encoded(form, kind)
        pairs = [(key, str(value)) for key, value in query.items()]
        reply = await self.sandbox.answer(
            Ask(method, f"{self.sandbox.prefix}{path}", query=pairs, headers=sent, body=content)
        )
        if reply.content_type == "application/json":
            reply.body = orjson.loads(reply.encoded() or b"null")
        return reply

    async def get(self, path: str, **query: Any) -> Any:
        """The data of a read that has to succeed."""
        reply = await self.call("GET", path, **query)
        assert reply.status == 200, reply.body
        return reply.body["data"]

    async def post(self, path: str, **form: Any) -> tuple[int, Any]:
        """Status, and the errors or the data of a write."""
        reply = await self.call("POST", path, form)
        return reply.status, reply.body["errors"] or reply.body["data"]


def encoded(form: Any, kind: str) -> tuple[bytes, str]:
    """A body and its content type."""
    if kind == "json":
        return orjson.dumps(form), "application/json"
    if kind == "form":
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    parts = [f'--B\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form.items()]
    return ("".join(parts) + "--B--\r\n").encode(), "multipart/form-data; boundary=B"


@pytest.mark.parametrize(("paths", "prefix"), [("headings", "/leads/"), ("samples", "/")])
async def test_one_set_of_documented_paths_exists(paths: str, prefix: str):
    """§1: headings (and `leads/create/lead/`), or the samples' paths alone; a slash at the end is needed."""
    there = Caller(paths=paths)
    lead = there.sandbox.add_person(**{k: v for k, v in WHOLE.items() if k != "phone"})
    for path in ("overview/", "list/", "appointments/list/"):
        assert (await there.call("GET", prefix + path)).status == 200
        assert (await there.call("GET", {"/": "/leads/"}.get(prefix, "/") + path)).status == 404
    assert (await there.call("GET", f"{prefix}view/lead/", slug=lead)).status == 200
    assert (await there.call("GET", f"{prefix}list")).status == 404
    for path in (f"{prefix}create/lead/", f"/v1{prefix}create/lead/"):
        assert (await there.call("POST", path, WHOLE)).status == 201
    for path in ("update/lead/", "delete/lead/", "create/leadnote/", "delete/leadnote/", "create/appointment/"):
        assert (await there.call("POST", prefix + path, {"slug": "x"})).status in {400, 401}
    assert (await there.call("POST", f"{prefix}view/lead/", {})).status == 404


@pytest.mark.parametrize("kind", ["multipart", "form", "json"])
async def test_bodies_in_three_encodings(kind: str):
    """§1: takes all three."""
    there = Caller()
    reply = await there.call("POST", "/leads/create/lead/", {**WHOLE, "location": "Zürich"}, kind=kind)
    assert reply.body == {"status_code": 201, "errors": {}, "data": {"slug": reply.body["data"]["slug"]}}
    assert there.sandbox.shows(reply.body["data"]["slug"])["city"] == "Zürich"


@pytest.mark.parametrize("body", [b"--B\r\nhalf", b"[1]", b"{"])
async def test_a_broken_body_is_a_400(body: bytes):
    """Nothing is done."""
    there = Caller()
    kind = "multipart/form-data; boundary=B" if body.startswith(b"--") else "application/json"
    path = f"{there.sandbox.prefix}/leads/create/lead/"
    reply = await there.sandbox.answer(Ask("POST", path, headers={**there.headers, "content-type": kind}, body=body))
    assert (reply.status, there.sandbox.ids()) == (400, [])


async def test_who_may_call():
    """§2: both headers; the words of the refusals; a variant without envelope."""
    there = Caller()
    token = {"status_code": 401, "errors": {"detail": "Given token not valid for any token type",
             "code": "token_not_valid"}, "data": {}}  # fmt: skip
    for headers in ({"apikey": API_KEY}, {"apikey": API_KEY, "authorization": "Bearer x"},
                    {"apikey": API_KEY, "authorization": there.sandbox.token}):  # fmt: skip
        reply = await there.call("GET", "/leads/list/", headers=headers)
        assert (reply.status, reply.body) == (401, token)
    reply = await there.call("GET", "/leads/list/", headers={"authorization": f"Bearer {there.sandbox.token}"})
    assert (reply.status, reply.body["errors"]["detail"]) == (401, "Invalid apikey.")
    there.sandbox.switches["unauthorized"] = "bare"
    reply = await there.call("GET", "/leads/list/", headers={"apikey": API_KEY})
    assert reply.body == {"detail": "Given token not valid for any token type", "code": "token_not_valid"}


async def test_users_log_in_for_tokens_that_end():
    """§2: refresh and access; the access token is a JWT with `exp`; a refresh may bring a new refresh token."""
    there = Caller(token_life_s=100, rotation=True)
    apikey = {"apikey": API_KEY}
    reply = await there.call("POST", LOGIN, {"username": USERNAME, "password": PASSWORD}, apikey)
    tokens = reply.body["data"]
    assert set(tokens) == {"refresh", "access"}
    there.headers["authorization"] = f"Bearer {tokens['access']}"
    assert (await there.call("GET", "/leads/list/")).status == 200
    await there.clock.sleep(101)
    assert (await there.call("GET", "/leads/list/")).status == 401
    renewed = (await there.call("POST", REFRESH, {"refresh": tokens["refresh"]}, apikey)).body["data"]
    there.headers["authorization"] = f"Bearer {renewed['access']}"
    assert (await there.call("GET", "/leads/list/")).status == 200
    assert (await there.call("POST", REFRESH, {"refresh": tokens["refresh"]}, apikey)).status == 401
    wrong = await there.call("POST", LOGIN, {"username": USERNAME, "password": "x"}, apikey)
    assert wrong.body["errors"]["detail"] == "The supplied authentication credentials are invalid."
    there.sandbox.switches["revoked"] = True
    assert (await there.call("GET", "/leads/list/")).status == 401


async def test_lists_in_their_shapes():
    """§3: b by default, at most 100 a page, in the order of creation; a, c, d, e as variants."""
    there = Caller()
    slugs = [there.sandbox.add_person(first_name=f"P{n}") for n in range(230)]
    pages = [await there.get("/leads/list/", page=n, page_size=500) for n in (1, 2, 3)]
    assert [len(page["results"]) for page in pages] == [100, 100, 30]
    assert [row["slug"] for page in pages for row in page["results"]] == slugs
    assert [page["count"] for page in pages] == [230] * 3
    assert [bool(page["next"]) for page in pages] == [True, True, False]
    assert "page=2" in pages[0]["next"]
    over = await there.call("GET", "/leads/list/", page=4, page_size=100)
    assert (over.status, over.body) == (404, {"detail": "Invalid page."})
    there.sandbox.switches["list"] = "a"
    assert len(await there.get("/leads/list/", page=2, page_size=100)) == 230
    there.sandbox.switches["list"] = "d"
    assert len((await there.call("GET", "/leads/list/")).body) == 230
    there.sandbox.switches["list"] = "c"
    assert set((await there.call("GET", "/leads/list/", page_size=5)).body) == {"count", "next", "previous", "results"}
    there.sandbox.switches["list"] = "e"
    assert set(await there.get("/leads/list/", page_size=5)) == {"leads", "count"}
    there.sandbox.switches["count"] = False
    assert (await there.get("/leads/list/", page_size=5))["total_pages"] == 46
    there.sandbox.switches |= {"list": "b", "ignores_page": True}
    first, second = [await there.get("/leads/list/", page=n, page_size=5) for n in (1, 2)]
    assert first["results"] == second["results"]


async def test_a_lead_as_it_is_shown():
    """§5: the names of the write form; variants: objects, naive times, no times, keys that lists do not carry."""
    there = Caller(usernames="plain")
    agent = there.sandbox.add_agent("Reb@Example.com", "Reb", "Ecca")
    lead = there.sandbox.add_person(first_name="Ada", stage="contacted", assignments={"primary": agent})
    shown = await there.get("/leads/view/lead/", slug=lead)
    assert shown == {
        "slug": lead, "first_name": "Ada", "last_name": "", "email": "", "phone": "", "location": "", "message": "",
        "status": "contacted", "source": "", "assignee": agent, "created_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z", "notes": [],
    }  # fmt: skip
    there.sandbox.switches |= {"objects": True, "times": "naive", "list_hides": ("message",), "notes": "never"}
    shown = await there.get("/leads/view/lead/", slug=lead)
    assert shown["assignee"] == {"username": agent, "email": "Reb@Example.com", "name": "Reb Ecca"}
    assert shown["status"] == {"status": "contacted", "Description": "Contacted"}
    assert shown["created_at"] == "2026-03-01 12:00:00"
    assert "notes" not in shown
    [row] = (await there.get("/leads/list/"))["results"]
    assert {*row, "message"} == {*shown}
    there.sandbox.switches["times"] = "none"
    assert not {"created_at", "updated_at"} & set(await there.get("/leads/view/lead/", slug=lead))
    for single in ("lead_details", "lead", "list"):
        there.sandbox.switches["single"] = single
        data = await there.get("/leads/view/lead/", slug=lead)
        assert (data[0] if single == "list" else data.get("lead_details", data))["slug"] == lead
    there.sandbox.switches["bare"] = True
    assert (await there.call("GET", "/leads/view/lead/", slug=lead)).body[0]["slug"] == lead


async def test_the_overview_lists_every_choice():
    """§3, §6: with count 0 too; an unknown filter is refused."""
    there = Caller(statuses=("In limbo",))
    there.sandbox.add_person(first_name="Ada", stage="lost", source="Zillow")
    data = (await there.get("/leads/overview/", appointment="week"))["LeadsData"]
    assert {row["status"]: row["count"] for row in data["status"]} == {
        "new": 0, "contacted": 0, "qualified": 0, "converted": 0, "lost": 1, "In limbo": 0,
    }  # fmt: skip
    assert set(data["status"][0]) == {"status", "count", "Description", "Color"}
    assert {row["source"]: row["count"] for row in data["source"]}["Zillow"] == 1
    reply = await there.call("GET", "/leads/overview/", appointment="never")
    assert reply.body["errors"] == {"appointment": ["Invalid appointment filter value."]}


@pytest.mark.parametrize("path", ["/leads/create/lead/", "/leads/update/lead/"])
@pytest.mark.parametrize(
    ("form", "errors"),
    [
        ({"email": None}, {"email": [NEEDED]}),
        ({"phone": ""}, {"phone": [BLANK]}),
        ({"first_name": "x" * 256}, {"first_name": ["Ensure this field has no more than 255 characters."]}),
        ({"location": "x" * 256}, {"location": ["Ensure this field has no more than 255 characters."]}),
        ({"email": "nobody"}, {"email": ["Invalid email."]}),
        ({"phone": "+14155552671"}, {"phone": [PHONE]}),
        ({"phone": "1" * 16}, {"phone": [PHONE]}),
        ({"status": "Hot"}, {"status": ["Hot is not a valid choice."]}),
        ({"source": "Hot"}, {"source": ["Hot is not a valid choice."]}),
        ({"assignee": ""}, {"assignee": [BLANK]}),
        ({"assignee": "nobody"}, {"assignee": ["Assignee not found."]}),
    ],
)  # fmt: skip
async def test_forms_are_refused_in_the_documented_words(path: str, form: dict[str, Any], errors: Any):
    """§11–§13: 400 over the limit, nothing is cut; an update wants the required fields again."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Old")
    sent = {name: value for name, value in {**WHOLE, "slug": lead, **form}.items() if value is not None}
    assert await there.post(path, **sent) == (400, errors)
    assert there.sandbox.shows(lead)["first_name"] == "Old"
    assert there.sandbox.ids() == [lead]


async def test_an_update_keeps_what_it_does_not_name():
    """§11: an omitted optional field is kept, a blank one is cleared; the slug stays; the time moves on a change."""
    there = Caller()
    _, made = await there.post("/leads/create/lead/", **WHOLE, location="London", message="Hi")
    await there.clock.sleep(60)
    assert (await there.post("/leads/update/lead/", slug=made["slug"], **WHOLE))[0] == 200
    shown = await there.get("/leads/view/lead/", slug=made["slug"])
    assert (shown["location"], shown["updated_at"]) == ("London", "2026-03-01T12:00:00Z")
    await there.post("/leads/update/lead/", slug=made["slug"], **{**WHOLE, "first_name": "Grace"}, location="")
    shown = await there.get("/leads/view/lead/", slug=made["slug"])
    assert (shown["first_name"], shown["location"], shown["message"]) == ("Grace", "", "Hi")
    assert shown["updated_at"] == "2026-03-01T12:01:00Z"


async def test_a_known_address_may_be_refused():
    """§11: makes duplicates; a variant refuses; a variant tells no slug."""
    there = Caller()
    assert [(await there.post("/leads/create/lead/", **WHOLE))[0] for _ in range(2)] == [201, 201]
    there.sandbox.switches |= {"known_email": "refused", "create_answer": "empty", "create_status": 200}
    status, errors = await there.post("/leads/create/lead/", **WHOLE)
    assert (status, set(errors)) == (400, {"email"})
    assert "already exists" in errors["email"][0]
    assert await there.post("/leads/create/lead/", **{**WHOLE, "email": "b@example.com"}) == (200, {})


async def test_deletes_are_soft():
    """§13: the lead leaves the list (variant: stays as "deleted"); the second delete is a 400; "esixt" literally."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Ada")
    assert await there.post("/leads/delete/lead/", slug=lead) == (200, {})
    deleted = {"slug": ["Requested lead already has a deleted status."]}
    assert await there.post("/leads/delete/lead/", slug=lead) == (400, deleted)
    assert await there.post("/leads/delete/lead/", slug="x") == (400, {"slug": ["Requested lead not found."]})
    esixt: Any = {"non_field_errors": ["Requested lead does not esixt."]}
    assert await there.post("/leads/update/lead/", slug=lead, **WHOLE) == (401, esixt)
    assert (await there.get("/leads/list/"))["results"] == []
    assert (await there.call("GET", "/leads/view/lead/", slug=lead)).status == 400
    there.sandbox.switches |= {"deleted": "listed", "refusals": "detail"}
    assert [row["status"] for row in (await there.get("/leads/list/"))["results"]] == ["deleted"]
    assert (await there.get("/leads/view/lead/", slug=lead))["status"] == "deleted"
    esixt = {"detail": "Requested lead does not esixt."}
    assert await there.post("/leads/update/lead/", slug=lead, **WHOLE) == (401, esixt)


async def test_notes_go_in_and_out():
    """§7: 499 characters, an id in the answer (variant: none), deleted by id."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Ada")
    status, data = await there.post("/leads/create/leadnote/", slug=lead, note=" Hi ")
    [note] = (await there.get("/leads/view/lead/", slug=lead))["notes"]
    assert (status, data) == (200, {"note_id": note["id"]})
    assert (note["note"], note["created_by"]) == ("Hi", USERNAME)
    long = await there.post("/leads/create/leadnote/", slug=lead, note="x" * 500)
    assert long == (400, {"note": ["Ensure this field has no more than 499 characters."]})
    assert await there.post("/leads/create/leadnote/", slug=lead, note=" ") == (400, {"note": [BLANK]})
    assert await there.post("/leads/delete/leadnote/", note_id="x") == (400, {"note_id": ["Invalid note id."]})
    assert (await there.post("/leads/delete/leadnote/", note_id=note["id"]))[0] == 200
    gone = await there.post("/leads/delete/leadnote/", note_id=note["id"])
    assert gone == (400, {"note_id": ["Requested note not found."]})
    there.sandbox.switches["note_answer"] = "empty"
    assert await there.post("/leads/create/leadnote/", slug=lead, note="Hi") == (200, {})


async def test_rights_go_by_owner():
    """§13: a lead handed to somebody else leaves the list and still exists; business refusals are 401."""
    there = Caller(own_only=True)
    other = there.sandbox.add_agent("o@example.com", "O", "Ther")
    lead = there.sandbox.add_person(first_name="Ada")
    note = there.sandbox.add_note(lead, "x")
    assert (await there.get("/leads/list/"))["count"] == 1
    there.sandbox.assign(lead, "primary", other)
    assert (await there.get("/leads/list/"))["count"] == 0
    view = await there.call("GET", "/leads/view/lead/", slug=lead)
    said: list[Any] = [view.body["errors"]["non_field_errors"][0]]
    for path, form in (
        ("/leads/update/lead/", WHOLE), ("/leads/delete/lead/", {}), ("/leads/create/leadnote/", {"note": "x"}),
        ("/leads/delete/leadnote/", {"note_id": note}),
    ):  # fmt: skip
        status, errors = await there.post(path, slug=lead, **form)
        assert status == 401
        said += errors["non_field_errors"]
    assert said == [
        "You are not owner of this lead.", "You are not owner of this lead.", "You can't delete this lead.",
        "You can't add note on this lead.", "You can't delete this note.",
    ]  # fmt: skip
    assert there.sandbox.ids() == [lead]


async def test_a_limit_is_the_frameworks():
    """§4: none by default; the variant's 429 names the wait in header and text."""
    there = Caller(limit=3)
    await there.clock.sleep(1)
    statuses = [(await there.call("GET", "/leads/list/")).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    reply = await there.call("GET", "/leads/list/")
    wait = reply.headers["retry-after"]
    assert reply.body == {"detail": f"Request was throttled. Expected available in {wait} seconds."}
    await there.clock.sleep(float(wait))
    assert (await there.call("GET", "/leads/list/")).status == 200


async def test_what_people_cannot_do():
    """§8, §9: nobody is unassigned; labels are nowhere; an unknown field is a mistake of the test."""
    there = Caller()
    lead = there.sandbox.add_person(first_name="Ada", street="1 Main St", birthday="2000-01-01")
    there.sandbox.add_label(lead, "Hot")
    assert "labels" not in there.sandbox.shows(lead)
    with pytest.raises(CannotError):
        there.sandbox.assign(lead, "primary", None)
    with pytest.raises(CannotError):
        there.sandbox.edit(lead, "phones", [("1" * 16, "cell")])
    with pytest.raises(KeyError):
        there.sandbox.edit(lead, "colour", "red")
    with pytest.raises(KeyError):
        EpixelSandbox(VirtualClock(), nonsense=1)
