"""Paths tried in order, bodies, refusals by their words, limits (vendors/epixel.md §1, §2, §4, §12)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import AuthError, ConflictError, NotFoundError, RejectedError, TransientError, VendorError
from syncd.settings import Secret
from syncd.vendors.epixel.client import CREATE, OVERVIEW, ROUTES, UPDATE, VIEW
from tests.vendors.clocks import VirtualClock
from tests.vendors.epixel.support import OVERVIEW as CHOICES
from tests.vendors.epixel.support import WANTED, Answer, Asked, enveloped, lead, refused, sandboxed, written

PROVEN = {"paths": {"view": "/leads/view/lead/", "update": "/leads/update/lead/", "list": "/leads/list/"}}
SECRET = "s3cret@example.com"


@pytest.mark.parametrize("missing", [404, 405])
@pytest.mark.parametrize("works", range(4))
async def test_paths_are_tried_in_order_and_remembered(works: int, missing: int):
    """§1: headings first, then the samples; the first that works is kept, also by the next process."""
    there = ROUTES[CREATE][works]
    assert ROUTES[CREATE] == (
        "/v1/leads/create/lead/", "/leads/create/lead/", "/v1/create/lead/", "/create/lead/",
    )  # fmt: skip

    def answers(asked: Asked) -> Answer:
        return enveloped({"slug": "ada-1"}) if asked.path == there else (missing, None)

    adapter, wire = written(answers)
    assert (await adapter.create_lead(WANTED)).external_id == "ada-1"
    await adapter.create_lead(WANTED)
    assert [asked.path for asked in wire.of("create/lead/")] == [*ROUTES[CREATE][: works + 1], there]
    later, wire = written(answers, memory=adapter.memory)
    await later.create_lead(WANTED)
    assert [asked.path for asked in wire.of("create/lead/")] == [there]


async def test_a_documented_refusal_proves_a_path():
    """§1: "a refusal with a sentence of §12" works too; a 404 is a 404 from then on."""
    answers = iter([refused(400, {"slug": ["Requested slug is invalid."]}), refused(404, {"detail": "Not found."})])
    adapter, wire = written(lambda asked: (404, None) if "overview" in asked.path else next(answers))
    for _ in range(2):
        with pytest.raises(NotFoundError):
            await adapter.lead("ada-1")
    assert [asked.path for asked in wire.of("/lead/")] == ["/leads/view/lead/"] * 2


async def test_no_path_that_works_is_no_evidence():
    """§1: class rejected, never "the lead is gone"."""
    adapter, wire = written(lambda _: (404, b"<h1>Not Found</h1>", {"content-type": "text/html"}))
    with pytest.raises(RejectedError, match="no such route"):
        await adapter.lead("ada-1")
    assert [asked.path for asked in wire.of("/lead/")] == list(ROUTES[VIEW])


async def test_a_405_on_a_proven_path_is_rejected():
    """§12."""
    adapter, _ = written(lambda asked: (404, None) if "overview" in asked.path else (405, None), memory=PROVEN)
    with pytest.raises(RejectedError):
        await adapter.lead("ada-1")


async def test_an_installation_that_follows_the_samples():
    """§1 SIM variant: only the paths of the samples exist."""
    async with sandboxed({"paths": "samples"}) as there:
        written = await there.adapter.create_lead(WANTED)
        await there.update(written.external_id, city="Paris")
        assert (await there.fields(written.external_id))["city"] == "Paris"
        assert {path for path in there.adapter.memory["paths"].values() if "leads/" in path} == set()
        assert there.adapter.memory["paths"][UPDATE] == "/update/lead/"


@pytest.mark.parametrize(
    ("body", "kind"),
    [("multipart", "multipart/form-data"), ("form", "application/x-www-form-urlencoded"), ("json", "application/json")],
)
async def test_bodies_in_three_encodings(body: str, kind: str):
    """§1: connection key `body`; every path ends in a slash; both headers go out with every call."""
    async with sandboxed(body=body) as there:
        written = await there.adapter.create_lead({**WANTED, "last_name": 'Löve "x" & 李', "city": "a\r\nb"})
        assert there.sandbox.shows(written.external_id)["last_name"] == 'Löve "x" & 李'
        [create] = [asked for asked in there.wire.of("create/lead/") if asked.form.get("first_name")][:1]
        assert create.headers["content-type"].startswith(kind)
        for asked in there.wire.asked:
            assert asked.path.endswith("/")
            assert asked.headers["apikey"] == there.sandbox.token
            assert asked.headers["authorization"] == f"Bearer {there.sandbox.token}"


async def test_an_api_key_of_its_own():
    """§2, kind token: `api_key` is sent as it is; left out, the token goes there too."""
    auth = {"kind": "token", "token": Secret.literal("a-token"), "api_key": Secret.literal("a-key")}
    adapter, wire = written(lambda _: (200, CHOICES), auth=auth)
    assert await adapter.check()
    assert (wire.asked[0].headers["apikey"], wire.asked[0].headers["authorization"]) == ("a-key", "Bearer a-token")


@pytest.mark.parametrize(
    "body",
    [
        refused(401, {"detail": "Given token not valid for any token type", "code": "token_not_valid"})[1],
        {"detail": "Given token not valid for any token type", "code": "token_not_valid"},
        {"code": "not_authenticated"},
        {"errors": {"code": "authentication_failed"}},
        refused(401, {"detail": "Invalid apikey."})[1],
        {"message": "Api key missing"},
        {"errors": ["The supplied authentication credentials are invalid."]},
        {"errors": "User inactive account"},
        None,
    ],
)
async def test_a_401_about_the_credentials_pauses(body: Any):
    """§2, rule 1, in every form: auth; a fixed token is not offered twice."""
    adapter, wire = written(lambda asked: (401, body) if "view/lead" in asked.path else (200, CHOICES))
    with pytest.raises(AuthError):
        await adapter.lead("ada-1")
    assert len(wire.of("/view/lead/")) == 1


@pytest.mark.parametrize("wrap", [
    lambda text: {"status_code": 401, "errors": {"non_field_errors": [text]}, "data": {}},
    lambda text: {"status_code": 401, "errors": text, "data": {}},
    lambda text: {"status_code": 401, "errors": [text], "data": {}},
    lambda text: {"slug": [text]},
    lambda text: {"detail": text},
    lambda text: {"message": text.upper()},
])  # fmt: skip
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Requested lead does not esixt.", NotFoundError),
        ("Requested lead not found.", NotFoundError),
        ("You are not owner of this lead.", RejectedError),
        ("You can't delete this lead.", RejectedError),
        ("You can’t update this appointment.", RejectedError),
        ("Body data not found.", RejectedError),
    ],
)
async def test_a_401_of_business_is_no_logout(text: str, error: type[VendorError], wrap: Any):
    """§2 rule 2, §12: judged by its sentence in any accepted body, without a login or a probe."""
    adapter, wire = written(lambda asked: (401, wrap(text)) if "view/lead" in asked.path else (200, CHOICES))
    with pytest.raises(error) as caught:
        await adapter.lead("ada-1")
    assert not isinstance(caught.value, AuthError)
    assert len(wire.asked) == 2  # the overview at the start, and the view


async def test_a_401_that_says_nothing_is_probed():
    """§2, rule 3, kind token: the overview still answers: rejected. It does not: auth."""
    good = True

    def answers(asked: Asked) -> Answer:
        if "overview" in asked.path:
            return (200, CHOICES) if good else refused(401, {"detail": "Invalid apikey."})
        return refused(401, {"detail": "Computer says no"})

    adapter, wire = written(answers)
    with pytest.raises(RejectedError) as caught:
        await adapter.lead("ada-1")
    assert "Computer" not in str(caught.value)
    assert [asked.path for asked in wire.asked][-2:] == ["/leads/view/lead/", "/leads/overview/"]
    good = False
    with pytest.raises(AuthError):
        await adapter.lead("ada-1")


@pytest.mark.parametrize(
    ("status", "errors", "error"),
    [
        (400, {"note": ["This field may not be blank."]}, RejectedError),
        (400, {"phone": ["Phone number must be entered in the format: '999999999'."]}, RejectedError),
        (400, {"status": [f"{SECRET} is not a valid choice."]}, RejectedError),
        (400, {"assignee": ["Assignee not found."]}, RejectedError),
        (400, {"whatever": [f"{SECRET} is odd"]}, RejectedError),
        (400, {"email": [f"{SECRET} already exists."]}, ConflictError),
        (400, {"non_field_errors": ["The fields must make a unique set."]}, ConflictError),
        (400, {"slug": ["Requested lead already has a deleted status."]}, NotFoundError),
        (403, {"detail": f"No way, {SECRET}"}, RejectedError),
        (404, {"detail": "Not found."}, NotFoundError),
        (408, {}, TransientError),
        (500, {"detail": SECRET}, TransientError),
        (302, {}, RejectedError),
    ],
)
async def test_refusals_of_a_write(status: int, errors: Any, error: type[VendorError]):
    """§12: the class by status and text; messages name fields and what is wrong with them, never a value."""

    def answers(asked: Asked) -> Answer:
        if "update" in asked.path:
            return refused(status, errors)
        return enveloped(lead()) if "view/lead" in asked.path else (404, None)

    adapter, _ = written(answers, memory=PROVEN)
    present = await adapter.lead("ada-1")
    with pytest.raises(error) as caught:
        await adapter.update_lead("ada-1", {"first_name": "Grace"}, frozenset({"first_name"}), present)
    assert not isinstance(caught.value, AuthError)
    assert SECRET not in str(caught.value)
    assert "/leads/update/lead/" in str(caught.value)
    if isinstance(errors, dict) and "phone" in errors:
        assert "phone must be up to 15 digits" in str(caught.value)


async def test_a_403_on_a_read_is_about_rights_to_read():
    """§12: 403 on a read: auth."""
    adapter, _ = written(lambda asked: (403, None) if "view/lead" in asked.path else (200, CHOICES))
    with pytest.raises(AuthError):
        await adapter.lead("ada-1")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {"status_code": 400, "errors": {"slug": ["Requested slug is invalid."]}, "data": {}}), NotFoundError),
        ((200, {"status_code": "500", "errors": {}, "data": {}}), TransientError),
        ((200, {"errors": {"slug": ["Who?"]}, "data": {}}), RejectedError),
        ((200, b"<html>"), TransientError),
        ((200, b'{"status_code": 2'), TransientError),
    ],
)
async def test_a_200_that_is_none(answer: Answer, error: type[VendorError]):
    """§3, §11: a status_code inside counts, errors inside count; HTML and broken JSON are transient."""
    adapter, _ = written(lambda asked: answer if "view/lead" in asked.path else (200, CHOICES))
    with pytest.raises(error):
        await adapter.lead("ada-1")


@pytest.mark.parametrize(
    ("headers", "text", "waits_s"),
    [
        ({"Retry-After": "17"}, "Request was throttled. Expected available in 99 seconds.", 17),
        ({}, "Request was throttled. Expected available in 23 seconds.", 23),
        ({}, "Request was throttled. Expected available in 1 second.", 1),
        ({}, "Slow down", 60),
    ],
)
async def test_a_429_waits_as_it_is_told(headers: dict[str, str], text: str, waits_s: float):
    """§4: the header, else the number in the text, else a minute; then the call is repeated."""
    answers: list[Answer] = [(429, {"detail": text}, headers), (200, CHOICES)]
    clock = VirtualClock()
    adapter, wire = written(lambda _: answers.pop(0), clock=clock)
    assert await adapter.check()
    assert clock.elapsed_s == pytest.approx(waits_s, abs=1.5)
    assert [asked.path for asked in wire.asked] == [ROUTES[OVERVIEW][0]] * 2


async def test_the_vendors_limit_is_kept():
    """§4: sixty calls a minute by default: an installation with that very limit never answers 429."""
    async with sandboxed({"limit": 60}) as there:
        leads = [there.person() for _ in range(100)]
        for lead in leads:
            await there.adapter.lead(lead)
        assert {call.status for call in there.sandbox.calls} == {200}
        assert there.clock.elapsed_s >= 59
