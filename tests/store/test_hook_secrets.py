"""Webhook secrets that were generated: one for all who ask, encrypted, rotated with the tokens, dropped when unused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from syncd.domain.errors import AuthError
from syncd.ports.hooks import secret_problem
from syncd.store.database import Database
from syncd.store.keys import new_key
from tests.store.test_credentials import TOKENS, keep, opened


async def test_one_secret_however_many_ask(database: Database, tmp_path: Path):
    """Several processes that register at once get the same one; another connection gets another."""
    kept = [opened(database, tmp_path) for _ in range(4)]
    assert await kept[0].webhook_secret("cinc") == ""
    made = await asyncio.gather(*(one.make_webhook_secret("cinc") for one in kept))
    assert len(set(made)) == 1
    assert secret_problem(made[0]) == ""
    assert await opened(database, tmp_path).webhook_secret("cinc") == made[0]
    assert await kept[0].make_webhook_secret("chime") != made[0]
    await kept[0].drop_webhook_secret("cinc")
    assert await kept[1].webhook_secret("cinc") == ""
    assert await kept[1].webhook_secret("chime")


async def test_it_is_encrypted_and_rotated(database: Database, tmp_path: Path):
    """Nothing readable is in the table; after a rotation it opens with the new key alone, beside the tokens."""
    kept = opened(database, tmp_path)
    secret = await kept.make_webhook_secret("cinc")
    await keep(kept)
    with database.connect() as connection:
        rows = connection.execute("SELECT kind, secret FROM credential").fetchall()
    assert {kind for kind, _ in rows} == {"tokens", "webhook"}
    assert all(secret.encode() not in bytes(row) for _, row in rows)
    assert (await kept.rotate(["cinc"])).secrets == 2
    fresh = opened(database, tmp_path)
    assert (await fresh.webhook_secret("cinc"), await fresh.read("cinc")) == (secret, TOKENS)


async def test_another_key_or_another_row_opens_nothing(database: Database, tmp_path: Path):
    """With a wrong key, or a row copied from another connection, there is an error and never a secret."""
    kept = opened(database, tmp_path)
    await kept.make_webhook_secret("cinc")
    with pytest.raises(AuthError, match="cannot be decrypted"):
        await opened(database, tmp_path, new_key()).webhook_secret("cinc")
    with database.connect(autocommit=True) as connection:
        connection.execute("UPDATE credential SET connection = 'chime'")
    with pytest.raises(AuthError, match="cannot be decrypted"):
        await kept.webhook_secret("chime")
