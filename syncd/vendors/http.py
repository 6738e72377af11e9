"""How every vendor is called: one `Http` per connection.

    send ─► circuit ─► retry ─► authorise ─► budget, one of 8 places ─► transport
         ◄─ class of error ◄─ status, code ◄─ size limit, JSON ◄─

A call that fails leaves as one class of `VendorError` whose name is the recovery. Reads, and writes the
caller calls safe, are repeated here; a write that is not safe gets one try, and the error tells whether
it may have reached the vendor (``sent``). A 429 certainly was not carried out and is always repeated.

The transport is used without ``httpx.AsyncClient``: that one logs every URL, and URLs of look-ups hold
addresses and phone numbers of people.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from syncd.domain.errors import (
    AuthError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnreadableError,
)
from syncd.ports.clock import Clock
from syncd.ports.vendor import VendorClock
from syncd.vendors.auth import Auth
from syncd.vendors.bodies import content_of, digest, is_broken, parse
from syncd.vendors.breaker import RETRY_AFTER_S_MAX, Breaker, OpenCircuitError
from syncd.vendors.budget import Budget, Slot
from syncd.vendors.failures import ErrorRow, ErrorTable, Failure
from syncd.vendors.observed import OK, Call, Observe, silent, word
from syncd.vendors.skew import Skew
from syncd.vendors.transport import open_transport

__all__ = ["Answer", "ErrorRow", "ErrorTable", "Failure", "Http", "digest"]

BODY_BYTES_MAX = 32 * 1024 * 1024
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 20.0
JITTER = 0.25
NO_ANSWER_HINT = "check base_url and the network"
TOO_MANY, SERVER_ERROR = 429, 500
FORBIDDEN = 403
CREDENTIALS_TRIED_MAX = 4
"""Header styles and renewed tokens tried for one call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    headers     lower-case names
    data        parsed JSON; None for an empty body; text where the call was lax and JSON failed
    body_empty  whether there was no body at all
    """

    status: int
    headers: Mapping[str, str]
    data: Any
    body_empty: bool


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, ready to be sent as often as it takes."""

    method: str
    path: str  # the template: all that messages may show
    url: str
    headers: Mapping[str, str]
    content: bytes
    write: bool
    repeat: bool
    lax: bool


@dataclass(frozen=True, slots=True)
class _Raw:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Http:
    """The wire to one connection's vendor. Safe for concurrent use in one event loop."""

    def __init__(
        self,
        *,
        base_url: str,
        auth: Auth,
        budget: Budget,
        errors: ErrorTable,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        default_headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        body_bytes_max: int = BODY_BYTES_MAX,
        retries: int = 4,
        rng: random.Random | None = None,
        observe: Observe = silent,
    ) -> None:
        """A wire to ``base_url`` (a trailing slash is dropped).

        transport        None: real connections, at most 8; else the seam for sandboxes and faults
        default_headers  go out with every call
        retries          repeats after the first try of a call that may be repeated
        rng              source of jitter, for simulations that must be repeatable
        observe          told of every call as it ends
        """
        self._base = base_url.rstrip("/")
        self._auth, self._budget, self._errors, self._clock = auth, budget, errors, clock
        self._transport = transport or open_transport(self._base)
        self._headers = {"Accept": "application/json", "User-Agent": "syncd", **(default_headers or {})}
        self._timeout = httpx.Timeout(timeout_s).as_dict()
        self._body_bytes_max, self._retries = body_bytes_max, retries
        self._rng = rng or random.Random()  # noqa: S311 -- jitter, nothing secret
        self._breaker = Breaker(budget.connection, clock, self._rng, budget.quota)
        self._observe, self._skew = observe, Skew()
        self._counts = {"read": 0, "write": 0}

    @property
    def clock_reading(self) -> VendorClock:
        """The vendor's clock against ours, as far as answers have told."""
        return self._skew.reading

    @property
    def requests(self) -> Mapping[str, int]:
        """Attempts on the wire so far, by ``read`` and ``write``."""
        return dict(self._counts)

    @property
    def auth(self) -> Auth:
        """The connection's credentials (their ``memory`` is the adapter's to keep)."""
        return self._auth

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        query: Sequence[tuple[str, str]] = (),
        json: Any = None,
        form: Mapping[str, str] | None = None,
        multipart: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        write: bool | None = None,
        repeat: bool | None = None,
        lax: bool = False,
    ) -> Answer:
        """Make one call and return its answer.

        path     a template such as ``/site/leads/{id}``; ``params`` fill it, percent-quoted
        json     sent as a JSON body; ``form`` as a form instead, ``multipart`` as multipart/form-data
        write    counts as a write (default: every method but GET)
        repeat   may be sent again after it may have been carried out (default: reads)
        lax      a 2xx body that is not JSON comes back as text instead of raising
        Raises the VendorError its error table names; RejectedError for an empty path parameter.
        """
        is_write = method != "GET" if write is None else write
        content, kind = content_of(json=json, form=form, multipart=multipart)
        call = _Call(
            method=method,
            path=path,
            url=self._url(method, path, params or {}, query),
            headers={**self._headers, **kind, **(headers or {})},
            content=content,
            write=is_write,
            repeat=not is_write if repeat is None else repeat,
            lax=lax,
        )
        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            wait=self._pause,
            stop=stop_after_attempt(self._retries + 1),
            retry=retry_if_exception(lambda error: _again(error, repeat=call.repeat)),
            reraise=True,
        )
        async with self._breaker.guarding(f"{method} {path}"):
            answer: Answer = await retrying(self._authorised, call)
        return answer

    async def aclose(self) -> None:
        """Close the connections, and give back the calls that were not made."""
        await self._budget.aclose()
        await self._transport.aclose()

    def _url(self, method: str, path: str, params: Mapping[str, str], query: Sequence[tuple[str, str]]) -> str:
        for name, value in params.items():
            # An empty id would turn one record's address into that of the whole collection.
            if not value or value.strip(".") == "":
                message = f"{method} {path}: {name} is not an id"
                raise RejectedError(message)
        filled = path.format_map({name: quote(value, safe="", errors="replace") for name, value in params.items()})
        search = urlencode(query, quote_via=quote, safe=":", errors="replace")
        return f"{self._base}{filled}?{search}" if search else f"{self._base}{filled}"

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next try: exponential with jitter, or as told; after a 429 the budget does the waiting."""
        failed = state.outcome.exception() if state.outcome else None
        spread: float = self._rng.uniform(1 - JITTER, 1 + JITTER)
        if isinstance(failed, RateLimitedError):
            return 0.05 * spread
        growing: float = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** (state.attempt_number - 1)) * spread
        return max(growing, failed.retry_after_s) if isinstance(failed, TransientError) else growing

    async def _authorised(self, call: _Call) -> Answer:
        """One try; credentials that are refused and can be changed get another at once (it was not carried out)."""
        before: list[Mapping[str, str]] = []
        for left in reversed(range(CREDENTIALS_TRIED_MAX)):
            used = await self._auth.headers()
            try:
                answer = await self._attempt(call, used)
            except AuthError as error:
                # A 403 is about rights, not about who we are: other credentials would not help.
                if error.status == FORBIDDEN or not left or not await self._auth.refused(used, before):
                    raise
                before.append(used)
            else:
                self._auth.accepted(used)
                return answer
        raise AssertionError

    async def _attempt(self, call: _Call, credentials: Mapping[str, str]) -> Answer:
        async with self._budget.slot(call.method, call.path) as slot:
            with self._observed(call):
                raw = await self._exchange(call, credentials)
                data = parse(raw.body)
                status = self._errors.status(raw.status, None if is_broken(data) else data)
                self._learn(call, raw, status, data, slot)
                return self._understand(call, raw, status, data)

    @contextmanager
    def _observed(self, call: _Call) -> Iterator[None]:
        """Tell how long a call took and how it ended; one that was cut off from here is told of nobody."""
        began = self._clock.monotonic()
        try:
            yield
        except Exception as error:
            self._observe(Call(call.method, call.path, word(error), self._clock.monotonic() - began))
            raise
        self._observe(Call(call.method, call.path, OK, self._clock.monotonic() - began))

    async def _exchange(self, call: _Call, credentials: Mapping[str, str]) -> _Raw:
        """Send and receive. Raises TransientError, UnreadableError for a body over the limit."""
        try:
            request = httpx.Request(
                call.method,
                call.url,
                headers={**call.headers, **credentials},
                content=call.content or None,
                extensions={"timeout": self._timeout},
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            message = f"{call.method} {call.path}: the address cannot be called"
            raise RejectedError(message, hint="check base_url") from None
        kind = "write" if call.write else "read"
        self._counts[kind] += 1
        sent_at = self._clock.now()
        try:
            response = await self._transport.handle_async_request(request)
            self._skew.learn(response.headers.get("date"), sent_at, self._clock.now())
            try:
                body = await self._body(call, response)
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError):
            self._counts[kind] -= 1
            message = f"{call.method} {call.path}: host unreachable"
            raise TransientError(message, sent=False, hint="host unreachable: check base_url") from None
        except httpx.UnsupportedProtocol:
            message = f"{call.method} {call.path}: the address cannot be called"
            raise RejectedError(message, hint="check base_url") from None
        except httpx.TimeoutException:
            message = f"{call.method} {call.path}: no answer in time"
            raise TransientError(message, hint=NO_ANSWER_HINT) from None
        except (httpx.TransportError, httpx.DecodingError):
            message = f"{call.method} {call.path}: the connection broke off"
            raise TransientError(message, hint=NO_ANSWER_HINT) from None
        return _Raw(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)

    async def _body(self, call: _Call, response: httpx.Response) -> bytes:
        response.request = httpx.Request(call.method, self._base)  # decoding errors want one; this one tells nothing
        chunks = bytearray()
        async for chunk in response.aiter_bytes():
            chunks += chunk
            if len(chunks) > self._body_bytes_max:
                message = f"{call.method} {call.path}: {response.status_code} answer over {self._body_bytes_max} bytes"
                raise UnreadableError(message, status=response.status_code)
        return bytes(chunks)

    def _learn(self, call: _Call, raw: _Raw, status: int, data: Any, slot: Slot) -> None:
        """Let the budget know what the headers say. Raises RateLimitedError on a 429."""
        limits = self._budget.read_limits(raw.headers, status)
        if limits is not None or status < SERVER_ERROR:
            slot.told(limits)  # a vendor that fails says nothing about its windows by not naming them
        if status == TOO_MANY:
            told_s = _retry_after(raw.headers)
            reset_s = limits.reset_in_s if limits is not None else None
            body_s = self._errors.wait_s(None if is_broken(data) else data)
            wait_s = next((s for s in (told_s, reset_s, body_s) if s is not None), self._budget.per_s)
            slot.refused(wait_s)
            message = f"{call.method} {call.path}: 429 too many requests"
            raise RateLimitedError(message, retry_after_s=wait_s)

    def _understand(self, call: _Call, raw: _Raw, status: int, data: Any) -> Answer:
        """The answer, or the error it stands for."""
        unparsed = is_broken(data)
        shown = None if unparsed else data
        if not self._errors.is_success(status, shown):
            code = self._errors.code(shown)
            failed = Failure(call.method, call.path, status, call.write, code, shown, raw.headers)
            error = self._errors.translate(failed)
            if isinstance(error, TransientError):
                error.retry_after_s = _retry_after(raw.headers) or 0.0
            raise error
        if unparsed:
            if _is_html(raw):
                raise self._broken(call, raw, "answered HTML, not JSON")
            if not call.lax:
                raise self._broken(call, raw, "broken JSON")
            data = raw.body.decode("utf-8", errors="replace")
        return Answer(raw.status, raw.headers, data, body_empty=not raw.body)

    def _broken(self, call: _Call, raw: _Raw, words: str) -> TransientError:
        hint = "check base_url: this may not be the API" if "HTML" in words else ""
        return TransientError(f"{call.method} {call.path}: {raw.status} {words}", status=raw.status, hint=hint)


def _again(error: BaseException, *, repeat: bool) -> bool:
    if isinstance(error, OpenCircuitError):
        return False
    if isinstance(error, TransientError):
        return repeat and error.retry_after_s <= RETRY_AFTER_S_MAX
    return isinstance(error, RateLimitedError)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of ``Retry-After``; the date form is rare and left to the reset header."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _is_html(raw: _Raw) -> bool:
    return "html" in raw.headers.get("content-type", "") or raw.body.lstrip()[:1] == b"<"
