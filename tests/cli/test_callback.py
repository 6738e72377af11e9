"""What comes back from a consent: read from a redirect or from what a person pasted."""

from __future__ import annotations

import asyncio

import pytest

from syncd.cli import callback
from syncd.domain.errors import SyncdError, UsageError

STATE = "the-state"


@pytest.mark.parametrize(
    "text",
    [
        "https://office.example.com/back?code=c%2F1&state=the-state",
        "  'http://127.0.0.1:8643/callback?state=the-state&code=c%2F1'\n",
        "<https://office.example.com/back?code=c%2F1&state=the-state>",
        "?code=c%2F1&state=the-state",
        "code=c%2F1&state=the-state",
        "/back?code=c%2F1&state=the-state",
    ],
)
def test_what_a_person_may_paste(text: str):
    """The whole address, with or without marks around it, or what follows its question mark."""
    assert callback.pasted(text, STATE, echoes=True).code == "c/1"


@pytest.mark.parametrize(
    "text", ["", "\n", "c/1", "https://office.example.com/back", "?code=c", "?code=c&state=other", "?code=c&state="]
)
def test_what_is_not_taken(text: str):
    """Nothing, a bare code, another login's state, or none although the vendor echoes it; the code is not quoted."""
    with pytest.raises(UsageError) as caught:
        callback.pasted(text, STATE, echoes=True)
    assert "code=c" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "c/1", "https://office.example.com/back"])
def test_nothing_at_all_is_not_called_another_login(text: str):
    """End of input, or something else out of the clipboard."""
    with pytest.raises(UsageError, match="no code in it"):
        callback.pasted(text, STATE, echoes=True)


def test_a_vendor_that_echoes_no_state():
    """None is taken from one whose sheet knows of none (vendors/chime.md §2); a wrong one never is."""
    assert callback.pasted("?code=c&brand=b", STATE, echoes=False).more == {"brand": "b"}
    with pytest.raises(UsageError):
        callback.pasted("?code=c&state=other", STATE, echoes=False)


def test_a_refusal_of_the_vendor():
    """The error word, and nothing else of what the address says."""
    with pytest.raises(SyncdError, match=r"refused the consent \(access_denied\)") as caught:
        callback.pasted("?error=access_denied&error_description=Ada&state=the-state", STATE, echoes=True)
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    ("redirect", "ours"),
    [
        ("http://127.0.0.1:8643/callback", True),
        ("http://localhost:8643/", True),
        ("http://[::1]:8643/", True),
        ("https://127.0.0.1:8643/callback", False),
        ("https://office.example.com/back", False),
        ("http://127.0.0.1.example.com/", False),
        ("", False),
    ],
)
def test_where_we_can_listen(redirect: str, ours: bool):  # noqa: FBT001
    """Plain http to this machine, and nothing that only looks like it."""
    assert callback.is_loopback(redirect) is ours


async def test_nobody_comes(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int):
    """The listener gives up, says so, and lets go of its port."""
    monkeypatch.setattr(callback, "WAIT_S", 0.01)
    for _ in range(2):
        with pytest.raises(SyncdError, match="nobody came back"):
            await callback.listen(f"http://127.0.0.1:{unused_tcp_port}/back", STATE, echoes=True)


async def test_a_port_that_is_taken(unused_tcp_port: int):
    """OSError, so that the command can ask for a paste instead."""
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", unused_tcp_port)
    async with server:
        with pytest.raises(OSError, match="in use"):
            await callback.listen(f"http://127.0.0.1:{unused_tcp_port}/back", STATE, echoes=True)
