"""Tokens at rest: encrypted, renewed by one process at a time, and readable after the key was rotated."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.domain.errors import AuthError, ConfigError, DatabaseError
from syncd.ports.clock import SystemClock
from syncd.ports.credentials import Tokens
from syncd.sandbox.cinc import CincSandbox
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH
from syncd.sandbox.server import serve
from syncd.settings import Secret
from syncd.store.credentials import PostgresCredentials
from syncd.store.database import Database
from syncd.store.keys import KeyRing, new_key
from tests.store.shapes import NOW

TOKENS = Tokens("the-access", "the-refresh", NOW, NOW + timedelta(minutes=1), "api:read", "Ada", "seed")


def opened(database: Database, folder: Path, *keys: str) -> PostgresCredentials:
    """The credentials of a process: with the key file in ``folder``, or with these keys out of a config."""
    return PostgresCredentials(database, KeyRing([Secret.literal(key) for key in keys], folder), SystemClock())


async def keep(kept: PostgresCredentials, name: str = "cinc", tokens: Tokens = TOKENS) -> None:
    """Save tokens the way a renewal does."""
    async with kept.exclusively(name) as vault:
        await vault.save(tokens)


async def test_tokens_come_back_as_they_were_kept(database: Database, tmp_path: Path):
    """To another process too; a connection that never logged in has none; a later save replaces an earlier one."""
    await keep(opened(database, tmp_path))
    await keep(opened(database, tmp_path), "chime", Tokens("a"))
    other = opened(database, tmp_path)
    assert await other.read("cinc") == TOKENS
    assert await other.read("chime") == Tokens("a")
    assert await other.read("rechat") is None
    await keep(other, tokens=Tokens("b"))
    assert await opened(database, tmp_path).read("cinc") == Tokens("b")


async def test_nothing_readable_is_in_the_database(database: Database, tmp_path: Path):
    """Neither tokens nor who they belong to are in the table in plain."""
    await keep(opened(database, tmp_path))
    with database.connect() as connection:
        (row,) = connection.execute("SELECT * FROM credential").fetchall()
    assert not any(word in str(row) for word in ("the-access", "the-refresh", "Ada", "api:read"))


async def test_the_key_file_is_made_when_it_is_needed_and_for_us_alone(database: Database, tmp_path: Path):
    """Mode 0600, beside the data directory; reading where nothing is kept makes none."""
    kept = opened(database, tmp_path / "made")
    assert await kept.read("cinc") is None
    assert not kept.keys.file.exists()
    await keep(kept)
    assert stat.S_IMODE(kept.keys.file.stat().st_mode) == 0o600
    assert [path.name for path in kept.keys.file.parent.iterdir()] == ["credentials.key"]


def test_processes_that_make_the_key_file_at_once_agree(tmp_path: Path):
    """One file wins, for all of them."""
    code = (
        "import sys; from pathlib import Path; from syncd.store.keys import KeyRing;"
        "print(KeyRing([], Path(sys.argv[1])).texts()[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in started}) == 1


async def test_another_key_says_so_in_one_line(database: Database, tmp_path: Path):
    """Wrong key: AuthError (that connection pauses) that names the place of the key and how to mend it, no contents."""
    await keep(opened(database, tmp_path, new_key()))
    wrong = opened(database, tmp_path, new_key())
    with pytest.raises(AuthError, match="cannot be decrypted") as caught:
        await wrong.read("cinc")
    assert "syncd auth login cinc" in caught.value.hint
    assert "\n" not in str(caught.value)
    with pytest.raises(AuthError):
        await wrong.rotate(["cinc"])
    assert (await wrong.rotate(["chime"])).secrets == 0  # what a connection left behind that is gone is in nobody's way


@pytest.mark.parametrize("bad", ["", "too short", "ü" * 44, "x" * 44 + "="])
async def test_what_is_no_key_is_said_before_a_token_is_spent(database: Database, tmp_path: Path, bad: str):
    """A key that cannot encrypt is found before anything is asked of a vendor; the message does not quote it."""
    with pytest.raises(AuthError) as caught:
        async with opened(database, tmp_path, bad).exclusively("cinc"):
            pytest.fail("a token would be spent now")
    assert "syncd auth make-key" in caught.value.hint
    assert not bad or bad not in str(caught.value)


async def test_one_connections_tokens_are_no_other_ones(database: Database, tmp_path: Path):
    """A row copied over another one does not decrypt as that one's."""
    kept = opened(database, tmp_path)
    await keep(kept)
    with database.connect() as connection:
        connection.execute("UPDATE credential SET connection = 'chime'")
    with pytest.raises(AuthError):
        await kept.read("chime")


async def test_rotation_of_the_key_file(database: Database, tmp_path: Path):
    """Everything is encrypted anew, the old key is gone, a process that runs on reads and writes as before."""
    running = opened(database, tmp_path)
    await keep(running)
    await keep(running, "chime")
    (old,) = running.keys.texts()
    done = await opened(database, tmp_path).rotate(["cinc", "chime", "never-logged-in"])
    assert (done.secrets, done.dropped) == (2, 1)
    (new,) = running.keys.texts()
    assert new != old
    assert stat.S_IMODE(running.keys.file.stat().st_mode) == 0o600
    assert await running.read("cinc") == TOKENS
    await keep(running, tokens=Tokens("b"))
    assert await opened(database, tmp_path, new).read("cinc") == Tokens("b")
    with pytest.raises(AuthError):
        await opened(database, tmp_path, old).read("chime")


@pytest.mark.parametrize("cut_off_at", ["cinc", "chime", "last write of the file"])
async def test_a_rotation_that_is_cut_off_loses_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off_at: str
):
    """Killed at any moment: everybody reads everything, whichever key it has; the next rotation leaves one key."""
    running = opened(database, tmp_path)
    for name in ("cinc", "chime"):
        await keep(running, name)
    rotating = opened(database, tmp_path)
    encrypt, write = rotating._encrypt, rotating.keys.write

    async def encrypt_until(connection: str, keys: list[str]) -> int:
        if connection == cut_off_at:
            raise KeyboardInterrupt
        return await encrypt(connection, keys)

    writes: list[int] = []

    def write_until(texts: list[str]) -> None:
        writes.append(len(texts))
        if len(writes) == 2:
            raise KeyboardInterrupt
        write(texts)

    monkeypatch.setattr(rotating, "_encrypt", encrypt_until)
    monkeypatch.setattr(rotating.keys, "write", write_until)
    with pytest.raises(KeyboardInterrupt):
        await rotating.rotate(["cinc", "chime"])
    for kept in (running, opened(database, tmp_path)):
        assert [await kept.read(name) for name in ("cinc", "chime")] == [TOKENS, TOKENS]
    await keep(running, tokens=Tokens("b"))
    await opened(database, tmp_path).rotate(["cinc", "chime"])
    assert len(running.keys.texts()) == 1
    assert [await running.read(name) for name in ("cinc", "chime")] == [Tokens("b"), TOKENS]


async def test_rotations_at_once_and_renewals_meanwhile(database: Database, tmp_path: Path):
    """Rotations take turns, and no token that is kept while they work is lost: one key at the end reads all."""
    names = ["cinc", "chime", "mycrm"]
    for name in names:
        await keep(opened(database, tmp_path), name)

    async def renewals(name: str) -> None:
        for number in range(4):
            await keep(opened(database, tmp_path), name, Tokens(f"{name}-{number}"))

    await asyncio.gather(*(opened(database, tmp_path).rotate(names) for _ in range(3)), *map(renewals, names))
    kept = opened(database, tmp_path)
    assert len(kept.keys.texts()) == 1
    assert [await kept.read(name) for name in names] == [Tokens(f"{name}-3") for name in names]


async def test_a_key_file_that_others_could_read_is_taken_back(database: Database, tmp_path: Path):
    """Copied or restored with the rights of any file: it is ours alone once it was used."""
    kept = opened(database, tmp_path)
    await keep(kept)
    kept.keys.file.chmod(0o644)
    assert await opened(database, tmp_path).read("cinc") == TOKENS
    assert stat.S_IMODE(kept.keys.file.stat().st_mode) == 0o600


async def test_a_session_that_dies_while_the_vendor_answers_loses_no_token(database: Database, tmp_path: Path):
    """The database was restarted between the lock and the save: the new tokens are kept on another session."""
    kept = opened(database, tmp_path)
    async with kept.exclusively("cinc") as vault:
        with database.connect(autocommit=True) as session:
            session.execute(  # ours: the server is everybody's
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE l.locktype = 'advisory' AND a.datname = current_database()"
            )
        await vault.save(TOKENS)
    assert await kept.read("cinc") == TOKENS


async def test_a_database_that_takes_no_writes_is_noticed_before_a_token_is_spent(database: Database, tmp_path: Path):
    """A standby: DatabaseError while nothing has been asked of the vendor."""
    with database.connect(autocommit=True) as session:
        (name,) = session.execute("SELECT current_database()").fetchone() or ("",)
        session.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        try:
            with pytest.raises(DatabaseError, match="no writes"):
                async with opened(database, tmp_path).exclusively("cinc"):
                    pytest.fail("a token would be spent now")
        finally:
            session.execute("SET default_transaction_read_only = off")
            session.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


async def test_rotation_with_keys_of_the_config(database: Database, tmp_path: Path):
    """A new key put first: both read; after the rotation the new one suffices. Several may stand in one secret."""
    old, new = new_key(), new_key()
    await keep(opened(database, tmp_path, old))
    both = opened(database, tmp_path, f"{new}\n{old}")
    assert await both.read("cinc") == TOKENS
    assert (await both.rotate(["cinc"])).secrets == 1
    assert await opened(database, tmp_path, new).read("cinc") == TOKENS
    assert not both.keys.file.exists()


async def test_a_key_file_that_cannot_be_made_says_where(database: Database, tmp_path: Path):
    """One line with the path and the setting that helps."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"credentials\.key cannot be written") as caught:
        KeyRing([], tmp_path / "file").texts()
    assert "[database].credential_key" in caught.value.hint


async def test_whoever_renews_keeps_everybody_else_waiting(database: Database, tmp_path: Path):
    """The lock is per connection, and over processes: here two stores that share nothing but the database."""
    one, two = opened(database, tmp_path), opened(database, tmp_path)
    order: list[str] = []

    async def second() -> None:
        async with two.exclusively("cinc") as vault:
            order.append("second")
            assert await vault.read() == TOKENS

    async with one.exclusively("cinc") as vault, two.exclusively("chime"):
        waiting = asyncio.create_task(second())
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        await vault.save(TOKENS)
        order.append("first")
    await waiting
    assert order == ["first", "second"]


@dataclass
class Standing:
    """A simulated site with single-use refresh tokens on a real socket, served from a thread of its own."""

    sandbox: CincSandbox
    url: str


@contextmanager
def standing(**switches: Any) -> Iterator[Standing]:
    """The site until the block ends."""
    sandbox = CincSandbox(SystemClock(), **switches)
    found: list[str] = []
    ready, over, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def work() -> None:
        async with serve({"cinc": sandbox}) as served:
            found.append(served.urls["cinc"])
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()))
    thread.start()
    try:
        assert ready.wait(30)
        yield Standing(sandbox, found[0])
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()


PROCESS = """
import asyncio, sys
from pathlib import Path
from syncd.ports.clock import SystemClock
from syncd.settings import CincConnection, Secret
from syncd.store.credentials import PostgresCredentials
from syncd.store.database import Database
from syncd.store.keys import KeyRing
from syncd.vendors.registry import Deps, make

async def main(database, folder, url, client, secret, refresh, times):
    kept = PostgresCredentials(Database(database), KeyRing([], Path(folder)), SystemClock())
    auth = {"kind": "oauth2", "client_id": client, "client_secret": Secret.literal(secret),
            "refresh_token": Secret.literal(refresh), "token_url": url + "/integrator/token"}
    connection = CincConnection(name="mine", base_url=url, auth=auth)
    adapters = [make(connection, Deps(SystemClock(), credentials=kept)) for _ in range(2)]
    print("ready", flush=True)
    for _ in range(int(times)):
        sys.stdin.readline()
        print(*await asyncio.gather(*(adapter.check() for adapter in adapters)), flush=True)
    for adapter in adapters:
        await adapter.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_that_renew_at_the_same_time_spend_a_token_once(database: Database, tmp_path: Path):
    """Three processes with two adapters each, a site whose refresh tokens are good for one use: each round of ended
    tokens costs exactly one refresh, nobody is refused, everybody goes on (vendors/cinc.md §2).
    """
    rounds = 3
    with standing(token_life_s=3600) as site:
        given = [database.url, str(tmp_path), site.url, CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH, str(rounds)]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", PROCESS, *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        try:
            lines = [str(process.stdout.readline()) for process in processes if process.stdout]
            assert lines == ["ready\n"] * 3
            for number in range(1, rounds + 1):
                for process in processes:
                    assert process.stdin
                    process.stdin.write("go\n")
                    process.stdin.flush()
                answers = [process.stdout.readline() for process in processes if process.stdout]
                assert all(answers), "a process died"
                assert (site.sandbox.oauth.desk.refreshes, site.sandbox.oauth.desk.refused) == (number, 0)
                site.sandbox.oauth.desk.end_all()
        finally:
            for process in processes:
                process.kill()
                process.communicate()
