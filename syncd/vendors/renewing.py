"""Credentials that renew themselves.

    a call needs a token ─► held and good? use it
                         ─► else, one task at a time (lock), one process at a time (`Credentials.exclusively`):
                              somebody renewed meanwhile? take theirs
                              else ask the token endpoint ─► keep the answer, encrypted ─► use it

Tokens kept earlier win over those in the config until the config's are changed: a refresh token that was rotated is
nowhere but in the store.

Between the vendor's answer and our keeping it the only good refresh token is in this process's memory. So nothing that
can wait interrupts that moment: being stopped waits for it, and a store that fails is tried again later with the same
tokens. A process that is killed just then leaves the spent token behind: good again where the vendor takes it once
more, and a pause with the command to log in where it does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from syncd.domain.errors import AuthError, TransientError, UnreadableError
from syncd.ports.clock import Clock
from syncd.ports.credentials import Credentials, Tokens, Vault
from syncd.vendors.auth import Auth, Styles, make_auth
from syncd.vendors.login import Login, TokenRequest
from syncd.vendors.tokenwire import TokenWire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from syncd.vendors.registry import Deps

REFUSAL_KEPT_S = 60.0
"""So long the very tokens that were refused are not offered again by this process, whoever asks."""
FAILURE_KEPT_S = 2.0
"""So long a failure of the token endpoint is everybody's: eight workers, each with its retries, knock as one."""
EARLY_AGAIN_S = 30.0
"""Until a renewal before its time that failed is tried again; the token is good meanwhile."""
NONE = Tokens()
T = TypeVar("T")


class TokenSource:
    """The tokens of one connection. Safe for concurrent use in one event loop."""

    def __init__(self, name: str, login: Login, keeper: Credentials, wire: TokenWire, clock: Clock) -> None:
        """``name`` is the connection's, for messages and for the store."""
        self._name, self._login, self._keeper, self._wire, self._clock = name, login, keeper, wire, clock
        self._held: Tokens | None = None
        self.bought = ""
        """The access token that this process itself has asked for last."""
        self._turn = asyncio.Lock()
        self._refused: tuple[Tokens, float, AuthError] | None = None
        self._unkept: tuple[Tokens, Tokens] | None = None
        """Tokens that the store did not take, after those that they were bought with."""
        self._failed: tuple[float, TransientError] | None = None
        self._early_at = 0.0

    @property
    def access(self) -> str:
        """The access token held now, good or not; "" before the first."""
        return self._held.access if self._held is not None else ""

    async def held(self) -> Tokens:
        """The tokens to go on with, without asking the vendor. Raises AuthError if they cannot be decrypted."""
        if self._held is None:
            kept = self._ours(await self._keeper.read(self._name))
            if self._held is None:  # nobody was faster
                self._held = kept
        return self._held

    async def token(self) -> str:
        """An access token that should be good. Raises AuthError where a person is needed, TransientError."""
        held = await self.held()
        if not held.access or self._due(held):
            await self._renew_in_time(held)
        return self.access

    async def _renew_in_time(self, held: Tokens) -> None:
        """Renew tokens that are due; while they are still good, a token endpoint that fails is no reason to stop."""
        early = bool(held.access) and held.expires_at is not None and held.expires_at > self._clock.now()
        if early and self._clock.monotonic() < self._early_at:
            return
        try:
            await self.renew(held.access)
        except TransientError:
            if not early:
                raise
            self._early_at = self._clock.monotonic() + EARLY_AGAIN_S

    async def renew(self, old: str, *, anew: bool = False) -> bool:
        """Have another access token than ``old``. True if this call asked the vendor for it, False if it was there.

        anew  log in with what the config holds even where the present tokens could be refreshed
        Raises AuthError, TransientError if the endpoint fails.
        """
        async with self._turn:
            held = self._held
            if held is not None and held.access != old and held.access and not self._due(held):
                return False  # another task did it
            self._not_at_once()
            async with self._keeper.exclusively(self._name) as vault:
                held = self._ours(await vault.read())
                if self._unkept is not None and self._unkept[0] == held:
                    held = self._unkept[1]
                    await _to_its_end(self._keep(vault, *self._unkept))
                if held.access and held.access != old and not self._due(held) and not anew:
                    self._held = held  # another process did it
                    return False
                self._held = held
                try:
                    await _to_its_end(self._buy(vault, held, anew=anew))
                except TransientError as error:
                    self._failed = self._clock.monotonic(), error
                    raise
        return True

    async def _buy(self, vault: Vault, held: Tokens, *, anew: bool) -> None:
        await self._keep(vault, held, await self._asked(held, anew=anew))

    async def _keep(self, vault: Vault, held: Tokens, got: Tokens) -> None:
        """Keep what was bought with ``held``, then go on with it."""
        self._unkept = held, got
        await vault.save(got)
        self._held, self.bought, self._refused, self._unkept = got, got.access, None, None

    async def exchange(self, code: str) -> Tokens:
        """Turn the code of a consent into tokens and keep them. Raises AuthError, TransientError."""
        if self._login.consent is None:
            raise AuthError(f"{self._name}: this kind of login takes no code")
        request = self._login.consent.exchange(code)

        async def work(vault: Vault) -> Tokens:
            got = await self._ask(request, NONE)
            await self._keep(vault, NONE, got)
            return got

        async with self._turn, self._keeper.exclusively(self._name) as vault:
            return await _to_its_end(work(vault))

    async def belongs_to(self, who: str) -> None:
        """Keep whose tokens these are, beside them."""
        async with self._turn, self._keeper.exclusively(self._name) as vault:
            kept = self._ours(await vault.read())
            if kept.access and kept.who != who:
                await vault.save(replace(kept, who=who))

    def _ours(self, kept: Tokens | None) -> Tokens:
        """The tokens to go on with: the kept ones, unless the config has changed since."""
        if kept is None or (self._login.seed and kept.seed != self._login.seed):
            return self._login.start
        return kept

    def _due(self, held: Tokens) -> bool:
        return held.renew_at is not None and held.renew_at <= self._clock.now()

    async def _asked(self, held: Tokens, *, anew: bool) -> Tokens:
        """New tokens: by the refresh token, else by what the config holds."""
        self._not_again(held)
        try:
            refresh = None if anew and self._login.fresh is not None else self._login.refresh(held)
            if refresh is not None:
                try:
                    return await self._ask(refresh, held)
                except (AuthError, TransientError, UnreadableError):
                    if self._login.fresh is None:
                        raise
            return await self._ask(self._from_config(held), replace(held, refresh=""))
        except AuthError as error:
            error.hint = self._login.hint or error.hint
            self._refused = (held, self._clock.monotonic(), error)
            raise

    def _from_config(self, held: Tokens) -> TokenRequest:
        """What asks for tokens with nothing but the config. Raises AuthError where a person has to consent."""
        if self._login.fresh is not None:
            return self._login.fresh()
        words = "the token is refused, and there is none to renew it" if held.access else "nobody logged in yet"
        raise AuthError(words)

    def _not_at_once(self) -> None:
        """A token endpoint that failed a moment ago is left alone. Raises TransientError."""
        if self._failed is not None and self._clock.monotonic() - self._failed[0] < FAILURE_KEPT_S:
            error = self._failed[1]
            raise TransientError(str(error), status=error.status, sent=False, hint=error.hint)

    def _not_again(self, held: Tokens) -> None:
        """What was refused a moment ago is not offered again: eight workers must not knock eight times."""
        if self._refused is None:
            return
        tokens, at, error = self._refused
        if tokens == held and self._clock.monotonic() - at < REFUSAL_KEPT_S:
            raise AuthError(str(error), status=error.status, code=error.code, hint=error.hint)

    async def _ask(self, request: TokenRequest, held: Tokens) -> Tokens:
        answer = await self._wire.ask(request)
        try:
            got = self._login.read(answer, held, self._clock.now())
        except UnreadableError as error:
            raise AuthError(str(error), hint="check auth.token_url") from None
        # A config that names no token any more may name the same one again: that is no other one then.
        return replace(got, seed=self._login.seed or held.seed)


class RenewingAuth:
    """`Auth` over a `TokenSource`: renews a token before it ends or when it is refused, then tries other styles."""

    def __init__(
        self,
        source: TokenSource,
        styles: Mapping[str, str],
        *,
        style: str = "auto",
        memory: Mapping[str, Any] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Styles, memory and extra as in `TokenAuth`. Raises ConfigError for an unknown style."""
        self._source = source
        self._styles = Styles(styles, style=style, memory=memory, extra=extra)
        self._good = ""
        """The access token that a call last succeeded with."""

    @property
    def memory(self) -> Mapping[str, Any]:
        """The style that worked."""
        return self._styles.memory

    async def headers(self) -> Mapping[str, str]:
        """Headers with a good token. Raises AuthError where a person is needed, TransientError."""
        token = await self._source.token()
        return self._styles.headers(token)

    async def refused(self, used: Mapping[str, str], before: Collection[Mapping[str, str]] = ()) -> bool:
        """Renew once; a new token that is refused too is tried in the other styles. Raises as `headers`."""
        token = self._source.access
        if used != self._styles.headers(token):
            return True  # another call moved on meanwhile
        # Fresh from the vendor and refused, here at once or after its predecessor was: another would be no better.
        if token == self._source.bought and (before or token != self._good):
            return self._styles.next()
        await self._source.renew(token)
        return True

    def accepted(self, used: Mapping[str, str]) -> None:
        """The token is good, and so is the style."""
        if used == self._styles.headers(self._source.access):
            self._good = self._source.access
        self._styles.worked(used, self._source.access)


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Carry out what must not be left half done; whoever cancels meanwhile is obeyed afterwards."""
    task = asyncio.create_task(work, name="renewal")
    stopped: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            stopped = error
    if stopped is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # looked at, so that nobody complains of it
    raise stopped


class MemoryCredentials:
    """Tokens that end with the process: for a connection that nobody gave a store, and for describing vendors."""

    def __init__(self) -> None:
        """Nothing kept yet."""
        self._kept: dict[str, Tokens] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def read(self, connection: str) -> Tokens | None:
        """The tokens kept last."""
        return self._kept.get(connection)

    @asynccontextmanager
    async def exclusively(self, connection: str) -> AsyncGenerator[_MemoryVault]:
        """One at a time in this process."""
        async with self._turns.setdefault(connection, asyncio.Lock()):
            yield _MemoryVault(self._kept, connection)


class _MemoryVault:
    def __init__(self, kept: dict[str, Tokens], connection: str) -> None:
        self._kept, self._connection = kept, connection

    async def read(self) -> Tokens | None:
        return self._kept.get(self._connection)

    async def save(self, tokens: Tokens) -> None:
        self._kept[self._connection] = tokens


def source_of(name: str, login: Login, deps: Deps) -> TokenSource:
    """The tokens of a connection, kept where ``deps`` says."""
    keeper = deps.credentials if deps.credentials is not None else MemoryCredentials()
    return TokenSource(name, login, keeper, TokenWire(deps.transport), deps.clock)


def credentials(
    connection: Any,
    deps: Deps,
    styles: Mapping[str, str],
    login: Login | None,
    *,
    style: str = "auto",
    extra: Mapping[str, str] | None = None,
) -> Auth:
    """What a client hands to `Http`: a fixed token, or tokens that renew themselves.

    connection  has ``name`` and ``auth``; ``login`` is its vendor's, None for kind ``token``
    Raises ConfigError for credentials that cannot be used.
    """
    if login is None:
        return make_auth(connection.auth, styles, style=style, memory=deps.memory, extra=extra)
    return RenewingAuth(source_of(connection.name, login, deps), styles, style=style, memory=deps.memory, extra=extra)
