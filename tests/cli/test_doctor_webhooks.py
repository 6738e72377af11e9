"""`syncd doctor` on webhooks: a hook is ours if it calls this connection, and no other one."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from syncd.cli.checks.finding import Place
from syncd.cli.checks.service import webhooks
from syncd.ports.hooks import Registration

PUBLIC = "https://sync.test"
HOOK = f"{PUBLIC}/hooks/chime"


class FakeHooks:
    """Registrations of one account."""

    def __init__(self, there: Sequence[Registration]) -> None:
        """``there``: what is registered."""
        self.there = there

    async def registered(self) -> Sequence[Registration]:
        """Everybody's."""
        return self.there


class FakeStore:
    """A store that knows of no pause."""

    async def connection(self, _name: str, _vendor: str) -> Any:
        """Its state."""
        return SimpleNamespace(paused="", paused_with="")


def place(*there: Registration) -> Place:
    """One connection, ``chime``, with these hooks at its vendor."""
    chime = SimpleNamespace(name="chime", adapter=SimpleNamespace(hooks=FakeHooks(there), vendor="chime"))
    settings = SimpleNamespace(web=SimpleNamespace(public_url=PUBLIC))
    syncd = SimpleNamespace(settings=settings, store=FakeStore(), connections=[chime])
    return Place(cast("Any", settings), cast("Any", syncd), cast("Any", None))


@pytest.mark.parametrize("url", [f"{HOOK}2", f"{HOOK}2/secret", f"{HOOK}-old/secret", f"{PUBLIC}/hooks"])
async def test_the_hook_of_another_connection_is_not_ours(url: str):
    """However alike the names are: nobody tells us of this connection."""
    (found,) = await webhooks(place(Registration("1", url, ())))
    assert (found.state, found.line) == ("warning", "not registered")
    assert found.mend == "run `syncd webhooks register --connection chime`"


@pytest.mark.parametrize("url", [HOOK, f"{HOOK}/secret", ""])
async def test_a_hook_that_calls_us_or_does_not_say_whom_is_ours(url: str):
    """With whatever secret; one that is turned off calls nobody."""
    other = Registration("2", f"{HOOK}2/secret", ())
    (found,) = await webhooks(place(Registration("1", url, ()), other))
    assert (found.state, found.line) == ("ok", "registered")
    (found,) = await webhooks(place(Registration("1", url, (), enabled=False), other))
    assert (found.state, found.line) == ("warning", "disabled")
