"""Tokens and generated webhook secrets at rest, encrypted, and the lock under which they are renewed.

The lock is a session-level advisory lock on a database session of its own: it needs no transaction that stays open
across a call to a vendor, every save commits at once, and it is gone with its process.

What is saved may be the only copy of a refresh token, whose predecessor is spent. So a database that takes no writes is
noticed before a token is spent, and a save that fails is tried again on further sessions.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
import psycopg

from syncd.domain.errors import AuthError, ConfigError, DatabaseError
from syncd.ports.clock import Clock
from syncd.ports.credentials import Tokens
from syncd.store.database import Database, translated
from syncd.store.keys import KeyRing, cipher_of, new_key

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KIND: Final = "tokens"
WEBHOOK: Final = "webhook"
WEBHOOK_BYTES = 32
LOCK_TIMEOUT_S = 120
"""Longer than a token endpoint may take to answer."""
SAVE_AGAIN_AFTER_S: Final = (0.0, 1.0, 5.0, 10.0)
"""The server may have gone away while the vendor was answering, and be back soon."""
_READ = "SELECT secret FROM credential WHERE connection = %s AND kind = %s"
_SAVE = """
INSERT INTO credential (connection, kind, secret, expires_at, updated_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (connection, kind) DO UPDATE
SET secret = EXCLUDED.secret, expires_at = EXCLUDED.expires_at, updated_at = EXCLUDED.updated_at
"""
_DROP = "DELETE FROM credential WHERE connection = %s AND kind = %s"
_LOCK = "SELECT current_setting('transaction_read_only') FROM pg_advisory_lock(%s)"
_ALL = "SELECT connection, kind, secret FROM credential ORDER BY connection, kind"
_REPLACE = "UPDATE credential SET secret = %s WHERE connection = %s AND kind = %s"
_RESUME = "UPDATE connection SET paused = '', paused_with = '', last_error = '' WHERE name = %s"
_PAUSES = "SELECT name, paused FROM connection WHERE paused <> ''"

Raw = psycopg.AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: secrets encrypted anew, and how many older keys our file no longer has."""

    secrets: int
    dropped: int


class PostgresCredentials:
    """The `Credentials` of PostgreSQL. Methods raise DatabaseError where the database fails."""

    def __init__(self, database: Database, keys: KeyRing, clock: Clock) -> None:
        """Nothing is connected or read yet."""
        self._database, self.keys, self._clock = database, keys, clock

    async def read(self, connection: str) -> Tokens | None:
        """The tokens kept last. Raises AuthError if they cannot be decrypted."""
        async with self._session() as session:
            return await _Vault(self, session, connection).read()

    @asynccontextmanager
    async def exclusively(self, connection: str) -> AsyncGenerator[_Vault]:
        """Wait for the lock of this connection's tokens and hold it.

        Raises AuthError if there is no usable key, DatabaseError if nothing can be written: both before a token is
        spent that could not be kept.
        """
        self.cipher(connection)
        async with self._locked("credential", connection) as session:
            yield _Vault(self, session, connection)

    @asynccontextmanager
    async def _locked(self, *names: str) -> AsyncGenerator[Raw]:
        """A session that holds a lock all processes know. It ends with the session, whatever ends that."""
        async with self._session() as session:
            with translated():
                await session.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'".encode())
                found = await (await session.execute(_LOCK, [self._database.lock_key(*names)])).fetchone()
            if found is not None and found[0] == "on":
                raise DatabaseError("the database takes no writes", hint="is [database].url that of a standby?")
            yield session

    async def put(self, session: Raw, connection: str, tokens: Tokens) -> None:
        """Keep tokens, encrypted, committed when this returns; on ``session``, or on another one if that is dead."""
        table = {name: getattr(tokens, name) for name in Tokens.__slots__}
        plain = orjson.dumps({**table, "connection": connection})
        row = [connection, KIND, self.cipher(connection).encrypt(plain), tokens.expires_at, self._clock.now()]
        try:
            with translated():
                await session.execute(_SAVE, row)
        except DatabaseError as error:
            failed = error
        else:
            return
        for wait_s in SAVE_AGAIN_AFTER_S:
            await self._clock.sleep(wait_s)
            with suppress(DatabaseError):
                async with self._session() as another:
                    with translated():
                        await another.execute(_SAVE, row)
                return
        raise failed

    def cipher(self, connection: str) -> MultiFernet:
        """What encrypts and decrypts. Raises AuthError: only this connection needs it, so only this one pauses."""
        try:
            return self.keys.cipher()
        except ConfigError as error:
            raise AuthError(f"the tokens of {connection} cannot be kept: {error}", hint=error.hint) from None

    async def rotate(self, names: Collection[str]) -> Rotation:
        """Encrypt everything with a new first key (our file gets one) or the config's first one.

        The old key leaves our file last, when nothing needs it any more: cut off anywhere before, everything is as
        readable as it was, and the next rotation ends it.

        names  the connections there are. What is kept for others and cannot be decrypted is of no use and left alone.
        Raises ConfigError, AuthError if tokens in use cannot be decrypted; then everything is still as good as before.
        """
        async with self._locked("credential-key"):
            return await self._rotated(names)

    async def _rotated(self, names: Collection[str]) -> Rotation:
        old = self.keys.texts()
        await self._check_all(old, names)
        keys = [new_key(), *old] if self.keys.in_file else old
        if self.keys.in_file:
            self.keys.write(keys)
        done = 0
        for name in sorted({*names, *(row[0] for row in await self._all())}):
            async with self.exclusively(name):
                done += await self._encrypt(name, keys)
        if self.keys.in_file:
            await self._check_all(keys[:1], names)
            self.keys.write(keys[:1])
        return Rotation(done, len(keys) - 1 if self.keys.in_file else 0)

    async def webhook_secret(self, connection: str) -> str:
        """The webhook secret generated for a connection, "" if there is none. Raises AuthError like `read`."""
        async with self._session() as session:
            return await self._kept_secret(session, connection)

    async def make_webhook_secret(self, connection: str) -> str:
        """The same, made if there is none: one secret, however many ask at once."""
        async with self._locked("credential-webhook", connection) as session:
            secret = await self._kept_secret(session, connection)
            if not secret:
                secret = secrets.token_urlsafe(WEBHOOK_BYTES)
                plain = orjson.dumps({"connection": connection, "secret": secret})
                row = [connection, WEBHOOK, self.cipher(connection).encrypt(plain), None, self._clock.now()]
                with translated():
                    await session.execute(_SAVE, row)
            return secret

    async def drop_webhook_secret(self, connection: str) -> None:
        """Forget the secret: nobody calls with it any more."""
        async with self._session() as session:
            with translated():
                await session.execute(_DROP, [connection, WEBHOOK])

    async def _kept_secret(self, session: Raw, connection: str) -> str:
        with translated():
            found = await (await session.execute(_READ, [connection, WEBHOOK])).fetchone()
        return "" if found is None else str(self.plain(connection, bytes(found[0]))["secret"])

    def plain(self, connection: str, secret: bytes) -> dict[str, Any]:
        """What is encrypted in a row of this connection. Raises AuthError if it cannot be read."""
        from cryptography.fernet import InvalidToken

        try:
            table: dict[str, Any] = orjson.loads(self.cipher(connection).decrypt(secret))
        except InvalidToken:
            raise self.undecipherable(connection) from None
        if table.pop("connection", None) != connection:
            raise self.undecipherable(connection)
        return table

    async def resume(self, connection: str) -> None:
        """The credentials are good again: the connection is not paused any more."""
        async with self._session() as session:
            with translated():
                await session.execute(_RESUME, [connection])

    async def pauses(self) -> Mapping[str, str]:
        """Paused connection → why."""
        async with self._session() as session:
            with translated():
                return dict(await (await session.execute(_PAUSES)).fetchall())

    async def _all(self) -> list[tuple[str, str, bytes]]:
        async with self._session() as session:
            with translated():
                found = await (await session.execute(_ALL)).fetchall()
        return [(name, kind, bytes(secret)) for name, kind, secret in found]

    async def _encrypt(self, connection: str, keys: list[str]) -> int:
        from cryptography.fernet import InvalidToken

        cipher, done = cipher_of(keys), 0
        async with self._session() as session:
            for name, kind, secret in await self._all():
                if name != connection:
                    continue
                with suppress(InvalidToken), translated():
                    await session.execute(_REPLACE, [cipher.rotate(secret), name, kind])
                    done += 1
        return done

    async def _check_all(self, keys: list[str], names: Collection[str]) -> None:
        """Raises AuthError unless these keys decrypt all that is kept for these connections."""
        from cryptography.fernet import InvalidToken

        cipher = cipher_of(keys)
        for name, _, secret in await self._all():
            try:
                cipher.decrypt(secret)
            except InvalidToken:
                if name in names:
                    raise self.undecipherable(name) from None

    def undecipherable(self, connection: str) -> AuthError:
        """What to say where the key is another one."""
        return AuthError(
            f"the tokens of {connection} cannot be decrypted: the key in {self.keys.source} is not the one they were "
            "encrypted with",
            hint=f"put the old key back beside the new one, or `syncd auth login {connection}`",
        )

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[Raw]:
        with translated():
            session = await psycopg.AsyncConnection.connect(
                self._database.libpq_url, autocommit=True, **self._database.options
            )
        try:
            yield session
        finally:
            await session.close()  # and nothing else: it may be dead already


class _Vault:
    """The tokens of one connection, on one session."""

    def __init__(self, kept: PostgresCredentials, session: Raw, connection: str) -> None:
        self._kept, self._session, self._connection = kept, session, connection

    async def read(self) -> Tokens | None:
        """The tokens kept last. Raises AuthError if they cannot be decrypted."""
        with translated():
            found = await (await self._session.execute(_READ, [self._connection, KIND])).fetchone()
        if found is None:
            return None
        table = self._kept.plain(self._connection, bytes(found[0]))
        for name in ("renew_at", "expires_at"):
            table[name] = datetime.fromisoformat(table[name]) if table[name] else None
        return Tokens(**table)

    async def save(self, tokens: Tokens) -> None:
        """Keep tokens, encrypted, committed when this returns."""
        await self._kept.put(self._session, self._connection, tokens)
