"""Real connections to a vendor: at most 8, proxies of the environment respected."""

from __future__ import annotations

import urllib.request
from urllib.parse import urlsplit

import httpx

CONNECTIONS_MAX = 8
KEEPALIVE_S = 4.0
"""Below the 5 s after which common servers drop an idle connection, so that a write does not meet a dead one."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def open_transport(base_url: str) -> httpx.AsyncBaseTransport:
    """Connections for calls to ``base_url``."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    proxy = None
    if host not in LOOPBACK and not urllib.request.proxy_bypass(host):
        proxy = urllib.request.getproxies().get(parts.scheme)
    return httpx.AsyncHTTPTransport(
        verify=parts.scheme == "https",  # building a TLS context takes tens of milliseconds
        proxy=proxy,
        limits=httpx.Limits(
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=CONNECTIONS_MAX,
            keepalive_expiry=KEEPALIVE_S,
        ),
    )
