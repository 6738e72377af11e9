"""What each vendor's login asks for and how it reads the answer: the "Auth" sections of the five sheets."""

from __future__ import annotations

import asyncio
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from syncd.domain.errors import AuthError, UnreadableError
from syncd.ports.credentials import Tokens
from syncd.ports.vendor import Adapter
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.epixel import login as epixel_users
from syncd.sandbox.faults import Fault
from syncd.sandbox.inprocess import SandboxTransport
from syncd.sandbox.mycrm import tokens as mycrm_users
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH
from syncd.settings import Secret
from syncd.settings.connections import VENDORS
from syncd.vendors.login import Login, TokenRequest, oauth2_answer, with_query
from syncd.vendors.registry import Deps, login, make
from tests.vendors.clocks import VirtualClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BRAND = "497c9108-1031-4885-9043-5baaf215aed7"
MORE: dict[str, dict[str, Any]] = {
    "rechat": {"brand": BRAND, "create_via": "contacts"},
    "epixel": {"base_url": "https://crm.example.com/api/v1"},
}


def described(vendor: str, more: Any = None, **auth: Any) -> Login:
    """The login of a connection with this ``auth`` table; plain words become secrets where they must."""
    secret = {"client_secret", "refresh_token", "access_token", "customer_key", "password", "api_key"}
    given = {key: Secret.literal(value) if key in secret else value for key, value in auth.items()}
    connection = VENDORS[vendor].model_validate({"name": "mine", "auth": given, **MORE.get(vendor, {}), **(more or {})})
    found = login(connection)
    assert found is not None
    return found


def shape(request: TokenRequest | None) -> tuple[str, str, dict[str, str], dict[str, str]]:
    """Address, encoding, fields and headers."""
    assert request is not None
    return request.url, request.encoding, dict(request.fields), dict(request.headers)


OAUTH: dict[str, Any] = {"kind": "oauth2", "client_id": "id", "client_secret": "s", "redirect_uri": "http://x/back"}
CLIENT = {"client_id": "id", "client_secret": "s"}


@pytest.mark.parametrize(
    ("vendor", "url", "encoding", "exchange_more"),
    [
        ("cinc", "https://authv2.cincapi.com/integrator/token", "form",
         {"scope": "api:read api:create api:update api:event"}),
        ("chime", "https://api.chime.me/oauth/token", "form", {}),
        ("rechat", "https://app.rechat.com/oauth2/token", "json", {}),
    ],
)  # fmt: skip
def test_exchange_and_refresh(vendor: str, url: str, encoding: str, exchange_more: dict[str, str]):
    """The documented fields and no others, at the documented address."""
    found = described(vendor, **OAUTH, refresh_token="r")
    refresh = {"grant_type": "refresh_token", "refresh_token": "r2", **CLIENT}
    assert shape(found.refresh(Tokens(refresh="r2"))) == (url, encoding, refresh, {})
    assert found.refresh(Tokens(access="only")) is None
    assert found.start.refresh == "r"
    assert found.fresh is None
    assert found.consent is not None
    code = {"grant_type": "authorization_code", "code": "c", "redirect_uri": "http://x/back", **CLIENT}
    assert shape(found.consent.exchange("c")) == (url, encoding, {**code, **exchange_more}, {})


@pytest.mark.parametrize(
    ("vendor", "page", "asks"),
    [
        ("cinc", "https://authv2.cincapi.com/integrator/authorize",
         {"client_id": "id", "response_type": "code", "scope": "api:read api:create api:update api:event"}),
        ("chime", "https://lofty.com/page/vendor-auth.html", {"clientId": "id"}),
        ("rechat", "https://app.rechat.com/oauth2/auth", {"client_id": "id", "response_type": "code"}),
    ],
)  # fmt: skip
def test_where_a_person_consents(vendor: str, page: str, asks: dict[str, str]):
    """The documented address and parameters; state and redirect_uri beside them."""
    found = described(vendor, **OAUTH)
    assert found.consent is not None
    url = found.consent.url("st/ate")
    asked = dict(parse_qsl(urlsplit(url).query))
    assert url.partition("?")[0] == page
    assert asked == {**asks, "redirect_uri": "http://x/back", "state": "st/ate"}


def test_parameters_are_added_to_an_address_that_has_some():
    """What stands there stays; blank ones are left out."""
    assert with_query("https://a/b?clientId=7&x=%20", clientId="8", state="s t", nothing="") == (
        "https://a/b?clientId=7&x=%20&state=s%20t"
    )


def test_mycrm_by_key():
    """Basic header and JSON; no refresh token: the same is asked again (vendors/mycrm.md §2)."""
    found = described("mycrm", kind="client_credentials", client_id="key", client_secret="secret")
    assert found.fresh is not None
    assert shape(found.fresh()) == (
        "https://auth.propertyfinder.com/auth/oauth/v1/token",
        "json",
        {"scope": "openid", "grant_type": "client_credentials"},
        {"Authorization": "Basic " + b64encode(b"key:secret").decode()},
    )
    assert found.refresh(Tokens("a", "r")) is None
    assert found.consent is None
    tokens = found.read({"access_token": "a"}, Tokens(), NOW)
    assert (tokens.renew_at, tokens.expires_at) == (NOW + timedelta(seconds=1740), NOW + timedelta(seconds=1800))


def test_mycrm_by_password():
    """``{base_url}/token``, JSON with the domain; refreshed by JSON too (vendors/mycrm.md §2)."""
    user = {"domain": "d", "username": "u", "password": "p"}
    found = described("mycrm", {"base_url": "http://crm.test/"}, kind="password", **user)
    assert found.fresh is not None
    wanted = {"grant_type": "password", **user, "scope": "offline"}
    assert shape(found.fresh()) == ("http://crm.test/token", "json", wanted, {})
    refresh = {"grant_type": "refresh_token", "refresh_token": "r", "domain": "d", "scope": "offline"}
    assert shape(found.refresh(Tokens("a", "r"))) == ("http://crm.test/token", "json", refresh, {})


@pytest.mark.parametrize("body", ["multipart", "form", "json"])
def test_epixel_by_password(body: str):
    """``{base_url}/user/login/`` with its slash, encoded like ``body``, apikey as header (vendors/epixel.md §2)."""
    auth = {"kind": "password", "api_key": "k", "username": "u", "password": "p"}
    found = described("epixel", {"body": body}, **auth)
    assert found.fresh is not None
    assert shape(found.fresh()) == (
        "https://crm.example.com/api/v1/user/login/",
        body,
        {"username": "u", "password": "p"},
        {"apikey": "k"},
    )
    assert found.refresh(Tokens("a", "r")) is None
    renews = described("epixel", **auth, refresh_url="http://crm.test/user/token/refresh/")
    url, _, fields, _ = shape(renews.refresh(Tokens("a", "r")))
    assert (url, fields) == ("http://crm.test/user/token/refresh/", {"refresh": "r"})


def jwt(**claims: Any) -> str:
    """A token that says when it ends."""
    return ".".join(urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in ({}, claims, {}))


@pytest.mark.parametrize(
    ("access", "life_s"),
    [
        (jwt(exp=NOW.timestamp() + 600), 600),
        (jwt(exp=NOW.timestamp() - 600), None),
        (jwt(), None),
        (jwt(exp="soon"), None),
        ("no-jwt", None),
        ("a.b.c", None),
        ("..", None),
    ],
)
@pytest.mark.parametrize("enveloped", [True, False])
def test_epixel_tokens_end_when_they_say_so(access: str, life_s: int | None, enveloped: bool):  # noqa: FBT001
    """``exp`` of a JWT, a minute before which is renewed; anything else is used until it is refused."""
    found = described("epixel", kind="password", api_key="k", username="u", password="p")
    plain = {"refresh": "r", "access": access}
    tokens = found.read({"status_code": 200, "data": plain} if enveloped else plain, Tokens(), NOW)
    assert (tokens.access, tokens.refresh) == (access, "r")
    ends = None if life_s is None else NOW + timedelta(seconds=life_s)
    assert tokens.expires_at == ends
    assert tokens.renew_at == (None if ends is None else ends - timedelta(seconds=60))
    assert found.read({"access": access}, tokens, NOW).refresh == "r"


def test_rechat_tokens_are_renewed_when_a_tenth_is_left():
    """Default life 31 days (vendors/rechat.md §2)."""
    found = described("rechat", **OAUTH)
    tokens = found.read({"access_token": "a", "code": "OK", "data": {"id": "user"}}, Tokens(), NOW)
    assert tokens.expires_at == NOW + timedelta(seconds=2_678_400)
    assert tokens.renew_at == NOW + timedelta(seconds=2_678_400 * 0.9)


@pytest.mark.parametrize(
    ("told", "ends_in"),
    [
        (3600, 3600), ("3600", 3600), (1.5, 1.5), (None, None), (0, None), (-5, None), (True, None), ("x", None),
        ([], None), (float("nan"), None), ("1e400", None),
    ],
)  # fmt: skip
def test_lives_in_every_form(told: Any, ends_in: float | None):
    """A number or digits; anything else is as if it were not there. Short lives are not renewed all the time."""
    tokens = oauth2_answer()({"access_token": "a", "expires_in": told}, Tokens(), NOW)
    assert tokens.expires_at == (None if ends_in is None else NOW + timedelta(seconds=ends_in))
    assert tokens.renew_at is None or NOW < tokens.renew_at < NOW + timedelta(seconds=ends_in or 0)


@pytest.mark.parametrize("body", [None, [], "text", {}, {"access_token": ""}, {"access_token": 7}, {"data": {}}])
def test_an_answer_without_a_token(body: Any):
    """Unreadable, and nothing of it in the message."""
    with pytest.raises(UnreadableError):
        oauth2_answer()(body, Tokens(), NOW)


@pytest.mark.parametrize("around", ["data", "body"])
def test_answers_inside_another_object(around: str):
    """``{"data": {}}`` (vendors/chime.md §2), ``{"body": {}}`` (vendors/cinc.md §1)."""
    tokens = oauth2_answer()({"code": 0, around: {"access_token": "a", "refresh_token": "r"}}, Tokens(), NOW)
    assert (tokens.access, tokens.refresh) == ("a", "r")


def test_what_changes_in_the_config_replaces_what_is_kept():
    """Another password, key or refresh token: another seed. A rotated client secret: the login stays good."""
    user = {"kind": "password", "domain": "d", "username": "u"}
    assert described("mycrm", **user, password="p").seed != described("mycrm", **user, password="q").seed
    one = described("cinc", **OAUTH, refresh_token="r")
    assert one.seed == described("cinc", **{**OAUTH, "client_secret": "other"}, refresh_token="r").seed
    assert one.seed != described("cinc", **OAUTH, refresh_token="r2").seed
    assert described("cinc", **OAUTH).seed == ""
    assert "r" not in one.seed.split()


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "mycrm by key": ("mycrm", {
        "kind": "client_credentials", "client_id": mycrm_users.API_KEY,
        "client_secret": Secret.literal(mycrm_users.API_SECRET), "token_url": "/auth/oauth/v1/token",
    }),
    "mycrm by password": ("mycrm", {
        "kind": "password", "domain": mycrm_users.DOMAIN, "username": mycrm_users.USERNAME,
        "password": Secret.literal(mycrm_users.PASSWORD),
    }),
    "rechat": ("rechat", {
        "kind": "oauth2", "client_id": CLIENT_ID, "client_secret": Secret.literal(CLIENT_SECRET),
        "refresh_token": Secret.literal(FIRST_REFRESH), "token_url": "/oauth2/token",
    }),
    "epixel": ("epixel", {
        "kind": "password", "api_key": Secret.literal(epixel_users.API_KEY), "username": epixel_users.USERNAME,
        "password": Secret.literal(epixel_users.PASSWORD),
    }),
    "epixel with refresh": ("epixel", {
        "kind": "password", "api_key": Secret.literal(epixel_users.API_KEY), "username": epixel_users.USERNAME,
        "password": Secret.literal(epixel_users.PASSWORD), "refresh_url": epixel_users.REFRESH,
    }),
}  # fmt: skip


def connected(kind: str, **switches: Any) -> tuple[Adapter, Any, VirtualClock]:
    """An adapter that logs in at a sandbox in this process."""
    vendor, auth = KINDS[kind]
    clock = VirtualClock()
    sandbox: SandboxVendor = SANDBOXES[vendor](clock, **switches)
    base = f"http://account.sandbox{sandbox.prefix}"
    given = {k: f"{base}{v}" if k.endswith("_url") else v for k, v in auth.items()}
    more = {**sandbox.config(), **{k: v for k, v in MORE.get(vendor, {}).items() if k not in sandbox.config()}}
    connection = VENDORS[vendor].model_validate({**more, "name": "mine", "base_url": base, "auth": given})
    transport = SandboxTransport({"account.sandbox": sandbox})
    return make(connection, Deps(clock, transport)), sandbox, clock


def token_calls(sandbox: SandboxVendor) -> int:
    """How often a token was asked for."""
    return sum("token" in call.template or "login" in call.template for call in sandbox.calls)


@pytest.mark.parametrize("kind", list(KINDS))
async def test_logged_in_at_the_sandbox(kind: str):
    """Ten calls at once log in once; a token about to end is renewed before it does; nothing is ever refused."""
    adapter, sandbox, clock = connected(kind, token_life_s=3600)
    await asyncio.gather(*(adapter.check() for _ in range(10)))
    assert token_calls(sandbox) == 1
    await clock.sleep(3600 - 30)
    await adapter.check()
    assert token_calls(sandbox) == 2
    assert all(call.status < 300 for call in sandbox.calls)


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_refused_token_is_renewed_and_the_call_repeated(kind: str):
    """Our token is forgotten at the vendor: one login more, and the caller notices nothing."""
    adapter, sandbox, _ = connected(kind)
    await adapter.check()
    if hasattr(sandbox, "tokens"):
        sandbox.tokens.revoke()
    else:
        (sandbox.oauth.desk if hasattr(sandbox, "oauth") else sandbox.desk).end_all()
    assert await adapter.check()
    again = token_calls(sandbox)
    await adapter.check()
    assert token_calls(sandbox) == again


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_login_pauses_with_what_to_check(kind: str, status: int):
    """Class auth; what was refused is not offered again at once."""
    adapter, sandbox, _ = connected(kind)
    sandbox.fault = lambda ask, _: (
        Fault("error", status=status) if "token" in ask.template or "login" in ask.template else None
    )
    for _ in range(2):
        with pytest.raises(AuthError) as caught:
            await adapter.check()
    assert token_calls(sandbox) == 1
    if kind != "rechat":
        assert "check the" in caught.value.hint
