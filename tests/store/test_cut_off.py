"""A task that is cancelled in the middle of a command leaves a session on which nothing more can be sent."""

from __future__ import annotations

import asyncio

import pytest


async def test_a_session_cut_off_in_mid_command_is_given_up_and_hides_nothing(store):
    """Whoever cancelled sees the cancellation, not an error of the roll-back, and the store goes on."""

    async def cut_off() -> None:
        async with store.transaction() as tx:
            tx.raw.pgconn.send_query(b"SELECT pg_sleep(60)")
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await cut_off()
    async with store.transaction() as tx:
        assert await tx.agents() == []
