"""Which header style a token goes out in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from syncd.domain.errors import AuthError, ConfigError
from syncd.sandbox.faults import Fault, always
from syncd.sandbox.inprocess import SandboxTransport
from syncd.vendors.auth import TokenAuth
from syncd.vendors.http import Http
from tests.sandbox.toy import ToyVendor
from tests.vendors.clocks import VirtualClock
from tests.vendors.toy import STYLES, toy_http


class TestAuth:
    """Header styles."""

    async def _toy(self, styles: tuple[str, ...], **given: Any) -> tuple[Http, ToyVendor]:
        clock = VirtualClock()
        toy = ToyVendor(clock, styles=styles)
        return toy_http(clock, transport=SandboxTransport({"toy": toy}), **given), toy

    async def test_auto_finds_the_style_and_remembers_it(self):
        """Refused while nothing ever worked: the next style once, kept in memory, tried first from then on."""
        http, toy = await self._toy(("{}",))
        await http.send("POST", "/things", json={})
        assert [call.status for call in toy.calls] == [401, 201]
        assert http.auth.memory == {"auth_style": "bare"}
        again, toy = await self._toy(("{}",), auth=TokenAuth("sandbox-token", STYLES, memory=http.auth.memory))
        await again.send("GET", "/things")
        assert [call.status for call in toy.calls] == [200]

    async def test_a_wrong_token_is_tried_once_per_style(self):
        """Two refusals, then AuthError; nothing is remembered."""
        http, toy = await self._toy((), auth=TokenAuth("wrong", STYLES))
        with pytest.raises(AuthError):
            await http.send("GET", "/things")
        assert [call.status for call in toy.calls] == [401, 401]
        assert http.auth.memory == {}

    async def test_after_a_success_a_refusal_is_final(self):
        """The style is known to be right, so the token is bad now: no second try."""
        http, toy = await self._toy(("Bearer {}",))
        await http.send("GET", "/things")
        toy.switches["styles"] = ("{}",)
        toy.forget_calls()
        with pytest.raises(AuthError):
            await http.send("GET", "/things")
        assert len(toy.calls) == 1

    async def test_a_fixed_style_is_never_changed(self):
        """A configured style is the only one tried."""
        http, toy = await self._toy(("Bearer {}",), auth=TokenAuth("sandbox-token", STYLES, style="bare"))
        with pytest.raises(AuthError):
            await http.send("GET", "/things")
        assert len(toy.calls) == 1

    async def test_forbidden_is_about_rights(self):
        """A 403 does not make us try another style."""
        http, toy = await self._toy(("{}", "Bearer {}"))
        toy.fault = always(Fault("error", status=403))
        with pytest.raises(AuthError):
            await http.send("GET", "/things")
        assert len(toy.calls) == 1

    async def test_calls_at_once_agree_on_the_style(self):
        """Several first calls refused at the same time all succeed in the end."""
        http, toy = await self._toy(("{}",))
        await asyncio.gather(*(http.send("GET", "/things") for _ in range(6)))
        assert sum(call.status == 200 for call in toy.calls) == 6

    @pytest.mark.parametrize("token", ["", "  ", "a\nb", "ü"])
    def test_a_token_that_cannot_be_sent_is_a_config_error(self, token: str):
        """Said at once and without the token."""
        with pytest.raises(ConfigError) as caught:
            TokenAuth(token, STYLES)
        assert "a\nb" not in str(caught.value)
