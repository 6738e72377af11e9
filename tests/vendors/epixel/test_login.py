"""Logging in as a user, renewing a JWT, and which 401 means that it ended (vendors/epixel.md §2)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import orjson
import pytest

from syncd.domain.errors import AuthError, RejectedError, TransientError
from syncd.sandbox.epixel.login import API_KEY, LOGIN, PASSWORD, REFRESH, USERNAME
from syncd.settings import Secret
from syncd.vendors.renewing import MemoryCredentials
from tests.vendors.clocks import START, VirtualClock
from tests.vendors.epixel.support import BASE, WANTED, Answer, Asked, enveloped, refused, sandboxed, written
from tests.vendors.epixel.support import OVERVIEW as CHOICES

Renewal = dict[str, Any]


def auth(**more: Any) -> Renewal:
    """Kind password."""
    there = {"kind": "password", "api_key": Secret.literal(API_KEY), "username": USERNAME}
    return {**there, "password": Secret.literal(PASSWORD), **more}


def jwt(**claims: Any) -> str:
    """A token as its bearer sees it."""
    return ".".join(urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in ({}, claims, {}))


@pytest.mark.parametrize("body", ["multipart", "form", "json"])
async def test_a_user_is_logged_in_before_the_first_call(body: str):
    """§2: POST {base_url}/user/login/ with the apikey header, encoded like `body`; then Bearer <access>."""
    async with sandboxed(auth=auth(), body=body) as there:
        assert await there.adapter.check() == USERNAME
        login, overview = there.wire.asked
        assert (login.method, login.path) == ("POST", LOGIN)
        assert login.form == {"username": USERNAME, "password": PASSWORD}
        assert login.headers["apikey"] == overview.headers["apikey"] == API_KEY
        assert "authorization" not in login.headers
        assert overview.headers["authorization"].startswith("Bearer ey")
        await there.adapter.check()
        assert there.sandbox.desk.logins == 1


async def test_a_jwt_is_renewed_a_minute_before_its_end():
    """§2: by a login where no refresh_url is set."""
    async with sandboxed({"token_life_s": 600}, auth=auth()) as there:
        await there.adapter.check()
        await there.clock.sleep(539)
        await there.adapter.check()
        assert there.sandbox.desk.logins == 1
        await there.clock.sleep(2)
        await there.adapter.check()
        assert there.sandbox.desk.logins == 2
        assert {call.status for call in there.sandbox.calls} == {200}


@pytest.mark.parametrize("rotation", [False, True])
async def test_refreshing_where_an_address_is_set(rotation: Any):
    """§2: POST {"refresh"}; maybe a new refresh token; nobody logs in again."""
    async with sandboxed(
        {"token_life_s": 600, "rotation": rotation}, auth=auth(refresh_url=f"{BASE}{REFRESH}")
    ) as there:
        for _ in range(4):
            await there.adapter.check()
            await there.clock.sleep(600)
        assert (there.sandbox.desk.logins, there.sandbox.desk.refreshes) == (1, 3)
        refresh = there.wire.of(REFRESH)[0]
        assert set(refresh.form) == {"refresh"}
        assert refresh.headers["apikey"] == API_KEY


@pytest.mark.parametrize(
    "failure", [(401, {"detail": "Token is invalid"}), (404, None), (500, None), (200, {}), (200, b"<")]
)
async def test_any_failure_of_a_refresh_is_a_login(failure: Answer):
    """§2."""
    soon = int((START + timedelta(minutes=5)).timestamp())
    logins = []

    def answers(asked: Asked) -> Answer:
        if asked.path == LOGIN:
            logins.append(asked)
            return enveloped({"refresh": "r", "access": jwt(exp=soon, n=len(logins))})
        return failure if asked.path == "/refresh/" else (200, CHOICES)

    clock = VirtualClock()
    adapter, wire = written(answers, clock=clock, auth=auth(refresh_url=f"{BASE}/refresh/"))
    await adapter.check()
    await clock.sleep(241)
    await adapter.check()
    assert (len(wire.of("/refresh/")), len(logins)) == (1, 2)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"refresh": "r", "access": "opaque"}),
        enveloped({"access": "opaque"}),
        (201, {"access": "a.b.c"}),
        (200, {"access": jwt(exp="soon")}),
        (200, {"access": jwt(exp=1)}),
    ],
)
async def test_tokens_whose_end_nobody_knows_are_used_until_they_are_refused(answer: Answer):
    """§2: bare or inside the envelope's data; no usable `exp`: renewed only when refused."""
    refusals = [refused(401, {"detail": "Given token not valid for any token type", "code": "token_not_valid"})]

    def answers(asked: Asked) -> Answer:
        if asked.path == LOGIN:
            return answer
        return refusals.pop() if refusals and len(wire.of("/overview/")) == 2 else (200, CHOICES)

    clock = VirtualClock()
    adapter, wire = written(answers, clock=clock, auth=auth())
    await adapter.check()
    await clock.sleep(1_000_000)
    await adapter.check()
    assert [asked.path for asked in wire.asked] == [
        LOGIN, "/leads/overview/", "/leads/overview/", LOGIN, "/leads/overview/",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        refused(401, {"detail": "The supplied authentication credentials are invalid."}),
        (401, {"detail": "No active account found with the given credentials"}),
        (400, {"username": ["This field is required."]}),
        (200, {"status_code": 401, "errors": {"detail": "No active account found"}, "data": {}}),
    ],
)
async def test_a_refused_login_pauses_and_says_what_to_check(answer: Answer):
    """§2: class auth; nothing of the credentials in the message; not asked again and again."""
    adapter, wire = written(lambda _: answer, auth=auth())
    for _ in range(3):
        with pytest.raises(AuthError) as caught:
            await adapter.check()
        assert caught.value.hint == "check the user, the password and the api key"
        assert PASSWORD not in str(caught.value)
    assert [asked.path for asked in wire.asked] == [LOGIN]


@pytest.mark.parametrize("answer", [(500, None), (200, {"status_code": 503, "errors": {"detail": "x"}, "data": {}})])
async def test_a_login_that_fails_for_now_is_tried_later(answer: Answer):
    """Nobody is paused because a server is down."""
    adapter, _ = written(lambda _: answer, auth=auth())
    with pytest.raises(TransientError) as caught:
        await adapter.create_lead(WANTED)
    assert not caught.value.sent


@pytest.mark.parametrize("unauthorized", ["envelope", "bare"])
async def test_a_token_that_is_refused_is_renewed_once_and_the_call_repeated(unauthorized: str):
    """§2, rule 1: also for a create: a 401 was certainly not carried out."""
    async with sandboxed({"unauthorized": unauthorized}, auth=auth()) as there:
        await there.adapter.check()
        there.sandbox.desk.end_all()
        await there.adapter.create_lead(WANTED)
        assert there.sandbox.desk.logins == 2
        assert len(there.sandbox.ids()) == 1
        there.sandbox.switches["revoked"] = True
        with pytest.raises(AuthError):
            await there.adapter.check()


async def test_a_401_of_business_logs_nobody_in():
    """§2, rule 2, §13: no hidden logout."""
    async with sandboxed({"own_only": True}, auth=auth()) as there:
        there.sandbox.add_agent("o@example.com", "O", "Ther")
        lead = there.person(assignments={"primary": "o@example.com"})
        with pytest.raises(RejectedError):
            await there.adapter.lead(lead)
        assert there.sandbox.desk.logins == 1


async def test_a_401_that_says_nothing_is_renewed_and_repeated_once():
    """§2, rule 3, kind password: the same answer again: rejected; the token in use stays."""
    logins = []

    def answers(asked: Asked) -> Answer:
        if asked.path == LOGIN:
            logins.append(asked)
            return 200, {"access": f"token-{len(logins)}"}
        return refused(401, {"detail": "Computer says no"}) if "view/lead" in asked.path else (200, CHOICES)

    adapter, wire = written(answers, auth=auth())
    with pytest.raises(RejectedError):
        await adapter.lead("ada-1")
    assert (len(logins), len(wire.of("/view/lead/"))) == (2, 2)
    await adapter.check()
    assert len(logins) == 2


async def test_tokens_outlive_the_process():
    """What was bought is kept, encrypted, with the connection's credentials; another password is another login."""
    kept = MemoryCredentials()
    async with sandboxed(kept=kept, auth=auth()) as there:
        await there.adapter.check()
        held = await kept.read("epixel")
        assert held is not None
        assert held.access.startswith("ey")
        assert held.expires_at == there.clock.now() + timedelta(hours=1)
    async with sandboxed(kept=kept, auth=auth(password=Secret.literal("another"))) as there:
        with pytest.raises(AuthError):
            await there.adapter.check()
        assert len(there.wire.of(LOGIN)) == 1
