"""Sandboxes without sockets: an httpx transport that hands requests straight to them.

For simulations on virtual time, where a real socket would be the only thing that takes real time.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import httpx

from syncd.sandbox.base import Ask, DroppedError, SandboxVendor


class SandboxTransport(httpx.AsyncBaseTransport):
    """Answers for every host it knows; any other host is unreachable."""

    def __init__(self, hosts: Mapping[str, SandboxVendor]) -> None:
        """``hosts``: host name → sandbox (``http://cinc.sandbox`` + its prefix is then a base_url)."""
        self._hosts = hosts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request. Raises httpx.ConnectError for an unknown host, httpx.ReadError where the sandbox drops it."""
        sandbox = self._hosts.get(request.url.host)
        if sandbox is None:
            raise httpx.ConnectError("unknown host")
        ask = Ask(
            method=request.method,
            path=unquote(request.url.raw_path.partition(b"?")[0].decode("ascii")),
            query=parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.aread(),
        )
        try:
            reply = await sandbox.answer(ask)
        except DroppedError:
            raise httpx.ReadError("dropped") from None
        content = reply.encoded()
        headers = {**reply.headers, "content-type": reply.content_type, "content-length": str(len(content))}
        return httpx.Response(reply.status, headers=headers, stream=httpx.ByteStream(content))
