"""The lock of a connection, taken again at once."""

from __future__ import annotations


async def test_the_lock_is_free_the_moment_it_is_given_back(store):
    """One sync after the other, without a pause for the server to notice that a session ended."""
    for _ in range(30):
        async with store.exclusively("cinc") as ours:
            assert ours
