"""The wire between syncd and the sandboxes: where faults happen, processes die and people get in between.

Everything that reaches a vendor passes here, so this is also where each write is looked at (`trouble`).
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl, unquote

import httpx
import orjson

from syncd.sandbox.base import Ask
from syncd.sandbox.inprocess import SandboxTransport
from tests.simulation.process import Life
from tests.simulation.trouble import Trouble


class Wire(httpx.AsyncBaseTransport):
    """One process's connection to one account."""

    def __init__(self, account: str, trouble: Trouble, life: Life) -> None:
        self._account, self._trouble, self._life = account, trouble, life
        self._inner = SandboxTransport({f"{account}.sandbox": trouble.world.sandboxes[account]})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request there and its answer back."""
        trouble = self._trouble
        sent = trouble.world.traits[self._account].understand(_asked(request, await request.aread()))
        trouble.place = sent
        self._life.boundary(f"before {sent.kind}")
        await asyncio.sleep(trouble.latency_s())
        self._life.check()
        trouble.race(sent, before=True)
        before = trouble.look(sent)
        moment = trouble.world.ledger.seq
        response: httpx.Response | None = None
        try:
            response = await self._inner.handle_async_request(request)
        finally:
            if sent.write:
                trouble.judge(sent, before)
        trouble.place = sent
        self._life.boundary(f"after {sent.kind}")
        await asyncio.sleep(trouble.latency_s())
        self._life.check()
        if sent.single and response.status_code == httpx.codes.OK and _whole(await response.aread()):
            trouble.seen_at[self._account, sent.lead] = moment
        trouble.race(sent, before=False)
        return response


def _asked(request: httpx.Request, body: bytes) -> Ask:
    """A request as a sandbox gets it."""
    return Ask(
        method=request.method,
        path=unquote(request.url.raw_path.partition(b"?")[0].decode("ascii")),
        query=parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )


def _whole(body: bytes) -> bool:
    """Whether an answer arrived in one piece."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
