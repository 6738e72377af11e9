"""The loopback listener that a browser is sent to at the end of a consent, and the reading of pasted addresses.

It answers one path, takes one code, and is gone. Nothing of an address is ever printed: it holds the code.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from syncd.domain.errors import SyncdError, UsageError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
WAIT_S = 600.0
HEAD_BYTES_MAX = 16 * 1024
PAGE = "<!doctype html><html><head><meta charset=utf-8><title>syncd</title></head><body><p>{}</p></body></html>"
AGAIN = "run `syncd auth login` once more"


@dataclass(frozen=True, slots=True)
class Returned:
    """What a redirect brought: the code, and every other parameter."""

    code: str = field(repr=False)
    more: Mapping[str, str] = field(repr=False)


def is_loopback(redirect: str) -> bool:
    """Whether we can listen where the browser is sent: plain http to this machine."""
    parts = urlsplit(redirect)
    return parts.scheme == "http" and (parts.hostname or "") in LOOPBACK


def read(query: str, state: str, *, echoes: bool) -> Returned:
    """The code in a redirect's query, once its state is right. Raises UsageError, SyncdError if consent was refused.

    echoes  whether a redirect without any state is refused too
    """
    found = dict(parse_qsl(query))
    if not found.keys() & {"code", "error"}:
        raise UsageError("there is no code in it", hint="paste the whole address that the browser was sent to")
    told = found.pop("state", "")
    if (told or echoes) and not hmac.compare_digest(told.encode(), state.encode()):
        raise UsageError("that is the end of another login: its state is not ours", hint=AGAIN)
    if "error" in found:
        word = "".join(char for char in found["error"][:40] if char.isalnum() or char in "_-")
        raise SyncdError(f"the vendor refused the consent ({word or 'no reason given'})", hint=AGAIN)
    return Returned(found.pop("code"), found)


def pasted(text: str, state: str, *, echoes: bool) -> Returned:
    """The same out of what a person pasted: the whole address, or what follows its question mark."""
    text = text.strip().strip("'\"<>")
    query = urlsplit(text).query if "://" in text or text.startswith("/") else text.removeprefix("?")
    return read(query, state, echoes=echoes)


async def listen(redirect: str, state: str, *, echoes: bool, ready: asyncio.Event | None = None) -> Returned:
    """Wait for the browser at ``redirect``. A wrong state is told to the browser and waited on.

    Raises OSError if the port cannot be had, SyncdError if consent is refused or nobody comes.
    """
    parts = urlsplit(redirect)
    done: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()

    def answer(target: str) -> tuple[int, str]:
        asked = urlsplit(target)
        if asked.path.rstrip("/") != parts.path.rstrip("/"):
            return 404, "There is nothing here."
        try:
            found = read(asked.query, state, echoes=echoes)
        except UsageError as error:
            return 400, f"{str(error).capitalize()}."
        except SyncdError as error:
            if not done.done():
                done.set_exception(error)
            return 400, f"{str(error).capitalize()}."
        if not done.done():
            done.set_result(found)
        return 200, "The login is on its way. You can close this window and go back to the terminal."

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            method, _, rest = head.partition(b" ")
            target = rest.partition(b" ")[0].decode("latin-1")
            status, words = answer(target) if method == b"GET" else (405, "Only GET.")
            body = PAGE.format(words).encode()
            lines = f"HTTP/1.1 {status} -\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{lines}Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # nobody who matters
        finally:
            writer.close()

    server = await asyncio.start_server(serve, parts.hostname, parts.port or 80, limit=HEAD_BYTES_MAX)
    async with server:
        if ready is not None:
            ready.set()
        try:
            found = await asyncio.wait_for(done, WAIT_S)
        except TimeoutError:
            raise SyncdError(f"nobody came back within {WAIT_S / 60:.0f} minutes", hint=AGAIN) from None
        await asyncio.sleep(0)  # the answer is on its way before the listener closes
        return found
