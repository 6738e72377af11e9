"""Renewals that are cut off between the vendor's answer and our keeping it, and walks whose token ends half-way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from syncd.domain.errors import AuthError, DatabaseError, TransientError
from syncd.ports.credentials import Tokens, Vault
from syncd.ports.vendor import Adapter
from syncd.sandbox.faults import Fault
from syncd.sandbox.message import Ask
from syncd.settings import Secret
from syncd.vendors.renewing import MemoryCredentials
from tests.vendors.logins import Account, account

BOTH = pytest.mark.parametrize("vendor", ["cinc", "chime"])


class KilledError(BaseException):
    """What no handler of ours may catch: the end of a process."""


class Failing(MemoryCredentials):
    """A store that fails to save, once, with ``error``; or that first lets somebody else do something (``gate``)."""

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.error = error
        self.saving, self.gate = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def exclusively(self, connection: str) -> AsyncGenerator[Any]:
        """As always, with a vault that fails."""
        async with super().exclusively(connection) as vault:
            yield _Vault(vault, self)


class _Vault:
    def __init__(self, vault: Vault, store: Failing) -> None:
        self._vault, self._store = vault, store

    async def read(self) -> Tokens | None:
        return await self._vault.read()

    async def save(self, tokens: Tokens) -> None:
        self._store.saving.set()
        error, self._store.error = self._store.error, None
        if error is not None:
            raise error
        await self._store.gate.wait()
        await self._vault.save(tokens)


async def walked(adapter: Adapter) -> list[str]:
    """The ids of a whole walk; fails if it says that it is not whole."""
    pages = [page async for page in adapter.leads(None, full=True)]
    assert pages[-1].complete
    return sorted({remote.external_id for page in pages for remote in page.rows})


@BOTH
async def test_being_stopped_waits_until_the_new_token_is_kept(vendor: str):
    """Ctrl-C, or a task group that ends because another connection failed, while a spent token's successor is being
    saved: it is saved, then the stop goes on; the next process has it.
    """
    kept = Failing()
    there = account(vendor, kept=kept)
    task = asyncio.create_task(there.adapter().check())
    await kept.saving.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    kept.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert there.wire.sent == []
    assert await there.adapter().check()
    assert (there.desk.refreshes, there.desk.refused) == (1, 0)


@BOTH
async def test_a_store_that_fails_gets_the_same_tokens_later(vendor: str):
    """Bought and not kept: not used either, and not bought again; once the store is back they are kept and used."""
    kept = Failing(DatabaseError("gone"))
    kept.gate.set()
    there = account(vendor, kept=kept)
    adapter = there.adapter()
    with pytest.raises(DatabaseError):
        await adapter.check()
    assert there.wire.sent == []
    assert await adapter.check()
    assert (there.desk.refreshes, there.desk.refused) == (1, 0)
    held = await kept.read("mine")
    assert held is not None
    assert held.access == "sandbox-access-1"


@BOTH
@pytest.mark.parametrize("rotation", [True, False])
async def test_killed_before_the_new_token_was_kept(vendor: str, rotation: bool):  # noqa: FBT001
    """The next process has the old refresh token: it goes on where the vendor takes that once more; where it does not,
    that is a refused login (pause, and the command to log in), not a defect and not a loop.
    """
    kept = Failing(KilledError())
    kept.gate.set()
    there = account(vendor, kept=kept, rotation=rotation)
    with pytest.raises(KilledError):
        await there.adapter().check()
    assert await kept.read("mine") is None
    if rotation:
        with pytest.raises(AuthError, match="invalid_grant"):
            await there.adapter().check()
        assert there.desk.refused == 1
    else:
        assert await there.adapter().check()


def ended_after(there: Account, lists: int) -> None:
    """Every token ends when the list has been asked for so often."""
    seen: list[Ask] = []

    def look(ask: Ask, moment: str) -> Fault | None:
        if moment == "before" and "leads" in ask.template:
            seen.append(ask)
            if len(seen) == lists:
                there.desk.end_all()
        return None

    there.sandbox.fault = look


@BOTH
async def test_a_token_that_ends_half_way_through_a_walk(vendor: str):
    """401 on the third page: one refresh, that page again, and the walk is whole; no page is read twice for it."""
    there = account(vendor, **({"page_max": 2} if vendor == "cinc" else {"cap_25": True}))
    people = 7 if vendor == "cinc" else 60
    for number in range(people):
        there.sandbox.add_person(first_name="Ada", email=f"ada{number}@example.com")
    await there.clock.sleep(60)
    adapter = there.adapter()
    undisturbed = await walked(adapter)
    calls = len(there.statuses)
    there.sandbox.forget_calls()
    ended_after(there, 3)
    assert await walked(adapter) == undisturbed
    assert len(undisturbed) == people
    assert there.statuses.count(401) == 1
    assert len(there.statuses) == calls + 1
    assert (there.desk.refreshes, there.desk.refused) == (2, 0)


@BOTH
async def test_one_call_renews_once_while_others_come_through(vendor: str):
    """An endpoint that refuses every token, while others take them: one refresh for that call, then AuthError."""
    there = account(vendor)
    adapter = there.adapter()
    await adapter.check()

    async def others() -> None:
        for _ in range(20):
            await adapter.check()
            await asyncio.sleep(0)

    there.sandbox.fault = lambda ask, _: Fault("error", status=401) if "leads" in ask.template else None
    going = asyncio.create_task(others())
    with pytest.raises(AuthError):
        await walked(adapter)
    await going
    assert there.desk.refreshes == 2


@BOTH
async def test_a_token_endpoint_that_is_down_is_not_knocked_at_by_everybody(vendor: str):
    """Eight calls at once that need a token, with their retries: a handful of requests with pauses, not forty."""
    there = account(vendor)
    adapter = there.adapter()
    there.sandbox.fault = lambda ask, _: Fault("error", status=503) if ask.template.endswith("/token") else None
    failed = await asyncio.gather(*(adapter.check() for _ in range(8)), return_exceptions=True)
    assert all(isinstance(error, TransientError) for error in failed)
    assert len(there.wire.asked) <= 2 * 5


async def test_a_renewal_before_its_time_that_fails_is_not_tried_with_every_call():
    """The token is good for half a minute yet: one try, and calls go on with it; later one more."""
    there = account(token_life_s=3600)
    adapter = there.adapter()
    await adapter.check()
    await there.clock.sleep(3600 - 59)
    there.sandbox.fault = lambda ask, _: Fault("error", status=503) if ask.template.endswith("/token") else None
    for _ in range(5):
        await adapter.check()
        await there.clock.sleep(4)
    assert len(there.wire.asked) == 2
    await there.clock.sleep(15)
    there.sandbox.fault = None
    await adapter.check()
    assert there.desk.refreshes == 2


async def test_a_refused_token_and_an_endpoint_that_is_down_do_not_pause():
    """Refused in its last minute while the token endpoint fails: that says nothing of the login, so TransientError."""
    there = account(token_life_s=3600)
    adapter = there.adapter()
    await adapter.check()
    await there.clock.sleep(3600 - 50)
    there.desk.end_all()
    there.sandbox.fault = lambda ask, _: Fault("error", status=503) if ask.template.endswith("/token") else None
    with pytest.raises(TransientError):
        await adapter.check()
    there.sandbox.fault = None
    assert await adapter.check()


async def test_a_token_found_ended_in_the_store_is_renewed_too():
    """Ours was refused, another process's newer one as well: that says nothing of the refresh token, so it is used."""
    there = account(token_life_s=None)
    one, other = there.adapter(), there.adapter()
    await one.check()
    await other.check()
    there.desk.end_all()
    await other.check()
    there.desk.end_all()
    assert await one.check()
    assert there.desk.refreshes == 3


@BOTH
async def test_the_same_refresh_token_put_back_into_the_config_is_no_other_one(vendor: str):
    """Taken out of the config, renewed meanwhile, put back: the kept one goes on, the spent one is not offered."""
    there = account(vendor)
    await there.adapter().check()
    there.desk.end_all()
    await there.adapter(refresh_token=None).check()
    there.desk.end_all()
    assert await there.adapter().check()
    assert there.desk.refused == 0


async def test_a_wrong_client_is_said_to_be_one():
    """``invalid_client``: logging in again would not help, and the hint says what would."""
    there = account()
    with pytest.raises(AuthError, match="invalid_client") as caught:
        await there.adapter(client_secret=Secret.literal("other")).check()
    assert "client_secret" in caught.value.hint
