"""Tokens that renew themselves: when, how often, and what if they cannot (vendors/cinc.md §2, chime.md §2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from syncd.domain.errors import AuthError, TransientError
from syncd.ports.credentials import Tokens
from syncd.sandbox.chime.oauth import CUSTOMER_KEY
from syncd.sandbox.faults import Fault, FaultPlan
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH
from syncd.settings import Secret
from tests.vendors.logins import Watched, account

BOTH = pytest.mark.parametrize("vendor", ["cinc", "chime"])


def at_token_endpoint(fault: Fault, moment: str = "before") -> FaultPlan:
    """A fault of the token endpoint alone."""
    return lambda ask, now: fault if ask.template.endswith("/token") and now == moment else None


@BOTH
async def test_the_first_call_buys_a_token_and_later_ones_use_it(vendor: str):
    """One refresh by the config's refresh token, form-encoded, with exactly the documented fields."""
    there = account(vendor)
    adapter = there.adapter()
    assert await adapter.check()
    await adapter.check()
    fields = {"grant_type": "refresh_token", "refresh_token": FIRST_REFRESH}
    assert there.wire.asked == [fields | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}]
    assert there.wire.headers[0]["content-type"] == "application/x-www-form-urlencoded"
    assert there.wire.sent == ["Bearer sandbox-access-1"] * 2
    assert dict(adapter.requests) == {"read": 2, "write": 0}


@BOTH
async def test_a_token_is_renewed_a_minute_before_it_ends(vendor: str):
    """Until then it is used; the refresh spends the token that came last, and nothing is ever refused."""
    there = account(vendor, token_life_s=3600)
    adapter = there.adapter()
    await adapter.check()
    await there.clock.sleep(3600 - 61)
    await adapter.check()
    assert len(there.wire.asked) == 1
    await there.clock.sleep(2)
    await adapter.check()
    assert [asked["refresh_token"] for asked in there.wire.asked] == [FIRST_REFRESH, "sandbox-refresh-2"]
    assert set(there.statuses) == {200}


@BOTH
async def test_a_token_that_ends_early_is_renewed_and_the_call_repeated_once(vendor: str):
    """The vendor forgets our token: 401, one refresh, the same call again; the caller notices nothing."""
    there = account(vendor)
    adapter = there.adapter()
    await adapter.check()
    there.desk.end_all()
    assert await adapter.check()
    assert there.statuses == [200, 401, 200]
    assert there.desk.refreshes == 2


@BOTH
async def test_a_token_that_never_says_when_it_ends_is_used_until_it_is_refused(vendor: str):
    """``expires_in`` absent (vendors/chime.md §2)."""
    there = account(vendor, token_life_s=None)
    adapter = there.adapter()
    await adapter.check()
    await there.clock.sleep(90 * 86400)
    await adapter.check()
    assert len(there.wire.asked) == 1


@BOTH
async def test_without_rotation_the_old_refresh_token_is_kept(vendor: str):
    """An answer without ``refresh_token``: the one held goes on being used."""
    there = account(vendor, rotation=False)
    adapter = there.adapter()
    for _ in range(3):
        await adapter.check()
        there.desk.end_all()
    assert [asked["refresh_token"] for asked in there.wire.asked] == [FIRST_REFRESH] * 3


@BOTH
async def test_many_calls_at_once_renew_once(vendor: str):
    """Single flight: at the start, and again when all of them are refused together."""
    there = account(vendor)
    adapter = there.adapter()
    await asyncio.gather(*(adapter.check() for _ in range(8)))
    there.desk.end_all()
    await asyncio.gather(*(adapter.check() for _ in range(8)))
    assert there.desk.refreshes == 2
    assert there.desk.refused == 0


@BOTH
async def test_a_new_token_is_kept_before_it_is_used(vendor: str):
    """When a token goes out for the first time, it and its refresh token have been saved already."""
    kept = Watched()
    there = account(vendor, kept=kept)
    adapter = there.adapter()
    await adapter.check()
    there.desk.end_all()
    await adapter.check()
    assert len(kept.saved) == 2
    for tokens, sent_before in kept.saved:
        assert tokens.refresh.startswith("sandbox-refresh-")
        assert not any(tokens.access in header for header in sent_before)


@BOTH
async def test_the_next_process_goes_on_with_what_was_kept(vendor: str):
    """A second adapter of the same connection neither refreshes nor uses the config's spent token."""
    there = account(vendor)
    await there.adapter().check()
    await there.adapter().check()
    assert len(there.wire.asked) == 1
    there.desk.end_all()
    await there.adapter().check()
    assert there.wire.asked[-1]["refresh_token"] == "sandbox-refresh-2"


@BOTH
async def test_another_refresh_token_in_the_config_replaces_what_was_kept(vendor: str):
    """The kept token wins until the config's value changes; then that one is used (vendors/cinc.md §2)."""
    there = account(vendor)
    await there.adapter().check()
    there.desk.forget_all()
    given = there.desk.grant(("api:read",), refreshable=True)
    assert given is not None
    fresh = Secret.literal(given["refresh_token"])
    assert await there.adapter(refresh_token=fresh).check()
    assert there.wire.asked[-1]["refresh_token"] == given["refresh_token"]
    assert await there.adapter(refresh_token=None).check()  # taken out of the config: what was kept goes on


@BOTH
async def test_refused_for_good_is_asked_once(vendor: str):
    """Consent withdrawn: AuthError with what to do; eight workers knock at the token endpoint once."""
    there = account(vendor)
    adapter = there.adapter()
    await adapter.check()
    there.sandbox.switches["revoked"] = True
    failed = await asyncio.gather(*(adapter.check() for _ in range(8)), return_exceptions=True)
    assert all(isinstance(error, AuthError) for error in failed)
    assert "invalid_grant" in str(failed[0])
    assert there.desk.refused == 1
    with pytest.raises(AuthError):
        await adapter.check()
    assert there.desk.refused == 1


@BOTH
async def test_after_a_new_login_elsewhere_the_same_adapter_goes_on(vendor: str):
    """A running process finds the tokens that `syncd auth login` has kept meanwhile."""
    there = account(vendor)
    adapter = there.adapter()
    await adapter.check()
    there.desk.forget_all()
    with pytest.raises(AuthError):
        await adapter.check()
    given = there.desk.grant(("api:read",), refreshable=True)
    assert given is not None
    async with there.kept.exclusively("mine") as vault:
        held = await vault.read()
        assert held is not None
        await vault.save(Tokens(given["access_token"], given["refresh_token"], seed=held.seed))
    assert await adapter.check()


@BOTH
async def test_a_good_token_that_is_refused_twice_is_an_auth_error(vendor: str):
    """One refresh, one retry; refused again: class auth, and no third try."""
    there = account(vendor)
    adapter = there.adapter()
    await adapter.check()
    there.sandbox.fault = lambda ask, _: Fault("error", status=401) if "token" not in ask.template else None
    with pytest.raises(AuthError):
        await adapter.check()
    assert there.statuses == [200, 401, 401]
    assert there.desk.refreshes == 2


@BOTH
@pytest.mark.parametrize(
    "fault", [Fault("error", status=503), Fault("error", status=429), Fault("drop"), Fault("html"), Fault("half")]
)
async def test_a_token_endpoint_that_fails_is_no_reason_to_pause(vendor: str, fault: Fault):
    """5xx, 429, broken lines, HTML and half an answer: TransientError, and no token is lost: later it works."""
    there = account(vendor)
    adapter = there.adapter()
    there.sandbox.fault = at_token_endpoint(fault, "before" if fault.kind in {"error", "html", "drop"} else "after")
    if fault.kind == "half":
        there.sandbox.switches["rotation"] = False  # a spent token whose successor was lost is lost indeed
    with pytest.raises(TransientError):
        await adapter.check()
    assert there.statuses == []
    there.sandbox.fault = None
    assert await adapter.check()


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404])
async def test_a_token_endpoint_that_refuses_pauses(status: int):
    """Every 4xx is a person's business (and a redirect is a wrong address)."""
    there = account()
    there.sandbox.fault = at_token_endpoint(Fault("error", status=status))
    with pytest.raises(AuthError, match=str(status)):
        await there.adapter().check()
    assert len(there.wire.asked) == 1


async def test_a_token_that_is_good_for_a_while_outlives_a_failing_endpoint():
    """Renewal is due and the endpoint is down: the present token is used until it has ended."""
    there = account(token_life_s=3600)
    adapter = there.adapter()
    await adapter.check()
    await there.clock.sleep(3600 - 30)
    there.sandbox.fault = at_token_endpoint(Fault("error", status=503))
    assert await adapter.check()
    await there.clock.sleep(31)
    with pytest.raises(TransientError):
        await adapter.check()


@pytest.mark.parametrize("taken", ["bearer", "bare"])
async def test_cinc_finds_the_header_style_with_tokens_that_are_renewed(taken: str):
    """``scheme = "auto"``: a fresh token refused under Bearer goes bare; what worked is remembered (cinc.md §2)."""
    there = account(auth=taken)
    adapter = there.adapter()
    await adapter.check()
    assert adapter.memory["auth_style"] == taken
    assert there.desk.refreshes == 1
    there.memory = {"auth_style": taken}
    there.sandbox.forget_calls()
    await there.adapter().check()
    assert there.statuses == [200]


async def test_cinc_finds_the_style_although_the_first_token_has_ended():
    """A kept token that ended unnoticed and an unknown style at once: renewed, then tried bare, in one call."""
    there = account(auth="bare", token_life_s=None)
    await there.adapter().check()
    there.desk.end_all()
    assert await there.adapter().check()


async def test_chime_tokens_go_out_as_bearer_with_the_vendor_key():
    """OAuth tokens with ``Bearer``; ``vendor_key`` as header vendorKey (chime.md §2)."""
    there = account("chime", strict_style=True)
    await there.adapter(vendor_key=Secret.literal("the-vendor-key")).check()
    assert there.wire.sent == ["Bearer sandbox-access-1"]


async def test_chime_client_credentials_ask_anew():
    """``grant``, ``customer_key``; no refresh token: the same request buys the next token (chime.md §2)."""
    there = account("chime")
    adapter = there.adapter(grant="client_credentials", customer_key=Secret.literal(CUSTOMER_KEY), refresh_token=None)
    await adapter.check()
    there.desk.end_all()
    await adapter.check()
    wanted = {"grant_type": "client_credentials", "customer_key": CUSTOMER_KEY}
    assert there.wire.asked == [wanted | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}] * 2


async def test_chime_basic_moves_id_and_secret_into_a_header():
    """``client_auth = "basic"``: neither is in the body (chime.md §2)."""
    there = account("chime", client_auth="basic", oauth_answer="data")
    await there.adapter(client_auth="basic").check()
    assert there.wire.asked == [{"grant_type": "refresh_token", "refresh_token": FIRST_REFRESH}]
    assert there.wire.headers[0]["authorization"].startswith("Basic ")


async def test_chime_begins_with_the_access_token_of_the_config():
    """``access_token``: used as it is until it is refused."""
    there = account("chime")
    given = there.desk.grant((), refreshable=False)
    assert given is not None
    adapter = there.adapter(access_token=Secret.literal(given["access_token"]))
    await adapter.check()
    assert there.wire.asked == []
    there.desk.end_all()
    await adapter.check()
    assert there.desk.refreshes == 1


async def test_an_access_token_without_anything_to_renew_it_pauses():
    """Nothing is asked of the token endpoint: there is nothing to ask with."""
    there = account("chime")
    adapter = there.adapter(access_token=Secret.literal("ended"), refresh_token=None)
    with pytest.raises(AuthError, match="none to renew it"):
        await adapter.check()
    assert there.wire.asked == []


@BOTH
async def test_no_secret_gets_into_a_message(vendor: str, caplog: pytest.LogCaptureFixture):
    """Neither tokens nor the client's secret are in errors, their causes, reprs or logs."""
    caplog.set_level("DEBUG")
    there = account(vendor)
    adapter = there.adapter()
    await adapter.check()
    there.sandbox.switches["revoked"] = True
    with pytest.raises(AuthError) as caught:
        await adapter.check()
    held = await there.kept.read("mine")
    texts: list[Any] = [str(caught.value), caught.value.hint, repr(adapter), repr(held), *caplog.messages]
    for text in texts:
        assert "sandbox-access" not in text
        assert "sandbox-refresh" not in text
        assert CLIENT_SECRET not in text
    assert caught.value.__cause__ is None
